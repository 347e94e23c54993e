"""Schedules that let the rate fall: in steps, exponentially, with inverse time, along a cosine, by a function."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable

from ..checks import real, whole
from ..optimizer import Optimizer
from .schedule import Schedule


class StepLR(Schedule):
    """Multiply the rate by ``gamma`` every ``step_size`` steps: lr * gamma ** (t // step_size).

    >>> from tinygrad_nn import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = StepLR(optimizer, step_size=2)
    >>> for _ in range(3): schedule.step()
    >>> optimizer.lr
    0.1
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, every: str = "epoch") -> None:
        self.step_size = whole("StepLR", "step_size", step_size)
        self.gamma = real("StepLR", "gamma", gamma, 0)
        super().__init__(optimizer, every)

    def rate(self, base: float, t: int) -> float:
        """Give the rate after t steps."""
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(Schedule):
    """Multiply the rate by ``gamma`` at each of the ``milestones``.

    >>> from tinygrad_nn import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = MultiStepLR(optimizer, [1, 3], gamma=0.5)
    >>> for _ in range(3): schedule.step()
    >>> optimizer.lr
    0.25
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, every: str = "epoch"
    ) -> None:
        self.milestones = sorted(whole("MultiStepLR", "a milestone", m, 0) for m in milestones)
        self.gamma = real("MultiStepLR", "gamma", gamma, 0)
        super().__init__(optimizer, every)

    def rate(self, base: float, t: int) -> float:
        """Give the rate after t steps."""
        return base * self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(Schedule):
    """Multiply the rate by ``gamma`` at every step: lr * gamma ** t.

    >>> from tinygrad_nn import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> ExponentialLR(optimizer, gamma=0.5).step()
    >>> optimizer.lr
    0.5
    """

    def __init__(self, optimizer: Optimizer, gamma: float, every: str = "epoch") -> None:
        self.gamma = real("ExponentialLR", "gamma", gamma, 0)
        super().__init__(optimizer, every)

    def rate(self, base: float, t: int) -> float:
        """Give the rate after t steps."""
        return base * self.gamma**t


class InverseTimeLR(Schedule):
    """Let the rate fall with inverse time: lr / (1 + decay * t).

    >>> from tinygrad_nn import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> InverseTimeLR(optimizer, decay=1.0).step()
    >>> optimizer.lr
    0.5
    """

    def __init__(self, optimizer: Optimizer, decay: float, every: str = "epoch") -> None:
        self.decay = real("InverseTimeLR", "decay", decay, 0)
        super().__init__(optimizer, every)

    def rate(self, base: float, t: int) -> float:
        """Give the rate after t steps."""
        return base / (1.0 + self.decay * t)


class CosineAnnealingLR(Schedule):
    """Let the rate fall from lr to ``eta_min`` along half a cosine of ``T_max`` steps; it rises again after that.

    eta_min + (lr - eta_min) * (1 + cos(pi * t / T_max)) / 2 (Loshchilov and Hutter, https://arxiv.org/abs/1608.03983,
    without restarts)

    >>> from tinygrad_nn import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = CosineAnnealingLR(optimizer, T_max=2)
    >>> schedule.step(); optimizer.lr
    0.5
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, every: str = "epoch") -> None:
        self.T_max = whole("CosineAnnealingLR", "T_max", T_max)
        self.eta_min = real("CosineAnnealingLR", "eta_min", eta_min, 0)
        super().__init__(optimizer, every)

    def rate(self, base: float, t: int) -> float:
        """Give the rate after t steps."""
        return self.eta_min + (base - self.eta_min) * (1.0 + math.cos(math.pi * t / self.T_max)) / 2.0


class LambdaLR(Schedule):
    """Multiply the first rate by what a function of the number of steps gives: lr * factor(t).

    ``factor`` is one function, or a list of one for each group.

    >>> from tinygrad_nn import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> LambdaLR(optimizer, lambda t: 0.9**t).step()
    >>> optimizer.lr
    0.9
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: Callable[[int], float] | Iterable[Callable[[int], float]],
        every: str = "epoch",
    ) -> None:
        groups = len(getattr(optimizer, "param_groups", ()))
        self._factors = [factor] * groups if callable(factor) else list(factor)
        if len(self._factors) != groups:
            raise ValueError(f"LambdaLR: {len(self._factors)} functions for {groups} groups; give one for each")
        super().__init__(optimizer, every)

    def rates(self, t: int) -> list[float]:
        """Give the rates of all groups after t steps."""
        return [base * float(factor(t)) for base, factor in zip(self.base_lrs, self._factors, strict=True)]
