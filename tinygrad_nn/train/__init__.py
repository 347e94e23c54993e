"""Training: ``fit`` and what belongs to it."""

from .blame import NonFiniteLoss
from .callbacks import Callback, EarlyStopping
from .checkpoint import Checkpoint
from .evaluate import evaluate
from .fit import fit
from .history import History
from .metrics import accuracy, confusion_matrix, r2, top_k
from .run import Run

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "NonFiniteLoss",
    "Run",
    "accuracy",
    "confusion_matrix",
    "evaluate",
    "fit",
    "r2",
    "top_k",
]
