"""Hold the order of the layers: read the imports of every module and compare them with the table below."""

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "tinygrad_nn"
MAX_LINES = 400

# One row per layer, the lowest first. A name is a module or a folder of the package; `__init__` is the package's own.
# A module imports from lower rows, and from its own row only what lies in its own folder. The lowest row is for small
# helpers that import nothing of the package.
LAYERS = """
    collector errors convert files malloc mode own tree
    op
    symbol
    ops
    walk
    record
    numpy_like
    tensor
    array_api transforms
    check draw
    nn
    optim data save
    compile
    inspection
    plots
    onnx parallel
    train
    __init__
    estimators
    cli
    __main__
"""

# Import names that differ from the name of the distribution in pyproject.toml.
DISTRIBUTIONS = {"sklearn": "scikit-learn"}

Sources = Mapping[str, str]  # dotted module name -> text; a folder's __init__ is "tinygrad_nn.folder.__init__"


def rows_of(table: str) -> dict[str, int]:
    rows: dict[str, int] = {}
    for number, line in enumerate(table.split("\n")):
        for name in line.split():
            assert name not in rows, f"{name} stands twice in LAYERS"
            rows[name] = number
    return rows


def sources_of(package: Path) -> dict[str, str]:
    return {
        ".".join((PACKAGE, *path.relative_to(package).with_suffix("").parts)): path.read_text(encoding="utf-8")
        for path in sorted(package.rglob("*.py"))
    }


def unit(module: str) -> str:
    """Return the name that stands in LAYERS for a module: its file or, in a folder, the folder."""
    return module.split(".")[1]


def is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def nodes(tree: ast.AST, into_functions: bool = True) -> Iterator[ast.AST]:
    """Walk the tree without the bodies of `if TYPE_CHECKING:` and, if asked, without those of functions."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and is_type_checking(node.test):
            waiting += node.orelse
        elif into_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def imported(module: str, source: str, into_functions: bool = True) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield (line, absolute module, names taken from it) for each import, also `import_module` with a fixed name."""
    for node in nodes(ast.parse(source), into_functions):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ()
        elif isinstance(node, ast.ImportFrom):
            folder = module.split(".")[: -node.level] if node.level else []
            yield node.lineno, ".".join([*folder, *filter(None, [node.module])]), tuple(a.name for a in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            target = node.args[0].value
            if called in ("import_module", "__import__") and isinstance(target, str):
                dots = len(target) - len(target.lstrip("."))
                folder = module.split(".")[:-dots] if dots else []
                yield node.lineno, ".".join([*folder, *filter(None, [target.lstrip(".")])]), ()


def edges(sources: Sources) -> list[tuple[str, int, str]]:
    """Return (importing module, line, imported module) for each import within the package."""
    found = []
    for module, source in sources.items():
        for line, target, names in imported(module, source):
            if target.split(".")[0] != PACKAGE:
                continue
            for name in names or ("",):
                # `from package.folder import name`: a module of the folder, or something that its __init__ holds.
                candidates = [f"{target}.{name}.__init__", f"{target}.{name}"] if name else []
                candidates += [f"{target}.__init__", target]
                found.append((module, line, next((c for c in candidates if c in sources), target)))
    return found


def layer_faults(sources: Sources, table: str = LAYERS) -> list[str]:
    rows = rows_of(table)
    faults = [
        f"{module}: unknown to the layers; add {unit(module)!r} to its row of LAYERS in tests/{Path(__file__).name}"
        for module in sources
        if unit(module) not in rows
    ]
    for module, line, target in edges(sources):
        if target not in sources:
            faults.append(f"{module}:{line} imports {target}, which does not exist")
        elif (here := unit(module)) in rows and (there := unit(target)) in rows and here != there:
            if rows[there] == rows[here]:
                faults.append(f"{module}:{line} imports {target} from its own layer; only its own folder may be used")
            elif rows[there] > rows[here]:
                faults.append(f"{module}:{line} imports {target} from a higher layer")
    return faults


def links_of(sources: Sources) -> dict[str, set[str]]:
    """Return the modules that each module imports."""
    links: dict[str, set[str]] = {}
    for module, _, target in edges(sources):
        links.setdefault(module, set()).add(target)
    return links


def reached(links: Mapping[str, set[str]], start: str) -> set[str]:
    """Return the modules that one module imports, directly or through others."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in links.get(waiting.pop(), set()) - seen:
            seen.add(target)
            waiting.append(target)
    return seen


def cycle_faults(sources: Sources) -> list[str]:
    links = links_of(sources)
    return [f"{module}: imports itself through others" for module in sources if module in reached(links, module)]


def third_party(sources: Sources, into_functions: bool) -> Iterator[tuple[str, int, str]]:
    """Yield (module, line, distribution) for each import from outside the package and the standard library."""
    for module, source in sources.items():
        for line, target, _ in imported(module, source, into_functions):
            top = target.split(".")[0]
            if top != PACKAGE and top not in sys.stdlib_module_names:
                yield module, line, DISTRIBUTIONS.get(top, top)


def requirement_names(requirements: list[str]) -> set[str]:
    """Return the names of the distributions, without versions, extras and markers."""
    letters = [next((i for i, c in enumerate(r) if not (c.isalnum() or c in "-_.")), len(r)) for r in requirements]
    return {r[:end] for r, end in zip(requirements, letters, strict=True)}


SOURCES = sources_of(ROOT / PACKAGE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_package_was_read():
    assert {"__init__", "op", "ops", "walk", "tensor"} <= {unit(module) for module in SOURCES}


def test_modules_import_only_from_lower_layers():
    assert layer_faults(SOURCES) == []


def test_no_import_cycles():
    assert cycle_faults(SOURCES) == []


def test_ops_never_reach_tensor():
    ops, links = [module for module in SOURCES if unit(module) == "ops"], links_of(SOURCES)
    assert [module for module in ops if "tensor" in map(unit, reached(links, module))] == []


def test_modules_load_only_base_dependencies():
    base = requirement_names(PROJECT["dependencies"])
    # Estimators are classes of scikit-learn's; nothing loads the module but who asks for it by name.
    found = [x for x in third_party(SOURCES, into_functions=False) if x[0] != f"{PACKAGE}.estimators"]
    faults = [f"{m}:{line} {name}" for m, line, name in found if name not in base]
    assert faults == [], "an optional package is imported inside the function that needs it"


def test_what_functions_import_is_an_extra():
    extras = PROJECT["optional-dependencies"].values()
    declared = requirement_names([*PROJECT["dependencies"], *(r for extra in extras for r in extra)])
    faults = [f"{m}:{line} {name}" for m, line, name in third_party(SOURCES, True) if name not in declared]
    assert faults == [], "add it to an extra in pyproject.toml"


def test_files_are_short():
    texts = [p for p in (ROOT / PACKAGE).rglob("*") if p.suffix in {".py", ".js", ".css", ".html"}]
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in texts}
    assert {path: lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_public_modules_have_a_docstring():
    public = [m for m in SOURCES if not m.split(".")[-1].startswith("_") or m.endswith(("__init__", "__main__"))]
    assert [m for m in public if not ast.get_docstring(ast.parse(SOURCES[m]))] == []


# The checks above are themselves checked: each planted fault is found, and nothing is found where there is none.

SOUND = {
    "tinygrad_nn.__init__": "from tinygrad_nn.tensor import Tensor\nfrom tinygrad_nn import nn",
    "tinygrad_nn.op": "import numpy",
    "tinygrad_nn.ops.__init__": "from tinygrad_nn.ops import shape",
    "tinygrad_nn.ops.shape": "from ..op import Op",
    "tinygrad_nn.tensor": "import tinygrad_nn.ops.shape",
    "tinygrad_nn.check": "from .tensor import Tensor",
    "tinygrad_nn.draw.__init__": "from .dot import Drawing",
    "tinygrad_nn.draw.dot": "from .. import tensor\nfrom . import names",
    "tinygrad_nn.draw.names": "from __future__ import annotations",
    "tinygrad_nn.nn.__init__": "def f():\n    import scipy.special\n    from tinygrad_nn import check",
}

PLANTED = [
    ("op", "import tinygrad_nn.tensor", "a higher layer"),
    ("op", "import tinygrad_nn", "tinygrad_nn.__init__ from a higher layer"),
    ("op", "from tinygrad_nn import Tensor", "tinygrad_nn.__init__ from a higher layer"),
    ("op", "from . import tensor", "a higher layer"),
    ("op", "from .tensor import Tensor", "a higher layer"),
    ("ops.shape", "from ..tensor import Tensor", "a higher layer"),
    ("ops.shape", "from .. import op, tensor", "a higher layer"),
    ("ops.shape", "def f():\n    from tinygrad_nn import tensor", "a higher layer"),
    ("ops.shape", "class C:\n    async def f(self):\n        import tinygrad_nn.tensor", "a higher layer"),
    ("ops.shape", "try:\n    import x\nexcept ImportError:\n    from .. import tensor", "a higher layer"),
    ("ops.shape", "if TYPE_CHECKING:\n    pass\nelse:\n    from .. import tensor", "a higher layer"),
    ("ops.shape", "import importlib\nimportlib.import_module('tinygrad_nn.tensor')", "a higher layer"),
    ("ops.shape", "from importlib import import_module\nimport_module('..tensor', __package__)", "a higher layer"),
    ("check", "from tinygrad_nn.draw import dot", "its own layer"),
    ("check", "from tinygrad_nn.draw import Drawing", "its own layer"),
    ("draw.names", "import tinygrad_nn.nn.nowhere", "does not exist"),
    ("brand_new", "", "unknown to the layers"),
    ("brand.new", "", "unknown to the layers"),
]


def test_a_sound_package_has_no_faults():
    assert layer_faults(SOUND) == []
    assert cycle_faults(SOUND) == []


@pytest.mark.parametrize(("module", "source", "message"), PLANTED)
def test_planted_import_is_found(module, source, message):
    faults = layer_faults({**SOUND, f"{PACKAGE}.{module}": source})
    assert len(faults) == 1
    assert faults[0].startswith(f"{PACKAGE}.{module}")
    assert message in faults[0]


@pytest.mark.parametrize("test", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_imports_for_types_only_are_free(test):
    assert layer_faults({**SOUND, "tinygrad_nn.op": f"if {test}:\n    from tinygrad_nn.tensor import Tensor"}) == []


def test_planted_cycle_is_found():
    cyclic = {**SOUND, "tinygrad_nn.draw.names": "def f():\n    from .dot import Drawing"}
    assert [fault.split(":")[0] for fault in cycle_faults(cyclic)] == ["tinygrad_nn.draw.dot", "tinygrad_nn.draw.names"]


def test_planted_detour_to_tensor_is_found():
    detour = {**SOUND, "tinygrad_nn.op": "from tinygrad_nn import helper", "tinygrad_nn.helper": "from . import tensor"}
    assert "tinygrad_nn.tensor" in reached(links_of(detour), "tinygrad_nn.ops.shape")
    assert "tinygrad_nn.tensor" not in reached(links_of(SOUND), "tinygrad_nn.ops.shape")


def test_planted_optional_import_is_found():
    planted = {
        "tinygrad_nn.plots": "import numpy\nif True:\n    import sklearn.datasets\ndef f():\n    import jax.numpy"
    }
    assert {name for _, _, name in third_party(planted, into_functions=False)} == {"numpy", "scikit-learn"}
    assert {name for _, _, name in third_party(planted, into_functions=True)} == {"jax", "numpy", "scikit-learn"}


def test_requirement_names():
    given = ["numpy>=2.0", "scikit-learn ; python_version > '3'", "a_b[all]", "plain", "ruff==0.17.*"]
    assert requirement_names(given) == {"numpy", "scikit-learn", "a_b", "plain", "ruff"}
