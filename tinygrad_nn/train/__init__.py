"""Training: ``fit`` and what belongs to it."""

from .blame import NonFiniteLoss
from .callbacks import Callback, EarlyStopping
from .checkpoint import Checkpoint
from .evaluate import evaluate
from .fit import fit
from .history import History
from .jsonlines import JSONLines
from .metrics import accuracy, confusion_matrix, r2, top_k
from .run import Run
from .tensorboard import TensorBoard

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "JSONLines",
    "NonFiniteLoss",
    "Run",
    "TensorBoard",
    "accuracy",
    "confusion_matrix",
    "evaluate",
    "fit",
    "r2",
    "top_k",
]
