"""tinygrad_nn: NumPy that remembers. Reverse-mode automatic differentiation, neural networks, pictures, checks.

Unrelated to the project called tinygrad.
"""

from . import data, nn, op, optim, parallel, plots, train
from .check import (
    AnomalyError,
    BroadcastError,
    BroadcastWarning,
    Explanation,
    GradientError,
    check_graph,
    detect_anomaly,
    gradcheck,
    lint,
    lint_broadcasts,
    why,
)
from .collector import collect_less_often
from .compile import TraceError, compile, to_source
from .data import DataError
from .draw import Drawing, DrawingError, RendererNotFound, RenderError, draw, explore, table
from .inspection import Difference, Kept, Memory, MemoryBudgetWarning, diff, memory, memory_budget
from .malloc import keep_pages
from .mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .onnx import ExportError, export_onnx
from .save import CheckpointError, load, save
from .tensor import Parameter, Tensor
from .train import History, NonFiniteLoss, evaluate, fit
from .transforms import checkpoint, grad, gradients, hessian, hvp, jacobian, jvp, select, value_and_grad, vjp
from .walk import ChangedError, GraphFreedError

keep_pages()
collect_less_often()

__version__ = "0.1.0"
__all__ = [
    "AnomalyError",
    "BroadcastError",
    "BroadcastWarning",
    "ChangedError",
    "CheckpointError",
    "DataError",
    "Difference",
    "Drawing",
    "DrawingError",
    "Explanation",
    "ExportError",
    "GradientError",
    "GraphFreedError",
    "History",
    "Kept",
    "Memory",
    "MemoryBudgetWarning",
    "NonFiniteLoss",
    "Parameter",
    "RenderError",
    "RendererNotFound",
    "Tensor",
    "TraceError",
    "check_graph",
    "checkpoint",
    "compile",
    "data",
    "detect_anomaly",
    "diff",
    "draw",
    "enable_grad",
    "evaluate",
    "explore",
    "export_onnx",
    "fit",
    "grad",
    "gradcheck",
    "gradients",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "lint",
    "lint_broadcasts",
    "load",
    "memory",
    "memory_budget",
    "nn",
    "no_grad",
    "op",
    "optim",
    "parallel",
    "plots",
    "save",
    "select",
    "set_grad_enabled",
    "table",
    "to_source",
    "train",
    "value_and_grad",
    "vjp",
    "why",
]
