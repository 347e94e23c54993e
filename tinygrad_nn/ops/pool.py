"""Pooling: the largest element, or the sum, of every window."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convert import zeros
from ..op import Op, case, general, linear
from .activation import floats
from .domains import INF
from .window import Pairs, Sizes, batch_first, batch_last, count, framed, inside, keywords, outputs, taps, unframed


def _max_pool(x: Any, *, size: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes) -> Any:
    x = floats(x)
    out = outputs(x.shape, size, stride, padding, dilation)
    b = framed(x, padding, -INF)
    y: Any = None
    for _, index in taps(size, out, stride, dilation):
        tap = b[index]
        y = tap.copy() if y is None else np.maximum(y, tap, out=y)
    return batch_first(y)


def _first_place(x: Any, y: Any, *, size: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes) -> Any:
    """Give the number of the first place in each window that holds its largest element (or a NaN, if that is it)."""
    b, top = framed(x, padding, -INF), batch_last(y)
    # The number of places before the first that is equal: those whose predecessors and they themselves differ.
    before: Any = None
    place = zeros(top.shape, np.uint8 if count(size) < 256 else np.int32, top)
    nan = bool(np.isnan(top).any())
    for _, index in taps(size, y.shape[2:], stride, dilation):
        tap = b[index]
        differs = tap != top
        if nan:
            differs &= ~(np.isnan(tap) & np.isnan(top))
        before = differs if before is None else np.logical_and(before, differs, out=before)
        place += before
    return batch_first(place)


def _put_places(
    g: Any, place: Any, *, shape: Sizes, size: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes
) -> Any:
    framed_shape, has_frame = unframed(shape, padding)
    gb, pb = batch_last(g), batch_last(place)
    b = zeros(framed_shape, g.dtype, g)
    for number, (_, index) in enumerate(taps(size, g.shape[2:], stride, dilation)):
        b[index] += gb * (pb == number)
    return batch_first(inside(b, shape, padding) if has_frame else b)


def _take_places(x: Any, place: Any, *, size: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes) -> Any:
    b, pb = framed(x, padding), batch_last(place)
    y = zeros(pb.shape, x.dtype, x)
    for number, (_, index) in enumerate(taps(size, place.shape[2:], stride, dilation)):
        y += b[index] * (pb == number)
    return batch_first(y)


_ONE = {"size": (2,), "stride": (2,), "padding": ((0, 0),), "dilation": (1,)}
_TWO = {"size": (2, 3), "stride": (2, 1), "padding": ((1, 0), (1, 1)), "dilation": (1, 2)}
_PLACES = np.array([[[0, 1, 1]]])

first_place: Op = general(
    _first_place,
    None,
    None,
    name="first_place",
    jvp=lambda ts, y, x, top, **geometry: None,
    bind=keywords,
    formula="the number of the first place in each window of x that equals its maximum",
    cases=[case(np.array([[[1.0, 2.0, 5.0, 3.0, 4.0, 4.0]]]), np.array([[[2.0, 5.0, 4.0]]]), **_ONE)],
)
take_places: Op = general(
    _take_places,
    lambda g, y, x, place, **geometry: put_places(g, place, shape=x.shape, **geometry),
    None,
    jvp=lambda ts, y, x, place, **geometry: take_places(ts[0], place, **geometry),
    name="take_places",
    bind=keywords,
    formula="the element at the given place of each window",
    cases=[case((1, 1, 6), _PLACES, **_ONE)],
)
put_places: Op = general(
    _put_places,
    lambda g, y, a, place, shape=(), **geometry: take_places(g, place, **geometry),
    None,
    jvp=lambda ts, y, a, place, shape=(), **geometry: put_places(ts[0], place, shape=shape, **geometry),
    name="put_places",
    bind=keywords,
    formula="the adjoint of take_places",
    cases=[case((1, 1, 3), _PLACES, shape=(1, 1, 6), **_ONE)],
)
max_pool: Op = general(
    _max_pool,
    lambda g, y, x, **geometry: put_places(
        g,
        first_place(x, y, **geometry),
        shape=x.shape,
        **geometry,
    ),
    jvp=lambda ts, y, x, **geometry: take_places(
        ts[0],
        first_place(x, y, **geometry),
        **geometry,
    ),
    name="max_pool",
    bind=keywords,
    kinks="the first of ties takes all",
    formula="max over windows",
    cases=[case((2, 3, 6), **_ONE), case((2, 2, 5, 6), **_TWO)],
)


def _sum_pool(x: Any, *, size: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, scale: float = 1.0) -> Any:
    x = floats(x)
    out = outputs(x.shape, size, stride, padding, dilation)
    b = framed(x, padding)
    y: Any = None
    for _, index in taps(size, out, stride, dilation):
        y = b[index].copy() if y is None else np.add(y, b[index], out=y)
    if scale != 1.0:
        y *= scale
    return batch_first(y)


def _spread_pool(
    g: Any, *, shape: Sizes, size: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, scale: float = 1.0
) -> Any:
    framed_shape, has_frame = unframed(shape, padding)
    gb = batch_last(g)
    if scale != 1.0:
        gb = gb * scale
    b = zeros(framed_shape, g.dtype, g)
    for _, index in taps(size, g.shape[2:], stride, dilation):
        b[index] += gb
    return batch_first(inside(b, shape, padding) if has_frame else b)


sum_pool: Op = linear(
    _sum_pool,
    lambda g, y, x, **geometry: spread_pool(g, shape=x.shape, **geometry),
    name="sum_pool",
    bind=keywords,
    analytic=True,
    formula="scale * sum over windows",
    cases=[case((2, 3, 6), **_ONE, scale=0.5), case((2, 2, 5, 6), **_TWO)],
)
spread_pool: Op = linear(
    _spread_pool,
    lambda g, y, a, shape=(), **geometry: sum_pool(g, **geometry),
    name="spread_pool",
    bind=keywords,
    analytic=True,
    formula="the adjoint of sum_pool",
    cases=[case((2, 3, 3), shape=(2, 3, 6), **_ONE), case((2, 2, 3, 4), shape=(2, 2, 5, 6), **_TWO, scale=2.0)],
)
