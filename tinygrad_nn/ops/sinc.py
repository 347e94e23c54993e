"""The sinc function, with a derivative that is exact near 0 to any order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import Op, case, elementwise

_PI2 = math.pi * math.pi


def _tower(x: Any, order: int = 1) -> Any:
    """Give j_k(z) / z**k for z = pi x and k = order, where j_k is the spherical Bessel function.

    These functions are smooth and even, and the derivative of each is -z times the next one (DLMF 10.51.3), so that
    sinc (k = 0) has derivatives of every order that never divide by a small number.
    """
    dtype = np.result_type(x, np.float16)
    z = np.absolute(np.multiply(x, math.pi, dtype=np.float64))
    with np.errstate(over="ignore"):
        z2 = np.square(z)
    # Below this bound the power series (DLMF 10.53.1) cancels no digits; above it the recurrence is stable.
    small = z2 < 2.0 * (2 * order + 3)
    near = np.where(small, z2, 0.0)
    term = np.full_like(near, 1.0 / math.prod(range(1, 2 * order + 2, 2)))
    total = term
    for m in range(1, 24):
        term = term * near / (-2.0 * m * (2 * (order + m) + 1))
        total = total + term
    far, z = np.where(small, 100.0, z2), np.where(small, 10.0, z)
    before, now = np.cos(z), np.sin(z) / z
    for k in range(order):
        before, now = now, ((2 * k + 1) * now - before) / far
    return np.where(small, total, now).astype(dtype)[()]


sinc = elementwise(np.sinc, lambda g, y, x: g * (-_PI2 * x * sinc_tower(x, order=1)), kinks="smooth at 0")
sinc_tower: Op = elementwise(
    _tower,
    lambda g, y, x, order=1: g * (-_PI2 * x * sinc_tower(x, order=order + 1)),
    name="sinc_tower",
    numpy=(),
    formula="spherical_jn(order, pi * x) / (pi * x)**order",
    cases=[case((3, 4)), case((5,), order=2), case(np.array([0.0, 1e-9, 0.3, 4.0, 1e3]), order=1)],
)
