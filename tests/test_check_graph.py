"""check_graph: planted faults are named with operation, line, variable and diagnosis; right graphs pass."""

import re

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import GradientError, check_graph, nn
from tinygrad_nn.op import OPS
from tinygrad_nn.walk import GraphFreedError

RNG = np.random.default_rng(3)
X = RNG.normal(size=(3, 4))
W = RNG.normal(size=(4,))
M = RNG.normal(size=(4, 3))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


ELEMENTWISE = tg.op.elementwise
GENERAL = tg.op.general
MULTILINEAR = tg.op.multilinear
MIX = RNG.permutation(12)
spot = 1.0 + 0.002 * (np.arange(12).reshape(3, 4) == 5)

FAULTS = [
    ("scaled by a factor 1.0005", ELEMENTWISE, np.sin, [lambda g, y, x: g * np.cos(x) * 1.0005], [X]),
    ("scaled by a factor 2$", ELEMENTWISE, np.exp, [lambda g, y, x: 2.0 * g * y], [X]),
    ("scaled by a factor 1/2", ELEMENTWISE, np.square, [lambda g, y, x: g * x], [X]),
    ("the wrong sign", ELEMENTWISE, np.cos, [lambda g, y, x: g * np.sin(x)], [X]),
    ("scaled by a factor -2, with the wrong sign", ELEMENTWISE, np.cos, [lambda g, y, x: 2.0 * g * np.sin(x)], [X]),
    ("ignores the cotangent", ELEMENTWISE, np.sin, [lambda g, y, x: np.cos(x) + 0.0], [X]),
    ("square of the cotangent", ELEMENTWISE, np.sin, [lambda g, y, x: g * g * np.cos(x)], [X]),
    ("sign of the cotangent", ELEMENTWISE, np.sin, [lambda g, y, x: np.abs(g) * np.cos(x)], [X]),
    ("not linear in the cotangent", ELEMENTWISE, np.sin, [lambda g, y, x: (g + 1.0) * np.cos(x)], [X]),
    (
        r"only 1 of 12 elements is wrong: \(1, 1\) by a factor 1.002",
        *(ELEMENTWISE, np.sin, [lambda g, y, x: g * np.cos(x) * spot], [X]),
    ),
    ("reversed along axis 0", ELEMENTWISE, np.sin, [lambda g, y, x: (g * np.cos(x))[::-1]], [X]),
    ("shifted by 1 along axis 1", ELEMENTWISE, np.sin, [lambda g, y, x: np.roll(g * np.cos(x), 1, 1)], [X]),
    (
        "right numbers in the wrong places",
        *(ELEMENTWISE, np.sin, [lambda g, y, x: (g * np.cos(x)).ravel()[MIX].reshape(x.shape)], [X]),
    ),
    ("gives zero", ELEMENTWISE, np.sin, [lambda g, y, x: g * 0.0], [X]),
    ("lacks a factor x", ELEMENTWISE, np.square, [lambda g, y, x: 2.0 * g], [X]),
    ("lacks a factor y", ELEMENTWISE, np.exp, [lambda g, y, x: g], [X]),
    ("lacks a factor 1 - y\\*\\*2", ELEMENTWISE, np.tanh, [lambda g, y, x: g], [X]),
    ("off by .* g", ELEMENTWISE, np.sin, [lambda g, y, x: g * np.cos(x) + 0.25 * g], [X]),
    (
        "not summed over a broadcast axis 0 of the result: only index 0",
        *(ELEMENTWISE, np.multiply, [lambda g, y, a, b: g * b, lambda g, y, a, b: (g * a)[0]], [X, W]),
    ),
    (
        r"factor 1/3 \(a mean over 3 where a sum belongs",
        *(ELEMENTWISE, np.multiply, [lambda g, y, a, b: g * b, lambda g, y, a, b: np.mean(g * a, axis=0)], [X, W]),
    ),
    (
        r"input 1.*: it is the derivative in input 0",
        *(ELEMENTWISE, np.multiply, [lambda g, y, a, b: g * b, lambda g, y, a, b: g * b], [X, spot]),
    ),
    (
        "input 1.*: it is transposed",
        *(MULTILINEAR, np.matmul, [lambda g, y, a, b: g @ b.T, lambda g, y, a, b: (g.T @ a).reshape(b.shape)], [X, M]),
    ),
    ("no rule for this input", MULTILINEAR, np.matmul, [lambda g, y, a, b: g @ b.T, None], [X, M]),
    ("a sum along axis 1 is missing", GENERAL, softmax, [lambda g, y, x: g * y], [X]),
    ("the rule of input 0 fails: NameError", GENERAL, softmax, [lambda g, y, x: g * undefined], [X]),  # noqa: F821
    (
        r"the rule of input 0 gives a gradient of shape \(2, 4\) for an input of shape \(3, 4\)",
        *(GENERAL, softmax, [lambda g, y, x: g[:2]], [X]),
    ),
    (
        r"the rule of input 1 gives a gradient of shape \(3,\) for an input of shape \(3, 1\)",
        *(ELEMENTWISE, np.multiply, [lambda g, y, a, b: g * b, lambda g, y, a, b: (g * a)[:, 0]], [X, X[:, :1]]),
    ),
    (
        "not summed over a broadcast axis 1 of the result: only index 0",
        *(ELEMENTWISE, np.multiply, [lambda g, y, a, b: g * b, lambda g, y, a, b: (g * a)[:, :1]], [X, X[:, :1]]),
    ),
    (
        "not summed over a broadcast axis 0 of the result: only index 0",
        *(ELEMENTWISE, np.multiply, [lambda g, y, a, b: g * b, lambda g, y, a, b: (g * a)[0]], [W, np.array(2.5)]),
    ),
    (
        r"not summed over a broadcast axes \(0, 1\) of the result: only index 0",
        *(ELEMENTWISE, np.multiply, [lambda g, y, a, b: g * b, lambda g, y, a, b: (g * a)[0, 0]], [X, np.array(2.5)]),
    ),
    ("off by factors between", ELEMENTWISE, np.sin, [lambda g, y, x: g * np.cos(x * 1.1)], [X]),
]


@pytest.mark.parametrize(("words", "make", "fn", "rules", "values"), FAULTS, ids=[f[0] for f in FAULTS])
def test_planted_fault_is_named(words, make, fn, rules, values):
    op = make(fn, *rules, name="suspect", register=False)
    x = tg.Tensor(values[0], requires_grad=True)
    others = [tg.Tensor(v, requires_grad=True) for v in values[1:]]
    before = np.tanh(x) * 1.5
    suspicious = op(before, *others)
    with pytest.raises(GradientError, match=r"^check_graph: suspect \(suspicious\) at .*test_check_graph\.py:\d+") as e:
        check_graph((suspicious * 3.0).sum())
    assert [o.op.name for o in e.value.report.faulty] == ["suspect"]
    assert e.value.report.faulty[0].node is suspicious
    assert re.search(words, e.value.report.faulty[0].faults[0])


def test_what_is_said_of_a_single_number_fits_the_numbers_beside_it():
    cos = tg.op.elementwise(np.cos, lambda g, y, x: g * (0.25 - np.sin(x)), name="cosine", register=False)
    x = tg.Tensor(0.0, requires_grad=True)
    report = check_graph(cos(x) * 2.0, raise_error=False)
    assert "it is not 0, yet the result does not change with this input" in str(report)
    assert "reverse mode gives 0.25, differences give 0 (" in str(report)
    product = tg.op.elementwise(
        np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a + g * b, name="product", register=False
    )
    report = check_graph(
        product(tg.Tensor(1.5, requires_grad=True), tg.Tensor(2.0, requires_grad=True)) * 2.0, raise_error=False
    )
    assert "scaled by a factor 7/3" in str(report)
    report = check_graph(
        product(tg.Tensor(W, requires_grad=True), tg.Tensor(2.0, requires_grad=True)), raise_error=False
    )
    assert "gives another number than differences do" in str(report)


def test_values_that_occurred_decide():
    # Right for positive inputs, wrong for negative ones: found where those occur.
    op = tg.op.elementwise(np.absolute, lambda g, y, x: g * 1.0, name="half_right", register=False)
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    assert check_graph(op(x).sum()).passed
    x = tg.Tensor([1.0, -2.0], requires_grad=True)
    assert not check_graph(op(x).sum(), raise_error=False).passed


def test_a_network_passes():
    model = nn.Sequential(nn.Linear(64, 32, rng=0), nn.ReLU(), nn.Linear(32, 10, rng=1))
    x = RNG.normal(size=(16, 64)).astype(np.float32)
    loss = nn.functional.cross_entropy(model(x), RNG.integers(0, 10, 16))
    report = check_graph(loss)
    assert [o.op.name for o in report.operations][-1] == "cross_entropy"
    assert report.max_error < 1e-6
    assert report.max_error <= report.resolution < 1e-5
    loss.backward()  # nothing was changed or used up
    with pytest.raises(GraphFreedError, match="check_graph: this graph was freed"):
        check_graph(loss)


def test_nothing_recorded_is_an_error():
    with pytest.raises(ValueError, match="check_graph: nothing was recorded"):
        check_graph(tg.Tensor([1.0, 2.0]))


def test_kinks_are_reported_with_their_convention():
    x = tg.Tensor([0.0, 1.0, -1.0], requires_grad=True)
    report = check_graph(OPS["relu"](x).sum())
    assert report.passed
    assert "at a kink (0 at 0): relu" in str(report)


def test_a_fault_beside_a_kink_is_found():
    op = tg.op.elementwise(
        lambda x: np.maximum(x, 0.0), lambda g, y, x: g * (y > 0) * 1.0005, name="relu_ish", register=False
    )
    x = tg.Tensor([0.0, 1.0, -1.0, 0.0, 2.0], requires_grad=True)
    with pytest.raises(GradientError, match="relu_ish"):
        check_graph(op(x))


def test_results_that_are_not_finite_do_not_hide_the_rest():
    x = tg.Tensor([-1.0, 4.0, 0.0], requires_grad=True)
    with np.errstate(all="ignore"):
        y = np.sqrt(x)
    report = check_graph(y)
    assert "not finite everywhere" in str(report)
    op = tg.op.elementwise(np.sqrt, lambda g, y, x: g / y, name="wrong_sqrt", register=False)
    with np.errstate(all="ignore"):
        y = op(x)
    with pytest.raises(GradientError, match="wrong_sqrt"):
        check_graph(y)


def test_checkpoints_are_opened():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    report = check_graph(tg.checkpoint(lambda t: np.sin(t) * t)(x).sum())
    assert [o.op.name for o in report.operations][:2] == ["sin", "multiply"]
    assert "a checkpoint: its inside was run again, 2 operations, checked one by one" in str(report)


@pytest.mark.parametrize("deep", [False, True])
def test_a_fault_inside_a_checkpoint_is_named(deep):
    bad = tg.op.elementwise(np.sin, lambda g, y, x: -g * np.cos(x), name="bad", register=False)
    weight = tg.Tensor(X, requires_grad=True)
    f = tg.checkpoint(lambda t: np.exp(bad(t * weight)))
    y = (tg.checkpoint(lambda t: f(t) * 2.0) if deep else f)(tg.Tensor(X, requires_grad=True)).sum()
    with pytest.raises(
        GradientError, match=r"bad at .*test_check_graph.*return|bad at .*exp\(bad.*the wrong sign"
    ) as e:
        check_graph(y)
    assert [o.op.name for o in e.value.report.faulty] == ["bad"]
    with pytest.raises(GradientError, match="the operation at fault is bad"):
        tg.gradcheck(lambda x: f(x).sum(), X)


def test_a_checkpoint_that_cannot_be_run_again_is_named():
    draw = np.random.default_rng(0)
    y = tg.checkpoint(lambda t: t * draw.normal())(tg.Tensor(X, requires_grad=True))
    with pytest.raises(
        GradientError, match=r"its inside cannot be run again: RuntimeError: checkpoint: .*another value"
    ):
        check_graph(y)


def test_wrong_forward_rules_are_named():
    op = tg.op.general(
        softmax,
        lambda g, y, x: y * (g - np.sum(g * y, axis=-1, keepdims=True)),
        jvp=lambda ts, y, x: ts[0] * y,
        name="half_softmax",
        register=False,
    )
    with pytest.raises(GradientError, match=r"half_softmax.*forward and reverse mode differ"):
        check_graph(op(tg.Tensor(X, requires_grad=True)))
    not_linear = tg.op.linear(lambda x: x * 2.0 + 1.0, lambda g, y, x: 2.0 * g, name="affine_one", register=False)
    with pytest.raises(GradientError, match=r"affine_one.*forward and reverse mode differ"):
        check_graph(not_linear(tg.Tensor(X, requires_grad=True)))


def test_a_random_operation_is_named():
    draw = np.random.default_rng(0)
    op = tg.op.elementwise(lambda x: x * draw.normal(), lambda g, y, x: g, name="noise", register=False)
    with pytest.raises(GradientError, match=r"noise.*another value when it is run again"):
        check_graph(op(tg.Tensor(X, requires_grad=True)))


def test_several_results_in_a_container():
    x = tg.Tensor(X, requires_grad=True)
    assert len(check_graph({"a": np.sin(x), "b": [np.cos(x), 1.0]}).operations) == 2


def test_every_use_of_a_shared_tensor_is_checked():
    x = tg.Tensor(X, requires_grad=True)
    op = tg.op.elementwise(
        np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * 1.01 * a, name="product", register=False
    )
    with pytest.raises(GradientError, match=r"the rule of input 1 \(x\): it is scaled by a factor 1.01"):
        check_graph(op(x, x))
