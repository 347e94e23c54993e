"""Products and decompositions."""

import numpy as np

from .says import MAP, axis_of, same, says

same(
    """
    matmul mm=matmul bmm=matmul mv=matmul dot vdot inner outer kron linalg.inv linalg.det linalg.svdvals
    linalg.matrix_power linalg.multi_dot linalg.tensorinv
    """,
    np,
    np.linalg,
)
MAP["__rmatmul__"] = lambda a, b: b @ a


@says("tensordot")
def _tensordot(a, b, dims=2):
    return np.tensordot(a, b, dims)


@says("einsum")
def _einsum(xs, equation):
    return np.einsum(equation, *xs)


@says("cross", "linalg.cross")
def _cross(a, b, dim=-1):
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = np.broadcast_to(a, shape), np.broadcast_to(b, shape)
    dim = next(i for i, n in enumerate(shape) if n == 3) if dim is None else dim
    return np.cross(a, b, axis=dim)


@says("linalg.vecdot")
def _vecdot(a, b, dim=-1):
    return np.linalg.vecdot(*np.broadcast_arrays(a, b), axis=dim)


@says("cholesky", "linalg.cholesky", "linalg.cholesky_ex")
def _cholesky(x, upper=False, check_errors=False):
    return np.linalg.cholesky(x, upper=upper)


@says("linalg.eigvalsh")
def _eigvalsh(x, UPLO="L"):
    return np.linalg.eigvalsh(x, UPLO)


@says("linalg.eigh")
def _eigh(x, UPLO="L"):
    w, v = np.linalg.eigh(x, UPLO)
    return w, np.abs(v)


@says("linalg.svd", "svd")
def _svd(x, full_matrices=True, **how):
    # Vectors beyond the rank of the shape are not unique: torch compares those of the thin form too.
    u, s, vh = np.linalg.svd(x, full_matrices=full_matrices)
    k = min(x.shape[-2:])
    return np.abs(u[..., :k]), s, np.abs(vh[..., :k, :])


@says("linalg.qr", "qr")
def _qr(x, mode="reduced", some=True):
    if mode == "r":
        return np.linalg.qr(x, "r")
    return np.linalg.qr(x)


@says("linalg.slogdet")
def _slogdet(x):
    return tuple(np.linalg.slogdet(x))


@says("logdet")
def _logdet(x):
    return np.linalg.slogdet(x)[1]


@says("linalg.inv_ex")
def _inv_ex(x, check_errors=False):
    return np.linalg.inv(x)


@says("linalg.solve", "linalg.solve_ex")
def _solve(a, b, left=True, check_errors=False):
    if not left:
        return np.matrix_transpose(np.linalg.solve(np.matrix_transpose(a), np.matrix_transpose(b)))
    if b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]:
        return np.linalg.solve(a, b[..., None])[..., 0]
    return np.linalg.solve(a, b)


@says("linalg.pinv", "linalg.pinv:hermitian", "pinverse")
def _pinv(x, *args, hermitian=False, rcond=None, rtol=None, atol=None):
    return np.linalg.pinv(x, hermitian=hermitian, **({} if rtol is None else {"rtol": rtol}))


@says("linalg.pinv:singular")
def _pinv_singular(a, b):
    return np.linalg.pinv(np.matmul(a, np.matrix_transpose(b)))


@says("linalg.lstsq:grad_oriented", "linalg.lstsq")
def _lstsq(a, b, driver=None):
    return np.matmul(np.linalg.pinv(a), b)


@says("linalg.norm", "linalg.norm:subgradients_at_zero")
def _linalg_norm(x, ord=None, dim=None, keepdim=False, dtype=None):
    return np.linalg.norm(x, ord, axis_of(dim), keepdim)


@says("linalg.matrix_norm")
def _matrix_norm(x, ord="fro", dim=(-2, -1), keepdim=False, dtype=None):
    return np.linalg.norm(x, ord, axis_of(dim), keepdim)


@says("linalg.vector_norm")
def _vector_norm(x, ord=2, dim=None, keepdim=False, dtype=None):
    return np.linalg.vector_norm(x, ord=ord, axis=axis_of(dim), keepdims=keepdim)


@says("linalg.cond")
def _cond(x, p=None):
    return np.linalg.cond(x, p)


@says("linalg.tensorsolve")
def _tensorsolve(a, b, dims=None):
    return np.linalg.tensorsolve(a, b, dims)


@says("linalg.solve_triangular")
def _solve_triangular(a, b, upper, left=True, unitriangular=False):
    a = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        eye = np.eye(a.shape[-1])
        a = a * (1 - eye) + eye
    if not left:
        return np.matrix_transpose(np.linalg.solve(np.matrix_transpose(a), np.matrix_transpose(b)))
    return np.linalg.solve(a, b)


@says("cholesky_solve")
def _cholesky_solve(b, low, upper=False):
    t = np.matrix_transpose
    low = t(low) if upper else low
    return np.linalg.solve(np.matmul(low, t(low)), b)


@says("cholesky_inverse")
def _cholesky_inverse(low, upper=False):
    t = np.matrix_transpose
    low = t(low) if upper else low
    return np.linalg.inv(np.matmul(low, t(low)))
