"""Distances and similarities of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...tensor import Tensor, as_tensor


def normalize(x: Any, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Tensor:
    """Give x divided by its p-norm along an axis (at least eps).

    >>> normalize([[3.0, 4.0]])
    Tensor([[0.6, 0.8]])
    """
    x = as_tensor(x, "normalize")
    return x / np.maximum(np.linalg.norm(x, p, axis=axis, keepdims=True), eps)


def cosine_similarity(x1: Any, x2: Any, axis: int = 1, eps: float = 1e-8) -> Tensor:
    """Give the cosine of the angle between vectors along an axis; each norm counts as at least eps.

    >>> cosine_similarity([[1.0, 0.0]], [[1.0, 1.0]])
    Tensor([0.70710678])
    """
    a, b = as_tensor(x1, "cosine_similarity"), as_tensor(x2, "cosine_similarity")
    na, nb = [np.maximum(np.linalg.norm(v, axis=axis, keepdims=True), eps) for v in (a, b)]
    return np.sum((a / na) * (b / nb), axis=axis)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> Tensor:
    """Give the p-norm of x1 - x2 + eps along the last axis.

    >>> pairwise_distance([[3.0, 0.0]], [[0.0, 4.0]], eps=0.0)
    Tensor([5.])
    """
    d = as_tensor(x1, "pairwise_distance") - as_tensor(x2, "pairwise_distance") + eps
    return np.linalg.norm(d, p, axis=-1, keepdims=keepdims)
