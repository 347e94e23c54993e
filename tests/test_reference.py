"""The reference page of the operations is written from the registry, and is today's."""

import importlib.util
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from tinygrad_nn.op import OPS

ROOT = Path(__file__).resolve().parents[1]
GENERATOR = ROOT / "docs" / "make_reference.py"
PAGE = ROOT / "docs" / "reference" / "ops.md"

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("scipy") is None, reason="the page has SciPy's functions too"),
    pytest.mark.skipif(not hasattr(np, "matvec"), reason="the page has functions that this NumPy lacks"),
]


@pytest.fixture(scope="module")
def generated():
    return runpy.run_path(str(GENERATOR))["page"]()


def test_page_is_current(generated):
    assert PAGE.read_text(encoding="utf-8") == generated, "run `make reference` and commit docs/reference/ops.md"


def test_every_operation_of_the_package_has_its_entry(generated):
    headings = re.findall(r"^### (\S+)$", generated, re.M)
    assert len(headings) == len(set(headings))
    rules = {op.name: next((r for r in op.rules if r is not None), op.fn) for op in OPS.values()}
    assert set(headings) == {name for name, f in rules.items() if (f.__module__ or "").startswith("tinygrad_nn.ops.")}


def test_conventions_at_kinks_are_those_of_the_rules(generated):
    table = generated.split("## Conventions at kinks")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", table.replace("`", ""), re.M))
    for op in OPS.values():
        if op.kinks:
            assert [words for names, words in rows.items() if op.name in names.split(", ")] == [op.kinks]
    assert "x**0 has derivative 0" in rows["float_power, power"]
    assert rows["arctan2, hypot, xlogy"] == "0 at (0, 0)"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("sin", ["`np.sin(x)` · elementwise", "- derivative in x: `g * cos(x)`"]),
        ("divide", ["- derivative in a: `g / b`", "- derivative in b: `-g * y / b`", "- domain: b ≠ 0"]),
        ("matmul", ["- derivative in a: `g @ b.T`", "- derivative in b: `a.T @ g`"]),
        ("maximum", ["- at kinks: a half each at ties"]),
        ("clip", ["`np.clip(a, a_min=, a_max=, min=, max=)` · composite"]),
        ("erf", ["- derivative in x: `g * (2 / sqrt(pi) * exp(-x * x))`"]),
    ],
)
def test_entry(generated, name, lines):
    entry = re.search(rf"^### {name}\n(.*?)(?=^##)", generated, re.M | re.S)
    for line in lines:
        assert line in entry[1]
