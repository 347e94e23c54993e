"""Declaring operations as a user would: every family in one line, with all that follows, and clear refusals."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.op import NUMPY, OPS

X = np.array([0.5, -1.5, 2.0])


@pytest.fixture(autouse=True)
def registry():
    """Take out again what a test declares."""
    ops, numpy = dict(OPS), dict(NUMPY)
    yield
    OPS.clear()
    OPS.update(ops)
    NUMPY.clear()
    NUMPY.update(numpy)


def test_elementwise_in_one_line():
    cube = tg.op.elementwise(lambda x: x**3, lambda g, y, x: 3.0 * g * x**2, name="cube")
    assert cube(X).tolist() == (X**3).tolist()
    t = tg.Tensor(X, requires_grad=True)
    cube(t).sum().backward()
    np.testing.assert_allclose(t.grad, 3 * X**2)
    np.testing.assert_allclose(tg.hessian(lambda x: cube(x).sum())(X), np.diag(6 * X))
    np.testing.assert_allclose(tg.jvp(cube, (X,), (np.ones(3),))[1], 3 * X**2)


def test_two_inputs_broadcast_and_fold():
    scale = tg.op.elementwise(lambda a, b: a * b, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, name="scale")
    a, b = tg.Tensor(np.ones((4, 3)), requires_grad=True), tg.Tensor(X, requires_grad=True)
    scale(a, b).sum().backward()
    assert b.grad.tolist() == [4.0, 4.0, 4.0]


def test_linear_with_a_parameter():
    shift = tg.op.linear(
        lambda x, steps=1: np.roll(x, steps), lambda g, y, x, steps=1: np.roll(g, -steps), name="shift"
    )
    w = np.array([1.0, 2.0, 3.0])
    for call in (lambda x: shift(x, 2), lambda x: shift(x, steps=2)):
        np.testing.assert_array_equal(tg.grad(lambda x, call=call: (call(x) * w).sum())(X), np.roll(w, -2))
    np.testing.assert_array_equal(tg.jvp(shift, (X,), (w,))[1], np.roll(w, 1))


def test_multilinear_and_general():
    dot3 = tg.op.multilinear(
        lambda a, b, c: (a * b * c).sum(),
        lambda g, y, a, b, c: g * b * c,
        lambda g, y, a, b, c: g * a * c,
        lambda g, y, a, b, c: g * a * b,
        name="dot3",
    )
    value, tangent = tg.jvp(dot3, (X, X, X), (np.ones(3), np.zeros(3), np.zeros(3)))
    assert abs(value - (X**3).sum()) < 1e-12
    assert abs(tangent - (X**2).sum()) < 1e-12
    # without a jvp, forward mode is derived from the pullback
    sumsq = tg.op.general(lambda x: (x * x).sum(), lambda g, y, x: g * 2.0 * x, name="sumsq")
    assert abs(tg.jvp(sumsq, (X,), (np.ones(3),))[1] - 2 * X.sum()) < 1e-12
    np.testing.assert_allclose(tg.hessian(sumsq)(X), 2 * np.eye(3))


def test_variadic():
    total = tg.op.linear(lambda *xs: sum(xs), lambda g, y, *xs: [g for _ in xs], name="total", variadic=True)
    ts = [tg.Tensor(X, requires_grad=True) for _ in range(3)]
    total(*ts).sum().backward()
    assert all(t.grad.tolist() == [1.0, 1.0, 1.0] for t in ts)


def test_residual():
    def forward(x):
        e = np.exp(x)
        return e.sum(), e

    sumexp = tg.op.general(
        forward,
        lambda g, y, x, residual=None: g * (np.exp(x) if residual is None else residual),
        name="sumexp",
        residual=True,
    )
    assert sumexp(X) == np.exp(X).sum()
    np.testing.assert_allclose(tg.grad(sumexp)(X), np.exp(X))
    np.testing.assert_allclose(tg.hessian(sumexp)(X), np.diag(np.exp(X)))


def test_a_users_function_on_numpys_own_does_not_take_it_over():
    wrong = tg.op.elementwise(np.sin, lambda g, y, x: g * np.sin(x), name="wrong_sin")
    np.testing.assert_array_equal(tg.grad(lambda x: np.sin(x).sum())(X), np.cos(X))
    np.testing.assert_array_equal(tg.grad(lambda x: wrong(x).sum())(X), np.sin(X))


def test_a_numpy_function_without_a_rule_gets_one():
    t = tg.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match="spacing: no derivative rule"):
        np.spacing(t)
    tg.op.elementwise(np.spacing, lambda g, y, x: g * 0.0)
    np.spacing(t).sum().backward()
    assert t.grad.tolist() == [0.0, 0.0, 0.0]


def test_names():
    a = tg.op.elementwise(lambda x: x, lambda g, y, x: g)
    b = tg.op.elementwise(lambda x: x, lambda g, y, x: g)
    assert a.name != b.name
    tg.op.elementwise(lambda x: x, lambda g, y, x: g, name="mine")
    again = tg.op.elementwise(lambda x: 2 * x, lambda g, y, x: 2 * g, name="mine")  # a notebook cell run twice
    assert OPS["mine"] is again
    with pytest.raises(ValueError, match="sin: the library has an operation of this name"):
        tg.op.elementwise(lambda x: x, lambda g, y, x: g, name="sin")


def test_declarations_that_do_not_fit_are_refused():
    with pytest.raises(TypeError, match=r"takes 2 inputs, but 1 rule"):
        tg.op.elementwise(lambda a, b: a * b, lambda g, y, a, b: g, name="few")
    with pytest.raises(TypeError, match=r"rule 0 takes \(g, x\), but is called with \(g, y, x0\)"):
        tg.op.elementwise(lambda x: x, lambda g, x: g, name="short")
    with pytest.raises(TypeError, match="fn must be a function"):
        tg.op.elementwise(3, lambda g, y, x: g)
    with pytest.raises(TypeError, match="one derivative rule per input"):
        tg.op.elementwise(lambda x: x, name="none")
    assert not {"few", "short", "none"} & set(OPS)


def test_calls_that_do_not_fit_are_refused():
    t = tg.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match=r"at most|got|takes"):
        OPS["sigmoid"](t, t)
    only = tg.op.elementwise(lambda x, k=1.0: k * x, lambda g, y, x: g, name="only")
    with pytest.raises(TypeError, match=r"argument k=3.0 has no derivative rule \(parameters with one: none\)"):
        only(t, k=3.0)


def test_keeps_tells_which_values_rules_read():
    assert OPS["add"].keeps == (False, False, False)
    assert OPS["multiply"].keeps == (False, True, True)
    assert OPS["exp"].keeps == (True, False)
    assert OPS["reshape"].keeps == (False, False)


def test_a_function_from_executed_text_has_no_module():
    names: dict[str, object] = {"tg": tg}
    exec("own = tg.op.elementwise(lambda x: x + x, lambda g, y, x: g + g, name='own')", names)
    assert tg.grad(lambda x: names["own"](x).sum())(X).tolist() == [2.0, 2.0, 2.0]
