"""The picture of a graph: DOT text that a renderer draws, and a table where there is none."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..files import write_atomically
from .dot import build
from .names import find_names
from .render import BACKENDS, Rendered, RendererNotFound, RenderError, render
from .style import Theme, theme_of
from .table import Table, make_table
from .trace import roots_of, take
from .view import View, choose

MAX_NODES = 200
RANKDIRS = ("TB", "LR", "BT", "RL")


class DrawingError(OSError):
    """Raised when a picture cannot be written."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written: the file, its format, and the renderer that drew it (None where none was needed)."""

    path: str
    format: str
    backend: str | None
    messages: tuple[str, ...] = ()

    def __str__(self) -> str:
        by = f", drawn by {self.backend}" if self.backend else ""
        return f"{self.path} ({self.format}{by})"


class Drawing:
    """The picture of a graph, as it was when it was drawn; made by :func:`draw`.

    ``source`` is DOT text; ``svg()`` and ``save(path)`` draw it; ``print`` shows the graph as a table; in a notebook it
    shows itself. ``backend`` says which renderer drew it ("dot" or "pygraphviz"; None before).
    """

    def __init__(self, view: View, theme: Theme, rankdir: str, title: str, backend: str | None, timeout: float) -> None:
        self._view = view
        self._chosen = backend
        self._timeout = timeout
        self._rendered: dict[str, Rendered] = {}
        self.source: str = build(view, theme, rankdir, title).source
        """The graph in Graphviz's DOT language."""

    @property
    def left_out(self) -> str:
        """What the picture leaves out, in words; empty where it is complete."""
        return self._view.left_out

    @property
    def backend(self) -> str | None:
        """The renderer that drew it, or None where it has not been drawn yet."""
        return next((r.backend for r in self._rendered.values()), None)

    @property
    def messages(self) -> tuple[str, ...]:
        """What the renderer had to say about the picture."""
        return tuple(dict.fromkeys([m for r in self._rendered.values() for m in r.messages]))

    @cached_property
    def table(self) -> Table:
        """The whole graph as a table."""
        return make_table(self._view.trace)

    def _draw(self, format: str) -> Rendered:
        if format not in self._rendered:
            self._rendered[format] = render(self.source, format, self._chosen, self._timeout)
        return self._rendered[format]

    def svg(self) -> str:
        """Give the picture as SVG text. RendererNotFound where no renderer is at hand, RenderError where it fails."""
        return self._draw("svg").data.decode()

    def save(self, path: str | os.PathLike[str], format: str | None = None) -> Saved:
        """Write the picture to a file in the format of its ending, or in ``format``; whole or not at all.

        Gives the path, the format and the renderer. ValueError for a format that does not exist, RendererNotFound and
        RenderError where it cannot be drawn, DrawingError where it cannot be written.
        """
        name = os.fspath(path)
        if not isinstance(name, str):
            raise TypeError(f"save: expected a path as str, got {type(name).__name__}")
        kind = format if format is not None else os.path.splitext(name)[1].removeprefix(".").lower()
        backend: str | None = None
        messages: tuple[str, ...] = ()
        if kind in _TEXTS:
            data = _TEXTS[kind](self).encode()
        elif kind in ("svg", "png", "pdf"):
            drawn = self._draw(kind)
            data, backend, messages = drawn.data, drawn.backend, drawn.messages
        else:
            what = f"unknown format {kind!r}" if kind else f"{name!r} has no ending that tells the format"
            raise ValueError(f"save: {what}; choose one of {', '.join(FORMATS)}")
        write_atomically(name, [data], "save", DrawingError)
        return Saved(name, kind, backend, messages)

    def __str__(self) -> str:
        return str(self.table)

    def __repr__(self) -> str:
        by = f", drawn by {self.backend}" if self.backend else ""
        return f"<Drawing of {len(self._view.trace.records)} nodes{by}; print() shows a table, save() writes it>"

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg()
        except (RendererNotFound, RenderError):
            return None

    def _repr_mimebundle_(self, include: Collection[str] | None = None, exclude: Any = None) -> dict[str, str]:
        try:
            return {"image/svg+xml": self.svg(), "text/plain": str(self)}
        except (RendererNotFound, RenderError) as problem:
            return {"text/plain": f"{self}\n({problem})"}


def _dot_text(drawing: Drawing) -> str:
    return drawing.source


_TEXTS = {"dot": _dot_text, "gv": _dot_text}
FORMATS = ("svg", "png", "pdf", "dot")


def draw(
    y: Any,
    *,
    names: Any = None,
    max_nodes: int = MAX_NODES,
    theme: str = "light",
    rankdir: str = "TB",
    title: str = "",
    backend: str | None = None,
    timeout: float = 60,
) -> Drawing:
    """Draw the graph that y was computed with: operations, shapes, values and, after ``backward``, gradients.

    ``y`` is a Tensor or a list, tuple or dict of Tensors. Tensors are called by their ``name``, their path in a module,
    or the caller's variable; ``names`` gives a module or a mapping of names to look in first. Above ``max_nodes`` only
    the first and the last operations are drawn, and the picture says what is left out. ``theme`` is "light" or "dark",
    ``rankdir`` the direction of the flow (TB, LR, BT, RL), ``backend`` the renderer ("dot" or "pygraphviz", None for
    the first at hand) with ``timeout`` in seconds. TypeError for what has no graph, ValueError for unknown options.

    >>> from tinygrad_nn import Tensor
    >>> a = Tensor(2.0, requires_grad=True)
    >>> "multiply" in draw(a * 3.0).source
    True
    """
    roots = roots_of(y, "draw")
    if not isinstance(max_nodes, int) or isinstance(max_nodes, bool) or max_nodes < 1:
        raise ValueError(f"draw: max_nodes must be a positive whole number, got {max_nodes!r}")
    if rankdir not in RANKDIRS:
        raise ValueError(f"draw: unknown rankdir {rankdir!r}; choose one of {', '.join(RANKDIRS)}")
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f"draw: unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}, or None for any")
    look = theme_of(theme)
    trace = take(roots, find_names(1, names))
    return Drawing(choose(trace, max_nodes), look, rankdir, title, backend, timeout)
