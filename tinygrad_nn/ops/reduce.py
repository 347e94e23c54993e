"""Sums, means and spreads along axes, each with its derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import case, composite, general, linear
from .domains import INF

#: Up to this many elements a filled array is cheaper than a view.
SMALL = 4096
HALF_MAX = 65504
Axis = int | tuple[int, ...] | None
CASES = [
    case((3, 4)),
    case((3, 4), axis=0),
    case((3, 4), axis=-1, keepdims=True),
    case((2, 3, 4), axis=(0, 2)),
    case((5,)),
    case(()),
]
_MASK = np.array([[True, False, True, True], [True, True, False, True], [False, True, True, True]])
MASKED = [case((3, 4), where=_MASK), case((3, 4), axis=1, where=_MASK), case((3, 4), axis=0, where=_MASK[:, :1])]


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


def count(shape: tuple[int, ...], axis: Axis, keepdims: bool, where: Any, dtype: Any) -> Any:
    """Give the number of elements that a reduction with a mask puts into each one: a number without a mask."""
    if where is True:
        return length(shape, axis)
    return np.sum(np.broadcast_to(where, shape), axis=axis, keepdims=keepdims, dtype=dtype)


def share(g: Any, n: Any) -> Any:
    """Give g / n, also where n is more than half precision can hold."""
    if isinstance(n, int) and n > HALF_MAX and g.dtype.itemsize == 2:
        return g * (1.0 / n)
    return g / n


def keep(g: Any, shape: tuple[int, ...], axis: Axis, keepdims: bool = False) -> Any:
    """Give a reduced array its reduced axes back, with length 1."""
    if keepdims or not shape:
        return g
    axes = axes_of(shape, axis)
    return np.reshape(g, tuple([1 if i in axes else n for i, n in enumerate(shape)]))


def stretch(g: Any, shape: tuple[int, ...]) -> Any:
    """Give np.broadcast_to(g, shape); of a small array a filled copy, which is made in a third of the time."""
    if math.prod(shape) <= SMALL:
        if isinstance(g, np.ndarray | np.generic):
            out = np.empty(shape, g.dtype)
            out[...] = g
            return out
        filled = getattr(type(g), "_filled", None)
        if filled is not None:  # in a trace
            return filled(g, shape)
    return np.broadcast_to(g, shape)


def spread(g: Any, shape: tuple[int, ...], axis: Axis, keepdims: bool, where: Any = True) -> Any:
    """Broadcast the cotangent of a sum over the axes that were summed."""
    g = stretch(g if axis is None and not keepdims else keep(g, shape, axis, keepdims), shape)
    return g if where is True else g * where


sum = linear(
    np.sum,
    lambda g, y, x, axis=None, dtype=None, keepdims=False, where=True: spread(g, x.shape, axis, keepdims, where),
    cases=[*CASES, *MASKED, case((0, 3)), case((0, 3), axis=0), case((3, 4), dtype=np.float64)],
)
mean = linear(
    np.mean,
    lambda g, y, x, axis=None, dtype=None, keepdims=False, where=True: spread(
        share(g, count(x.shape, axis, keepdims, where, y.dtype)), x.shape, axis, keepdims, where
    ),
    cases=[*CASES, *MASKED, case((3, 4), dtype=np.float64)],
)


def _deviations(x: Any, axis: Axis, where: Any) -> Any:
    d = x - np.mean(x, axis=axis, keepdims=True, where=where)
    return d if where is True else d * where


def _freedom(x: Any, axis: Axis, keepdims: bool, where: Any, ddof: Any, correction: Any) -> Any:
    n = count(x.shape, axis, keepdims, where, x.dtype) - (ddof if correction is None else correction)
    return max(n, 0) if where is True else np.maximum(n, 0)


def _var_rule(
    g: Any, x: Any, axis: Axis, keepdims: bool, where: Any, ddof: Any, correction: Any, root: Any = None
) -> Any:
    """Give 2 (x - mean) / n * g, or (x - mean) / (n root) * g for the standard deviation: 0 where the root is 0."""
    n = _freedom(x, axis, keepdims, where, ddof, correction)
    g = share(g * 2.0, n) if root is None else share(g, n) / np.where(root == 0, INF, root)
    return _deviations(x, axis, where) * keep(g, x.shape, axis, keepdims)


def _var_jvp(
    t: Any, x: Any, axis: Axis, keepdims: bool, where: Any, ddof: Any, correction: Any, root: Any = None
) -> Any:
    n = _freedom(x, axis, keepdims, where, ddof, correction)
    total = np.sum(_deviations(x, axis, where) * t, axis=axis, keepdims=keepdims)
    return share(total * 2.0, n) if root is None else share(total, n) / np.where(root == 0, INF, root)


_SPREAD = [
    *CASES[:-1],
    *MASKED,
    case((3, 4), axis=1, ddof=1),
    case((5,), correction=1),
    case((2, 3, 4), axis=(1, 2), ddof=1.5, keepdims=True),
]
var = general(
    np.var,
    lambda g, y, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True, correction=None: _var_rule(
        g, x, axis, keepdims, where, ddof, correction
    ),
    jvp=lambda ts, y, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True, correction=None: _var_jvp(
        ts[0], x, axis, keepdims, where, ddof, correction
    ),
    cases=_SPREAD,
)
std = general(
    np.std,
    lambda g, y, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True, correction=None: _var_rule(
        g, x, axis, keepdims, where, ddof, correction, y
    ),
    jvp=lambda ts, y, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True, correction=None: _var_jvp(
        ts[0], x, axis, keepdims, where, ddof, correction, y
    ),
    cases=_SPREAD,
    kinks="0 where all elements are equal",
)


def _average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    a = a if hasattr(a, "ndim") else np.asarray(a)
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=keepdims)
        total: Any = result.dtype.type(a.size / result.size if result.size else 0)
    else:
        w = weights if hasattr(weights, "ndim") else np.asarray(weights)
        if a.shape != w.shape:
            if axis is None:
                raise TypeError(f"average: weights of shape {w.shape} do not fit a's shape {a.shape}; give axis=")
            axes = axes_of(a.shape, axis)
            if w.shape != tuple([a.shape[i] for i in axes]):
                raise ValueError(
                    f"average: weights of shape {w.shape} do not fit a's shape {a.shape} along axis {axis}"
                )
            w = np.transpose(w, sorted(range(w.ndim), key=axes.__getitem__))
            w = np.reshape(w, tuple([n if i in axes else 1 for i, n in enumerate(a.shape)]))
        inexact = np.result_type(a.dtype, w.dtype, *([] if a.dtype.kind == "f" else ["f8"]))
        total = np.sum(w, axis=axis, keepdims=keepdims, dtype=inexact)
        if np.any(total == 0.0):
            raise ZeroDivisionError("average: the weights sum to zero, so that they cannot be normalized")
        weighted = np.multiply(a, w)
        result = np.sum(weighted, axis=axis, keepdims=keepdims, dtype=inexact) / total
    if not returned:
        return result
    return result, np.broadcast_to(total, result.shape)


average = composite(
    _average,
    name="average",
    numpy=np.average,
    cases=[
        case((3, 4)),
        case((3, 4), axis=1),
        case((3, 4), axis=0, weights=np.array([1.0, 2.0, 0.5])),
        case((3, 4), weights=np.arange(1.0, 13.0).reshape(3, 4), keepdims=True),
        case((3, 4), axis=0, weights=np.array([1.0, 2.0, 0.5]), returned=True),
    ],
)
