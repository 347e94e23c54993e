"""Two runs side by side: the planted difference is the one that is named."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn


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
    report = tg.diff(net, tg.compile(lambda x, w: net(x, w, twist=1e-3)), inputs=arrays())
    assert (report.first.what, report.first.operation) == ("value", "result 0")
