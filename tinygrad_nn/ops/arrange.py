"""Turning, repeating, inserting and deleting along axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..convert import beside, kept, zeros
from ..op import case, composite, linear
from .indexing import getitem, normal_axis, plain, scatter, values

flip = linear(
    np.flip,
    lambda g, y, x, axis=None: np.flip(g, axis),
    cases=[case((3, 4)), case((3, 4), axis=0), case((2, 3, 4), axis=(0, -1)), case(())],
)
fliplr = linear(np.fliplr, lambda g, y, x: np.fliplr(g), cases=[case((3, 4)), case((2, 3, 4))])
flipud = linear(np.flipud, lambda g, y, x: np.flipud(g), cases=[case((3,)), case((3, 4))])
rot90 = linear(
    np.rot90,
    lambda g, y, x, k=1, axes=(0, 1): np.rot90(g, -k, axes),
    cases=[case((3, 4)), case((3, 4), k=2), case((2, 3, 4), k=-1, axes=(2, 0))],
)


def _negated(shift: Any) -> Any:
    return tuple([-s for s in shift]) if isinstance(shift, (tuple, list)) else -shift


roll = linear(
    np.roll,
    lambda g, y, x, shift=0, axis=None: np.roll(g, _negated(shift), axis),
    cases=[
        case((5,), shift=2),
        case((3, 4), shift=-3),
        case((3, 4), shift=1, axis=1),
        case((3, 4), shift=(1, -2), axis=(0, 1)),
    ],
)


def _tile_adjoint(g: Any, shape: tuple[int, ...], reps: Any) -> Any:
    reps = tuple(reps) if np.ndim(reps) else (reps,)
    n = max(len(reps), len(shape))
    reps = (1,) * (n - len(reps)) + tuple(reps)
    sizes = (1,) * (n - len(shape)) + shape
    pairs = np.reshape(g, tuple([k for pair in zip(reps, sizes, strict=True) for k in pair]))
    return np.reshape(np.sum(pairs, axis=tuple(range(0, 2 * n, 2))), shape)


tile = linear(
    np.tile,
    lambda g, y, x, reps=1: _tile_adjoint(g, x.shape, reps),
    cases=[
        case((3,), reps=2),
        case((3, 4), reps=(2, 1, 3)),
        case((2, 3), reps=2),
        case((), reps=(2,)),
        case((3,), reps=0),
    ],
)


def _repeat_adjoint(g: Any, shape: tuple[int, ...], repeats: Any, axis: int | None) -> Any:
    if axis is None:
        return np.reshape(_repeat_adjoint(g, (math.prod(shape),), repeats, 0), shape)
    axis = axis % len(shape)
    n = shape[axis]
    if np.size(repeats) == 1:
        k = int(np.reshape(repeats, ()))
        return np.sum(np.reshape(g, (*shape[:axis], n, k, *shape[axis + 1 :])), axis=axis + 1)
    return scatter(g, shape, (slice(None),) * axis + (np.repeat(beside(np.arange(n), repeats), repeats),))


repeat = linear(
    np.repeat,
    lambda g, y, x, repeats=1, axis=None: _repeat_adjoint(g, x.shape, repeats, axis),
    cases=[
        case((3, 4), repeats=2),
        case((3, 4), repeats=3, axis=1),
        case((3, 4), repeats=np.array([2, 0, 3]), axis=0),
        case((3,), repeats=np.array([1, 2, 0])),
        case((), repeats=3),
    ],
)


def _resize(a: Any, new_shape: Any) -> Any:
    shape = tuple(new_shape) if np.ndim(new_shape) else (new_shape,)
    size = math.prod(shape)
    if min(shape, default=0) < 0:
        raise ValueError(f"resize: lengths must not be negative, got {shape}")
    flat = np.ravel(a)
    if not flat.size or not size:
        return zeros(shape, flat.dtype, flat)
    return np.reshape(getitem(flat, np.arange(size) % flat.size), shape)


resize = composite(
    _resize, name="resize", numpy=np.resize, cases=[case((3,), [2, 4]), case((3, 4), 5), case((2, 3), [3, 2])]
)
# The method of an ndarray changes the array in place and fills with zeros.
resize.method = False


def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    if not hasattr(values, "ndim"):
        values = beside(np.asarray(values), arr)
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis=axis)


append = composite(
    _append, name="append", numpy=np.append, cases=[case((3,), (2,)), case((2, 3), (1, 3), axis=0), case((2, 2), 1.0)]
)


def _delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    arr = arr if hasattr(arr, "ndim") else np.asarray(arr)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    obj = obj if isinstance(obj, slice) else plain(obj, "delete", "obj")
    rest = np.delete(beside(np.arange(arr.shape[axis]), obj), obj)
    return getitem(arr, (slice(None),) * normal_axis(axis, arr.ndim, "delete") + (rest,))


delete = composite(
    _delete,
    name="delete",
    numpy=np.delete,
    cases=[
        case((5,), 1),
        case((3, 4), [0, 2], axis=1),
        case((3, 4), slice(0, 2), axis=0),
        case((3, 4), np.array([0, 5])),
        case((3,), np.array([True, False, True])),
    ],
)


def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    arr = arr if hasattr(arr, "ndim") else np.asarray(arr)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = normal_axis(axis, arr.ndim, "insert")
    obj = obj if isinstance(obj, slice) else plain(obj, "insert", "obj")
    n = arr.shape[axis]
    values = values if hasattr(values, "ndim") else beside(np.asarray(values), arr)
    single = not isinstance(obj, slice) and np.size(obj) == 1 and kept(obj).dtype != bool
    if single:
        # One place takes several slices: as many as the values have along the axis.
        values = np.reshape(values, (1,) * (arr.ndim - values.ndim) + values.shape)
        if np.ndim(obj) == 0:
            values = np.moveaxis(values, 0, axis)
        k = values.shape[axis]
        at = int(np.reshape(obj, ()))
        if not -n <= at <= n:
            raise IndexError(f"insert: index {at} is out of bounds for axis {axis} with size {n}")
        at = at + n if at < 0 else at
        layout = np.concatenate([np.arange(at), np.arange(n, n + k), np.arange(at, n)])
    else:
        places = beside(np.arange(n), obj)
        k = np.insert(places, obj, -1).size - n
        layout = np.insert(places, obj, beside(np.arange(n, n + k), obj))
    shape = tuple([k if i == axis else m for i, m in enumerate(arr.shape)])
    new = np.broadcast_to(values, shape)
    joined = np.concatenate([arr, new if new.dtype == arr.dtype else new.astype(arr.dtype)], axis=axis)
    return getitem(joined, (slice(None),) * axis + (layout,))


insert = composite(
    _insert,
    name="insert",
    numpy=np.insert,
    cases=[
        case((5,), 1, (3,)),
        case((3, 4), 1, (4,), axis=0),
        case((3, 4), [1], (3, 2), axis=1),
        case((3, 4), 2, (3,), axis=1),
        case((3, 4), [0, 2], (3, 2), axis=1),
        case((5,), [3, 1, 1], (3,)),
        case((5,), [-1], 7.0),
        case((2, 3), slice(0, 2), 1.5),
        case((2, 3), 1, (2, 3), axis=0),
    ],
)


def _trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    filt = filt if hasattr(filt, "ndim") else np.asarray(filt)
    nonzero = np.argwhere(values(filt))
    trim = trim.lower()
    if trim not in ("fb", "bf", "f", "b"):
        raise ValueError(f"trim_zeros: trim must be 'f', 'b' or 'fb', got {trim!r}")
    axes = range(filt.ndim) if axis is None else [a % filt.ndim for a in (axis if np.ndim(axis) else [axis])]
    index = []
    for i, n in enumerate(filt.shape):
        if i not in axes:
            index.append(slice(None))
        elif not len(nonzero):
            index.append(slice(0, 0))
        else:
            first = nonzero[:, i].min() if "f" in trim else 0
            last = nonzero[:, i].max() + 1 if "b" in trim else n
            index.append(slice(int(first), int(last)))
    return filt[tuple(index)]


trim_zeros = composite(
    _trim_zeros,
    name="trim_zeros",
    numpy=np.trim_zeros,
    domain="nonzero",
    cases=[case(np.array([0.0, 1.0, 2.0, 0.0, 3.0, 0.0])), case(np.array([0.0, 1.0, 0.0]), trim="f"), case((4,))],
)
