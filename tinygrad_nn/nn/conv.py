"""Convolution layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Parameter, as_tensor
from . import functional as F
from .functional.window import Size, sizes
from .module import Module
from .options import Rng, drawn, generator, positive

#: PyTorch's names of the ways to continue an input at its borders, and NumPy's.
PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class _Conv(Module):
    """What convolutions of any number of spatial axes share."""

    _axes = 0
    _transposed = False

    weight: Parameter
    bias: Parameter | None

    def _build(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Size | str,
        dilation: Size,
        groups: int,
        bias: bool,
        dtype: Any,
        rng: Rng,
    ) -> None:
        who, n = type(self).__name__, self._axes
        self.in_channels = positive(in_channels, "in_channels", who)
        self.out_channels = positive(out_channels, "out_channels", who)
        self.groups = positive(groups, "groups", who)
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{who}: groups={groups} must divide in_channels={in_channels} and {out_channels=}")
        self.kernel_size = sizes(kernel_size, n, "kernel_size", who)
        self.stride = sizes(stride, n, "stride", who)
        self.padding = padding if isinstance(padding, str) else sizes(padding, n, "padding", who, least=0)
        self.dilation = sizes(dilation, n, "dilation", who)
        if self._transposed:
            shape = (in_channels, out_channels // groups, *self.kernel_size)
        else:
            shape = (out_channels, in_channels // groups, *self.kernel_size)
        draw = generator(rng, who)
        # PyTorch's default: the fan-in is that of the second axis of the weight, for the transposed ones too.
        bound = 1.0 / math.sqrt(math.prod(shape[1:]))
        self.weight = drawn(bound, shape, dtype, draw, who)
        self.bias = drawn(bound, (out_channels,), dtype, draw, who) if bias else None

    def _set_padding_mode(self, mode: Any) -> None:
        """Set how the input is continued at its borders, or raise ValueError."""
        if not isinstance(mode, str) or mode not in PADDING_MODES:
            raise ValueError(
                f"{type(self).__name__}: padding_mode must be one of {', '.join(PADDING_MODES)}, got {mode!r:.60}"
            )
        self.padding_mode = mode

    def _padded(self, x: Any) -> tuple[Any, Any]:
        """Give the input, continued at its borders where these are not zeros, and the zeros still to be padded."""
        self._check(x)
        if self.padding_mode == "zeros" or self.padding == "valid":
            return x, self.padding
        who, n = type(self).__name__, self._axes
        if self.padding == "same":
            if any(s != 1 for s in self.stride):
                raise ValueError(f"{who}: padding='same' needs stride 1, got {self.stride}")
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            widths = [(t // 2, t - t // 2) for t in totals]
        elif isinstance(self.padding, str):
            return x, self.padding  # refused by the function, which tells what there is
        else:
            widths = [(p, p) for p in self.padding]
        # NumPy would reflect, or go round, several times: PyTorch refuses that, and it is hardly ever meant.
        room = {"reflect": -1, "circular": 0}.get(self.padding_mode)
        shape = np.shape(x)
        for (_, after), size in zip(widths, shape[-n:], strict=True):
            if after and (size == 0 or (room is not None and after > size + room)):
                raise ValueError(
                    f"{who}: {self.padding_mode} padding of {after} is too wide for an axis of {size} in shape {shape}"
                )
        widths = [(0, 0)] * (len(shape) - n) + widths
        return np.pad(as_tensor(x), widths, mode=PADDING_MODES[self.padding_mode]), 0  # type: ignore[call-overload]

    def _check(self, x: Any) -> None:
        shape = np.shape(x)
        n = self._axes
        if len(shape) not in (n + 1, n + 2) or shape[-n - 1] != self.in_channels:
            raise ValueError(
                f"{self!r}: needs an input (batch, {self.in_channels}, {n} spatial axes), got shape {shape}"
            )

    def extra_repr(self) -> str:
        """Give the options that are not the usual ones."""
        n = self._axes
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={_short(self.kernel_size)}"
        usual = (("stride", (1,) * n), ("padding", (0,) * n), ("output_padding", (0,) * n), ("dilation", (1,) * n))
        for name, value in usual:
            own = getattr(self, name, value)
            if own != value:
                text += f", {name}={_short(own)!r}"
        if getattr(self, "padding_mode", "zeros") != "zeros":
            text += f", padding_mode={self.padding_mode!r}"
        return text + (f", groups={self.groups}" * (self.groups != 1)) + ", bias=False" * (self.bias is None)


def _short(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


class Conv1d(_Conv):
    """A convolution of (N, C, L) with a weight (out, in / groups, k): see :func:`tinygrad_nn.nn.functional.conv1d`.

    ``padding_mode`` is ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``. Weight and bias are drawn
    uniformly from ±1/sqrt(in / groups * k), as in PyTorch.

    >>> Conv1d(2, 4, 3, rng=0)(np.ones((1, 2, 5), np.float32)).shape
    (1, 4, 3)
    """

    _axes = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        self._build(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, dtype, rng)
        self._set_padding_mode(padding_mode)

    def forward(self, x: Any) -> Any:
        """Give the convolution."""
        x, padding = self._padded(x)
        return F.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """A convolution of images (N, C, H, W) with a weight (out, in / groups, kH, kW).

    ``padding`` counts zeros on both sides, or is ``"same"`` or ``"valid"``. Weight and bias are drawn uniformly from
    ±1/sqrt(in / groups * kH * kW), as in PyTorch.

    >>> Conv2d(1, 4, 3, padding="same", rng=0)(np.ones((2, 1, 8, 8), np.float32)).shape
    (2, 4, 8, 8)
    """

    _axes = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        self._build(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, dtype, rng)
        self._set_padding_mode(padding_mode)

    def forward(self, x: Any) -> Any:
        """Give the convolution."""
        x, padding = self._padded(x)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(_Conv):
    """A convolution of volumes (N, C, D, H, W) with a weight (out, in / groups, kD, kH, kW).

    >>> Conv3d(1, 2, 2, rng=0)(np.ones((1, 1, 3, 3, 3), np.float32)).shape
    (1, 2, 2, 2, 2)
    """

    _axes = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        self._build(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, dtype, rng)
        self._set_padding_mode(padding_mode)

    def forward(self, x: Any) -> Any:
        """Give the convolution."""
        x, padding = self._padded(x)
        return F.conv3d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class ConvTranspose1d(_Conv):
    """The adjoint of a convolution in its input, plus a bias, with a weight (in, out / groups, k).

    >>> ConvTranspose1d(2, 3, 4, stride=2, rng=0)(np.ones((1, 2, 5), np.float32)).shape
    (1, 3, 12)
    """

    _axes = 1
    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        self._build(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, dtype, rng)
        self.output_padding = sizes(output_padding, self._axes, "output_padding", type(self).__name__, least=0)

    def forward(self, x: Any) -> Any:
        """Give the adjoint of the convolution."""
        self._check(x)
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return F.conv_transpose1d(x, self.weight, self.bias, *options)  # type: ignore[arg-type]


class ConvTranspose2d(_Conv):
    """The adjoint of a convolution of images in its input, plus a bias, with a weight (in, out / groups, kH, kW).

    >>> ConvTranspose2d(4, 1, 2, stride=2, rng=0)(np.ones((1, 4, 4, 4), np.float32)).shape
    (1, 1, 8, 8)
    """

    _axes = 2
    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        self._build(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, dtype, rng)
        self.output_padding = sizes(output_padding, self._axes, "output_padding", type(self).__name__, least=0)

    def forward(self, x: Any) -> Any:
        """Give the adjoint of the convolution."""
        self._check(x)
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return F.conv_transpose2d(x, self.weight, self.bias, *options)  # type: ignore[arg-type]
