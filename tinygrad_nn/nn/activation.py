"""Activations as modules."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module


class ReLU(Module):
    """max(x, 0).

    >>> ReLU()([-1.0, 2.0])
    Tensor([0., 2.])
    """

    forward = staticmethod(F.relu)


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    >>> Sigmoid()(0.0)
    Tensor(0.5)
    """

    forward = staticmethod(F.sigmoid)


class Tanh(Module):
    """The hyperbolic tangent.

    >>> Tanh()(0.0)
    Tensor(0.)
    """

    forward = staticmethod(F.tanh)


class Softmax(Module):
    """exp(x) / sum(exp(x)) along an axis.

    >>> Softmax()([0.0, 0.0])
    Tensor([0.5, 0.5])
    """

    def __init__(self, axis: int | tuple[int, ...] | None = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """Give the probabilities."""
        return F.softmax(x, self.axis)

    def extra_repr(self) -> str:
        """Give the axis."""
        return f"axis={self.axis}"


class LogSoftmax(Softmax):
    """log(softmax(x)) along an axis.

    >>> LogSoftmax()([0.0, 1000.0])
    Tensor([-1000., 0.])
    """

    def forward(self, x: Any) -> Any:
        """Give the logarithms of the probabilities."""
        return F.log_softmax(x, self.axis)
