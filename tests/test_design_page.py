"""The design page: its picture and tables are today's, and it mentions what there is."""

import html
import re
import runpy
from pathlib import Path

import pytest
from test_layers import LAYERS, SOURCES, edges, layer_faults, reached, unit
from test_pages import failures

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
PICTURE = (ROOT / "docs" / "images" / "layers.svg").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made():
    return runpy.run_path(str(ROOT / "docs" / "make_design.py"))


def bare(name):
    return name.removesuffix("/").removesuffix(".py")


def test_page_is_current(made):
    assert made["page"](PAGE) == PAGE, "run `make reference` and commit docs/design.md"


def test_blocks_give_what_the_page_says():
    assert ">>> " in PAGE
    assert failures(PAGE, "design") == ""


def test_table_is_that_of_the_layers():
    rows = re.findall(r"^\| (\d*) +\| `([^`]+)` \| (.+) \|$", PAGE.partition("<!-- end of layers -->")[0], re.M)
    there, layers = {unit(module) for module in SOURCES}, []
    for number, name, words in rows:
        layers += [[]] if number else []
        layers[-1].append(bare(name))
        assert len(words) > 10, f"{name} begins with no docstring"
    wanted = [[name for name in line.split() if name in there] for line in LAYERS.splitlines()]
    assert layers == [row for row in wanted if row]


def test_picture_is_current(made):
    titles = [html.unescape(title) for title in re.findall(r"<title>([^<]*)</title>", PICTURE)]
    nodes = re.findall(r"rank=same; (.*) \}$", made["source"](), re.M)
    arrows = re.findall(r'^  "(.+)" -> "(.+)"$', made["source"](), re.M)
    assert {t for t in titles if "->" not in t} - {"layers"} == {
        name for row in nodes for name in re.findall('"(.+?)"', row)
    }
    assert {t for t in titles if "->" in t} == {f"{a}->{b}" for a, b in arrows}, "run `make reference`"


def test_arrows_imply_every_import_and_nothing_else(made):
    arrows = made["imports"]()
    direct = {}
    for module, _, target in edges(SOURCES):
        if unit(module) != unit(target):
            direct.setdefault(unit(module), set()).add(unit(target))
    assert layer_faults(SOURCES) == []
    assert {name: reached(arrows, name) for name in direct} == {name: reached(direct, name) for name in direct}
    for name, others in arrows.items():
        for other in others:
            rest = {**arrows, name: others - {other}}
            assert other not in reached(rest, name), f"{name} -> {other} is implied by others"
