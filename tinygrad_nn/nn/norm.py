"""Normalisation layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..mode import effect, tracing
from ..tensor import Parameter
from . import functional as F
from .module import Module
from .options import floating, full, positive


class _BatchNorm(Module):
    """A batch norm for inputs of given numbers of axes."""

    _ndims: tuple[int, ...] = ()

    weight: Parameter | None
    bias: Parameter | None
    running_mean: ndarray[Any, Any] | None
    running_var: ndarray[Any, Any] | None
    num_batches_tracked: ndarray[Any, Any] | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        who = type(self).__name__
        self.num_features = positive(num_features, "num_features", who)
        self.eps = eps
        if momentum is not None and not 0.0 <= momentum <= 1.0:
            raise ValueError(f"{who}: momentum must be None or in 0 ... 1, got {momentum!r}")
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight = full((num_features,), 1.0, dtype, who) if affine else None
        self.bias = full((num_features,), 0.0, dtype, who) if affine else None
        kind = floating(dtype, who)
        tracked = track_running_stats
        self.register_buffer("running_mean", np.zeros(num_features, kind) if tracked else None)
        self.register_buffer("running_var", np.ones(num_features, kind) if tracked else None)
        self.register_buffer("num_batches_tracked", np.array(0) if tracked else None)

    def forward(self, x: Any) -> Any:
        """Give x standardized, with the batch's moments in training and the running ones in use."""
        shape = np.shape(x)
        if len(shape) not in self._ndims or shape[1] != self.num_features:
            axes = " or ".join([str(n) for n in self._ndims])
            raise ValueError(
                f"{type(self).__name__}({self.num_features}): needs {axes} axes (batch, {self.num_features}, ...), "
                f"got shape {shape}"
            )
        if not self.training and self.running_mean is not None:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        track = self.training and self.running_mean is not None
        number = 0 if self.num_batches_tracked is None else int(self.num_batches_tracked) + 1
        # Without a momentum the running moments are the mean of those of all batches.
        if self.momentum is None and tracing() is not None:
            tracing().refuse(f"{type(self).__name__} with momentum=None (its share changes at every call)")
        share = self.momentum if self.momentum is not None else 1.0 / max(number, 1)
        mean, var = (self.running_mean, self.running_var) if track else (None, None)
        y = F.batch_norm(x, mean, var, self.weight, self.bias, True, share, self.eps)
        if track:
            self._count()
        return y

    @effect
    def _count(self) -> None:
        number: Any = self.num_batches_tracked
        self.num_batches_tracked = np.array(int(number) + 1)

    def extra_repr(self) -> str:
        """Give the size and the options."""
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(_BatchNorm):
    """Normalise each feature of (N, C) or (N, C, L) by the batch's moments.

    The formula is ``(x - mean) / sqrt(var + eps) * weight + bias``.
    In training the running moments follow by the share ``momentum`` (None: the mean over all batches); ``eval()`` takes
    them. One value per channel in training raises ValueError and changes nothing.

    >>> BatchNorm1d(1)([[1.0], [3.0]]).shape
    (2, 1)
    """

    _ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """A batch norm per channel of images (N, C, H, W): see :class:`BatchNorm1d`.

    >>> BatchNorm2d(3)(np.ones((2, 3, 4, 4), np.float32)).shape
    (2, 3, 4, 4)
    """

    _ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """A batch norm per channel of volumes (N, C, D, H, W): see :class:`BatchNorm1d`.

    >>> BatchNorm3d(3)(np.ones((2, 3, 2, 2, 2), np.float32)).shape
    (2, 3, 2, 2, 2)
    """

    _ndims = (5,)


class LayerNorm(Module):
    """Normalise each sample: ``(x - mean) / sqrt(var + eps) * weight + bias``, moments over its last axes.

    >>> LayerNorm(2, eps=0.0)([[1.0, 3.0]])
    Tensor([[-1., 1.]], op=add)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        self.normalized_shape = _shape(normalized_shape, "LayerNorm")
        self.eps = eps
        affine = elementwise_affine
        self.weight = full(self.normalized_shape, 1.0, dtype, "LayerNorm") if affine else None
        self.bias = full(self.normalized_shape, 0.0, dtype, "LayerNorm") if affine and bias else None

    def forward(self, x: Any) -> Any:
        """Give x standardized."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Give the shape and eps."""
        return f"{self.normalized_shape}, eps={self.eps}"


class RMSNorm(Module):
    """Scale each sample to mean square 1: ``x / sqrt(mean(x**2) + eps) * weight``, mean over its last axes.

    ``eps`` is the dtype's if None.

    >>> RMSNorm(2, eps=0.0)([[3.0, 4.0]])
    Tensor([[0.84852814, 1.13137085]], op=multiply)
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        self.normalized_shape = _shape(normalized_shape, "RMSNorm")
        self.eps = eps
        self.weight = full(self.normalized_shape, 1.0, dtype, "RMSNorm") if elementwise_affine else None

    def forward(self, x: Any) -> Any:
        """Give x scaled."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Give the shape and eps."""
        return f"{self.normalized_shape}, eps={self.eps}"


class GroupNorm(Module):
    """x standardized over each group of channels of each sample, * weight + bias per channel.

    >>> GroupNorm(2, 4, eps=0.0, affine=False)([[1.0, 3.0, 10.0, 30.0]])
    Tensor([[-1., 1., -1., 1.]])
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, dtype: Any = np.float32
    ) -> None:
        self.num_groups = positive(num_groups, "num_groups", "GroupNorm")
        self.num_channels = positive(num_channels, "num_channels", "GroupNorm")
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_groups={num_groups} must divide num_channels={num_channels}")
        self.eps = eps
        self.weight = full((num_channels,), 1.0, dtype, "GroupNorm") if affine else None
        self.bias = full((num_channels,), 0.0, dtype, "GroupNorm") if affine else None

    def forward(self, x: Any) -> Any:
        """Give x standardized."""
        shape = np.shape(x)
        if len(shape) < 2 or shape[1] != self.num_channels:
            raise ValueError(f"GroupNorm: needs (batch, {self.num_channels}, ...), got shape {shape}")
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Give the sizes and eps."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}"


def _shape(value: Any, who: str) -> tuple[int, ...]:
    several = tuple(value) if isinstance(value, tuple | list) else (value,)
    if not several:
        raise ValueError(f"{who}: normalized_shape must have at least one axis")
    return tuple([positive(v, "normalized_shape", who) for v in several])
