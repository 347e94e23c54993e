"""Make figures without pyplot, and write them so that equal figures give equal files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tinygrad_nn.draw.labels import visible
from tinygrad_nn.files import Path, write_atomically

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, "Color Universal Design", 2008: told apart by colour-blind people, too. Lines differ in style and
# points in marker all the same.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

# Where a legend covers no data, in figures of our own; other axes may have a title there.
ABOVE: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 3, "frameon": False}

# What makes a file depend on the time or on chance, per format; PNG has nothing of the kind.
_METADATA: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


@cache
def _figure_class() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ModuleNotFoundError(
            'plots: matplotlib is not installed; pip install "tinygrad_nn[all]"', name="matplotlib"
        ) from None

    class NotebookFigure(Figure):
        """Show itself in a notebook, also where pyplot has not been imported."""

        def _repr_svg_(self) -> str:
            return svg(self)

    return NotebookFigure


def new_axes(count: int, width: float, height: float, columns: int = 1) -> list[Axes]:
    """Make a figure with `count` axes; width and height in inches are those of the whole figure."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = _figure_class()(figsize=(width, height), layout="constrained")
    return [figure.add_subplot(rows, columns, i + 1) for i in range(count)]


def panels(operation: str, ax: Axes | Iterable[Axes] | None, count: int, *size: Any) -> list[Axes]:
    """Return `count` axes: those given, one that is given for all, or new ones of that `size`."""
    if ax is None:
        return new_axes(count, *size)
    if not isinstance(ax, Iterable):
        return [ax] * count
    given = list(np.asarray(ax, dtype=object).flat) if isinstance(ax, np.ndarray) else list(ax)
    if len(given) != count:
        raise ValueError(f"{operation}: {count} panels do not fit {len(given)} axes; give one, {count} or none")
    return cast("list[Axes]", given)


def legend(ax: Axes, handles: Sequence[Artist], names: Sequence[str], **place: Any) -> None:
    """Add to the legend, by names that are text: no formula, no control character, and none is left out."""
    old = ax.get_legend()
    before = [pair for pair in zip(old.legend_handles, old.get_texts(), strict=True) if pair[0]] if old else []
    both = [*(handle for handle, _ in before if handle), *handles]
    # matplotlib leaves out a name that begins with an underscore: the names are set afterwards.
    box = ax.legend(both, ["name"] * len(both), fontsize=8, **place)
    texts = box.get_texts()
    for text, (_, known) in zip(texts, before, strict=False):
        text.set_text(known.get_text())
        text.set_parse_math(known.get_parse_math())
    for text, name in zip(texts[len(before) :], names, strict=True):
        text.set_text(visible(name))
        text.set_parse_math(False)


def values(x: Any) -> np.ndarray:
    """Return the numbers of an array, a Tensor (its `data`, also where it needs a gradient) or nested lists."""
    if not isinstance(x, np.ndarray) and isinstance(getattr(x, "data", None), np.ndarray):
        return cast(np.ndarray, x.data)
    return np.asarray(x)


def figure_of(axes: Any) -> Figure:
    """Return the figure that a figure, axes or several axes belong to."""
    several = isinstance(axes, Sequence | np.ndarray) and len(axes)
    first = np.asarray(axes, dtype=object).flat[0] if several else axes
    figure = getattr(first, "figure", None)
    if figure is None or not hasattr(figure, "savefig"):
        raise TypeError(f"save: expected matplotlib axes or a figure, got {type(first).__name__}")
    return cast("Figure", figure)


def _bytes(axes: Any, format: str) -> bytes:
    from matplotlib import rc_context

    buffer = io.BytesIO()
    # The salt takes the place of a random one in the ids; text stays text, so that it can be found and read out.
    with rc_context({"svg.hashsalt": "tinygrad_nn", "svg.fonttype": "none"}):
        figure_of(axes).savefig(buffer, format=format, metadata=_METADATA[format])
    return buffer.getvalue()


def svg(axes: Any) -> str:
    """Return the figure of some axes as SVG text: the same figure gives the same text, on any day.

    >>> from tinygrad_nn.plots import confusion_matrix
    >>> "true class" in svg(confusion_matrix([[8, 2], [0, 10]]))
    True
    """
    return _bytes(axes, "svg").decode()


def save(axes: Any, path: Path) -> None:
    """Write the figure of some axes as .svg, .pdf or .png, whole or not at all; no date is written into it.

    ValueError for another ending, OSError where the file cannot be written.
    """
    format = PurePath(os.fsdecode(path)).suffix.lower().removeprefix(".")
    if format not in _METADATA:
        raise ValueError(f"save: cannot tell the format from {os.fsdecode(path)!r}; end the name in .svg, .pdf or .png")
    write_atomically(path, [_bytes(axes, format)], "save", OSError)
