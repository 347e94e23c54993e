"""The how-to pages: every cell and every command runs, and the tables of names name what there is."""

import contextlib
import doctest
import importlib
import io
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import cli, nn, optim
from tinygrad_nn.cli.chapters import parts, run
from tinygrad_nn.op import NUMPY, OPS

DOCS = Path(__file__).resolve().parents[1] / "docs" / "how-to"
#: Run by test_pages: it is written with prompts.
WITH_PROMPTS = "add-an-operation"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
BLOCK = re.compile(r"^```(\{code-cell\}|console|python)\n(.*?)^```$", re.M | re.S)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
#: What a cell or a command of a page needs beyond the base; docs builds have these.
NEEDS = {
    "draw-a-big-model": ["pygraphviz"],
    "train-on-your-own-csv": ["pandas", "matplotlib"],
    "use-several-processes": ["mpi4py", "threadpoolctl", "sklearn"],
    "save-and-resume": ["sklearn", "matplotlib"],
}
#: Commands that start something that does not end, or change the machine.
NOT_RUN = ("pip", "tensorboard")


@pytest.fixture
def registry():
    """Take out again what a page declares."""
    before = [(table, dict(table)) for table in (OPS, NUMPY)]
    yield
    for table, content in before:
        table.clear()
        table.update(content)


def commands(block):
    """Give the commands of a console block, each with the output that is shown."""
    found = re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.M)
    assert found[0] == "", "a console block begins with a prompt"
    return [entry.partition("\n")[::2] for entry in found[1:]]


def obey(command):
    """Run a command of a page and give what it prints."""
    words = shlex.split(command)
    if words[0] in ("python", "mpiexec") or words[:2] == ["tinygrad-nn", "launch"]:
        if words[0] == "tinygrad-nn":
            words[:1] = [sys.executable, "-m", "tinygrad_nn"]
        beside = shutil.which(words[0], path=str(Path(sys.executable).parent))
        words = [beside or words[0], *[sys.executable if word == "python" else word for word in words[1:]]]
        done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout
    assert words[0] == "tinygrad-nn"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = cli.main(words[1:])
    assert code in (0, 1), said.getvalue()
    return said.getvalue()


@pytest.mark.parametrize("page", [page for page in PAGES if page != WITH_PROMPTS])
def test_cells_and_commands_run(page, tmp_path, monkeypatch, registry):
    for module in NEEDS.get(page, []):
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("PYTHONPATH", str(DOCS.parents[1]))
    names = {"__name__": "__main__"}
    compare = doctest.OutputChecker().check_output
    for i, (kind, text) in enumerate(BLOCK.findall(PAGES[page])):
        if kind == "{code-cell}":
            run(text, names, f"{page}, block {i}")
        elif kind == "console":
            for command, shown in commands(text):
                if command.split()[0] in NOT_RUN:
                    continue
                said = obey(command)
                assert not shown or compare(shown, said, FLAGS), f"{command} says\n{said}"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_kind_that_is_tested(page):
    text = PAGES[page]
    toctree = text.count("```{toctree}")
    assert len(BLOCK.findall(text)) + toctree == text.count("```") / 2
    assert [p.text for p in parts(text) if p.kind == "code"] == [t for k, t in BLOCK.findall(text) if k[0] == "{"]
    assert page in (WITH_PROMPTS, "index") or text.startswith("---\nfile_format: mystnb\n")


def test_index_lists_every_page():
    index = PAGES["index"]
    for page in PAGES.keys() - {"index"}:
        assert f"({page}.md)" in index
        assert f"\n{page}\n" in index
    assert (DOCS.parent / "index.md").read_text(encoding="utf-8").count("how-to/index") >= 2


# Tables of names -----------------------------------------------------------------------------------------------------


def tensor():
    return tg.Tensor(np.eye(2), requires_grad=True)


MADE = {
    "t": tensor,
    "model": lambda: nn.Linear(2, 2, rng=0),
    "optimizer": lambda: optim.SGD([tensor()], lr=0.1),
    "schedule": lambda: optim.schedules.StepLR(optim.SGD([tensor()], lr=0.1), 1),
    "history": lambda: tg.History({"loss": [1.0]}),
}
OURS = {"tg": tg, "nn": nn, "F": nn.functional, "optim": optim, "np": np, "data": tg.data}
THEIRS = {
    "move-from-pytorch": (
        "torch",
        {
            "torch": "torch",
            "nn": "torch.nn",
            "F": "torch.nn.functional",
            "optim": "torch.optim",
            "t": "torch:Tensor",
            "model": "torch.nn:Module",
            "optimizer": "torch.optim:Optimizer",
            "scheduler": "torch.optim.lr_scheduler:LRScheduler",
        },
    ),
    "move-from-jax": ("jax", {"jax": "jax", "jnp": "jax.numpy"}),
    "move-from-keras": ("keras", {"keras": "keras", "layers": "keras.layers", "model": "keras:Model"}),
}
NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")


def rows(page):
    """Give (left, right) of every row of the tables of names: lists of the code in each cell."""
    found = []
    for line in PAGES[page].splitlines():
        cells = re.split(r"(?<!\\)\|", line)
        if line.startswith("| `") and len(cells) >= 5:
            found.append([re.findall(r"`([^`]+)`", cell) for cell in cells[1:3]])
    return found


def exists(code, roots):
    """Tell whether the dotted name that a piece of code begins with exists, in roots by their first word."""
    path = NAME.match(code)[0].split(".")
    if path[0] not in roots:
        return False
    found = roots[path[0]]
    for name in path[1:]:
        if not hasattr(found, name):
            try:
                found = importlib.import_module(f"{found.__name__}.{name}")
                continue
            except (ImportError, AttributeError):
                return False
        found = getattr(found, name)
    return True


def foreign(text):
    module, _, name = text.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


@pytest.mark.parametrize("page", THEIRS)
def test_every_name_of_ours_exists(page):
    roots = OURS | {name: make() for name, make in MADE.items()}
    table = rows(page)
    assert len(table) > 20
    named = [code for _, right in table for code in right]
    assert len(named) >= len(table) - 5
    assert [code for code in named if not exists(code, roots)] == []


@pytest.mark.parametrize("page", THEIRS)
def test_every_name_of_theirs_exists(page):
    module, roots = THEIRS[page]
    pytest.importorskip(module)
    roots = {name: foreign(text) for name, text in roots.items()}
    assert [code for left, _ in rows(page) for code in left if not exists(code, roots)] == []


@pytest.mark.parametrize("page", THEIRS)
def test_their_program_and_ours_give_the_same_numbers(page, tmp_path, monkeypatch):
    pytest.importorskip(THEIRS[page][0])
    monkeypatch.chdir(tmp_path)
    theirs, ours = {"__name__": "__main__"}, {"__name__": "__main__"}
    for i, (kind, text) in enumerate(BLOCK.findall(PAGES[page])):
        run(text, theirs if kind == "python" else ours, f"{page}, block {i}")
    np.testing.assert_allclose(np.asarray(ours["losses"], float), np.asarray(theirs["losses"], float), rtol=1e-4)
    assert len(ours["losses"]) > 5
    assert ours["losses"][-1] < 0.5 * ours["losses"][0]


def test_planted_names_are_found():
    roots = OURS | {"t": tensor()}
    assert exists("nn.Linear(2, 3)", roots)
    assert exists("t.T", roots)
    assert exists("optim.schedules.StepLR", roots)
    assert not exists("nn.Dense(2)", roots)
    assert not exists("t.view(2)", roots)
    assert not exists("nowhere.f", roots)
