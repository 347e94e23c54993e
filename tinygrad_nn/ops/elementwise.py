"""Operations that work element by element, each with its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import composite, elementwise

INF = float("inf")
REAL = (-INF, INF)
POSITIVE = (0.0, INF)


def _share(g: Any, a: Any, b: Any) -> Any:
    """Give g where a > b, half of it at a tie, and g where a is NaN (it made the result)."""
    return (g * ((a > b) | (a != a)) + g * ((a >= b) | (a != a))) * 0.5


add = elementwise(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g, analytic=True)
subtract = elementwise(np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g, analytic=True)
multiply = elementwise(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, analytic=True)
divide = elementwise(
    np.divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b, analytic=True, domain=(REAL, "nonzero")
)
negative = elementwise(np.negative, lambda g, y, x: -g, analytic=True)
positive = elementwise(np.positive, lambda g, y, x: g, analytic=True)
reciprocal = elementwise(np.reciprocal, lambda g, y, x: -g * y * y, analytic=True, domain="nonzero")
square = elementwise(np.square, lambda g, y, x: g * (2.0 * x), analytic=True)
sqrt = elementwise(
    np.sqrt, lambda g, y, x: g * 0.5 / y, analytic=True, domain=POSITIVE, kinks="infinite at 0", method=True
)
power = elementwise(
    np.power,
    # b * a**(b-1), written so that b = 0 gives 0 also at a = 0.
    lambda g, y, a, b: g * (b * a ** np.where(b == 0, 1.0, b - 1.0)),
    # At a = 0 the derivative in b is 0 (b > 0): the logarithm is taken of 1 there.
    lambda g, y, a, b: g * (y * np.log(np.where(a == 0, 1.0, a))),
    analytic=True,
    domain=(POSITIVE, REAL),
    kinks="x**0 has derivative 0, at 0 too",
)
exp = elementwise(np.exp, lambda g, y, x: g * y, analytic=True, method=True)
log = elementwise(np.log, lambda g, y, x: g / x, analytic=True, domain=POSITIVE, method=True)
sin = elementwise(np.sin, lambda g, y, x: g * np.cos(x), analytic=True)
cos = elementwise(np.cos, lambda g, y, x: -g * np.sin(x), analytic=True)
tanh = elementwise(np.tanh, lambda g, y, x: g * (1.0 - y * y), analytic=True, method=True)
absolute = elementwise(np.absolute, lambda g, y, x: g * np.sign(x), kinks="0 at 0")
sign = elementwise(np.sign, lambda g, y, x: g * 0.0, kinks="0 everywhere")
maximum = elementwise(
    np.maximum, lambda g, y, a, b: _share(g, a, b), lambda g, y, a, b: _share(g, b, a), kinks="a half each at ties"
)
minimum = elementwise(
    np.minimum,
    lambda g, y, a, b: _share(g, -a, -b),
    lambda g, y, a, b: _share(g, -b, -a),
    kinks="a half each at ties",
)
where = elementwise(
    np.where,
    None,
    lambda g, y, c, a, b: np.where(c, g, 0.0),
    lambda g, y, c, a, b: np.where(c, 0.0, g),
    domain=("bool", REAL, REAL),
    analytic=True,
)


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:  # noqa: A002
    low = a_min if a_min is not None else min
    high = a_max if a_max is not None else max
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


clip = composite(_clip, name="clip", numpy=np.clip, kinks="a half at either bound (minimum of maximum)")


def _sigmoid(x: Any) -> Any:
    # exp may overflow to inf for very negative x, which gives exactly 0: right, and worth no warning.
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-x))


sigmoid = elementwise(_sigmoid, lambda g, y, x: g * (y * (1.0 - y)), name="sigmoid", analytic=True, method=True)
relu = elementwise(lambda x: np.maximum(x, 0.0), lambda g, y, x: g * (y > 0), name="relu", method=True, kinks="0 at 0")
