"""The legend of a picture: one sample of each kind of node that is in it, and its lines in words."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import Any

import graphviz

from .faulty import faulty_look
from .labels import label
from .look import Look

_WORDS = {
    "parameter": "parameter\n(needs a gradient)",
    "constant": "constant\n(needs none)",
    "operation": "operation",
    "result": "result",
    "folded": "folded module",
    "ghost": "copy of leaf #",
    "gap": "left out",
    "faulty": "wrong derivative\n(check_graph)",
}
_LINES = {
    "grad": "grad: derivative of the result in this value",
    "value": "solid arrow: a value flows on",
    "gradient": "dashed, backward arrow: what flows back;\ng is the gradient that arrives at the operation",
    "carried": "dashed, hollow arrow: into the next round",
    "module": "frame: a module",
    "loop": "dashed frame ×N: N equal rounds drawn once",
    "detached": "dotted line: detached, no gradient flows",
}
_ROW = 5


def add_legend(dot: graphviz.Digraph, kinds: Collection[str], look: Look) -> None:
    """Add a box with a sample of each kind, and a line for each other sign."""
    theme = look.theme
    looks: dict[str, dict[str, Any]] = {
        "parameter": {"shape": "box", "style": "rounded,filled,bold", "fillcolor": theme.parameter},
        "constant": {"shape": "box", "style": "rounded,dashed,filled", "fillcolor": theme.constant},
        "operation": {"shape": "box", "fillcolor": theme.operation},
        "result": {"shape": "box", "fillcolor": theme.result, "penwidth": "2.5"},
        "folded": {"shape": "box", "style": "rounded,filled", "fillcolor": theme.module, "penwidth": "1.5"},
        "ghost": {"shape": "ellipse", "style": "dashed,filled", "fillcolor": theme.parameter},
        "gap": {"shape": "note", "style": "dashed,filled", "fillcolor": theme.gap},
        "faulty": {"shape": "box", **faulty_look(theme)},
    }
    # Where all arrows are of one sort they need no words.
    lines = [text for kind, text in _LINES.items() if kind in kinds and (kind != "value" or "gradient" in kinds)]
    if look.scale is not None:
        lines.append(look.scale.text)
    shown = [kind for kind in _WORDS if kind in kinds]
    rows = [shown[i : i + _ROW] for i in range(0, len(shown), _ROW)]
    with dot.subgraph(name="cluster_legend") as box:
        # The lines stand in the frame's own label: a node would take a rank among the tall nodes of the graph.
        text = "".join([f"{label(line)}\\l" for entry in ["legend", *lines] for line in entry.split("\n")])
        box.attr(
            label=graphviz.nohtml(text), labeljust="l", fontsize="9", color=theme.line, style="dotted", tooltip=" "
        )
        for row in rows:
            with box.subgraph(graph_attr={"rank": "same"}) as line:
                for kind in row:
                    line.node(f"legend_{kind}", label(_WORDS[kind]), fontsize="8", tooltip=" ", **looks[kind])
        for above, below in pairwise([row[0] for row in rows]):
            box.edge(f"legend_{above}", f"legend_{below}", style="invis")
