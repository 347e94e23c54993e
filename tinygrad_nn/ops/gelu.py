"""The error function in plain NumPy, and GELU, which weighs x by the normal distribution below it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..convert import kept
from ..op import case, elementwise

# Sun Microsystems' fdlibm, s_erf.c: rational approximations on four intervals, each good to less than one unit in the
# last place of a double. Coefficients run from the constant term upwards.
_SMALL_P = (
    1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02, -5.77027029648944159157e-03,
    -2.37630166566501626084e-05,
)  # fmt: skip
_SMALL_Q = (
    1.0, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03, 1.32494738004321644526e-04,
    -3.96022827877536812320e-06,
)  # fmt: skip
_NEAR_ONE = 8.45062911510467529297e-01
_ONE_P = (
    -2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01, 3.18346619901161753674e-01,
    -1.10894694282396677476e-01, 3.54783043256182359371e-02, -2.16637559486879084300e-03,
)  # fmt: skip
_ONE_Q = (
    1.0, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02, 1.26171219808761642112e-01,
    1.36370839120290507362e-02, 1.19844998467991074170e-02,
)  # fmt: skip
_MIDDLE_R = (
    -9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e+01, -6.23753324503260060396e+01,
    -1.62396669462573470355e+02, -1.84605092906711035994e+02, -8.12874355063065934246e+01, -9.81432934416914548592e+00,
)  # fmt: skip
_MIDDLE_S = (
    1.0, 1.96512716674392571292e+01, 1.37657754143519042600e+02, 4.34565877475229228821e+02, 6.45387271733267880336e+02,
    4.29008140027567833386e+02, 1.08635005541779435134e+02, 6.57024977031928170135e+00, -6.04244152148580987438e-02,
)  # fmt: skip
_LARGE_R = (
    -9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e+01, -1.60636384855821916062e+02,
    -6.37566443368389627722e+02, -1.02509513161107724954e+03, -4.83519191608651397019e+02,
)  # fmt: skip
_LARGE_S = (
    1.0, 3.03380607434824582924e+01, 3.25792512996573918826e+02, 1.53672958608443695994e+03, 3.19985821950859553908e+03,
    2.55305040643316442583e+03, 4.74528541206955367215e+02, -2.24409524465858183362e+01,
)  # fmt: skip


def _horner(coefficients: tuple[float, ...], x: Any) -> Any:
    total = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        total *= x
        total += c
    return total


def _tail(a: Any) -> Any:
    """Give 1 - erf(a) for 1.25 < a < 28, to all digits."""
    s = 1.0 / (a * a)
    middle = a < 1.0 / 0.35
    ratio = np.empty_like(a)
    for part, top, bottom in ((middle, _MIDDLE_R, _MIDDLE_S), (~middle, _LARGE_R, _LARGE_S)):
        v = s[part]
        ratio[part] = _horner(top, v) / _horner(bottom, v)
    # exp(-a*a) to full precision: a is split into z, whose square is exact, and the rest.
    z = a.astype(np.float32).astype(np.float64)
    return np.exp(-z * z - 0.5625) * np.exp((z - a) * (z + a) + ratio) / a


def _both(a: Any) -> tuple[Any, Any]:
    """Give erf(a) and 1 - erf(a) of a vector a >= 0, each to all its digits."""
    near = np.where(a >= 28.0, 1.0, np.nan)
    far = 1.0 - near
    part = np.flatnonzero(a < 0.84375)
    v = a[part]
    near[part] = e = v + v * (_horner(_SMALL_P, v * v) / _horner(_SMALL_Q, v * v))
    far[part] = 1.0 - e
    part = np.flatnonzero((a >= 0.84375) & (a < 1.25))
    v = a[part] - 1.0
    ratio = _horner(_ONE_P, v) / _horner(_ONE_Q, v)
    near[part] = _NEAR_ONE + ratio
    far[part] = (1.0 - _NEAR_ONE) - ratio
    part = np.flatnonzero((a >= 1.25) & (a < 28.0))
    far[part] = c = _tail(a[part])
    near[part] = 1.0 - c
    return near, far


def _erf(x: Any) -> Any:
    x = kept(x)
    flat = x.astype(np.float64).reshape(-1)
    return np.copysign(_both(np.abs(flat))[0], flat).reshape(x.shape).astype(np.result_type(x, 0.5))


_SLOPE = 2.0 / math.sqrt(math.pi)
_ROOT = math.sqrt(0.5)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)

#: Layers must not need SciPy. With it, the registered operation of this name is scipy.special's (ops/special.py).
erf = elementwise(_erf, lambda g, y, x: g * (_SLOPE * np.exp(-x * x)), name="erf", register=False)


def _normal_cdf(x: Any) -> Any:
    x = kept(x)
    flat = x.astype(np.float64).reshape(-1)
    near, far = _both(np.abs(flat) * _ROOT)
    # Far to the left the result keeps its digits: it is not 1 minus something close to 1.
    p = 0.5 * np.where(flat < 0, far, 1.0 + near)
    return p.reshape(x.shape).astype(np.result_type(x, 0.5))


normal_cdf = elementwise(
    _normal_cdf,
    lambda g, y, x: g * (_DENSITY * np.exp(-0.5 * (x * x))),
    name="normal_cdf",
    formula="(1 + erf(x / sqrt(2))) / 2",
)


def _gelu(x: Any) -> tuple[Any, Any]:
    p = _normal_cdf(x)
    return x * p, p


def _gelu_slope(x: Any, p: Any) -> Any:
    return p + x * (_DENSITY * np.exp(-0.5 * (x * x)))


gelu = elementwise(
    _gelu,
    lambda g, y, x, residual=None: g * _gelu_slope(x, normal_cdf(x) if residual is None else residual),
    name="gelu",
    residual=True,
    formula="x * normal_cdf(x)",
)

# Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016).
_BETA = math.sqrt(2.0 / math.pi)
_CUBIC = 0.044715


def _tanh_slope(x: Any) -> Any:
    t = np.tanh(_BETA * (x + _CUBIC * (x * x * x)))
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * (_BETA * (1.0 + 3.0 * _CUBIC * (x * x)))


gelu_tanh = elementwise(
    lambda x: 0.5 * x * (1.0 + np.tanh(_BETA * (x + _CUBIC * (x * x * x)))),
    lambda g, y, x: g * _tanh_slope(x),
    name="gelu_tanh",
    analytic=True,
    formula="x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2",
    cases=[case((3, 4)), case(()), case((0,))],
)
