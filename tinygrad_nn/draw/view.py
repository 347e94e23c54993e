"""Choose what of a graph is drawn: every node, or a beginning and an end with one box that says what is left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .trace import Record, Trace

FEW = 4
"""A leaf with up to this many uses is drawn once, so that the picture shows where its gradients add up."""
FAR = 4
"""Of a leaf with more uses, one that is more than this many nodes away from the first use of a copy gets a new one.

A single node would pull the layers of a tied weight together: 1000 uses take minutes to lay out, with copies a second.
"""


@dataclass(slots=True)
class Item:
    """One thing that is drawn: a record, or a box that stands for many."""

    id: str
    members: list[int]
    text: str = ""
    """What a box that stands for many says; empty for a single record."""


@dataclass(slots=True)
class Edge:
    """An edge from the item that made a value to the item that takes it."""

    tail: str
    head: str
    source: int
    target: int
    operand: int
    count: int = 1
    ghost: bool = False
    port: bool = True


@dataclass(slots=True)
class View:
    """What is drawn, in graph order."""

    trace: Trace
    items: list[Item]
    edges: list[Edge]
    ghosts: list[tuple[str, int]] = field(default_factory=list)
    """Copies of leaves: their id and the record that they copy."""
    left_out: str = ""


def choose(trace: Trace, max_nodes: int) -> View:
    """Choose what to draw of a graph: at most about ``max_nodes`` nodes, the first and the last operations."""
    records = trace.records
    shown = set(range(len(records))) if len(records) <= max_nodes else _ends(trace, max_nodes)
    items = [Item(f"n{i}", [i]) for i in sorted(shown)]
    hidden = [r for r in records if r.index not in shown]
    left_out = ""
    gap = ""
    if hidden:
        gap = "gap"
        left_out = gap_text(hidden, max_nodes)
        items.append(Item(gap, [r.index for r in hidden], left_out))
    view = View(trace, items, [], left_out=left_out)
    _connect(view, {i: f"n{i}" for i in shown}, gap)
    return view


def gap_text(hidden: list[Record], max_nodes: int) -> str:
    """Say how many nodes are left out, of which operations, and how to see them."""
    kinds = Counter([r.op.name if r.op is not None else r.kind for r in hidden])
    most = [f"{n:,} {name}" for name, n in sorted(kinds.items(), key=lambda kv: (-kv[1], kv[0]))[:4]]
    if len(kinds) > 4:
        most.append(f"{len(kinds) - 4} other kinds")
    return f"{len(hidden):,} nodes left out\n{', '.join(most)}\nmax_nodes={max_nodes} is the limit"


def _ends(trace: Trace, limit: int) -> set[int]:
    """Take operations from the end and from the beginning by turns, each with its leaves, as long as they fit."""
    records = trace.records
    shown = set(trace.roots[:limit])
    ops = [r.index for r in records if r.op is not None]
    low, high = 0, len(ops) - 1
    late = True
    while low <= high:
        i = ops[high] if late else ops[low]
        new = {i} | {o.source for o in records[i].operands if o.source is not None and records[o.source].op is None}
        new -= shown
        if len(shown) + len(new) > limit:
            break
        shown |= new
        low, high = (low, high - 1) if late else (low + 1, high)
        late = not late
    return shown


def _connect(view: View, drawn: dict[int, str], gap: str) -> None:
    """Make the edges, and a copy of a leaf wherever its next use is far away."""
    records = view.trace.records
    position = {item.members[0]: n for n, item in enumerate(view.items)}
    uses = Counter([o.source for r in records for o in r.operands if r.index in drawn])
    last: dict[int, tuple[int, str]] = {}
    merged: dict[tuple[str, str, int], Edge] = {}
    for r in records:
        head = drawn.get(r.index, gap)
        for k, operand in enumerate(r.operands):
            if operand.source is None:
                continue
            tail = drawn.get(operand.source, gap)
            if tail == gap and head == gap:
                continue
            port = head != gap
            ghost = False
            if port and tail != gap and uses[operand.source] > FEW and records[operand.source].op is None:
                here = position[r.index]
                there, copy = last.setdefault(operand.source, (here, tail))
                if here - there > FAR:
                    copy = f"{tail}_at_{head}"
                    view.ghosts.append((copy, operand.source))
                    last[operand.source] = (here, copy)
                ghost = copy != tail
                tail = copy
            key = (tail, head, k if port else -1)
            if key in merged and not port:
                merged[key].count += 1
                continue
            merged[key] = Edge(tail, head, operand.source, r.index, k, ghost=ghost, port=port)
    view.edges = list(merged.values())
