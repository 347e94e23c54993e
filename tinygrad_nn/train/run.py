"""A training as it goes: what callbacks see, and the state that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..files import Path
from ..optim import Optimizer
from ..optim.schedules import Schedule
from ..parallel import ALONE, World
from ..save import CheckpointError
from .batches import Source
from .callbacks import Callback
from .checkpoint import read
from .history import History
from .model import generators, set_weights, weights


class Run:
    """What a callback may look at and change.

    ``epoch`` is the number of epochs done, ``row`` the numbers of the last one.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Optimizer,
        schedule: Schedule | None,
        epochs: int,
        rng: np.random.Generator,
        sources: Mapping[str, Source],
        callbacks: list[Callback],
        world: World = ALONE,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.schedule = schedule
        self.epochs = epochs
        self.epoch = 0
        self.history = History({"loss": []})
        self.row: dict[str, float] = {}
        self.world = world
        """The processes that train this model together: ``world.rank`` is 0 on the one that writes files."""
        self.stopped = ""
        """Why the training is to end before its last epoch."""
        self._rng = rng
        self._sources = sources
        self._callbacks = callbacks

    def stop(self, reason: str = "stopped by a callback") -> None:
        """End the training after this epoch."""
        self.stopped = self.stopped or reason

    def _stateful(self) -> list[tuple[str, Callback]]:
        return [(type(c).__name__, c) for c in self._callbacks if not c.only_watches]

    def state_dict(self) -> dict[str, Any]:
        """Give all that the rest of the training depends on."""
        return {
            "epoch": self.epoch,
            "history": dict(self.history),
            "weights": weights(self.model, self.optimizer),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule is not None else None,
            "rng": self._rng.bit_generator.state,
            "generators": {path: g.bit_generator.state for path, g in generators(self.model).items()},
            "sources": {role: source.state_dict() for role, source in self._sources.items()},
            "callbacks": [[kind, c.state_dict()] for kind, c in self._stateful()],
        }

    def _load(self, state: Mapping[str, Any]) -> None:
        if (state["schedule"] is None) != (self.schedule is None):
            raise ValueError("one of the two runs has a schedule and the other has none")
        had, has = [kind for kind, _ in state["callbacks"]], [kind for kind, _ in self._stateful()]
        if had != has:
            raise ValueError(f"it had the callbacks {had}, this run has {has}")
        own = generators(self.model)
        if set(own) != set(state["generators"]) or set(self._sources) != set(state["sources"]):
            raise ValueError("it had other random generators in its model, or other data (with or without validation)")
        set_weights(self.model, self.optimizer, state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        self._rng.bit_generator.state = state["rng"]
        for path, g in own.items():
            g.bit_generator.state = state["generators"][path]
        for role, source in self._sources.items():
            source.load_state_dict(state["sources"][role])
        for (_, callback), (_, inner) in zip(self._stateful(), state["callbacks"], strict=True):
            callback.load_state_dict(inner)
        self.history = History(state["history"])
        self.epoch = int(state["epoch"])

    def agree(self) -> None:
        """Take over rank 0's state on the other ranks, and give each its own random numbers for its own samples."""
        world = self.world
        state = world.broadcast(self.state_dict() if world.rank == 0 else None)
        if world.rank:
            self._load(state)
            shared = {id(self._rng), *[id(getattr(s, "rng", None)) for s in self._sources.values()]}
            shared |= {id(getattr(getattr(s, "loader", None), "rng", None)) for s in self._sources.values()}
            for g in {id(g): g for g in generators(self.model).values() if id(g) not in shared}.values():
                g.bit_generator.state = g.bit_generator.jumped(world.rank).state  # type: ignore[attr-defined]

    def resume(self, path: Path) -> None:
        """Take over a checkpoint, or raise CheckpointError and leave everything as it was."""
        state = read(path)
        before = self.state_dict()
        try:
            self._load(state)
        except (ValueError, KeyError, TypeError) as problem:
            self._load(before)
            reason = f"it lacks {problem}" if isinstance(problem, KeyError) else str(problem)
            raise CheckpointError(f"resume: {str(path)!r} does not fit this run: {reason}") from None
