"""Norms of vectors and matrices, of every order that NumPy has; the derivative is 0 where the norm is 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import case, composite, general
from .decompose import svdvals
from .domains import INF
from .indexing import normal_axis
from .reduce import Axis, keep


def _over(x: Any, y: Any, axis: Axis, keepdims: bool) -> Any:
    y = keep(y, x.shape, axis, keepdims)
    return x / np.where(y == 0, INF, y)


_AXES = [
    case((5,)),
    case((3, 4)),
    case((3, 4), axis=0),
    case((3, 4), axis=-1, keepdims=True),
    case((2, 3, 4), axis=(0, 2)),
    case((2, 3, 4), keepdims=True),
    case((0,)),
]
euclidean_norm = general(
    lambda x, axis=None, keepdims=False: np.linalg.norm(x, None, axis, keepdims),
    lambda g, y, x, axis=None, keepdims=False: keep(g, x.shape, axis, keepdims) * _over(x, y, axis, keepdims),
    jvp=lambda ts, y, x, axis=None, keepdims=False: np.sum(
        ts[0] * _over(x, y, axis, keepdims), axis=axis, keepdims=keepdims
    ),
    name="euclidean_norm",
    bind=lambda x, axis=None, keepdims=False: ((x,), {"axis": axis, "keepdims": keepdims}),
    formula="norm(x, axis=axis)",
    cases=_AXES,
    kinks="0 at 0",
)


def _slopes(x: Any, y: Any, ord: float, axis: Axis, keepdims: bool) -> Any:
    """Give sign(x) (abs(x) / y)**(ord - 1), and 0 where x is 0."""
    ratio = np.absolute(_over(x, y, axis, keepdims))
    return np.sign(x) * np.where(ratio == 0, 1.0, ratio) ** (ord - 1.0)


power_norm = general(
    lambda x, ord=3.0, axis=None, keepdims=False: np.linalg.norm(x, ord, axis, keepdims),
    lambda g, y, x, ord=3.0, axis=None, keepdims=False: (
        keep(g, x.shape, axis, keepdims) * _slopes(x, y, ord, axis, keepdims)
    ),
    jvp=lambda ts, y, x, ord=3.0, axis=None, keepdims=False: np.sum(
        ts[0] * _slopes(x, y, ord, axis, keepdims), axis=axis, keepdims=keepdims
    ),
    name="power_norm",
    bind=lambda x, ord, axis=None, keepdims=False: ((x,), {"ord": ord, "axis": axis, "keepdims": keepdims}),
    formula="sum(abs(x)**ord, axis)**(1 / ord)",
    cases=[case((5,), ord=3), case((3, 4), ord=1.5, axis=0), case((3, 4), ord=-2.5, axis=1, keepdims=True)],
    kinks="0 where x is 0",
)


def _largest(x: Any, axis: int, keepdims: bool = False) -> Any:
    """Give the largest of numbers that are not negative, 0 of none; a tie is shared among the elements alone."""
    if x.shape[axis]:
        return np.max(x, axis=axis, keepdims=keepdims)
    return np.max(x, axis=axis, keepdims=keepdims, initial=0)


def _vector(x: Any, ord: Any, axis: int, keepdims: bool) -> Any:
    if ord is None or ord == 2:
        return euclidean_norm(x, axis, keepdims)
    if isinstance(ord, str):
        raise ValueError(f"norm: order {ord!r} is for matrices; give a number for vectors")
    if ord == 0:
        return np.sum((x != 0).astype(x.dtype), axis=axis, keepdims=keepdims) + np.sum(
            x * 0.0, axis=axis, keepdims=keepdims
        )
    if ord == 1:
        return np.sum(np.absolute(x), axis=axis, keepdims=keepdims)
    if ord == math.inf:
        return _largest(np.absolute(x), axis, keepdims)
    if ord == -math.inf:
        return np.min(np.absolute(x), axis=axis, keepdims=keepdims)
    return power_norm(x, ord, axis, keepdims)


def _matrix(x: Any, ord: Any, axis: tuple[int, int], keepdims: bool) -> Any:
    row, column = [normal_axis(a, x.ndim, "norm") for a in axis]
    if row == column:
        raise ValueError(f"norm: the axes {axis} of a matrix norm must be different")
    if ord is None or ord in ("fro", "f"):
        return euclidean_norm(x, axis, keepdims)
    if ord in (2, -2, "nuc"):
        s = svdvals(np.moveaxis(x, (row, column), (-2, -1)))
        y = _largest(s, -1) if ord == 2 else np.min(s, -1) if ord == -2 else np.sum(s, -1)
    elif ord in (1, -1):
        sums = np.sum(np.absolute(x), axis=row)
        along = column - (column > row)
        y = _largest(sums, along) if ord == 1 else np.min(sums, axis=along)
    elif ord in (math.inf, -math.inf):
        sums = np.sum(np.absolute(x), axis=column)
        along = row - (row > column)
        y = _largest(sums, along) if ord > 0 else np.min(sums, axis=along)
    else:
        raise ValueError(
            f"norm: order {ord!r} is not defined for matrices; use 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"
        )
    if keepdims:
        y = np.reshape(y, tuple([1 if i in (row, column) else n for i, n in enumerate(x.shape)]))
    return y


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = x if hasattr(x, "ndim") else np.asarray(x)
    if x.dtype.kind != "f":
        x = x.astype(float)
    if axis is None:
        if ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1):
            return euclidean_norm(x, None, keepdims)
        axis = tuple(range(x.ndim))
    axis = tuple(axis) if isinstance(axis, (tuple, list)) else (int(axis),)
    if len(axis) == 1:
        return _vector(x, ord, axis[0], keepdims)
    if len(axis) == 2:
        return _matrix(x, ord, axis, keepdims)
    raise ValueError(
        f"norm: takes one axis (vectors) or two (matrices), got {axis}; use np.linalg.vector_norm for more"
    )


_ORDERS = [case((5,), ord) for ord in (None, 0, 1, 2, 3, -1, 0.5, math.inf, -math.inf)]
_MATRIX_ORDERS = [case((3, 4), ord) for ord in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)]
norm = composite(
    _norm,
    name="norm",
    numpy=np.linalg.norm,
    cases=[
        *_AXES,
        *_ORDERS,
        *_MATRIX_ORDERS,
        case((3, 4), 1, axis=0, keepdims=True),
        case((2, 3, 4), 2, axis=(2, 0), keepdims=True),
        case((2, 3, 4), math.inf, axis=(-1, 0)),
    ],
    kinks="0 at 0; of largest ones equal shares",
)


def _vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    x = x if hasattr(x, "ndim") else np.asanyarray(x)
    given = range(x.ndim) if axis is None else axis if np.ndim(axis) else (axis,)
    axes = tuple([normal_axis(a, x.ndim, "vector_norm") for a in given])
    if axis is None:
        y = _norm(np.ravel(x), ord, 0)
    elif np.ndim(axis):
        rest = [i for i in range(x.ndim) if i not in axes]
        moved = np.transpose(x, (*axes, *rest))
        y = _norm(np.reshape(moved, (math.prod([x.shape[i] for i in axes]), *[x.shape[i] for i in rest])), ord, 0)
    else:
        y = _norm(x, ord, axis)
    return np.reshape(y, tuple([1 if i in axes else n for i, n in enumerate(x.shape)])) if keepdims else y


vector_norm = composite(
    _vector_norm,
    name="vector_norm",
    numpy=np.linalg.vector_norm,
    cases=[case((3, 4)), case((3, 4), axis=0, ord=1), case((2, 3, 4), axis=(2, 0), keepdims=True), case((3, 4), ord=3)],
)
matrix_norm = composite(
    lambda x, /, *, keepdims=False, ord="fro": _norm(x, ord, (-2, -1), keepdims),
    name="matrix_norm",
    numpy=np.linalg.matrix_norm,
    cases=[case((3, 4)), case((2, 3, 4), ord="nuc", keepdims=True), case((2, 3, 4), ord=1)],
)


def _cond(x: Any, p: Any = None) -> Any:
    x = x if hasattr(x, "ndim") else np.asarray(x)
    if not np.size(x):
        raise np.linalg.LinAlgError("cond: an empty matrix has no condition number")
    if p is None or p in (2, -2):
        s = svdvals(x)
        with np.errstate(all="ignore"):
            return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    # NumPy inverts in double precision whatever the dtype, and rounds at the end.
    c = _norm(x, p, (-2, -1)) * _norm(np.linalg.inv(x.astype(np.float64)), p, (-2, -1))
    return c.astype(x.dtype)


cond = composite(
    _cond,
    name="cond",
    numpy=np.linalg.cond,
    domain="invertible",
    cases=[case((3, 3)), case((3, 3), -2), case((2, 3, 3), 1), case((3, 3), "fro"), case((4, 2))],
)
