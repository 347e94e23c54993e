"""The pages of the documentation: their blocks run, print what they show, and their links lead somewhere."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.op import NUMPY, OPS

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = [
    "how-a-derivative-is-found",
    "modes-and-transforms",
    "verification",
    "how-to/add-an-operation",
    "broadcast-lint",
    "compiler",
    "estimators",
    "training",
    "comparing-runs",
    "memory",
]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.fixture
def registry():
    """Take out again what a page declares."""
    ops, numpy = dict(OPS), dict(NUMPY)
    yield
    for table, before in ((OPS, ops), (NUMPY, numpy)):
        table.clear()
        table.update(before)


def blocks(text):
    return re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)


def failures(text, name):
    """Run the prompts of a page in order and give what went otherwise than shown."""
    test = doctest.DocTestParser().get_doctest("\n".join(blocks(text)), {}, name, name, 0)
    said = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    return "".join(said)


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_what_happens(page, registry):
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    shown = len(re.findall(r"^```(?:console|text)$", text, re.M))
    assert text.count("```") == 2 * (len(blocks(text)) + shown), "every block is run: mark it ```python (or console)"
    assert failures(text, page) == ""


def test_a_page_that_is_wrong_would_be_found():
    assert "Expected" in failures("```python\n>>> 1 + 1\n3\n\n```\n", "page")
    assert failures("```python\n>>> 1 + 1\n2\n\n```\n", "page") == ""


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        file = (DOCS / f"{page}.md").parent / path if path else DOCS / f"{page}.md"
        assert file.is_file(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


def test_table_of_transforms_names_what_there_is():
    text = (DOCS / "modes-and-transforms.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)\(", text, re.M)
    assert named == ["grad", "value_and_grad", "vjp", "jvp", "jacobian", "hessian", "hvp"]
    assert all(callable(getattr(tg, name)) for name in named)
    assert np.__version__ >= "2"
