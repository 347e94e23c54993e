"""The embedding of whole numbers as vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Parameter
from . import functional as F
from .module import Module
from .options import Rng, floating, generator, positive


class Embedding(Module):
    """A table of vectors: an array of integers gives the rows that they name. Drawn from the normal distribution.

    The row ``padding_idx`` starts as zeros and gets no gradient. Raises IndexError for an index outside the table.

    >>> Embedding(10, 3, rng=0)([[1, 2], [4, 4]]).shape
    (2, 2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        self.num_embeddings = positive(num_embeddings, "num_embeddings", "Embedding")
        self.embedding_dim = positive(embedding_dim, "embedding_dim", "Embedding")
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(f"Embedding: padding_idx {padding_idx} is outside a table of {num_embeddings} rows")
            padding_idx %= num_embeddings
        self.padding_idx = padding_idx
        table = generator(rng, "Embedding").normal(size=(num_embeddings, embedding_dim))
        if padding_idx is not None:
            table[padding_idx] = 0.0
        self.weight = Parameter(table.astype(floating(dtype, "Embedding")))

    def forward(self, index: Any) -> Any:
        """Give the rows."""
        return F.embedding(index, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """Give the sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
