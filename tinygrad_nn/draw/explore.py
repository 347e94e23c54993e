"""One offline HTML page of a graph: to look at, to search, to fold, and to play step by step."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from collections import Counter
from functools import lru_cache
from importlib.resources import files
from string import Template
from typing import Any

from ..files import write_atomically
from .cut import ends
from .derivative import Backward, differentiate
from .labels import visible
from .names import find_names
from .outline import Outline
from .rows import Words, head_text, port_texts
from .saved import DrawingError, Saved
from .steps import Step, tell
from .summary import bytes_text, count_text
from .trace import Record, Trace, roots_of, take
from .view import View
from .where import where_text

MAX_NODES = 5000
THEMES = ("auto", "light", "dark")


def explore(
    y: Any,
    path: str | os.PathLike[str],
    *,
    names: Any = None,
    max_nodes: int = MAX_NODES,
    theme: str = "auto",
    title: str = "computation graph",
) -> Saved:
    """Write one HTML page on which the graph of y can be explored and played; it needs no network and no server.

    Pan and zoom; values, gradients, formulas and source lines; search; modules, loops and long stretches that fold and
    unfold by a click; and a slider through the forward and the backward pass, one operation at a time, with each rule
    in words and numbers. ``y`` is a Tensor or a list, tuple or dict of Tensors; best before ``backward()``, which frees
    large values. ``names`` is as in :func:`draw`. Above ``max_nodes`` the page has the first and the last operations
    and says what it leaves out. TypeError for what has no graph, DrawingError where the page cannot be written.

    >>> import tempfile
    >>> from tinygrad_nn import Tensor
    >>> a = Tensor(2.0, requires_grad=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     explore(a * a, f"{folder}/loss.html").format
    'html'
    """
    roots = roots_of(y, "explore")
    if not isinstance(max_nodes, int) or isinstance(max_nodes, bool) or max_nodes < 1:
        raise ValueError(f"explore: max_nodes must be a positive whole number, got {max_nodes!r}")
    if theme not in THEMES:
        raise ValueError(f"explore: unknown theme {theme!r}; choose one of {', '.join(THEMES)}")
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError(f"explore: expected a path as str, got {type(name).__name__}")
    trace = take(roots, find_names(1, names))
    text = page(trace, title, theme, max_nodes)
    write_atomically(name, [text.encode()], "explore", DrawingError)
    return Saved(name, "html", None)


def page(trace: Trace, title: str, theme: str, max_nodes: int) -> str:
    """Give the page of a trace as HTML text."""
    style, script = _asset("page.css"), _asset("layout.js") + _asset("picture.js") + _asset("page.js")
    # Nothing but this very script and style may run, whatever the data say; and < never begins a tag in the data.
    data = json.dumps(page_data(trace, max_nodes), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return Template(_asset("page.html")).substitute(
        title=html.escape(visible(title)),
        theme=theme,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=data,
    )


@lru_cache
def _asset(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def page_data(trace: Trace, max_nodes: int) -> dict[str, Any]:
    """Give what the page shows: records, boxes and steps."""
    shown = set(range(len(trace.records)))
    left_out = ""
    if len(shown) > max_nodes:
        shown = ends(trace, max_nodes)
        hidden = [r for r in trace.records if r.index not in shown]
        kinds = Counter([r.op.name if r.op is not None else r.kind for r in hidden])
        left_out = f"{len(hidden):,} nodes left out ({count_text(kinds)}); max_nodes={max_nodes} is the limit"
    back = differentiate(trace)
    outline = Outline(trace, shown)
    words = Words(View(trace), back)
    steps = tell(trace, back, shown)
    note = [left_out] if left_out else []
    if any(t.op is not None and t._saved is None for t in trace.nodes):
        note.append(
            "a backward pass has freed large values of this graph: make the page before backward(), or call "
            "backward(retain_graph=True), to see all numbers"
        )
    return {
        "records": {r.index: _record(r, trace, words, outline, back, shown) for r in trace.records if r.index in shown},
        "boxes": [
            {"kind": g.kind, "title": visible(g.title), "parent": g.parent, "open": g.open, "text": visible(g.text),
             "leaves": g.leaves, "steps": [id if kind == "record" else -id for kind, id in g.steps]}
            for g in outline.groups
        ],
        "steps": [_step(s) for s in steps],
        "results": ", ".join([visible(head_text(trace.records[i], True)) for i in dict.fromkeys(trace.roots)]),
        "note": ". ".join(note),
    }  # fmt: skip


def _record(r: Record, trace: Trace, words: Words, outline: Outline, back: Backward, shown: set[int]) -> dict[str, Any]:
    grad = words.gradient(r)
    details = [f"{r.kind}: {r.title}" if r.op is not None else r.kind, r.value.type, r.value.text or "value freed"]
    if grad is not None:
        details.append(f"grad {grad.text}")
    if r.saved is not None:
        details.append(f"saves {bytes_text(r.saved)} for the backward pass")
    details += r.notes
    if r.view:
        details.append("view of its input")
    if r.where is not None:
        details.append(where_text(r.where))
    return {
        "kind": r.kind,
        "head": visible(head_text(r, r.index in trace.roots)),
        "name": visible(r.name or ""),
        "op": r.op.name if r.op is not None else "",
        "root": r.index in trace.roots,
        "lines": visible(f"{r.value.type}\n{r.value.text or 'value freed'}").split("\n"),
        "grad": None if grad is None else visible(grad.text),
        "box": outline.home[r.index],
        "ports": [visible(text) for text in port_texts(r)],
        "inputs": [o.source if o.source in shown else None for o in r.operands],
        "details": visible("\n".join(details)),
    }


def _step(s: Step) -> list[Any]:
    return [
        s.record,
        s.phase,
        [[kind, visible(text)] for kind, text in s.lines],
        [[record, visible(text)] for record, text in s.grads],
    ]
