"""Convolution (as networks call it: cross-correlation) over any number of spatial axes, by one matrix product.

The form sum(conv(x, w) * g) is linear in each of x, w and g. Its three partial derivatives are conv, conv_input and
conv_weight: each of them is an operation, and the other two are its adjoints, to any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convert import empty, zeros
from ..op import Op, case, general, multilinear
from .window import (
    Pairs,
    Sizes,
    batch_first,
    batch_last,
    count,
    framed,
    inside,
    keywords,
    outputs,
    taps,
    unframed,
    windows,
)

#: Windows are laid out as a matrix in blocks of about this many bytes, so that they stay in the cache.
BLOCK = 1 << 20


def _check(x: Any, w: Any, groups: int) -> None:
    if x.ndim != w.ndim or x.ndim < 3:
        raise ValueError(
            f"the input must be (batch, channels, ...) and the weight (out, in, ...) with as many axes; "
            f"got {x.ndim} and {w.ndim} axes"
        )
    if w.shape[1] * groups != x.shape[1] or w.shape[0] % groups:
        raise ValueError(
            f"weight of shape {w.shape} with groups={groups} needs {w.shape[1] * groups} input channels and a multiple "
            f"of {groups} output channels; the input has {x.shape[1]}"
        )


def _blocks(bytes_per_row: int, rows: int) -> list[tuple[int, int]]:
    step = max(1, BLOCK // max(bytes_per_row, 1))
    return [(i, min(i + step, rows)) for i in range(0, rows, step)]


def _columns(v: Any, low: int, high: int, groups: int, spatial: int) -> Any:
    """Lay the windows of the output rows low ... high out as (groups, channels * places, windows)."""
    part = v[(slice(None),) * (1 + spatial) + (slice(low, high),)]
    rows = count(v.shape[: 1 + spatial])
    return part.reshape(groups, rows // groups, -1)


def _times(a: Any, b: Any, out: Any) -> None:
    """Write the product of stacks of matrices."""
    if len(a) == 1:
        np.matmul(a[0], b[0], out=out[0])
    else:
        np.matmul(a, b, out=out)


def _conv(x: Any, w: Any, *, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int = 1, bias: Any = None) -> Any:
    _check(x, w, groups)
    if bias is not None and bias.shape != w.shape[:1]:
        raise ValueError(f"bias of shape {bias.shape} does not fit a weight of shape {w.shape}: it needs {w.shape[:1]}")
    size = w.shape[2:]
    out = outputs(x.shape, size, stride, padding, dilation)
    v = windows(framed(x, padding), size, out, stride, dilation)
    dtype = np.result_type(x, w) if bias is None else np.result_type(x, w, bias)
    filters = w.reshape(groups, w.shape[0] // groups, -1)
    y = empty((w.shape[0], *out, x.shape[0]), dtype, x)
    flat = y.reshape(groups, w.shape[0] // groups, -1)
    per_row = count(out[1:]) * x.shape[0]
    for low, high in _blocks(count(v.shape) // out[0] * v.itemsize, out[0]):
        columns = _columns(v, low, high, groups, len(size))
        _times(filters, columns, flat[:, :, low * per_row : high * per_row])
    if bias is not None:
        y += bias.reshape(-1, *(1,) * (y.ndim - 1))
    return batch_first(y)


def _conv_weight(
    x: Any, g: Any, *, size: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int = 1
) -> Any:
    out = g.shape[2:]
    v = windows(framed(x, padding), size, out, stride, dilation)
    flat = batch_last(g).reshape(groups, g.shape[1] // groups, -1)
    per_row = count(out[1:]) * x.shape[0]
    total: Any = None
    for low, high in _blocks(count(v.shape) // out[0] * v.itemsize, out[0]):
        columns = _columns(v, low, high, groups, len(size))
        part = np.matmul(flat[:, :, low * per_row : high * per_row], columns.swapaxes(-1, -2))
        total = part if total is None else np.add(total, part, out=total)
    return total.reshape(g.shape[1], x.shape[1] // groups, *size)


def _conv_input(
    g: Any, w: Any, *, shape: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int = 1
) -> Any:
    size, out = w.shape[2:], g.shape[2:]
    flat = batch_last(g).reshape(groups, g.shape[1] // groups, -1)
    filters = w.reshape(groups, w.shape[0] // groups, -1).swapaxes(-1, -2)
    framed_shape, has_frame = unframed(shape, padding)
    columns = np.matmul(filters, flat).reshape(shape[1], *size, *out, g.shape[0])
    if count(size) == 1 and columns.size == count(framed_shape):
        b = columns.reshape(framed_shape)
    else:
        b = zeros(framed_shape, columns.dtype, columns)
        for place, index in taps(size, out, stride, dilation):
            b[index] += columns[(slice(None), *place)]
    return batch_first(inside(b, shape, padding) if has_frame else b)


_ONE = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,)}
_TWO = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
_ODD = {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 2)}

conv: Op = multilinear(
    _conv,
    lambda g, y, x, w, **geometry: conv_input(g, w, shape=x.shape, **geometry),
    lambda g, y, x, w, **geometry: conv_weight(x, g, size=w.shape[2:], **geometry),
    name="conv",
    bind=keywords,
    analytic=True,
    formula="sum(w[o, c, k] * x[n, c, stride * i + dilation * k])",
    cases=[
        case((2, 3, 5), (4, 3, 2), **_ONE),
        case((2, 3, 5, 4), (4, 3, 2, 3), **_TWO),
        case((2, 4, 5, 6), (6, 2, 3, 2), **_ODD, groups=2),
    ],
)
conv_input: Op = multilinear(
    _conv_input,
    lambda g, y, a, w, shape=(), **geometry: conv(g, w, **geometry),
    lambda g, y, a, w, shape=(), **geometry: conv_weight(g, a, size=w.shape[2:], **geometry),
    name="conv_input",
    bind=keywords,
    analytic=True,
    formula="the adjoint of conv in x",
    cases=[
        case((2, 4, 4), (4, 3, 2), shape=(2, 3, 5), **_ONE),
        case((2, 6, 2, 6), (6, 2, 3, 2), shape=(2, 4, 5, 6), **_ODD, groups=2),
    ],
)
conv_weight: Op = multilinear(
    _conv_weight,
    lambda g, y, x, a, size=(), **geometry: conv_input(a, g, shape=x.shape, **geometry),
    lambda g, y, x, a, size=(), **geometry: conv(x, g, **geometry),
    name="conv_weight",
    bind=keywords,
    analytic=True,
    formula="the adjoint of conv in w",
    cases=[
        case((2, 3, 5), (2, 4, 4), size=(2,), **_ONE),
        case((2, 4, 5, 6), (2, 6, 2, 6), size=(3, 2), **_ODD, groups=2),
    ],
)


def _conv_affine_jvp(ts: Any, y: Any, x: Any, w: Any, geometry: dict[str, Any]) -> Any:
    tx, tw, tb = ts
    parts = []
    if tx is not None:
        parts.append(conv(tx, w, **geometry))
    if tw is not None:
        parts.append(conv(x, tw, **geometry))
    if tb is not None:
        parts.append(np.broadcast_to(np.reshape(tb, (-1,) + (1,) * (y.ndim - 2)), y.shape))
    total = parts[0]
    for p in parts[1:]:
        total = total + p
    return total


conv_affine: Op = general(
    lambda x, w, b, *, stride, padding, dilation, groups=1: _conv(
        x, w, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=b
    ),
    lambda g, y, x, w, b, **geometry: conv_input(g, w, shape=x.shape, **geometry),
    lambda g, y, x, w, b, **geometry: conv_weight(x, g, size=w.shape[2:], **geometry),
    lambda g, y, x, w, b, **geometry: np.sum(g, axis=(0, *range(2, y.ndim))),
    jvp=lambda ts, y, x, w, b, **geometry: _conv_affine_jvp(ts, y, x, w, geometry),
    name="conv_affine",
    bind=keywords,
    analytic=True,
    formula="conv(x, w) + b",
    cases=[
        case((2, 3, 5), (4, 3, 2), (4,), **_ONE),
        case((2, 4, 5, 6), (6, 2, 3, 2), (6,), **_ODD, groups=2),
    ],
)
