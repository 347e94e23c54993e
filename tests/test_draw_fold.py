"""Fold loops, blocks and modules, and compare what the boxes say with what was computed."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.draw.calls import next_number, note
from tinygrad_nn.draw.choose import choose
from tinygrad_nn.draw.fold import Part, Token, find_runs, fold_tokens
from tinygrad_nn.draw.names import find_names
from tinygrad_nn.draw.trace import take


def view_of(y, **options):
    return choose(take([y], find_names(1)), options.pop("max_nodes", 200), **options)


def letters(text):
    return [Token(c, [Part([i])]) for i, c in enumerate(text)]


def unfolded(tokens, text):
    """Write a folded sequence as the letters of its first round, in brackets with the number of rounds."""
    return [(text[p.members[0]], len(p.members), tuple(n for _, n in p.loops)) for t in tokens for p in t.parts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", [("a", 1, ()), ("b", 1, ()), ("c", 1, ())]),
        ("aab", [("a", 1, ()), ("a", 1, ()), ("b", 1, ())]),  # twice is no loop
        ("aaab", [("a", 3, (3,)), ("b", 1, ())]),
        ("xababab", [("x", 1, ()), ("a", 3, (3,)), ("b", 3, (3,))]),
        # The last round is whole; what is left over stands in front.
        ("ababababa", [("a", 1, ()), ("b", 4, (4,)), ("a", 4, (4,))]),
        ("aaabaaabaaab", [("a", 9, (3, 3)), ("b", 3, (3,))]),
    ],
)
def test_what_repeats_becomes_one(text, expected):
    assert unfolded(fold_tokens(letters(text)), text) == expected


def test_every_member_stays_exactly_once():
    rng = np.random.default_rng(0)
    for _ in range(200):
        text = "".join(rng.choice(list("ab"), size=int(rng.integers(1, 40))))
        tokens = fold_tokens(letters(text))
        parts = [p for t in tokens for p in t.parts]
        assert sorted(m for p in parts for m in p.members) == list(range(len(text)))
        for p in parts:
            assert len({text[m] for m in p.members}) == 1
            assert p.members == sorted(p.members)


def test_runs_are_found_by_what_they_save():
    assert find_runs("xxxxxxabcabcabcabc", 4) == [(0, 1, 6), (6, 3, 4)]
    assert find_runs("", 4) == []


def test_an_unrolled_loop_is_one_box_with_its_rounds():
    w = tg.Tensor(1.1, requires_grad=True)
    xs = tg.Tensor(np.ones(30), requires_grad=True)
    s = tg.Tensor(0.5)
    for i in range(30):
        s = np.tanh(s * w + xs[i])
    view = view_of(s, fold=True)
    (box,) = view.boxes.values()
    # The first round starts from a leaf, not from the round before: it stands alone.
    assert box.title == "×29 rounds, #7 to #122"
    inside = [item for item in view.items if item.box is not None]
    assert [view.record(item).op.name for item in inside] == ["multiply", "getitem", "add", "tanh"]
    assert [len(item.members) for item in inside] == [29] * 4
    carried = [(e.tail, e.head) for e in view.edges if e.carried]
    assert carried == [(inside[3].id, inside[0].id)]
    source = tg.draw(s, fold=True).source
    assert "×29 rounds" in source
    assert "#7 … #119 multiply" in source
    assert "first 1.0" in source
    assert "last 1.06" in source
    assert "into the next round" in source


def test_loops_in_loops():
    t = w = tg.Tensor(1.1, requires_grad=True)
    for _ in range(10):
        for _ in range(5):
            t = np.sin(t) * 2.0
        t = t + w
    view = view_of(t, fold=True)
    titles = [b.title.split(",")[0] for b in view.boxes.values()]
    assert titles == ["×4 rounds", "×9 rounds", "×5 rounds"]
    assert view.boxes["box2"].parent == "box1"
    assert len(view.items) == 9


def test_blocks_with_weights_of_their_own_fold_with_a_stack_of_weights():
    rng = np.random.default_rng(0)
    weights = [tg.Parameter(rng.normal(size=(4, 4))) for _ in range(6)]
    x = tg.Tensor(rng.normal(size=(2, 4)))
    for w in weights:
        x = np.tanh(x @ w)
    view = view_of(x, fold=True)
    stack = next(item for item in view.items if item.kind == "parameter" and len(item.members) > 1)
    # The first block takes a leaf, the others the block before.
    assert len(stack.members) == 5
    assert stack.box is not None
    assert "#1 … #5 weights[1] … weights[5]" in tg.draw(x, fold=True).source


def test_a_shared_weight_stays_outside_the_loop():
    w = tg.Parameter(2.0)
    x = tg.Tensor(1.0)
    for _ in range(8):
        x = x * w
    view = view_of(x, fold=True)
    leaf = next(item for item in view.items if item.kind == "parameter")
    assert leaf.box is None
    assert leaf.single


def test_a_weight_that_only_a_loop_uses_is_not_repeated_either():
    w = tg.Parameter(2.0)
    x = np.sin(tg.Tensor(1.0, requires_grad=True))
    for _ in range(8):
        x = x * w
    view = view_of(x, fold=True)
    (loop,) = [item for item in view.items if len(item.members) == 8]
    assert loop.box is not None
    leaf = next(item for item in view.items if item.kind == "parameter" and view.record(item).name == "w")
    assert leaf.box is None


def test_what_comes_from_the_round_before_is_told_apart():
    s = before = tg.Tensor(0.5, requires_grad=True)
    for _ in range(20):
        now = np.sin(s)
        s = np.cos(now) + before
        before = now
    view = view_of(s, fold=True)
    ids = {view.record(item).op.name: item.id for item in view.items if item.box is not None}
    carried = {(e.tail, e.head) for e in view.edges if e.carried}
    assert carried == {(ids["add"], ids["sin"]), (ids["sin"], ids["add"])}
    assert (ids["sin"], ids["cos"]) in {(e.tail, e.head) for e in view.edges if not e.carried}


def test_folding_is_for_large_graphs_unless_asked_for():
    x = tg.Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(50):
        y = np.sin(y)
    assert len(view_of(y).items) == 51
    assert len(view_of(y, fold=True).items) == 2 + 1
    assert len(view_of(y, max_nodes=40).items) == 3
    assert len(view_of(y, max_nodes=40, fold=False).items) == 41


def test_a_folded_picture_that_is_still_too_large_is_cut():
    rng = np.random.default_rng(0)
    y = tg.Tensor(0.5, requires_grad=True)
    for _ in range(4000):
        y = (np.sin, np.cos, np.tanh)[rng.integers(3)](y)
    view = view_of(y, max_nodes=50)
    assert len(view.items) == 51
    shown = {m for item in view.items for m in item.members if item.kind != "gap"}
    gap = next(item for item in view.items if item.kind == "gap")
    assert len(shown) + len(gap.members) == 4001
    assert int(gap.text.split()[0].replace(",", "")) == len(gap.members)
    assert {0, 4000} <= shown


class Linear:
    def __init__(self, n, rng):
        self.weight = tg.Parameter(rng.normal(size=(n, n)))
        self.bias = tg.Parameter(np.zeros(n))

    def __call__(self, x):
        start = next_number()
        y = x @ self.weight + self.bias
        note(start, self)
        return y


class Block:
    def __init__(self, n, rng):
        self.lin = Linear(n, rng)

    def __call__(self, x):
        start = next_number()
        y = x + np.tanh(self.lin(x))
        note(start, self)
        return y


class Model:
    def __init__(self, n, depth):
        rng = np.random.default_rng(0)
        self.blocks = [Block(n, rng) for _ in range(depth)]
        self.out = Linear(n, rng)

    def __call__(self, x):
        start = next_number()
        for block in self.blocks:
            x = block(x)
        y = self.out(x)
        note(start, self)
        return y

    def named_modules(self):
        yield "", self
        for i, block in enumerate(self.blocks):
            yield f"blocks.{i}", block
            yield f"blocks.{i}.lin", block.lin
        yield "out", self.out

    def named_parameters(self):
        for path, module in self.named_modules():
            if isinstance(module, Linear):
                yield f"{path}.weight", module.weight
                yield f"{path}.bias", module.bias


def test_modules_are_nested_boxes():
    model = Model(3, 2)
    x = tg.Tensor(np.ones((5, 3)))
    y = model(x).sum()
    view = view_of(y)
    titles = {b.id: b.title for b in view.boxes.values()}
    assert list(titles.values()) == [
        "model (Model)",
        "blocks.0 (Block)",
        "blocks.0.lin (Linear)",
        "blocks.1 (Block)",
        "blocks.1.lin (Linear)",
        "out (Linear)",
    ]
    parents = {titles[b.id]: titles.get(b.parent) for b in view.boxes.values()}
    assert parents["blocks.0.lin (Linear)"] == "blocks.0 (Block)"
    assert parents["blocks.1 (Block)"] == "model (Model)"
    boxes = {view.record(item).name or view.record(item).title: titles.get(item.box) for item in view.items}
    assert boxes["blocks.1.lin.weight"] == "blocks.1.lin (Linear)"
    assert boxes["x"] is None  # an input is no part of the module that takes it
    assert boxes["y"] is None
    source = tg.draw(y).source
    for title in titles.values():
        assert f'label="{title}"' in source
    assert source.count("subgraph cluster_box") == 6


@pytest.mark.parametrize(("depth", "nodes"), [(0, 1), (1, 3), (2, 10)])
def test_depth_folds_modules(depth, nodes):
    model = Model(3, 2)
    x = tg.Tensor(np.ones((5, 3)))
    y = model(x).sum()
    view = view_of(y, depth=depth)
    inside = [item for item in view.items if item.kind == "module" or item.box is not None]
    assert len(inside) == nodes
    assert {e.tail for e in view.edges} | {e.head for e in view.edges} == {item.id for item in view.items}
    source = tg.draw(y, depth=depth).source
    types = "(5, 3) float64 → (5, 3) float64"
    if depth == 0:
        assert f"model (Model)|{types}\\n3 matmul, 5 add, 2 tanh\\n6 parameters, 36 numbers" in source
    if depth == 1:
        assert f"blocks.1 (Block)|{types}\\nmatmul, 2 add, tanh\\n2 parameters, 12 numbers" in source


def test_repeated_modules_fold():
    model = Model(3, 12)
    x = tg.Tensor(np.ones((5, 3)))
    y = model(x).sum()
    whole = view_of(y, fold=True)
    loop = next(b for b in whole.boxes.values() if b.kind == "loop")
    assert loop.title.startswith("×11 rounds")
    assert whole.boxes[loop.parent].title == "model (Model)"
    assert "blocks.1 (Block) … blocks.11 (Block)" in [b.title for b in whole.boxes.values()]
    short = view_of(y, fold=True, depth=1)
    folded = next(item for item in short.items if item.kind == "module" and item.rounds > 1)
    assert folded.text.startswith("blocks.1 (Block) … blocks.11 (Block)\n")
    assert any(e.carried for e in short.edges if e.tail == e.head == folded.id)


def test_a_module_called_twice_has_two_boxes():
    rng = np.random.default_rng(0)
    layer = Linear(3, rng)
    x = tg.Tensor(np.ones((5, 3)))
    view = view_of(layer(layer(x)).sum())
    assert [b.title for b in view.boxes.values()] == ["Linear", "Linear"]
    # What both use stands in neither.
    assert [item.box for item in view.items if item.kind == "parameter"] == [None, None]


def test_calls_in_another_thread_make_no_boxes_here():
    from threading import Thread

    rng = np.random.default_rng(0)
    layer = Linear(3, rng)
    made = []
    thread = Thread(target=lambda: made.append(layer(tg.Tensor(np.ones((5, 3)))).sum()))
    thread.start()
    thread.join()
    assert view_of(made[0]).boxes == {}


def test_the_modules_of_the_package_make_boxes():
    model = tg.nn.Sequential(tg.nn.Linear(4, 3, rng=0), tg.nn.ReLU(), tg.nn.Linear(3, 2, rng=1))
    y = model(tg.Tensor(np.ones((5, 4), np.float32))).sum()
    source = tg.draw(y).source
    for title in ("model (Sequential)", "0 (Linear)", "1 (ReLU)", "2 (Linear)"):
        assert f'label="{title}"' in source
    assert "#0 0.weight" in source


@pytest.mark.parametrize("name", ["\r\n", "\n\n\n", "a\nb", "x" * 20_000, "]]>", "{|}<i0>"], ids=range(6))
def test_hostile_names_of_modules_are_titles_of_one_line(name):
    from tinygrad_nn.draw.render import available

    class Hostile(nn.Module):
        def __init__(self):
            super().__init__()
            setattr(self, name, nn.Linear(2, 2, rng=0))

        def forward(self, x):
            return getattr(self, name)(x)

    Hostile.__name__ = name
    model = Hostile()
    y = model(np.ones((3, 2), np.float32)).sum()
    for depth in (None, 0, 1):
        picture = tg.draw(y, names=model, depth=depth, direction="both")
        assert len(picture.source) < 20_000
        if available():
            ElementTree.fromstring(picture.svg())
