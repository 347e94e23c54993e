"""Operations that give the same elements in another shape, order of axes or dtype: linear, each with its adjoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..convert import full, kept
from ..op import Op, case, composite, linear
from .indexing import as_index, getitem, is_tensor, scatter
from .join import concatenate, stack

__all__ = ["as_index", "concatenate", "getitem", "scatter", "stack"]


def layout(x: Any, order: Any, who: str) -> Any:
    """Give the order C or F that A and K stand for: that in which an array lies in memory."""
    if order not in ("A", "K"):
        return order
    a = x._data if is_tensor(x) else kept(x)
    if a.flags.c_contiguous:
        return "C"
    if a.flags.f_contiguous:
        return "F"
    if order == "A":
        return "C"
    raise ValueError(f"{who}: order='K' of a tensor whose elements lie neither by rows nor by columns; give 'C' or 'F'")


def _reshape(*args: Any, **kwargs: Any) -> Any:
    inputs, params = Op.bind(reshape, *args, **kwargs)
    if params.get("order", "C") not in ("C", "F"):
        params["order"] = layout(inputs[0], params["order"], "reshape")
    return inputs, params


def _ravel(*args: Any, **kwargs: Any) -> Any:
    inputs, params = Op.bind(ravel, *args, **kwargs)
    if params.get("order", "C") not in ("C", "F"):
        params["order"] = layout(inputs[0], params["order"], "ravel")
    return inputs, params


reshape = linear(
    np.reshape,
    lambda g, y, x, shape=None, order="C": np.reshape(g, x.shape, order=order),
    bind=_reshape,
    cases=[
        case((3, 4), shape=(2, 6)),
        case((3, 4), shape=-1),
        case((3, 4), shape=(6, 2), order="F"),
        case((), shape=1),
    ],
)
ravel = linear(
    np.ravel,
    lambda g, y, x, order="C": np.reshape(g, x.shape, order=order),
    bind=_ravel,
    cases=[case((3, 4)), case((3, 4), order="F"), case(())],
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
    cases=[case((3, 4)), case((2, 3, 4), axes=(2, 0, 1)), case((2, 3, 4), axes=(-1, 0, 1)), case((5,)), case(())],
)
matrix_transpose = linear(
    np.matrix_transpose,
    lambda g, y, x: np.matrix_transpose(g),
    numpy=(np.matrix_transpose, np.linalg.matrix_transpose),
    cases=[case((3, 4)), case((2, 3, 4))],
)
moveaxis = linear(
    np.moveaxis,
    lambda g, y, x, source=None, destination=None: np.moveaxis(g, destination, source),
    cases=[case((2, 3, 4), source=0, destination=-1), case((2, 3, 4), source=(0, 1), destination=(2, 0))],
)
swapaxes = linear(
    np.swapaxes,
    lambda g, y, x, axis1=None, axis2=None: np.swapaxes(g, axis1, axis2),
    cases=[case((2, 3, 4), axis1=0, axis2=-1), case((3, 4), axis1=1, axis2=0)],
)


def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    n = a.ndim
    if not (-n <= axis < n and -n <= start <= n):
        raise np.exceptions.AxisError(f"rollaxis: axis {axis} or start {start} is out of range for {n} axes")
    axis, start = axis % n, start + n if start < 0 else start
    order = [i for i in range(n) if i != axis]
    order.insert(start - (axis < start), axis)
    return np.transpose(a, order)


rollaxis = composite(
    _rollaxis,
    name="rollaxis",
    numpy=np.rollaxis,
    cases=[case((2, 3, 4), 2), case((2, 3, 4), 0, start=2), case((2, 3, 4), -1, start=-2)],
)
broadcast_to = linear(
    np.broadcast_to,
    # The walker folds the gradient of any broadcast input back to the input's shape.
    lambda g, y, x, shape=None: g,
    cases=[case((3,), shape=(4, 3)), case((), shape=(2, 3)), case((2, 1, 3), shape=(2, 5, 3)), case((1,), shape=(0,))],
)
broadcast_arrays = composite(
    lambda *xs: tuple([np.broadcast_to(x, np.broadcast_shapes(*[np.shape(v) for v in xs])) for x in xs]),
    name="broadcast_arrays",
    numpy=np.broadcast_arrays,
    variadic=True,
    bind=lambda *xs: (xs, {}),
    cases=[case((3, 1), (4,)), case((), (2, 1, 3))],
)
expand_dims = linear(
    np.expand_dims,
    lambda g, y, x, axis=None: np.reshape(g, x.shape),
    cases=[case((3, 4), axis=0), case((3, 4), axis=(0, -1)), case((), axis=0)],
)
squeeze = linear(
    np.squeeze,
    lambda g, y, x, axis=None: np.reshape(g, x.shape),
    cases=[case((3, 1, 4)), case((1, 3, 1), axis=0), case((1, 1)), case((3, 4))],
)


def _at_least(n: int, pick: Any) -> Any:
    def widen(*xs: Any) -> Any:
        xs = tuple([x if hasattr(x, "ndim") else np.asanyarray(x) for x in xs])
        out = tuple([x if x.ndim >= n else np.reshape(x, pick(x.shape)) for x in xs])
        return out[0] if len(out) == 1 else out

    return widen


def _three(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, *shape, 1) if len(shape) == 1 else (*shape, 1) if len(shape) == 2 else (1, 1, 1)


atleast_1d, atleast_2d, atleast_3d = [
    composite(
        _at_least(n, pick),
        name=f"atleast_{n}d",
        numpy=f,
        variadic=True,
        bind=lambda *xs: (xs, {}),
        cases=[case(()), case((3,)), case((3, 4), ())],
    )
    for n, f, pick in (
        (1, np.atleast_1d, lambda shape: (1,)),
        (2, np.atleast_2d, lambda shape: (1, *shape) if shape else (1, 1)),
        (3, np.atleast_3d, _three),
    )
]
copy = linear(np.copy, lambda g, y, x, order="K": g, cases=[case((3, 4)), case((3, 4), order="F")])
astype = linear(
    lambda x, dtype=None: x.astype(dtype),
    # The walker gives every gradient its tensor's dtype.
    lambda g, y, x, dtype=None: g,
    name="astype",
    numpy=np.astype,
    bind=lambda x, dtype, **kw: ((x,), {"dtype": np.dtype(dtype)}),
    cases=[case((3, 4), dtype=np.dtype(np.float32))],
)

# A conversion to whole numbers or bool is a step function: its derivative is 0 wherever it exists.
cast = linear(
    lambda x, dtype=None: x.astype(dtype),
    None,
    name="cast",
    bind=lambda x, dtype: ((x,), {"dtype": np.dtype(dtype)}),
    cases=[case((3, 4), dtype=np.dtype(np.int64))],
)


def _meshgrid(*xs: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    n = len(xs)
    # With "xy" the first two axes change places.
    place = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    sizes = [0] * n
    for i, x in enumerate(xs):
        sizes[place[i]] = np.size(x)
    out = []
    for i, x in enumerate(xs):
        x = np.reshape(x, tuple([-1 if j == place[i] else 1 for j in range(n)]))
        out.append(x if sparse else np.broadcast_to(x, tuple(sizes)))
    return tuple(out)


meshgrid = composite(
    _meshgrid,
    name="meshgrid",
    numpy=np.meshgrid,
    variadic=True,
    bind=lambda *xs, **kw: (xs, kw),
    cases=[case((3,), (4,)), case((3,), (4,), (2,), indexing="ij"), case((3,), (4,), sparse=True), case((3,))],
)


def _full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> Any:
    shape = np.shape(a) if shape is None else shape
    target = a.dtype if dtype is None else np.dtype(dtype)
    if not is_tensor(fill_value):
        return full(shape, fill_value, target, a)
    y = np.broadcast_to(fill_value, shape)
    return y if y.dtype == target else y.astype(target)


full_like = composite(
    _full_like,
    name="full_like",
    numpy=np.full_like,
    cases=[case((2, 3), ()), case((2, 3), (3,)), case((2, 3), 1.5, shape=[4])],
)
