"""Losses that compare a prediction with a target of the same shape: squared error, binary cross entropies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..convert import NUMBERS, kept, typed
from ..op import Op, case, general
from .activation import floats, softplus
from .domains import REAL
from .elementwise import sigmoid
from .loss import check_reduction, reduce_rows
from .window import keywords


def pair(x: Any, target: Any, reduction: str) -> tuple[Any, Any]:
    """Give both as arrays of floats; raise ValueError where the shapes differ or a mean is over nothing.

    A target of integers or bool takes the dtype of x.
    """
    x, t = floats(x), kept(target)
    check_reduction(reduction)
    if x.shape != t.shape:
        raise ValueError(
            f"the shapes {x.shape} and {t.shape} differ, and to stretch one would compare the wrong elements; "
            f"reshape one of them"
        )
    if reduction == "mean" and not x.size:
        raise ValueError("the mean over an empty batch is undefined; skip such a batch, or use reduction='sum'")
    return x, t if t.dtype.kind == "f" else t.astype(x.dtype)


def share(g: Any, shape: tuple[int, ...], reduction: str) -> Any:
    """Give what each element gets of the cotangent of the reduction: its part of the mean, or all of it."""
    return g / math.prod(shape) if reduction == "mean" else g


def total(parts: list[Any], reduction: str) -> Any:
    """Add the tangents' parts up and reduce them (the portion is in them)."""
    t = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    return t if reduction == "none" else np.sum(t)


_CASES = [case((3, 4), (3, 4)), case((5,), (5,), reduction="sum"), case((2, 3), (2, 3), reduction="none")]


def _of_difference(name: str, value: Callable[..., Any], slope: Callable[..., Any], **options: Any) -> Op:
    """Declare the loss that reduces value(x - target), with slope its derivative."""

    def fn(x: Any, target: Any, *, reduction: str = "mean", **params: Any) -> tuple[Any, Any]:
        x, t = pair(x, target, reduction)
        d = x - t
        return reduce_rows(value(d, **params), reduction, d.size), d

    def rule(g: Any, x: Any, target: Any, sign: float, residual: Any, reduction: str = "mean", **params: Any) -> Any:
        d = x - target if residual is None else residual
        g = share(g, x.shape, reduction)
        return (g if sign > 0 else -g) * slope(d, **params)

    def jvp(ts: Any, y: Any, x: Any, target: Any, **params: Any) -> Any:
        parts = [
            rule(t, x, target, sign, None, **params) for t, sign in zip(ts, (1.0, -1.0), strict=True) if t is not None
        ]
        return total(parts, params.get("reduction", "mean"))

    return general(
        fn,
        lambda g, y, x, target, residual=None, **params: rule(g, x, target, 1.0, residual, **params),
        lambda g, y, x, target, residual=None, **params: rule(g, x, target, -1.0, residual, **params),
        jvp=jvp,
        name=name,
        residual=True,
        bind=keywords,
        **options,
    )


mse_loss = _of_difference("mse_loss", lambda d: d * d, lambda d: 2.0 * d, formula="mean((x - target)**2)", cases=_CASES)
l1_loss = _of_difference(
    "l1_loss", lambda d: np.abs(d), lambda d: np.sign(d), formula="mean(abs(x - target))", cases=_CASES, kinks="0 at 0"
)


def _huber(d: Any, delta: float = 1.0) -> Any:
    a = np.abs(d)
    near = np.minimum(a, delta)
    return near * (a - 0.5 * near)


huber_loss = _of_difference(
    "huber_loss",
    _huber,
    lambda d, delta=1.0: np.minimum(np.maximum(d, -delta), delta),
    formula="mean(d**2 / 2 where abs(d) < delta, else delta * (abs(d) - delta / 2)), d = x - target",
    cases=[*_CASES, case((3, 4), (3, 4), delta=0.4)],
)


smooth_l1_loss = _of_difference(
    "smooth_l1_loss",
    lambda d, beta=1.0: _huber(d, beta) / beta,
    lambda d, beta=1.0: np.minimum(np.maximum(d / beta, -1.0), 1.0),
    formula="huber_loss(x, target, beta) / beta",
    cases=[*_CASES, case((3, 4), (3, 4), beta=0.4)],
)


def _spread(weight: Any, shape: tuple[int, ...], who: str) -> Any:
    if weight is None:
        return None
    w = kept(weight)
    if w.dtype.kind not in "fiu":
        raise TypeError(f"{who} must hold numbers, got dtype {w.dtype}")
    if np.broadcast_shapes(w.shape, shape) != shape:
        raise ValueError(f"{who} of shape {w.shape} does not broadcast to the input's shape {shape}")
    return weight if type(weight) in NUMBERS else w


def _scaled(rows: Any, weight: Any) -> Any:
    return rows if weight is None else rows * typed(weight, rows.dtype)


def _shares(target: Any, pos_weight: Any) -> tuple[Any, Any]:
    """Give what the negative and the positive class of each element weigh."""
    return 1.0 - target, target if pos_weight is None else target * typed(pos_weight, target.dtype)


def _times(weight: Any, value: Any) -> Any:
    """Give the product, with 0 for the weight 0 of something infinite."""
    return np.where(weight == 0.0, 0.0, weight * value)


def _binary_logits(
    x: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: str = "mean"
) -> tuple[Any, Any]:
    x, t = pair(x, target, reduction)
    a, b = _shares(t, _spread(pos_weight, x.shape, "pos_weight"))
    low, high = np.minimum(x, 0.0), np.maximum(x, 0.0)
    e = np.exp(low - high)
    with np.errstate(invalid="ignore"):
        rows = a * high - b * low + (a + b) * np.log1p(e)
    if np.isnan(rows).any():
        with np.errstate(invalid="ignore"):
            rows = _times(a, high) - _times(b, low) + (a + b) * np.log1p(e)
    w = _spread(weight, x.shape, "weight")
    # (1 - t) sigmoid(x) - t sigmoid(-x): sigmoid(x) - t would have no digits left where both are close to 1.
    d = (a * np.exp(low) - b * np.exp(-high)) / (1.0 + e)
    return reduce_rows(_scaled(rows, w), reduction, x.size), _scaled(d, w)


def _binary_logits_slopes(x: Any, target: Any, weight: Any, pos_weight: Any) -> tuple[Any, Any]:
    a, b = _shares(target, pos_weight)
    by_x = _scaled(a * sigmoid(x) - b * sigmoid(-x), weight)
    positive = softplus(-x) if pos_weight is None else softplus(-x) * typed(pos_weight, x.dtype)
    return by_x, _scaled(positive - softplus(x), weight)


binary_cross_entropy_with_logits = general(
    _binary_logits,
    lambda g, y, x, target, weight=None, pos_weight=None, reduction="mean", residual=None: (
        share(g, x.shape, reduction)
        * (_binary_logits_slopes(x, target, weight, pos_weight)[0] if residual is None else residual)
    ),
    lambda g, y, x, target, weight=None, pos_weight=None, reduction="mean", residual=None: (
        share(g, x.shape, reduction) * _binary_logits_slopes(x, target, weight, pos_weight)[1]
    ),
    jvp=lambda ts, y, x, target, weight=None, pos_weight=None, reduction="mean": total(
        [
            share(t, x.shape, reduction) * d
            for t, d in zip(ts, _binary_logits_slopes(x, target, weight, pos_weight), strict=True)
            if t is not None
        ],
        reduction,
    ),
    name="binary_cross_entropy_with_logits",
    residual=True,
    formula="mean(softplus(x) - x * target)",
    domain=(REAL, (0.0, 1.0)),
    cases=[
        *_CASES,
        case((3, 4), (3, 4), pos_weight=np.array([2.0, 1.0, 0.5, 3.0])),
        case((3, 4), (3, 4), weight=np.array([[2.0], [1.0], [0.5]]), pos_weight=3.0, reduction="none"),
    ],
)


def _binary(x: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    x, t = pair(x, target, reduction)
    outside = (x < 0.0) | (x > 1.0)
    if outside.any():
        where = tuple(np.argwhere(outside)[0].tolist())
        raise ValueError(
            f"{x[where]} at position {where[0] if len(where) == 1 else where} is not a probability; apply a sigmoid "
            f"first or, better, use binary_cross_entropy_with_logits"
        )
    a, b = _logarithms(x)
    return reduce_rows(_scaled(-(t * a + (1.0 - t) * b), _spread(weight, x.shape, "weight")), reduction, x.size)


def _logarithms(p: Any) -> tuple[Any, Any]:
    """Give log(p) and log(1 - p), neither below -100: PyTorch's limit."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), -100.0), np.maximum(np.log1p(-p), -100.0)


def _binary_slopes(p: Any, target: Any, weight: Any) -> tuple[Any, Any]:
    # The slope of the logarithm itself and not of its limit: after a sigmoid, p (1 - p) makes it finite again.
    tiny = float(np.finfo(p.dtype).tiny)
    by_p = (1.0 - target) / np.maximum(1.0 - p, tiny) - target / np.maximum(p, tiny)
    a, b = _logarithms(p)
    return _scaled(by_p, weight), _scaled(b - a, weight)


binary_cross_entropy = general(
    _binary,
    lambda g, y, x, target, weight=None, reduction="mean": (
        share(g, x.shape, reduction) * _binary_slopes(x, target, weight)[0]
    ),
    lambda g, y, x, target, weight=None, reduction="mean": (
        share(g, x.shape, reduction) * _binary_slopes(x, target, weight)[1]
    ),
    jvp=lambda ts, y, x, target, weight=None, reduction="mean": total(
        [
            share(t, x.shape, reduction) * d
            for t, d in zip(ts, _binary_slopes(x, target, weight), strict=True)
            if t is not None
        ],
        reduction,
    ),
    name="binary_cross_entropy",
    formula="-mean(target * log(x) + (1 - target) * log(1 - x))",
    domain=((0.0, 1.0), (0.0, 1.0)),
    kinks="each logarithm is at least -100, its slope goes on as if it were not",
    cases=[*_CASES, case((3, 4), (3, 4), weight=np.array([2.0, 1.0, 0.5, 3.0]))],
)
