"""Hold the DOT of a few graphs by files, and read what JSON, Mermaid and the table say."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from test_draw import HOSTILE, expression

import tinygrad_nn as tg
from tinygrad_nn.draw.mermaid import quote
from tinygrad_nn.draw.table import COLUMNS, plain

GOLDEN = Path(__file__).with_name("golden")
# In a program of its own, so that its lines have the same numbers whatever stands in this file.
EXAMPLES = {
    "expression": ("y = (a * b + c - a) / 2.0", {}),
    "expression_both": ("y = (a * b + c - a) / 2.0", {"direction": "both", "rankdir": "LR"}),
    "twice": ("y = a + a", {"direction": "backward", "theme": "dark"}),
    "loop": ("y = a\nfor i in range(9): y = np.sin(y * b)", {"fold": True, "show": ["saved", "views", "where"]}),
    "network": ("y = ((model(x) - 1.0) ** 2).mean()", {"direction": "both"}),
    "network_folded": ("y = ((model(x) - 1.0) ** 2).mean()", {"depth": 1, "color": "bytes"}),
}


def drawn(name):
    program, options = EXAMPLES[name]
    scope = {
        "np": np,
        "a": tg.Tensor(2.0, requires_grad=True),
        "b": tg.Tensor(-3.0, requires_grad=True),
        "c": tg.Tensor(10.0, requires_grad=True),
    }
    if "model" in program:
        scope["model"] = tg.nn.Sequential(tg.nn.Linear(3, 2), tg.nn.Tanh(), tg.nn.Linear(2, 2))
        for p in scope["model"].parameters():
            p.data = np.linspace(-1, 1, p.size, dtype=np.float32).reshape(p.shape)
        scope["x"] = tg.Tensor(np.arange(12.0, dtype=np.float32).reshape(4, 3))
    exec(compile(program, "example.py", "exec"), scope)
    return tg.draw(scope["y"], names={k: v for k, v in scope.items() if k != "np"}, **options)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_dot_is_that_of_the_file(name):
    # A change that is meant: python tests/test_draw_formats.py writes the files anew; look at the difference.
    assert drawn(name).source == (GOLDEN / f"{name}.dot").read_text(encoding="utf-8")


def test_json_holds_the_graph():
    leaves = expression()
    y = leaves[3]
    y.backward()
    drawing = tg.draw(y)
    data = json.loads(saved_text(drawing, "json"))
    assert data["results"] == ["n6"]
    assert data["freed"] is True
    nodes = {n["id"]: n for n in data["nodes"]}
    assert nodes["n0"] | {"where": None} == {
        "id": "n0", "kind": "parameter", "box": None, "title": "#0 leaves[0]", "text": ["() float64\n2.0", "grad 1.0"],
        "members": [0], "name": "leaves[0]", "operation": None, "operands": [], "shape": [], "dtype": "float64",
        "value": "2.0", "gradient": "1.0", "saved_bytes": None, "where": None,
    }  # fmt: skip
    assert nodes["n5"]["operands"] == ["a", "b"]
    assert nodes["n5"]["where"]["file"] == "test_draw.py"
    assert {"from": "n0", "to": "n5", "operand": 1, "count": 1, "next_round": False} in data["edges"]
    assert len(data["edges"]) == 7


def test_json_of_strange_numbers_is_json():
    a = tg.Tensor(np.array(np.inf), requires_grad=True)
    text = saved_text(tg.draw(a * np.nan), "json")
    assert json.loads(text, parse_constant=lambda c: pytest.fail(c))["nodes"][0]["value"] == "inf"


def saved_text(drawing, ending):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        drawing.save(f"{folder}/x.{ending}")
        return Path(folder, f"x.{ending}").read_text(encoding="utf-8")


def test_mermaid_has_nodes_edges_and_boxes():
    text = saved_text(drawn("network"), "mmd")
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "flowchart TB"
    assert lines.count("end") == sum(line.startswith("subgraph ") for line in lines) == 4
    assert 'subgraph box1 ["0 (Linear)"]' in lines
    assert 'n4 -->|"x"| n5' in lines
    assert any(line.startswith('n0(["#35;0 0.weight<br/>(2, 3) float32') for line in lines)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_are_data_in_mermaid(name):
    coded = quote(name)
    assert coded[0] == coded[-1] == '"'
    assert not re.search(r'["<>`{}\[\]|\\]', coded[1:-1].replace("<br/>", ""))
    w = tg.Tensor([1.0], requires_grad=True, name=name)
    text = saved_text(tg.draw(w * 2.0, title=name), "mmd")
    assert len([line for line in text.splitlines() if "-->" in line]) == 1


def test_the_table_has_every_node():
    a, _, _, y = expression()
    table = tg.table(y)
    assert [row["number"] for row in table] == list(range(7))
    assert list(table.rows[0]) == list(COLUMNS)
    assert table.rows[5] == {
        "number": 5, "name": "", "operation": "subtract", "operands": "#4, #0 a", "shape": (), "dtype": "float64",
        "value": "5.0", "gradient": "", "saved": 0,
    }  # fmt: skip
    lines = str(table).splitlines()
    assert len(lines) == 2 + 7 + 1
    assert lines[0].split() == list(COLUMNS)
    assert lines[-1] == "7 nodes, 4 of them operations; the rules read 24 B of saved values"
    y.backward()
    assert tg.table(y).rows[0]["gradient"] == "1.0"
    assert str(tg.draw(y)) == str(tg.table(y))
    assert a.grad == 1.0


def test_the_table_is_sorted_by_any_column():
    w = tg.Tensor(np.arange(6.0), requires_grad=True, name="w")
    x = tg.Tensor(5.0, requires_grad=True, name="b")
    y = (np.sin(w) * x).sum()
    for column in COLUMNS:
        forward = [row["number"] for row in tg.table(y, sort=column)]
        backward = [row["number"] for row in tg.table(y, sort=column, descending=True)]
        assert sorted(forward) == [0, 1, 2, 3, 4]
        assert backward == forward[::-1]
    assert [row["name"] for row in tg.table(y, sort="name")][-2:] == ["w", "y"]
    saved = [row["saved"] for row in tg.table(y, sort="saved", descending=True)]
    assert saved == [56, 48, 0, None, None]
    with pytest.raises(ValueError, match="unknown column 'size'; choose one of number, name"):
        tg.table(y, sort="size")


def test_what_an_operation_saves_includes_its_residual():
    def fn(x):
        return x * 2.0, (np.ones(10), [np.ones(5)])

    odd = tg.op.general(fn, lambda g, y, x, residual=None: g * 2.0, name="odd", residual=True, register=False)
    w = tg.Tensor(np.ones(100), requires_grad=True)
    assert tg.table(odd(w)).rows[-1]["saved"] == 120
    # Of a sum of many only how many they are is needed, of a product both factors.
    many = tg.op.linear(
        lambda *xs: sum(xs), lambda g, y, *xs: [g] * len(xs), name="many", variadic=True, register=False
    )
    assert many.keeps == (False, True)
    assert tg.table(many(w, w)).rows[-1]["saved"] == 1600
    own = tg.op.general(
        lambda *xs: xs[0] * xs[1], lambda g, y, *xs: [g * y, g * y], name="own", variadic=True, register=False
    )
    assert own.keeps == (True, False)
    assert tg.table(own(w, w)).rows[-1]["saved"] == 800
    assert tg.table(w * np.ones(100)).rows[-1]["saved"] == 1600


def test_nothing_in_a_table_moves_the_cursor():
    name = "a\x1b[31m\r\nb\u202ec\u2028d\te\x85f"
    w = tg.Tensor(1.0, requires_grad=True, name=name)
    text = str(tg.table(w * 2.0))
    assert len(text.splitlines()) == 5
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028]", text)
    assert plain(name) == "a␛[31m ↵b\\u202ec d e f"


def test_wide_characters_keep_the_columns():
    w = tg.Tensor(1.0, requires_grad=True, name="重み")
    v = tg.Tensor(1.0, requires_grad=True, name="abcd")
    lines = str(tg.table(w * v)).splitlines()
    assert lines[2].index("parameter") + 2 == lines[3].index("parameter")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for example in EXAMPLES:
        (GOLDEN / f"{example}.dot").write_text(drawn(example).source, encoding="utf-8")
