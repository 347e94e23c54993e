"""The dense layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import OPS
from ..ops.dense import affine
from ..tensor import Parameter, apply
from .module import Module
from .options import Rng, drawn, generator, positive

_matmul = OPS["matmul"]


class Linear(Module):
    """A dense layer: x @ weight.T + bias, with weight (out, in) and x (..., in).

    Weight and bias are drawn uniformly from ±1/sqrt(in), as in PyTorch. ``rng`` is a numpy Generator, a seed, or None
    for fresh entropy; two layers made from the same seed are equal twins: hand both one Generator instead.

    >>> layer = Linear(3, 2, rng=0)
    >>> layer.weight.shape, layer(np.ones((4, 3), np.float32)).shape
    ((2, 3), (4, 2))
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, dtype: Any = np.float32, rng: Rng = None
    ) -> None:
        self.in_features = positive(in_features, "in_features", "Linear")
        self.out_features = positive(out_features, "out_features", "Linear")
        draw = generator(rng, "Linear")
        bound = 1.0 / math.sqrt(in_features)
        self.weight = drawn(bound, (out_features, in_features), dtype, draw, "Linear")
        self.bias = drawn(bound, (out_features,), dtype, draw, "Linear") if bias else None

    def forward(self, x: Any) -> Any:
        """Give x @ weight.T + bias."""
        try:
            if self.bias is None:
                return apply(_matmul, (x, self.weight.T))
            return apply(affine, (x, self.weight, self.bias))
        except ValueError:
            shape = np.shape(x)
            if not shape or shape[-1] != self.in_features:
                raise ValueError(
                    f"Linear({self.in_features}, {self.out_features}): the last axis of the input must have length "
                    f"{self.in_features}, got shape {shape}"
                ) from None
            raise

    def extra_repr(self) -> str:
        """Give the sizes."""
        return f"{self.in_features}, {self.out_features}{'' if self.bias is not None else ', bias=False'}"
