"""Write a view of a graph as DOT text, with the graphviz package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import graphviz

from .derivative import Backward, edge_words, needs_gradient
from .faulty import faulty_look
from .labels import field, label, tooltip
from .legend import add_legend
from .look import Look
from .rows import Words, has_fields
from .style import clip
from .view import Edge, Item, View
from .where import where_text

# The side of a node on which edges come in.
_ENTRY = {"TB": "n", "BT": "s", "LR": "w", "RL": "e"}
_LEAVES = ("parameter", "constant")


def build(view: View, words: Words, look: Look) -> graphviz.Digraph:
    """Give the DOT graph of a view: the same graph gives the same text."""
    theme = look.theme
    font = {"fontname": theme.font, "fontcolor": theme.ink}
    dot = graphviz.Digraph(
        "graph",
        graph_attr={
            "rankdir": look.rankdir,
            "bgcolor": theme.background,
            "fontsize": "10",
            "ranksep": "0.35",
            "nodesep": "0.25",
            "tooltip": " ",
            **font,
        },
        node_attr={
            "shape": "record",
            "style": "filled",
            "fontsize": "10",
            "color": theme.line,
            "fillcolor": theme.operation,
            "height": "0.2",
            "margin": "0.1,0.03",
            **font,
        },
        edge_attr={"color": theme.line, "fontsize": "9", "arrowsize": "0.7", **font},
    )
    if look.title:
        dot.attr(label=label(look.title), labelloc="t")
    kinds: set[str] = set()
    frames = {id: graphviz.Digraph(f"cluster_{id}") for id in view.boxes}
    used = _used(view)
    for item in view.items:
        target = frames[item.box] if item.box is not None else dot
        kinds.update(_node(target, item, view, words, look))
    # A box is made before the boxes in it: from the last to the first, each is complete when it goes into its parent.
    for id in reversed([id for id in view.boxes if id in used]):
        box = view.boxes[id]
        style = "rounded,dashed" if box.kind == "loop" else "rounded"
        kinds.add(box.kind)
        frames[id].attr(
            label=label(clip(box.title, 70)), style=style, color=theme.line, labeljust="l", margin="8", tooltip=" "
        )
        (frames[box.parent] if box.parent is not None else dot).subgraph(frames[id])
    for id, source in view.ghosts:
        kinds.add("ghost")
        r = view.trace.records[source]
        dot.node(
            id,
            label(clip(f"{r.name or r.kind} (#{r.index})")),
            shape="ellipse",
            style="dashed,filled",
            fillcolor=theme.fill(r.kind),
            tooltip=" ",
        )
    items = {item.id: item for item in view.items}
    for e in view.edges:
        kinds.update(_edges(dot, e, items[e.head], view, words.back, look))
    for above, leaf in _below(view, items):
        dot.edge(above, leaf, style="invis")
    for item in view.items:
        cut_from = view.record(item).detached if item.single else None
        if cut_from is not None and f"n{cut_from}" in items:
            kinds.add("detached")
            dot.edge(f"n{cut_from}", item.id, style="dotted", arrowhead="none", label="detach")
    add_legend(dot, kinds, look)
    return dot


def _below(view: View, items: Mapping[str, Item]) -> list[tuple[str, str]]:
    """Give pairs (step before a module, leaf of that module): with the leaf below the step, modules stand in a column.

    Otherwise the leaves start beside the module before, and the frames go down like stairs.
    """
    entry: dict[str, str] = {}
    for e in view.edges:
        tail, box = items.get(e.tail), items[e.head].box
        if tail is not None and box is not None and tail.kind in ("operation", "module") and not e.carried:
            outside = _chain(view, tail.box)
            while box is not None and box not in outside:
                entry.setdefault(box, tail.id)
                box = view.boxes[box].parent
    pairs = []
    for item in view.items:
        if item.kind in _LEAVES:
            above = next((entry[box] for box in _chain(view, item.box) if box in entry), None)
            if above is not None:
                pairs.append((above, item.id))
    return pairs


def _chain(view: View, box: str | None) -> list[str]:
    """Give a box and those around it, innermost first."""
    chain = []
    while box is not None:
        chain.append(box)
        box = view.boxes[box].parent
    return chain


def _used(view: View) -> set[str]:
    used: set[str] = set()
    for item in view.items:
        used.update(_chain(view, item.box))
    return used


def _node(dot: graphviz.Digraph, item: Item, view: View, words: Words, look: Look) -> set[str]:
    """Add the node of an item, and give what the legend is to explain."""
    theme = look.theme
    said = words.node(item)
    if item.kind == "gap":
        text = "\n".join([said.head, *said.fields])
        dot.node(item.id, label(text), shape="note", style="dashed,filled", fillcolor=theme.gap, tooltip=" ")
        return {"gap"}
    kinds = {"folded" if item.kind == "module" else item.kind}
    r = view.record(item)
    extra: dict[str, Any] = {"tooltip": tooltip(where_text(r.where) if r.where is not None else said.head)}
    if item.kind in _LEAVES:
        extra["fillcolor"] = theme.fill(item.kind)
        extra["style"] = "rounded,filled,bold" if item.kind == "parameter" else "rounded,dashed,filled"
    elif item.kind == "module":
        extra.update(fillcolor=theme.module, style="rounded,filled", penwidth="1.5")
    if any(m in view.trace.roots for m in item.members):
        kinds.add("result")
        extra["penwidth"] = "2.5"
        if item.kind == "operation":
            extra["fillcolor"] = theme.result
    color = look.scale.color(item.id) if look.scale is not None else None
    if color is not None:
        extra["fillcolor"] = color
    if any(text.startswith("grad") for text in said.fields):
        kinds.add("grad")
    fields = [said.head, *said.fields]
    wrong = [look.faulty[n] for n in [view.trace.records[m].number for m in item.members] if n in look.faulty]
    if wrong:
        kinds.add("faulty")
        fields.append("wrong derivative")
        extra.update(faulty_look(theme), tooltip=tooltip("; ".join(wrong)))
    dot.node(item.id, graphviz.nohtml(_record(said.ports, fields, look.rankdir)), **extra)
    return kinds


def _record(ports: list[str], fields: list[str], rankdir: str) -> str:
    # Each pair of braces turns the direction of the fields; the inputs stand where the edges come in.
    body = "|".join([field(text) for text in fields])
    inputs = "|".join([f"<i{k}> {field(text)}" for k, text in enumerate(ports)])
    if not inputs:
        return body if rankdir in ("LR", "RL") else f"{{{body}}}"
    if rankdir == "LR":
        return f"{{{{{inputs}}}|{{{body}}}}}"
    if rankdir == "RL":
        return f"{{{{{body}}}|{{{inputs}}}}}"
    return f"{{{{{inputs}}}|{body}}}" if rankdir == "TB" else f"{{{body}|{{{inputs}}}}}"


def _edges(dot: graphviz.Digraph, e: Edge, head: Item, view: View, back: Backward | None, look: Look) -> set[str]:
    """Add an edge for the value, for the gradient, or for both, and give what the legend is to explain."""
    r = view.trace.records[e.target]
    end = f"{e.head}:i{e.operand}:{_ENTRY[look.rankdir]}" if head.kind == "operation" and has_fields(r) else e.head
    flows = back is not None and needs_gradient(view.trace, e.source) and r.op is not None
    kinds: set[str] = set()
    extra: dict[str, Any] = {}
    if e.carried:
        kinds.add("carried")
        extra = {"style": "dashed", "arrowhead": "empty"}
        if e.tail != e.head:
            extra["constraint"] = "false"
    if look.direction != "backward" or not flows:
        text = f"×{e.count:,}" if e.count > 1 and head.rounds == 1 else ""
        if look.direction == "backward":
            extra["style"] = "dotted"
        kinds.add("value")
        if view.trace.records[e.source].op is not None and not e.carried:
            extra["weight"] = "4"  # the way through the operations is straight, the leaves stand beside it
        dot.edge(e.tail, end, label=label(text) if text else None, **extra)
    if flows and back is not None:
        kinds.add("gradient")
        text, full = ("", "") if head.kind != "operation" else edge_words(back, r, e.operand, head.single)
        extra = {k: v for k, v in extra.items() if k in ("constraint", "style")}
        # Graphviz sets a label so near that its first letter touches the line.
        text = "\n".join([f"\u00a0{line}\u00a0" for line in text.split("\n")]) if text else ""
        dot.edge(
            e.tail,
            end,
            label=label(text) if text else None,
            edgetooltip=tooltip(full) if full else None,
            labeltooltip=tooltip(full) if full else None,
            dir="back",
            color=look.theme.backward,
            fontcolor=look.theme.backward,
            **{"style": "dashed", **extra},
        )
    return kinds
