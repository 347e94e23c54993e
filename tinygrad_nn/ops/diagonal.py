"""Diagonals and triangles of matrices: linear, each with its adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convert import Foreign, full, zeros
from ..op import Op, case, composite, linear


def _embed(x: Any, shape: tuple[int, ...], offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    out = zeros(shape, x.dtype, x)
    # NumPy gives the diagonal as a view that it marks as read-only; of an array of our own it may be written.
    view = np.diagonal(out, offset, axis1, axis2)
    if not isinstance(view, Foreign):
        view.flags.writeable = True
    view[...] = x
    return out


diagonal: Op = linear(
    np.diagonal,
    lambda g, y, x, offset=0, axis1=0, axis2=1: embed_diagonal(
        g, shape=x.shape, offset=offset, axis1=axis1, axis2=axis2
    ),
    cases=[
        case((3, 4)),
        case((3, 4), offset=1),
        case((3, 4), offset=-2),
        case((2, 3, 4), axis1=-1, axis2=1),
        case((3, 2), offset=5),
    ],
)
embed_diagonal: Op = linear(
    _embed,
    lambda g, y, x, shape=None, offset=0, axis1=0, axis2=1: np.diagonal(g, offset, axis1, axis2),
    name="embed_diagonal",
    numpy=(),
    bind=lambda x, **params: ((x,), params),
    formula="zeros(shape), with x on the diagonal",
    cases=[case((3,), shape=(3, 4)), case((2, 3), shape=(3, 2, 4), offset=1, axis1=0, axis2=2)],
)


def _trace_adjoint(g: Any, shape: tuple[int, ...], offset: int, axis1: int, axis2: int) -> Any:
    n = len(shape)
    rest = [shape[i] for i in range(n) if i not in (axis1 % n, axis2 % n)]
    rows, columns = shape[axis1], shape[axis2]
    k = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    g = np.broadcast_to(np.expand_dims(g, -1), (*rest, k))
    return embed_diagonal(g, shape=shape, offset=offset, axis1=axis1, axis2=axis2)


trace = linear(
    np.trace,
    lambda g, y, x, offset=0, axis1=0, axis2=1, dtype=None: _trace_adjoint(g, x.shape, offset, axis1, axis2),
    cases=[case((3, 4)), case((3, 4), offset=-1), case((2, 3, 4), axis1=2, axis2=1), case((2, 2), offset=5)],
)


def _diagflat(v: Any, k: int = 0) -> Any:
    flat = np.ravel(v)
    n = flat.size + abs(k)
    return embed_diagonal(flat, shape=(n, n), offset=k)


diagflat = composite(
    _diagflat, name="diagflat", numpy=np.diagflat, cases=[case((3,)), case((2, 2), k=-1), case((), k=1)]
)


def _diag(v: Any, k: int = 0) -> Any:
    v = v if hasattr(v, "ndim") else np.asarray(v)
    if v.ndim == 1:
        return _diagflat(v, k)
    if v.ndim == 2:
        return np.diagonal(v, k)
    raise ValueError(f"diag: needs 1 or 2 axes, got {v.ndim}; use np.diagonal or np.diagflat")


diag = composite(
    _diag, name="diag", numpy=np.diag, cases=[case((3,)), case((3,), k=1), case((3, 4)), case((3, 4), k=-1)]
)
_TRIANGLES = [case((3, 4)), case((3, 4), k=1), case((2, 3, 3), k=-1), case((3,)), case((0, 3))]
tril = linear(np.tril, lambda g, y, x, k=0: np.tril(g, k), cases=_TRIANGLES)
triu = linear(np.triu, lambda g, y, x, k=0: np.triu(g, k), cases=_TRIANGLES)
linalg_diagonal = composite(
    lambda x, /, *, offset=0: np.diagonal(x, offset, -2, -1),
    name="linalg_diagonal",
    numpy=np.linalg.diagonal,
    cases=[case((3, 4)), case((2, 3, 3), offset=1)],
)
linalg_trace = composite(
    lambda x, /, *, offset=0, dtype=None: np.trace(x, offset, -2, -1, dtype),
    name="linalg_trace",
    numpy=np.linalg.trace,
    cases=[case((3, 4)), case((2, 3, 3), offset=1)],
)


def _vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    x = x if hasattr(x, "ndim") else np.asarray(x)
    if x.ndim != 1:
        raise ValueError(f"vander: needs one axis, got shape {x.shape}")
    n = x.size if N is None else N
    wide = np.promote_types(x.dtype, int)
    x = x if x.dtype == wide else x.astype(wide)
    if not n:
        return zeros((x.size, 0), x.dtype, x)
    columns = np.concatenate(
        [full((x.size, 1), 1.0, x.dtype, x), np.broadcast_to(np.expand_dims(x, 1), (x.size, n - 1))], axis=1
    )
    powers = np.cumprod(columns, axis=1)
    return powers if increasing else np.flip(powers, 1)


vander = composite(
    _vander, name="vander", numpy=np.vander, cases=[case((3,)), case((3,), N=2), case((4,), N=5, increasing=True)]
)
