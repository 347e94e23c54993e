"""Adversarial cases of the operations, by their numbers, with neighbours of each."""

import math
import warnings

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor
from tinygrad_nn.op import OPS

INF, NAN = math.inf, math.nan


def leaf(data, dtype=None):
    return Tensor(np.array(data, dtype), requires_grad=True)


def grads(f, *data, g=None, dtype=float):
    """Give f's gradients at arrays for a cotangent of ones (or g)."""
    xs = [leaf(d, dtype) for d in data]
    y = f(*xs)
    y.backward(np.ones(y.shape) if g is None else np.asarray(g, float))
    return [x.grad for x in xs]


def grad(f, x, g=None, dtype=float):
    return grads(f, x, g=g, dtype=dtype)[0]


def same(got, want):
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want, float))


# -- A: broadcasting, shapes, views ----------------------------------------------------------------------------------


def test_C3_empty_against_one_row():
    a, b = grads(lambda a, b: a * b, np.ones((0, 3)), np.ones((1, 3)))
    assert a.shape == (0, 3)
    same(b, np.zeros((1, 3)))


def test_C5_both_sides_broadcast():
    a, b = grads(lambda a, b: (a * b).sum(), np.ones((2, 1, 3)), np.ones((4, 1)))
    same(a, np.full((2, 1, 3), 4.0))
    same(b, np.full((4, 1), 6.0))


def test_C6_one_element_against_a_matrix():
    a = grad(lambda a: (a * np.ones((5, 4))).sum(), np.ones(1))
    same(a, [20.0])


def test_C7_a_vector_against_one_by_one():
    a, b = grads(lambda a, b: (a + b).sum(), np.ones(5), np.ones((1, 1)))
    same(a, np.ones(5))
    same(b, [[5.0]])


@pytest.mark.parametrize("name", ["subtract", "divide", "power", "maximum", "hypot", "arctan2", "logaddexp", "fmod"])
def test_C7_every_binary_function_folds_back(name):
    f = getattr(np, name)
    x, y = np.full((2, 1, 3), 1.5), np.full((4, 1), 2.5)
    a, b = grads(f, x, y)
    wide_a, wide_b = grads(f, np.broadcast_to(x, (2, 4, 3)), np.broadcast_to(y, (2, 4, 3)))
    np.testing.assert_allclose(a, wide_a.sum(axis=1, keepdims=True), rtol=1e-14)
    np.testing.assert_allclose(b, wide_b.sum(axis=(0, 2), keepdims=True)[0], rtol=1e-14)


# -- D: indexing -----------------------------------------------------------------------------------------------------


def test_C43_a_repeated_index_accumulates():
    same(grad(lambda x: x[[0, 0, 2, 0]], np.zeros(3)), [3, 0, 1])
    same(grad(lambda x: x[[1, 1]], np.zeros(2), g=[0.2, 0.3]), [0, 0.5])
    same(grad(lambda x: np.take(x, [[1, 1], [1, 0]]), np.zeros(2)), [1, 3])
    same(grad(lambda x: x[[0, 0], [1, 1]], np.zeros((2, 2))), [[0, 2], [0, 0]])
    same(grad(lambda x: x[:, [0, 0]], np.zeros((2, 2))), [[2, 0], [2, 0]])
    same(grad(lambda x: x[[0, -3]], np.zeros((3, 2))), [[2, 2], [0, 0], [0, 0]])
    same(grad(lambda x: np.take_along_axis(x, np.array([[0, 0, 1]]), 1), np.zeros((1, 2))), [[2, 1]])


def test_C44_negative_indices():
    same(grad(lambda x: x[[-1, 2]], np.zeros(3)), [0, 0, 2])
    same(grad(lambda x: x[-1], np.zeros(3)), [0, 0, 1])


def test_C45_masks():
    same(grad(lambda x: x[np.array([True, False, True])], np.zeros(3)), [1, 0, 1])
    same(grad(lambda x: x[np.zeros(3, bool)].sum(), np.zeros(3)), [0, 0, 0])
    with pytest.raises(IndexError, match="boolean"):
        leaf(np.zeros(3))[np.array([True, False])]


@pytest.mark.parametrize("index", [3, -4, [0, 3], ([0], [5])])
def test_C47_out_of_range_is_an_error(index):
    x = leaf(np.zeros((3, 4)))
    with pytest.raises(IndexError, match="out of bounds"):
        x[index]
    with pytest.raises(IndexError, match="out of bounds"):
        x.at[index].set(1.0)
    with pytest.raises(IndexError, match="out of bounds"):
        x.at[index].add(1.0)


def test_C47_taking_out_of_range_is_an_error():
    with pytest.raises(IndexError):
        np.take(leaf(np.zeros(3)), [3])
    with pytest.raises(IndexError):
        np.take_along_axis(leaf(np.zeros(3)), np.array([3]), 0)


def test_C50_diagonals():
    same(grad(np.diagonal, np.zeros((2, 3))), [[1, 0, 0], [0, 1, 0]])
    same(grad(lambda x: np.diagonal(x, 1), np.zeros((2, 3))), [[0, 1, 0], [0, 0, 1]])
    same(grad(lambda x: np.diagonal(x, -1, 1, 0), np.zeros((2, 3))), [[0, 1, 0], [0, 0, 1]])
    same(grad(np.trace, np.zeros((2, 2))), np.eye(2))
    same(grad(lambda x: np.einsum("ii->i", x), np.zeros((2, 2)), g=[2, 3]), [[2, 0], [0, 3]])


def test_updates_in_a_place():
    x, v = leaf([1.0, 2.0, 3.0]), leaf([10.0, 20.0, 30.0])
    y = x.at[[0, 2, 0]].set(v)
    same(y.data, [30, 2, 20])
    y.backward([1.0, 10.0, 100.0])
    same(x.grad, [0, 10, 0])
    same(v.grad, [0, 100, 1])  # of a repeated index the last one stays
    x, v = leaf([1.0, 2.0, 3.0]), leaf([10.0, 20.0, 30.0])
    y = x.at[[0, 2, 0]].add(v)
    same(y.data, [41, 2, 23])
    y.backward([1.0, 10.0, 100.0])
    same(x.grad, [1, 10, 100])
    same(v.grad, [1, 100, 1])
    with pytest.raises(TypeError, match=r"float64.*int64"):
        Tensor([1, 2]).at[0].set(leaf(0.5))


# -- E: ties and subgradients ----------------------------------------------------------------------------------------


def test_C52_abs_at_zero():
    same(grad(np.abs, [0.0, -0.0]), [0, 0])
    same(grad(np.fabs, [0.0, -0.0]), [0, 0])
    same(grad(lambda x: np.copysign(x, 1.0), [0.0, -0.0]), [0, 0])


def test_C53_maximum_of_zero():
    same(grad(lambda x: np.maximum(x, 0), 0.0), 0.5)
    same(grad(lambda x: np.minimum(x, 0), 0.0), 0.5)
    same(grad(lambda x: np.clip(x, 0, 1), [0.0, 1.0]), [0.5, 0.5])


def test_C54_max_ties():
    same(grad(np.max, [3.0, 1.0, 3.0]), [0.5, 0, 0.5])
    same(grad(np.min, [1.0, 3.0, 1.0]), [0.5, 0, 0.5])
    same(grad(lambda x: np.max(x, axis=0), [[1.0, 2.0], [1.0, 0.0]]), [[0.5, 1], [0.5, 0]])
    same(grad(np.nanmax, [3.0, NAN, 3.0]), [0.5, 0, 0.5])
    same(grad(lambda x: np.max(x, initial=3.0), [3.0, 1.0]), [0.5, 0])
    same(grad(lambda x: np.max(x, initial=9.0), [3.0, 1.0]), [0, 0])
    same(grad(np.ptp, [1.0, 5.0, 1.0]), [-0.5, 1, -0.5])
    same(grad(lambda x: np.linalg.norm(x, np.inf), [3.0, -3.0]), [0.5, -0.5])
    value, pushed = tg.jvp(np.max, (np.array([3.0, 1.0, 3.0]),), (np.array([1.0, 5.0, 3.0]),))
    assert (value, pushed) == (3.0, 2.0)


@pytest.mark.parametrize("f", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_C55_ties_of_two(f):
    a, b = grads(f, 2.0, 2.0)
    assert (a, b) == (0.5, 0.5)


def test_C58_nan_takes_the_gradient():
    assert [g.item() for g in grads(np.maximum, NAN, 1.0)] == [1.0, 0.0]
    assert [g.item() for g in grads(np.maximum, 1.0, NAN)] == [0.0, 1.0]
    assert [g.item() for g in grads(np.minimum, NAN, 1.0)] == [1.0, 0.0]
    assert [g.item() for g in grads(np.fmax, NAN, 1.0)] == [0.0, 1.0]
    assert [g.item() for g in grads(np.fmin, 1.0, NAN)] == [1.0, 0.0]
    same(grad(np.max, [1.0, NAN, 2.0]), [0, 1, 0])


def test_C61_median_of_an_even_number():
    same(grad(np.median, [1.0, 2.0, 3.0, 4.0]), [0, 0.5, 0.5, 0])
    same(grad(np.median, [4.0, 1.0, 3.0]), [0, 0, 1])
    same(grad(np.nanmedian, [4.0, NAN, 1.0]), [0.5, 0, 0.5])
    same(grad(lambda x: np.quantile(x, 0.25), [0.0, 1.0, 2.0]), [0.5, 0.5, 0])
    same(grad(lambda x: np.median(x, axis=1), [[1.0, 2.0], [3.0, 4.0]]), [[0.5, 0.5], [0.5, 0.5]])
    same(grad(lambda x: np.quantile(x, 0.5, method="inverted_cdf"), [1.0, 2.0, 3.0, 4.0]), [0, 1, 0, 0])
    same(grad(lambda q: np.quantile(np.array([0.0, 1.0, 10.0]), q), 0.75), 18)


def test_ties_of_running_and_sorted_values():
    same(grad(lambda x: OPS["cummax"](x), [1.0, 3.0, 3.0, 2.0]), [1, 1, 2, 0])
    same(grad(lambda x: OPS["cummin"](x), [3.0, 1.0, 1.0, 2.0]), [1, 1, 2, 0])
    same(grad(np.sort, [2.0, 1.0, 2.0], g=[1, 10, 100]), [10, 1, 100])
    same(grad(lambda x: np.partition(x, 1), [3.0, 1.0, 2.0], g=[1, 10, 100]), [100, 1, 10])
    same(grad(np.unique, [2.0, 1.0, 2.0], g=[1, 10]), [10, 1, 0])


# -- F: singular points ----------------------------------------------------------------------------------------------


def test_C63_sqrt_at_zero():
    with pytest.warns(RuntimeWarning, match="divide"):
        same(grad(np.sqrt, 0.0), INF)


NORMS = {
    "norm": np.linalg.norm,
    "axis": lambda x: np.linalg.norm(x, axis=0),
    "one": lambda x: np.linalg.norm(x, 1),
    "infinity": lambda x: np.linalg.norm(x, np.inf),
    "three": lambda x: np.linalg.norm(x, 3),
    "half": lambda x: np.linalg.norm(x, 0.5),
    "vector": np.linalg.vector_norm,
    "std": np.std,
}


@pytest.mark.parametrize("name", NORMS)
def test_C64_norm_at_zero(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(grad(NORMS[name], [0.0, 0.0, 0.0]), [0, 0, 0])
        _, pushed = tg.jvp(NORMS[name], (np.zeros(3),), (np.ones(3),))
        assert pushed == 0
        assert np.isfinite(tg.hessian(NORMS[name])(np.zeros(3))).all()


def test_C64_frobenius_and_nuclear_norm_at_zero():
    same(grad(np.linalg.norm, np.zeros((2, 2))), np.zeros((2, 2)))
    assert np.isfinite(grad(lambda x: np.linalg.norm(x, "nuc"), np.zeros((2, 2)))).all()
    same(grad(np.std, [5.0, 5.0]), [0, 0])
    same(grad(np.nanstd, [5.0, NAN, 5.0]), [0, 0, 0])


def test_C66_square_of_a_root_is_never_silently_zero():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        g = grad(lambda x: np.sqrt(x) ** 2, 0.0)
    assert np.isnan(g) or np.isinf(g) or g == 1


def test_C68_x_log_x_at_zero():
    sp = pytest.importorskip("scipy.special")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not np.isfinite(grad(lambda x: x * np.log(x), 0.0))
    x, y = leaf(0.0), leaf(0.0)
    z = sp.xlogy(x, y)
    z.backward()
    assert z.item() == 0
    assert (x.grad, y.grad) == (0, 0)


@pytest.mark.parametrize("exponent", [0, 0.0, False, np.float64(0), np.zeros(2)])
def test_C69_power_zero(exponent):
    same(grad(lambda x: x**exponent, [0.0, 2.0]), [0, 0])
    same(grad(lambda x: np.float_power(x, exponent), [0.0, 2.0]), [0, 0])


def test_C69_power_zero_of_extremes():
    same(grad(lambda x: x**0, [1e300, 1e-310]), [0, 0])
    same(grad(lambda x: x**0.0, [1e300, 1e-310]), [0, 0])


def test_C69_exponent_that_is_a_tensor():
    a, b = grads(np.power, [0.0, 2.0, 0.0], [0.0, 0.0, 1.0])
    same(a, [0, 0, 1])
    same(b, [0, math.log(2.0), 0])
    f = lambda a, b: np.power(a, b)  # noqa: E731
    # d/db d/da a**b at b = 0 is 1/a, although d/da is 0 there.
    mixed = tg.grad(tg.grad(f, argnums=0), argnums=1)(2.0, 0.0)
    assert mixed == pytest.approx(0.5)
    assert tg.grad(tg.grad(f, argnums=1), argnums=0)(2.0, 0.0) == pytest.approx(0.5)


def test_C69_negative_bases():
    same(grad(lambda x: x**3, [-2.0, 0.0]), [12, 0])
    same(grad(lambda x: x**-1, [-2.0]), [-0.25])
    same(grad(lambda x: x**1, [0.0]), [1])
    same(grad(lambda b: 0.0**b, [2.0]), [0])


def test_C75_arctan2_at_the_origin():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [g.item() for g in grads(np.arctan2, 0.0, 0.0)] == [0, 0]
        a, b = grads(np.arctan2, 1e200, 1e200)
        assert a == pytest.approx(5e-201)
        assert b == pytest.approx(-5e-201)


def test_C76_hypot_at_the_origin():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [g.item() for g in grads(np.hypot, 0.0, 0.0)] == [0, 0]
        assert [g.item() for g in grads(np.hypot, 3e200, 4e200)] == pytest.approx([0.6, 0.8])


def test_C78_ends_of_arcsin_are_infinite():
    with pytest.warns(RuntimeWarning, match="divide"):
        same(grad(np.arcsin, [-1.0, 1.0]), [INF, INF])
    with pytest.warns(RuntimeWarning, match="divide"):
        same(grad(np.arccos, [-1.0, 1.0]), [-INF, -INF])
    with pytest.warns(RuntimeWarning, match="divide"):
        same(grad(np.arctanh, [0.5, 1.0])[1], INF)
    with pytest.warns(RuntimeWarning, match="divide"):
        same(grad(np.arccosh, [1.0]), [INF])


def test_C79_cbrt_at_zero():
    with pytest.warns(RuntimeWarning, match="divide"):
        same(grad(np.cbrt, 0.0), INF)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_C81_variance_of_one_element():
    g = grad(lambda x: np.var(x, ddof=1), [5.0])
    assert g.shape == (1,)
    assert np.isnan(g).all()
    g = grad(lambda x: np.std(x, axis=0, ddof=2), [[1.0, 5.0], [2.0, 3.0]])
    assert g.shape == (2, 2)
    with pytest.warns(RuntimeWarning):
        assert np.isnan(np.var(leaf([5.0]), ddof=1).item())


def test_C82_where_keeps_ieee():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        g = grad(lambda x: np.where(x > 0, np.sqrt(x), x), [-1.0, 4.0])
    assert np.isnan(g[0])
    assert g[1] == 0.25


def test_sinc_is_smooth_at_zero():
    f = lambda x: np.sinc(x)  # noqa: E731
    for order, want in enumerate([1.0, 0.0, -(math.pi**2) / 3, 0.0, math.pi**4 / 5]):
        g = f
        for _ in range(order):
            g = tg.grad(g)
        assert g(0.0) == pytest.approx(want, abs=1e-12)
        assert g(1e-9) == pytest.approx(want, abs=1e-6)


# -- G: overflow and cancellation ------------------------------------------------------------------------------------


def test_C88_saturation():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = leaf([1e308, -1e308])
        y = np.tanh(x)
        y.backward([1.0, 1.0])
        same(y.data, [1, -1])
        same(x.grad, [0, 0])
        assert np.all(np.isfinite(grad(np.arctan, [1e200, -1e308])))
        assert np.all(np.isfinite(grad(np.arcsinh, [1e200, -1e308])))
    x = leaf(1000.0)
    with pytest.warns(RuntimeWarning, match="overflow"):
        y = np.exp(x)
    y.backward()
    assert y.item() == x.grad == INF


def test_C89_small_arguments_keep_their_digits():
    for f in (np.log1p, np.expm1):
        x = leaf(1e-20)
        y = f(x)
        y.backward()
        assert y.item() == 1e-20
        assert x.grad == 1
    assert grad(np.expm1, -50.0) == math.exp(-50.0)
    assert grad(np.arcsin, 1 - 1e-12) == pytest.approx(1 / math.sqrt(2e-12), rel=1e-4)


def test_C93_logaddexp_of_huge_numbers():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [g.item() for g in grads(np.logaddexp, 1e308, 1e308)] == [0.5, 0.5]
        assert [g.item() for g in grads(np.logaddexp2, 1e308, 1e308)] == [0.5, 0.5]
        assert [g.item() for g in grads(np.logaddexp, -INF, -INF)] == [0.5, 0.5]
        assert [g.item() for g in grads(np.logaddexp, INF, 0.0)] == [1, 0]
        assert [g.item() for g in grads(np.logaddexp, -INF, 0.0)] == [0, 1]
        assert [g.item() for g in grads(np.logaddexp, 0.0, -800.0)] == [1, 0]


def test_C103_product_with_zeros():
    same(grad(np.prod, [2.0, 0.0, 3.0]), [0, 6, 0])
    same(grad(np.prod, [0.0, 0.0, 3.0]), [0, 0, 0])
    same(grad(np.prod, [0.0]), [1])
    same(grad(np.prod, np.zeros(0)), np.zeros(0))
    same(grad(lambda x: np.prod(x, axis=1), [[2.0, 0.0], [0.0, 0.0]]), [[0, 2], [0, 0]])
    same(grad(np.nanprod, [2.0, NAN, 3.0]), [3, 0, 2])
    same(tg.hessian(np.prod)(np.array([2.0, 0.0, 3.0])), [[0, 3, 0], [3, 0, 2], [0, 2, 0]])
    same(tg.hessian(np.prod)(np.array([0.0, 0.0, 3.0])), [[0, 3, 0], [3, 0, 0], [0, 0, 0]])
    third = tg.jacobian(tg.hessian(np.prod))(np.zeros(3))
    assert third[0, 1, 2] == 1
    assert np.abs(third).sum() == 6


def test_C103_running_product_with_zeros():
    same(grad(np.cumprod, [2.0, 0.0, 3.0], g=[1, 1, 1]), [1, 8, 0])
    same(grad(np.cumprod, [0.0, 0.0, 3.0], g=[1, 1, 1]), [1, 0, 0])
    same(grad(np.cumprod, [3.0, 0.0, 0.0, 2.0], g=[1, 10, 100, 1000]), [1, 30, 0, 0])
    x = np.array([2.0, 0.0, 3.0, 0.0])
    want = np.array([[np.prod(np.delete(x[: k + 1], i)) if i <= k else 0.0 for i in range(4)] for k in range(4)])
    same(tg.jacobian(np.cumprod)(x), want)


def test_C103_determinant_of_singular_matrices():
    same(grad(np.linalg.det, [[1.0, 2.0], [2.0, 4.0]]).round(12), [[4, -2], [-2, 1]])
    same(grad(np.linalg.det, np.zeros((2, 2))), np.zeros((2, 2)))
    np.testing.assert_allclose(grad(np.linalg.det, np.diag([2.0, 0.0, 3.0])), np.diag([0.0, 6.0, 0.0]), atol=1e-14)
    np.testing.assert_allclose(grad(np.linalg.det, 1e-200 * np.eye(2)), 1e-200 * np.eye(2))
    h = tg.hessian(np.linalg.det)(np.zeros((2, 2)))
    assert h[0, 0, 1, 1] == h[1, 1, 0, 0] == 1
    assert h[0, 1, 1, 0] == h[1, 0, 0, 1] == -1


def test_C105_the_cotangent_counts():
    same(grad(lambda x: -np.prod(x), [2.0, 3.0]), [-3, -2])
    same(grad(np.prod, [2.0, 3.0], g=-5.0), [-15, -10])


def test_C108_sums_of_many_ones_in_single_precision():
    n = 10_000_000
    b = Tensor(np.zeros(1, np.float32), requires_grad=True)
    (np.ones(n, np.float32) * b).sum().backward()
    assert b.grad == np.float32(1e7)


# -- H: dtypes -------------------------------------------------------------------------------------------------------


def test_C110_python_numbers_are_weak():
    x = Tensor(np.float32([0.5, 1.5]), requires_grad=True)
    s = Tensor(np.float32(0.5), requires_grad=True)
    for t in (x, s):
        for y in (
            t * 2.0,
            t / 3,
            t**0.5,
            t**2,
            2.0**t,
            np.maximum(t, 0.0),
            np.clip(t, 0, 1),
            np.where(np.array(True), t, 0.0),
            np.var(t),
            np.hypot(t, 1.0),
            np.logaddexp(t, 0.0),
            np.linalg.norm(t),
            np.arctan2(t, 1.0),
            np.nan_to_num(t),
            np.sinc(t),
            np.remainder(t, 0.3),
        ):
            assert y.dtype == np.float32
            t.grad = None
            y.sum().backward()
            assert t.grad.dtype == np.float32


def test_C113_numbers_that_do_not_fit():
    with pytest.raises(OverflowError, match="add"):
        Tensor(np.array([1, 2], np.uint8)) + 300


# -- I: linear algebra, joining --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 2, 3), (3,)),
        ((3,), (2, 3, 4)),
        ((2, 1, 3, 4), (5, 4, 2)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
    ],
)
def test_C123_matmul_of_every_shape(a, b):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=a), rng.normal(size=b)
    ga, gb = grads(np.matmul, x, y)
    assert ga.shape == a
    assert gb.shape == b
    # The product is linear in each factor.
    want = np.matmul(x, y).sum()
    np.testing.assert_allclose(np.sum(ga * x), want, atol=1e-12)
    np.testing.assert_allclose(np.sum(gb * y), want, atol=1e-12)


def test_C123_matmul_of_a_number():
    with pytest.raises(ValueError, match="matmul"):
        np.matmul(leaf(2.0), leaf([1.0]))


def test_C125_concatenate():
    a, b = leaf([1.0, 2.0]), Tensor([3.0])
    y = np.concatenate([a, b, np.zeros(0), leaf(np.zeros((0,)))])
    y.backward([1.0, 2.0, 3.0])
    same(a.grad, [1, 2])
    assert b.grad is None
    m, n = leaf(np.ones((2, 2))), leaf(np.ones(3, np.float32))
    y = np.concatenate([m, n], axis=None)
    assert y.dtype == np.float64
    y.backward(np.arange(7.0))
    same(m.grad, [[0, 1], [2, 3]])
    assert n.grad.dtype == np.float32
    same(n.grad, [4, 5, 6])


def test_C126_stack_of_one_tensor_twice():
    x = leaf([1.0, 2.0])
    np.stack([x, x]).sum().backward()
    same(x.grad, [2, 2])
    x.grad = None
    np.block([[x, x], [x, 2.0 * x]]).sum().backward()
    same(x.grad, [5, 5])


def test_symmetric_functions_read_one_triangle_or_the_mean():
    """Nearly symmetric matrices count as symmetric, others as NumPy takes them."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3, 3))
    spd = a @ a.T + np.eye(3)
    same(np.linalg.cholesky(leaf(spd)).data, np.linalg.cholesky(spd))
    far = np.tril(spd)
    same(np.linalg.cholesky(leaf(far)).data, np.linalg.cholesky(far))
    same(np.linalg.eigvalsh(leaf(far)).data, np.linalg.eigvalsh(far))
    g = grad(lambda x: np.linalg.cholesky(x).sum(), spd)
    same(g, g.T)
    step = np.zeros((3, 3))
    step[0, 1] = 1e-6
    f = lambda x: np.linalg.cholesky(Tensor(x)).data.sum()  # noqa: E731
    assert (f(spd + step) - f(spd - step)) / 2e-6 == pytest.approx(g[0, 1], rel=1e-6)


def test_vectors_of_equal_eigenvalues():
    """A function of the eigenvalues alone has a gradient at a multiple eigenvalue."""
    same(grad(lambda x: np.sum(np.linalg.eigh(x)[0]), np.eye(3)), np.eye(3))
    np.testing.assert_allclose(grad(lambda x: np.sum(np.linalg.svd(x)[1]), np.eye(3)), np.eye(3), atol=1e-15)


def test_the_full_svd_says_what_has_no_derivative():
    x = leaf(np.random.default_rng(0).normal(size=(4, 2)))
    u, s, vh = np.linalg.svd(x)
    assert u.shape == (4, 4)
    (s.sum() + (u[:, :2] * vh[0, 0]).sum()).backward()
    assert np.isfinite(x.grad).all()
    u, s, vh = np.linalg.svd(x)
    with pytest.raises(TypeError, match="full_matrices=False"):
        u.sum().backward()
    with pytest.raises(TypeError, match="full_matrices=False"):
        tg.jvp(lambda x: np.linalg.svd(x)[0], (x.data,), (np.ones((4, 2)),))


def test_methods_whose_call_differs_from_the_functions():
    x = leaf([[1.25, 2.5], [3.75, 5.0]])
    same(x.round(1).data, [[1.2, 2.5], [3.8, 5.0]])
    same(x.compress([False, True], axis=0).data, [[3.75, 5.0]])
    same(x.sort(axis=0).data, x.data)
    same(x.take([3, 0]).data, [5, 1.25])
    same(x.cummax(axis=1).data, x.data)


@pytest.mark.parametrize("f", [np.mean, np.var])
def test_a_mean_of_more_elements_than_half_precision_counts(f):
    values = np.arange(70_000) % 2
    grads = []
    for dtype in (np.float16, np.float32):
        x = Tensor(values.astype(dtype), requires_grad=True)
        f(x).backward()
        grads.append(x.grad)
    assert grads[0].dtype == np.float16
    np.testing.assert_allclose(grads[0], grads[1], rtol=2e-2, atol=1e-6)


# -- neighbours found by the testers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("order", "CFAK")
@pytest.mark.parametrize("lay", [np.ascontiguousarray, np.asfortranarray])
def test_C13_orders_that_depend_on_the_layout(order, lay):
    a = lay(np.arange(6.0).reshape(2, 3))
    flat = [lambda x: np.ravel(x, order=order), lambda x: x.ravel(order), lambda x: x.flatten(order)]
    shaped = [lambda x: np.reshape(x, (3, 2), order=order), lambda x: x.reshape(3, 2, order=order)]
    for f in flat if order == "K" else flat + shaped:
        same(f(Tensor(a)).data, f(a))
        same(grad(f, a, g=f(a)), a)


def test_C13_an_order_in_memory_that_is_none():
    a = np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2)
    with pytest.raises(ValueError, match=r"ravel: order='K' of a tensor whose elements lie neither by rows"):
        np.ravel(np.transpose(leaf(a.transpose(1, 0, 2).copy()), (1, 0, 2)), order="K")


@pytest.mark.parametrize("params", [{"initial": 2.5}, {"axis": 1, "initial": np.float64(2)}, {"axis": 0, "initial": 3}])
@pytest.mark.parametrize("name", ["sum", "prod", "nansum", "nanprod"])
def test_reductions_that_begin_with_a_value(name, params):
    f = getattr(np, name)
    a = np.array([[1.0, 2.0, 3.0], [0.5, 4.0, 1.5]])
    scale = params["initial"] if "prod" in name else 1.0
    plain = {k: v for k, v in params.items() if k != "initial"}
    for dtype in (np.float64, np.float32):
        y = f(leaf(a, dtype), **params)
        want = f(a.astype(dtype), **params)
        assert y.dtype == want.dtype
        np.testing.assert_allclose(y.data, want, rtol=1e-6)
    whole, bare = (lambda x: f(x, **params)), (lambda x: f(x, **plain))
    np.testing.assert_allclose(grad(whole, a), scale * grad(bare, a), rtol=1e-14)
    np.testing.assert_allclose(tg.jvp(whole, (a,), (a,))[1], scale * tg.jvp(bare, (a,), (a,))[1], rtol=1e-14)


def test_the_value_that_a_reduction_begins_with_has_a_gradient():
    a = np.array([2.0, 3.0, 4.0])
    same(grad(lambda start: np.sum(Tensor(a), initial=start), 2.0), 1.0)
    same(grad(lambda start: np.prod(Tensor(a), initial=start), 2.0), 24.0)


def test_C121_a_masked_array_on_the_left():
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    for f in (np.add, np.multiply, lambda a, b: a * b, lambda a, b: a - b, lambda a, b: b / a):
        with pytest.raises(TypeError, match="masked array would lose its mask"):
            f(masked, leaf([1.0, 2.0]))


def test_errors_keep_the_types_that_numpy_raises():
    with pytest.raises(np.linalg.LinAlgError, match=r"^inv: Singular matrix"):
        np.linalg.inv(leaf(np.ones((2, 2))))
    with pytest.raises(np.linalg.LinAlgError, match=r"^slogdet: Singular matrix: the derivative needs the inverse"):
        np.linalg.slogdet(leaf(np.ones((2, 2))))[1].backward()
    with pytest.raises(np.exceptions.AxisError, match=r"^sum: axis 3 is out of bounds"):
        np.sum(leaf(np.ones((2, 2))), axis=3)
    with pytest.raises(IndexError, match="trapezoid: axis -1 is out of range"):
        np.trapezoid(leaf(1.0))
