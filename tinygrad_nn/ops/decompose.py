"""Decompositions of (stacks of) matrices: Cholesky, QR, eigenvalues of symmetric matrices, singular values.

A function of several results is one operation that packs them along one last axis, and a function around it that
takes them apart.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..convert import beside
from ..op import case, composite, general
from .domains import INF

_SQUARE = [case((3, 3)), case((2, 3, 3)), case((1, 1))]
#: Two entries across the diagonal that differ by less than this part of the largest count as one number twice.
_ASYMMETRY = 1e-2


def _t(x: Any) -> Any:
    return np.matrix_transpose(x)


def _symmetrized(x: Any) -> Any:
    """Give the symmetric part of (nearly) symmetric matrices, any other as it is.

    NumPy reads one triangle only. The mean makes both count alike, so that the gradient is symmetric and differences
    that move one entry agree with it. Where the triangles have nothing to do with each other NumPy's way holds.
    """
    gap = np.max(np.absolute(x - _t(x)), axis=(-2, -1), keepdims=True, initial=0.0)
    near = gap <= _ASYMMETRY * np.max(np.absolute(x), axis=(-2, -1), keepdims=True, initial=0.0)
    return np.where(near & (gap > 0), 0.5 * (x + _t(x)), x)


def _even(x: Any) -> Any:
    return 0.5 * (x + _t(x))


def _half_lower(x: Any) -> Any:
    """Give the lower triangle with half the diagonal."""
    n = x.shape[-1]
    return x * beside(np.tril(np.ones((n, n), x.dtype)) - 0.5 * np.eye(n, dtype=x.dtype), x)


def _cholesky_rule(g: Any, y: Any, upper: bool) -> Any:
    """Give the symmetric cotangent (I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527)."""
    if upper:
        g, y = _t(g), _t(y)
    back = np.linalg.inv(y)
    return _even(np.matmul(_t(back), np.matmul(_half_lower(np.matmul(_t(y), np.tril(g))), back)))


def _cholesky_jvp(t: Any, y: Any, upper: bool) -> Any:
    low = _t(y) if upper else y
    back = np.linalg.inv(low)
    d = np.matmul(low, _half_lower(np.matmul(back, np.matmul(_even(t), _t(back)))))
    return _t(d) if upper else d


cholesky = general(
    lambda x, upper=False: np.linalg.cholesky(_symmetrized(x), upper=upper),
    lambda g, y, x, upper=False: _cholesky_rule(g, y, upper),
    jvp=lambda ts, y, x, upper=False: _cholesky_jvp(ts[0], y, upper),
    name="cholesky",
    numpy=np.linalg.cholesky,
    domain="spd",
    cases=[*_SQUARE, case((3, 3), upper=True)],
    kinks="the matrix is symmetric, and so is its gradient",
)


def _pack(parts: tuple[Any, ...], batch: int) -> Any:
    return np.concatenate([p.reshape(*p.shape[:batch], math.prod(p.shape[batch:])) for p in parts], axis=-1)


def _unpack(y: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    parts, start = [], 0
    for shape in shapes:
        n = math.prod(shape)
        parts.append(np.reshape(y[..., start : start + n], (*y.shape[:-1], *shape)))
        start += n
    return parts


def _reciprocal_gaps(low: Any, high: Any) -> Any:
    """Give 1 / ((s_j - s_i) (s_j + s_i)) of two lists, and 0 for equal ones."""
    gaps = (np.expand_dims(low, -2) - np.expand_dims(low, -1)) * high
    return 1.0 / np.where(gaps == 0, INF, gaps)


def _eigh_rule(g: Any, y: Any, n: int) -> Any:
    """Give V (diag(gw) + F * (V.T gV)) V.T (M. Giles, Collected matrix derivative results, 2008, section 3.1)."""
    w, v = _unpack(y, [(n,), (n, n)])
    gw, gv = _unpack(g, [(n,), (n, n)])
    inner = _reciprocal_gaps(w, 1.0) * np.matmul(_t(v), gv)
    return _even(np.matmul(v * np.expand_dims(gw, -2) + np.matmul(v, inner), _t(v)))


eigh_packed = general(
    lambda x, UPLO="L": _pack(np.linalg.eigh(_symmetrized(x), UPLO), x.ndim - 2),
    lambda g, y, x, UPLO="L": _eigh_rule(g, y, x.shape[-1]),
    name="eigh_packed",
    numpy=(),
    bind=lambda x, UPLO="L": ((x,), {"UPLO": UPLO}),
    domain="symmetric",
    formula="eigh(x), packed along a last axis",
    cases=[*_SQUARE, case((3, 3), UPLO="U")],
    kinks="equal eigenvalues: their vectors do not turn into each other",
)


class EighResult(NamedTuple):
    """The eigenvalues, ascending, and the eigenvectors in columns."""

    eigenvalues: Any
    eigenvectors: Any


def _eigh(a: Any, UPLO: str = "L") -> EighResult:
    n = a.shape[-1]
    return EighResult(*_unpack(eigh_packed(a, UPLO), [(n,), (n, n)]))


eigh = composite(_eigh, name="eigh", numpy=np.linalg.eigh, domain="symmetric", cases=[*_SQUARE, case((3, 3), UPLO="U")])


def _eigvalsh_rule(g: Any, x: Any, UPLO: str) -> Any:
    v = _eigh(x, UPLO).eigenvectors
    return np.matmul(v * np.expand_dims(g, -2), _t(v))


eigvalsh = general(
    lambda x, UPLO="L": np.linalg.eigvalsh(_symmetrized(x), UPLO),
    lambda g, y, x, UPLO="L": _eigvalsh_rule(g, x, UPLO),
    name="eigvalsh",
    numpy=np.linalg.eigvalsh,
    domain="symmetric",
    cases=[*_SQUARE, case((3, 3), UPLO="U")],
    kinks="the matrix is symmetric, and so is its gradient",
)


def _svd_shapes(shape: tuple[int, ...], full: bool = False) -> list[tuple[int, ...]]:
    m, n = shape[-2:]
    k = min(m, n)
    return [(m, m), (k,), (n, n)] if full else [(m, k), (k,), (k, n)]


_NOT_UNIQUE = (
    "svd: the singular vectors beyond the rank of the shape are not unique and have no derivative; "
    "pass full_matrices=False"
)


def _svd_parts(v: Any, shape: tuple[int, ...], full: bool, cotangent: bool = False) -> list[Any]:
    """Take U, S, Vh (or their cotangents) apart and leave out the vectors that full_matrices=True adds."""
    u, s, vh = _unpack(v, _svd_shapes(shape, full))
    if not full:
        return [u, s, vh]
    k = min(shape[-2:])
    if cotangent and (np.any(u[..., k:] != 0) or np.any(vh[..., k:, :] != 0)):
        raise TypeError(_NOT_UNIQUE)
    return [u[..., :k], s, vh[..., :k, :]]


def _svd_rule(g: Any, y: Any, shape: tuple[int, ...], full: bool) -> Any:
    """Give the cotangent (J. Townsend, Differentiating the singular value decomposition, 2016)."""
    u, s, vh = _svd_parts(y, shape, full)
    gu, gs, gvh = _svd_parts(g, shape, full, cotangent=True)
    m, n = shape[-2:]
    f = _reciprocal_gaps(s, np.expand_dims(s, -2) + np.expand_dims(s, -1))
    row, column = np.expand_dims(s, -2), np.expand_dims(s, -1)
    turn_u, turn_v = np.matmul(_t(u), gu), np.matmul(vh, _t(gvh))
    inner = f * (turn_u - _t(turn_u)) * row + column * (f * (turn_v - _t(turn_v)))
    out = np.matmul(u * np.expand_dims(gs, -2) + np.matmul(u, inner), vh)
    over = 1.0 / np.where(s == 0, INF, s)
    if m > n:
        outside = gu - np.matmul(u, turn_u)
        out = out + np.matmul(outside * np.expand_dims(over, -2), vh)
    if n > m:
        outside = gvh - np.matmul(_t(turn_v), vh)
        out = out + np.matmul(u, np.expand_dims(over, -1) * outside)
    return out


svd_packed = general(
    lambda x: _pack(np.linalg.svd(x, full_matrices=False), x.ndim - 2),
    lambda g, y, x: _svd_rule(g, y, x.shape, False),
    name="svd_packed",
    numpy=(),
    formula="svd(x, full_matrices=False), packed along a last axis",
    cases=[case((3, 3)), case((4, 2)), case((2, 4)), case((2, 3, 2)), case((1, 1))],
    kinks="equal singular values: their vectors do not turn into each other",
)


def _no_forward(ts: Any, y: Any, x: Any) -> Any:
    raise TypeError(_NOT_UNIQUE)


svd_full_packed = general(
    lambda x: _pack(np.linalg.svd(x), x.ndim - 2),
    lambda g, y, x: _svd_rule(g, y, x.shape, True),
    jvp=_no_forward,
    name="svd_full_packed",
    numpy=(),
    formula="svd(x), packed along a last axis",
    cases=[case((4, 2)), case((2, 3, 4))],
    kinks="the vectors that are not unique have no derivative",
)


class SVDResult(NamedTuple):
    """The factors of a = U @ diag(S) @ Vh."""

    U: Any
    S: Any
    Vh: Any


def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if not compute_uv:
        return _values(a, hermitian)
    m, n = a.shape[-2:]
    if hermitian:
        w, v = _eigh(a)
        sizes = np.absolute(w)
        order = np.flip(np.argsort(sizes), -1)
        signs = np.take_along_axis(np.copysign(1.0, w), order, -1)
        s = np.take_along_axis(sizes, order, -1)
        u = np.take_along_axis(v, np.expand_dims(order, -2), -1)
        return SVDResult(u, s, _t(u * np.expand_dims(signs, -2)))
    if full_matrices and m != n:
        return SVDResult(*_unpack(svd_full_packed(a), _svd_shapes(a.shape, True)))
    return SVDResult(*_unpack(svd_packed(a), _svd_shapes(a.shape)))


def _values(a: Any, hermitian: bool) -> Any:
    if hermitian:
        return np.flip(np.sort(np.absolute(np.linalg.eigvalsh(a))), -1)
    return svdvals(a)


svd = composite(
    _svd,
    name="svd",
    numpy=np.linalg.svd,
    cases=[
        case((3, 3)),
        case((4, 2), full_matrices=False),
        case((2, 4), full_matrices=False),
        case((2, 3, 2), full_matrices=False),
        case((4, 2), compute_uv=False),
    ],
)


def svdvals_rule(g: Any, x: Any) -> Any:
    """Give U diag(g) V.T, the cotangent of the singular values."""
    u, _, vh = _unpack(svd_packed(x), _svd_shapes(x.shape))
    return np.matmul(u * np.expand_dims(g, -2), vh)


svdvals = general(
    lambda x: np.linalg.svd(x, compute_uv=False),
    lambda g, y, x: svdvals_rule(g, x),
    name="svdvals",
    numpy=np.linalg.svdvals,
    cases=[case((3, 3)), case((4, 2)), case((2, 2, 4)), case((0, 3))],
)


def _lower_twice(x: Any) -> Any:
    """Copy the lower triangle to the upper one."""
    return np.tril(x) + _t(np.tril(x, -1))


def _over_transposed(x: Any, r: Any) -> Any:
    """Give x @ inv(r).T."""
    return _t(np.linalg.solve(r, _t(x)))


def _qr_shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    m, n = shape[-2:]
    k = min(m, n)
    return [(m, k), (k, n)]


def _qr_rule(g: Any, y: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """Give the cotangent (D. Roberts, L. Roberts, QR and LQ decomposition matrix backpropagation, arXiv:2009.10071)."""
    q, r = _unpack(y, _qr_shapes(shape))
    gq, gr = _unpack(g, _qr_shapes(shape))
    m, n = shape[-2:]
    wide = n > m
    if wide:
        beyond = gr[..., m:]
        gq = gq + np.matmul(x[..., m:], _t(beyond))
        gr, r = gr[..., :m], r[..., :m]
    inner = _lower_twice(np.matmul(r, _t(np.triu(gr))) - np.matmul(_t(gq), q))
    out = _over_transposed(gq + np.matmul(q, inner), r)
    return np.concatenate([out, np.matmul(q, beyond)], axis=-1) if wide else out


qr_packed = general(
    lambda x: _pack(np.linalg.qr(x), x.ndim - 2),
    lambda g, y, x: _qr_rule(g, y, x, x.shape),
    name="qr_packed",
    numpy=(),
    formula="qr(x), packed along a last axis",
    cases=[case((3, 3)), case((4, 2)), case((2, 4)), case((2, 3, 2))],
)


class QRResult(NamedTuple):
    """The orthonormal and the triangular factor."""

    Q: Any
    R: Any


def _qr(a: Any, mode: str = "reduced") -> Any:
    m, n = a.shape[-2:]
    if mode not in ("reduced", "complete", "r") or (mode == "complete" and m > n):
        raise TypeError(f"qr: mode {mode!r} for shape ({m}, {n}) has no derivative rule; use mode='reduced' or 'r'")
    q, r = _unpack(qr_packed(a), _qr_shapes(a.shape))
    return r if mode == "r" else QRResult(q, r)


qr = composite(
    _qr,
    name="qr",
    numpy=np.linalg.qr,
    cases=[
        case((3, 3)),
        case((4, 2)),
        case((2, 4), mode="complete"),
        case((4, 2), mode="r"),
        case((2, 3, 2)),
    ],
)
