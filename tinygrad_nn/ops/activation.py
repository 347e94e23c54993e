"""The softmax family, as operations of their own because a composition would overflow, lose digits or take longer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convert import contiguous, kept
from ..op import case, elementwise, general
from .domains import INF
from .elementwise import sigmoid
from .reduce import Axis, keep

#: Below this length of the last axis a reduction runs faster over the first axis of a transposed copy.
SHORT = 33


def floats(x: Any) -> Any:
    """Give x as an array of floats: itself, or integers as NumPy's exp would promote them."""
    x = kept(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def shifted(x: Any, axis: Axis) -> tuple[Any, Any]:
    """Give x minus its largest element along the axis, and that element; equal infinities have the difference 0."""
    # A starting value only where there is nothing: it would slow every other call down.
    top = np.max(x, axis=axis, keepdims=True) if x.size else np.max(x, axis=axis, keepdims=True, initial=-INF)
    with np.errstate(over="ignore", invalid="ignore"):
        z = kept(x - top)
    if not np.isfinite(top).all():
        z = np.where(x == top, 0.0, z).astype(x.dtype, copy=False)
    return z, top


def _columns(x: Any, axis: Axis) -> bool:
    return x.ndim == 2 and axis in (-1, 1) and 0 < x.shape[1] < SHORT


def _softmax(x: Any, axis: Axis = -1) -> Any:
    x = floats(x)
    if _columns(x, axis):
        e, _ = shifted(contiguous(x.T), 0)
        np.exp(e, out=e)
        y = np.empty_like(x, order="C")
        np.divide(e, np.sum(e, axis=0), out=y.T)
        return y
    e, _ = shifted(x, axis)
    np.exp(e, out=e)
    e /= np.sum(e, axis=axis, keepdims=True)
    return e


def _log_softmax(x: Any, axis: Axis = -1) -> Any:
    x = floats(x)
    if _columns(x, axis):
        z, _ = shifted(contiguous(x.T), 0)
        y = np.empty_like(x, order="C")
        np.subtract(z, np.log(np.sum(np.exp(z), axis=0)), out=y.T)
        return y
    z, _ = shifted(x, axis)
    with np.errstate(divide="ignore"):
        z -= np.log(np.sum(np.exp(z), axis=axis, keepdims=True))
    return z


def _logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> tuple[Any, Any]:
    z, top = shifted(floats(x), axis)
    e = np.exp(z, out=z)
    s = np.sum(e, axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):
        y = top + np.log(s)
    return (y if keepdims else np.squeeze(y, axis)), (e, s)


def _along(product: Any, axis: Axis) -> Any:
    return np.sum(product, axis=axis, keepdims=True)


_CASES = [
    case((3, 4)),
    case((3, 4), axis=0),
    case((2, 3, 4), axis=1),
    case((2, 3, 4), axis=(0, 2)),
    case((5,)),
    case((3, 4), axis=None),
    case((2, 40)),
    case(np.array([[1e16, 1e16, 0.0]])),
    case((0, 3)),
]
softmax = general(
    _softmax,
    lambda g, y, x, axis=-1: y * (g - _along(g * y, axis)),
    jvp=lambda ts, y, x, axis=-1: y * (ts[0] - _along(ts[0] * y, axis)),
    name="softmax",
    method=True,
    formula="exp(x) / sum(exp(x))",
    cases=_CASES,
)
log_softmax = general(
    _log_softmax,
    lambda g, y, x, axis=-1: g - np.exp(y) * _along(g, axis),
    jvp=lambda ts, y, x, axis=-1: ts[0] - _along(np.exp(y) * ts[0], axis),
    name="log_softmax",
    method=True,
    formula="x - log(sum(exp(x)))",
    cases=_CASES,
)


def _logsumexp_rule(g: Any, x: Any, axis: Axis, keepdims: bool, residual: Any) -> Any:
    # Not exp(x - y), which would be 1 for both of two equal huge numbers: the shares must add up to 1.
    g = keep(g, x.shape, axis, keepdims)
    return g * softmax(x, axis=axis) if residual is None else g / residual[1] * residual[0]


logsumexp = general(
    _logsumexp,
    lambda g, y, x, axis=None, keepdims=False, residual=None: _logsumexp_rule(g, x, axis, keepdims, residual),
    jvp=lambda ts, y, x, axis=None, keepdims=False: np.sum(softmax(x, axis=axis) * ts[0], axis=axis, keepdims=keepdims),
    name="logsumexp",
    residual=True,
    method=True,
    formula="log(sum(exp(x)))",
    cases=[*_CASES[:-1], case((3, 4), axis=1, keepdims=True), case(())],
)


softplus = elementwise(
    lambda x: np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))),
    lambda g, y, x: g * sigmoid(x),
    name="softplus",
    method=True,
    formula="log(1 + exp(x))",
)
logsigmoid = elementwise(
    lambda x: np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x))),
    lambda g, y, x: g * sigmoid(-x),
    name="logsigmoid",
    method=True,
    formula="-log(1 + exp(-x))",
)
