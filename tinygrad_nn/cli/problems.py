"""What the command line can train on: data, and the settings that learn them well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import data
from ..data import TensorDataset

Part = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Problem:
    """A classification problem: how to load it, what to call it, default settings."""

    load: Callable[[], tuple[Part, Part]]
    """Gives ((X_train, y_train), (X_test, y_test)): a fifth is held out, the same whatever the seed."""
    about: str
    hidden: tuple[int, ...]
    epochs: int
    batch_size: int
    lr: float
    momentum: float
    noise: float
    label_smoothing: float


PROBLEMS = {
    # Ten seeds: 98.6 to 99.7 % of the held-out digits. On six other splits the mean is 98.9 %, without noise and label
    # smoothing 97.5 %.
    "digits": Problem(
        load=lambda: data.digits(test_size=0.2, rng=0),
        about="handwritten digits of 8 x 8 pixels, in scikit-learn",
        hidden=(64, 32),
        epochs=40,
        batch_size=32,
        lr=0.1,
        momentum=0.9,
        noise=0.2,
        label_smoothing=0.1,
    ),
    "moons": Problem(
        load=lambda: data.moons(n=1000, noise=0.1, test_size=0.2, rng=0),
        about="1000 points on two interleaving half circles",
        hidden=(16, 16),
        epochs=40,
        batch_size=32,
        lr=0.1,
        momentum=0.9,
        noise=0.0,
        label_smoothing=0.0,
    ),
}


class Noisy(TensorDataset):
    """Inputs and labels, with new Gaussian noise of a standard deviation added to the inputs of every batch.

    >>> noisy = Noisy(np.zeros((2, 3), np.float32), np.array([0, 1]), 0.5, np.random.default_rng(0))
    >>> x, y = noisy.batch([1])
    >>> x.shape, x.dtype, bool((x != 0).all()), y
    ((1, 3), dtype('float32'), True, array([1]))
    """

    def __init__(self, X: np.ndarray, y: np.ndarray, noise: float, rng: np.random.Generator) -> None:
        super().__init__(X, y)
        self._noise = noise
        self._rng = rng

    def batch(self, indices: Any) -> tuple[np.ndarray, ...]:
        """Give the samples of these numbers, with noise."""
        x, y = super().batch(indices)
        return x + self._noise * self._rng.standard_normal(x.shape, x.dtype), y
