"""Products along axes: exact where elements are 0, to any order, because no rule divides by an element."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convert import beside
from ..op import Op, case, composite, general
from .reduce import CASES, MASKED, Axis, axes_of, spread


def _product_of_others(x: Any) -> Any:
    """Give, for each element along the last axis, the product of all others: up a tree of pairs and down again."""
    levels = []
    while x.shape[-1] > 1:
        n = x.shape[-1]
        if n % 2:
            x = np.concatenate([x, beside(np.ones((*x.shape[:-1], 1), x.dtype), x)], axis=-1)
        pairs = np.reshape(x, (*x.shape[:-1], (n + 1) // 2, 2))
        levels.append((n, pairs))
        x = pairs[..., 0] * pairs[..., 1]
    others = beside(np.ones(x.shape, x.dtype), x)
    for n, pairs in reversed(levels):
        both = np.expand_dims(others, -1) * pairs[..., ::-1]
        others = np.reshape(both, (*both.shape[:-2], 2 * both.shape[-2]))[..., :n]
    return others


# An operation, though nothing but others, so that formulas name it.
product_of_others: Op = composite(
    _product_of_others,
    name="product_of_others",
    formula="the product of the other elements along the last axis",
    cases=[case((5,)), case((2, 3)), case((1,)), case(np.array([2.0, 0.0, 3.0, 0.0]))],
)


def _others(x: Any, axis: Axis, where: Any) -> Any:
    """Give, for each element, the product of the others that the reduction multiplies it with."""
    if where is not True:
        x = np.where(where, x, 1.0)
    if x.ndim < 2:
        return product_of_others(np.reshape(x, (x.size,))).reshape(x.shape)
    axes = axes_of(x.shape, axis)
    last = tuple(range(x.ndim - len(axes), x.ndim))
    moved = np.moveaxis(x, axes, last)
    flat = np.reshape(moved, (*moved.shape[: x.ndim - len(axes)], length(moved.shape, last)))
    return np.moveaxis(np.reshape(product_of_others(flat), moved.shape), last, axes)


def length(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """Give the number of elements along several axes together."""
    n = 1
    for a in axes:
        n *= shape[a]
    return n


prod = general(
    np.prod,
    lambda g, y, x, axis=None, dtype=None, keepdims=False, where=True: (
        spread(g, x.shape, axis, keepdims, where) * _others(x, axis, where)
    ),
    jvp=lambda ts, y, x, axis=None, dtype=None, keepdims=False, where=True: np.sum(
        ts[0] * _others(x, axis, where), axis=axis, keepdims=keepdims, where=where
    ),
    cases=[
        *CASES,
        *MASKED,
        case((2, 3, 4), axis=(2, 0), keepdims=True),
        case((7, 2), axis=0),
        case((0,)),
        case((1,)),
        case(np.array([2.0, 0.0, 3.0])),
        case(np.array([[0.0, 0.0, 3.0], [1.0, 0.0, 2.0]]), axis=1),
    ],
)


def _shifted(x: Any, fill: Any) -> Any:
    """Put one slice in front along the first axis and drop the last one."""
    return np.concatenate([np.broadcast_to(beside(np.asarray(fill, x.dtype), x), (1, *x.shape[1:])), x[:-1]], axis=0)


def _recurrence(a: Any, b: Any) -> Any:
    """Solve r[i] = b[i] + a[i] * r[i-1] along the first axis by doubling (the step of a[0] leads nowhere)."""
    d, n = 1, a.shape[0]
    while d < n:
        b = np.concatenate([b[:d], b[d:] + a[d:] * b[:-d]], axis=0)
        a = np.concatenate([a[:d], a[d:] * a[:-d]], axis=0)
        d *= 2
    return b


recurrence: Op = composite(
    _recurrence,
    name="recurrence",
    formula="r[0] = b[0], r[i] = b[i] + a[i] * r[i-1]",
    cases=[case((5,), (5,)), case((3, 2), (3, 2)), case((1,), (1,))],
)


def _cumprod_rule(g: Any, y: Any, x: Any, axis: int | None) -> Any:
    """Give (product before i) * r[i] with r[i] = g[i] + x[i+1] * r[i+1]: no division, so exact with zeros."""
    if axis is None or not x.ndim:
        return np.reshape(_cumprod_rule(g, y, np.reshape(x, (x.size,)), 0), x.shape)
    if not x.shape[axis]:
        return g
    g, y, x = np.moveaxis(g, axis, 0), np.moveaxis(y, axis, 0), np.moveaxis(x, axis, 0)
    r = np.flip(recurrence(_shifted(np.flip(x, 0), 1.0), np.flip(g, 0)), 0)
    return np.moveaxis(_shifted(y, 1.0) * r, 0, axis)


def _cumprod_jvp(t: Any, y: Any, x: Any, axis: int | None) -> Any:
    if axis is None or not x.ndim:
        return _cumprod_jvp(np.reshape(t, (x.size,)), y, np.reshape(x, (x.size,)), 0)
    t, y, x = np.moveaxis(t, axis, 0), np.moveaxis(y, axis, 0), np.moveaxis(x, axis, 0)
    return np.moveaxis(recurrence(x, t * _shifted(y, 1.0)) if x.shape[0] else t, 0, axis)


cumprod = general(
    np.cumprod,
    lambda g, y, x, axis=None, dtype=None: _cumprod_rule(g, y, x, axis),
    jvp=lambda ts, y, x, axis=None, dtype=None: _cumprod_jvp(ts[0], y, x, axis),
    cases=[
        case((3, 4)),
        case((3, 4), axis=0),
        case((3, 4), axis=-1),
        case((7,)),
        case(()),
        case((0,), axis=0),
        case((1,)),
        case(np.array([2.0, 0.0, 3.0, 0.0, 1.5]), axis=0),
    ],
)


def with_initial(y: Any, axis: int, start: float) -> Any:
    """Put one slice of the starting value in front of a cumulative result."""
    shape = tuple([1 if i == axis % y.ndim else n for i, n in enumerate(y.shape)])
    return np.concatenate([beside(np.full(shape, start, y.dtype), y), y], axis=axis)


def _cumulative_prod(x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    if axis is None:
        if x.ndim > 1:
            raise ValueError(f"cumulative_prod: give axis= for an array of {x.ndim} axes")
        axis = 0
    y = np.cumprod(x, axis=axis, dtype=dtype)
    return with_initial(y, axis, 1.0) if include_initial else y


if hasattr(np, "cumulative_prod"):
    cumulative_prod = composite(
        _cumulative_prod,
        name="cumulative_prod",
        numpy=np.cumulative_prod,
        cases=[case((5,)), case((3, 4), axis=1), case((3, 4), axis=0, include_initial=True)],
    )
