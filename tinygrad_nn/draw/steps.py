"""Tell the story of a graph step by step: forward, then backward, each with the rule and its numbers in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..convert import on_host
from .derivative import Backward, call_name
from .spoken import Contribution, contributions, forward_words
from .summary import Summary, summarize
from .trace import Record, Trace

LISTED = 4
"""Of up to so many parts of a gradient the sum is written out."""


@dataclass(slots=True)
class Step:
    """One moment: what is at work, what is said of it, and the gradients that it changes."""

    record: int
    phase: str
    """``forward``, ``seed`` or ``backward``."""
    lines: list[tuple[str, str]]
    """What is said: a kind (``head``, ``rule``, ``why``, ``sum``) and a text."""
    grads: list[tuple[int, str]] = field(default_factory=list)
    """By record: what its gradient is from now on, in words."""


def tell(trace: Trace, back: Backward, shown: set[int]) -> list[Step]:
    """Give the steps of the shown records, forward in the order of recording and then backward in reverse."""
    steps = [
        Step(r.index, "forward", [("head", f"forward: {_called(r)}"), ("rule", forward_words(trace, r))])
        for r in trace.records
        if r.op is not None and r.index in shown
    ]
    return steps + _backward(trace, back, shown)


def _called(r: Record) -> str:
    return f"#{r.index} {r.name} = {r.title}" if r.name else f"#{r.index} {r.title}"


def _backward(trace: Trace, back: Backward, shown: set[int]) -> list[Step]:
    parts = _all_contributions(trace, back, shown)
    expected = Counter([c.source for cs in parts.values() for c in cs])
    roots = [i for i in dict.fromkeys(trace.roots) if trace.nodes[i]._tracked]
    steps = [_seed(trace, i) for i in roots]
    sums: dict[int, Any] = {i: np.ones_like(trace.nodes[i]._data) if _whole(trace, i) else None for i in roots}
    texts: dict[int, list[str]] = {i: ["1"] for i in roots}
    arrived: Counter[int] = Counter()
    for index, cs in parts.items():
        r = trace.records[index]
        lines = [("head", f"backward: {_called(r)}"), ("why", _why(trace, back, r, expected[index], index in roots))]
        grads = []
        for c in cs:
            arrived[c.source] += 1
            if c.part is None or (c.source in sums and sums[c.source] is None):
                sums[c.source] = None
            else:
                sums[c.source] = c.part if c.source not in sums else sums[c.source] + c.part
            texts.setdefault(c.source, []).append(c.result or c.formula)
            target = trace.records[c.source]
            lines.append(("rule", _rule(target, c)))
            done = arrived[c.source] == expected[c.source]
            total = None if sums[c.source] is None else summarize(on_host(sums[c.source]))
            lines.append(("sum", _sum(target, total, texts[c.source], arrived[c.source], expected[c.source])))
            state = "" if done else f" ({arrived[c.source]} of {expected[c.source]} parts)"
            grads.append((c.source, ("?" if total is None else total.text) + state))
        steps.append(Step(index, "backward", lines, grads))
    return steps


def _whole(trace: Trace, index: int) -> bool:
    return hasattr(trace.nodes[index]._data, "nbytes")


def _all_contributions(trace: Trace, back: Backward, shown: set[int]) -> dict[int, list[Contribution]]:
    """Give the contributions of each operation that a gradient reaches, the last operation first."""
    reached = set(trace.roots)
    found: dict[int, list[Contribution]] = {}
    for r in reversed(trace.records):
        if r.op is None or r.index not in reached or r.index not in shown or not trace.nodes[r.index]._tracked:
            continue
        found[r.index] = contributions(back, r)
        reached.update([c.source for c in found[r.index]])
    return found


def _seed(trace: Trace, index: int) -> Step:
    r = trace.records[index]
    one = "1" if r.value.shape == () else f"ones of shape {r.value.shape}"
    name = call_name(r)
    lines = [
        ("head", f"backward begins: grad of {name} = {one}"),
        ("why", f"{name} changes by 1 where {name} changes by 1: the derivative of the result in itself"),
    ]
    ones = summarize(np.ones_like(trace.nodes[index]._data)).text if _whole(trace, index) else one
    return Step(index, "seed", lines, [(index, ones)])


def _why(trace: Trace, back: Backward, r: Record, users: int, root: bool) -> str:
    g = back.cotangents.get(r.index)
    arriving = "" if g is None else f": g = {summarize(on_host(g)).text}"
    name = call_name(r)
    if root and not users:
        return f"it is the result, so its gradient is known{arriving}"
    who = f"the one operation that uses {name} has" if users == 1 else f"all {users:,} uses of {name} have"
    parts = "its part" if users == 1 else "their parts"
    return f"{who} sent {parts}, so the gradient is complete{arriving}"


def _rule(target: Record, c: Contribution) -> str:
    text = f"grad of {call_name(target)} += {c.formula}"
    if c.result is None:
        return f"{text}  (the values are freed)"
    if c.numbers is not None and c.numbers != c.result:
        text += f" = {c.numbers}"
    return f"{text} = {c.result}" if "\n" not in c.result else f"{text} =\n{c.result}"


def _sum(target: Record, total: Summary | None, parts: list[str], arrived: int, expected: int) -> str:
    name = call_name(target)
    value = "not known" if total is None else total.text
    space = "\n" if "\n" in value else " "
    if arrived < expected:
        return f"grad of {name} so far:{space}{value}  ({arrived} of {expected} parts; it must wait for the rest)"
    if len(parts) == 1:
        return f"grad of {name} is complete"
    if len(parts) <= LISTED and total is not None and total.number is not None:
        terms = " + ".join([f"({p})" if p.startswith("-") else p for p in parts])
        return f"grad of {name} = {terms} = {value}: complete, all {expected} parts are in"
    return f"grad of {name}:{space}{value}  (complete: the sum of {len(parts):,} parts)"
