"""Reductions along axes, each with its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import case, general, linear

Axis = int | tuple[int, ...] | None
CASES = [
    case((3, 4)),
    case((3, 4), axis=0),
    case((3, 4), axis=-1, keepdims=True),
    case((2, 3, 4), axis=(0, 2)),
    case((5,)),
    case(()),
]


def axes_of(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """Give the axes that a reduction runs over, as non-negative numbers."""
    n = len(shape)
    if axis is None:
        return tuple(range(n))
    return tuple([a % n if n else a for a in (axis if isinstance(axis, tuple) else (axis,))])


def length(shape: tuple[int, ...], axis: Axis) -> int:
    """Give the number of elements that a reduction puts into one."""
    n = 1
    for a in axes_of(shape, axis):
        n *= shape[a]
    return n


def keep(g: Any, shape: tuple[int, ...], axis: Axis, keepdims: bool = False) -> Any:
    """Give a reduced array its reduced axes back, with length 1."""
    if keepdims or not shape:
        return g
    axes = axes_of(shape, axis)
    return np.reshape(g, tuple([1 if i in axes else n for i, n in enumerate(shape)]))


def spread(g: Any, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Any:
    """Broadcast the cotangent of a sum over the axes that were summed."""
    return np.broadcast_to(keep(g, shape, axis, keepdims), shape)


sum = linear(  # noqa: A001
    np.sum,
    lambda g, y, x, axis=None, keepdims=False: spread(g, x.shape, axis, keepdims),
    cases=[*CASES, case((0, 3)), case((0, 3), axis=0)],
)
mean = linear(
    np.mean,
    lambda g, y, x, axis=None, keepdims=False: spread(g / length(x.shape, axis), x.shape, axis, keepdims),
    cases=CASES,
)


def _at_extreme(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Share the cotangent equally among the elements that equal the extreme (or, if it is NaN, among the NaNs)."""
    top = keep(y, x.shape, axis, keepdims)
    ties = (x == top) | ((x != x) & (top != top))
    share = keep(g, x.shape, axis, keepdims) / np.sum(ties, axis=axis, keepdims=True, dtype=y.dtype)
    return share * ties


def _extreme_jvp(tangents: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    (t,) = tangents
    top = keep(y, x.shape, axis, keepdims)
    ties = (x == top) | ((x != x) & (top != top))
    total = np.sum(t * ties, axis=axis, keepdims=keepdims)
    return total / np.sum(ties, axis=axis, keepdims=keepdims, dtype=y.dtype)


max = general(  # noqa: A001
    np.max,
    lambda g, y, x, axis=None, keepdims=False: _at_extreme(g, y, x, axis, keepdims),
    jvp=_extreme_jvp,
    numpy=(np.max, np.amax),
    cases=CASES,
    kinks="shared equally among ties",
)
min = general(  # noqa: A001
    np.min,
    lambda g, y, x, axis=None, keepdims=False: _at_extreme(g, y, x, axis, keepdims),
    jvp=_extreme_jvp,
    numpy=(np.min, np.amin),
    cases=CASES,
    kinks="shared equally among ties",
)
