"""The base of the optimizers: parameter groups, their options, the state of each parameter, the walk over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any, ClassVar

import numpy as np
from numpy import ndarray

from ..convert import Foreign, copied, empty
from ..mode import effect, tracing
from .checks import Check, at_least, flag
from .parameters import grouped, label
from .slot import BLOCK, Slot

#: What a group may hold beside its options. Schedules keep the rate that they started from as "initial_lr".
EXTRA = ("params", "name", "initial_lr")


class Optimizer:
    """What all optimizers share: p <- p - lr * direction, where each optimizer says what the direction is.

    ``params`` are leaf tensors that need a gradient, or groups of them: dicts with ``params`` and options of their own
    (``lr`` and so on), which stand in ``param_groups`` and may be changed between steps. A tensor without a gradient is
    left out of a step. With ``lr`` 0 no parameter changes in any bit. With ``maximize`` the loss is climbed: gradients
    count with the other sign. Updates are written in place.
    """

    #: Options with their checks; subclasses add their own.
    _checks: ClassVar[Mapping[str, Check]] = {
        "lr": at_least(0),
        "weight_decay": at_least(0),
        "maximize": flag,
    }
    #: How many scratch arrays ``_direction`` needs.
    _scratch = 0
    #: Whether ``step`` needs a function that computes the loss again.
    needs_closure = False

    param_groups: list[dict[str, Any]]

    def __init__(self, params: Any, **defaults: Any) -> None:
        self._who = type(self).__name__
        self._defaults = defaults
        self.param_groups = []
        self._slots: list[list[Slot]] = []
        self._pool: dict[Any, list[ndarray[Any, Any]]] = {}
        self._add([self._checked(group) for group in grouped(params, self._who)])

    # -- what a subclass says ---------------------------------------------------------------------------------------

    def _check_group(self, group: dict[str, Any]) -> None:
        """Raise where the options of a group contradict each other."""

    def _arrays(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Name the arrays of a parameter's shape that are kept for each parameter; they start at 0."""
        return ()

    def _fill(self, group: dict[str, Any], name: str) -> float:
        """Give the number that an array starts with."""
        return 0.0

    def _is_decoupled(self, group: dict[str, Any]) -> bool:
        """Tell whether weight decay shrinks the parameter itself instead of adding to the gradient."""
        return False

    def _factors(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        """Count a step in the state of a parameter and give the numbers that ``_direction`` takes."""
        return ()

    def _direction(self, g: Any, arrays: Any, factors: Any, scratch: Any) -> Any:
        """Update the arrays and give the direction: g itself, an array or a scratch array. g is not written to."""
        raise NotImplementedError(f"{type(self).__name__}: write its _direction method")

    # -- groups -----------------------------------------------------------------------------------------------------

    @property
    def lr(self) -> float:
        """The learning rate of the first group. To set it makes it the rate that later schedules start from."""
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, rate: Any) -> None:
        group = self.param_groups[0]
        group["lr"] = self._checks["lr"](self._who, "lr", rate)
        group.pop("initial_lr", None)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add a group: a dict with ``params`` and options; options that are missing are the optimizer's own.

        >>> from tinygrad_nn import Tensor
        >>> w, b = Tensor([1.0], requires_grad=True), Tensor([0.0], requires_grad=True)
        >>> from tinygrad_nn.optim import SGD
        >>> optimizer = SGD([w], lr=0.1)
        >>> optimizer.add_param_group({"params": [b], "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        if not isinstance(group, Mapping):
            raise TypeError(f"{self._who}: a group is a dict with 'params', got {type(group).__name__}")
        self._add([self._checked(g) for g in grouped([group], self._who)])

    def _checked(self, group: dict[str, Any]) -> dict[str, Any]:
        """Give a group with all its options, checked."""
        unknown = [k for k in group if k not in self._checks and k not in EXTRA]
        if unknown:
            raise ValueError(f"{self._who}: unknown option {unknown[0]!r} in a group; known: {', '.join(self._checks)}")
        full = {**self._defaults, **group}
        for name, check in self._checks.items():
            full[name] = check(self._who, name, full[name] if name != "maximize" else full.get(name, False))
        self._check_group(full)
        return full

    def _add(self, groups: list[dict[str, Any]]) -> None:
        seen = {id(p) for known in self.param_groups for p in known["params"]}
        for group in groups:
            for i, p in enumerate(group["params"]):
                if id(p) in seen:
                    raise ValueError(f"{self._who}: {label(p, i)} is given twice; give every parameter once")
                seen.add(id(p))
        self.param_groups += groups
        self._slots += [[Slot(p) for p in group["params"]] for group in groups]
        self._pool.clear()
        for slot in self._every():
            slot.dtype = None  # to be fitted anew: a larger parameter needs larger scratch arrays

    def _every(self) -> Iterable[Slot]:
        return (slot for slots in self._slots for slot in slots)

    # -- a step -----------------------------------------------------------------------------------------------------

    @effect
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, and give what ``closure``, called first if given, returns.

        Raises ValueError, before anything is changed, where a group's rate has become negative, NaN or infinite.
        """
        result = closure() if closure is not None else None
        for group in self.param_groups:
            if not 0.0 <= group["lr"] < inf:
                raise ValueError(f"{self._who}: lr must be finite and at least 0, got {group['lr']!r:.60}")
        update = self._update
        for group, slots in zip(self.param_groups, self._slots, strict=True):
            lr = float(group["lr"])
            decay, shrink = group["weight_decay"], 1.0
            if decay and self._is_decoupled(group):
                decay, shrink = 0.0, 1.0 - lr * decay
            maximize = group.get("maximize", False)
            names = self._arrays(group)
            for slot in slots:
                p = slot.parameter
                g = p._grad
                if g is None:
                    continue
                if maximize:
                    g = np.negative(g)
                a = p._own()
                if a.dtype is not slot.dtype or names != slot.names:
                    self._fit(slot, a, group, names)
                if names:
                    slot.set_factors(self._factors(group, slot.state))
                if lr != slot.lr:
                    slot.lr = lr
                    slot.rate = None if not lr else lr if slot.foreign else np.array(lr, a.dtype)
                if slot.pieces is None:
                    update(a, g, slot.arrays, slot.numbers, slot.scratch, slot.rate, decay, shrink)
                else:
                    for index, scratch in slot.pieces:
                        arrays = [x[index] for x in slot.arrays]
                        update(a[index], g[index], arrays, slot.numbers, scratch, slot.rate, decay, shrink)
        return result

    def _update(
        self, a: Any, g: Any, arrays: Any, numbers: Any, scratch: Any, rate: Any, decay: float, shrink: float
    ) -> None:
        """Move a parameter, or a block of it. Rate and numbers are 0-d arrays; no rate stands for 0."""
        own = scratch[0]
        if decay:
            np.multiply(a, decay, own)
            g = np.add(own, g, own)
        d = self._direction(g, arrays, numbers, scratch)
        if rate is not None:
            if shrink != 1.0:
                np.multiply(a, shrink, a)
            np.multiply(d, rate, own)
            np.subtract(a, own, a)

    def _fit(self, slot: Slot, a: ndarray[Any, Any], group: dict[str, Any], names: tuple[str, ...]) -> None:
        """Give a slot the arrays that it needs for a parameter of this dtype and shape."""
        key = (a.dtype, str(a.device), type(a)) if isinstance(a, Foreign) else a.dtype
        if key not in self._pool:
            size = max(slot.block_size(BLOCK) for slot in self._every())
            self._pool[key] = [empty(size, a.dtype, a) for _ in range(1 + self._scratch)]
        for name in names:
            if name not in slot.state:
                slot.state[name] = np.full_like(a, self._fill(group, name))
        slot.fit(a, names, self._pool[key], BLOCK)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: their ``grad`` is None again."""
        if tracing() is not None:
            for slot in self._every():
                slot.parameter.zero_grad()
            return
        for slot in self._every():
            slot.parameter._grad = None

    # -- state ------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Give a copy of the state of every parameter, by its number, and of the options of every group."""
        state: dict[int, dict[str, Any]] = {}
        groups = []
        number = 0
        for group, slots in zip(self.param_groups, self._slots, strict=True):
            for i, slot in enumerate(slots, number):
                if slot.state:
                    state[i] = {k: copied(v) if hasattr(v, "shape") else v for k, v in slot.state.items()}
            numbers = list(range(number, number + len(slots)))
            groups.append({**{k: v for k, v in group.items() if k != "params"}, "params": numbers})
            number += len(slots)
        return {"kind": self._who, "state": state, "param_groups": groups}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict``; raise one ValueError where it does not fit, and change nothing then."""
        who = f"{self._who}.load_state_dict"
        try:
            kind, saved, groups = state["kind"], state["state"], list(state["param_groups"])
            sizes = [len(group["params"]) for group in groups]
            saved = {int(i): dict(entries) for i, entries in saved.items()}
        except (TypeError, KeyError, ValueError, AttributeError) as problem:
            raise ValueError(f"{who}: this is no state of an optimizer ({problem!r:.80})") from None
        if kind != self._who:
            raise ValueError(f"{who}: this is the state of {kind!r:.40}; make that optimizer")
        own = [len(slots) for slots in self._slots]
        if sizes != own:
            raise ValueError(f"{who}: the state has groups of {sizes} parameters, this optimizer has {own}")
        checked = [
            self._checked({**{k: v for k, v in group.items() if k != "params"}, "params": mine["params"]})
            for group, mine in zip(groups, self.param_groups, strict=True)
        ]
        options = [group for group, slots in zip(checked, self._slots, strict=True) for _ in slots]
        slots = list(self._every())
        if extra := [i for i in saved if not 0 <= i < len(slots)]:
            raise ValueError(f"{who}: the state has a parameter {extra[0]}, this optimizer has {len(slots)}")
        states = []
        for i, (slot, group) in enumerate(zip(slots, options, strict=True)):
            try:
                states.append(slot.converted(saved.get(i, {}), self._arrays(group)))
            except ValueError as problem:
                raise ValueError(f"{who}: {label(slot.parameter, i)}: {problem}") from None
        self.param_groups[:] = checked
        for slot, new in zip(slots, states, strict=True):
            slot.state = new
            slot.dtype = None

    def __repr__(self) -> str:
        shown = [k for k in self._checks if k != "maximize" or self.param_groups[0][k]]
        options = ", ".join([f"{k}={self.param_groups[0][k]!r}" for k in shown])
        count = sum(len(slots) for slots in self._slots)
        groups = f" in {len(self.param_groups)} groups" if len(self.param_groups) > 1 else ""
        return f"{self._who}({options}; {count} parameter{'s' * (count != 1)}{groups})"
