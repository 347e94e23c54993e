"""The operations, each declared once beside its derivative; this package never imports Tensor."""

from . import elementwise, linalg, loss, plain, reduce, shape

__all__ = ["elementwise", "linalg", "loss", "plain", "reduce", "shape"]
