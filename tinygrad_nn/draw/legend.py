"""The legend of a picture: one sample of each kind of node that is in it."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import Any

import graphviz

from .labels import label
from .style import Theme

_ORDER = ("parameter", "constant", "operation", "result", "ghost", "gap")
_WORDS = {
    "parameter": "parameter\n(needs a gradient)",
    "constant": "constant\n(needs none)",
    "operation": "operation",
    "result": "result",
    "ghost": "copy of leaf #",
    "gap": "left out",
}
_ROW = 3


def add_legend(dot: graphviz.Digraph, kinds: Collection[str], theme: Theme, rankdir: str) -> None:
    """Add a box with a sample of each kind."""
    looks: dict[str, dict[str, Any]] = {
        "parameter": {"shape": "box", "style": "rounded,filled,bold", "fillcolor": theme.parameter},
        "constant": {"shape": "box", "style": "rounded,dashed,filled", "fillcolor": theme.constant},
        "operation": {"shape": "box", "fillcolor": theme.operation},
        "result": {"shape": "box", "fillcolor": theme.result, "penwidth": "2.5"},
        "ghost": {"shape": "ellipse", "style": "dashed,filled", "fillcolor": theme.parameter},
        "gap": {"shape": "note", "style": "dashed,filled", "fillcolor": theme.gap},
    }
    with dot.subgraph(name="cluster_legend") as box:
        box.attr(label="legend", fontsize="9", color=theme.line, style="dotted", margin="6")
        shown = [kind for kind in _ORDER if kind in kinds]
        rows = [shown[i : i + _ROW] for i in range(0, len(shown), _ROW)]
        for row in rows:
            # Across the ranks, so that the tall nodes of the graph do not pull the samples apart.
            with box.subgraph(graph_attr={"rank": "same"}) as line:
                for kind in row:
                    line.node(f"legend_{kind}", label(_WORDS[kind]), fontsize="8", tooltip=" ", **looks[kind])
        for above, below in pairwise(rows):
            box.edge(f"legend_{above[0]}", f"legend_{below[0]}", style="invis")
