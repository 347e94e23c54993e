"""Exponentials and logarithms, each with its derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import elementwise
from .domains import INF, POSITIVE
from .elementwise import sigmoid

_LN2 = math.log(2.0)
_LN10 = math.log(10.0)

exp = elementwise(np.exp, lambda g, y, x: g * y, analytic=True, method=True)
exp2 = elementwise(np.exp2, lambda g, y, x: g * (y * _LN2), analytic=True)
# Not g * (y + 1.0): where y is close to -1 the sum has no digits left.
expm1 = elementwise(np.expm1, lambda g, y, x: g * np.exp(x), analytic=True)
log = elementwise(np.log, lambda g, y, x: g / x, analytic=True, domain=POSITIVE, method=True, kinks="infinite at 0")
log2 = elementwise(np.log2, lambda g, y, x: g / (x * _LN2), analytic=True, domain=POSITIVE, kinks="infinite at 0")
log10 = elementwise(np.log10, lambda g, y, x: g / (x * _LN10), analytic=True, domain=POSITIVE, kinks="infinite at 0")
log1p = elementwise(np.log1p, lambda g, y, x: g / (1.0 + x), analytic=True, domain=(-1.0, INF), kinks="infinite at -1")


def _gap(a: Any, b: Any) -> Any:
    """Give a - b, and 0 where both are the same infinity."""
    same = (a == b) & np.isinf(a)
    return np.where(same, 0.0, a) - np.where(same, 0.0, b)


# The shares are sigmoids of the difference. exp(a - y) would be 1 instead of a half where y = a + log 2 rounds to a.
logaddexp = elementwise(
    np.logaddexp,
    lambda g, y, a, b: g * sigmoid(_gap(a, b)),
    lambda g, y, a, b: g * sigmoid(_gap(b, a)),
    kinks="a half each where both are the same infinity",
)
logaddexp2 = elementwise(
    np.logaddexp2,
    lambda g, y, a, b: g * sigmoid(_gap(a, b) * _LN2),
    lambda g, y, a, b: g * sigmoid(_gap(b, a) * _LN2),
    kinks="a half each where both are the same infinity",
)
