"""Products and linear algebra, each with its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import case, general, multilinear


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


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    y = x @ weight.T
    y += bias
    return y


def _rows(x: Any) -> Any:
    return x if x.ndim == 2 else np.reshape(x, (-1, x.shape[-1]))


def _affine_jvp(tangents: Any, y: Any, x: Any, weight: Any, bias: Any) -> Any:
    tx, tw, tb = tangents
    parts = []
    if tx is not None:
        parts.append(tx @ np.transpose(weight))
    if tw is not None:
        parts.append(x @ np.transpose(tw))
    if tb is not None:
        parts.append(np.broadcast_to(tb, y.shape))
    total = parts[0]
    for p in parts[1:]:
        total = total + p
    return total


affine = general(
    _affine,
    lambda g, y, x, weight, bias: np.matmul(g, weight),
    lambda g, y, x, weight, bias: np.matmul(np.transpose(_rows(g)), _rows(x)),
    lambda g, y, x, weight, bias: np.sum(_rows(g), axis=0),
    jvp=_affine_jvp,
    name="affine",
    analytic=True,
    formula="x @ weight.T + bias",
    cases=[case((5, 3), (2, 3), (2,)), case((3,), (2, 3), (2,)), case((4, 5, 3), (2, 3), (2,))],
)
