"""Clip gradients before a step, by their norm or by value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray

from ..mode import effect
from ..tensor import Tensor
from ..walk import SOLE
from .checks import real
from .parameters import listed


@effect
def clip_grad_norm(params: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0) -> float:
    """Scale all gradients together so that their norm is at most ``max_norm``, and give the norm that they had.

    The norm is that of all gradients as one vector, ``(sum |g|**norm_type)**(1 / norm_type)``, or ``max |g|`` for
    infinity. The factor is ``min(1, max_norm / (norm + 1e-6))``, as in PyTorch. NaN and infinite gradients are
    not hidden: the norm is NaN or infinite then, and it is for the caller to look. Tensors without a gradient are left
    out. Raises ValueError for a ``max_norm`` that is negative or NaN, or a ``norm_type`` that is not above 0.

    >>> w = Tensor([0.0, 0.0], requires_grad=True)
    >>> w.grad = [3.0, 4.0]
    >>> clip_grad_norm([w], 1.0), w.grad.round(3)
    (5.0, array([0.6, 0.8]))
    """
    who = "clip_grad_norm"
    limit = math.inf if max_norm == math.inf else real(who, "max_norm", max_norm, 0)
    order = math.inf if norm_type == math.inf else real(who, "norm_type", norm_type, 0)
    if not order:
        raise ValueError(f"{who}: norm_type must be above 0, got {norm_type!r}")
    found = _with_gradient(params, who)
    norms = [_norm(p._grad, order) for p in found]
    total = _combined(norms, order)
    factor = limit / (total + 1e-6) if limit < math.inf else 1.0
    if not factor >= 1.0:
        for p in found:
            _scale(p, factor)
    return total


@effect
def clip_grad_value(params: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clip every element of every gradient to the interval from -clip_value to clip_value; NaN stays NaN.

    >>> w = Tensor([0.0, 0.0], requires_grad=True)
    >>> w.grad = [3.0, -0.5]
    >>> clip_grad_value([w], 1.0)
    >>> w.grad
    array([ 1. , -0.5])
    """
    limit = real("clip_grad_value", "clip_value", clip_value, 0)
    for p in _with_gradient(params, "clip_grad_value"):
        g: Any = p._grad
        p._grad = np.clip(g, -limit, limit)


def _with_gradient(params: Any, who: str) -> list[Tensor]:
    given = [params] if isinstance(params, Tensor) else listed(params, who)
    if wrong := [p for p in given if not isinstance(p, Tensor)]:
        raise TypeError(f"{who}: takes tensors, got {type(wrong[0]).__name__}; give model.parameters()")
    return [p for p in dict.fromkeys(given) if p._grad is not None]


def _norm(g: Any, order: float) -> float:
    if not g.size:
        return 0.0
    if order == 2:
        flat = np.ravel(g)
        with np.errstate(over="ignore"):
            square = float(np.dot(flat, flat)) if flat.dtype.itemsize > 2 else math.inf
        if 1e-30 < square < math.inf:
            return math.sqrt(square)
    # Scaled by the largest element, so that no power overflows or vanishes.
    top = float(np.max(np.abs(g)))
    if order == math.inf or not 0 < top < math.inf:
        return top
    powers = (np.abs(g, dtype=np.float64) / top) ** order
    return top * float(np.sum(powers)) ** (1.0 / order)


def _combined(norms: list[float], order: float) -> float:
    top = max(norms, default=0.0) if not any(map(math.isnan, norms)) else math.nan
    if order == math.inf or not 0 < top < math.inf:
        return top
    if order == 2:
        return math.hypot(*norms)
    return top * math.fsum([(n / top) ** order for n in norms]) ** (1.0 / order)


def _scale(p: Any, factor: float) -> None:
    """Scale a gradient, in place where nobody else holds its array: one that is shared is scaled once for each."""
    g = p._grad
    if type(g) is ndarray and g.base is None and g.flags.writeable and getrefcount(g) <= SOLE:
        np.multiply(g, factor, g)
    else:
        p._grad = g * factor
