"""The dense layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import OPS
from ..ops.dense import affine
from ..tensor import Parameter, apply, as_tensor
from .functional.linear import bilinear
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


class Bilinear(Module):
    """x1 @ weight[k] @ x2 + bias[k] for each output k, with weight (out, in1, in2).

    Weight and bias are drawn uniformly from ±1/sqrt(in1), as in PyTorch.

    >>> Bilinear(3, 4, 2, rng=0)(np.ones((5, 3), np.float32), np.ones((5, 4), np.float32)).shape
    (5, 2)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        dtype: Any = np.float32,
        rng: Rng = None,
    ) -> None:
        self.in1_features = positive(in1_features, "in1_features", "Bilinear")
        self.in2_features = positive(in2_features, "in2_features", "Bilinear")
        self.out_features = positive(out_features, "out_features", "Bilinear")
        draw = generator(rng, "Bilinear")
        bound = 1.0 / math.sqrt(in1_features)
        self.weight = drawn(bound, (out_features, in1_features, in2_features), dtype, draw, "Bilinear")
        self.bias = drawn(bound, (out_features,), dtype, draw, "Bilinear") if bias else None

    def forward(self, x1: Any, x2: Any) -> Any:
        """Give the form of the two inputs (..., in1) and (..., in2), which agree in their leading axes."""
        a, b = as_tensor(x1, "Bilinear"), as_tensor(x2, "Bilinear")
        if a.shape[:-1] != b.shape[:-1] or a.shape[-1:] + b.shape[-1:] != (self.in1_features, self.in2_features):
            raise ValueError(
                f"Bilinear: needs inputs (..., {self.in1_features}) and (..., {self.in2_features}) with equal leading "
                f"axes; got shapes {a.shape} and {b.shape}"
            )
        return bilinear(a, b, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Give the sizes."""
        return f"{self.in1_features}, {self.in2_features}, {self.out_features}" + ", bias=False" * (self.bias is None)
