"""Convolution as functions. Images are (batch, channels, ...), or (channels, ...) without a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import convolution
from ...tensor import Tensor, apply, as_tensor
from .window import Size, batched, sizes, window_geometry


def _conv(
    who: str, n: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    shape = np.shape(weight)
    if len(shape) != n + 2:
        raise ValueError(f"{who}: the weight needs {n + 2} axes (out, in / groups, ...), got shape {shape}")
    (g,) = sizes(groups, 1, "groups", who)
    geometry = window_geometry(who, shape[2:], stride, padding, dilation)

    def f(x: Any) -> Any:
        if bias is None:
            return apply(convolution.conv, (x, weight), {**geometry, "groups": g})
        return apply(convolution.conv_affine, (x, weight, bias), {**geometry, "groups": g})

    return batched(f, x, n, who)


def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Give y[n, o, i] = bias[o] + sum(weight[o, c, k] * x[n, c, stride * i + dilation * k - padding]) over c and k.

    ``padding`` counts zeros on both sides, or is ``"same"`` or ``"valid"``. With ``groups``, weight is (out,
    in / groups, k) and each group of output channels sees only its group of input channels.

    >>> conv1d([[[1.0, 2.0, 4.0]]], [[[-1.0, 1.0]]])
    Tensor([[[1., 2.]]])
    """
    return _conv("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Give the convolution of images (N, C, H, W) with a weight (out, in / groups, kH, kW): see :func:`conv1d`.

    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 3, 3)), padding="same")[0, 0]
    Tensor([[4., 6., 4.],
            [6., 9., 6.],
            [4., 6., 4.]])
    """
    return _conv("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Give the convolution of volumes (N, C, D, H, W): see :func:`conv1d`.

    >>> conv3d(np.ones((1, 1, 2, 2, 2)), np.ones((1, 1, 2, 2, 2))).item()
    8.0
    """
    return _conv("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


def _conv_transpose(
    who: str,
    n: int,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    shape = np.shape(weight)
    if len(shape) != n + 2:
        raise ValueError(f"{who}: the weight needs {n + 2} axes (in, out / groups, ...), got shape {shape}")
    (g,) = sizes(groups, 1, "groups", who)
    geometry = window_geometry(who, shape[2:], stride, sizes(padding, n, "padding", who, least=0), dilation)
    extra = sizes(output_padding, n, "output_padding", who, least=0)
    steps, gaps, pads = geometry["stride"], geometry["dilation"], geometry["padding"]
    if any(e >= s for e, s in zip(extra, steps, strict=True)):
        raise ValueError(f"{who}: output_padding {output_padding!r} must be smaller than the stride {stride!r}")

    def f(x: Any) -> Any:
        if x.shape[1] != shape[0] or shape[0] % g:
            raise ValueError(
                f"{who}: the input of shape {x.shape} has {x.shape[1]} channels, the weight of shape {shape} takes "
                f"{shape[0]} (a multiple of groups={g})"
            )
        out = [
            (s - 1) * step - low - high + d * (k - 1) + e + 1
            for s, step, (low, high), d, k, e in zip(x.shape[2:], steps, pads, gaps, shape[2:], extra, strict=True)
        ]
        if min(out) < 1:
            raise ValueError(f"{who}: the result of an input of shape {x.shape} would have the spatial shape {out}")
        y = apply(
            convolution.conv_input,
            (x, weight),
            {"shape": (x.shape[0], shape[1] * g, *out), **geometry, "groups": g},
        )
        return y if bias is None else y + as_tensor(bias, who).reshape(-1, *(1,) * n)

    return batched(f, x, n, who)


def conv_transpose1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """Give the adjoint of :func:`conv1d` in its input, plus a bias: weight is (in, out / groups, k).

    >>> conv_transpose1d([[[1.0, 2.0]]], [[[1.0, 10.0]]], stride=2)
    Tensor([[[ 1., 10.,  2., 20.]]])
    """
    return _conv_transpose("conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """Give the adjoint of :func:`conv2d` in its input, plus a bias: weight is (in, out / groups, kH, kW).

    >>> conv_transpose2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2))).shape
    (1, 1, 3, 3)
    """
    return _conv_transpose("conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, groups, dilation)
