"""A trained model in its file: the weights, and beside them a description that makes the network again."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn
from ..data import standardize
from ..mode import no_grad
from ..save import CheckpointError, load_with_metadata
from .network import dense
from .options import CommandError
from .problems import Data

MODEL = "model.safetensors"
NOTE = "run"


@dataclass(frozen=True)
class Saved:
    """A model as it was saved by ``train``, set to be used."""

    model: nn.Sequential
    note: dict[str, Any]

    @property
    def classes(self) -> int:
        """How many classes it tells apart; 0 where it gives numbers."""
        return int(self.note["classes"])

    def names(self) -> list[str]:
        """Give what its classes are called."""
        return self.note["names"] or [str(i) for i in range(self.classes)]

    def scores(self, X: Any) -> np.ndarray:
        """Give the model's results for rows of inputs as they are in the user's files."""
        X = np.asarray(X)
        width = self.note["sizes"][0]
        if X.ndim != 2 or X.shape[1] != width:
            raise CommandError(f"the model takes rows of {width} numbers, got an array of shape {X.shape}")
        if self.note["mean"] is not None:
            X, *_ = standardize(X, np.array(self.note["mean"]), np.array(self.note["std"]))
        with no_grad():
            found = np.asarray(self.model(X.astype(self.note["dtype"])).data)
        return found if self.classes else self.unscaled(found)

    def unscaled(self, y: Any) -> Any:
        """Give numbers in the units of the column that the model was trained on."""
        return np.asarray(y, float) * self.note["scale"] + self.note["center"]


def describe(options: Any, sizes: list[int], data: Data) -> dict[str, str]:
    """Give the description of a model for its file's metadata."""
    note = {
        "sizes": sizes,
        "activation": options.activation,
        "dropout": options.dropout,
        "batch_norm": options.batch_norm,
        "dtype": options.dtype,
        "data": options.data,
        "folder": None if getattr(options, "folder", None) is None else os.path.abspath(options.folder),
        "csv": None if getattr(options, "csv", None) is None else os.path.abspath(options.csv),
        "target": data.target,
        "task": getattr(options, "task", "auto"),
        "features": data.features,
        "classes": data.classes,
        "names": data.names,
        "mean": None if data.mean is None else data.mean.tolist(),
        "std": None if data.std is None else data.std.tolist(),
        "center": data.center,
        "scale": data.scale,
    }
    return {
        "data": options.data,
        "sizes": " ".join(map(str, sizes)),
        "activation": options.activation,
        NOTE: json.dumps(note),
    }


def read(run: str) -> Saved:
    """Read the model of a run folder, or of a file; CommandError where it is none of ``train``."""
    path = Path(run)
    if path.is_dir():
        path = path / MODEL
    if not path.is_file():
        raise CommandError(f"there is no {MODEL} in {run!r}; give the folder of a run of tinygrad-nn train")
    state, notes = load_with_metadata(path)
    try:
        note = json.loads(notes[NOTE])
        model = dense(
            [int(n) for n in note["sizes"]],
            note["activation"],
            np.random.default_rng(0),
            dropout=float(note["dropout"]),
            batch_norm=bool(note["batch_norm"]),
            dtype=note["dtype"],
        )
        model.load_state_dict(state)
        int(note["classes"]), float(note["center"]), float(note["scale"])
        found = Saved(model.eval(), note)
        found.names()
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise CheckpointError(
            f"{str(path)!r} describes no network of tinygrad-nn train ({problem!r:.120}); train it with this version"
        ) from None
    return found
