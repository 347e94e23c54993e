"""Arithmetic, element by element, each operation with its derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import case, composite, elementwise
from .domains import INF, POSITIVE, REAL

__all__ = ["INF", "POSITIVE", "REAL"]

_NUMBERS = (int, float, bool)

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
cbrt = elementwise(np.cbrt, lambda g, y, x: g / (3.0 * y * y), domain="nonzero", kinks="infinite at 0")


def _slope(power: Any, a: Any, b: Any) -> Any:
    """Give b * a**(b-1), with 0 for b = 0 also where a = 0."""
    if type(b) in _NUMBERS:
        return b * power(a, b - 1) if b != 0 else 0.0 * a
    # Only where both are 0 the base is replaced: for b = 0 elsewhere the derivative of this in b must stay 1/a.
    return b * power(np.where((a == 0) & (b == 0), 1.0, a), b - 1.0)


def _growth(y: Any, a: Any) -> Any:
    """Give a**b * log(a), with 0 where a = 0: the logarithm is taken of 1 there."""
    if type(a) in _NUMBERS:
        return y * (math.log(a) if a > 0 else 0.0 if a == 0 else math.nan)
    return y * np.log(np.where(a == 0, 1.0, a))


power = elementwise(
    np.power,
    lambda g, y, a, b: g * _slope(np.power, a, b),
    lambda g, y, a, b: g * _growth(y, a),
    analytic=True,
    domain=(POSITIVE, REAL),
    kinks="x**0 has derivative 0, at 0 too; 0**b has derivative 0 in b",
)
float_power = elementwise(
    np.float_power,
    lambda g, y, a, b: g * _slope(np.float_power, a, b),
    lambda g, y, a, b: g * _growth(y, a),
    analytic=True,
    domain=(POSITIVE, REAL),
    kinks="x**0 has derivative 0, at 0 too; 0**b has derivative 0 in b",
)
absolute = elementwise(np.absolute, lambda g, y, x: g * np.sign(x), kinks="0 at 0")
fabs = elementwise(np.fabs, lambda g, y, x: g * np.sign(x), kinks="0 at 0")
where = elementwise(
    np.where,
    None,
    lambda g, y, c, a, b: np.where(c, g, 0.0),
    lambda g, y, c, a, b: np.where(c, 0.0, g),
    domain=("bool", REAL, REAL),
    analytic=True,
)


# At a tie a half each. A NaN makes the result of maximum and minimum, so the cotangent goes to it; fmax and fmin pass
# over a NaN, so it goes to the other side.
maximum = elementwise(
    np.maximum,
    lambda g, y, a, b: g * ((a > b) | (a != a)) + 0.5 * g * (a == b),
    lambda g, y, a, b: g * ((b > a) | (b != b)) + 0.5 * g * (a == b),
    kinks="a half each at ties",
)
minimum = elementwise(
    np.minimum,
    lambda g, y, a, b: g * ((a < b) | (a != a)) + 0.5 * g * (a == b),
    lambda g, y, a, b: g * ((b < a) | (b != b)) + 0.5 * g * (a == b),
    kinks="a half each at ties",
)
fmax = elementwise(
    np.fmax,
    lambda g, y, a, b: g * ((a > b) | (b != b)) + 0.5 * g * (a == b),
    lambda g, y, a, b: g * ((b > a) | (a != a)) + 0.5 * g * (a == b),
    kinks="a half each at ties",
)
fmin = elementwise(
    np.fmin,
    lambda g, y, a, b: g * ((a < b) | (b != b)) + 0.5 * g * (a == b),
    lambda g, y, a, b: g * ((b < a) | (a != a)) + 0.5 * g * (a == b),
    kinks="a half each at ties",
)


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low = a_min if a_min is not None else min
    high = a_max if a_max is not None else max
    if low is not None:
        a = np.maximum(a, low)
    if high is not None:
        return np.minimum(a, high)
    return a if low is not None else np.positive(a)


clip = composite(
    _clip,
    name="clip",
    numpy=np.clip,
    cases=[
        case((3, 4), -0.5, 1.1),
        case((3, 4), (4,), 1.7),
        case((), None, 0.4),
        case((3,), -0.3, None),
        case((3, 4), min=0.2),
        case((3, 4), min=0.2, max=0.9),
        case((3, 4), max=np.array([0.1, 0.5, 0.9, 1.4])),
    ],
    kinks="a half at either bound (minimum of maximum)",
)


def _sigmoid(x: Any) -> Any:
    # exp may overflow to inf for very negative x, which gives exactly 0: right, and worth no warning.
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-x))


sigmoid = elementwise(_sigmoid, lambda g, y, x: g * (y * (1.0 - y)), name="sigmoid", analytic=True, method=True)
relu = elementwise(lambda x: np.maximum(x, 0.0), lambda g, y, x: g * (y > 0), name="relu", method=True, kinks="0 at 0")
