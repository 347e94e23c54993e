"""Transforms of functions: grad, vjp, jvp, jacobian, hessian, hvp, checkpoint; and gradients on a recorded graph.

A transform runs the function on fresh tensors, which records its graph, and walks that graph. A transform inside a
function that is itself being transformed records its walk, so that the outer one differentiates through it; each
level differentiates in tensors of its own, so that levels cannot be confused.
"""

from .checkpoint import checkpoint
from .grad import grad, jvp, value_and_grad, vjp
from .gradients import gradients
from .jacobian import hessian, hvp, jacobian
from .select import select

__all__ = ["checkpoint", "grad", "gradients", "hessian", "hvp", "jacobian", "jvp", "select", "value_and_grad", "vjp"]
