"""A schedule that lowers the rate when a number that is watched stops getting better."""

from __future__ import annotations

import math
from typing import Any

from ...mode import effect
from ..checks import real, whole
from ..optimizer import Optimizer
from .schedule import Schedule


class ReduceLROnPlateau(Schedule):
    """Multiply the rates by ``factor`` when the number given to ``step`` has not got better for ``patience`` steps.

    As in PyTorch: better is below best * (1 - threshold) ("rel"), or best - threshold ("abs"); with ``mode="max"``
    above best * (1 + threshold), or best + threshold. After a reduction ``cooldown`` steps do not count; no rate falls
    below ``min_lr``, and changes of less than ``eps`` are left out. NaN is not better. ``tg.fit`` hands it the
    validation loss, or the loss if there is no validation.

    >>> from tinygrad_nn import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]: schedule.step(loss)
    >>> optimizer.lr
    0.1
    """

    _kept = ("best", "bad_steps", "cooling")
    needs_metric = True

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        who = "ReduceLROnPlateau"
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"{who}: mode is 'min' or 'max' and threshold_mode 'rel' or 'abs', got {mode!r} and {threshold_mode!r}"
            )
        self.mode = mode
        self.factor = real(who, "factor", factor, 0)
        if self.factor >= 1:
            raise ValueError(f"{who}: factor must be below 1, got {factor!r}")
        self.patience = whole(who, "patience", patience, 0)
        self.threshold = real(who, "threshold", threshold, 0)
        self.threshold_mode = threshold_mode
        self.cooldown = whole(who, "cooldown", cooldown, 0)
        self.min_lr = real(who, "min_lr", min_lr, 0)
        self.eps = real(who, "eps", eps, 0)
        self.best = math.inf if mode == "min" else -math.inf
        self.bad_steps = 0
        self.cooling = 0
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """Give the rate itself: it depends on what was watched, not on t."""
        return base

    def _apply(self) -> None:
        """Leave the rates as they are: only ``step`` changes them."""

    @effect
    def step(self, metric: Any = None) -> None:
        """Take the number that is watched, and lower the rates if it is time to."""
        if metric is None:
            raise TypeError("ReduceLROnPlateau.step: takes the number that is watched, such as step(val_loss)")
        value = float(metric)
        self.count += 1
        if self._better(value):
            self.best, self.bad_steps = value, 0
        else:
            self.bad_steps += 1
        if self.cooling:
            self.cooling -= 1
            self.bad_steps = 0
        if self.bad_steps <= self.patience:
            return
        self.bad_steps, self.cooling = 0, self.cooldown
        for group in self.optimizer.param_groups:
            lower = max(group["lr"] * self.factor, self.min_lr)
            if group["lr"] - lower > self.eps:
                group["lr"] = lower

    def _better(self, value: float) -> bool:
        sign = 1.0 if self.mode == "min" else -1.0
        if math.isinf(self.best):
            return sign * value < sign * self.best
        margin = self.threshold * (self.best if self.threshold_mode == "rel" else 1.0)
        return sign * value < sign * self.best - margin
