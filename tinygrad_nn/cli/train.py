"""``tinygrad-nn train``: train a network on real data and write down everything about the run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from .. import draw, evaluate, fit, gradcheck, nn, parallel, plots, save
from ..data import split
from ..draw import RendererNotFound
from ..files import write_atomically
from ..nn import functional
from ..train import Checkpoint, History, JSONLines, TensorBoard, confusion_matrix
from ..train.tensorboard import PREFIX, tensorboardx
from . import saved, settings
from .folder import MARK, REPORT, RunFolder
from .network import dense
from .options import CommandError, whole
from .problems import PROBLEMS, Data, Noisy
from .report import report, table
from .saved import MODEL

HISTORY, LINES, CURVES, GRAPH, GRAPH_TEXT = "history.csv", "history.jsonl", "curves.svg", "graph.svg", "graph.dot"
CHECKPOINT, SETTINGS = "checkpoint.safetensors", "settings.json"
WRITTEN = (MODEL, HISTORY, LINES, CURVES, GRAPH, GRAPH_TEXT, REPORT)
DRAWN = 8  # samples in the step that is drawn
INTERRUPTED = "interrupted by Ctrl-C"  # what a history says then
CHECKED = 32  # samples in the loss whose gradient is checked


def add(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "train",
        help="train a network and write a run folder",
        description="Train a dense network on a set of data, of which a fifth is held out, and write a folder with "
        "the model, its history, its curves, the graph of one step, and a report with the confusion matrix and a check "
        "of the gradients. predict and evaluate use the folder afterwards.",
    )
    about = "; ".join([f"{name}: {problem.about}" for name, problem in PROBLEMS.items() if name != "csv"])
    parser.add_argument("data", nargs="?", choices=[n for n in PROBLEMS if n != "csv"], help=about)
    parser.add_argument("--data", dest="folder", metavar="FOLDER", help="where the IDX files of mnist are")
    parser.add_argument("--csv", metavar="FILE", help="train on a table instead, one sample a row")
    parser.add_argument("--target", metavar="COLUMN", help="the column of the table that is to be told")
    parser.add_argument(
        "--task",
        choices=("auto", "classify", "regress"),
        default="auto",
        help="auto: text and whole numbers are classes, other numbers are numbers",
    )
    settings.add_options(parser)
    parser.add_argument(
        "--checkpoint", type=whole(1), metavar="N", help="keep a checkpoint of every N-th epoch in the run folder"
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="write event files for TensorBoard into the run folder as it goes"
    )
    parser.add_argument(
        "--resume", metavar="RUN", help="go on with a run folder that has a checkpoint, in its settings"
    )
    parser.add_argument(
        "--out", help="the run folder (default: runs/ and the name of the data)", default=argparse.SUPPRESS
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar", default=argparse.SUPPRESS)
    parser.set_defaults(run=run, command="train")


def run(options: argparse.Namespace) -> int:
    """Train, write the folder, print what came out; 1 where the check of the gradients fails."""
    world = parallel.world()
    if options.resume is not None:
        options = _resumed(options)
    _complete(options)
    problem = PROBLEMS[options.data]
    for name, value in vars(problem).items():
        if name not in ("load", "about") and not hasattr(options, name):
            setattr(options, name, value)
    options.out = out = getattr(options, "out", f"runs/{options.data}")
    if options.tensorboard:
        tensorboardx()  # or its absence is told now
    # A rate that is too large overflows on its way to the error that says so.
    with np.errstate(over="ignore", invalid="ignore"):
        if world.rank:
            _fitted(options, world, problem.load(options), [])
            return 0
        before = [] if options.resume else list(Path(out).glob(f"{PREFIX}*"))
        live = (LINES,) if options.checkpoint else (CHECKPOINT, SETTINGS)
        with RunFolder(out, {*WRITTEN} ^ {*live}) as folder:
            lines, passed, stopped = _train(options, world, folder, out)
        for path in before:  # what an earlier run logged is not this model's
            path.unlink(missing_ok=True)
    for line in lines:
        _say(line)
    _say(f"written to {out}: {', '.join(sorted(name for name in WRITTEN if (Path(out) / name).exists()))}")
    if stopped == INTERRUPTED:
        raise KeyboardInterrupt  # what there was so far has been written
    return 0 if passed else 1


def _complete(options: argparse.Namespace) -> None:
    """Check what belongs together: the data by name, or a table and its column."""
    if options.csv is not None:
        if options.data is not None or options.folder is not None:
            raise CommandError("--csv is a set of data of its own; leave the name of the other out")
        if options.target is None:
            raise CommandError("--csv needs --target COLUMN, the column that is to be told")
        options.data = "csv"
    elif options.data is None:
        raise CommandError("nothing to train on: name digits, moons, spiral or mnist, or give --csv and --target")
    elif options.data != "csv" and (options.target is not None or options.task != "auto"):
        raise CommandError("--target and --task belong to --csv")
    if options.folder is not None and options.data != "mnist":
        raise CommandError(f"--data FOLDER belongs to mnist, not to {options.data}")


def _resumed(options: argparse.Namespace) -> argparse.Namespace:
    """Give the settings of an earlier run, with the number of epochs that is asked for now."""
    folder = Path(options.resume)
    if not (folder / SETTINGS).is_file() or not (folder / CHECKPOINT).is_file():
        raise CommandError(f"--resume: {options.resume!r} has no checkpoint; such a run is begun with --checkpoint N")
    try:
        found = settings.restored(json.loads((folder / SETTINGS).read_text(encoding="utf-8")))
        settings.check(found)
        if found.data not in PROBLEMS:
            raise ValueError(f"data is {found.data!r:.60}")
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise CommandError(f"--resume: {SETTINGS} of {options.resume!r} cannot be read: {problem!r:.80}") from None
    more = [f"--{name}" for name in ("out", "csv", "target", "folder") if getattr(options, name, None) is not None]
    more += [name for name in settings.given(options) if name != "--epochs"]
    if options.data is not None or more:
        raise CommandError(
            f"--resume takes data and settings from the run; leave {options.data or more[0]} out (--epochs, "
            f"--checkpoint, --tensorboard and --quiet may be given)"
        )
    if hasattr(options, "epochs"):
        found.epochs = options.epochs
    found.run, found.command = options.run, options.command
    found.resume, found.out = options.resume, options.resume
    found.checkpoint = options.checkpoint or found.checkpoint or 1
    found.tensorboard = options.tensorboard or bool(getattr(found, "tensorboard", False))
    if hasattr(options, "quiet"):
        found.quiet = True
    if found.data == "csv":
        found.data = None  # told by --csv again
    return found


def _begin(options: argparse.Namespace, out: str) -> Path:
    """Make the run folder ours before the training, for what is written there as it goes, and give it."""
    place = Path(out)
    place.mkdir(parents=True, exist_ok=True)
    if not (place / REPORT).exists():
        heading = f"{MARK.decode()}run that has not ended: {settings.command_text(options)}\n"
        write_atomically(place / REPORT, [heading.encode()], "train", OSError)
    if options.checkpoint:
        text = json.dumps(settings.plain(options), indent=1)
        write_atomically(place / SETTINGS, [text.encode()], "train", OSError)
    return place


def _fitted(
    options: argparse.Namespace, world: parallel.World, data: Data, logs: list[Any]
) -> tuple[nn.Sequential, Any, History]:
    """Make the model and train it; give model, loss and history."""
    (X, y), (X_held, y_held) = data.train, data.test
    rng = np.random.default_rng(options.seed)
    sizes = [X.shape[1], *options.hidden, data.classes or y.shape[1]]
    model = dense(
        sizes, options.activation, rng, options.init, options.dropout, options.batch_norm, dtype=options.dtype
    )
    summary = model.summary((2, X.shape[1]))
    if not world.rank:
        _say(_first_line(options, data))
        _say(f"network: {'-'.join(map(str, sizes))}, {options.activation}, {summary.total:,} parameters")
    if options.validation:
        stratify = y if data.classes else None
        (X, y), (X_held, y_held) = split(X, y, test_size=options.validation, rng=0, stratify=stratify)
    X = settings.as_dtype(X, options.dtype)
    held_out = (settings.as_dtype(X_held, options.dtype), _targets(y_held, data, options))
    y = _targets(y, data, options)
    loss: Any = nn.CrossEntropyLoss(label_smoothing=options.label_smoothing) if data.classes else nn.MSELoss()
    optimizer = settings.optimizer_of(options, model.parameters())
    callbacks = [*settings.callbacks_of(options), *logs]
    if options.checkpoint:  # on every rank, since all of them agree on the callbacks; rank 0 writes
        callbacks.append(Checkpoint(Path(options.out) / CHECKPOINT, every=options.checkpoint))
    history = fit(
        model,
        loss,
        Noisy(X, y, options.noise, rng) if options.noise else (X, y),
        held_out,
        epochs=options.epochs,
        batch_size=len(X) if options.optimizer == "lbfgs" else options.batch_size,
        optimizer=optimizer,
        schedule=settings.schedule_of(options, optimizer, settings.steps_of(options, len(X))),
        metrics=[*options.metric, *([] if data.classes or "r2" in options.metric else ["r2"])] or None,
        record=options.record,
        callbacks=callbacks,
        accumulate=options.accumulate,
        clip_norm=options.clip_norm,
        clip_value=options.clip_value,
        progress=not hasattr(options, "quiet"),
        rng=rng,
        compile=options.compile,
        resume=None if options.resume is None else Path(options.resume) / CHECKPOINT,
        world=world,
    )
    if history.stopped == INTERRUPTED and not history["loss"]:
        raise KeyboardInterrupt
    return model.eval(), loss, history


def _targets(y: Any, data: Data, options: argparse.Namespace) -> Any:
    return y if data.classes else settings.as_dtype(y, options.dtype)


def _first_line(options: argparse.Namespace, data: Data) -> str:
    name = Path(options.csv).name if options.csv is not None else options.data
    kind = f"{data.classes} classes" if data.classes else "numbers to tell"
    return f"{name}: {len(data.train[0])} samples to train on, {len(data.test[0])} held out, {kind}"


def _train(options: argparse.Namespace, world: parallel.World, folder: Path, out: str) -> tuple[list[str], bool, str]:
    """Fill the folder; give what is to be printed then, whether the gradients are right, and why it ended early."""
    data = PROBLEMS[options.data].load(options)
    # A checkpoint and what TensorBoard watches are of use in their place only.
    place = _begin(options, out) if options.checkpoint or options.tensorboard else folder
    logs: list[Any] = [JSONLines((place if options.checkpoint else folder) / LINES)]
    if options.tensorboard:
        logs.append(TensorBoard(place))
        _say(f"to watch it: tensorboard --logdir {quote(out)}")
    model, loss, history = _fitted(options, world, data, logs)
    X, y = settings.as_dtype(data.train[0], options.dtype), _targets(data.train[1], data, options)
    X_test, y_test = settings.as_dtype(data.test[0], options.dtype), _targets(data.test[1], data, options)
    plain = functional.cross_entropy if data.classes else functional.mse_loss
    found = evaluate(model, plain, (X_test, y_test), metrics=None if data.classes else ["r2"])
    if data.classes:
        right = round(found["accuracy"] * len(y_test))
        result = f"loss {found['loss']:.4f}, accuracy {100 * found['accuracy']:.2f} % ({right} of {len(y_test)})"
    else:
        result = f"mean squared error {found['loss'] * data.scale**2:.6g}, R² {found['r2']:.4f}"
    for name, p in model.named_parameters():
        p.name = name
    # Smoothed labels keep the loss away from 0, where its differences are rounding and nothing else.
    smooth: dict[str, Any] = {"label_smoothing": 0.1} if data.classes else {}
    checked = gradcheck(
        lambda *_: plain(model(X_test[:CHECKED]), y_test[:CHECKED], **smooth),
        *model.parameters(),
        samples=16,
        raise_error=False,
    )
    verdict = str(checked).partition("\n")[0].removeprefix("gradcheck: ")
    if history.stopped:
        result = f"{result}; {history.stopped}"
    notes = _pictures(model, loss, history, X[:DRAWN], y[:DRAWN], folder)
    sizes = [X.shape[1], *options.hidden, data.classes or y.shape[1]]
    about = f"{data.about}: {len(X)} samples to train on, {len(X_test)} held out"
    extra = [f"drawn by {options.init}"] if options.init != "default" else []
    extra += [f"dropout {options.dropout:g}"] if options.dropout else []
    extra += ["normalized by the batch"] if options.batch_norm else []
    extra += [options.dtype] if options.dtype != "float32" else []
    facts = {
        "data": f"{options.data}, {about}",
        "network": ", ".join([f"{'-'.join(map(str, sizes))}, {options.activation}", *extra]),
        "training": settings.training_text(options),
        "against overfitting": f"noise {options.noise:g} on the inputs, label smoothing {options.label_smoothing:g} "
        f"(the loss in history.csv and curves.svg includes the smoothing, the one below does not)",
    }
    confusion = "Confusion matrix of the held-out samples (rows: true class, columns: predicted)"
    parts = {
        "Held out": result,
        "Model": model.summary((1, X.shape[1])),
        **({confusion: table(confusion_matrix(model(X_test), y_test))} if data.classes else {}),
        f"Gradient check of the trained model's loss on {min(CHECKED, len(X_test))} held-out samples": checked,
        **({"Notes": "\n".join(notes)} if notes else {}),
    }
    save(model, folder / MODEL, metadata=saved.describe(options, sizes, data))
    history.to_csv(folder / HISTORY)
    text = report(settings.command_text(options), facts, parts)
    write_atomically(folder / REPORT, [text.encode()], "train", OSError)
    return [f"held out: {result}", f"gradient check: {verdict}", *notes], checked.passed, history.stopped


def _pictures(model: nn.Module, loss: Any, history: History, X: Any, y: Any, folder: Path) -> list[str]:
    """Draw the curves and the graph of one step, and give a line for each that could not be drawn."""
    notes = []
    try:
        plots.save(history.plot(), folder / CURVES)
    except ModuleNotFoundError as problem:
        notes.append(f"no {CURVES}: {problem}")
    step = loss(model(X), y)
    step.backward()
    picture = draw(step, names=model, title="one training step: values and gradients")
    try:
        picture.save(folder / GRAPH)
    except RendererNotFound as problem:
        picture.save(folder / GRAPH_TEXT)
        notes.append(f"{GRAPH_TEXT} instead of {GRAPH}: {problem}")
    for p in model.parameters():
        p.zero_grad()
    return notes


def _say(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
