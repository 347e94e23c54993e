"""Whether np.dot and @ give the same bits: tried on numbers, once for each pair of shapes, dtypes and layouts."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .program import Value


@functools.lru_cache(maxsize=256)
def _same(a: Any, b: Any) -> bool:
    rng = np.random.default_rng(0)
    for _ in range(2):
        x, y = _sample(rng, a), _sample(rng, b)
        if np.dot(x, y).tobytes() != np.matmul(x, y).tobytes():
            return False
    return True


def _sample(rng: Any, outline: Any) -> Any:
    shape, dtype, order = outline
    x = rng.normal(size=shape) if np.dtype(dtype).kind == "f" else rng.integers(0, 9, shape)
    return np.asarray(x.astype(dtype), order="F" if order == "F" else "C")


def same_product(a: Value, b: Value) -> bool:
    """Tell whether np.dot and @ give the same bits for two arrays of these shapes, dtypes and orders in memory."""
    if a is b or "A" in (a.order, b.order) or a.size + b.size > 1 << 22:
        return False
    return _same((a.shape, str(a.dtype), a.order), (b.shape, str(b.dtype), b.order))
