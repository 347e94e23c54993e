"""The derivative of a drawn graph: the gradient of every node, what each edge adds to it, and the rule in words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..convert import on_host
from ..symbol import Symbol
from ..walk import Node, Outline, fold, graph, reverse
from .style import clip
from .summary import Summary, shape_text, short, summarize
from .trace import Record, Trace

UNPRINTABLE = "rule of {}"
WIDEST = 36
"""A formula on an edge is at most this long; the tooltip has all of it."""
LONGEST = 1000
"""A formula is nowhere longer than this: that of a whole unrolled layer would fill pages."""
MANY = 16
"""An operation of more inputs than this has no field for each."""
_PLAIN_NAME = re.compile(r"[\w.]*[^\W\d][\w.]*(\[[\w'\"]+\])?")


@dataclass(slots=True)
class Backward:
    """Gradients of the sum of the roots: of each record, and of each operation in each of its inputs."""

    trace: Trace
    cotangents: dict[int, Any] = field(default_factory=dict)
    """By record: the complete gradient of what is drawn in that value, an array. A freed graph has the small ones."""

    def contribution(self, r: Record, k: int) -> Any:
        """Give what operation r adds to the gradient of its input k, an array, or None where that is not known."""
        g = self.cotangents.get(r.index)
        saved = values_of(self.trace, r)
        if g is None or saved is None:
            return None
        t = self.trace.nodes[r.index]
        op: Any = t.op
        with np.errstate(all="ignore"):
            if op.variadic:
                gx = op.rules[0](g, *saved, **t._params)[k]
            elif op.rules[k] is None:
                return None
            else:
                gx = op.rules[k](g, *saved, **t._params)
        gx = on_host(fold(gx, np.shape(saved[k + 1])))
        return gx.astype(saved[k + 1].dtype, copy=False)


def values_of(trace: Trace, r: Record) -> tuple[Any, ...] | None:
    """Give the result and the inputs of an operation as recorded; None where a backward pass has freed one of them."""
    t = trace.nodes[r.index]
    if t._saved is not None:
        return t._saved
    if r.index in trace.stale:
        return None
    values = tuple([x._data if isinstance(x, Node) else x for x in (t, *t._inputs)])
    return None if any(isinstance(v, Outline) for v in values) else values


def differentiate(trace: Trace) -> Backward:
    """Walk a traced graph backwards without freeing it, without hooks, and without touching any ``grad``.

    Of a graph that is freed already it takes the small gradients that the backward pass has left there.
    """
    back = Backward(trace)
    roots = [trace.nodes[i] for i in trace.roots if trace.nodes[i]._tracked]
    nodes = graph(roots)
    if any(t._saved is None for t in nodes):
        _collect(back)
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
    return back


def _collect(back: Backward) -> None:
    trace = back.trace
    incoming: dict[int, list[tuple[Record, int]]] = {}
    for r in trace.records:
        t = trace.nodes[r.index]
        if t._cotangent is not None:
            back.cotangents[r.index] = t._cotangent
        for k, o in enumerate(r.operands):
            if o.source is not None and trace.nodes[o.source].op is None and trace.nodes[o.source]._tracked:
                incoming.setdefault(o.source, []).append((r, k))
    for leaf, uses in incoming.items():
        # Not its .grad, which may hold what other backward passes have added.
        parts = [back.contribution(r, k) for r, k in uses]
        if all(part is not None for part in parts):
            back.cotangents[leaf] = sum(parts[1:], parts[0])


def needs_gradient(trace: Trace, index: int) -> bool:
    """Tell whether gradients flow to a record."""
    return trace.nodes[index]._tracked


def call_name(r: Record) -> str:
    """Give what formulas call a record: its name where that reads as one, its number otherwise."""
    return r.name if r.name and len(r.name) <= 24 and _PLAIN_NAME.fullmatch(r.name) else f"#{r.index}"


def formula_text(trace: Trace, r: Record, k: int, g: str = "g") -> str:
    """Write what an operation adds to the gradient of its input k, in names: ``g * cos(x)``."""
    names = [
        call_name(trace.records[o.source]) if o.source is not None else constant_text(o.constant) for o in r.operands
    ]
    if len(names) <= MANY:
        for i, (o, side) in enumerate(zip(r.operands, side_names(r), strict=True)):
            # The node's field of that input says what array it is.
            if o.constant is not None and o.constant.number is None and side not in names and side.isidentifier():
                names[i] = side
    return _rule_text(trace, r, k, g, call_name(r), names)


def side_names(r: Record) -> list[str]:
    """Name the inputs of an operation as its rule does; where those are letters, by their side or place."""
    names = [o.name for o in r.operands]
    if any(len(name) > 1 for name in names):
        return names
    return ["left", "right"] if len(names) == 2 else [str(k + 1) for k in range(len(names))]


def numbers_text(trace: Trace, r: Record, k: int, g: Any, brief: bool = False) -> str | None:
    """Write the same in numbers, ``1.0 * 3.0``; None where it is not an operation of scalars.

    ``brief`` writes four digits of each, otherwise all.
    """
    values: list[Any] = [r.value, *[o.constant or trace.records[o.source or 0].value for o in r.operands]]
    if any(v.number is None for v in values) or np.size(g) != 1:
        return None
    values.append(summarize(on_host(g)))
    texts = [enclosed(short(v.number) if brief else v.text) for v in values]
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
                label.append(f"= {brief} = {number}" if 0 < len(brief) <= WIDEST and brief != number else f"= {number}")
            full.append(
                f"= {result.text}" if formula == "g" or numbers == result.text else f"= {numbers} = {result.text}"
            )
        else:
            full.append(f"{result.type}: {result.text}")
    return "\n".join(label), "\n".join(full)


def constant_text(constant: Summary | None) -> str:
    """Write a constant in a formula: a number, or the outline of an array."""
    assert constant is not None
    return enclosed(constant.text) if constant.number is not None else f"array{constant.type}"


def enclosed(number: str) -> str:
    """Write a negative number in parentheses, as it stands in a product."""
    return f"({number})" if number.startswith("-") else number


def _rule_text(trace: Trace, r: Record, k: int, g: str, y: str, names: list[str]) -> str:
    op: Any = r.op
    t = trace.nodes[r.index]
    params = {key: v for key, v in t._params.items() if key != "residual"}
    known = {id(v): (key, v) for key, v in params.items() if isinstance(v, np.ndarray)}
    xs: list[Any] = []
    for name, o in zip(names, r.operands, strict=True):
        summary = trace.records[o.source].value if o.source is not None else o.constant
        assert summary is not None
        plain = t._inputs[len(xs)] if op.name in ("power", "float_power") else None
        # A plain number reaches the rule as it is: x**3 has a shorter rule than x**y.
        xs.append(plain if type(plain) in (int, float) else symbol_of(name, summary, known))
    try:
        gy = symbol_of(g, r.value, known), symbol_of(y, r.value, known)
        if op.variadic:
            text = str(op.rules[0](*gy, *xs, **params)[k])
        else:
            rule = op.rules[k]
            text = "0" if rule is None else str(rule(*gy, *xs, **params))
    except Exception:  # a user's own rule may do what only arrays can do: it computes, but it cannot be printed
        return UNPRINTABLE.format(op.name)
    return clip(_with_constants(text, known, names), LONGEST)


def _with_constants(text: str, known: dict[int, Any], names: list[str]) -> str:
    """Write arrays of equal elements that a rule has made as what they are, not as c0, c1."""
    for name, array in known.values():
        if re.fullmatch(r"c\d+", name) and name not in names and array.size and (array == array.flat[0]).all():
            value, shape = array.flat[0], shape_text(array.shape)
            text = re.sub(rf"\b{name}\b", f"ones({shape})" if value == 1 else f"full({shape}, {value})", text)
    return text


def symbol_of(text: str, summary: Summary, known: dict[int, Any]) -> Symbol:
    """Give a symbol of that text with the shape and dtype of a summarized array."""
    try:
        dtype = np.dtype(summary.dtype)
    except TypeError:
        dtype = np.dtype(float)
    return Symbol(text, summary.shape, dtype, names=known)
