"""Reshape inside a model."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import as_tensor
from .module import Module


class Flatten(Module):
    """Put the axes from ``start_axis`` to ``end_axis`` into one: by default all but the batch.

    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        self.start_axis = start_axis
        self.end_axis = end_axis

    def forward(self, x: Any) -> Any:
        """Give x with the axes put together."""
        x = as_tensor(x, "Flatten")
        n = x.ndim
        start, end = self.start_axis + n * (self.start_axis < 0), self.end_axis + n * (self.end_axis < 0)
        if not 0 <= start <= end < n:
            raise ValueError(
                f"Flatten: axes {self.start_axis} to {self.end_axis} are not in order in an input of shape {x.shape}"
            )
        shape = x.shape
        return x.reshape(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])

    def extra_repr(self) -> str:
        """Give the axes."""
        return f"{self.start_axis}, {self.end_axis}"
