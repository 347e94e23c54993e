"""Multi-head attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..convert import kept
from ..ops.dense import affine
from ..tensor import Parameter, Tensor, apply, as_tensor
from .functional.attention import attend
from .functional.dropout import probability
from .linear import Linear
from .module import Module
from .options import Rng, drawn, full, generator, positive


class MultiHeadAttention(Module):
    """Several attentions side by side, each on its own projection of query, key and value; then one projection back.

    Vaswani et al., "Attention Is All You Need" (2017). Parameters have PyTorch's names, shapes and initial
    distributions. As in PyTorch, inputs are (length, batch, embed_dim), or (batch, length, embed_dim) with
    ``batch_first``, or without a batch, and a bool mask says True where attention is *forbidden*.

    >>> layer = MultiHeadAttention(8, 2, batch_first=True, rng=0)
    >>> x = np.ones((3, 5, 8), np.float32)
    >>> y, weights = layer(x, x, x)
    >>> y.shape, weights.shape
    ((3, 5, 8), (3, 5, 5))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        who = "MultiHeadAttention"
        self.embed_dim = positive(embed_dim, "embed_dim", who)
        self.num_heads = positive(num_heads, "num_heads", who)
        if embed_dim % num_heads:
            raise ValueError(f"{who}: num_heads={num_heads} must divide embed_dim={embed_dim}")
        self.dropout = probability(dropout, who)
        self.kdim = embed_dim if kdim is None else positive(kdim, "kdim", who)
        self.vdim = embed_dim if vdim is None else positive(vdim, "vdim", who)
        self.batch_first = batch_first
        self.rng = draw = generator(rng, who)

        def glorot(rows: int, columns: int) -> Parameter:
            return drawn(math.sqrt(6.0 / (rows + columns)), (rows, columns), dtype, draw, who)

        self._alike = self.kdim == self.vdim == embed_dim
        if self._alike:
            self.in_proj_weight = glorot(3 * embed_dim, embed_dim)
        else:
            self.in_proj_weight = None
            self.q_proj_weight = glorot(embed_dim, embed_dim)
            self.k_proj_weight = glorot(embed_dim, self.kdim)
            self.v_proj_weight = glorot(embed_dim, self.vdim)
        self.in_proj_bias = full((3 * embed_dim,), 0.0, dtype, who) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype, draw)
        if self.out_proj.bias is not None:
            self.out_proj.bias = full((embed_dim,), 0.0, dtype, who)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Give the result and the attention weights (batch, length, keys), averaged over the heads unless told not to.

        ``key_padding_mask`` is (batch, keys), ``attn_mask`` (length, keys) or (batch * heads, length, keys): bool (True
        forbids) or numbers to add. A position that may see nothing gets zeros.
        """
        who = "MultiHeadAttention"
        alike = query is key and key is value
        q: Any = as_tensor(query, who)
        k: Any
        v: Any
        k, v = (q, q) if alike else (as_tensor(key, who), as_tensor(value, who))
        alone = q.ndim == 2
        widths = (self.embed_dim, self.kdim, self.vdim)
        if any(t.ndim != (2 if alone else 3) or t.shape[-1] != w for t, w in zip((q, k, v), widths, strict=True)):
            raise ValueError(
                f"{who}: query, key and value must have 2 or 3 axes, the last of length {widths}; got shapes "
                f"{q.shape}, {k.shape}, {v.shape}"
            )
        if alone:
            q, k, v = [np.expand_dims(t, 0) for t in (q, k, v)]
        elif not self.batch_first:
            q, k, v = [np.swapaxes(t, 0, 1) for t in (q, k, v)]
        n, length, keys = q.shape[0], q.shape[1], k.shape[1]
        if k.shape[0] != n or v.shape[:2] != k.shape[:2]:
            raise ValueError(f"{who}: batches or lengths differ: {np.shape(query)}, {np.shape(key)}, {np.shape(value)}")
        q, k, v = [self._heads(t) for t in self._project(q, k, v, alike)]
        mask = self._mask(key_padding_mask, attn_mask, n, length, keys, q.dtype)
        p = self.dropout if self.training else 0.0
        y, weights = attend(q, k, v, mask, p, is_causal, None, self.rng)
        y = self.out_proj(y.transpose(0, 2, 1, 3).reshape(n, length, self.embed_dim))
        if alone:
            y = y[0]
        elif not self.batch_first:
            y = np.swapaxes(y, 0, 1)
        if not need_weights:
            return y, None
        shown: Any = weights.mean(axis=1) if average_attn_weights else weights
        return y, shown[0] if alone else shown

    def _project(self, q: Any, k: Any, v: Any, alike: bool) -> list[Any]:
        e = self.embed_dim
        b = self.in_proj_bias
        if self._alike and alike:
            weight: Any = self.in_proj_weight
            whole = np.matmul(q, weight.T) if b is None else apply(affine, (q, weight, b))
            return [whole[..., i * e : (i + 1) * e] for i in range(3)]
        if self._alike:
            weights = [self.in_proj_weight[i * e : (i + 1) * e] for i in range(3)]  # type: ignore[index]
        else:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        biases = [None if b is None else b[i * e : (i + 1) * e] for i in range(3)]
        return [
            np.matmul(t, w.T) if c is None else apply(affine, (t, w, c))
            for t, w, c in zip((q, k, v), weights, biases, strict=True)
        ]

    def _heads(self, t: Any) -> Any:
        """Give (batch, length, embed) as (batch, heads, length, embed / heads)."""
        n, length, e = t.shape
        return t.reshape(n, length, self.num_heads, e // self.num_heads).transpose(0, 2, 1, 3)

    def _mask(self, padding: Any, mask: Any, n: int, length: int, keys: int, dtype: Any) -> Any:
        """Give both masks as one to add, (batch, heads, length, keys) or what broadcasts to it."""
        total = None
        for given, name, shapes in (
            (padding, "key_padding_mask", [(n, keys), (keys,)]),
            (mask, "attn_mask", [(length, keys), (n * self.num_heads, length, keys)]),
        ):
            if given is None:
                continue
            m = kept(given.data if isinstance(given, Tensor) else given)
            if m.shape not in shapes or m.dtype.kind not in "bf":
                raise ValueError(
                    f"MultiHeadAttention: {name} must hold bool or floats, of shape {' or '.join(map(str, shapes))}; "
                    f"got {m.dtype}, shape {m.shape}"
                )
            if m.dtype.kind == "b":
                m = np.where(m, -np.inf, 0.0)
            if name == "key_padding_mask":
                m = m.reshape(-1, 1, 1, keys)
            elif m.ndim == 3:
                m = m.reshape(n, self.num_heads, length, keys)
            total = m if total is None else total + m
        return None if total is None else total.astype(dtype)

    def extra_repr(self) -> str:
        """Give the sizes."""
        return f"{self.embed_dim}, {self.num_heads}" + f", dropout={self.dropout}" * (self.dropout > 0)


#: PyTorch's spelling.
MultiheadAttention = MultiHeadAttention
