"""Faults in operations that a user declares are named: each family, forward and reverse, anywhere in a graph."""

import re

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import GradientError, check_graph, gradcheck, nn

RNG = np.random.default_rng(5)
X = RNG.normal(size=(3, 4))
M = RNG.normal(size=(4, 2))


def own(make, fn, *rules, **options):
    return make(fn, *rules, name="own", register=False, **options)


def leaf(a):
    return tg.Tensor(a, requires_grad=True)


def softmax(x, axis=-1):
    e = np.exp(x)
    return e / np.sum(e, axis=axis, keepdims=True)


def pull_softmax(g, y, x, axis=-1):
    return y * (g - np.sum(g * y, axis=axis, keepdims=True))


def push_softmax(ts, y, x, axis=-1):
    return y * (ts[0] - np.sum(ts[0] * y, axis=axis, keepdims=True))


def leaky(factor):
    return own(
        tg.op.elementwise,
        lambda x, slope=0.1: np.where(x > 0, x, slope * x),
        lambda g, y, x, slope=0.1: g * np.where(x > 0, 1.0, slope * factor),
    )


RIGHT = {
    "elementwise": (leaky(1.0), [X], {"slope": 0.3}),
    "linear": (
        own(
            tg.op.linear,
            lambda x, axis=0: np.sum(x, axis=axis),
            lambda g, y, x, axis=0: np.broadcast_to(np.expand_dims(g, axis), x.shape),
        ),
        [X],
        {"axis": 1},
    ),
    "multilinear": (
        own(
            tg.op.multilinear,
            lambda a, b, scale=1.0: scale * (a @ b),
            lambda g, y, a, b, scale=1.0: scale * (g @ b.T),
            lambda g, y, a, b, scale=1.0: scale * (a.T @ g),
        ),
        [X, M],
        {"scale": 0.5},
    ),
    "general": (own(tg.op.general, softmax, pull_softmax), [X], {"axis": 0}),
    "general with jvp": (own(tg.op.general, softmax, pull_softmax, jvp=push_softmax), [X], {"axis": 0}),
    "no rule for what has no derivative": (
        own(tg.op.elementwise, lambda x, k: x * np.floor(k), lambda g, y, x, k: g * np.floor(k), None),
        [X, 3.0 * X],
        {},
    ),
}

WRONG = {
    "elementwise, one branch": (
        *(leaky(2.0), [X], {"slope": 0.3}),
        r"6 of 12 elements have a factor 2, those where the input is negative; the others are right",
    ),
    "linear, the axis is ignored": (
        own(
            tg.op.linear,
            lambda x, axis=0: np.sum(x, axis=axis),
            lambda g, y, x, axis=0: np.broadcast_to(g, x.shape),
        ),
        *([RNG.normal(size=(4, 4))], {"axis": 1}, "rule of input 0: it is transposed"),
    ),
    "linear, no linear function": (
        own(tg.op.linear, lambda x: x * 2.0 + 1.0, lambda g, y, x: 2.0 * g),
        *([X], {}, "forward and reverse mode differ: .*the forward rule is wrong"),
    ),
    "multilinear, second input": (
        own(
            tg.op.multilinear,
            lambda a, b: a @ b,
            lambda g, y, a, b: g @ b.T,
            lambda g, y, a, b: -(a.T @ g),
        ),
        *([X, M], {}, "rule of input 1: it has the wrong sign"),
    ),
    "general, jvp wrong, vjp right": (
        own(tg.op.general, softmax, pull_softmax, jvp=lambda ts, y, x, axis=-1: 2.0 * push_softmax(ts, y, x, axis)),
        *([X], {"axis": 0}, r"forward and reverse mode differ: .*\(a factor 2\): the forward rule is wrong"),
    ),
    "general, jvp ignores its parameter": (
        own(tg.op.general, softmax, pull_softmax, jvp=lambda ts, y, x, axis=-1: push_softmax(ts, y, x)),
        *([X], {"axis": 0}, "forward and reverse mode differ"),
    ),
    "general, vjp wrong, jvp right": (
        own(tg.op.general, softmax, lambda g, y, x, axis=-1: pull_softmax(g, y, x), jvp=push_softmax),
        *([X], {"axis": 0}, "the rule of input 0: "),
    ),
    "general, both wrong alike": (
        own(
            tg.op.general,
            softmax,
            lambda g, y, x, axis=-1: 2.0 * pull_softmax(g, y, x, axis),
            jvp=lambda ts, y, x, axis=-1: 2.0 * push_softmax(ts, y, x, axis),
        ),
        *([X], {"axis": 0}, "scaled by a factor 2"),
    ),
    "general, jvp fails": (
        own(tg.op.general, softmax, pull_softmax, jvp=lambda ts, y, x, axis=-1: undefined),  # noqa: F821
        *([X], {}, "its forward mode fails: NameError: name 'undefined'"),
    ),
    "general, jvp of another shape": (
        own(tg.op.general, softmax, pull_softmax, jvp=lambda ts, y, x, axis=-1: ts[0][:2]),
        *([X], {}, "its forward mode fails: ValueError"),
    ),
    "gives nan": (
        own(tg.op.elementwise, np.sin, lambda g, y, x: g * np.nan),
        *([X], {}, "gives nan everywhere, where the derivative is"),
    ),
    "gives nan somewhere": (
        own(tg.op.elementwise, np.sin, lambda g, y, x: g * np.cos(x) * np.where(x > 1.0, np.nan, 1.0)),
        *([X], {}, "gives nan in [12] of 12 elements, where the derivative is"),
    ),
    "gives a tuple": (
        own(tg.op.elementwise, np.sin, lambda g, y, x: (g * np.cos(x),)),
        *([X], {}, "the rule of input 0 gives tuple instead of an array"),
    ),
    "gives nothing": (
        own(tg.op.elementwise, np.sin, lambda g, y, x: None),
        *([X], {}, "the rule of input 0 gives NoneType instead of an array"),
    ),
    "writes into the cotangent": (
        own(tg.op.elementwise, np.sin, lambda g, y, x: np.multiply(g, np.cos(x), out=g)),
        *([X], {}, "the rule of input 0 writes into the cotangent g"),
    ),
    "writes into the input": (
        own(tg.op.elementwise, np.sin, lambda g, y, x: g * np.cos(x, out=x)),
        *([X], {}, "the rule of input 0 writes into input 0"),
    ),
    "variadic": (
        own(
            tg.op.general,
            lambda *xs: np.concatenate([np.ravel(x) for x in xs]),
            lambda g, y, *xs: [g[: x.size].reshape(x.shape) for x in xs],
            variadic=True,
        ),
        *([X, M], {}, "the rule of input 1: "),
    ),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_operations_pass(case):
    op, inputs, params = RIGHT[case]
    assert gradcheck(lambda *xs: op(*xs, **params), *inputs, order=2).passed
    assert check_graph(np.tanh(op(*[leaf(a) for a in inputs], **params)).sum()).passed


@pytest.mark.parametrize("case", WRONG)
def test_the_faulty_operation_is_named_in_a_graph_of_several(case):
    op, inputs, params, words = WRONG[case]
    made = op(*[leaf(a.copy()) * 1.0 for a in inputs], **params)
    with pytest.raises(GradientError, match=r"^check_graph: own \(made\) at .*test_check_own_operations\.py:\d+") as e:
        check_graph({"y": (np.tanh(made) * 3.0).sum()})
    (faulty,) = e.value.report.faulty
    assert faulty.node is made
    assert re.search(words, faulty.faults[0]), faulty.faults


@pytest.mark.parametrize("case", [c for c in WRONG if "writes" not in c])
def test_gradcheck_names_it_too(case):
    op, inputs, params, words = WRONG[case]
    with pytest.raises(GradientError, match=r"the operation at fault is own at .*test_check_own_operations\.py") as e:
        gradcheck(lambda *xs: np.tanh(op(*xs, **params)).sum(), *inputs)
    assert re.search(words, str(e.value))


class Block(nn.Module):
    def __init__(self, op):
        super().__init__()
        self.op = op
        self.weight = nn.Parameter(RNG.normal(size=(4, 4)))

    def forward(self, x):
        h = self.op(x @ self.weight.T, slope=0.2)
        return self.op(h @ self.weight.T, slope=0.2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_faulty_operation_used_twice_inside_a_module_is_named_at_both_lines(dtype):
    x, labels = X.astype(dtype), np.array([0, 1, 0])
    model = nn.Sequential(nn.Linear(4, 4, rng=0, dtype=dtype), Block(leaky(2.0)), nn.Linear(4, 2, rng=1, dtype=dtype))
    report = check_graph(nn.functional.cross_entropy(model(x), labels), raise_error=False)
    assert [o.op.name for o in report.faulty] == ["own", "own"]
    assert "h = self.op(x @ self.weight.T, slope=0.2)" in report.faulty[0].title
    assert "return self.op(h @ self.weight.T, slope=0.2)" in report.faulty[1].title
    model[1].op = leaky(1.0)
    assert check_graph(nn.functional.cross_entropy(model(x), labels)).passed


def test_only_the_faulty_of_two_uses_is_named():
    # Wrong for negative inputs only: the second use sees none.
    op = leaky(2.0)
    x = leaf(X)
    first = op(x)
    second = op(np.exp(first))
    report = check_graph(second.sum(), raise_error=False)
    assert [o.node for o in report.faulty] == [first]


def test_a_function_that_writes_into_its_input_is_refused_and_nothing_is_written():
    op = own(tg.op.elementwise, lambda x: np.multiply(x, 2.0, out=x) * 1.0, lambda g, y, x: g * 2.0)
    x = leaf(X) * 1.0
    for operand in (x, x.detach(), leaf(X)):
        with pytest.raises(ValueError, match=r"^own: the function writes to one of its inputs"):
            op(operand)
        np.testing.assert_array_equal(operand.detach().data, X)


def test_two_different_faults_are_both_named():
    sign = own(tg.op.elementwise, np.sin, lambda g, y, x: -g * np.cos(x))
    y = sign(leaky(2.0)(leaf(X)))
    report = check_graph(y, raise_error=False)
    assert [o.faults[0].partition(": ")[2][:20] for o in report.faulty] == [
        "6 of 12 elements hav",
        "it has the wrong sig",
    ]
