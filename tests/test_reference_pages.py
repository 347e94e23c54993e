"""The reference pages: every public name has an entry on exactly one of them, and a docstring with a first sentence."""

import ast
import importlib
import inspect
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tinygrad_nn.cli import COMMANDS
from tinygrad_nn.op import OPS, PLAIN
from tinygrad_nn.tensor import Tensor

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(REFERENCE.glob("*.md"))}

PUBLIC = [
    "tinygrad_nn",
    "tinygrad_nn.array_api",
    "tinygrad_nn.array_api.fft",
    "tinygrad_nn.array_api.linalg",
    "tinygrad_nn.check",
    "tinygrad_nn.compile",
    "tinygrad_nn.data",
    "tinygrad_nn.draw",
    "tinygrad_nn.estimators",
    "tinygrad_nn.inspection",
    "tinygrad_nn.mode",
    "tinygrad_nn.nn",
    "tinygrad_nn.nn.functional",
    "tinygrad_nn.nn.init",
    "tinygrad_nn.onnx",
    "tinygrad_nn.op",
    "tinygrad_nn.optim",
    "tinygrad_nn.optim.schedules",
    "tinygrad_nn.parallel",
    "tinygrad_nn.plots",
    "tinygrad_nn.save",
    "tinygrad_nn.symbol",
    "tinygrad_nn.tensor",
    "tinygrad_nn.train",
    "tinygrad_nn.transforms",
]
#: Packages that have an `__all__` for the engine's own use, with nothing in it for users.
INTERNAL = {"tinygrad_nn.compile.passes", "tinygrad_nn.ops"}


def entries(text):
    """Give (module, name) for each name that the `api` directives of a page list."""
    found = []
    for block in re.findall(r"^```\{eval-rst\}\n(.*?)^```$", text, re.M | re.S):
        head, _, rest = block.partition("\n")
        if module := re.fullmatch(r"\.\. api:: (\S+)", head):
            names = [line.strip().partition(": ")[0] for line in rest.splitlines() if line.strip()]
            found += [(module[1], name) for name in names if not name.startswith(":")]
    return found


def public_names(module):
    """Give the public names of a module: its `__all__` or, without one, the functions and classes that it defines."""
    listed = getattr(module, "__all__", None)
    return listed or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def things(modules):
    """Give every public name, with the thing that it stands for, once; a module says of itself what it has."""
    return {
        (name, id(value))
        for module in modules
        for name in public_names(module)
        if not inspect.ismodule(value := getattr(module, name))
    }


def load(name):
    return (
        pytest.importorskip("tinygrad_nn.estimators") if name.endswith("estimators") else importlib.import_module(name)
    )


LISTED = [entry for text in PAGES.values() for entry in entries(text)]


def test_public_modules_are_all_the_packages_there_are():
    packages = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "tinygrad_nn").rglob("__init__.py")
        if "__all__" in path.read_text(encoding="utf-8")
    }
    assert packages - set(PUBLIC) == INTERNAL


def test_every_public_name_has_one_entry():
    pytest.importorskip("sklearn")
    wanted = things(load(name) for name in PUBLIC)
    listed = Counter((name, id(getattr(load(module), name))) for module, name in LISTED)
    assert [name for name, _ in listed.keys() - wanted] == [], "documented, but not public"
    assert [name for name, _ in wanted - listed.keys()] == [], "list it in an `api` block of a page in docs/reference"
    assert [name for (name, _), n in listed.items() if n > 1] == [], "documented twice"


def test_a_name_goes_by_its_shortest_path():
    import tinygrad_nn

    short = set(tinygrad_nn.__all__)
    wrong = [
        f"{module}.{name}"
        for module, name in LISTED
        if name in short and module != "tinygrad_nn" and getattr(tinygrad_nn, name) is getattr(load(module), name)
    ]
    assert wrong == []


def data_docstrings(module):
    """Give the names that a module explains, in a comment ``#:`` right before or in a string right after."""
    source = inspect.getsource(module)
    for comment, name in re.findall(r"((?:^#:.*\n)+)^(\w+)\b.*=", source, re.M):
        yield name, re.sub(r"^#: ?", "", comment, flags=re.M).strip()
    for first, then in pairwise(ast.parse(source).body):
        targets = first.targets if isinstance(first, ast.Assign) else [getattr(first, "target", None)]
        if isinstance(then, ast.Expr) and isinstance(then.value, ast.Constant) and isinstance(then.value.value, str):
            yield from [(t.id, then.value.value) for t in targets if isinstance(t, ast.Name)]


#: The modules that hold the data of a package.
DATA = {
    "tinygrad_nn.op": ["tinygrad_nn.op"],
    "tinygrad_nn.parallel": ["tinygrad_nn.parallel.mpi", "tinygrad_nn.parallel.world"],
}


def docstring(module, name):
    """Give the docstring of an entry; of data, the string after the assignment; of dtypes and numbers, None."""
    value = getattr(load(module), name)
    if isinstance(value, type) or inspect.isroutine(value) or hasattr(value, "rules"):
        return value.__doc__ or ""
    if module == "tinygrad_nn.array_api":
        return None
    texts = {}
    for path in DATA[module]:
        texts |= dict(data_docstrings(importlib.import_module(path)))
    return texts.get(name, "")


@pytest.mark.parametrize("page", PAGES)
def test_entries_begin_with_one_sentence(page):
    faults = []
    for module, name in entries(PAGES[page]):
        text = docstring(module, name)
        if text is None or (module == "tinygrad_nn.array_api" and isinstance(getattr(load(module), name), type)):
            continue  # NumPy's dtypes, e, pi, nan, inf
        first = inspect.cleandoc(text).split("\n\n")[0]
        if not re.match(r"[^\W_].*[.:)]$", first, re.S):
            faults.append(f"{module}.{name}: {first!r}")
    assert faults == []


def test_entries_are_read_from_a_page():
    text = "```{eval-rst}\n.. api:: a.b\n   :members:\n\n   c\n   d: words\n```\n\n```{eval-rst}\n.. command:: x\n```\n"
    assert entries(text) == [("a.b", "c"), ("a.b", "d")]


def test_every_command_has_its_help():
    commands = [command.__name__.rpartition(".")[2] for command in COMMANDS]
    page = PAGES["command-line.md"]
    assert re.findall(r"^\.\. command:: ?(\w*)$", page, re.M) == ["", *commands]
    assert re.findall(r"^## (\w+)$", page, re.M) == commands


def test_array_methods_are_those_of_a_tensor():
    text = PAGES["tensor.md"].partition("## Array methods")[2].partition("\n## ")[0]
    recorded, _, plain = text.partition("These give plain arrays")
    recorded = recorded.partition("derivative of each.")[2]
    plain = plain.partition("Operators")[0]
    written = {name for kind in Tensor.__mro__ for name, f in vars(kind).items() if "<locals>" not in _place(f)}
    methods = {name for name in dir(Tensor(1.0)) if not name.startswith("_")} - written
    bare = {f.__name__ for f in PLAIN} - set(OPS)
    assert set(re.findall(r"`(\w+)`", recorded)) == methods - bare
    assert set(re.findall(r"`(\w+)`", plain)) == methods & bare


def _place(f):
    # A method that comes from the registry is kept on the class once it was used.
    return getattr(f, "__qualname__", "")


#: What reStructuredText reads as a substitution or a reference where it stands in prose.
MARKUP = re.compile(
    r"(?<![\w`|])\|[^\s|](?:[^|]*[^\s|])?\|(?!\w)"
    r"|(?<![\w`])[A-Za-z]\w*_(?=[\s,.;:)\"']|$)"
    r"|(?<![^\s'\"(\[{<:/-])\*\*?(?=[^\s*])"
)
EMPHASIS = re.compile(r"(?<!\S)\*\w[\w ]*\*(?![\w*])")


def stray(text):
    """Give what stands in the prose of a docstring and would be read as markup, code and examples left out."""
    prose = [p for p in inspect.cleandoc(text).split("\n\n") if not p.lstrip().startswith((">>>", "..."))]
    bare = "\n\n".join([p for p in prose if not p.startswith("    ")])
    bare = EMPHASIS.sub("", re.sub(r"``.*?``|`[^`]*`", "", bare, flags=re.S))
    return [m[0] for m in MARKUP.finditer(bare)]


@pytest.mark.parametrize("page", PAGES)
def test_prose_of_docstrings_is_no_markup(page):
    faults = {}
    for module, name in entries(PAGES[page]):
        thing = getattr(load(module), name)
        texts = {f"{module}.{name}": docstring(module, name) or ""}
        if isinstance(thing, type) and thing.__module__.startswith("tinygrad_nn"):
            for attribute, value in vars(thing).items():
                if not attribute.startswith("_") and isinstance(doc := getattr(value, "__doc__", None), str):
                    texts[f"{module}.{name}.{attribute}"] = doc
        faults |= {where: found for where, text in texts.items() if (found := stray(text))}
    assert faults == {}, "put it between double backquotes"


@pytest.mark.parametrize(
    "text", ["The mean of |g|.", "Max |a - b| of all.", "As in val_ only.", "Takes **options.", "The rest of *args."]
)
def test_markup_is_found(text):
    assert len(stray(text)) == 1


@pytest.mark.parametrize(
    "text", ["``|g|`` and `val_` and a * b, 2**n, t_1, x|y", "Say.\n\n>>> |x| *a\n", "a | b | c", "It is *so* said."]
)
def test_prose_is_left_alone(text):
    assert stray(text) == []
