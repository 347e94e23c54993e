"""Read what the page of tg.explore holds: the words of each step, the boxes, the limits; hostile names stay data."""

import json
import re
import time
from html.parser import HTMLParser

import numpy as np
import pytest
from test_draw import HOSTILE

import tinygrad_nn as tg
from tinygrad_nn.draw.derivative import differentiate
from tinygrad_nn.draw.explore import page, page_data
from tinygrad_nn.draw.labels import visible
from tinygrad_nn.draw.names import find_names
from tinygrad_nn.draw.outline import LONG, SECTION, VISIBLE, Outline
from tinygrad_nn.draw.steps import tell
from tinygrad_nn.draw.trace import take


def trace_of(y):
    return take([y], find_names(1))


def story(y):
    trace = take([y], find_names(1))
    return tell(trace, differentiate(trace), set(range(len(trace.records))))


def said(step):
    return [text for _, text in step.lines]


def test_the_way_forward_and_back_in_words():
    a = tg.Tensor(2.0, requires_grad=True)
    b = tg.Tensor(3.0, requires_grad=True)
    y = a * b
    steps = story(y)
    assert [(s.record, s.phase) for s in steps] == [(2, "forward"), (2, "seed"), (2, "backward")]
    assert said(steps[0]) == ["forward: #2 y = multiply", "a * b = 2.0 * 3.0 = 6.0"]
    assert said(steps[1])[0] == "backward begins: grad of y = 1"
    assert said(steps[2]) == [
        "backward: #2 y = multiply",
        "it is the result, so its gradient is known: g = 1.0",
        "grad of a += g * b = 1.0 * 3.0 = 3.0",
        "grad of a is complete",
        "grad of b += g * a = 1.0 * 2.0 = 2.0",
        "grad of b is complete",
    ]
    assert steps[2].grads == [(0, "3.0"), (1, "2.0")]


def test_a_tensor_used_twice_waits_for_both_parts():
    a = tg.Tensor(3.0, requires_grad=True)
    h = a * 2.0
    y = h * h + a
    steps = {(s.record, s.phase): s for s in story(y)}
    add = said(steps[3, "backward"])
    assert "grad of a so far: 1.0  (1 of 2 parts; it must wait for the rest)" in add
    square = said(steps[2, "backward"])
    assert "grad of h so far: 6.0  (1 of 2 parts; it must wait for the rest)" in square
    assert "grad of h = 6.0 + 6.0 = 12.0: complete, all 2 parts are in" in square
    last = said(steps[1, "backward"])
    assert last[1] == "all 2 uses of h have sent their parts, so the gradient is complete: g = 12.0"
    assert "grad of a = 1.0 + 24.0 = 25.0: complete, all 2 parts are in" in last
    y.backward()
    assert a.grad == 25.0


def test_what_is_said_last_of_each_gradient_is_what_backward_gives():
    rng = np.random.default_rng(0)
    model = tg.nn.Sequential(tg.nn.Linear(4, 3, rng=rng), tg.nn.ReLU(), tg.nn.Linear(3, 1, rng=rng))
    x = tg.Tensor(rng.normal(size=(5, 4)).astype(np.float32))
    y = (model(x) ** 2).mean()
    trace = trace_of(y)
    steps = tell(trace, differentiate(trace), set(range(len(trace.records))))
    final = {}
    for s in steps:
        final.update(dict(s.grads))
    y.backward()
    after = {r.index: r.grad for r in trace_of(y).records if r.grad is not None}
    assert after.keys() == final.keys()
    for index, grad in after.items():
        assert final[index] == grad.text


def test_operations_are_written_as_expressions():
    w = tg.Tensor(np.ones((2, 3)), requires_grad=True)
    x = tg.Tensor(np.ones(3))
    y = np.tanh(w @ x - 1.0)[0] + w.sum(axis=1)[1]
    rules = [said(s)[1].split(" = ")[0].split(" =\n")[0] for s in story(y) if s.phase == "forward"]
    assert rules == ["w @ x", "#2 - 1.0", "tanh(#3)", "#4[0]", "sum(w, axis=1)", "#6[1]", "#5 + #7"]


def test_a_freed_graph_is_told_with_formulas():
    w = tg.Tensor(np.ones((100, 100)), requires_grad=True)
    y = (np.sin(w) * 3.0).sum()
    y.backward()
    text = "\n".join(t for s in story(y) for t in said(s))
    assert "grad of w += g * cos(w)  (the values are freed)" in text
    assert "freed large values" in page_data(trace_of(y), 100)["note"]


def test_nothing_is_told_of_where_no_gradient_flows():
    a = tg.Tensor(2.0, requires_grad=True)
    y = np.where(np.sign(a) > 0, a, 0.0) * tg.Tensor(3.0)
    steps = story(y)
    assert {t for s in steps for t, _ in s.grads} == {r for s in steps if s.phase != "forward" for r in [s.record]} | {
        0
    }


def test_large_graphs_are_put_into_boxes():
    rng = np.random.default_rng(0)
    y = tg.Tensor(0.5, requires_grad=True)
    for _ in range(1000):
        y = (np.sin, np.cos, np.tanh)[rng.integers(3)](y)
    trace = trace_of(y)
    outline = Outline(trace, set(range(1001)))
    kinds = [g.kind for g in outline.groups]
    assert kinds.count("section") > 800 // SECTION
    inside = [len(g.steps) for g in outline.groups]
    assert max(inside) <= LONG
    assert sorted(outline.home) == list(range(1001))
    visible_nodes = {
        next((b for b in outline.chain(home) if not outline.groups[b].open), -i) for i, home in outline.home.items()
    }
    assert len(visible_nodes) <= VISIBLE


def test_loops_have_a_box_for_each_round():
    w = tg.Tensor(1.1, requires_grad=True)
    s = tg.Tensor(0.5)
    for _ in range(300):
        s = np.tanh(s * w)
    trace = trace_of(s)
    outline = Outline(trace, set(range(len(trace.records))))
    titles = [g.title for g in outline.groups]
    assert "×299 rounds" in titles
    assert "round 7 of 299" in titles
    assert "rounds 1 to 50" in titles
    rounds = [g for g in outline.groups if g.kind == "round"]
    assert len(rounds) == 299
    assert all([kind for kind, _ in g.steps] == ["record", "record"] for g in rounds)


def test_many_leaves_of_one_operation_share_a_box():
    leaves = [tg.Tensor(float(i), requires_grad=True) for i in range(40)]
    y = np.stack(leaves).sum()
    outline = Outline(trace_of(y), set(range(42)))
    box = next(g for g in outline.groups if g.kind == "leaves")
    assert box.title == "40 leaves"
    assert not box.open
    assert box.leaves == list(range(40))


def test_the_limit_is_said():
    y = tg.Tensor(1.0, requires_grad=True)
    for _ in range(300):
        y = np.sqrt(y + 1.0)
    data = page_data(trace_of(y), 50)
    assert len(data["records"]) == 50
    assert data["note"].startswith("551 nodes left out (276 add, 275 sqrt); max_nodes=50 is the limit")
    assert {s[0] for s in data["steps"]} <= data["records"].keys()


class Reader(HTMLParser):
    """Collects the tags of a page and the text of its data."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.data, self._inside = [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._inside = tag == "script" and dict(attrs).get("type") == "application/json"
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.data += data


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_are_data(name):
    plain = Reader(page(trace_of(tg.Tensor(1.0, requires_grad=True) * 2.0), "title", "auto", 100))
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name=name)
    hostile = Reader(page(trace_of(w * 2.0), name, "auto", 100))
    assert hostile.tags == plain.tags
    assert json.loads(hostile.data)["records"]["0"]["name"] == visible(name)


def test_the_page_asks_for_nothing_from_elsewhere():
    text = page(trace_of(tg.Tensor(1.0, requires_grad=True) * 2.0), "title", "auto", 100)
    assert "default-src 'none'" in text
    addresses = set(re.findall(r"(?:https?:)?//[\w.]+[^\s\"']*", re.sub(r"^\s*//.*", "", text, flags=re.MULTILINE)))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function", text)


def test_writing(tmp_path):
    a = tg.Tensor(2.0, requires_grad=True)
    saved = tg.explore(a * a, tmp_path / "loss.html")
    assert (saved.format, saved.backend) == ("html", None)
    text = (tmp_path / "loss.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert tg.draw(a * a).save(tmp_path / "draw.html").format == "html"
    assert (tmp_path / "draw.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert a.grad is None


def test_bad_input_is_one_clear_error(tmp_path):
    a = tg.Tensor(2.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"explore: takes a Tensor .* got float"):
        tg.explore(1.0, tmp_path / "x.html")
    with pytest.raises(ValueError, match="max_nodes must be a positive whole number"):
        tg.explore(a, tmp_path / "x.html", max_nodes=True)
    with pytest.raises(ValueError, match="unknown theme 'sepia'; choose one of auto, light, dark"):
        tg.explore(a, tmp_path / "x.html", theme="sepia")
    with pytest.raises(tg.DrawingError, match="cannot write"):
        tg.explore(a, tmp_path / "none" / "x.html")
    assert list(tmp_path.iterdir()) == []


def test_C173_a_page_of_100_000_nodes_takes_seconds(tmp_path):
    w = tg.Tensor(0.5, requires_grad=True)
    y = w
    for i in np.random.default_rng(0).integers(0, 3, 100_000):
        y = (np.sin, np.cos, lambda z: z * w)[i](y)
    start = time.perf_counter()
    tg.explore(y, tmp_path / "large.html")
    assert time.perf_counter() - start < 20
    assert "nodes left out" in (tmp_path / "large.html").read_text()
