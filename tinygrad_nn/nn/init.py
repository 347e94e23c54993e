"""Initialisers: they write new random values into a parameter, in place, and give it back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from .options import Rng, generator


def _fill(t: Any, values: Any, who: str) -> Any:
    if isinstance(t, Tensor):
        if t.op is not None:
            raise TypeError(f"{who}: takes a parameter or another leaf tensor, got the result of {t.op.name}")
        t._own()[...] = values
    elif isinstance(t, np.ndarray):
        t[...] = values
    else:
        raise TypeError(f"{who}: takes a parameter or an array to write to, got {type(t).__name__}")
    return t


def uniform_(t: Any, low: float = 0.0, high: float = 1.0, rng: Rng = None) -> Any:
    """Write numbers drawn uniformly from low ... high.

    >>> uniform_(np.zeros(3), -1.0, 1.0, rng=0)
    array([ 0.27392337, -0.46042657, -0.91805295])
    """
    return _fill(t, generator(rng, "uniform_").uniform(low, high, t.shape), "uniform_")


def normal_(t: Any, mean: float = 0.0, std: float = 1.0, rng: Rng = None) -> Any:
    """Write numbers drawn from the normal distribution.

    >>> normal_(np.zeros(3), std=0.1, rng=0)
    array([ 0.01257302, -0.01321049,  0.06404227])
    """
    return _fill(t, generator(rng, "normal_").normal(mean, std, t.shape), "normal_")


def constant_(t: Any, value: float) -> Any:
    """Write the same number everywhere.

    >>> constant_(np.zeros(2), 0.5)
    array([0.5, 0.5])
    """
    return _fill(t, value, "constant_")


def zeros_(t: Any) -> Any:
    """Write zeros.

    >>> zeros_(np.ones(2))
    array([0., 0.])
    """
    return _fill(t, 0.0, "zeros_")


def ones_(t: Any) -> Any:
    """Write ones.

    >>> ones_(np.zeros(2))
    array([1., 1.])
    """
    return _fill(t, 1.0, "ones_")


def fans(shape: tuple[int, ...], who: str = "fans") -> tuple[int, int]:
    """Give the numbers of inputs and outputs of each unit of a weight (out, in, ...): its fan-in and fan-out.

    >>> fans((16, 3, 5, 5))
    (75, 400)
    """
    if len(shape) < 2:
        raise ValueError(f"{who}: needs a weight of at least two axes (out, in, ...), got shape {shape}")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field
