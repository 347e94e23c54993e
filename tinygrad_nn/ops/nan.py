"""Reductions that pass over NaN, each with its derivative: 0 for a NaN element."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import case, composite, general
from .domains import INF
from .extrema import NAN_CASES
from .reduce import Axis, keep


def _present(x: Any, where: Any) -> Any:
    """Give the mask of the elements that take part."""
    valid = np.logical_not(np.isnan(x))
    return valid if where is True else valid & where


def _number(x: Any, axis: Axis, where: Any) -> Any:
    return np.sum(_present(x, where), axis=axis, keepdims=True, dtype=x.dtype)


nansum = general(
    np.nansum,
    lambda g, y, x, axis=None, dtype=None, keepdims=False, where=True: (
        keep(g, x.shape, axis, keepdims) * _present(x, where)
    ),
    jvp=lambda ts, y, x, axis=None, dtype=None, keepdims=False, where=True: np.sum(
        ts[0] * _present(x, where), axis=axis, keepdims=keepdims
    ),
    cases=NAN_CASES,
)
nanmean = general(
    np.nanmean,
    lambda g, y, x, axis=None, dtype=None, keepdims=False, where=True: (
        keep(g, x.shape, axis, keepdims) / _number(x, axis, where) * _present(x, where)
    ),
    jvp=lambda ts, y, x, axis=None, dtype=None, keepdims=False, where=True: np.sum(
        ts[0] * (_present(x, where) / _number(x, axis, where)), axis=axis, keepdims=keepdims
    ),
    cases=NAN_CASES,
)


def _deviations(x: Any, axis: Axis, where: Any) -> Any:
    """Give the distances from the mean, 0 for an element that takes no part."""
    valid = _present(x, where)
    d = np.where(valid, x, 0.0)
    return (d - np.sum(d, axis=axis, keepdims=True) / _number(x, axis, where)) * valid


def _var_rule(g: Any, x: Any, axis: Axis, keepdims: bool, where: Any, ddof: float, root: Any = None) -> Any:
    n = np.maximum(_number(x, axis, where) - ddof, 0.0)
    g = keep(g, x.shape, axis, keepdims)
    if root is None:
        return _deviations(x, axis, where) * (2.0 * g / n)
    root = keep(root, x.shape, axis, keepdims)
    return _deviations(x, axis, where) * (g / (n * np.where(root == 0, INF, root)))


def _var_jvp(t: Any, x: Any, axis: Axis, keepdims: bool, where: Any, ddof: float, root: Any = None) -> Any:
    n = np.maximum(_number(x, axis, where) - ddof, 0.0)
    if root is not None:
        root = keep(root, x.shape, axis, keepdims)
        n = 2.0 * n * np.where(root == 0, INF, root)
    return np.sum(_deviations(x, axis, where) * (2.0 * t / n), axis=axis, keepdims=keepdims)


nanvar = general(
    np.nanvar,
    lambda g, y, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True, correction=None: _var_rule(
        g, x, axis, keepdims, where, ddof if correction is None else correction
    ),
    jvp=lambda ts, y, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True, correction=None: _var_jvp(
        ts[0], x, axis, keepdims, where, ddof if correction is None else correction
    ),
    cases=[*NAN_CASES, case((3, 4), axis=0, ddof=1)],
)
nanstd = general(
    np.nanstd,
    lambda g, y, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True, correction=None: _var_rule(
        g, x, axis, keepdims, where, ddof if correction is None else correction, y
    ),
    jvp=lambda ts, y, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True, correction=None: _var_jvp(
        ts[0], x, axis, keepdims, where, ddof if correction is None else correction, y
    ),
    cases=[*NAN_CASES, case((3, 4), axis=0, ddof=1)],
    kinks="0 where all elements are equal",
)


def _filled(a: Any, value: float) -> Any:
    a = a if hasattr(a, "ndim") else np.asarray(a)
    return np.where(np.isnan(a), value, a)


nanprod = composite(
    lambda a, axis=None, dtype=None, keepdims=False, where=True: np.prod(
        _filled(a, 1.0), axis=axis, dtype=dtype, keepdims=keepdims, where=where
    ),
    name="nanprod",
    numpy=np.nanprod,
    cases=NAN_CASES,
)
nancumsum = composite(
    lambda a, axis=None, dtype=None: np.cumsum(_filled(a, 0.0), axis=axis, dtype=dtype),
    name="nancumsum",
    numpy=np.nancumsum,
    cases=NAN_CASES[:3],
)
nancumprod = composite(
    lambda a, axis=None, dtype=None: np.cumprod(_filled(a, 1.0), axis=axis, dtype=dtype),
    name="nancumprod",
    numpy=np.nancumprod,
    cases=NAN_CASES[:3],
)
