"""What constructors of layers take: sizes, dtypes, random generators, and the parameters made from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Parameter

Rng = np.random.Generator | int | None


def generator(rng: Any, who: str) -> np.random.Generator:
    """Give a generator: the one given, one from a seed, or one from fresh entropy for None."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None or (isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0):
        return np.random.default_rng(rng)
    raise TypeError(f"{who}: rng takes a numpy Generator, a seed (an integer >= 0) or None, got {rng!r}")


def positive(value: Any, name: str, who: str) -> int:
    """Give a size as an int; raise ValueError where it is not a whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{who}: {name} must be a whole number above 0, got {value!r}")
    return int(value)


def floating(dtype: Any, who: str) -> np.dtype[Any]:
    """Give a dtype; raise TypeError where it is not a float."""
    kind = np.dtype(dtype)
    if kind.kind != "f":
        raise TypeError(f"{who}: parameters need a float dtype, got {kind}")
    return kind


def drawn(bound: float, shape: tuple[int, ...], dtype: Any, rng: np.random.Generator, who: str) -> Parameter:
    """Give a parameter drawn uniformly from -bound ... bound."""
    return Parameter(rng.uniform(-bound, bound, shape).astype(floating(dtype, who)))


def full(shape: tuple[int, ...], value: float, dtype: Any, who: str) -> Parameter:
    """Give a parameter that holds the same number everywhere."""
    return Parameter(np.full(shape, value, floating(dtype, who)))
