"""What may happen after each epoch: functions of the run, and early stopping."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .model import set_weights, weights

if TYPE_CHECKING:
    from .run import Run

#: Words in the names of numbers of which more is better.
HIGHER_IS_BETTER = ("accuracy", "top_k", "r2")


class Callback:
    """What ``tg.fit`` calls with the run: subclass it and write the methods that are needed.

    ``run`` has ``model``, ``optimizer``, ``schedule``, ``history``, ``epoch`` (how many are done), ``epochs``, ``row``
    (the numbers of this epoch) and ``stop(reason)``. A plain function is called as ``epoch`` is.
    """

    only_watches = False
    """True where the training is the same without it: a resumed run may have it or not."""

    def begin(self, run: Run) -> None:
        """Called before the first epoch."""

    def epoch(self, run: Run) -> None:
        """Called after every epoch."""

    def end(self, run: Run) -> None:
        """Called after the last epoch, also after one that was stopped early or by Ctrl-C."""

    def state_dict(self) -> dict[str, Any]:
        """Give what a resumed run needs: numbers, text and arrays in dicts and lists."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where ``state_dict()`` was taken."""


class _Function(Callback):
    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def epoch(self, run: Run) -> None:
        self._function(run)


def callbacks_of(given: Any, who: str) -> list[Callback]:
    """Give callbacks, in the order in which they are called: those that save what the others did come last."""
    items = [given] if isinstance(given, Callback) or (callable(given) and not isinstance(given, Iterable)) else given
    found = []
    for item in items:
        if isinstance(item, type) or not (isinstance(item, Callback) or callable(item)):
            name = f"the class {item.__name__}" if isinstance(item, type) else type(item).__name__
            raise TypeError(f"{who}: a callback is a function of the run or a Callback, got {name}")
        found.append(item if isinstance(item, Callback) else _Function(item))
    return sorted(found, key=lambda c: getattr(c, "last", False))


class EarlyStopping(Callback):
    """Stop when a number has not got better for ``patience`` epochs, and keep the weights of the best epoch.

    ``monitor`` is by default the validation loss, or the loss where there is no validation. Better is lower by more
    than ``min_delta``, or higher for accuracy, top_k and r2 (or as ``mode``, "min" or "max", says). NaN is not better.
    After the training ``best`` and ``best_epoch`` (from 1) say what was kept; ``restore_best=False`` keeps the last.

    >>> EarlyStopping(patience=3)
    EarlyStopping(patience=3, best=None)
    """

    def __init__(
        self,
        patience: int = 10,
        monitor: str | None = None,
        mode: str | None = None,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise ValueError(f"EarlyStopping: patience must be a whole number above 0, got {patience!r}")
        if mode not in (None, "min", "max"):
            raise ValueError(f"EarlyStopping: mode must be 'min', 'max' or None, got {mode!r:.40}")
        if not 0 <= min_delta < math.inf:
            raise ValueError(f"EarlyStopping: min_delta must be finite and at least 0, got {min_delta!r}")
        self.patience = patience
        self.monitor = monitor
        self.mode = mode
        self.min_delta = float(min_delta)
        self.restore_best = restore_best
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.best_epoch = 0
        self.waited = 0
        self._weights: dict[str, Any] = {}

    def begin(self, run: Run) -> None:
        """Forget an earlier training, unless this one is resumed; stop at once where the resumed one had stopped."""
        if run.epoch == 0:
            self._reset()
        elif self.waited >= self.patience:
            run.stop(self._reason())

    def _reason(self) -> str:
        return f"early stopping: no better than epoch {self.best_epoch} for {self.waited} epochs"

    def epoch(self, run: Run) -> None:
        """Look at the number."""
        name = self.monitor or ("val_loss" if "val_loss" in run.row else "loss")
        if name not in run.row:
            raise ValueError(f"EarlyStopping: {name!r} is not recorded; choose one of {', '.join(run.row)}")
        value = run.row[name]
        highest = self.mode == "max" or (self.mode is None and any(word in name for word in HIGHER_IS_BETTER))
        sign = -1.0 if highest else 1.0
        if not math.isnan(value) and (self.best is None or sign * value < sign * self.best - self.min_delta):
            self.best, self.best_epoch, self.waited = value, run.epoch, 0
            if self.restore_best:
                self._weights = weights(run.model, run.optimizer)
            return
        self.waited += 1
        if self.waited >= self.patience:
            run.stop(self._reason())

    def end(self, run: Run) -> None:
        """Bring back the weights of the best epoch."""
        if self._weights and self.best_epoch != run.epoch:
            set_weights(run.model, run.optimizer, self._weights)

    def state_dict(self) -> dict[str, Any]:
        """Give the best number, its epoch and weights, and how long it has been waited."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "weights": dict(self._weights),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where ``state_dict()`` was taken."""
        self.best, self.best_epoch, self.waited = state["best"], state["best_epoch"], state["waited"]
        self._weights = dict(state["weights"])

    def __repr__(self) -> str:
        return f"EarlyStopping(patience={self.patience}, best={self.best})"
