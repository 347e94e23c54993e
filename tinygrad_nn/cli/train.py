"""``tinygrad-nn train``: train a network on real data and write down everything about the run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import draw, evaluate, fit, gradcheck, nn, optim, plots, save
from ..draw import RendererNotFound
from ..files import write_atomically
from ..nn import functional
from ..optim import schedules
from ..train import History, confusion_matrix
from .folder import REPORT, RunFolder
from .network import ACTIVATIONS, dense
from .options import real, whole
from .problems import PROBLEMS, Noisy, Problem
from .report import report, table

MODEL, HISTORY, CURVES, GRAPH, GRAPH_TEXT = "model.safetensors", "history.csv", "curves.svg", "graph.svg", "graph.dot"
WRITTEN = (MODEL, HISTORY, CURVES, GRAPH, GRAPH_TEXT, REPORT)
DRAWN = 8  # samples in the step that is drawn
CHECKED = 32  # samples in the loss whose gradient is checked


def add(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "train",
        help="train a network and write a run folder",
        description="Train a dense network on a set of data, of which a fifth is held out, and write a folder with "
        "the model, its history, its curves, the graph of one step, and a report with the confusion matrix and a check "
        "of the gradients.",
    )
    about = "; ".join([f"{name}: {problem.about}" for name, problem in PROBLEMS.items()])
    parser.add_argument("data", choices=PROBLEMS, help=about)

    def option(name: str, field: str, help: str, **more: Any) -> None:
        defaults = {_shown(getattr(problem, field)) for problem in PROBLEMS.values()}
        for_each = ", ".join([f"{_shown(getattr(problem, field))} for {n}" for n, problem in PROBLEMS.items()])
        default = for_each if len(defaults) > 1 else defaults.pop()
        parser.add_argument(name, default=argparse.SUPPRESS, help=f"{help} (default: {default})", **more)

    option("--hidden", "hidden", "units in each hidden layer; none for a linear model", nargs="*", type=whole(1, 10**6))
    parser.add_argument("--activation", choices=ACTIVATIONS, default="relu", help="what follows each hidden layer")
    option("--epochs", "epochs", "passes over the data", type=whole(1))
    option("--batch-size", "batch_size", "samples in a step", type=whole(1))
    option("--lr", "lr", "learning rate at the beginning; it falls to 0 along a cosine", type=real(0))
    option("--momentum", "momentum", "momentum of the descent", type=real(0, 1))
    option("--noise", "noise", "standard deviation of noise added to the inputs in training", type=real(0))
    option("--label-smoothing", "label_smoothing", "share of each label spread over all classes", type=real(0, 1))
    parser.add_argument(
        "--seed", type=whole(0), default=0, help="seed of the weights, the order of the data, the noise"
    )
    parser.add_argument(
        "--out", help="the run folder (default: runs/ and the name of the data)", default=argparse.SUPPRESS
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar", default=argparse.SUPPRESS)
    parser.set_defaults(run=run, command="train")


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def run(options: argparse.Namespace) -> int:
    """Train, write the folder, print what came out; 1 where the check of the gradients fails."""
    problem = PROBLEMS[options.data]
    for name, value in vars(problem).items():
        if name not in ("load", "about") and not hasattr(options, name):
            setattr(options, name, value)
    out = getattr(options, "out", f"runs/{options.data}")
    # A rate that is too large overflows on its way to the error that says so.
    with RunFolder(out, WRITTEN) as folder, np.errstate(over="ignore", invalid="ignore"):
        lines, passed = _train(options, problem, folder)
    for line in lines:
        _say(line)
    _say(f"written to {out}: {', '.join(sorted(name for name in WRITTEN if (Path(out) / name).exists()))}")
    return 0 if passed else 1


def _train(options: argparse.Namespace, problem: Problem, folder: Path) -> tuple[list[str], bool]:
    """Fill the folder, and give what is to be printed then and whether the gradients are right."""
    (X, y), (X_test, y_test) = problem.load()
    classes = int(y.max()) + 1
    sizes = [X.shape[1], *options.hidden, classes]
    rng = np.random.default_rng(options.seed)
    model = dense(sizes, options.activation, rng)
    summary = model.summary((1, X.shape[1]))
    _say(f"{options.data}: {len(X)} samples to train on, {len(X_test)} held out, {classes} classes")
    _say(f"network: {'-'.join(map(str, sizes))}, {options.activation}, {summary.total:,} parameters")
    optimizer = optim.SGD(model.parameters(), lr=options.lr, momentum=options.momentum)
    loss = nn.CrossEntropyLoss(label_smoothing=options.label_smoothing)
    history = fit(
        model,
        loss,
        Noisy(X, y, options.noise, rng) if options.noise else (X, y),
        (X_test, y_test),
        epochs=options.epochs,
        batch_size=options.batch_size,
        schedule=schedules.CosineAnnealingLR(optimizer, options.epochs),
        progress=not hasattr(options, "quiet"),
        rng=rng,
    )
    if history.stopped:
        raise KeyboardInterrupt
    found = evaluate(model, functional.cross_entropy, (X_test, y_test))
    right = round(found["accuracy"] * len(y_test))
    result = f"loss {found['loss']:.4f}, accuracy {100 * found['accuracy']:.2f} % ({right} of {len(y_test)})"
    for name, p in model.named_parameters():
        p.name = name
    checked = gradcheck(
        lambda *_: functional.cross_entropy(model(X_test[:CHECKED]), y_test[:CHECKED]),
        *model.parameters(),
        samples=16,
        raise_error=False,
    )
    verdict = str(checked).partition("\n")[0].removeprefix("gradcheck: ")
    notes = _pictures(model, loss, history, X[:DRAWN], y[:DRAWN], folder)
    settings = {
        "data": f"{options.data}, {problem.about}: {len(X)} samples to train on, {len(X_test)} held out",
        "network": f"{'-'.join(map(str, sizes))}, {options.activation}",
        "training": f"{options.epochs} epochs, batches of {options.batch_size}, SGD with lr {options.lr:g} falling to "
        f"0 along a cosine, momentum {options.momentum:g}, seed {options.seed}",
        "against overfitting": f"noise {options.noise:g} on the inputs, label smoothing {options.label_smoothing:g} "
        f"(the loss in history.csv and curves.svg includes the smoothing, the one below does not)",
    }
    parts = {
        "Held out": result,
        "Model": summary,
        "Confusion matrix of the held-out samples (rows: true class, columns: predicted)": table(
            confusion_matrix(model(X_test), y_test)
        ),
        f"Gradient check of the trained model's loss on {CHECKED} held-out samples": checked,
        **({"Notes": "\n".join(notes)} if notes else {}),
    }
    save(model, folder / MODEL, metadata=_metadata(options, sizes))
    history.to_csv(folder / HISTORY)
    write_atomically(folder / REPORT, [report(_command(options), settings, parts).encode()], "train", OSError)
    return [f"held out: {result}", f"gradient check: {verdict}", *notes], checked.passed


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


def _metadata(options: argparse.Namespace, sizes: Sequence[int]) -> dict[str, str]:
    """Say in the file of the weights what network they belong to."""
    return {"data": options.data, "sizes": " ".join(map(str, sizes)), "activation": options.activation}


def _command(options: argparse.Namespace) -> str:
    hidden = " ".join(["--hidden", *map(str, options.hidden)])
    return (
        f"tinygrad-nn train {options.data} {hidden} --activation {options.activation} --epochs {options.epochs} "
        f"--batch-size {options.batch_size} --lr {options.lr:g} --momentum {options.momentum:g} "
        f"--noise {options.noise:g} --label-smoothing {options.label_smoothing:g} --seed {options.seed}"
    )


def _say(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
