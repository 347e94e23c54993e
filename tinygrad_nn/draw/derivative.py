"""The derivative of a drawn graph: the gradient of every node, what each edge adds to it, and the rule in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..symbol import Symbol
from ..walk import Node, fold, graph, reverse
from .style import clip
from .summary import Summary, short, summarize
from .trace import Record, Trace

UNPRINTABLE = "rule of {}"
WIDEST = 36
"""A formula on an edge is at most this long; the tooltip has all of it."""
_PLAIN_NAME = re.compile(r"[^\W\d][\w.]*(\[[\w'\"]+\])?")


@dataclass(slots=True)
class Backward:
    """Gradients of the sum of the roots: of each record, and of each operation in each of its inputs."""

    trace: Trace
    cotangents: dict[int, Any] = field(default_factory=dict)
    """By record: the complete gradient of what is drawn in that value, an array; empty for a freed graph."""
    freed: bool = False

    def contribution(self, r: Record, k: int) -> Any:
        """Give what operation r adds to the gradient of its input k, an array, or None where that is not known."""
        g = self.cotangents.get(r.index)
        return None if g is None else self._pull(r, k, g)

    def local(self, r: Record, k: int) -> float | None:
        """Give the local derivative of an operation of scalars, a number, or None for arrays or a freed graph."""
        t = self.trace.nodes[r.index]
        saved = t._saved
        if saved is None or np.size(saved[0]) != 1 or np.size(saved[k + 1]) != 1:
            return None
        slope = self._pull(r, k, np.ones_like(saved[0]))
        return None if slope is None else float(np.asarray(slope).item())

    def _pull(self, r: Record, k: int, g: Any) -> Any:
        t = self.trace.nodes[r.index]
        op: Any = t.op
        saved = t._saved
        if saved is None:
            return None
        with np.errstate(all="ignore"):
            if op.variadic:
                gx = op.rules[0](g, *saved, **t._params)[k]
            elif op.rules[k] is None:
                return None
            else:
                gx = op.rules[k](g, *saved, **t._params)
        gx = np.asarray(fold(gx, np.shape(saved[k + 1])))
        return gx.astype(saved[k + 1].dtype, copy=False)


def differentiate(trace: Trace) -> Backward:
    """Walk a traced graph backwards without freeing it, without hooks, and without touching any ``grad``."""
    back = Backward(trace)
    roots = [trace.nodes[i] for i in trace.roots if trace.nodes[i]._tracked and trace.nodes[i].op is not None]
    nodes = graph(roots)
    if any(t._saved is None for t in nodes):
        back.freed = True
        return back
    seeds: dict[Any, Any] = {t: np.ones_like(t._data) for t in roots}

    def visit(t: Node, g: Any) -> Any:
        # The walker adds up in place only what nothing else holds.
        back.cotangents[trace.index[t._number]] = g
        return g

    with np.errstate(all="ignore"):
        found = reverse(nodes, seeds, retain=True, visit=visit)
    for t, g in found.items():
        back.cotangents[trace.index[t._number]] = g
    for i in trace.roots:
        t = trace.nodes[i]
        if t.op is None and t._tracked:
            back.cotangents[i] = np.ones_like(t._data)
    return back


def needs_gradient(trace: Trace, index: int) -> bool:
    """Tell whether gradients flow to a record."""
    return trace.nodes[index]._tracked


def call_name(r: Record) -> str:
    """Give what formulas call a record: its name where that reads as one, its number otherwise."""
    return r.name if r.name and len(r.name) <= 24 and _PLAIN_NAME.fullmatch(r.name) else f"#{r.index}"


def formula_text(trace: Trace, r: Record, k: int, g: str = "g") -> str:
    """Write what an operation adds to the gradient of its input k, in names: ``g * cos(x)``."""
    names = [
        call_name(trace.records[o.source]) if o.source is not None else _constant_text(o.constant) for o in r.operands
    ]
    return _rule_text(trace, r, k, g, call_name(r), names)


def numbers_text(trace: Trace, r: Record, k: int, g: Any, brief: bool = False) -> str | None:
    """Write the same in numbers, ``1.0 * 3.0``; None where it is not an operation of scalars.

    ``brief`` writes four digits of each, otherwise all.
    """
    values: list[Any] = [r.value, *[o.constant or trace.records[o.source or 0].value for o in r.operands]]
    if any(v.number is None for v in values) or np.size(g) != 1:
        return None
    values.append(summarize(np.asarray(g)))
    texts = [_enclosed(short(v.number) if brief else v.text) for v in values]
    return _rule_text(trace, r, k, texts[-1], texts[0], texts[1:-1])


def edge_words(back: Backward, r: Record, k: int, single: bool) -> tuple[str, str]:
    """Give the label of an edge that a gradient flows along, and the same without abbreviations.

    The label is the formula; where it is one operation of scalars, the numbers in it and what they give, too.
    """
    trace = back.trace
    formula = formula_text(trace, r, k)
    full = [f"grad of {call_name(trace.records[r.operands[k].source or 0])} += {formula}"]
    label = [clip(formula, WIDEST)]
    g = back.cotangents.get(r.index)
    added = back.contribution(r, k) if single else None
    if added is not None and g is not None:
        result = summarize(added)
        numbers = numbers_text(trace, r, k, g)
        if result.number is not None and numbers is not None:
            brief = numbers_text(trace, r, k, g, brief=True) or ""
            number = short(result.number)
            if formula == "g":
                label[0] = f"g = {number}"
            else:
                label.append(f"= {brief} = {number}" if 0 < len(brief) <= WIDEST else f"= {number}")
            full.append(f"= {numbers} = {result.text}")
        else:
            full.append(f"{result.type}: {result.text}")
    return "\n".join(label), "\n".join(full)


def _constant_text(constant: Summary | None) -> str:
    assert constant is not None
    return _enclosed(constant.text) if constant.number is not None else f"array{constant.type}"


def _enclosed(number: str) -> str:
    return f"({number})" if number.startswith("-") else number


def _rule_text(trace: Trace, r: Record, k: int, g: str, y: str, names: Iterable[str]) -> str:
    op: Any = r.op
    t = trace.nodes[r.index]
    params = {key: v for key, v in t._params.items() if key != "residual"}
    known = {id(v): (key, v) for key, v in params.items() if isinstance(v, np.ndarray)}
    xs = []
    for name, o in zip(names, r.operands, strict=True):
        summary = trace.records[o.source].value if o.source is not None else o.constant
        assert summary is not None
        xs.append(_symbol(name, summary, known))
    try:
        if op.variadic:
            return str(op.rules[0](_symbol(g, r.value, known), _symbol(y, r.value, known), *xs, **params)[k])
        rule = op.rules[k]
        if rule is None:
            return "0"
        return str(rule(_symbol(g, r.value, known), _symbol(y, r.value, known), *xs, **params))
    except Exception:  # a user's own rule may do what only arrays can do: it computes, but it cannot be printed
        return UNPRINTABLE.format(op.name)


def _symbol(text: str, summary: Summary, known: dict[int, Any]) -> Symbol:
    try:
        dtype = np.dtype(summary.dtype)
    except TypeError:
        dtype = np.dtype(float)
    return Symbol(text, summary.shape, dtype, names=known)
