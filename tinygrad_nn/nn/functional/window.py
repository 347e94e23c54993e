"""What convolution and pooling take: sizes along spatial axes, images with or without a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...tensor import Tensor, as_tensor

Size = int | tuple[int, ...]


def sizes(value: Any, n: int, name: str, who: str, least: int = 1) -> tuple[int, ...]:
    """Give one whole number per spatial axis; raise ValueError where that cannot be."""
    several = tuple(value) if isinstance(value, tuple | list) else (value,) * n
    if len(several) != n or not all(
        isinstance(v, int | np.integer) and not isinstance(v, bool) and v >= least for v in several
    ):
        raise ValueError(f"{who}: {name} must be a whole number >= {least}, or {n} of them; got {value!r}")
    return tuple([int(v) for v in several])


def window_geometry(
    who: str, size: tuple[int, ...], stride: Any, padding: Any, dilation: Any
) -> dict[str, tuple[Any, ...]]:
    """Give stride, padding (as pairs) and dilation of a window, one entry per spatial axis."""
    n = len(size)
    steps, gaps = sizes(stride, n, "stride", who), sizes(dilation, n, "dilation", who)
    if padding == "valid":
        pairs = [(0, 0)] * n
    elif padding == "same":
        if any(s != 1 for s in steps):
            raise ValueError(f"{who}: padding='same' needs stride 1, got {stride!r}; give the padding in numbers")
        spans = [d * (k - 1) for d, k in zip(gaps, size, strict=True)]
        pairs = [(s // 2, s - s // 2) for s in spans]
    elif isinstance(padding, str):
        raise ValueError(f"{who}: padding must be 'same', 'valid' or whole numbers, got {padding!r}")
    else:
        pairs = [(p, p) for p in sizes(padding, n, "padding", who, least=0)]
    return {"stride": steps, "padding": tuple(pairs), "dilation": gaps}


def batched(f: Callable[[Any], Any], x: Any, n: int, who: str) -> Tensor:
    """Call f on (batch, channels, ...), with a batch of one for an image that comes alone."""
    x = as_tensor(x, who)
    if x.ndim == n + 2:
        return f(x)
    if x.ndim == n + 1:
        return f(x.reshape(1, *x.shape))[0]
    raise ValueError(
        f"{who}: needs an input of {n + 2} axes (batch, channels, {n} spatial) or {n + 1} without the batch; "
        f"got shape {x.shape}"
    )
