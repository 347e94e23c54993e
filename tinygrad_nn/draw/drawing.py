"""The picture of a graph: DOT text that a renderer draws, and a table where there is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any

from ..files import write_atomically
from .as_json import to_json
from .choose import choose
from .derivative import differentiate
from .dot import build
from .explore import MAX_NODES as MAX_PAGE
from .explore import page
from .faulty import faults_of
from .look import COLORS, DIRECTIONS, RANKDIRS, Look
from .mermaid import to_mermaid
from .names import find_names
from .render import BACKENDS, Rendered, RendererNotFound, RenderError, render
from .rows import SHOWN, Words
from .saved import DrawingError, Saved
from .scale import make_scale
from .style import theme_of
from .table import Table, make_table
from .trace import roots_of, take
from .view import View

MAX_NODES = 200
"""Above this a picture is folded, then cut."""


class Drawing:
    """The picture of a graph, as it was when it was drawn; made by :func:`draw`.

    ``source`` is DOT text; ``svg()`` and ``save(path)`` draw it; ``print`` shows the graph as a table; in a notebook it
    shows itself. ``backend`` says which renderer drew it ("dot" or "pygraphviz"; None before).
    """

    def __init__(self, view: View, words: Words, look: Look, backend: str | None, timeout: float) -> None:
        self._view = view
        self._words = words
        self._look = look
        self._chosen = backend
        self._timeout = timeout
        self._rendered: dict[str, Rendered] = {}
        self.source: str = build(view, words, look).source
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


_TEXTS: dict[str, Callable[[Drawing], str]] = {
    "dot": lambda d: d.source,
    "gv": lambda d: d.source,
    "json": lambda d: to_json(d._view, d._words),
    "mmd": lambda d: to_mermaid(d._view, d._words, d._look),
    "html": lambda d: page(d._view.trace, d._look.title or "computation graph", "auto", MAX_PAGE),
}
FORMATS = ("svg", "png", "pdf", "dot", "json", "mmd", "html")


def draw(
    y: Any,
    *,
    direction: str = "forward",
    names: Any = None,
    depth: int | None = None,
    fold: bool | None = None,
    max_nodes: int = MAX_NODES,
    color: str = "kind",
    show: Collection[str] = (),
    faulty: Any = None,
    theme: str = "light",
    rankdir: str = "TB",
    title: str = "",
    backend: str | None = None,
    timeout: float = 60,
) -> Drawing:
    """Draw the graph that y was computed with: operations, shapes, values and, after ``backward``, gradients.

    ``y`` is a Tensor or a list, tuple or dict of Tensors. ``direction`` is "forward", "backward" (what flows back: on
    each edge the local rule as a formula, and for scalars in numbers) or "both"; the gradients are worked out for the
    picture and leave every ``grad`` alone. Tensors are called by their ``name``, their path in a module, or the
    caller's variable; ``names`` gives a module or a mapping of names to look in first.

    ``depth`` folds the calls of modules at that level to one node each; ``fold`` makes one box of a loop's rounds
    (None: only above ``max_nodes``). What is still above ``max_nodes`` is cut to the first and the last steps, and the
    picture says what is left out. ``color`` is "kind", "gradient" (its root mean square), "time" (each operation is run
    again to measure it) or "bytes" (saved for the backward pass); ``show`` adds rows: "saved", "views", "where".
    ``faulty`` paints operations red: the report of ``check_graph``, the GradientError that it raised, or tensors.
    ``theme`` is "light" or "dark", ``rankdir`` the direction of the flow (TB, LR, BT, RL), ``backend`` the renderer
    ("dot" or "pygraphviz", None for the first at hand) with ``timeout`` in seconds.

    TypeError for what has no graph, ValueError for unknown options.

    >>> from tinygrad_nn import Tensor
    >>> a = Tensor(2.0, requires_grad=True)
    >>> "multiply" in draw(a * 3.0).source
    True
    """
    roots = roots_of(y, "draw")
    for name, value, choices in (
        ("direction", direction, DIRECTIONS),
        ("color", color, COLORS),
        ("rankdir", rankdir, RANKDIRS),
    ):
        if value not in choices:
            raise ValueError(f"draw: unknown {name} {value!r}; choose one of {', '.join(choices)}")
    extra = (show,) if isinstance(show, str) else tuple(show)
    for word in extra:
        if word not in SHOWN:
            raise ValueError(f"draw: cannot show {word!r}; choose from {', '.join(SHOWN)}")
    _check_number("max_nodes", max_nodes, 1)
    if depth is not None:
        _check_number("depth", depth, 0)
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f"draw: unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}, or None for any")
    look = Look(theme_of(theme), direction, rankdir, title, color, extra)
    trace = take(roots, find_names(1, names))
    look.faulty = faults_of(faulty, {r.number for r in trace.records})
    view = choose(trace, max_nodes, depth, fold)
    back = differentiate(trace) if direction != "forward" or color == "gradient" else None
    words = Words(view, back if direction != "forward" else None, extra)
    look.scale = make_scale(color, look.theme, view, back, words)
    return Drawing(view, words, look, backend, timeout)


def _check_number(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        what = "a positive whole number" if least else "a whole number from 0 on"
        raise ValueError(f"draw: {name} must be {what}, got {value!r}")
