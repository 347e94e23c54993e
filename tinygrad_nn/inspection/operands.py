"""Operands and values of two runs: which belong together, and how far apart they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convert import on_host
from ..walk import Node, Outline

EPS = 100.0
"""Without a tolerance of their own, values may differ by so many roundings of the coarser dtype."""

COMMUTATIVE = frozenset(["add", "multiply", "maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2"])


def operands_of(s: Any, i: int, t: Any, j: int) -> tuple[float, Any, Any]:
    """Compare two operands that come from outside; those that operations made agree, as they were compared before."""
    x, y = s._inputs[i], t._inputs[j]
    if any(isinstance(z, Node) and z.op is not None for z in (x, y)):
        return 0.0, 0.0, 0.0
    p, q = _operand(s, i), _operand(t, j)
    if isinstance(p, Outline) or isinstance(q, Outline):
        return 0.0, 0.0, 0.0
    return error_of(p, q), p, q


def order_of(s: Any, t: Any, tolerance: float | None) -> list[int]:
    """Give for each operand of one operation its place in the other: two may be exchanged where that is no matter."""
    straight = list(range(len(s._inputs)))
    if len(straight) != 2 or s.op.name not in COMMUTATIVE:
        return straight

    def fits(order: list[int]) -> bool:
        for i, j in enumerate(order):
            made = [isinstance(z, Node) and z.op is not None for z in (s._inputs[i], t._inputs[j])]
            error, p, q = operands_of(s, i, t, j)
            if made[0] != made[1] or error > allowed(p, q, tolerance):
                return False
        return True

    return [1, 0] if not fits(straight) and fits([1, 0]) else straight


def _operand(t: Any, i: int) -> Any:
    x = t._inputs[i]
    v = t._saved[i + 1] if t._saved is not None else getattr(x, "_data", x)
    return v if isinstance(v, Outline) else on_host(v)


def error_of(a: Any, b: Any) -> float:
    """Give max |a - b| / max(|a|, |b|) over the elements; inf where shapes, NaN or infinities do not agree.

    >>> error_of(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    0.2
    """
    a, b = on_host(a), on_host(b)
    if a.shape != b.shape:
        return float("inf")
    if a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        return 0.0 if np.array_equal(a, b) else float("inf")
    a, b = a.astype(np.float64), b.astype(np.float64)
    fa, fb = np.isfinite(a), np.isfinite(b)
    if not np.array_equal(a[~fa], b[~fb], equal_nan=True) or not np.array_equal(fa, fb):
        return float("inf")
    a, b = a[fa], b[fb]
    scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return float(np.abs(a - b).max(initial=0.0) / scale) if scale else 0.0


def allowed(a: Any, b: Any, tolerance: float | None) -> float:
    if tolerance is not None:
        return float(tolerance)
    kinds = [on_host(v).dtype for v in (a, b)]
    return EPS * max([float(np.finfo(k).eps) for k in kinds if k.kind == "f"], default=0.0)
