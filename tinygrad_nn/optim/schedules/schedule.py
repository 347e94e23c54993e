"""The base of the schedules of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...mode import effect
from ..optimizer import Optimizer

PERIODS = ("epoch", "batch")


class Schedule:
    """What all schedules share: a rate for every group of an optimizer, set when it is made and at every ``step()``.

    A schedule starts from the rates that the optimizer has when its first schedule is made. ``count`` is the number of
    steps so far. ``tg.fit`` calls ``step`` once per epoch, or once per batch for a schedule with ``every="batch"``.
    """

    _who = "schedule"
    #: What the state consists of besides the count and the rates.
    _kept: tuple[str, ...] = ()
    #: Whether ``step`` takes the number that is watched.
    needs_metric = False

    def __init__(self, optimizer: Optimizer, every: str = "epoch") -> None:
        self._who = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{self._who}: takes an optimizer first, got {type(optimizer).__name__}")
        if "lr" not in optimizer.param_groups[0]:
            raise TypeError(f"{self._who}: {type(optimizer).__name__} has no learning rate to change")
        if every not in PERIODS:
            raise ValueError(f"{self._who}: every must be 'epoch' or 'batch', got {every!r:.40}")
        self.optimizer = optimizer
        self.every = every
        self.count = 0
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self._apply()

    def rate(self, base: float, t: int) -> float:
        """Give the rate after t steps for a group that started at ``base``."""
        raise NotImplementedError(f"{type(self).__name__}: write its rate method")

    def rates(self, t: int) -> list[float]:
        """Give the rates of all groups after t steps."""
        return [self.rate(base, t) for base in self.base_lrs]

    def _apply(self) -> None:
        """Set the rates of the groups for the present count."""
        groups = self.optimizer.param_groups
        if len(groups) != len(self.base_lrs):
            raise ValueError(
                f"{self._who}: the optimizer has {len(groups)} groups now and had {len(self.base_lrs)}; "
                f"make the schedule after the last add_param_group"
            )
        rates = self.rates(self.count)
        for rate in rates:
            if not 0.0 <= rate < math.inf:
                raise ValueError(f"{self._who}: gives the rate {rate!r:.40} after {self.count} steps; it must be >= 0")
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate

    @effect
    def step(self) -> None:
        """Move on by one: set the next rates."""
        self.count += 1
        self._apply()

    @property
    def lr(self) -> float:
        """The present rate of the first group."""
        return self.optimizer.lr

    def state_dict(self) -> dict[str, Any]:
        """Give the state: numbers in dicts and lists."""
        return {
            "kind": self._who,
            "count": self.count,
            "base_lrs": list(self.base_lrs),
            **{name: getattr(self, name) for name in self._kept},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict``; the rates themselves belong to the optimizer's state.

        Raises ValueError for the state of another kind of schedule or of other groups, and changes nothing then.
        """
        who = f"{self._who}.load_state_dict"
        if not isinstance(state, Mapping) or state.get("kind") != self._who:
            kind = state.get("kind") if isinstance(state, Mapping) else type(state).__name__
            raise ValueError(f"{who}: needs the state of {self._who}, got that of {kind!r:.40}")
        if missing := [name for name in ("count", "base_lrs", *self._kept) if name not in state]:
            raise ValueError(f"{who}: the state lacks {missing[0]!r}")
        if len(state["base_lrs"]) != len(self.base_lrs):
            raise ValueError(
                f"{who}: the state has {len(state['base_lrs'])} groups, the optimizer has {len(self.base_lrs)}"
            )
        self.count = int(state["count"])
        self.base_lrs = [float(base) for base in state["base_lrs"]]
        for name in self._kept:
            setattr(self, name, state[name])

    def __repr__(self) -> str:
        hidden = ("optimizer", "every", "base_lrs", "count")
        options = [f"{k}={v!r}" for k, v in vars(self).items() if k not in hidden and not k.startswith("_")]
        return f"{self._who}({', '.join([*options, f'every={self.every!r}'])}; {self.count} steps, lr={self.lr:g})"
