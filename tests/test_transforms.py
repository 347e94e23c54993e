"""Transforms: modes against each other and closed forms, nesting, containers, checkpoint."""

import math

import numpy as np
import pytest

import tinygrad_nn as tg

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
V = RNG.normal(size=(3, 4))


def f(x):
    return np.max(np.tanh(x) @ x.T, axis=0)


def q(x):
    return (np.sin(x) @ x.T).sum()


def D(g):
    """Differentiate a function of one number by forward mode."""
    return lambda x: tg.jvp(g, (x,), (1.0,))[1]


def test_kinds_plain_in_plain_out():
    g = tg.grad(q)(X)
    assert type(g) is np.ndarray
    assert g.shape == X.shape
    assert isinstance(tg.grad(lambda x: x**2)(3.0), float)
    assert tg.grad(lambda x: x**2)(3) == 6.0
    t = tg.grad(q)(tg.Tensor(X))
    assert isinstance(t, tg.Tensor)
    np.testing.assert_array_equal(t.data, g)
    with pytest.raises(TypeError, match=r"argument 0.*int64"):
        tg.grad(lambda x: x.sum())(np.array([1, 2]))


def test_descent_with_grad_in_place():
    w = np.array([1.0, 2.0])
    w -= 0.5 * tg.grad(lambda w: (w * w).sum())(w)
    assert w.tolist() == [0.0, 0.0]


def test_jvp_vjp_and_differences_agree():
    y, t = tg.jvp(f, (X,), (V,))
    np.testing.assert_array_equal(y, f(X))
    h = 1e-5
    np.testing.assert_allclose(t, (f(X + h * V) - f(X - h * V)) / (2 * h), rtol=1e-7)
    value, pullback = tg.vjp(f, X)
    u = np.array([1.0, -2.0, 3.0])
    (g,) = pullback(u)
    assert abs((g * V).sum() - u @ t) < 1e-12
    np.testing.assert_array_equal(value, y)


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
def test_jacobian_modes(mode):
    j = tg.jacobian(f, mode=mode)(X)
    assert j.shape == (3, 3, 4)
    np.testing.assert_allclose(np.einsum("ijk,jk->i", j, V), tg.jvp(f, (X,), (V,))[1], rtol=1e-12)


def test_C74_jacobian_of_an_integer_power():
    np.testing.assert_array_equal(tg.jacobian(lambda x: x**2)(np.arange(4.0)), np.diag([0.0, 2.0, 4.0, 6.0]))


def test_hessian_and_hvp():
    H = tg.hessian(q)(X)
    np.testing.assert_allclose(H, np.einsum("ijkl->klij", H), atol=1e-14)
    np.testing.assert_allclose(np.einsum("ijkl,kl->ij", H, V), tg.hvp(q)(X, V), atol=1e-13)
    h = 1e-5
    g = tg.grad(q)
    np.testing.assert_allclose(tg.hvp(q)(X, V), (g(X + h * V) - g(X - h * V)) / (2 * h), atol=1e-8)


def test_argnums_containers_and_aux():
    def loss(params, x, scale=1.0):
        return scale * (params["w"] @ x + params["b"][0]), {"x": x}

    params = {"w": np.array([1.0, 2.0]), "b": (np.array(3.0),)}
    x = np.array([4.0, 5.0])
    (value, aux), g = tg.value_and_grad(loss, has_aux=True)(params, x, scale=2.0)
    assert value == 34.0
    assert aux["x"] is x
    assert g["w"].tolist() == [8.0, 10.0]
    assert g["b"] == (2.0,)
    gw, gx = tg.grad(lambda p, x: loss(p, x)[0], argnums=(0, 1))(params, x)
    assert gx.tolist() == [1.0, 2.0]
    assert gw["b"] == (1.0,)
    assert tg.grad(lambda p, x: loss(p, x)[0], argnums=-1)(params, x).tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="argnums 2"):
        tg.grad(lambda x: x, argnums=2)(1.0)
    j = tg.jacobian(lambda d: [d["a"] * 2, d["a"].sum()])({"a": np.ones(2)})
    assert j[0]["a"].tolist() == [[2.0, 0.0], [0.0, 2.0]]
    assert j[1]["a"].tolist() == [1.0, 1.0]


def test_results_that_do_not_depend_are_zero_and_non_scalars_refused():
    assert tg.grad(lambda x: 3.0)(np.ones(2)).tolist() == [0.0, 0.0]
    assert tg.jvp(lambda x: 3.0, (1.0,), (1.0,)) == (3.0, 0.0)
    with pytest.raises(ValueError, match=r"\(2,\), not one number"):
        tg.grad(lambda x: x * 2)(np.ones(2))
    with pytest.raises(ValueError, match="tangent of shape"):
        tg.jvp(np.sin, (np.ones(2),), (np.ones(3),))


def test_C30_unused_inputs():
    x, z = tg.Tensor(1.0, requires_grad=True), tg.Tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    with pytest.raises(ValueError, match=r"xs\[1\].*allow_unused"):
        tg.gradients(y, [x, z])
    gx, gz = tg.gradients(y, [x, z], allow_unused=True)
    assert float(gx) == 2.0
    assert gz.tolist() == [0.0, 0.0]
    assert x.grad is None


def test_gradients_in_intermediate_tensors_and_of_themselves():
    x = tg.Tensor(2.0, requires_grad=True)
    h = x * x
    y = h * x
    gh, gx, gy = tg.gradients(y, [h, x, y])
    assert (float(gh), float(gx), float(gy)) == (2.0, 12.0, 1.0)


def test_C146_levels_are_not_confused():
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y)(2.0))(1.0) == 2.0
    assert D(lambda x: x * D(lambda y: x + y)(1.0))(1.0) == 1.0
    assert tg.grad(lambda x: x * D(lambda y: x + y)(1.0))(1.0) == 1.0
    assert D(lambda x: x * tg.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    inner = tg.grad(lambda z: (z**2).sum())
    assert tg.grad(lambda x: np.sum(inner(x) ** 2))(np.array([1.0])).tolist() == [8.0]

    for derive in (D, tg.grad):

        def hat(h, derive=derive):
            return derive(lambda x: derive(lambda y: h(x + y))(0.0))

        got = D(lambda x: D(lambda y: np.exp(x + y))(5.0))(6.0)
        assert abs(float(got) / math.exp(11) - 1) < 1e-12
        assert abs(float(hat(np.exp)(1.5)) / math.exp(1.5) - 1) < 1e-12


@pytest.mark.parametrize("modes", ["rr", "rf", "fr", "ff", "rfr", "frf", "rrr", "fff"])
def test_any_nesting_of_modes(modes):
    def h(x):
        return np.exp(np.sin(x)) * x**2

    g = h
    for m in modes:
        g = tg.grad(g) if m == "r" else D(g)
    z = 0.7 + 0.0j
    # Cauchy's formula: derivatives of an analytic function from its values on a circle.
    n, radius, k = 64, 0.5, len(modes)
    points = np.exp(2j * np.pi * np.arange(n) / n)
    want = (h(z + radius * points) * points**-k).mean().real * math.factorial(k) / radius**k
    assert abs(float(g(0.7)) / want - 1) < 1e-12


def test_C70_fourth_derivative():
    g = lambda x: np.exp(-(x**2))  # noqa: E731
    for _ in range(4):
        g = tg.grad(g)
    assert g(0.0) == 12.0


def test_closures_over_parameters_stay_plain():
    w = tg.Tensor(np.ones((4, 2)), requires_grad=True)
    g = tg.grad(lambda x: np.tanh(x @ w).sum())(X)
    assert type(g) is np.ndarray
    t = tg.grad(lambda x: np.tanh(x @ w).sum())(tg.Tensor(X))
    (t**2).sum().backward()
    assert w.grad.shape == (4, 2)


def test_transforms_work_inside_no_grad():
    with tg.no_grad():
        assert tg.grad(lambda x: x**3)(2.0) == 12.0
        assert tg.hvp(lambda x: (x**3).sum())(np.array([2.0]), np.array([1.0])).tolist() == [12.0]


def test_scipy_minimize_takes_grad_and_hvp():
    optimize = pytest.importorskip("scipy.optimize")

    def rosenbrock(x):
        return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    x0 = np.array([-1.2, 1.0, 0.8])
    r = optimize.minimize(
        lambda x: float(rosenbrock(x)), x0, method="Newton-CG", jac=tg.grad(rosenbrock), hessp=tg.hvp(rosenbrock)
    )
    np.testing.assert_allclose(r.x, 1.0, rtol=1e-4)


# -- checkpoint ------------------------------------------------------------------------------------------------------


def test_checkpoint_gives_the_same_gradients_and_keeps_nothing_inside():
    w = tg.Tensor(np.ones(4), requires_grad=True)
    x = tg.Tensor(X, requires_grad=True)

    def block(t):
        return np.tanh(np.exp(t * w) * 0.1) @ w

    y = tg.checkpoint(block)(x)
    assert {t.op.name for t in tg.walk.graph((y,))} == {"block", "getitem", "reshape"}
    y.sum().backward()
    got = x.grad, w.grad
    x.grad = w.grad = None
    block(x).sum().backward()
    np.testing.assert_array_equal(got[0], x.grad)
    np.testing.assert_array_equal(got[1], w.grad)


def test_checkpoint_any_order_and_dependent_inputs():
    H = tg.hessian(q)(X)
    np.testing.assert_allclose(tg.hessian(tg.checkpoint(q))(X), H, atol=1e-13)
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = x * 3.0
    out = tg.checkpoint(lambda a, b: a * b * y)(x, y).sum()
    g = tg.gradients(out, x, create_graph=True)
    np.testing.assert_allclose(g.data, 27 * x.data**2)
    np.testing.assert_allclose(tg.gradients(g.sum(), x).data, 54 * x.data)
    np.testing.assert_allclose(tg.jvp(tg.checkpoint(q), (X,), (V,))[1], tg.jvp(q, (X,), (V,))[1])


def test_checkpoint_of_several_results_and_random_functions():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    out = tg.checkpoint(lambda t: {"a": t * 2, "b": (t.sum(), 5)})(x)
    assert out["b"][1] == 5
    (out["a"].sum() * out["b"][0]).backward()
    assert x.grad.tolist() == [12.0, 12.0]
    rng = np.random.default_rng(0)
    y = tg.checkpoint(lambda t: t * rng.normal(size=2))(x)
    with pytest.raises(RuntimeError, match="another value"):
        y.sum().backward()


# -- select ---------------------------------------------------------------------------------------------------------


def test_C82_where_keeps_ieee_and_select_does_not_poison():
    x = tg.Tensor([-1.0, 4.0], requires_grad=True)
    with pytest.warns(RuntimeWarning):
        np.where(x > 0, np.sqrt(x), x).sum().backward()
    assert np.isnan(x.grad[0])
    assert x.grad[1] == 0.25
    x.grad = None
    y = tg.select(x > 0, x, np.sqrt, lambda t: t)
    assert y.tolist() == [-1.0, 2.0]
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 0.25]


def test_select_broadcasts_takes_constants_and_refuses_other_shapes():
    x = tg.Tensor(np.array([[1.0], [2.0]]), requires_grad=True)
    y = tg.select(np.array([True, False]), x, lambda t: t**2, lambda t: 0.0)
    assert y.tolist() == [[1.0, 0.0], [4.0, 0.0]]
    y.sum().backward()
    assert x.grad.tolist() == [[2.0], [4.0]]
    assert tg.select(x.data > 9, x, np.log, lambda t: t).tolist() == [[1.0], [2.0]]
    with pytest.raises(ValueError, match=r"first function gave shape \(1,\)"):
        tg.select(x > 0, x, lambda t: t[:1], lambda t: t)
    with pytest.raises(TypeError, match="bool"):
        tg.select(x.data, x, np.exp, np.exp)
    assert tg.hessian(lambda t: tg.select(t > 0, t, lambda s: s**3, np.cos).sum())(np.array([2.0, -1.0])).tolist() == [
        [12.0, 0.0],
        [0.0, -np.cos(1.0)],
    ]
