"""The history of a training: one number per epoch for everything that was watched."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, Self

from ..files import Path, write_atomically
from . import jsonlines


class History(Mapping[str, list[float]]):
    """What ``tg.fit`` gives: ``history["loss"]`` and so on are lists with one number per epoch.

    ``stopped`` says why the training ended before its last epoch; it is empty where it did not.

    >>> history = History({"loss": [0.9, 0.5], "accuracy": [0.7, 0.8]})
    >>> history["loss"][-1], len(history.epochs), list(history)
    (0.5, 2, ['loss', 'accuracy'])
    """

    def __init__(self, columns: Mapping[str, list[float]] | None = None) -> None:
        self._columns: dict[str, list[float]] = {name: list(column) for name, column in (columns or {}).items()}
        lengths = {len(column) for column in self._columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"History: columns have different lengths, {sorted(lengths)}; one number per epoch")
        self.stopped = ""

    def append(self, row: Mapping[str, float]) -> None:
        """Add an epoch: the same names every time."""
        if not self.epochs:
            self._columns = {}
        elif set(row) != set(self._columns):
            odd = sorted(set(row) ^ set(self._columns))
            raise ValueError(f"History: this epoch and those before differ in {', '.join(odd)}")
        for name, number in row.items():
            self._columns.setdefault(name, []).append(number)

    @property
    def epochs(self) -> range:
        """The numbers of the epochs, from 1."""
        return range(1, 1 + len(next(iter(self._columns.values()), ())))

    def __getitem__(self, name: str) -> list[float]:
        try:
            return self._columns[name]
        except KeyError:
            known = ", ".join(map(repr, self._columns)) or "nothing"
            raise KeyError(f"{name!r} was not recorded; recorded: {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def to_csv(self, path: Path) -> None:
        """Write a table, one row per epoch, whole or not at all; OSError where it cannot be written.

        Numbers have all digits that tell them from their neighbours.
        """
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["epoch", *self._columns])
        table.writerows(zip(self.epochs, *self._columns.values(), strict=True))
        write_atomically(path, [text.getvalue().encode()], "to_csv", OSError)

    def rows(self) -> Iterator[dict[str, float]]:
        """Give the numbers of each epoch, by their names.

        >>> list(History({"loss": [0.9, 0.5]}).rows())
        [{'loss': 0.9}, {'loss': 0.5}]
        """
        for numbers in zip(*self._columns.values(), strict=True):
            yield dict(zip(self._columns, numbers, strict=True))

    def to_jsonl(self, path: Path) -> None:
        """Write JSON lines, one object per epoch, whole or not at all; OSError where they cannot be written.

        ``{"epoch": 1, "loss": 0.9, ...}``, with all digits. JSON has no NaN and no infinity: these are the texts
        ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
        """
        write_atomically(path, jsonlines.lines(self.rows(), "to_jsonl"), "to_jsonl", OSError)

    @classmethod
    def from_jsonl(cls, path: Path) -> Self:
        """Read what ``to_jsonl``, ``tg.train.JSONLines`` or the command line wrote: the same numbers.

        DataError, which names the line, for anything but the epochs 1, 2, 3 ... with the same names each.

        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "history.jsonl")
        ...     History({"loss": [0.5, float("inf")]}).to_jsonl(path)
        ...     History.from_jsonl(path)["loss"]
        [0.5, inf]
        """
        rows = jsonlines.read(path)
        return cls({name: [row[name] for row in rows] for name in (rows[0] if rows else ())})

    def plot(self, keys: Any = None, ax: Any = None) -> Any:
        """Plot the curves with matplotlib: see ``tinygrad_nn.plots.history``."""
        from ..plots import history

        return history(self, keys, ax)

    def __repr__(self) -> str:
        last = ", ".join([f"{name} {column[-1]:.4g}" for name, column in self._columns.items() if column])
        n = len(self.epochs)
        ended = f"; {self.stopped}" if self.stopped else ""
        return f"History({n} epoch{'s' * (n != 1)}{': ' if last else ''}{last}{ended})"
