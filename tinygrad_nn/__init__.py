"""tinygrad_nn: NumPy that remembers. Reverse-mode automatic differentiation, neural networks, pictures, checks.

Unrelated to the project called tinygrad.
"""

from . import op
from .mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .tensor import Parameter, Tensor
from .transforms import checkpoint, grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .walk import GraphFreedError

__version__ = "0.1.0"
__all__ = [
    "GraphFreedError",
    "Parameter",
    "Tensor",
    "checkpoint",
    "enable_grad",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "no_grad",
    "op",
    "set_grad_enabled",
    "value_and_grad",
    "vjp",
]
