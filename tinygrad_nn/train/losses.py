"""The loss that a training minimizes: a function, a module or a name; and how right predictions are told."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..nn import functional
from .metrics import hits

#: What the outputs are: scores of classes, logits, or probabilities.
KINDS = {
    "cross_entropy": "classes",
    "nll_loss": "classes",
    "CrossEntropyLoss": "classes",
    "NLLLoss": "classes",
    "binary_cross_entropy_with_logits": "logits",
    "BCEWithLogitsLoss": "logits",
    "binary_cross_entropy": "probabilities",
    "BCELoss": "probabilities",
}


def loss_names() -> list[str]:
    """Give the names of the losses in ``nn.functional``."""
    return [name for name in functional.__all__ if "loss" in name or "entropy" in name]


def resolve(loss: Any, who: str) -> Callable[[Any, Any], Any]:
    """Give the loss as a function of output and target, or raise an error that says what to give.

    >>> resolve("mse_loss", "fit") is functional.mse_loss
    True
    """
    if isinstance(loss, str):
        if loss not in loss_names():
            raise ValueError(
                f"{who}: unknown loss {loss!r:.60}; choose one of {', '.join(loss_names())}, or a function"
            )
        return getattr(functional, loss)
    if isinstance(loss, type):
        raise TypeError(f"{who}: the loss is the class {loss.__name__}; write {loss.__name__}() with parentheses")
    if not callable(loss):
        raise TypeError(f"{who}: the loss must be a function of output and target, got {type(loss).__name__}")
    return loss


def kind_of(loss: Any) -> str | None:
    """Tell what the outputs are that a loss takes; None where it is not known."""
    while isinstance(loss, functools.partial):
        loss = loss.func
    known = getattr(functional, getattr(loss, "__name__", ""), None) is loss
    module = type(loss).__module__.startswith(__name__.partition(".")[0])
    return KINDS.get(loss.__name__ if known else type(loss).__name__ if module else "")


class Scorer:
    """Counts right predictions, where the loss and the first batch say that these are classes."""

    def __init__(self, loss: Any) -> None:
        self.kind = kind_of(loss)
        self.ignored = getattr(loss, "ignore_index", None)
        self._threshold = 0.5 if self.kind == "probabilities" else 0.0
        self.active: bool | None = None
        """Whether accuracy makes sense; not known before the first batch."""

    def _decide(self, y: Any, t: Any) -> bool:
        if self.kind is None or self.kind == "classes":
            # Labels under a loss of the user's own: scores of classes if there is one axis more.
            labels = t.dtype.kind in "iub" and y.ndim == t.ndim + 1
            soft = self.kind == "classes" and y.shape == t.shape
            return y.ndim > 1 and (labels or soft) and y.shape[1] > 1
        return bool(t.size) and bool(((t == 0) | (t == 1)).all())

    def count(self, y: Any, t: Any) -> tuple[float, int]:
        """Give how many predictions are right, and how many there are."""
        if self.active is None:
            self.active = self._decide(y, t)
        if not self.active:
            return 0.0, 0
        right = hits(y, t, self.kind in (None, "classes"), self._threshold)
        if right is None:
            self.active = False
            return 0.0, 0
        if self.ignored is not None and t.shape == right.shape:
            counted = t != self.ignored
            return float(np.count_nonzero(right & counted)), int(np.count_nonzero(counted))
        return float(np.count_nonzero(right)), right.size
