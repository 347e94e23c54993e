"""Inverses, linear systems, determinants and least squares of (stacks of) matrices, each with its derivative."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..convert import empty, zeros
from ..op import Op, case, composite, general
from .decompose import svdvals_rule
from .indexing import values
from .product import product_of_others

_SQUARE = [case((3, 3)), case((2, 3, 3)), case((1, 1)), case((0, 0))]


def _t(x: Any) -> Any:
    return np.matrix_transpose(x)


inv = general(
    np.linalg.inv,
    lambda g, y, x: -np.matmul(_t(y), np.matmul(g, _t(y))),
    jvp=lambda ts, y, x: -np.matmul(y, np.matmul(ts[0], y)),
    domain="invertible",
    cases=_SQUARE,
)


def _solve_back(g: Any, a: Any, vector: bool) -> Any:
    """Give the cotangent of the right-hand side: the system with the transposed matrix."""
    if vector:
        return np.squeeze(np.linalg.solve(_t(a), np.expand_dims(g, -1)), -1)
    return np.linalg.solve(_t(a), g)


def _solve_matrix(g: Any, y: Any, a: Any, vector: bool) -> Any:
    back = _solve_back(g, a, vector)
    if vector:
        return -np.expand_dims(back, -1) * np.expand_dims(y, -2)
    return -np.matmul(back, _t(y))


def _solve_jvp(ts: Any, y: Any, a: Any, vector: bool) -> Any:
    ta, tb = ts
    change = tb
    if ta is not None:
        moved = np.squeeze(np.matmul(ta, np.expand_dims(y, -1)), -1) if vector else np.matmul(ta, y)
        change = -moved if tb is None else tb - moved
    if vector:
        return np.squeeze(np.linalg.solve(a, np.expand_dims(change, -1)), -1)
    return np.linalg.solve(a, np.broadcast_to(change, y.shape))


solve = general(
    np.linalg.solve,
    lambda g, y, a, b: _solve_matrix(g, y, a, b.ndim == 1),
    lambda g, y, a, b: _solve_back(g, a, b.ndim == 1),
    jvp=lambda ts, y, a, b: _solve_jvp(ts, y, a, b.ndim == 1),
    domain=("invertible", (-float("inf"), float("inf"))),
    cases=[
        case((3, 3), (3,)),
        case((3, 3), (3, 2)),
        case((2, 3, 3), (3,)),
        case((2, 3, 3), (2, 3, 2)),
        case((3, 3), (2, 3, 1)),
        case((0, 0), (0, 2)),
    ],
)


def _cofactor(x: Any) -> Any:
    """Give the matrix of cofactors, the derivative of the determinant: also of singular matrices."""
    n = x.shape[-1]
    flat = x.reshape(math.prod(x.shape[:-2]), n, n)
    d = np.linalg.det(flat)
    out = empty(flat.shape, np.result_type(x, np.float32), flat)
    with np.errstate(all="ignore"):
        for i in range(len(flat)):
            if d[i] != 0:
                # The inverse comes from the same factors as the determinant, so that a small pivot cancels.
                out[i] = d[i] * np.linalg.inv(flat[i]).T
            if d[i] == 0 or not np.isfinite(out[i]).all():
                u, s, vh = np.linalg.svd(flat[i])
                out[i] = (u * product_of_others(s)) @ vh * (np.linalg.det(u) * np.linalg.det(vh))
    return out.reshape(x.shape)


def _cofactor_rule(g: Any, y: Any, x: Any) -> Any:
    if x.shape[-1] < 2:
        return 0.0 * g
    if x.shape[-1] == 2:
        # [[d, -c], [-b, a]] is linear in the matrix and its own adjoint.
        return cofactor(g)
    b = _t(np.linalg.inv(x))
    along = np.sum(g * y, axis=(-2, -1), keepdims=True)
    return along * b - np.matmul(b, np.matmul(_t(g), y))


cofactor: Op = general(
    _cofactor,
    _cofactor_rule,
    name="cofactor",
    numpy=(),
    domain="invertible",
    formula="det(x) * inv(x).mT, also where x is singular",
    cases=[*_SQUARE, case((2, 2)), case((4, 4))],
)
det = general(
    np.linalg.det,
    lambda g, y, x: np.expand_dims(g, (-2, -1)) * cofactor(x),
    jvp=lambda ts, y, x: np.sum(cofactor(x) * ts[0], axis=(-2, -1)),
    domain="invertible",
    cases=[*_SQUARE, case((2, 2)), case((4, 4)), case(np.array([[1.0, 2.0], [2.0, 4.0]])), case(np.zeros((2, 2)))],
    kinks="exact for singular matrices too; of order two there up to 2x2",
)
slogdet_packed = general(
    lambda x: np.stack(np.linalg.slogdet(x), axis=-1),
    lambda g, y, x: np.expand_dims(g[..., 1], (-2, -1)) * _t(np.linalg.inv(x)),
    name="slogdet_packed",
    numpy=(),
    domain="invertible",
    formula="slogdet(x), stacked along a last axis",
    cases=_SQUARE,
)


class SlogdetResult(NamedTuple):
    """The sign and the logarithm of the absolute value of a determinant."""

    sign: Any
    logabsdet: Any


def _slogdet(a: Any) -> SlogdetResult:
    packed = slogdet_packed(a)
    return SlogdetResult(packed[..., 0], packed[..., 1])


slogdet = composite(_slogdet, name="slogdet", numpy=np.linalg.slogdet, domain="invertible", cases=_SQUARE)


def _pinv_rule(g: Any, y: Any, x: Any) -> Any:
    """Give the cotangent for a constant rank (G. H. Golub, V. Pereyra, SIAM J. Numer. Anal. 10, 1973)."""
    yt, gt = _t(y), _t(g)
    left = np.matmul(gt, np.matmul(y, yt))
    right = np.matmul(np.matmul(yt, y), gt)
    return (
        left
        - np.matmul(x, np.matmul(y, left))
        + right
        - np.matmul(np.matmul(right, y), x)
        - np.matmul(yt, np.matmul(g, yt))
    )


def _pinv_jvp(t: Any, y: Any, x: Any) -> Any:
    yt, tt = _t(y), _t(t)
    left = np.matmul(np.matmul(y, yt), tt)
    right = np.matmul(tt, np.matmul(yt, y))
    return (
        left
        - np.matmul(np.matmul(left, x), y)
        + right
        - np.matmul(y, np.matmul(x, right))
        - np.matmul(y, np.matmul(t, y))
    )


pinv = general(
    np.linalg.pinv,
    lambda g, y, x, rcond=None, hermitian=False, rtol=None: _pinv_rule(g, y, x),
    jvp=lambda ts, y, x, rcond=None, hermitian=False, rtol=None: _pinv_jvp(ts[0], y, x),
    cases=[case((3, 3)), case((4, 2)), case((2, 4)), case((2, 4, 3)), case((3, 2), rcond=1e-10)],
    kinks="as for a constant rank",
)
lstsq_solution = general(
    lambda a, b, rcond=None: np.linalg.lstsq(a, b, rcond)[0],
    lambda g, y, a, b, rcond=None: _lstsq_matrix(_column(g, y.ndim), _column(y, y.ndim), a, _column(b, b.ndim)),
    lambda g, y, a, b, rcond=None: np.matmul(_t(np.linalg.pinv(a)), g),
    name="lstsq_solution",
    formula="lstsq(a, b)[0]",
    cases=[case((4, 2), (4,)), case((4, 2), (4, 3)), case((2, 4), (2,)), case((3, 3), (3, 2))],
)
lstsq_residuals = general(
    lambda a, b, rcond=None: np.linalg.lstsq(a, b, rcond)[1],
    lambda g, y, a, b, rcond=None: _residual_matrix(g, a, b),
    lambda g, y, a, b, rcond=None: 2.0 * g * _residual(a, b),
    name="lstsq_residuals",
    formula="lstsq(a, b)[1]",
    cases=[case((4, 2), (4,)), case((4, 2), (4, 3))],
)


lstsq_values = general(
    lambda a, b, rcond=None: np.linalg.lstsq(a, b, rcond)[3],
    lambda g, y, a, b, rcond=None: svdvals_rule(g, a),
    None,
    name="lstsq_values",
    formula="lstsq(a, b)[3]",
    cases=[case((4, 2), (4,)), case((2, 4), (2, 3))],
)


def _column(v: Any, ndim: int) -> Any:
    return np.expand_dims(v, -1) if ndim == 1 else v


def _lstsq_matrix(g: Any, x: Any, a: Any, b: Any) -> Any:
    p = np.linalg.pinv(a)
    z = np.matmul(_t(p), g)
    return (
        np.matmul(b - np.matmul(a, x), _t(np.matmul(p, z)))
        + np.matmul(np.matmul(_t(p), x), _t(g - np.matmul(_t(a), z)))
        - np.matmul(z, _t(x))
    )


def _residual(a: Any, b: Any) -> Any:
    return b - np.matmul(a, lstsq_solution(a, b))


def _residual_matrix(g: Any, a: Any, b: Any) -> Any:
    # The solution minimizes the residual, so that only the explicit dependence on a counts.
    r = _residual(a, b)
    x = lstsq_solution(a, b)
    return -2.0 * np.matmul(_column(r * g, b.ndim), _t(_column(x, b.ndim)))


def _lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    m, n = a.shape
    rank = np.linalg.lstsq(values(a), values(b), rcond)[2]
    full = rank == n and m > n
    residuals = lstsq_residuals(a, b, rcond) if full else zeros(0, np.result_type(values(a), values(b)), a)
    return lstsq_solution(a, b, rcond), residuals, rank, lstsq_values(a, b, rcond)


lstsq = composite(
    _lstsq,
    name="lstsq",
    numpy=np.linalg.lstsq,
    cases=[case((4, 2), (4,)), case((4, 2), (4, 3)), case((2, 4), (2,))],
)


def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    n = a.ndim
    order = list(range(n))
    for k in axes or ():
        order.remove(k)
        order.insert(n, k)
    if axes is not None:
        a = np.transpose(a, order)
    shape = a.shape[np.ndim(b) - n :]
    size = int(np.prod(shape))
    if np.size(a) != size * size:
        raise np.linalg.LinAlgError(f"tensorsolve: a of shape {a.shape} is not square for b of shape {np.shape(b)}")
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.ravel(b)), shape)


tensorsolve = composite(
    _tensorsolve,
    name="tensorsolve",
    numpy=np.linalg.tensorsolve,
    cases=[case(np.eye(6).reshape(2, 3, 3, 2) + 0.1 * np.sin(np.arange(36.0)).reshape(2, 3, 3, 2), (2, 3))],
)


def _tensorinv(a: Any, ind: int = 2) -> Any:
    if ind <= 0:
        raise ValueError(f"tensorinv: ind must be at least 1, got {ind}")
    size = int(np.prod(a.shape[ind:]))
    return np.reshape(np.linalg.inv(np.reshape(a, (size, -1))), a.shape[ind:] + a.shape[:ind])


tensorinv = composite(
    _tensorinv,
    name="tensorinv",
    numpy=np.linalg.tensorinv,
    cases=[case(np.eye(6).reshape(2, 3, 3, 2) + 0.1 * np.sin(np.arange(36.0)).reshape(2, 3, 3, 2))],
)
