"""Products and linear algebra, each with its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import case, multilinear


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return g * b if a.ndim == 1 else np.expand_dims(g, -1) * b
    if a.ndim == 1:
        return np.squeeze(np.matmul(b, np.expand_dims(g, -1)), -1)
    return np.matmul(g, np.matrix_transpose(b))


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return g * a if b.ndim == 1 else np.expand_dims(a, -1) * np.expand_dims(g, -2)
    if b.ndim == 1:
        return np.squeeze(np.matmul(np.matrix_transpose(a), np.expand_dims(g, -1)), -1)
    return np.matmul(np.matrix_transpose(a), g)


matmul = multilinear(
    np.matmul,
    _matmul_left,
    _matmul_right,
    analytic=True,
    cases=[
        case((3,), (3,)),
        case((2, 3), (3,)),
        case((3,), (3, 2)),
        case((2, 3), (3, 4)),
        case((2, 2, 3), (3,)),
        case((3,), (2, 3, 4)),
        case((2, 1, 3, 4), (5, 4, 2)),
        case((0, 3), (3, 2)),
        case((2, 0), (0, 3)),
    ],
)
