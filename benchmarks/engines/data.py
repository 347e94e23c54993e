"""The numbers that all engines start from."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np


def mlp_data(sizes: tuple[int, ...], batch: int) -> tuple[Any, Any, list[Any], list[Any]]:
    """Give a batch, its labels, weights of shape (in, out) by He's rule, and zero biases, all float32."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, sizes[0])).astype(np.float32)
    labels = rng.integers(0, sizes[-1], batch)
    weights = [(rng.normal(size=(a, b)) * np.sqrt(2 / a)).astype(np.float32) for a, b in pairwise(sizes)]
    return x, labels, weights, [np.zeros(b, np.float32) for b in sizes[1:]]


def elementwise_data(n: int) -> Any:
    return np.random.default_rng(0).normal(size=n).astype(np.float32)


def chain_data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(8, 8)), rng.normal(size=(8, 8)) * 0.9


def hvp_data(n: int) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=n), rng.normal(size=n), rng.normal(size=(n, n)) / np.sqrt(n), rng.normal(size=n)
