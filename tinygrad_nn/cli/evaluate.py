"""``tinygrad-nn evaluate``: how well a saved model does, on what was held out or on another file."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from ..data import read_csv
from ..nn import functional
from ..train import confusion_matrix
from ..train.metrics import r2
from . import samples, saved
from .options import CommandError
from .problems import PROBLEMS
from .report import table
from .saved import Saved


def add(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a saved model",
        description="Read the model of a run folder and measure it on the samples that were held out when it was "
        "trained, or on a table with the same columns.",
    )
    parser.add_argument("run_folder", metavar="RUN", help="the folder that train wrote")
    parser.add_argument("--csv", metavar="FILE", help="measure on this table")
    parser.add_argument("--data", dest="folder", metavar="FOLDER", help="where the IDX files of mnist are now")
    parser.set_defaults(run=evaluate, command="evaluate")


def evaluate(options: argparse.Namespace) -> int:
    """Run the command with its options."""
    model = saved.read(options.run_folder)
    scores, y = _on_table(model, options.csv) if options.csv is not None else _held_out(model, options.folder)
    if not model.classes:
        y = np.reshape(y, (len(y), -1)).astype(scores.dtype)
        loss = functional.mse_loss(scores, y).item()
        print(f"{len(y)} samples: mean squared error {loss:.6g}, R² {r2(scores, y):.4f}")
        return 0
    loss = functional.cross_entropy(scores, y).item()
    right = int((scores.argmax(axis=1) == y).sum())
    print(f"{len(y)} samples: loss {loss:.4f}, accuracy {100 * right / len(y):.2f} % ({right} of {len(y)})")
    if model.note["names"] is not None:
        print(", ".join([f"{i}: {name}" for i, name in enumerate(model.names())]))
    print(table(confusion_matrix(scores, y)))
    return 0


def _held_out(model: Saved, folder: str | None) -> tuple[np.ndarray, np.ndarray]:
    note = model.note
    if note["data"] not in PROBLEMS:
        raise CommandError(f"the model was trained on {note['data']!r}, which is not known here; give --csv FILE")
    options = argparse.Namespace(
        folder=folder or note["folder"], csv=note["csv"], target=note["target"], task=note["task"]
    )
    X, y = PROBLEMS[note["data"]].load(options).test
    # Tables come standardized already.
    plain = Saved(model.model, {**note, "mean": None, "std": None})
    return plain.scores(X), y if model.classes else model.unscaled(y)


def _on_table(model: Saved, path: str) -> tuple[np.ndarray, np.ndarray]:
    note = model.note
    if note["target"] is None:
        raise CommandError(f"the model was trained on {note['data']}, not on a table; leave --csv out")
    rows = model.scores(samples.read(path, model))
    found = read_csv(path, note["target"], classify=bool(model.classes))
    if not model.classes:
        return rows, found.y
    names = model.names()
    here = [str(c) for c in found.classes or ()]
    if unknown := [name for name in here if name not in names]:
        raise CommandError(f"{path!r} has the class {unknown[0]!r}, which the model does not know: {', '.join(names)}")
    return rows, np.array([names.index(name) for name in here])[found.y]
