"""Why a checked function has a wrong gradient: a faulty operation, a path that is cut, or only a kink on the way."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from ..walk import Node, everything, graph
from .differences import Array, power_of_two
from .graph import OperationReport, inspect
from .inputs import place
from .level import REFUSALS, Level
from .place import place_of

#: In a larger graph operations are not checked one by one.
MOST = 5000


def find_cause(level: Level, k: int, v: Array) -> tuple[str, list[OperationReport]]:
    """Give in words what makes the derivative of leaf k along v wrong, and the operations that are at a kink.

    The words are empty where no operation is at fault and no path is cut.
    """
    nodes = graph([y for y in level.outputs if isinstance(y, Node)])
    kinks: list[OperationReport] = []
    if len(nodes) <= MOST:
        for found in inspect(reversed(nodes), {}, level.rng):
            if not found.passed:
                return f"the operation at fault is {found.title}: {found.faults[0]}", []
            if found.at_kink:
                kinks.append(found)
    return (_cut(level, k, v) if v.size else ""), kinks


def _cut(level: Level, k: int, v: Array) -> str:
    """Compare the graphs of two runs: a constant that changes with the input was computed outside of the graph."""
    leaf = level.leaves[k]
    size = float(np.max(np.abs(leaf.value[v != 0] / v[v != 0])))
    for step in (2.0**-10, -(2.0**-10), 2.0**-20):
        try:
            place(leaf, leaf.value + step * power_of_two(max(size, 1e-3)) * v)
            moved = level.call()
        except REFUSALS:
            continue
        finally:
            place(leaf, leaf.value)
        for n, (a, b) in enumerate(zip(level.outputs, moved, strict=False)):
            if not (isinstance(a, Tensor) and a.requires_grad) and not _equal(a, b):
                which = "the result" if len(moved) == 1 else f"result {n}"
                return f"{which} changes with it but is not recorded: the function gives plain numbers there"
        text = _compare(everything(level.outputs), everything(moved))
        if text:
            return text
    return ""


def _compare(before: list[Node], after: list[Node]) -> str:
    before = [t for t in before if t.op is not None]
    after = [t for t in after if t.op is not None]
    for t, u in zip(before, after, strict=False):
        if t.op is not u.op or len(t._inputs) != len(u._inputs):
            break
        assert t.op is not None
        where = f"{t.op.name} at {place_of(t)}"
        for i, (x, z) in enumerate(zip(t._inputs, u._inputs, strict=True)):
            constant = not isinstance(x, Node) or (x.op is None and not x._tracked)
            if constant and not _equal(x, z):
                kind = "an untracked tensor" if isinstance(x, Node) else "a plain array or number"
                return (
                    f"the path is cut at {where}: its input {i} is {kind} that changes with the checked input "
                    f"(detach(), .data, no_grad(), float(), or a function on plain data)"
                )
        for name in t._params.keys() & u._params.keys() - {"residual"}:
            if not _equal(t._params[name], u._params[name]):
                return f"the path is cut at {where}: its parameter {name} changes with the checked input"
    if len(before) != len(after) or any(t.op is not u.op for t, u in zip(before, after, strict=True)):
        return "the function takes another way nearby (an if or a loop that depends on values)"
    return ""


def _equal(a: Any, b: Any) -> bool:
    a = a._data if isinstance(a, Node) else a
    b = b._data if isinstance(b, Node) else b
    try:
        return bool(np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True))
    except (TypeError, ValueError):
        return a is b or repr(a) == repr(b)
