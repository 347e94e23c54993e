"""Trigonometric and hyperbolic functions with their inverses, each with its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import case, elementwise
from .domains import INF, UNIT

sin = elementwise(np.sin, lambda g, y, x: g * np.cos(x), analytic=True)
cos = elementwise(np.cos, lambda g, y, x: -g * np.sin(x), analytic=True)
tan = elementwise(np.tan, lambda g, y, x: g * (1.0 + y * y), analytic=True, domain=(-1.5, 1.5))
# (1 - x) * (1 + x) keeps the digits that 1 - x*x loses near 1.
arcsin = elementwise(
    np.arcsin,
    lambda g, y, x: g / np.sqrt((1.0 - x) * (1.0 + x)),
    analytic=True,
    domain=UNIT,
    kinks="infinite at -1 and 1",
)
arccos = elementwise(
    np.arccos,
    lambda g, y, x: -g / np.sqrt((1.0 - x) * (1.0 + x)),
    analytic=True,
    domain=UNIT,
    kinks="infinite at -1 and 1",
)


def _over_one_plus_square(g: Any, x: Any) -> Any:
    """Give g / (1 + x*x) without overflow."""
    h = np.hypot(1.0, x)
    return g / h / h


arctan = elementwise(np.arctan, lambda g, y, x: _over_one_plus_square(g, x), analytic=True)
sinh = elementwise(np.sinh, lambda g, y, x: g * np.cosh(x), analytic=True)
cosh = elementwise(np.cosh, lambda g, y, x: g * np.sinh(x), analytic=True)
tanh = elementwise(np.tanh, lambda g, y, x: g * (1.0 - y * y), analytic=True, method=True)
arcsinh = elementwise(np.arcsinh, lambda g, y, x: g / np.hypot(1.0, x), analytic=True)
arccosh = elementwise(
    np.arccosh,
    lambda g, y, x: g / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0)),
    analytic=True,
    domain=(1.0, INF),
    kinks="infinite at 1",
)
arctanh = elementwise(
    np.arctanh,
    lambda g, y, x: g / ((1.0 - x) * (1.0 + x)),
    analytic=True,
    domain=UNIT,
    kinks="infinite at -1 and 1",
)
deg2rad = elementwise(np.deg2rad, lambda g, y, x: np.deg2rad(g), numpy=(np.deg2rad, np.radians))
rad2deg = elementwise(np.rad2deg, lambda g, y, x: np.rad2deg(g), numpy=(np.rad2deg, np.degrees))


def _not_zero(h: Any) -> Any:
    """Give h, and infinity where it is 0: whatever is divided by it becomes 0 there, to any order."""
    return np.where(h == 0, INF, h)


hypot = elementwise(
    np.hypot,
    lambda g, y, a, b: g * (a / _not_zero(y)),
    lambda g, y, a, b: g * (b / _not_zero(y)),
    kinks="0 at (0, 0)",
)


def _over_square(g: Any, x: Any, h: Any) -> Any:
    """Give g * x / h**2 without overflow, 0 where h = 0."""
    h = _not_zero(h)
    return g * (x / h / h)


arctan2 = elementwise(
    np.arctan2,
    lambda g, y, a, b: _over_square(g, b, np.hypot(a, b)),
    lambda g, y, a, b: -_over_square(g, a, np.hypot(a, b)),
    kinks="0 at (0, 0)",
)


# What unwrap adds is a multiple of the period that changes only at jumps: a constant to the derivative.
unwrap = elementwise(
    np.unwrap,
    lambda g, y, x, discont=None, axis=-1, period=6.283185307179586: g,
    domain=(-1.5, 1.5),
    cases=[case((7,)), case((3, 4)), case((3, 4), axis=0), case((5,), period=3.0)],
    kinks="1 everywhere; the value jumps where a difference crosses half a period",
)
