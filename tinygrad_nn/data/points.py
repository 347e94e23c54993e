"""Points in the plane that no straight line separates: two moons, spirals."""

import math
import operator
from typing import Any

import numpy as np

from .arrays import Splits, split_by_class
from .error import DataError


def moons(
    n: int = 1000,
    noise: float = 0.1,
    test_size: float | int = 0.2,
    rng: np.random.Generator | int | None = 0,
) -> Splits:
    """Return n points on two interleaving half circles: ((X_train, y_train), (X_test, y_test)).

    Class 0 is (cos t, sin t), class 1 is (1 − cos t, 1/2 − sin t), t evenly spaced in [0, π], to which Gaussian noise
    of standard deviation `noise` is added. X is float32 (n, 2), y int64; each class is split in the same proportion.
    The geometry is that of `sklearn.datasets.make_moons`. DataError for n below 2 or a noise that is negative or not
    finite.

    >>> (X_train, y_train), (X_test, y_test) = moons(n=100)
    >>> X_train.shape, X_test.shape, np.bincount(y_test)
    ((80, 2), (20, 2), array([10, 10]))
    """
    n, noise = _checked("moons", n, 2, noise)
    angles = [np.linspace(0, math.pi, count) for count in _shares(n, 2)]
    outer = np.stack([np.cos(angles[0]), np.sin(angles[0])], axis=1)
    inner = np.stack([1 - np.cos(angles[1]), 0.5 - np.sin(angles[1])], axis=1)
    return _noisy_split([outer, inner], noise, test_size, rng)


def spiral(
    n: int = 900,
    classes: int = 3,
    noise: float = 0.02,
    test_size: float | int = 0.2,
    rng: np.random.Generator | int | None = 0,
    turns: float = 0.75,
) -> Splits:
    """Return n points on intertwined spirals, one arm for each class: ((X_train, y_train), (X_test, y_test)).

    Arm k is r (sin θ, cos θ) with θ = 2π (turns r + k / classes), r evenly spaced in (0, 1], to which Gaussian noise
    of standard deviation `noise` is added. X is float32 (n, 2), y int64; each class is split in the same proportion.
    DataError for fewer points than classes, no class, or a noise or number of turns that is negative or not finite.

    >>> (X_train, y_train), _ = spiral(n=300, classes=4)
    >>> X_train.shape, np.bincount(y_train)
    ((240, 2), array([60, 60, 60, 60]))
    """
    classes = _whole("spiral", "classes", classes, 1)
    n, noise = _checked("spiral", n, classes, noise)
    turns = _amount("spiral", "turns", turns)
    arms = []
    for k, count in enumerate(_shares(n, classes)):
        radius = np.arange(1, count + 1) / count
        angle = 2 * math.pi * (turns * radius + k / classes)
        arms.append(radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1))
    return _noisy_split(arms, noise, test_size, rng)


def _shares(n: int, classes: int) -> list[int]:
    """Return n in nearly equal parts, the later ones greater, as scikit-learn's generators have it."""
    return [n // classes + (k >= classes - n % classes) for k in range(classes)]


def _noisy_split(groups: list[np.ndarray], noise: float, test_size: float | int, rng: Any) -> Splits:
    generator = np.random.default_rng(rng)
    points = np.concatenate(groups)
    points += noise * generator.standard_normal(points.shape)
    labels = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return split_by_class(points.astype(np.float32), labels, test_size, generator)


def _checked(operation: str, n: Any, least: int, noise: Any) -> tuple[int, float]:
    return _whole(operation, "n", n, least), _amount(operation, "noise", noise)


def _whole(operation: str, name: str, value: Any, least: int) -> int:
    number = operator.index(value)
    if number < least:
        raise DataError(f"{operation}: {name} must be at least {least}, got {number}")
    return number


def _amount(operation: str, name: str, value: Any) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise DataError(f"{operation}: {name} must be finite and not negative, got {value}")
    return float(value)
