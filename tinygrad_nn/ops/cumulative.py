"""Running sums and extremes, differences and integrals along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convert import beside
from ..op import Op, case, composite, general, linear
from .indexing import add_along_axis
from .product import with_initial


def _cumsum_adjoint(g: Any, shape: tuple[int, ...], axis: int | None) -> Any:
    if axis is None or not shape:
        return np.reshape(np.flip(np.cumsum(np.flip(g))), shape)
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


cumsum = linear(
    np.cumsum,
    lambda g, y, x, axis=None, dtype=None: _cumsum_adjoint(g, x.shape, axis),
    cases=[case((3, 4)), case((3, 4), axis=0), case((3, 4), axis=-1), case(()), case((0, 3), axis=0), case((0,))],
)


def _cumulative_sum(x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    if axis is None:
        if x.ndim > 1:
            raise ValueError(f"cumulative_sum: give axis= for an array of {x.ndim} axes")
        axis = 0
    y = np.cumsum(x, axis=axis, dtype=dtype)
    return with_initial(y, axis, 0.0) if include_initial else y


if hasattr(np, "cumulative_sum"):
    cumulative_sum = composite(
        _cumulative_sum,
        name="cumulative_sum",
        numpy=np.cumulative_sum,
        cases=[case((5,)), case((3, 4), axis=1), case((3, 4), axis=0, include_initial=True)],
    )


def _latest(y: Any, x: Any, axis: int) -> Any:
    """Give the index of the element that is the running extreme: the latest of equal ones, the first NaN for good."""
    n = x.shape[axis]
    at = beside(np.arange(n).reshape(tuple([n if i == axis % x.ndim else 1 for i in range(x.ndim)])), x)
    nan = x != x
    first = nan & (np.cumsum(nan, axis=axis) == 1)
    return np.maximum.accumulate(np.where((x == y) | first, at, 0), axis=axis)


def _gather_latest(t: Any, y: Any, x: Any, axis: int = 0) -> Any:
    return np.take_along_axis(t, _latest(y, x, axis), axis) if x.shape[axis] else t


def _scatter_latest(g: Any, y: Any, x: Any, axis: int = 0) -> Any:
    return add_along_axis(g, _latest(y, x, axis), x.shape, axis) if x.shape[axis] else g


_X = np.array([1.0, 3.0, 2.0, 4.0])
_Y = np.maximum.accumulate(_X)
# Where the running extreme is found does not change nearby: both are functions of their first input alone.
take_latest: Op = general(
    _gather_latest,
    lambda g, o, t, y, x, axis=0: add_latest(g, y, x, axis=axis),
    None,
    None,
    jvp=lambda ts, o, t, y, x, axis=0: None if ts[0] is None else take_latest(ts[0], y, x, axis=axis),
    name="take_latest",
    formula="t at the index where y, the running extreme of x, was found",
    cases=[case((4,), _Y, _X), case((4, 1), _Y[:, np.newaxis], _X[:, np.newaxis])],
)
add_latest: Op = general(
    _scatter_latest,
    lambda g, o, t, y, x, axis=0: take_latest(g, y, x, axis=axis),
    None,
    None,
    jvp=lambda ts, o, t, y, x, axis=0: None if ts[0] is None else add_latest(ts[0], y, x, axis=axis),
    name="add_latest",
    formula="zeros, with t added at the index where y, the running extreme of x, was found",
    cases=[case((4,), _Y, _X), case((4, 1), _Y[:, np.newaxis], _X[:, np.newaxis])],
)
_RUNNING = [case((7,)), case((3, 4)), case((3, 4), axis=1), case((0,)), case((1, 2))]
cummax = general(
    lambda x, axis=0: np.maximum.accumulate(x, axis=axis),
    lambda g, y, x, axis=0: add_latest(g, y, x, axis=axis),
    jvp=lambda ts, y, x, axis=0: take_latest(ts[0], y, x, axis=axis),
    name="cummax",
    formula="maximum.accumulate(x, axis)",
    method=True,
    cases=_RUNNING,
    kinks="the latest of equal elements",
)
cummin = general(
    lambda x, axis=0: np.minimum.accumulate(x, axis=axis),
    lambda g, y, x, axis=0: add_latest(g, y, x, axis=axis),
    jvp=lambda ts, y, x, axis=0: take_latest(ts[0], y, x, axis=axis),
    name="cummin",
    formula="minimum.accumulate(x, axis)",
    method=True,
    cases=_RUNNING,
    kinks="the latest of equal elements",
)


def cut(ndim: int, axis: int, part: slice | int) -> tuple[Any, ...]:
    """Give the index that takes a part of one axis and all of the others."""
    return tuple([part if i == axis % ndim else slice(None) for i in range(ndim)])


def _beside(value: Any, a: Any, axis: int) -> Any:
    """Give what is joined to an array for a difference: a number stands for a slice of it."""
    value = value if hasattr(value, "ndim") else beside(np.asarray(value), a)
    if value.ndim == 0:
        value = np.broadcast_to(value, tuple([1 if i == axis % a.ndim else n for i, n in enumerate(a.shape)]))
    return value


def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    if n < 0:
        raise ValueError(f"diff: n must be at least 0, got {n}")
    if n == 0:
        return a
    a = a if hasattr(a, "ndim") else np.asanyarray(a)
    if a.ndim == 0:
        raise ValueError("diff: needs at least one axis, got a 0-d array")
    parts = [a]
    if prepend is not np._NoValue:
        parts.insert(0, _beside(prepend, a, axis))
    if append is not np._NoValue:
        parts.append(_beside(append, a, axis))
    if len(parts) > 1:
        a = np.concatenate(parts, axis=axis)
    for _ in range(n):
        a = np.subtract(a[cut(a.ndim, axis, slice(1, None))], a[cut(a.ndim, axis, slice(None, -1))])
    return a


diff = composite(
    _diff,
    name="diff",
    numpy=np.diff,
    cases=[
        case((5,)),
        case((3, 4)),
        case((3, 4), axis=0, n=2),
        case((3, 4), prepend=0.5),
        case((3, 4), axis=0, append=np.ones((1, 4)), n=2),
    ],
)


def _vector(value: Any, a: Any) -> Any:
    return np.ravel(value if hasattr(value, "ndim") else beside(np.asarray(value), a))


def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = np.ravel(ary)
    parts = [np.subtract(flat[1:], flat[:-1])]
    if to_begin is not None:
        parts.insert(0, _vector(to_begin, flat))
    if to_end is not None:
        parts.append(_vector(to_end, flat))
    return parts[0] if len(parts) == 1 else np.concatenate([p.astype(flat.dtype) for p in parts])


ediff1d = composite(
    _ediff1d,
    name="ediff1d",
    numpy=np.ediff1d,
    cases=[case((5,)), case((2, 3)), case((4,), to_end=np.array([1.0, 2.0]), to_begin=0.5)],
)


def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = y if hasattr(y, "ndim") else np.asanyarray(y)
    if not -y.ndim <= axis < y.ndim:
        raise IndexError(f"trapezoid: axis {axis} is out of range for an array of {y.ndim} axes")
    if x is None:
        d = dx
    else:
        x = x if hasattr(x, "ndim") else np.asanyarray(x)
        d = np.diff(x, axis=0 if x.ndim == 1 else axis)
        if x.ndim == 1:
            d = np.reshape(d, tuple([d.shape[0] if i == axis % y.ndim else 1 for i in range(y.ndim)]))
    after, before = y[cut(y.ndim, axis, slice(1, None))], y[cut(y.ndim, axis, slice(None, -1))]
    return np.sum(d * (after + before) / 2.0, axis=axis)


trapezoid = composite(
    _trapezoid,
    name="trapezoid",
    numpy=np.trapezoid,
    cases=[
        case((5,)),
        case((3, 4), dx=0.5),
        case((3, 4), x=np.array([0.0, 0.5, 0.7]), axis=0),
        case((3, 4), x=np.array([0.0, 0.5, 0.7, 2.0])),
    ],
)
