"""How PyTorch's functions are said with NumPy's on tensors: torch's name -> a function of torch's arguments."""

from . import elementwise, fourier, indexing, linalg, networks, reduce, shapes
from .says import MAP

__all__ = ["MAP", "elementwise", "fourier", "indexing", "linalg", "networks", "reduce", "shapes"]
