"""Operations that move elements without changing them: all linear, each with its adjoint."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..op import case, linear

# ruff: noqa: E731



reshape = linear(
    np.reshape,
    lambda g, y, x, shape=None, order="C": np.reshape(g, x.shape, order=order),
    cases=[case((3, 4), shape=(2, 6)), case((3, 4), shape=-1), case((3, 4), shape=(6, 2), order="F"), case((), shape=1)],
)
ravel = linear(
    np.ravel, lambda g, y, x, order="C": np.reshape(g, x.shape, order=order), cases=[case((3, 4)), case((3, 4), order="F")]
)


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    n = len(axes)
    inverse = [0] * n
    for i, a in enumerate(axes):
        inverse[a % n] = i
    return tuple(inverse)


transpose = linear(
    np.transpose,
    lambda g, y, x, axes=None: np.transpose(g, None if axes is None else _inverse(axes)),
    numpy=(np.transpose, np.permute_dims),
    cases=[case((3, 4)), case((2, 3, 4), axes=(2, 0, 1)), case((2, 3, 4), axes=(-1, 0, 1)), case((5,))],
)
matrix_transpose = linear(
    np.matrix_transpose,
    lambda g, y, x: np.matrix_transpose(g),
    numpy=(np.matrix_transpose, np.linalg.matrix_transpose),
    cases=[case((3, 4)), case((2, 3, 4))],
)
broadcast_to = linear(
    np.broadcast_to,
    # The walker folds the gradient of any broadcast input back to the input's shape.
    lambda g, y, x, shape=None: g,
    cases=[case((3,), shape=(4, 3)), case((), shape=(2, 3)), case((2, 1, 3), shape=(2, 5, 3))],
)
expand_dims = linear(
    np.expand_dims,
    lambda g, y, x, axis=None: np.reshape(g, x.shape),
    cases=[case((3, 4), axis=0), case((3, 4), axis=(0, -1)), case((), axis=0)],
)
squeeze = linear(
    np.squeeze,
    lambda g, y, x, axis=None: np.reshape(g, x.shape),
    cases=[case((3, 1, 4)), case((1, 3, 1), axis=0), case((1, 1))],
)


def as_index(index: Any) -> Any:
    """Give an index with every list or tensor in it as an array."""
    if isinstance(index, tuple):
        return tuple([as_index(i) for i in index])
    if index is None or index is Ellipsis or isinstance(index, (int, slice, np.integer)):
        return index
    if hasattr(type(index), "__read_op__"):
        index = index.data
    return np.asarray(index, dtype=np.intp if isinstance(index, list) and not index else None)


def is_basic(index: Any) -> bool:
    """Tell whether an index selects each element at most once (no integer arrays)."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(not isinstance(i, np.ndarray) or i.dtype == bool for i in parts)


def _scatter(g: Any, shape: tuple[int, ...], index: Any) -> Any:
    out = np.zeros_like(g, shape=shape)
    if is_basic(index):
        out[index] = g
    else:
        np.add.at(out, index, g)
    return out


getitem = linear(
    lambda x, index: x[index],
    lambda g, y, x, index=None: scatter(g, shape=x.shape, index=index),
    name="getitem",
    bind=lambda x, index: ((x,), {"index": as_index(index)}),
    cases=[
        case((3, 4), index=1),
        case((3, 4), index=(slice(None), slice(0, 4, 2))),
        case((3, 4), index=(None, ..., 0)),
        case((3, 4), index=np.array([0, 0, 2, -1])),
        case((3, 4), index=(np.array([0, 0, 2]), np.array([1, 1, 3]))),
        case((3,), index=np.array([True, False, True])),
        case((), index=()),
    ],
)
scatter = linear(
    _scatter,
    lambda g, y, x, shape=None, index=None: operator.getitem(g, index),
    name="scatter",
    bind=lambda x, shape, index: ((x,), {"shape": shape, "index": as_index(index)}),
    cases=[
        case((4,), shape=(3, 4), index=1),
        case((3,), shape=(5,), index=np.array([0, 0, 2])),
        case((2,), shape=(3,), index=np.array([True, False, True])),
    ],
)


def _pieces(g: Any, sizes: list[int], axis: int) -> list[Any]:
    """Cut g along an axis into consecutive pieces of the given sizes."""
    parts, start = [], 0
    before = (slice(None),) * (axis % g.ndim)
    for n in sizes:
        parts.append(g[(*before, slice(start, start + n))])
        start += n
    return parts


def _concatenate_adjoint(g: Any, y: Any, *xs: Any, axis: int | None = 0) -> list[Any]:
    if axis is None:
        return [np.reshape(p, x.shape) for p, x in zip(_pieces(g, [x.size for x in xs], 0), xs, strict=True)]
    return _pieces(g, [x.shape[axis] for x in xs], axis)


concatenate = linear(
    lambda *xs, axis=0: np.concatenate(xs, axis),
    _concatenate_adjoint,
    name="concatenate",
    numpy=np.concatenate,
    variadic=True,
    bind=lambda arrays, axis=0: (tuple(arrays), {"axis": axis}),
    cases=[case((2, 3), (4, 3)), case((2, 3), (2, 1), (2, 0), axis=1), case((2, 3), (4,), axis=None)],
)
stack = linear(
    lambda *xs, axis=0: np.stack(xs, axis),
    lambda g, y, *xs, axis=0: [np.moveaxis(g, axis, 0)[i] for i in range(len(xs))],
    name="stack",
    numpy=np.stack,
    variadic=True,
    bind=lambda arrays, axis=0: (tuple(arrays), {"axis": axis}),
    cases=[case((2, 3), (2, 3)), case((2, 3), (2, 3), axis=-1), case((), ())],
)
moveaxis = linear(
    np.moveaxis,
    lambda g, y, x, source=None, destination=None: np.moveaxis(g, destination, source),
    cases=[case((2, 3, 4), source=0, destination=-1), case((2, 3, 4), source=(0, 1), destination=(2, 0))],
)
copy = linear(np.copy, lambda g, y, x: g, cases=[case((3, 4))])
astype = linear(
    lambda x, dtype=None: x.astype(dtype),
    # The walker gives every gradient its tensor's dtype.
    lambda g, y, x, dtype=None: g,
    name="astype",
    numpy=np.astype,
    bind=lambda x, dtype, **kw: ((x,), {"dtype": np.dtype(dtype)}),
    cases=[case((3, 4), dtype=np.float32)],
)

# A conversion to whole numbers or bool is a step function: its derivative is 0 wherever it exists.
cast = linear(
    lambda x, dtype=None: x.astype(dtype),
    None,
    name="cast",
    bind=lambda x, dtype: ((x,), {"dtype": np.dtype(dtype)}),
)
