"""tinygrad_nn: NumPy that remembers. Reverse-mode automatic differentiation, neural networks, pictures, checks.

Unrelated to the project called tinygrad.
"""

from . import op
from .mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .tensor import Parameter, Tensor
from .walk import GraphFreedError

__version__ = "0.1.0"
__all__ = [
    "GraphFreedError",
    "Parameter",
    "Tensor",
    "enable_grad",
    "is_grad_enabled",
    "no_grad",
    "op",
    "set_grad_enabled",
]
