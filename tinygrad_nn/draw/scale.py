"""Colours that say how large something is: the gradient, the time or the saved bytes of each item."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .derivative import Backward
from .rows import Words
from .style import Theme
from .summary import bytes_text, rms, short
from .timing import measure, seconds_text
from .view import Item, View


@dataclass(slots=True)
class Scale:
    """A logarithmic scale from a quantity of an item to a colour."""

    what: str
    values: Mapping[str, float]
    """The quantity by item id; items without it keep the colour of their kind."""
    low: str
    high: str
    write: Callable[[float], str]
    _range: tuple[float, float] = field(init=False, default=(0.0, 0.0))

    def __post_init__(self) -> None:
        logs = [math.log(v) for v in self.values.values() if 0 < v < math.inf]
        self._range = (min(logs), max(logs)) if logs else (0.0, 0.0)

    def color(self, id: str) -> str | None:
        """Give the colour of an item: zero is the lightest, what is not finite the darkest."""
        v = self.values.get(id)
        if v is None:
            return None
        low, high = self._range
        if v == 0 or high == low:
            at = 0.0 if v == 0 else 1.0
        else:
            at = 1.0 if not 0 < v < math.inf else (math.log(v) - low) / (high - low)
        ends = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (self.low, self.high)]
        return "#" + "".join([f"{round(a + (b - a) * at):02x}" for a, b in zip(*ends, strict=True)])

    @property
    def text(self) -> str:
        """Say in the legend what the colours mean."""
        if not self.values:
            return f"colour: {self.what} (not known: a backward pass freed the graph)"
        low, high = [math.exp(v) for v in self._range]
        return f"colour: {self.what}, {self.write(low)} (pale) to {self.write(high)} (strong), logarithmic"


def make_scale(color: str, theme: Theme, view: View, back: Backward | None, words: Words) -> Scale | None:
    """Give the scale for a kind of colour, or None for the colours of kinds."""
    values: dict[str, float] = {}
    if color == "kind":
        return None
    times: dict[int, float] = {}
    if color == "time":
        times = measure(view.trace, [m for item in view.items for m in item.members if item.kind != "gap"])
    for item in view.items:
        if item.kind == "gap":
            continue
        v = _quantity(color, item, view, back, times)
        if v is not None:
            values[item.id] = v
    what, write = _QUANTITIES[color]
    words.quantities = {id: f"{what} {write(v)}" for id, v in values.items()}
    return Scale(what, values, theme.pale, theme.strong, write)


def _saved(n: float) -> str:
    return bytes_text(round(n))


_QUANTITIES: dict[str, tuple[str, Callable[[float], str]]] = {
    "gradient": ("gradient's rms", short),
    "time": ("time", seconds_text),
    "bytes": ("saves", _saved),
}


def _quantity(color: str, item: Item, view: View, back: Backward | None, times: Mapping[int, float]) -> float | None:
    records = [view.trace.records[m] for m in item.members]
    if color == "time":
        return sum([times[r.index] for r in records if r.index in times]) or None
    if color == "bytes":
        return float(sum([r.saved for r in records if r.saved is not None])) if records[0].saved is not None else None
    last = records[-1]
    g = back.cotangents.get(last.index) if back is not None else None
    if g is None:
        t = view.trace.nodes[last.index]
        g = getattr(t, "_grad", None)
    return None if g is None else rms(g)
