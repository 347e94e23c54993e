"""Normalisation: subtract a mean, divide by a spread, both taken over axes of the array itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import case, general
from .activation import floats

Axes = tuple[int, ...]


def _over(product: Any, axis: Axes) -> Any:
    return np.mean(product, axis=axis, keepdims=True)


def _standardize(x: Any, *, axis: Axes, eps: float) -> tuple[Any, Any]:
    x = floats(x)
    d = x - np.mean(x, axis=axis, keepdims=True)
    scale = 1.0 / np.sqrt(_over(d * d, axis) + eps)
    d *= scale
    return d, scale


def _slope(g: Any, y: Any, scale: Any, axis: Axes) -> Any:
    return scale * (g - _over(g, axis) - y * _over(g * y, axis))


def _scale(x: Any, axis: Axes, eps: float) -> Any:
    return 1.0 / np.sqrt(np.var(x, axis=axis, keepdims=True) + eps)


standardize = general(
    _standardize,
    lambda g, y, x, axis=(), eps=0.0, residual=None: _slope(
        g, y, _scale(x, axis, eps) if residual is None else residual, axis
    ),
    # Its Jacobian is symmetric.
    jvp=lambda ts, y, x, axis=(), eps=0.0: _slope(ts[0], y, _scale(x, axis, eps), axis),
    name="standardize",
    residual=True,
    formula="(x - mean(x)) / sqrt(var(x) + eps)",
    cases=[case((3, 4), axis=(1,), eps=1e-5), case((2, 3, 4), axis=(0, 2), eps=1e-3), case((5,), axis=(0,), eps=0.1)],
)


def _rms(x: Any, axis: Axes, eps: float) -> Any:
    return 1.0 / np.sqrt(np.mean(np.square(x), axis=axis, keepdims=True) + eps)


def _rms_normalize(x: Any, *, axis: Axes, eps: float) -> tuple[Any, Any]:
    x = floats(x)
    scale = _rms(x, axis, eps)
    return x * scale, scale


def _rms_slope(g: Any, y: Any, scale: Any, axis: Axes) -> Any:
    return scale * (g - y * _over(g * y, axis))


rms_normalize = general(
    _rms_normalize,
    lambda g, y, x, axis=(), eps=0.0, residual=None: _rms_slope(
        g, y, _rms(x, axis, eps) if residual is None else residual, axis
    ),
    jvp=lambda ts, y, x, axis=(), eps=0.0: _rms_slope(ts[0], y, _rms(x, axis, eps), axis),
    name="rms_normalize",
    residual=True,
    formula="x / sqrt(mean(x**2) + eps)",
    cases=[case((3, 4), axis=(1,), eps=1e-5), case((2, 3, 4), axis=(1, 2), eps=1e-3)],
)
