"""Draw the edges of a picture: one for each operand, and copies of leaves where an edge would be far too long."""

from __future__ import annotations

from collections import Counter

from .rows import has_fields
from .view import Edge, Item, View

FEW = 4
"""A leaf with up to this many uses is drawn once, so that the picture shows where its gradients add up."""
FAR = 4
"""Of a leaf with more uses, one that is more than this many nodes away from the first use of a copy gets a new one.

A single node would pull the layers of a tied weight together: 1000 uses take minutes to lay out, with copies a second.
"""


def connect(view: View, shown: dict[int, Item]) -> None:
    """Make the edges between items; those of all rounds of a loop fall into one."""
    records = view.trace.records
    order = {item.id: n for n, item in enumerate(view.items)}
    turn = {m: k // item.size for item in view.items if item.rounds > 1 for k, m in enumerate(item.members)}
    edges: dict[tuple[str, str, int, bool], Edge] = {}
    for r in records:
        head = shown[r.index]
        for k, operand in enumerate(r.operands):
            if operand.source is None:
                continue
            tail = shown[operand.source]
            if tail is head and (head.kind == "module" and turn.get(operand.source) == turn.get(r.index)):
                continue
            both = tail.rounds == head.rounds and operand.source in turn and r.index in turn
            carried = order[tail.id] >= order[head.id] or (both and turn[operand.source] != turn[r.index])
            port = k if head.kind == "operation" and (tail.single or has_fields(r)) else -1
            key = (tail.id, head.id, port, carried)
            if key in edges:
                edges[key].count += 1
            else:
                edges[key] = Edge(tail.id, head.id, operand.source, r.index, k, carried=carried)
    view.edges = list(edges.values())


def copy_leaves(view: View) -> None:
    """Let far uses of a leaf that has many start from copies of it."""
    items = {item.id: item for item in view.items}
    position = {item.id: n for n, item in enumerate(view.items)}
    uses = Counter([e.tail for e in view.edges])
    last: dict[str, tuple[int, str]] = {}
    for e in view.edges:
        if items[e.tail].kind in ("parameter", "constant") and uses[e.tail] > FEW and items[e.head].kind != "gap":
            here = position[e.head]
            there, copy = last.setdefault(e.tail, (here, e.tail))
            if here - there > FAR:
                copy = f"{e.tail}_at_{e.head}"
                view.ghosts.append((copy, items[e.tail].members[0]))
                last[e.tail] = (here, copy)
            e.tail = copy
