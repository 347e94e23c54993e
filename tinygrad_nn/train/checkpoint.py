"""Checkpoints of a whole training in one file, from which it goes on as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from ..files import Path, check_writable
from ..save import CheckpointError, load_with_metadata, save
from .callbacks import Callback

if TYPE_CHECKING:
    from .run import Run

KEY = "training"
ARRAY = "__array__"


class Checkpoint(Callback):
    """Write everything that a training depends on to ``path`` after every n-th epoch and after the last.

    The file is replaced as a whole or not at all. ``tg.fit(..., resume=path)``, with the same arguments and possibly
    more epochs, goes on from there with the same bits as if it had never stopped: weights, optimizer, schedule, random
    generators (that of ``fit`` and those in modules), loaders, callbacks and history are in it.

    >>> Checkpoint("run.safetensors", every=5)
    Checkpoint('run.safetensors', every=5)
    """

    last = True  # after the other callbacks, whose states it saves

    def __init__(self, path: Path, every: int = 1) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(f"Checkpoint: every must be a whole number above 0, got {every!r}")
        self.path = path
        self.every = every

    def begin(self, run: Run) -> None:
        """Raise CheckpointError now rather than after the first epochs where the file could not be written."""
        if run.world.rank == 0:
            check_writable(self.path, "Checkpoint", CheckpointError)

    def epoch(self, run: Run) -> None:
        """Write the file if it is time to."""
        if run.world.rank == 0 and (run.epoch % self.every == 0 or run.epoch == run.epochs or run.stopped):
            write(run.state_dict(), self.path)

    def __repr__(self) -> str:
        return f"Checkpoint({self.path!r}, every={self.every})"


def write(state: Mapping[str, Any], path: Path) -> None:
    """Write a state, arrays among numbers and text in dicts and lists, as one safetensors file."""
    arrays: dict[str, ndarray[Any, Any]] = {}
    text = json.dumps(_packed(state, "", arrays))
    save(arrays, path, metadata={KEY: text})


def read(path: Path) -> dict[str, Any]:
    """Read what ``write`` wrote; CheckpointError for anything else."""
    arrays, notes = load_with_metadata(path)
    if KEY not in notes:
        raise CheckpointError(f"resume: {str(path)!r} holds no training, only arrays; tg.load reads it")
    try:
        return _unpacked(json.loads(notes[KEY]), arrays)
    except (ValueError, KeyError) as problem:
        raise CheckpointError(f"resume: {str(path)!r} is no checkpoint of a training: {problem!r:.80}") from None


def _packed(value: Any, path: str, arrays: dict[str, ndarray[Any, Any]]) -> Any:
    """Give a value as JSON takes it; its arrays go into ``arrays`` under their paths."""
    if isinstance(value, ndarray):
        arrays[path] = value
        return {ARRAY: path}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(k): _packed(v, f"{path}/{k}" if path else str(k), arrays) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(v, f"{path}/{i}", arrays) for i, v in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"Checkpoint: cannot write {path}, a {type(value).__name__}; a state holds numbers, text and arrays"
    )


def _unpacked(value: Any, arrays: Mapping[str, ndarray[Any, Any]]) -> Any:
    if isinstance(value, dict):
        if set(value) == {ARRAY}:
            return arrays[value[ARRAY]]
        return {k: _unpacked(v, arrays) for k, v in value.items()}
    if isinstance(value, list):
        return [_unpacked(v, arrays) for v in value]
    return value
