"""Leave out the middle of a picture that would have too many nodes, and say what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from .rows import has_fields
from .summary import count_text
from .trace import Trace
from .view import Edge, Item, View

GAP = "gap"


def cut(view: View, limit: int) -> None:
    """Keep the first and the last steps with the leaves that they take, and one box for the rest."""
    shown = _ends(view, limit)
    hidden = [item for item in view.items if item.id not in shown]
    text = _gap_text(view, hidden, limit)
    view.left_out = text.replace("\n", "; ")
    view.items = [item for item in view.items if item.id in shown]
    view.items.append(Item(GAP, "gap", sorted([m for item in hidden for m in item.members]), text=text))
    edges: dict[tuple[str, str, int, bool], Edge] = {}
    for n, e in enumerate(view.edges):
        e.tail = e.tail if e.tail in shown else GAP
        e.head = e.head if e.head in shown else GAP
        if e.tail == e.head == GAP:
            continue
        whole = GAP not in (e.tail, e.head)
        port = n if whole else e.operand if e.head != GAP and has_fields(view.trace.records[e.target]) else -1
        key = (e.tail, e.head, port, e.carried)
        if key in edges:
            edges[key].count += e.count
        else:
            edges[key] = e
    view.edges = list(edges.values())


def _ends(view: View, limit: int) -> set[str]:
    leaves: dict[str, set[str]] = {}
    kinds = {item.id: item.kind for item in view.items}
    for e in view.edges:
        if kinds[e.tail] in ("parameter", "constant"):
            leaves.setdefault(e.head, set()).add(e.tail)
    roots = set(view.trace.roots)
    results = [item.id for item in view.items if not roots.isdisjoint(item.members)]
    return _grow(results, [item.id for item in view.items if item.kind in ("operation", "module")], leaves, limit)


def ends(trace: Trace, limit: int) -> set[int]:
    """Give the first and the last operations of a graph with the leaves that they take, at most so many records."""
    records = trace.records
    steps = [r.index for r in records if r.op is not None]
    leaves = {
        i: {o.source for o in records[i].operands if o.source is not None and records[o.source].op is None}
        for i in steps
    }
    return _grow(list(dict.fromkeys(trace.roots)), steps, leaves, limit)


T = TypeVar("T", int, str)


def _grow(results: list[T], steps: list[T], leaves: Mapping[T, set[T]], limit: int) -> set[T]:
    """Take steps from the end and from the beginning by turns, each with its leaves, as long as they fit."""
    shown = set(results[:limit])
    low, high = 0, len(steps) - 1
    late = True
    while low <= high:
        step = steps[high] if late else steps[low]
        new = ({step} | leaves.get(step, set())) - shown
        if len(shown) + len(new) > limit:
            break
        shown |= new
        low, high = (low, high - 1) if late else (low + 1, high)
        late = not late
    return shown


def _gap_text(view: View, hidden: list[Item], limit: int) -> str:
    records = view.trace.records
    members = [records[m] for item in hidden for m in (*item.members, *item.inside)]
    kinds = Counter([r.op.name if r.op is not None else r.kind for r in members])
    return f"{len(members):,} nodes left out\n{count_text(kinds)}\nmax_nodes={limit} is the limit"
