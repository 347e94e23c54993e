"""Normalisation as functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...convert import kept
from ...mode import effect
from ...ops import standardize as _ops
from ...tensor import Tensor, apply, as_tensor


def _positive(eps: float, who: str) -> float:
    if not eps >= 0:
        raise ValueError(f"{who}: eps must be at least 0, got {eps!r}")
    return float(eps)


def _scaled(y: Any, weight: Any, bias: Any) -> Any:
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


def _by_channel(p: Any, ndim: int, channels: int, name: str, who: str) -> Any:
    """Give one number per channel in a shape that broadcasts along axis 1."""
    if p is None:
        return None
    p = as_tensor(p, who)
    if p.shape != (channels,):
        raise ValueError(f"{who}: {name} of shape {p.shape} does not fit {channels} channels")
    return p.reshape(1, channels, *(1,) * (ndim - 2))


def layer_norm(
    x: Any, normalized_shape: int | tuple[int, ...], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """Give (x - mean) / sqrt(var + eps) over the last axes, which have the normalized shape; then * weight + bias.

    >>> layer_norm([[1.0, 3.0]], 2, eps=0.0)
    Tensor([[-1., 1.]])
    """
    x, axes = _last_axes(x, normalized_shape, "layer_norm")
    y = apply(_ops.standardize, (x,), {"axis": axes, "eps": _positive(eps, "layer_norm")})
    return _scaled(y, weight, bias)


def rms_norm(x: Any, normalized_shape: int | tuple[int, ...], weight: Any = None, eps: float | None = None) -> Tensor:
    """Give x / sqrt(mean(x**2) + eps) over the last axes; then * weight. eps is by default the dtype's.

    >>> rms_norm([[3.0, 4.0]], 2, eps=0.0)
    Tensor([[0.84852814, 1.13137085]])
    """
    x, axes = _last_axes(x, normalized_shape, "rms_norm")
    if eps is None:
        eps = float(np.finfo(x.dtype if x.dtype.kind == "f" else np.float64).eps)
    y = apply(_ops.rms_normalize, (x,), {"axis": axes, "eps": _positive(eps, "rms_norm")})
    return _scaled(y, weight, None)


def _last_axes(x: Any, normalized_shape: Any, who: str) -> tuple[Tensor, tuple[int, ...]]:
    x = as_tensor(x, who)
    shape = (normalized_shape,) if isinstance(normalized_shape, int | np.integer) else tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(f"{who}: the last axes of shape {x.shape} must be {shape}")
    return x, tuple(range(x.ndim - len(shape), x.ndim))


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Give x standardized over each of num_groups groups of channels (axis 1) of each sample; then * weight + bias.

    >>> group_norm([[1.0, 3.0, 10.0, 30.0]], 2, eps=0.0)
    Tensor([[-1., 1., -1., 1.]])
    """
    x = as_tensor(x, "group_norm")
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(f"group_norm: {num_groups} groups do not divide the channels (axis 1) of shape {x.shape}")
    channels = x.shape[1]
    grouped = x.reshape(x.shape[0], num_groups, channels // num_groups, *x.shape[2:])
    axes = tuple(range(2, grouped.ndim))
    y = apply(_ops.standardize, (grouped,), {"axis": axes, "eps": _positive(eps, "group_norm")}).reshape(x.shape)
    w, b = [_by_channel(p, x.ndim, channels, name, "group_norm") for p, name in ((weight, "weight"), (bias, "bias"))]
    return _scaled(y, w, b)


def instance_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Give x standardized over the spatial axes of each channel of each sample; then * weight + bias.

    >>> instance_norm([[[1.0, 3.0]]], eps=0.0)
    Tensor([[[-1., 1.]]])
    """
    x = as_tensor(x, "instance_norm")
    if x.ndim < 3:
        raise ValueError(f"instance_norm: needs (batch, channels, ...), got shape {x.shape}")
    return group_norm(x, x.shape[1], weight, bias, eps)


def batch_axes(x: Any, who: str) -> tuple[int, ...]:
    """Give the axes over which a batch norm takes its mean: all but the channels; raise ValueError for one value."""
    if x.ndim < 2:
        raise ValueError(f"{who}: needs (batch, channels, ...), got shape {x.shape}")
    count = x.size // x.shape[1] if x.shape[1] else 0
    if count <= 1:
        raise ValueError(
            f"{who}: an input of shape {x.shape} has {count} value(s) per channel, whose variance is undefined in "
            f"training; give a larger batch, or call eval()"
        )
    return (0, *range(2, x.ndim))


@effect
def _follow(x: Any, axes: tuple[int, ...], momentum: float, running_mean: Any, running_var: Any) -> None:
    """Move the running statistics towards those of x by the share momentum."""
    a = x._data if isinstance(x, Tensor) else x
    if running_mean is not None:
        running_mean += momentum * (np.mean(a, axis=axes) - running_mean)
    if running_var is not None:
        running_var += momentum * (np.var(a, axis=axes, ddof=1) - running_var)


def batch_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Give x standardized over all axes but the channels (axis 1); then * weight + bias.

    In training the batch's mean and variance are taken, and running_mean and running_var (arrays, if given) are moved
    towards them in place by the share ``momentum`` (the variance unbiased); otherwise these two are taken. Raises
    ValueError in training for one value per channel, with the running statistics unchanged.

    >>> batch_norm([[1.0], [3.0]], training=True, eps=0.0)
    Tensor([[-1.], [ 1.]])
    """
    x = as_tensor(x, "batch_norm")
    eps = _positive(eps, "batch_norm")
    if x.ndim < 2:
        raise ValueError(f"batch_norm: needs (batch, channels, ...), got shape {x.shape}")
    channels = x.shape[1]
    w, b = [_by_channel(p, x.ndim, channels, name, "batch_norm") for p, name in ((weight, "weight"), (bias, "bias"))]
    for statistic, name in ((running_mean, "running_mean"), (running_var, "running_var")):
        if statistic is not None and np.shape(statistic) != (channels,):
            raise ValueError(f"batch_norm: {name} of shape {np.shape(statistic)} does not fit {channels} channels")
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: without training, running_mean and running_var must be given")
        along = (1, channels, *(1,) * (x.ndim - 2))
        scale = (1.0 / np.sqrt(kept(running_var) + eps)).reshape(along)
        return _scaled((x - kept(running_mean).reshape(along)) * scale, w, b)
    axes = batch_axes(x, "batch_norm")
    y = apply(_ops.standardize, (x,), {"axis": axes, "eps": eps})
    if running_mean is not None or running_var is not None:
        _follow(x.detach(), axes, momentum, running_mean, running_var)
    return _scaled(y, w, b)
