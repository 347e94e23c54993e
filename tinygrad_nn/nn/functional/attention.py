"""Attention as a function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...convert import beside, kept
from ...ops.activation import softmax as _softmax
from ...tensor import Tensor, apply, as_tensor
from .dropout import Rng, dropout


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    rng: Rng = None,
) -> Tensor:
    """Give softmax(query @ key.T * scale + mask) @ value, with query (..., L, E), key (..., S, E), value (..., S, V).

    ``attn_mask`` broadcasts to (..., L, S): bool (True takes part) or numbers to add. ``is_causal`` lets a position see
    those up to its own. ``scale`` is by default 1 / sqrt(E). A row that may see nothing gives zeros.

    >>> scaled_dot_product_attention([[0.0]], [[1.0], [1.0]], [[1.0], [3.0]])
    Tensor([[2.]])
    """
    return attend(query, key, value, attn_mask, dropout_p, is_causal, scale, rng)[0]


def attend(
    query: Any, key: Any, value: Any, attn_mask: Any, dropout_p: float, is_causal: bool, scale: float | None, rng: Rng
) -> tuple[Tensor, Tensor]:
    """Give the result of attention and its weights (..., L, S)."""
    who = "scaled_dot_product_attention"
    q, k, v = as_tensor(query, who), as_tensor(key, who), as_tensor(value, who)
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError(
            f"{who}: needs query (..., L, E), key (..., S, E), value (..., S, V); got shapes {q.shape}, {k.shape}, "
            f"{v.shape}"
        )
    factor = 1.0 / math.sqrt(q.shape[-1]) if scale is None else float(scale)
    # Scaling the query costs less than scaling the scores.
    scores = np.matmul(q * factor, np.matrix_transpose(k))
    bias, seen = mask_of(attn_mask, is_causal, scores, who)
    if bias is not None:
        scores = scores + bias
    weights = apply(_softmax, (scores,), {"axis": -1})
    if seen is not None:
        weights = weights * seen
    dropped = dropout(weights, dropout_p, rng=rng) if dropout_p else weights
    return np.matmul(dropped, v), weights


def mask_of(mask: Any, is_causal: bool, scores: Any, who: str) -> tuple[Any, Any]:
    """Give what to add to the scores (0 or -inf, or the numbers given), and which rows see anything (None: all)."""
    shape, dtype = scores.shape, scores.dtype
    allowed: Any = None
    bias: Any = None
    if is_causal:
        allowed = beside(np.tri(shape[-2], shape[-1], dtype=bool), scores)
    if mask is not None:
        m = mask if isinstance(mask, Tensor) else kept(mask)
        try:
            fits = np.broadcast_shapes(m.shape, shape) == shape
        except ValueError:
            fits = False
        if not fits or m.dtype.kind not in "bf":
            raise ValueError(
                f"{who}: attn_mask must hold bool or floats and broadcast to {shape}; got {m.dtype}, shape {m.shape}"
            )
        values = kept(m._data) if isinstance(m, Tensor) else m
        if m.dtype.kind == "b":
            allowed = values if allowed is None else allowed & values
        else:
            bias = m if isinstance(m, Tensor) else m.astype(dtype, copy=False)
            open_ = values > -np.inf
            if not open_.all():
                allowed = open_ if allowed is None else allowed & open_
    if allowed is None:
        return bias, None
    hidden = np.where(allowed, 0.0, -np.inf).astype(dtype)
    total = hidden if bias is None else bias + hidden
    seen = allowed.any(axis=-1, keepdims=True)
    return total, None if seen.all() else seen.astype(dtype)
