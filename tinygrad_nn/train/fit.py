"""Train a model: ``tg.fit``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from ..compile import compile as compiled_form
from ..files import Path
from ..mode import enable_grad
from ..optim import Adam, Optimizer, clip_grad_norm, clip_grad_value
from ..optim.checks import real, whole
from ..optim.schedules import Schedule
from ..parallel import ALONE, Flat, World
from ..tensor import Tensor
from .batches import ArraySource, Batch, Source, is_arrays, source_of
from .blame import NonFiniteLoss, blame
from .callbacks import callbacks_of
from .evaluate import SIZE, Metrics, Totals, checked_size, measure, metrics_of, number
from .history import History
from .interrupt import Interrupt
from .losses import Scorer, resolve
from .model import Recorded, average_buffers, mode, named_parameters, recorded
from .progress import Progress
from .run import Run

WHO = "fit"


def fit(
    model: Any,
    loss: Any,
    train: Any,
    validation: Any = None,
    *,
    epochs: int = 10,
    batch_size: int | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    metrics: str | Callable[[Any, Any], Any] | Iterable[Any] | Mapping[str, Any] | None = None,
    record: Iterable[tuple[str, Any]] = (),
    callbacks: Any = (),
    progress: bool = True,
    rng: np.random.Generator | int | None = None,
    shuffle: bool = True,
    accumulate: int = 1,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    resume: Path | None = None,
    world: World = ALONE,
    compile: bool = False,
) -> History:
    """Train a model and give the history: ``history["loss"]``, ``["accuracy"]``, ``["val_loss"]``, ``["lr"]`` ...

    ``loss`` is a function of output and target, a loss module, or the name of a loss in ``nn.functional``; ``train``
    and ``validation`` are (X, y), a dataset or a loader. ``batch_size`` is 32 unless given (a loader has its own), with
    a new order drawn from ``rng`` each epoch unless ``shuffle=False``. The optimizer is Adam unless given; a schedule
    steps once per epoch, or per batch if it was made so. Accuracy is watched where the loss and the targets tell that
    these are classes. ``metrics`` are functions of all outputs and targets of an epoch, or names. ``record`` watches
    single weights: ("0.weight", (2, 3)). ``accumulate`` batches make one step, with the gradient of their mean;
    ``clip_norm`` and ``clip_value`` clip it. ``callbacks`` are functions of the run, EarlyStopping, Checkpoint;
    ``resume`` goes on from a Checkpoint's file. The same seed gives the same bits. ``world`` are the processes that
    share each batch (``parallel.world()`` under MPI); all of them call ``fit`` alike, and make the same steps. With
    ``compile`` the batches after the first run as :func:`tinygrad_nn.compile` writes them, forward and backward.

    Ctrl-C ends the training after the batch at hand and gives the history so far (``history.stopped``). Input that
    cannot work raises TypeError or ValueError before anything changes, and a loss that is NaN or infinite raises
    NonFiniteLoss, which names the epoch, the batch and the culprit.

    >>> from tinygrad_nn import nn, optim
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = nn.Linear(1, 1, dtype=float, rng=0)
    >>> sgd = optim.SGD(model.parameters(), lr=0.1)
    >>> history = fit(model, "mse_loss", (X, 3 * X), epochs=200, optimizer=sgd, progress=False)
    >>> len(history["loss"]), model.weight.item()
    (200, 3.00)
    """
    if not callable(model):
        raise TypeError(f"{WHO}: the model must be a Module or a function, got {type(model).__name__}")
    if isinstance(model, type):
        raise TypeError(f"{WHO}: the model is the class {model.__name__}; make an object of it")
    if not isinstance(compile, bool):
        raise TypeError(f"{WHO}: compile takes True or False, got {compile!r:.60}")
    function = resolve(loss, WHO)
    epochs = whole(WHO, "epochs", epochs, 0)
    size = checked_size(batch_size, WHO)
    accumulate = whole(WHO, "accumulate", accumulate)
    generator = _generator(rng)
    sources = {"train": source_of(train, size, WHO, "training data", generator if shuffle else None)}
    if validation is not None:
        large = max(size or 0, SIZE) if is_arrays(validation) else None
        sources["validation"] = source_of(validation, large, WHO, "validation data", None)
        _check_alike(sources["train"], sources["validation"])
    optimizer, schedule = _optimizer(model, optimizer, schedule)
    clips = {
        "max_norm": None if clip_norm is None else real(WHO, "clip_norm", clip_norm, 0),
        "clip_value": None if clip_value is None else real(WHO, "clip_value", clip_value, 0),
    }
    if optimizer.needs_closure and any(limit is not None for limit in clips.values()):
        raise ValueError(f"{WHO}: {type(optimizer).__name__} needs the exact gradient; leave clipping out")
    watched = recorded(model, record, WHO)
    if not isinstance(world, World):
        raise TypeError(f"{WHO}: world must be what parallel.world() gives, got {type(world).__name__}")
    for source in sources.values():
        source.world = world
    run = Run(model, optimizer, schedule, epochs, generator, sources, callbacks_of(callbacks, WHO), world)
    loop = Loop(run, function, metrics_of(metrics, WHO), watched, accumulate, clips, compile)
    if resume is not None and world.rank == 0:
        run.resume(resume)
    if world.size > 1:
        run.agree()
    loop.train(sources["train"], sources.get("validation"), progress and world.rank == 0)
    return run.history


def _generator(rng: Any) -> np.random.Generator:
    if isinstance(rng, bool | str | float | np.random.RandomState):
        raise TypeError(f"{WHO}: rng takes a numpy Generator, a seed or None, got {rng!r:.60}")
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as problem:
        raise type(problem)(f"{WHO}: rng takes a numpy Generator, a seed or None: {problem}") from None


def _check_alike(train: Source, validation: Source) -> None:
    if isinstance(train, ArraySource) and isinstance(validation, ArraySource):
        a, b = ([x.shape[1:] for x in source.arrays] for source in (train, validation))
        if a != b:
            raise ValueError(
                f"{WHO}: a training sample has arrays of shapes {', '.join(map(str, a))}, "
                f"one of validation {', '.join(map(str, b))}; make them alike"
            )


def _optimizer(model: Any, optimizer: Any, schedule: Any) -> tuple[Optimizer, Schedule | None]:
    """Check optimizer and schedule against each other and the model; make Adam where none is given."""
    if schedule is not None and not isinstance(schedule, Schedule):
        raise TypeError(f"{WHO}: the schedule must be one of optim.schedules, got {type(schedule).__name__}")
    if optimizer is None and schedule is not None:
        optimizer = schedule.optimizer
    if optimizer is None:
        if not hasattr(model, "parameters"):
            raise TypeError(f"{WHO}: a model without parameters() needs optimizer=, made from the tensors to train")
        trainable = [p for p in model.parameters() if p.requires_grad]
        if not trainable:
            raise ValueError(f"{WHO}: the model has no parameters to train")
        optimizer = Adam(trainable)
    if not isinstance(optimizer, Optimizer):
        got = f"the class {optimizer.__name__}" if isinstance(optimizer, type) else type(optimizer).__name__
        raise TypeError(f"{WHO}: the optimizer must be one of optim, optim.SGD(model.parameters(), lr=...), got {got}")
    if schedule is not None and schedule.optimizer is not optimizer:
        raise ValueError(f"{WHO}: the schedule was made for another optimizer")
    own = {id(p) for p in named_parameters(model).values()}
    if own and not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(f"{WHO}: the optimizer holds no parameter of this model; make it from model.parameters()")
    return optimizer, schedule


class Loop:
    """The loop over epochs and batches."""

    def __init__(
        self,
        run: Run,
        loss: Callable[[Any, Any], Any],
        metrics: Metrics,
        watched: list[Recorded],
        accumulate: int,
        clips: Mapping[str, float | None],
        compile: bool,
    ) -> None:
        self.run = run
        self.loss = loss
        self.metrics = metrics
        self.watched = watched
        self.accumulate = accumulate
        self.clips = clips
        self.params = [p for group in run.optimizer.param_groups for p in group["params"]]
        self.scorers = Scorer(loss), Scorer(loss)
        self.flat = Flat(self.params)
        self.bar = Progress(False, 0, 0, None)
        self.interrupt = Interrupt()
        self.agreed = False
        self.batch = 0
        self.checked = False
        self.compiled = compiled_form(self.backward) if compile else None

    def train(self, train: Source, validation: Source | None, progress: bool) -> None:
        """Train until the last epoch is done or something ends it."""
        run = self.run
        callbacks = run._callbacks
        self.bar = Progress(progress, run.epochs, run.epoch, train.samples)
        try:
            with self.interrupt as interrupt, enable_grad():
                try:
                    for callback in callbacks:
                        callback.begin(run)
                    while run.epoch < run.epochs and not run.stopped:
                        if not self.epoch(train, validation):
                            break
                        for callback in callbacks:
                            callback.epoch(run)
                        if self.ending():
                            break
                except KeyboardInterrupt:
                    interrupt.asked = self.agreed = True
                if self.ending():
                    run.stop("interrupted by Ctrl-C")
                for callback in callbacks:
                    callback.end(run)
        finally:
            self.bar.close()
            run.history.stopped = run.stopped

    def ending(self) -> bool:
        """Tell whether Ctrl-C ends the training here: on several ranks, when all of them know of it."""
        return self.agreed if self.run.world.size > 1 else self.interrupt.asked

    def epoch(self, train: Source, validation: Source | None) -> bool:
        """Train for one epoch and add its row to the history; tell whether it was finished."""
        run, schedule = self.run, self.run.schedule
        self.bar.epoch(run.epoch + 1)
        self.batch = 0
        totals = Totals(self.scorers[0], self.metrics, run.world)
        with mode(run.model, training=True):
            for group in _groups(train.batches(), self.accumulate):
                self.step(group, totals, train)
                if schedule is not None and schedule.every == "batch":
                    schedule.step()
                if self.ending():
                    return False
        row = totals.row()
        average_buffers(run.model, run.world)
        if validation is not None:
            held_out = Totals(self.scorers[1], self.metrics, run.world)
            row |= measure(run.model, self.loss, validation, held_out, WHO).row("val_")
        lr = run.optimizer.param_groups[0].get("lr")
        if lr is not None:
            row["lr"] = float(lr)
        row |= {r.key: r.read() for r in self.watched}
        for name, value in row.items():
            if not isinstance(value, float | int):
                raise TypeError(
                    f"{WHO}: the metric {name!r} gave {type(value).__name__}; one number per epoch is needed"
                )
        run.history.append(row)
        run.row = row
        run.epoch += 1
        if schedule is not None and schedule.every == "epoch":
            schedule.step(*([row.get("val_loss", row["loss"])] if schedule.needs_metric else []))
        self.bar.finish(row)
        return True

    def step(self, group: tuple[Batch, ...], totals: Totals, train: Source) -> None:
        """Make one step with the gradient of the mean loss of some batches."""
        optimizer = self.run.optimizer
        if optimizer.needs_closure:
            first = [totals]
            optimizer.step(lambda: self.gradients(group, first.pop() if first else None, train))
            return
        self.gradients(group, totals, train)
        if self.clips["max_norm"] is not None:
            clip_grad_norm(self.params, self.clips["max_norm"])
        if self.clips["clip_value"] is not None:
            clip_grad_value(self.params, self.clips["clip_value"])
        optimizer.step()

    def gradients(self, group: tuple[Batch, ...], totals: Totals | None, train: Source) -> float:
        """Compute the gradients of the mean loss of some batches, and give the loss."""
        run, world = self.run, self.run.world
        everything = sum([samples for _, _, samples in group])
        mean = 0.0
        cleared = False
        for inputs, target, samples in group:
            if world.size > 1:
                samples = len(target)  # this rank's part
                if not samples:
                    continue
            share = samples / everything
            if self.compiled is not None and self.checked:
                loss, output = self.compiled(not cleared, share, target, *inputs)
            else:
                output = run.model(*inputs)
                if not self.checked:
                    self.check_labels(output, train)
                loss = self.loss(output, target)
            value = number(loss, WHO)
            self.batch += totals is not None
            if not math.isfinite(value):
                if self.compiled is not None and self.checked:
                    loss = self.loss(run.model(*inputs), target)  # for the graph, which tells the culprit
                raise self.non_finite(loss, value, inputs, target)
            if not self.checked:
                self.check(loss)
            if self.compiled is None or not self.checked:
                if not cleared:
                    run.optimizer.zero_grad()
                _backward(loss, share)
            cleared = True
            mean += value * share
            if totals is not None:
                totals.add(value, output, target, samples)
                self.bar.batch(samples, value)
            del output, loss  # or the next batch would be computed beside this one's arrays
        if world.size > 1:
            if not cleared:
                run.optimizer.zero_grad()
            (asked,) = self.flat.add_up(world, float(self.interrupt.asked))
            # Only what all ranks know ends the training, and a Ctrl-C that has come since then is not forgotten.
            self.agreed = bool(asked)
            if run.optimizer.needs_closure:
                (mean,) = world.sum(mean)
        if not self.checked:
            self.checked = True
            if all(p._grad is None for p in self.params):
                raise ValueError(f"{WHO}: the loss does not depend on any parameter of the optimizer")
        return mean

    def backward(self, clear: bool, share: float, target: Any, *inputs: Any) -> tuple[Any, Any]:
        """Add a share of a batch's gradients to the parameters', cleared first if asked; give loss and output."""
        output = self.run.model(*inputs)
        loss = self.loss(output, target)
        if clear:
            self.run.optimizer.zero_grad()
        _backward(loss, share)
        return loss.detach(), output.detach() if isinstance(output, Tensor) else output

    def check(self, loss: Any) -> None:
        """Raise, before the first step, where no step can work."""
        if not isinstance(loss, Tensor):
            raise TypeError(
                f"{WHO}: the loss gave {type(loss).__name__}, not a Tensor; compute it from the model's output"
            )
        if not loss.requires_grad:
            raise ValueError(f"{WHO}: the loss does not depend on any tensor that requires a gradient")

    def check_labels(self, output: Any, train: Source) -> None:
        """Raise, before the first step, where a label of any batch is out of range."""
        if self.scorers[0].kind != "classes" or not isinstance(train, ArraySource):
            return
        labels, classes = train.arrays[-1], output.shape[1] if output.ndim > 1 else 0
        if labels.dtype.kind in "iu" and labels.shape != (train.samples, *output.shape[1:]):
            bad = ((labels < 0) | (labels >= classes)) & (labels != self.scorers[0].ignored)
            if bad.any():
                at = tuple(np.argwhere(bad)[0].tolist())
                raise ValueError(
                    f"{WHO}: the label {labels[at]} at row {at[0]} of the training data is outside 0 ... {classes - 1} "
                    f"(the model gives {classes} scores)"
                )

    def non_finite(self, loss: Any, value: float, inputs: Any, target: Any) -> NonFiniteLoss:
        """Give the error for a loss that is no number."""
        run = self.run
        named = named_parameters(run.model) or {p.name or str(i): p for i, p in enumerate(self.params)}
        culprit = blame(loss, inputs, target, named.items())
        where = f"batch {self.batch} of epoch {run.epoch + 1}"
        return NonFiniteLoss(
            f"{WHO}: the loss is {value} in {where}: {culprit}", run.epoch + 1, self.batch, run.history
        )


def _backward(loss: Any, share: float) -> None:
    if share == 1.0:
        loss.backward()
    else:
        loss.backward(np.full(loss.shape, share, loss.dtype))


def _groups(batches: Iterator[Batch], count: int) -> Iterator[tuple[Batch, ...]]:
    while group := tuple(islice(batches, count)):
        yield group
