"""The numbers that all engines start from."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

RATE = 0.1
"""The learning rate of every training step."""

CHANNELS = (1, 8, 16)
"""Of the conv net: two 3 × 3 convolutions, each with ReLU and 2 × 2 max-pooling, then a dense layer 64-10."""


def mlp_data(sizes: tuple[int, ...], batch: int) -> tuple[Any, Any, list[Any], list[Any]]:
    """Give a batch, its labels, weights of shape (in, out) by He's rule, and zero biases, all float32."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, sizes[0])).astype(np.float32)
    labels = rng.integers(0, sizes[-1], batch)
    weights = [(rng.normal(size=(a, b)) * np.sqrt(2 / a)).astype(np.float32) for a, b in pairwise(sizes)]
    return x, labels, weights, [np.zeros(b, np.float32) for b in sizes[1:]]


def changes(now: list[Any], start: list[Any]) -> list[Any]:
    """Give how far parameters have moved: what training wrote, without the start that would hide an error in it."""
    return [a - b for a, b in zip(now, start, strict=True)]


def elementwise_data(n: int) -> Any:
    return np.random.default_rng(0).normal(size=n).astype(np.float32)


def chain_data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(8, 8)), rng.normal(size=(8, 8)) * 0.9


def hvp_data(n: int) -> tuple[Any, Any, Any, Any]:
    """Give a point x, a direction v, and the weights w (n, n) and u (n,) of u · tanh(w x), float64."""
    rng = np.random.default_rng(0)
    return rng.normal(size=n), rng.normal(size=n), rng.normal(size=(n, n)) / np.sqrt(n), rng.normal(size=n)


def hvp_weights_data(n: int, batch: int) -> tuple[Any, Any, tuple[Any, Any], tuple[Any, Any]]:
    """Give inputs (batch, n), targets (batch,), weights (w, u) and a direction in them, float64."""
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(batch, n)), rng.normal(size=batch)
    weights = rng.normal(size=(n, n)) / np.sqrt(n), rng.normal(size=n) / np.sqrt(n)
    return x, t, weights, (rng.normal(size=(n, n)), rng.normal(size=n))


def conv_data(batch: int) -> tuple[Any, Any, list[Any], list[Any]]:
    """Give images (batch, 1, 8, 8), labels, filters (out, in, 3, 3) with a dense (64, 10), and biases, float32."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, 1, 8, 8)).astype(np.float32)
    labels = rng.integers(0, 10, batch)
    shapes = [(b, a, 3, 3) for a, b in pairwise(CHANNELS)] + [(64, 10)]
    fans = [9 * a for a in CHANNELS[:-1]] + [64]
    weights = [(rng.normal(size=s) * np.sqrt(2 / n)).astype(np.float32) for s, n in zip(shapes, fans, strict=True)]
    return x, labels, weights, [np.zeros(n, np.float32) for n in (*CHANNELS[1:], 10)]
