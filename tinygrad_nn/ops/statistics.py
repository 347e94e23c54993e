"""Covariances, correlations and weighted counts."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..convert import kept
from ..op import case, composite
from .indexing import is_tensor, plain, scatter, values


def _cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    if ddof is not None and ddof != int(ddof):
        raise ValueError(f"cov: ddof must be a whole number, got {ddof}")
    m = m if hasattr(m, "ndim") else np.asarray(m)
    if m.ndim > 2 or np.ndim(y) > 2:
        raise ValueError(f"cov: takes at most 2 axes, got shapes {m.shape} and {np.shape(y)}")
    if dtype is None:
        dtype = np.result_type(m.dtype, np.float64) if y is None else np.result_type(m.dtype, y.dtype, np.float64)
    x = np.atleast_2d(m.astype(dtype))
    if not rowvar and m.ndim != 1:
        x = np.transpose(x)
    if x.shape[0] == 0:
        return np.zeros((0, 0))
    if y is not None:
        other = np.atleast_2d(y.astype(dtype))
        x = np.concatenate([x, np.transpose(other) if not rowvar and other.shape[0] != 1 else other], axis=0)
    if ddof is None:
        ddof = 0 if bias else 1
    counts = None if fweights is None else _weights(kept(plain(fweights, "cov", "fweights")).astype(float), x.shape[1])
    if counts is not None and not np.all(counts == np.around(counts)):
        raise TypeError("cov: fweights must be whole numbers; give other weights as aweights")
    if aweights is not None:
        aweights = aweights if is_tensor(aweights) else kept(aweights)
    weights = None if aweights is None else _weights(aweights.astype(float), x.shape[1])
    w = weights if counts is None else counts if weights is None else counts * weights
    mean, total = np.average(x, axis=1, weights=w, returned=True)
    total = total[0]
    if w is None:
        free: Any = x.shape[1] - ddof
    elif ddof == 0:
        free = total
    else:
        free = total - ddof if weights is None else total - ddof * np.sum(w * weights) / total
    if free <= 0:
        warnings.warn("cov: degrees of freedom <= 0", RuntimeWarning, stacklevel=3)
        free = 0.0
    x = x - np.expand_dims(mean, 1)
    c = np.dot(x, np.transpose(x if w is None else x * w))
    return np.squeeze(c * np.divide(1, free))


def _weights(w: Any, n: int) -> Any:
    if w.shape != (n,):
        raise ValueError(f"cov: weights of shape {w.shape}, needed ({n},): one for each observation")
    if np.any(w < 0):
        raise ValueError("cov: weights must not be negative")
    return w


cov = composite(
    _cov,
    name="cov",
    numpy=np.cov,
    cases=[
        case((3, 5)),
        case((5,)),
        case((5,), (5,)),
        case((5, 3), rowvar=False, bias=True),
        case((2, 4), fweights=np.array([1, 2, 0, 3])),
        case((2, 4), aweights=np.array([1.0, 0.5, 0.2, 2.0])),
        case((2, 4), fweights=np.array([1, 2, 0, 3]), aweights=np.array([1.0, 0.5, 0.2, 2.0]), ddof=1),
    ],
)


def _corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = _cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.diag(c))
    c = c / np.expand_dims(deviation, 1) / np.expand_dims(deviation, 0)
    # Rounding may leave [-1, 1] by a digit.
    return np.clip(c, -1, 1)


corrcoef = composite(_corrcoef, name="corrcoef", numpy=np.corrcoef, cases=[case((3, 5)), case((5,), (5,)), case((5,))])


def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    x = kept(plain(x, "bincount", "x"))
    if weights is None:
        return np.bincount(x, None, minlength)
    n = max(int(x.max()) + 1 if x.size else 0, minlength)
    if x.size and x.min() < 0:
        raise ValueError("bincount: x must not hold negative numbers")
    weights = weights if hasattr(weights, "ndim") else np.asarray(weights)
    if weights.shape != x.shape:
        raise ValueError(f"bincount: weights of shape {weights.shape} do not fit x's shape {x.shape}")
    return scatter(weights.astype(np.float64), (n,), x)


bincount = composite(
    _bincount,
    name="bincount",
    numpy=np.bincount,
    cases=[case(np.array([0, 2, 2, 1]), (4,)), case(np.array([0, 2, 2, 1]), (4,), minlength=6)],
)


def _histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> tuple[Any, Any]:
    counts, edges = np.histogram(values(a), values(bins), range, density, plain(weights, "histogram", "weights"))
    if np.ndim(bins) == 1:
        edges = bins if is_tensor(bins) else edges
    elif range is None and a.dtype.kind == "f" and edges[0] == np.min(values(a)) < edges[-1]:
        # Equal bins between the least and the largest element move with these two.
        edges = np.linspace(np.min(a), np.max(a), len(edges))
    return counts, edges


# The counts are steps: plain numbers. Weights that need a gradient are refused.
histogram = composite(
    _histogram,
    name="histogram",
    numpy=np.histogram,
    cases=[case((7,), 3), case((7,), np.array([-1.0, 0.0, 1.5])), case((7,), 4, range=[-1.0, 1.0])],
)
