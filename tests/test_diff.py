"""Two runs side by side: the planted difference is the one that is named."""

import types
from pathlib import Path

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.inspection.lines import FILE


def net(x, w, twist=0.0, extra=False, other=False):
    h = np.tanh(x @ w)
    if extra:
        h = np.sqrt(h * h + 1.0)
    h = np.cos(h) if other else np.sin(h)
    return (h * (1.0 + twist)).sum()


def arrays(rng=0, dtype=np.float64):
    rng = np.random.default_rng(rng)
    return rng.standard_normal((5, 4)).astype(dtype), rng.standard_normal((4, 3)).astype(dtype)


def runs(**changed):
    return tg.diff(lambda x, w: net(x, w), lambda x, w: net(x, w, **changed), inputs=arrays())


def test_equal_runs():
    report = runs()
    assert not report
    assert report.first is None
    assert report.agreed == 0.0
    assert "no difference" in str(report)
    assert any(r.operation.startswith("gradient") for r in report)


def test_another_constant_is_named():
    report = runs(twist=1e-6)
    assert report
    assert (report.first.what, report.first.operation) == ("operand", "multiply")
    assert report.first.error == pytest.approx(1e-6, rel=1e-3)
    assert "return (h * (1.0 + twist)).sum()" in str(report)
    assert report.compared == 3


@pytest.mark.parametrize(
    ("changed", "what", "operation"), [("extra", "only in b", "multiply"), ("other", "only in a", "sin")]
)
def test_another_operation_is_named(changed, what, operation):
    report = runs(**{changed: True})
    assert (report.first.what, report.first.operation) == (what, operation)
    # The rest is aligned again.
    assert [r.operation for r in report if None not in r.numbers][-2:] == ["multiply", "sum"]


def test_float32_against_float64():
    a, b = (net(*[tg.Tensor(v, True) for v in arrays(dtype=d)]) for d in (np.float32, np.float64))
    assert not tg.diff(a, b)
    report = tg.diff(a, b, tolerance=1e-12)
    assert report.first.error < 1e-6
    assert report.first.what in ("operand", "value")


def test_parameters_that_moved_are_named():
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1))
    x = np.ones((2, 3), np.float32)
    before = model(x).sum()
    model[2].weight.data += 0.5
    report = tg.diff(before, model(x).sum())
    assert (report.first.what, report.first.numbers) == ("operand", (2, 2))
    assert report.agreed == 0.0


def test_rule_that_is_wrong_is_found_in_the_gradients():
    def wrong(g, y, x):
        return g * 1.01 * np.cos(x)

    sine = tg.op.elementwise(np.sin, wrong, name="sin", numpy=(), register=False)
    report = tg.diff(lambda x: (np.exp(np.sin(x))).sum(), lambda x: (np.exp(sine(x))).sum(), inputs=[np.ones(3)])
    assert report.first.what == "gradient"
    assert report.first.error == pytest.approx(0.01 / 1.01, rel=1e-6)


def test_gradients_after_backward():
    x = tg.Tensor(np.arange(1.0, 4.0), requires_grad=True)
    z = tg.Tensor(np.arange(1.0, 4.0), requires_grad=True)
    a, b = (x * x).sum(), (z * z).sum()
    a.backward(retain_graph=True)
    b.backward(2.0, retain_graph=True)
    report = tg.diff(a, b)
    assert (report.first.what, report.first.operation) == ("gradient", "gradient of sum")


def test_freed_graph_says_so():
    x = tg.Tensor(np.ones(10_000), requires_grad=True)
    a, b = np.sin(x).sum(), np.sin(x).sum()
    a.backward()
    assert "retain_graph=True" in str(tg.diff(a, b))


def test_nan_in_one_run_only():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    z = tg.Tensor([1.0, np.nan], requires_grad=True)
    assert tg.diff(np.sin(x).sum(), np.sin(z).sum()).first.error == np.inf
    assert not tg.diff(np.sin(z).sum(), np.sin(z).sum())


def test_bad_input():
    x = tg.Tensor(1.0, requires_grad=True)
    with pytest.raises(TypeError, match="give inputs="):
        tg.diff(np.sin, np.cos)
    with pytest.raises(TypeError, match="diff: run_b: takes a Tensor"):
        tg.diff(x * x, 3.0)
    with pytest.raises(TypeError, match="tolerance"):
        tg.diff(x * x, x * x, tolerance=-1)


def test_eager_against_compiled():
    report = tg.diff(net, tg.compile(net), inputs=arrays())
    assert not report
    assert [r.operation for r in report] == ["result 0", "gradient of input 0", "gradient of input 1"]
    assert "compiled code keeps no graph" in str(report)


def test_compiled_code_names_the_operation_inside():
    report = tg.diff(net, tg.compile(lambda x, w: net(x, w, twist=1e-3)), inputs=arrays())
    assert (report.first.what, report.first.operation) == ("value", "multiply")
    assert "return (h * (1.0 + twist)).sum()" in report.first.places[0]
    assert report.first.places[1].startswith("compiled code, line ")
    assert report.first.error == pytest.approx(1e-3 / 1.001, rel=1e-6)
    turned = tg.diff(tg.compile(lambda x, w: net(x, w, other=True)), net, inputs=arrays())
    assert turned.first.operation == "sin"
    assert turned.first.places[0].startswith("compiled code, line ")


@pytest.mark.parametrize("size", [5, 60_000])
@pytest.mark.parametrize(
    ("old", "what", "operation"),
    [("tanh", "value", "tanh"), ("exp", "value", "exp"), ("cos", "gradient", "gradient of exp")],
)
def test_an_operation_planted_in_compiled_code_is_named(size, old, what, operation):
    def f(x):
        h = np.tanh(x * 2.0)
        h = np.exp(h)
        return np.sin(h).sum()

    compiled = tg.compile(f)
    x = np.linspace(-1.0, 1.0, size)
    assert not tg.diff(f, compiled, inputs=[x])
    right = getattr(np, old)

    def wrong(a, out=None):
        y = right(a) * 1.01
        if out is None:
            return y
        out[...] = y
        return out

    entry = compiled._latest
    for space in spaces_of(entry):
        if old in space:
            space[old] = wrong
    report = tg.diff(f, compiled, inputs=[x])
    assert report.first.what == what
    assert report.first.operation == operation
    assert old in report.first.places[1]
    assert Path(__file__).name in report.first.places[0]


def spaces_of(entry):
    """Give the names that the compiled functions of an entry run with, and those of their loops."""
    seen, waiting = {}, [entry]
    while waiting:
        x = waiting.pop()
        if id(x) in seen or isinstance(x, np.ndarray | str | int | type):
            continue
        seen[id(x)] = x
        if isinstance(x, types.FunctionType):
            waiting += [c.cell_contents for c in x.__closure__ or ()]
            if x.__code__.co_filename == FILE:
                waiting += list(x.__globals__.values())
                yield x.__globals__
        elif isinstance(x, list | tuple):
            waiting += x
        elif isinstance(x, dict):
            waiting += x.values()
        elif hasattr(x, "__dict__"):
            waiting += vars(x).values()


def test_another_order_of_operands_is_no_difference():
    x, w = (tg.Tensor([1.0, 2.0], requires_grad=True, name=n) for n in "xw")
    z, v = (tg.Tensor([1.0, 2.0], requires_grad=True), tg.Tensor([1.0, 2.0], requires_grad=True))
    w.data += 2.0
    v.data += 2.0
    assert not tg.diff((x * 2.0).sum(), (2.0 * z).sum())
    assert not tg.diff(lambda a, b: (a * b + a).sum(), lambda a, b: (b * a + a).sum(), inputs=[x, w])
    assert tg.diff((x - w).sum(), (v - z).sum()).first.what == "operand"
    report = tg.diff((x * w).sum(), (v * (z + 1.0)).sum())
    assert (report.first.what, report.first.operation) == ("only in b", "add")


def loop(x, turns, y=1.1):
    for _ in range(turns):
        x = np.sin(x) * y
    return x.sum()


def test_a_longer_loop_parts_at_its_end():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    report = tg.diff(loop(x, 5), loop(x, 8))
    assert (report.first.what, report.first.operation, report.first.numbers) == ("only in b", "sin", (None, 10))
    assert report.compared == 10
    assert tg.diff(loop(x, 8), loop(x, 5)).first.numbers == (10, None)


def test_layers_inserted_and_nan_on_both_sides():
    first, last = nn.Linear(3, 4, dtype=float, rng=0), nn.Linear(4, 1, dtype=float, rng=1)
    plain, more = (
        nn.Sequential(first, nn.Tanh(), last),
        nn.Sequential(first, nn.LayerNorm(4, dtype=float), nn.Tanh(), last),
    )
    x = np.arange(6.0).reshape(2, 3)
    report = tg.diff(plain, more, inputs=[x])
    assert (report.first.what, report.first.operation) == ("only in b", "standardize")
    with np.errstate(invalid="ignore", divide="ignore"):
        assert not tg.diff(lambda t: np.log(t).sum(), lambda t: np.log(t).sum(), inputs=[x - 1.0])
        assert not tg.diff(lambda t: np.log(t).sum(), tg.compile(lambda t: np.log(t).sum()), inputs=[x - 1.0])


def test_epoch_1_against_epoch_50():
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1))
    model[0].weight.requires_grad = False  # frozen: the parting is behind it
    x, y = np.ones((2, 3), np.float32), np.zeros((2, 1), np.float32)
    first = nn.MSELoss()(model(x), y)
    step = tg.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(50):
        step.zero_grad()
        nn.MSELoss()(model(x), y).backward()
        step.step()
    report = tg.diff(first, nn.MSELoss()(model(x), y))
    assert (report.first.what, report.first.operation) == ("operand", "affine")
    assert report.first.detail.startswith("input 2")
