"""Pooling as functions. Images are (batch, channels, ...), or (channels, ...) without a batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...convert import beside
from ...ops import pool
from ...tensor import Tensor, apply
from .window import Size, batched, sizes, window_geometry


def _pool_geometry(
    who: str, n: int, shape: tuple[int, ...], size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> dict[str, Any]:
    k = sizes(size, n, "kernel_size", who)
    geometry = window_geometry(who, k, k if stride is None else stride, sizes(padding, n, "padding", who, 0), dilation)
    if any(2 * low > s for (low, _), s in zip(geometry["padding"], k, strict=True)):
        raise ValueError(f"{who}: padding {padding!r} must be at most half of kernel_size {size!r}")
    if ceil_mode:
        pairs = []
        for s, w, step, (low, high), d in zip(
            shape[-n:], k, geometry["stride"], geometry["padding"], geometry["dilation"], strict=True
        ):
            room = s + low + high - d * (w - 1) - 1
            count = -(-room // step)
            # A window must begin inside the input or the padding before it.
            if count * step >= s + low:
                count -= 1
            pairs.append((low, max(high, count * step + d * (w - 1) + 1 - s - low)))
        geometry["padding"] = tuple(pairs)
    return {"size": k, **geometry}


def _max_pool(who: str, n: int, x: Any, size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Tensor:
    def f(x: Any) -> Any:
        return apply(pool.max_pool, (x,), _pool_geometry(who, n, x.shape, size, stride, padding, dilation, ceil_mode))

    return batched(f, x, n, who)


def max_pool1d(
    x: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Give the largest element of each window; the first of equal ones gets the whole derivative.

    ``stride`` is by default the kernel size. The padding never is the largest. ``ceil_mode`` adds a last window that
    reaches over the end.

    >>> max_pool1d([[[1.0, 3.0, 2.0, 0.0]]], 2)
    Tensor([[[3., 2.]]])
    """
    return _max_pool("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    x: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Give the largest element of each window of images: see :func:`max_pool1d`.

    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    Tensor([[ 5.,  7.], [13., 15.]])
    """
    return _max_pool("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode)


def _avg_pool(
    who: str,
    n: int,
    x: Any,
    size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    def f(x: Any) -> Any:
        geometry = _pool_geometry(who, n, x.shape, size, stride, padding, 1, ceil_mode)
        plain = [(p, p) for p in sizes(padding, n, "padding", who, 0)]
        if divisor_override is not None:
            (divisor,) = sizes(divisor_override, 1, "divisor_override", who)
        else:
            divisor = math.prod(geometry["size"])
            uneven = geometry["padding"] != tuple(plain)
            if uneven or (not count_include_pad and any(low for low, _ in plain)):
                return apply(pool.sum_pool, (x,), geometry) / beside(
                    _counts(x.shape, geometry, plain, count_include_pad), x
                )
        return apply(pool.sum_pool, (x,), {**geometry, "scale": 1.0 / divisor})

    return batched(f, x, n, who)


def _counts(shape: tuple[int, ...], geometry: dict[str, Any], plain: list[tuple[int, int]], include: bool) -> Any:
    """Give the number of elements that count in each window: those of the input, and perhaps of its padding."""
    ones = np.ones((1, 1, *shape[2:]), np.float32)
    if include:
        ones = np.pad(ones, [(0, 0), (0, 0), *plain], constant_values=1.0)
        left = [(low - p, high - q) for (low, high), (p, q) in zip(geometry["padding"], plain, strict=True)]
        geometry = {**geometry, "padding": tuple(left)}
    return pool.sum_pool(ones, **geometry)


def avg_pool1d(
    x: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Give the mean of each window; with ``count_include_pad`` the zeros of the padding count.

    >>> avg_pool1d([[[1.0, 3.0, 2.0, 0.0]]], 2)
    Tensor([[[2., 1.]]])
    """
    return _avg_pool("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    x: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Give the mean of each window of images: see :func:`avg_pool1d`.

    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)[0, 0]
    Tensor([[ 2.5,  4.5], [10.5, 12.5]])
    """
    return _avg_pool("avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _bins(length: int, parts: int, dtype: Any) -> Any:
    """Give the matrix (parts, length) that averages over bins from floor(i n / parts) to ceil((i + 1) n / parts)."""
    m = np.zeros((parts, length), dtype)
    for i in range(parts):
        low, high = i * length // parts, -(-(i + 1) * length // parts)
        m[i, low:high] = 1.0 / (high - low)
    return m


def _adaptive(who: str, n: int, x: Any, output_size: Any) -> Tensor:
    wanted = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size,) * n

    def f(x: Any) -> Any:
        if x.dtype.kind != "f":
            x = x.astype(np.float64)
        full = [s if w is None else w for w, s in zip(wanted, x.shape[2:], strict=len(wanted) == n)]
        parts = sizes(tuple(full), n, "output_size", who)
        if all(w == 1 for w in parts):
            return np.mean(x, axis=tuple(range(2, n + 2)), keepdims=True)
        for axis, (w, s) in enumerate(zip(parts, x.shape[2:], strict=True), start=2):
            if w != s:
                x = np.moveaxis(np.matmul(np.moveaxis(x, axis, -1), beside(_bins(s, w, x.dtype), x).T), -1, axis)
        return x

    return batched(f, x, n, who)


def adaptive_avg_pool1d(x: Any, output_size: Any) -> Tensor:
    """Give means over as many bins as ``output_size`` says; neighbouring bins overlap where the length does not divide.

    >>> adaptive_avg_pool1d([[[1.0, 2.0, 3.0, 4.0]]], 2)
    Tensor([[[1.5, 3.5]]])
    """
    return _adaptive("adaptive_avg_pool1d", 1, x, output_size)


def adaptive_avg_pool2d(x: Any, output_size: Any) -> Tensor:
    """Give means over a grid of bins (None keeps the length of an axis): see :func:`adaptive_avg_pool1d`.

    >>> adaptive_avg_pool2d(np.ones((1, 3, 5, 7)), 1).shape
    (1, 3, 1, 1)
    """
    return _adaptive("adaptive_avg_pool2d", 2, x, output_size)
