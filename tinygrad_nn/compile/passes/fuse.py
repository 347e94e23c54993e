"""Fusion: element-wise calls on large arrays of one shape become one loop over blocks that stay in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..blocks import Group
from ..program import Program, Value, operands

#: Arrays below this many elements fit the cache as they are.
LEAST = 1 << 16
#: Below so many elements a loop over blocks pays from so many calls on.
LARGE, FEW = 1 << 18, 4


def _scalar(x: Any) -> bool:
    return type(x) in (int, float) or (isinstance(x, Value) and not x.shape and x.kind != "effect")


def _through(x: Any) -> Any:
    """Give the number that an operand is a broadcast copy of, or the operand itself."""
    while isinstance(x, Value) and x.kind == "call" and x.fn in (np.broadcast_to, np.full):
        inner = x.args[-1]
        if not isinstance(inner, Value) or inner.shape:
            break
        x = inner
    return x


def _elementwise(v: Value) -> bool:
    """Tell whether a call can run block by block."""
    if v.kind != "call" or not isinstance(v.fn, np.ufunc) or v.params or v.size < LEAST or v.order != "C":
        return False
    if v.fn.nout != 1 or v.fn.signature is not None or v.dtype.kind not in "fb" or len(v.args) > 2:
        return False
    args = [_through(a) for a in v.args]
    whole = [a for a in args if isinstance(a, Value) and a.shape == v.shape and a.order == "C" and a.dtype is not None]
    return bool(whole) and all(_scalar(a) or any(a is w for w in whole) for a in args)


def _sum(v: Value, members: dict[Value, None]) -> bool:
    """Tell whether a call adds up all of a member."""
    if v.kind != "call" or v.fn is not np.sum or v.shape or v.dtype.kind != "f" or len(v.args) != 1:
        return False
    x = v.args[0]
    return (
        x in members and set(v.params) <= {"axis", "keepdims"} and v.params.get("axis") is None and x.dtype == v.dtype
    )


def fuse(program: Program) -> Program:
    """Give the program with runs of element-wise calls as groups; sums of their results are added up on the way."""
    body: list[Value] = []
    members: dict[Value, None] = {}
    waiting: set[Value] = set()

    def close() -> None:
        calls = [m for m in members if m.fn is not np.sum]
        if len(calls) >= (2 if calls[0].size >= LARGE else FEW):
            body.append(Value("fused", data=list(members), number=next(iter(members)).number))
        else:
            body.extend(members)
        members.clear()
        waiting.clear()

    for v in program.body:
        fits = _elementwise(v)
        if members and fits and v.shape != next(iter(members)).shape:
            close()
        if fits and not any(x in waiting for x in operands(v)):
            members[v] = None
        elif members and _sum(v, members):
            members[v] = None
            waiting.add(v)
        else:
            if members and (v.kind == "effect" or any(x in members for x in operands(v))):
                close()
                if fits:
                    members[v] = None
                    continue
            body.append(v)
    if members:
        close()
    return _outlined(program, body)


def _outlined(program: Program, body: list[Value]) -> Program:
    """Work out what each group takes and gives."""
    later: dict[Value, int] = {}
    for i, v in enumerate(body):
        for m in v.data if v.kind == "fused" else (v,):
            for x in operands(m):
                later[x] = i
    for x in program.outputs:
        if isinstance(x, Value):
            later[x] = len(body)
    for i, v in enumerate(body):
        if v.kind != "fused":
            continue
        mine = set(v.data)
        takes: dict[Value, None] = {}
        for m in v.data:
            m.args = tuple([_through(a) for a in m.args])
            for x in operands(m):
                if x not in mine:
                    takes[x] = None
        gives = [m for m in v.data if later.get(m, -1) > i]
        v.args = tuple(takes)
        v.data = Group(v.data, list(takes), gives)
    # A broadcast copy that only groups used is not needed any more.
    used = {x for v in body for x in operands(v)} | {x for x in program.outputs if isinstance(x, Value)}
    body = [v for v in body if v.kind != "call" or v.fn is not np.broadcast_to or v in used]
    return program.replaced(body)
