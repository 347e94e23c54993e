"""The operations, each declared once beside its derivative; this package never imports Tensor."""

from . import dense, elementwise, exponential, linalg, loss, plain, reduce, shape, sinc, trig

__all__ = ["dense", "elementwise", "exponential", "linalg", "loss", "plain", "reduce", "shape", "sinc", "trig"]
