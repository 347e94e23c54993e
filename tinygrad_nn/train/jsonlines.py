"""The history as JSON lines: one object per epoch, written as the training goes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import DataError
from ..files import Path, check_writable, open_regular, write_atomically
from .callbacks import Callback

if TYPE_CHECKING:
    from .run import Run

#: JSON has no numbers that are not finite: they are written as this text.
NON_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_READ = {text: float(number) for number, text in NON_FINITE.items()}


def line(epoch: int, row: Mapping[str, float], who: str) -> bytes:
    """Give an epoch as one line of JSON, its number first.

    >>> line(1, {"loss": 0.5, "grad": float("inf")}, "to_jsonl")
    b'{"epoch": 1, "loss": 0.5, "grad": "Infinity"}\\n'
    """
    if "epoch" in row:
        raise ValueError(f"{who}: a number is called 'epoch' as the number of the epoch is; give it another name")
    values = {name: _plain(value, name, who) for name, value in row.items()}
    # Text that is no Unicode (a lone surrogate) stays readable as an escape.
    return json.dumps({"epoch": epoch, **values}, allow_nan=False).encode("ascii") + b"\n"


def _plain(value: Any, name: str, who: str) -> float | int | str:
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, float | int):
        raise TypeError(f"{who}: {name!r} is {type(value).__name__}; one real number per epoch is needed")
    if isinstance(value, int):
        return int(value)
    return NON_FINITE.get(repr(float(value)), float(value))


def lines(rows: Iterable[Mapping[str, float]], who: str) -> list[bytes]:
    """Give all epochs, the first of which is epoch 1."""
    return [line(epoch, row, who) for epoch, row in enumerate(rows, 1)]


def read(path: Path) -> list[dict[str, float]]:
    """Give the rows of a file, without the numbers of their epochs; DataError for anything but epochs 1, 2, 3 ..."""
    who, name = "from_jsonl", os.fsdecode(path)
    with open_regular(path, who, DataError) as file:
        try:
            content = file.read()
        except OSError as problem:
            raise DataError(f"{who}: cannot read {name!r}: {problem.strerror or problem}") from None
    rows: list[dict[str, float]] = []
    for number, text in enumerate(content.splitlines(), 1):
        where = f"{who}: line {number} of {name!r}"
        try:
            row = json.loads(text.decode("utf-8"))
        except (ValueError, RecursionError) as problem:
            raise DataError(f"{where} is no JSON, {text[:40]!r}: {problem}; mend or remove that line") from None
        if not isinstance(row, dict):
            raise DataError(f"{where} is no JSON object but {text[:40]!r}; a line holds one epoch")
        if row.pop("epoch", None) != number:
            raise DataError(f"{where} is not epoch {number}; the lines of a history are its epochs from 1 on, in order")
        found = {key: _number(value, key, where) for key, value in row.items()}
        if rows and found.keys() != rows[0].keys():
            odd = ", ".join(sorted(found.keys() ^ rows[0].keys()))
            raise DataError(f"{where} and line 1 differ in {odd}; every epoch has the same names")
        rows.append(found)
    return rows


def _number(value: Any, name: str, where: str) -> float:
    if isinstance(value, str) and value in _READ:
        return _READ[value]
    if isinstance(value, bool) or not isinstance(value, float | int):
        raise DataError(f"{where}: {name!r} is {value!r:.40}, which is no number")
    return value


class JSONLines(Callback):
    """Write the history to ``path`` as the training goes: a line of JSON for every epoch, as soon as it is done.

    ``{"epoch": 1, "loss": 0.41, "val_loss": 0.39, "lr": 0.001}``: the names are those of the history. A killed process
    loses no epoch that was done. JSON has no NaN and no infinity: these are the texts ``"NaN"``, ``"Infinity"`` and
    ``"-Infinity"``. The first epoch begins the file anew; a resumed run begins it with the epochs of its checkpoint,
    so that none is there twice. Of several processes only rank 0 writes. OSError where the file cannot be written,
    before the first epoch. ``tg.History.from_jsonl`` reads it.

    >>> JSONLines("history.jsonl")
    JSONLines('history.jsonl')
    """

    only_watches = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun = False

    def begin(self, run: Run) -> None:
        """Raise OSError now rather than after the first epoch where the file could not be written."""
        self._begun = False
        if run.world.rank == 0:
            check_writable(self.path, "JSONLines", OSError)

    def epoch(self, run: Run) -> None:
        """Write the epoch, and before the first one those of a run that is resumed."""
        if run.world.rank:
            return
        if not self._begun:
            self._begin(run)
            return
        text, name = line(run.epoch, run.row, "JSONLines"), os.fsdecode(self.path)
        try:
            with open(self.path, "ab", buffering=0) as file:
                written = file.write(text)
        except OSError as problem:
            raise OSError(f"JSONLines: cannot write {name!r}: {problem.strerror or problem}") from None
        if written != len(text):
            raise OSError(f"JSONLines: cannot write all of epoch {run.epoch} to {name!r}; make room on the disk")

    def _begin(self, run: Run) -> None:
        write_atomically(self.path, lines(run.history.rows(), "JSONLines"), "JSONLines", OSError)
        self._begun = True

    def end(self, run: Run) -> None:
        """Write what a resumed run had, if it has added no epoch."""
        if run.world.rank == 0 and not self._begun and run.epoch:
            self._begin(run)

    def __repr__(self) -> str:
        return f"JSONLines({self.path!r})"
