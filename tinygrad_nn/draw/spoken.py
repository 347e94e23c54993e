"""Say what one operation does, forward and backward, with the names and numbers of a graph put in."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..symbol import Symbol
from .derivative import LONGEST, Backward, call_name, constant_text, enclosed, formula_text, numbers_text, symbol_of
from .style import clip
from .summary import Summary, summarize
from .trace import Record, Trace


def forward_words(trace: Trace, r: Record) -> str:
    """Write an operation with its inputs and its result: ``a * b = 2.0 * (-3.0) = -6.0``."""
    names = [
        call_name(trace.records[o.source]) if o.source is not None else constant_text(o.constant) for o in r.operands
    ]
    text = expression(trace, r, names)
    values = [trace.records[o.source].value if o.source is not None else o.constant for o in r.operands]
    result = r.value.text or "(freed)"
    if r.value.number is not None and all(v is not None and v.number is not None for v in values):
        numbers = expression(trace, r, [enclosed(v.text) for v in values if v is not None])
        return f"{clip(text, LONGEST)} = {clip(numbers, LONGEST)} = {result}"
    text = clip(text, LONGEST)
    return f"{text} = {result}" if "\n" not in result else f"{text} =\n{result}"


def expression(trace: Trace, r: Record, names: list[str]) -> str:
    """Write an operation as the expression that it computes, its inputs called by the given names."""
    op: Any = r.op
    t = trace.nodes[r.index]
    params = {k: v for k, v in t._params.items() if k != "residual"}
    if op.formula and not op.variadic and params.keys().isdisjoint(re.findall(r"\w+", op.formula)):
        by_name = {o.name: name for o, name in zip(r.operands, names, strict=True)}
        return re.sub(r"[^\W\d]\w*", lambda m: by_name.get(m[0], m[0]), op.formula)
    known = {id(v): (k, v) for k, v in params.items() if isinstance(v, np.ndarray)}
    xs = [symbol_of(name, _outline(trace, o), known) for name, o in zip(names, r.operands, strict=True)]
    try:
        ufunc = next((f for f in op.numpy if isinstance(f, np.ufunc)), None)
        if ufunc is not None and not params:
            return str(ufunc(*xs))
        return str(Symbol.__read_op__(op, tuple(xs), params))
    except Exception:  # an operation of the user's that cannot run on stand-ins is still named with its inputs
        return f"{op.name}({', '.join(names)})"


def _outline(trace: Trace, operand: Any) -> Summary:
    summary = trace.records[operand.source].value if operand.source is not None else operand.constant
    assert summary is not None
    return summary


class Contribution:
    """What one operation adds to the gradient of one of its inputs, in words."""

    __slots__ = ("formula", "index", "numbers", "part", "result", "source")

    def __init__(self, back: Backward, r: Record, k: int) -> None:
        source = r.operands[k].source
        assert source is not None
        self.index = k
        self.source = source
        self.formula = formula_text(back.trace, r, k)
        self.part = back.contribution(r, k)
        g = back.cotangents.get(r.index)
        self.numbers = None if self.part is None else numbers_text(back.trace, r, k, g)
        self.result = None if self.part is None else summarize(self.part).text


def contributions(back: Backward, r: Record) -> list[Contribution]:
    """Give what an operation adds to the gradients of its inputs, in order; nothing for inputs that need none."""
    op: Any = r.op
    return [
        Contribution(back, r, k)
        for k, o in enumerate(r.operands)
        if o.source is not None and back.trace.nodes[o.source]._tracked and (op.variadic or op.rules[k] is not None)
    ]
