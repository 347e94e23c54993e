"""Measure a model on data: the loss, the accuracy of classifiers, and other metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..convert import on_host
from ..mode import no_grad
from ..parallel import ALONE, World
from ..tensor import Tensor
from .batches import Source, is_arrays, source_of
from .losses import Scorer, resolve
from .metrics import BY_NAME
from .model import mode

#: Samples in a batch where none is asked for: enough to be quick, few enough for small memory.
SIZE = 256

Metrics = Mapping[str, Callable[[Any, Any], Any]]


class Totals:
    """Sums over the batches of an epoch: the loss by samples, right predictions, outputs for further metrics."""

    def __init__(self, scorer: Scorer, metrics: Metrics, world: World = ALONE) -> None:
        self._scorer = scorer
        self._world = world
        self._metrics = metrics
        self._loss = 0.0
        self._samples = 0
        self._right = 0.0
        self._counted = 0
        self._outputs: list[Any] = []
        self._targets: list[Any] = []

    def add(self, loss: float, output: Any, target: Any, samples: int) -> None:
        """Add a batch."""
        self._loss += loss * samples
        self._samples += samples
        y = on_host(output._data if isinstance(output, Tensor) else output)
        t = on_host(target._data if isinstance(target, Tensor) else target)
        right, counted = self._scorer.count(y, t)
        self._right += right
        self._counted += counted
        if self._metrics:
            self._outputs.append(y)
            self._targets.append(t)

    def row(self, prefix: str = "") -> dict[str, Any]:
        """Give the means, and the metrics of all outputs together, over all ranks."""
        active = float(bool(self._scorer.active))
        loss, samples, right, counted, active = self._world.sum(
            self._loss, self._samples, self._right, self._counted, active
        )
        row: dict[str, Any] = {"loss": loss / samples}
        if active:
            row["accuracy"] = right / counted if counted else float("nan")
        if self._metrics:
            y, t = [
                self._world.gather(np.concatenate(parts) if parts else None) for parts in (self._outputs, self._targets)
            ]
            for name, metric in self._metrics.items():
                if name not in row:
                    value = metric(y, t)
                    row[name] = value.item() if isinstance(value, np.generic | np.ndarray) and not value.ndim else value
        return {prefix + name: value for name, value in row.items()}


def metrics_of(given: Any, who: str) -> Metrics:
    """Give metrics by name: ``given`` is None, a name, a function, several of them, or a dict of functions."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        pairs = list(given.items())
    else:
        items = [given] if isinstance(given, str) or callable(given) else list(given)
        pairs = [(m if isinstance(m, str) else getattr(m, "__name__", type(m).__name__), m) for m in items]
    found: dict[str, Callable[[Any, Any], Any]] = {}
    for name, metric in pairs:
        if isinstance(metric, str):
            if metric not in BY_NAME:
                raise ValueError(
                    f"{who}: unknown metric {metric!r:.40}; choose one of {', '.join(BY_NAME)}, or a function"
                )
            metric = BY_NAME[metric]
        if not callable(metric):
            raise TypeError(f"{who}: a metric is a function of outputs and targets, got {type(metric).__name__}")
        if name in found or name in ("loss", "lr"):
            raise ValueError(f"{who}: the metric name {name!r:.40} is taken; give {{name: function}} with another")
        found[name] = metric
    return found


def number(loss: Any, who: str) -> float:
    """Give the value of a loss, or raise an error where it is not one number."""
    if getattr(loss, "size", 1) != 1:
        raise ValueError(f"{who}: the loss has shape {loss.shape}, not one number; take its mean (reduction='mean')")
    try:
        return float(loss)
    except (TypeError, ValueError):
        raise TypeError(f"{who}: the loss gave {type(loss).__name__}, not a number") from None


def measure(model: Any, loss: Any, source: Source, totals: Totals, who: str) -> Totals:
    """Add up all batches of a source, without recording and with the model set to be used."""
    with no_grad(), mode(model, training=False):
        for inputs, target, _ in source.batches():
            if len(target):
                output = model(*inputs)
                totals.add(number(loss(output, target), who), output, target, len(target))
    return totals


def evaluate(
    model: Any,
    loss: Any,
    data: Any,
    *,
    batch_size: int | None = None,
    metrics: str | Callable[[Any, Any], Any] | Iterable[Any] | Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Give the mean loss of a model on data and, for classifiers, the accuracy; further ``metrics`` by name.

    ``data`` is (X, y), a dataset or a loader; ``loss`` a function of output and target, a loss module, or a name of
    ``nn.functional``. The loss of each batch counts by its samples. Nothing is recorded; all modules are set to be used
    and back to what they were. A metric is called once, with all outputs and all targets as arrays. Raises DataError
    for data that are empty or do not fit together.

    >>> from tinygrad_nn import nn
    >>> evaluate(nn.Identity(), "cross_entropy", ([[2.0, 0.0], [2.0, 0.0]], [0, 1]))
    {'loss': 1.126928011042973, 'accuracy': 0.5}
    """
    who = "evaluate"
    if not callable(model):
        raise TypeError(f"{who}: the model must be a Module or a function, got {type(model).__name__}")
    function = resolve(loss, who)
    totals = Totals(Scorer(function), metrics_of(metrics, who))
    size = SIZE if batch_size is None and is_arrays(data) else batch_size
    return measure(model, function, source_of(data, checked_size(size, who), who, "data", None), totals, who).row()


def checked_size(size: Any, who: str) -> int | None:
    """Check a batch size; None leaves it open."""
    if size is None:
        return None
    if isinstance(size, bool) or not hasattr(size, "__index__"):
        raise TypeError(f"{who}: batch_size must be a whole number, got {size!r:.60}")
    if size.__index__() < 1:
        raise ValueError(f"{who}: batch_size must be at least 1, got {size!r:.60}")
    return int(size.__index__())
