"""The dense layer x @ weight.T + bias as one operation: one node, and no array that only carries a sum."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..convert import beside
from ..op import case, general


@lru_cache(maxsize=64)
def ones(n: int, dtype: Any) -> Any:
    """Give n ones that nobody can change: a product with them sums, several times faster than a reduction."""
    v = np.ones(n, dtype)
    v.flags.writeable = False
    return v


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    if not getattr(x, "ndim", 0):
        raise ValueError("the input is a single number; it needs an axis as long as the weight's last one")
    y = np.dot(x, weight.T)
    if y.dtype == bias.dtype and y.ndim:
        y += bias
        return y
    return y + bias


def _rows(x: Any) -> Any:
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def _affine_jvp(tangents: Any, y: Any, x: Any, weight: Any, bias: Any) -> Any:
    tx, tw, tb = tangents
    parts = []
    if tx is not None:
        parts.append(np.dot(tx, weight.T))
    if tw is not None:
        parts.append(np.dot(x, tw.T))
    if tb is not None:
        parts.append(np.broadcast_to(tb, y.shape))
    total = parts[0]
    for p in parts[1:]:
        total = total + p
    return total


affine = general(
    _affine,
    lambda g, y, x, weight, bias: np.dot(g, weight),
    lambda g, y, x, weight, bias: np.dot(_rows(g).T, _rows(x)),
    lambda g, y, x, weight, bias: np.dot(beside(ones(y.size // y.shape[-1], y.dtype), g), _rows(g)),
    jvp=_affine_jvp,
    name="affine",
    analytic=True,
    formula="x @ weight.T + bias",
    cases=[
        case((5, 3), (2, 3), (2,)),
        case((3,), (2, 3), (2,)),
        case((4, 5, 3), (2, 3), (2,)),
        case((0, 3), (2, 3), (2,)),
    ],
)
