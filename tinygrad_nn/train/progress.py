"""The progress bar of a training: epoch, share done, speed, loss and the rest."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

#: Seconds between two looks at the bar: a batch of a small network takes a thousandth of it.
INTERVAL = 0.1


class Progress:
    """A bar on standard error (tqdm's) over all epochs, or nothing at all where it is not wanted."""

    def __init__(self, wanted: bool, epochs: int, done: int, samples: int | None) -> None:
        self._bar: Any = None
        self._epochs = epochs
        self._waiting = 0
        self._next = 0.0
        self._last: dict[str, float] = {}
        if wanted and epochs > done:
            from tqdm.std import tqdm

            total = None if samples is None else samples * epochs
            self._bar = tqdm(
                total=total, initial=done * (samples or 0), unit=" samples", unit_scale=True, dynamic_ncols=True
            )

    def epoch(self, number: int) -> None:
        """Show which epoch begins."""
        if self._bar is not None:
            self._bar.set_description(f"epoch {number}/{self._epochs}", refresh=False)

    def batch(self, samples: int, loss: float) -> None:
        """Count a batch; the bar is drawn anew only now and then."""
        if self._bar is None:
            return
        self._waiting += samples
        now = perf_counter()
        if now >= self._next:
            self._next = now + INTERVAL
            self._show({**self._last, "loss": loss})

    def _show(self, numbers: Mapping[str, float]) -> None:
        self._bar.set_postfix({name: f"{number:.3g}" for name, number in numbers.items()}, refresh=False)
        self._bar.update(self._waiting)
        self._waiting = 0

    def finish(self, row: Mapping[str, float]) -> None:
        """Show the numbers of a whole epoch."""
        if self._bar is not None:
            self._last = {name: number for name, number in row.items() if name != "lr" and "[" not in name}
            self._show(self._last)

    def close(self) -> None:
        """Draw the bar a last time and end its line."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()
            self._bar = None
