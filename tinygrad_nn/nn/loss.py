"""Losses as modules: they hold the options, a call takes prediction and target."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import functional as F
from .module import Module


class CrossEntropyLoss(Module):
    """Cross entropy from logits: see :func:`tinygrad_nn.nn.functional.cross_entropy`.

    >>> CrossEntropyLoss()([[0.0, 0.0]], [1])
    Tensor(0.69314718)
    """

    weight: Any

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing

    def forward(self, logits: Any, target: Any) -> Any:
        """Give the loss."""
        return F.cross_entropy(logits, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing)

    def extra_repr(self) -> str:
        """Give the options that are not the usual ones."""
        return options(self)


class NLLLoss(Module):
    """Negative log-likelihood from log-probabilities: see :func:`tinygrad_nn.nn.functional.nll_loss`.

    >>> NLLLoss()([[-0.5, -1.0]], [1])
    Tensor(1.)
    """

    weight: Any

    def __init__(self, weight: Any = None, ignore_index: int | None = None, reduction: str = "mean") -> None:
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction

    def forward(self, log_probabilities: Any, target: Any) -> Any:
        """Give the loss."""
        return F.nll_loss(log_probabilities, target, self.weight, self.ignore_index, self.reduction)

    def extra_repr(self) -> str:
        """Give the options that are not the usual ones."""
        return options(self)


class BCELoss(Module):
    """Binary cross entropy from probabilities: see :func:`tinygrad_nn.nn.functional.binary_cross_entropy`.

    >>> BCELoss()([0.5], [1.0])
    Tensor(0.69314718)
    """

    weight: Any

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        self.register_buffer("weight", weight)
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        """Give the loss."""
        return F.binary_cross_entropy(x, target, self.weight, self.reduction)

    def extra_repr(self) -> str:
        """Give the options that are not the usual ones."""
        return options(self)


class BCEWithLogitsLoss(Module):
    """Binary cross entropy from logits: see :func:`tinygrad_nn.nn.functional.binary_cross_entropy_with_logits`.

    >>> BCEWithLogitsLoss()([0.0], [1.0])
    Tensor(0.69314718)
    """

    weight: Any
    pos_weight: Any

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        self.register_buffer("weight", weight)
        self.reduction = reduction
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, x: Any, target: Any) -> Any:
        """Give the loss."""
        return F.binary_cross_entropy_with_logits(x, target, self.weight, self.pos_weight, self.reduction)

    def extra_repr(self) -> str:
        """Give the options that are not the usual ones."""
        return options(self)


class MSELoss(Module):
    """Mean squared error: see :func:`tinygrad_nn.nn.functional.mse_loss`.

    >>> MSELoss()([1.0, 2.0], [1.0, 4.0])
    Tensor(2.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, x: Any, target: Any) -> Any:
        """Give the loss."""
        return F.mse_loss(x, target, self.reduction)

    def extra_repr(self) -> str:
        """Give the options that are not the usual ones."""
        return options(self)


def options(module: Module) -> str:
    """Give the attributes that are set, as keyword arguments; of an array its shape."""
    found = []
    for k, v in vars(module).items():
        if k.startswith("_") or k == "training" or v is None or (k == "reduction" and v == "mean"):
            continue
        if k == "label_smoothing" and not v:
            continue
        found.append(f"{k}=array of shape {v.shape}" if isinstance(v, np.ndarray) else f"{k}={v!r}")
    return ", ".join(found)
