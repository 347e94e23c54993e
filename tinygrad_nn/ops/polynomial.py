"""Polynomials as arrays of coefficients, the highest power first."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..convert import beside, zeros
from ..op import case, composite
from .indexing import values


def _polyval(p: Any, x: Any) -> Any:
    p = p if hasattr(p, "ndim") else np.asarray(p)
    x = x if hasattr(x, "ndim") else beside(np.asanyarray(x), p)
    y: Any = zeros(x.shape, x.dtype, x)
    for i in range(p.shape[0]):
        y = y * x + p[i]
    return y


_VALUES = [case((4,), (3,)), case((3,), ()), case((2,), (2, 3))]
polyval = composite(
    _polyval, name="polyval", numpy=np.polyval, cases=[case((4,), (3,)), case((3,), ()), case((2,), (2, 3))]
)


def _whole(m: Any, who: str) -> int:
    if int(m) < 0:
        raise ValueError(f"{who}: the order must not be negative, got {m}")
    return int(m)


def _polyder(p: Any, m: int = 1) -> Any:
    p = p if hasattr(p, "ndim") else np.asarray(p)
    for _ in range(_whole(m, "polyder")):
        p = p[:-1] * beside(np.arange(p.shape[0] - 1, 0, -1), p)
    return p


def _polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    p = p if hasattr(p, "ndim") else np.asarray(p)
    m = _whole(m, "polyint")
    constants = beside(np.zeros(m), p) if k is None else np.atleast_1d(k)
    if constants.shape[0] == 1 and m > 1:
        constants = constants[0] * beside(np.ones(m), constants)
    if constants.shape[0] < m:
        raise ValueError(f"polyint: needs one constant, or {m}, got {constants.shape[0]}")
    for i in range(m):
        p = np.concatenate([p / beside(np.arange(p.shape[0], 0, -1), p), constants[i : i + 1]])
    return p


polyder = composite(_polyder, name="polyder", numpy=np.polyder, cases=[case((4,)), case((4,), 2), case((1,))])
polyint = composite(_polyint, name="polyint", numpy=np.polyint, cases=[case((3,)), case((3,), 2), case((2,), 2, (2,))])


def _longer(a: Any, b: Any) -> tuple[Any, Any]:
    a, b = np.atleast_1d(a), np.atleast_1d(b)
    n = max(a.shape[0], b.shape[0])
    return tuple(  # type: ignore[return-value]
        [v if v.shape[0] == n else np.concatenate([beside(np.zeros(n - v.shape[0], v.dtype), v), v]) for v in (a, b)]
    )


_SUMS = [case((3,), (2,)), case((), (2,)), case((2,), (4,))]
polyadd = composite(lambda a1, a2: np.add(*_longer(a1, a2)), name="polyadd", numpy=np.polyadd, cases=_SUMS)
polysub = composite(
    lambda a1, a2: np.subtract(*_longer(a1, a2)),
    name="polysub",
    numpy=np.polysub,
    cases=[case((3,), (2,)), case((2,), (3,))],
)


def _trimmed(p: Any) -> Any:
    """Drop leading zeros, as NumPy's polynomials do."""
    p = np.atleast_1d(p)
    nonzero = np.flatnonzero(values(p))
    return p[int(nonzero[0]) :] if nonzero.size else p[-1:]


polymul = composite(
    lambda a1, a2: np.convolve(_trimmed(a1), _trimmed(a2)),
    name="polymul",
    numpy=np.polymul,
    domain="nonzero",
    cases=[case((3,), (2,)), case((2,), (4,))],
)


def _polyfit(x: Any, y: Any, deg: int, rcond: Any = None, w: Any = None) -> Any:
    order = int(deg) + 1
    x, y = [v if hasattr(v, "ndim") else np.asarray(v) for v in (x, y)]
    x, y = x + 0.0, y + 0.0
    if deg < 0:
        raise ValueError(f"polyfit: the degree must not be negative, got {deg}")
    if x.ndim != 1 or not x.shape[0] or y.ndim not in (1, 2) or x.shape[0] != y.shape[0]:
        raise TypeError(f"polyfit: x must be a vector and y as long, got shapes {x.shape} and {y.shape}")
    if rcond is None:
        rcond = x.shape[0] * np.finfo(x.dtype).eps
    left = np.vander(x, order)
    if w is not None:
        w = (w if hasattr(w, "ndim") else np.asarray(w)) + 0.0
        if w.shape != x.shape:
            raise TypeError(f"polyfit: w has shape {w.shape}, needed {x.shape}: one weight for each point")
        left = left * np.expand_dims(w, 1)
        y = y * (np.expand_dims(w, 1) if y.ndim == 2 else w)
    scale = np.sqrt(np.sum(left * left, axis=0))
    c, _, rank, _ = np.linalg.lstsq(left / scale, y, rcond)
    if rank != order:
        warnings.warn("polyfit: the fit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=3)
    return np.transpose(np.transpose(c) / scale)


polyfit = composite(
    _polyfit,
    name="polyfit",
    numpy=np.polyfit,
    cases=[case((6,), (6,), 2), case((6,), (6, 2), 1), case((6,), (6,), 1, w=np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0]))],
)


def _polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    u, v = np.atleast_1d(u) + 0.0, np.atleast_1d(v) + 0.0
    m, n = u.shape[0] - 1, v.shape[0] - 1
    scale = 1.0 / v[0]
    rest = [u[i] for i in range(m + 1)]
    quotient = []
    for k in range(m - n + 1):
        d = scale * rest[k]
        quotient.append(d)
        for i in range(n + 1):
            rest[k + i] = rest[k + i] - d * v[i]
    # Leading remainders that are 0 to rounding are dropped, as NumPy does it.
    while len(rest) > 1 and np.allclose(values(rest[0]), 0, rtol=1e-14):
        rest.pop(0)
    dtype = np.result_type(u.dtype, v.dtype)
    return np.stack(quotient).astype(dtype) if quotient else zeros(1, dtype, u), np.stack(rest).astype(dtype)


polydiv = composite(
    _polydiv,
    name="polydiv",
    numpy=np.polydiv,
    domain="nonzero",
    cases=[case((5,), (3,)), case((2,), (3,)), case((4,), (2,))],
)


def _poly(seq_of_zeros: Any) -> Any:
    z = np.atleast_1d(seq_of_zeros)
    if z.ndim != 1:
        raise TypeError(f"poly: takes roots on one axis, got shape {z.shape}; eigenvalues of a matrix may be complex")
    a: Any = beside(np.ones(1, z.dtype), z)
    for i in range(z.shape[0]):
        a = np.convolve(a, np.stack([beside(np.ones((), z.dtype), z), -z[i]]), mode="full")
    return a


poly = composite(_poly, name="poly", numpy=np.poly, cases=[case((3,)), case((1,))])
