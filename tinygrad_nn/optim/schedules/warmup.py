"""Schedules that let the rate rise first: linear warm-up, one cycle; and several schedules one after the other."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..checks import real, whole
from ..optimizer import Optimizer
from .schedule import Schedule


class LinearLR(Schedule):
    """Move the rate linearly from lr * ``start_factor`` to lr * ``end_factor`` in ``total_iters`` steps.

    >>> from tinygrad_nn import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> schedule.step(); optimizer.lr
    0.75
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3.0,
        end_factor: float = 1.0,
        total_iters: int = 5,
        every: str = "epoch",
    ) -> None:
        self.start_factor = real("LinearLR", "start_factor", start_factor, 0)
        self.end_factor = real("LinearLR", "end_factor", end_factor, 0)
        self.total_iters = whole("LinearLR", "total_iters", total_iters)
        super().__init__(optimizer, every)

    def rate(self, base: float, t: int) -> float:
        """Give the rate after t steps."""
        share = min(t, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * share)


class WarmupLR(Schedule):
    """Raise the rate linearly over the first ``warmup`` steps and keep it: lr * min(1, (t + 1) / (warmup + 1)).

    >>> from tinygrad_nn import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = WarmupLR(optimizer, warmup=3)
    >>> schedule.step(); optimizer.lr
    0.5
    """

    def __init__(self, optimizer: Optimizer, warmup: int = 5, every: str = "epoch") -> None:
        self.warmup = whole("WarmupLR", "warmup", warmup)
        super().__init__(optimizer, every)

    def rate(self, base: float, t: int) -> float:
        """Give the rate after t steps."""
        return base * min(1.0, (t + 1) / (self.warmup + 1))


class OneCycleLR(Schedule):
    """Raise the rate to ``max_lr`` and let it fall far below the start, in one cycle (https://arxiv.org/abs/1708.07120).

    As in PyTorch: from max_lr / div_factor to max_lr in the first ``pct_start`` of ``total_steps``, then down to
    max_lr / div_factor / final_div_factor; along a cosine, or linearly (``anneal_strategy="linear"``). Where groups
    have ``momentum`` or ``betas``, it moves the other way, between ``base_momentum`` and ``max_momentum``. With
    ``three_phase`` the rate comes down in two parts, first to where it started. It steps once per batch.

    >>> from tinygrad_nn import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(1.0, requires_grad=True)], lr=0.1, momentum=0.9)
    >>> schedule = OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> optimizer.lr, optimizer.param_groups[0]["momentum"]
    (0.04, 0.95)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        every: str = "batch",
    ) -> None:
        who = "OneCycleLR"
        self.max_lr = real(who, "max_lr", max_lr, 0)
        self.total_steps = whole(who, "total_steps", total_steps)
        self.pct_start = real(who, "pct_start", pct_start, 0, 1)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"{who}: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r:.40}")
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = bool(cycle_momentum)
        self.base_momentum = real(who, "base_momentum", base_momentum, 0, 1)
        self.max_momentum = real(who, "max_momentum", max_momentum, 0, 1)
        self.div_factor = real(who, "div_factor", div_factor, 1)
        self.final_div_factor = real(who, "final_div_factor", final_div_factor, 1)
        self.three_phase = bool(three_phase)
        super().__init__(optimizer, every)

    def _at(self, t: int, low: float, high: float, end: float) -> float:
        """Give what starts at low, rises to high and ends at end, after t steps."""
        last = self.total_steps - 1
        t = min(t, last)  # a loop steps once more, after its last batch
        top = self.pct_start * self.total_steps - 1
        phases = [(top, low, high), (last, high, end)]
        if self.three_phase:
            phases = [(top, low, high), (2 * top, high, low), (last, low, end)]
        begin = 0.0
        for finish, a, b in phases:
            if t <= finish or finish == last:
                share = (t - begin) / (finish - begin) if finish > begin else 1.0
                if self.anneal_strategy == "linear":
                    return a + (b - a) * share
                return b + (a - b) / 2.0 * (1.0 + math.cos(math.pi * share))
            begin = finish
        raise AssertionError("the last phase ends the cycle")

    def rate(self, base: float, t: int) -> float:
        """Give the rate after t steps."""
        low = self.max_lr / self.div_factor
        return self._at(t, low, self.max_lr, low / self.final_div_factor)

    def _apply(self) -> None:
        if self.count > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {self.count} is beyond the cycle of {self.total_steps} steps; "
                f"give total_steps=epochs * batches in an epoch"
            )
        super()._apply()
        if not self.cycle_momentum:
            return
        momentum = self._at(self.count, self.max_momentum, self.base_momentum, self.max_momentum)
        for group in self.optimizer.param_groups:
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            elif "momentum" in group:
                group["momentum"] = momentum


class SequentialLR(Schedule):
    """Follow several schedules of one optimizer one after the other, each from its own beginning.

    ``milestones`` are the steps at which the second, the third, ... begins.

    >>> from tinygrad_nn import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> parts = [WarmupLR(optimizer, warmup=1), LinearLR(optimizer, 1.0, 0.0, total_iters=2)]
    >>> schedule = SequentialLR(optimizer, parts, milestones=[2])
    >>> rates = [optimizer.lr]
    >>> for _ in range(4): schedule.step(); rates.append(optimizer.lr)
    >>> rates
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """

    def __init__(
        self, optimizer: Optimizer, schedules: Iterable[Schedule], milestones: Sequence[int], every: str = "epoch"
    ) -> None:
        self._parts = list(schedules)
        self.milestones = [whole("SequentialLR", "a milestone", m) for m in milestones]
        if not self._parts or len(self.milestones) != len(self._parts) - 1:
            raise ValueError(
                f"SequentialLR: {len(self._parts)} schedules need {max(len(self._parts) - 1, 0)} milestones, "
                f"got {len(self.milestones)}"
            )
        if sorted(set(self.milestones)) != self.milestones:
            raise ValueError(f"SequentialLR: the milestones {self.milestones} must increase")
        for part in self._parts:
            if not isinstance(part, Schedule) or part.needs_metric:
                raise TypeError(
                    f"SequentialLR: cannot follow a {type(part).__name__}; give those that depend on the step only"
                )
            if part.optimizer is not optimizer:
                raise ValueError(f"SequentialLR: {type(part).__name__} belongs to another optimizer")
        super().__init__(optimizer, every)

    def _apply(self) -> None:
        i = bisect_right(self.milestones, self.count)
        part = self._parts[i]
        part.count = self.count - (self.milestones[i - 1] if i else 0)
        part._apply()

    def state_dict(self) -> dict[str, Any]:
        """Give the state, with those of the schedules in it."""
        return {**super().state_dict(), "parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict``; where it does not fit, raise ValueError and change nothing."""
        parts = state.get("parts", ()) if isinstance(state, Mapping) else ()
        if len(parts) != len(self._parts):
            raise ValueError(
                f"SequentialLR.load_state_dict: the state has {len(parts)} schedules, this one {len(self._parts)}"
            )
        before = [part.state_dict() for part in self._parts]
        try:
            for part, inner in zip(self._parts, parts, strict=True):
                part.load_state_dict(inner)
            super().load_state_dict(state)
        except ValueError:
            for part, inner in zip(self._parts, before, strict=True):
                part.load_state_dict(inner)
            raise
