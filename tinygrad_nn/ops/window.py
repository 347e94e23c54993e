"""Sliding windows: what convolution and pooling have in common.

Images come as (N, C, *S). Inside, the batch lies last, (C, *S, N): then each row of a window is one contiguous run of
memory, however small the image. Results are transposed views of that layout, so that a chain of layers never copies.

A geometry is four tuples with one entry per spatial axis: ``size``, ``stride``, ``padding`` as (before, after) pairs,
``dilation``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

from numpy.lib.stride_tricks import as_strided, sliding_window_view

from ..convert import Foreign, contiguous, full

Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def outputs(shape: Sizes, size: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes) -> Sizes:
    """Give the number of windows along each spatial axis of an input (N, C, *S); raise ValueError where none fits."""
    found = []
    for axis, (s, k, step, (low, high), d) in enumerate(
        zip(shape[2:], size, stride, padding, dilation, strict=True), start=2
    ):
        room = s + low + high - d * (k - 1) - 1
        if room < 0 or not s:
            raise ValueError(
                f"a window of length {d * (k - 1) + 1} does not fit axis {axis} of length {s} with padding "
                f"{low} + {high}; use a smaller window or more padding"
            )
        found.append(room // step + 1)
    return tuple(found)


def batch_last(x: Any) -> Any:
    """Give (N, ...) as (..., N), contiguous; no copy where the memory lies so already."""
    return contiguous(x.transpose(*range(1, x.ndim), 0))


def batch_first(b: Any) -> Any:
    """Give (..., N) as a view (N, ...)."""
    return b.transpose(b.ndim - 1, *range(b.ndim - 1))


def framed(x: Any, padding: Pairs, fill: float = 0.0) -> Any:
    """Give (N, C, *S) with the batch last and a frame of the fill value."""
    if not any(low or high for low, high in padding):
        return batch_last(x)
    spatial = tuple([s + low + high for s, (low, high) in zip(x.shape[2:], padding, strict=True)])
    b = full((x.shape[1], *spatial, x.shape[0]), fill, x.dtype, x)
    inside(b, x.shape, padding)[...] = x.transpose(*range(1, x.ndim), 0)
    return b


def inside(b: Any, shape: Sizes, padding: Pairs) -> Any:
    """Give the part of a framed array (C, *S, N) that is not frame, as a view."""
    return b[(slice(None), *[slice(low, low + s) for s, (low, _) in zip(shape[2:], padding, strict=True)])]


def unframed(shape: Sizes, padding: Pairs) -> tuple[Sizes, bool]:
    """Give the shape (C, *S + frame, N) of an input's framed array, and whether there is a frame."""
    spatial = [s + low + high for s, (low, high) in zip(shape[2:], padding, strict=True)]
    return (shape[1], *spatial, shape[0]), any(low or high for low, high in padding)


def windows(b: Any, size: Sizes, out: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """Give all windows of (C, *S, N) as a view (C, *size, *out, N)."""
    if isinstance(b, Foreign):
        spans = tuple([d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)])
        v = sliding_window_view(b, spans, axis=tuple(range(1, b.ndim - 1)))
        moves = tuple([slice(0, (o - 1) * s + 1, s) for o, s in zip(out, stride, strict=True)])
        v = v[(slice(None), *moves, slice(None), *[slice(None, None, d) for d in dilation])]
        k = len(size)
        return v.transpose(0, *range(k + 2, 2 * k + 2), *range(1, k + 2))
    c, *steps, n = b.strides
    taps = [s * d for s, d in zip(steps, dilation, strict=True)]
    jumps = [s * m for s, m in zip(steps, stride, strict=True)]
    return as_strided(b, (b.shape[0], *size, *out, b.shape[-1]), (c, *taps, *jumps, n), writeable=False)


def taps(size: Sizes, out: Sizes, stride: Sizes, dilation: Sizes) -> Iterator[tuple[Sizes, tuple[Any, ...]]]:
    """Give for each place in a window: the place, and the index into (C, *S, N) of its element in every window."""
    for place in product(*[range(k) for k in size]):
        index = [
            slice(p * d, p * d + (o - 1) * s + 1, s) for p, d, o, s in zip(place, dilation, out, stride, strict=True)
        ]
        yield place, (slice(None), *index)


def count(shape: Sizes) -> int:
    """Give the product."""
    return math.prod(shape)


def keywords(*inputs: Any, **params: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Bind a call of an operation whose parameters are all given by name."""
    return inputs, params
