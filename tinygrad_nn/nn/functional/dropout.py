"""Dropout and the lookup of embeddings, as functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import lookup
from ...tensor import Tensor, apply, as_tensor

Rng = np.random.Generator | int | None


def probability(p: float, who: str) -> float:
    """Give p as a float; raise ValueError where it is not in 0 ... 1."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{who}: p must be a probability in 0 ... 1, got {p!r}")
    return float(p)


def dropout(x: Any, p: float = 0.5, training: bool = True, rng: Rng = None) -> Tensor:
    """Give x with each element set to 0 with probability p and the others divided by 1 - p; in use, x itself.

    A Generator as ``rng`` goes on from call to call; a seed draws the same mask at each. ``p=1`` gives zeros.

    >>> dropout([1.0, 1.0, 1.0, 1.0], 0.5, rng=0)
    Tensor([2., 2., 2., 0.])
    """
    x = as_tensor(x, "dropout")
    p = probability(p, "dropout")
    if not training or p == 0.0:
        return x
    if p == 1.0:
        # Not x * 0, which would let NaN and infinities through.
        zeros: Any = np.where(True, 0.0, x)
        return zeros
    return x * apply(lookup.keep_mask, (x,), {"p": p, "rng": rng})


def channel_dropout(x: Any, p: float = 0.5, training: bool = True, rng: Rng = None) -> Tensor:
    """Give x with whole channels (axes 0 and 1) set to 0 with probability p and the others divided by 1 - p.

    >>> channel_dropout(np.ones((1, 4, 2)), 0.5, rng=0)[0, :, 0]
    Tensor([2., 2., 2., 0.])
    """
    x = as_tensor(x, "channel_dropout")
    p = probability(p, "channel_dropout")
    if x.ndim < 2:
        raise ValueError(f"channel_dropout: needs (batch, channels, ...), got shape {x.shape}")
    if not training or p in (0.0, 1.0):
        return dropout(x, p, training)
    mask = apply(lookup.keep_mask, (x[(slice(None), slice(None), *(slice(1),) * (x.ndim - 2))],), {"p": p, "rng": rng})
    return x * mask


def embedding(index: Any, weight: Any, padding_idx: int | None = None) -> Tensor:
    """Give the rows of weight (count, dim) that the integers in ``index`` name; the row padding_idx is a constant.

    >>> embedding([1, 1, 0], [[0.0, 1.0], [2.0, 3.0]])
    Tensor([[2., 3.], [2., 3.], [0., 1.]])
    """
    rows = np.shape(weight)[0] if np.ndim(weight) == 2 else 0
    if not rows:
        raise ValueError(f"embedding: weight must be (count, dim), got shape {np.shape(weight)}")
    return apply(lookup.take_rows, (weight, index), {"skip": _row(padding_idx, rows)})


def _row(padding_idx: int | None, rows: int) -> int | None:
    """Give the number of the padding row, counted from the end if negative; raise ValueError outside the table."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ValueError(f"embedding: padding_idx {padding_idx} is outside a table of {rows} rows")
    return int(padding_idx) % rows
