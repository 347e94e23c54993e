"""Choose what of a graph is drawn: modules and loops folded to one box, and above a limit the first and last steps."""

from __future__ import annotations

from .connect import connect, copy_leaves
from .cut import cut
from .fold import fold_tokens
from .place import place
from .tokens import tokens_of
from .trace import Trace
from .view import View


def choose(trace: Trace, max_nodes: int, depth: int | None = None, fold: bool | None = None) -> View:
    """Choose what to draw of a graph: at most about ``max_nodes`` nodes.

    ``depth`` folds the calls of modules at that level; ``fold`` folds what repeats, None only above ``max_nodes``.
    """
    tokens = tokens_of(trace, depth)
    if fold or (fold is None and len(trace.records) > max_nodes):
        tokens = fold_tokens(tokens)
    view = View(trace)
    shown = place(view, [part for token in tokens for part in token.parts])
    connect(view, shown)
    if len(view.items) > max_nodes:
        cut(view, max_nodes)
    copy_leaves(view)
    return view
