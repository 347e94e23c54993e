"""Make the items of a picture and the boxes around them: operations, the leaves that they take, modules and loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

from .fold import Part
from .summary import count_text, parameters_text
from .trace import Record, Trace
from .view import Box, Item, View

T = TypeVar("T")
PARAMETER = "Parameter"
"""The class of the leaves that belong to modules; any other leaf is an input."""


def place(view: View, parts: list[Part]) -> dict[int, Item]:
    """Make the items in graph order and give the item of each record."""
    records = view.trace.records
    shown: dict[int, Item] = {}
    items: list[Item] = []
    boxes = _Boxes(view, parts)
    for part in parts:
        first = records[part.members[0]]
        kind = "operation" if part.depth is None else "module"
        item = Item(f"n{first.index}", kind, part.members, boxes.around(part), size=part.size)
        items.append(item)
        shown.update(dict.fromkeys(part.members, item))
    leaves = _stacks(view, items, shown)
    users: dict[int, list[Item]] = {}
    for r in records:
        for o in r.operands:
            if o.source is not None and o.source not in shown:
                users.setdefault(o.source, []).append(shown[r.index])
    for r in records:
        if r.index in shown:
            continue
        around = users.get(r.index, [])
        if (
            around
            and around[0].kind == "module"
            and all(u is around[0] for u in around)
            and _belongs(r, around[0], view)
        ):
            around[0].inside.append(r.index)
            shown[r.index] = around[0]
        else:
            box = boxes.common([u.box for u in around]) if r.title == PARAMETER else None
            shown[r.index] = Item(f"n{r.index}", r.kind, [r.index], box)
            leaves.append(shown[r.index])
    for item, part in zip(items, parts, strict=True):
        if part.depth is not None:
            item.text = _module_text(view.trace, item, part.depth)
    view.items = sorted([*items, *leaves], key=lambda item: item.members[0])
    return shown


def _belongs(r: Record, module: Item, view: View) -> bool:
    """Tell whether a leaf is a part of a module, not one of its inputs."""
    first = view.record(module)
    return r.title == PARAMETER or r.number > first.calls[-1].number


def _stacks(view: View, items: Iterable[Item], shown: dict[int, Item]) -> list[Item]:
    """Make one item of the leaves that the rounds of a loop take at the same place."""
    records = view.trace.records
    stacks = []
    for item in items:
        if item.kind != "operation" or len(item.members) == 1:
            continue
        for k in range(len(records[item.members[0]].operands)):
            sources = [records[m].operands[k].source for m in item.members]
            leaves = sorted({s for s in sources if s is not None and s not in shown and records[s].op is None})
            if len(leaves) > 1 and len({records[s].kind for s in leaves}) == 1:
                stack = Item(f"n{leaves[0]}", records[leaves[0]].kind, leaves, item.box)
                shown.update(dict.fromkeys(leaves, stack))
                stacks.append(stack)
    return stacks


def shared_calls(trace: Trace, parts: Iterable[Part]) -> dict[int, int]:
    """Give for each loop how many of the calls of modules around it hold all of its rounds."""
    calls: dict[int, tuple[int, ...]] = {}
    for part in parts:
        for loop, _ in part.loops:
            for m in (part.members[0], part.members[-1]):
                mine = tuple([c.number for c in trace.records[m].calls])
                calls[loop] = prefix(calls.get(loop, mine), mine)
    return {loop: len(numbers) for loop, numbers in calls.items()}


class _Boxes:
    """Makes the boxes of calls and loops as they are asked for."""

    def __init__(self, view: View, parts: list[Part]) -> None:
        self._view = view
        self._known: dict[tuple[str, int], Box] = {}
        self._shared = shared_calls(view.trace, parts)
        self._spans: dict[int, tuple[int, int]] = {}
        for part in parts:
            for loop, _ in part.loops:
                low, high = self._spans.get(loop, (part.members[0], part.members[-1]))
                self._spans[loop] = min(low, part.members[0]), max(high, part.members[-1])

    def around(self, part: Part) -> str | None:
        """Give the innermost box of a part."""
        records = self._view.trace.records
        first, last = records[part.members[0]], records[part.members[-1]]
        depth = len(first.calls) if part.depth is None else part.depth
        box: str | None = None
        at = 0
        for loop, rounds in (*part.loops, (None, 0)):
            until = depth if loop is None else min(self._shared[loop], depth)
            for level in range(at, until):
                title = first.calls[level].title
                other = last.calls[level].title if level < len(last.calls) else title
                text = title if other == title else f"{title} … {other}"
                box = self._get(("module", first.calls[level].number), text, box)
            at = max(at, until)
            if loop is not None:
                low, high = self._spans[loop]
                box = self._get(("loop", loop), f"×{rounds:,} rounds, #{low} to #{high}", box)
        return box

    def _get(self, key: tuple[str, int], title: str, parent: str | None) -> str:
        if key not in self._known:
            box = Box(f"box{len(self._known)}", key[0], title, parent)
            self._known[key] = box
            self._view.boxes[box.id] = box
        return self._known[key].id

    def common(self, ids: list[str | None]) -> str | None:
        """Give the innermost box around all of some boxes that is in no loop: what it holds is there once."""
        chains = [self._chain(id) for id in dict.fromkeys(ids)]
        shared = chains[0] if chains else ()
        for chain in chains[1:]:
            shared = prefix(shared, chain)
        box = None
        for id in shared:
            if self._view.boxes[id].kind == "loop":
                break
            box = id
        return box

    def _chain(self, id: str | None) -> tuple[str, ...]:
        chain = []
        while id is not None:
            chain.append(id)
            id = self._view.boxes[id].parent
        return tuple(reversed(chain))


def prefix(a: tuple[T, ...], b: tuple[T, ...]) -> tuple[T, ...]:
    """Give what two tuples begin with in common."""
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return a[:n]


def _module_text(trace: Trace, item: Item, depth: int) -> str:
    """Say of a folded module what it is, what goes in and comes out, and what it consists of."""
    records = trace.records
    ops = [records[m] for m in item.members[: item.size]]
    own = set(item.members) | set(item.inside)
    taken = dict.fromkeys([o.source for r in ops for o in r.operands if o.source is not None and o.source not in own])
    types = ", ".join(dict.fromkeys([records[s].value.type for s in taken]))
    counts = Counter([r.op.name for r in ops if r.op is not None])
    title = _titles(ops[0], records[item.members[-1]], depth)
    lines = [title, f"{types} → {ops[-1].value.type}" if types else ops[-1].value.type, count_text(counts)]
    parameters = [records[m] for m in item.inside if records[m].kind == "parameter"]
    if parameters:
        elements = sum([_size(r) for r in parameters])
        lines.append(parameters_text(len(parameters), elements))
    return "\n".join(lines)


def _titles(first: Record, last: Record, depth: int) -> str:
    a, b = first.calls[depth].title, last.calls[depth].title
    return a if a == b else f"{a} … {b}"


def _size(r: Record) -> int:
    n = 1
    for length in r.value.shape:
        n *= length
    return n
