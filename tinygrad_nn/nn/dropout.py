"""Dropout layers: they work in training only."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .functional.dropout import probability
from .module import Module
from .options import Rng, generator


class Dropout(Module):
    """Set each element to 0 with probability p and divide the others by 1 - p; in use pass x on.

    Masks are drawn from ``rng`` (a Generator, a seed, or None for fresh entropy), anew at every call.

    >>> Dropout(0.5, rng=0)([1.0, 1.0, 1.0, 1.0])
    Tensor([2., 2., 2., 0.])
    >>> Dropout(0.5).eval()([1.0, 1.0])
    Tensor([1., 1.])
    """

    def __init__(self, p: float = 0.5, rng: Rng = None) -> None:
        self.p = probability(p, type(self).__name__)
        self.rng = generator(rng, type(self).__name__)

    def forward(self, x: Any) -> Any:
        """Give x with a new mask."""
        return F.dropout(x, self.p, self.training, self.rng)

    def extra_repr(self) -> str:
        """Give p."""
        return f"p={self.p}"


class ChannelDropout(Dropout):
    """Set whole channels of (N, C, ...) to 0 with probability p: PyTorch's Dropout1d, 2d and 3d.

    >>> import numpy as np
    >>> ChannelDropout(0.5, rng=0)(np.ones((1, 4, 2)))[0, :, 0]
    Tensor([2., 2., 2., 0.])
    """

    def forward(self, x: Any) -> Any:
        """Give x with a new mask."""
        return F.channel_dropout(x, self.p, self.training, self.rng)


class Dropout1d(ChannelDropout):
    """Channel dropout of (N, C, L)."""


class Dropout2d(ChannelDropout):
    """Channel dropout of images (N, C, H, W)."""
