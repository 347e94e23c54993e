"""The program: a straight list of values, each a call of a NumPy function on earlier ones, built from a trace."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from ..walk import Node
from .trace import Tracer
from .traced import Effect, GradOf


class Value:
    """One value of a program.

    ``kind`` is "input" (an argument), "read" (a tensor's array), "grad" (a leaf's gradient), "const", "call" (of ``fn``
    on ``args`` and ``params``), "part" (of a call that gives several arrays) or "effect".
    """

    __slots__ = (
        "args", "data", "dtype", "err", "fixed", "fn", "hint", "kind", "name", "number", "op", "order", "params",
        "role", "shape", "version", "where",
    )  # fmt: skip

    fn: Any
    op: Any
    data: Any
    hint: Any
    name: Any
    where: Any
    err: Any
    role: Any

    def __init__(self, kind: str, **parts: Any) -> None:
        self.kind = kind
        self.args: tuple[Any, ...] = ()
        self.params: dict[str, Any] = {}
        self.fn = self.op = self.data = self.hint = self.name = self.where = self.err = self.role = None
        self.fixed = False
        self.version = self.number = 0
        self.shape: tuple[int, ...] = ()
        self.dtype: Any = None
        self.order = "C"
        for k, v in parts.items():
            setattr(self, k, v)

    def __repr__(self) -> str:
        what = self.op.name if self.op is not None else getattr(self.fn, "__name__", "")
        return f"<{self.kind} {what} {self.shape}>"

    size = property(lambda self: int(np.prod(self.shape, dtype=np.int64)))
    nbytes = property(lambda self: self.size * (self.dtype.itemsize if self.dtype is not None else 0))


class Program:
    """A straight-line program: ``body`` in order (calls, parts and effects), and the values that it gives."""

    def __init__(self, body: list[Value], outputs: list[Value], inputs: list[Value]) -> None:
        self.body = body
        self.outputs = outputs
        self.inputs = inputs

    def replaced(self, body: list[Value], swap: dict[Value, Any] | None = None) -> Program:
        """Give the program with another body, and values swapped for others in calls and outputs."""
        if not swap:
            return Program(body, self.outputs, self.inputs)
        for v in body:
            v.args = tuple([mapped(a, swap) for a in v.args])
            if v.params:
                v.params = {k: mapped(p, swap) for k, p in v.params.items()}
        return Program(body, [_final(v, swap) for v in self.outputs], self.inputs)


def _final(v: Any, swap: dict[Value, Any]) -> Any:
    while isinstance(v, Value) and v in swap:
        v = swap[v]
    return v


def mapped(x: Any, swap: dict[Value, Any]) -> Any:
    """Swap values in an argument, nested tuples and lists included."""
    if isinstance(x, Value):
        return _final(x, swap)
    if type(x) in (tuple, list):
        return type(x)([mapped(v, swap) for v in x])
    return x


def values_in(x: Any) -> Iterator[Value]:
    """Give the values in an argument."""
    if isinstance(x, Value):
        yield x
    elif type(x) in (tuple, list):
        for v in x:
            yield from values_in(v)


def operands(v: Value) -> Iterator[Value]:
    """Give the values that a value is computed from, repeated ones repeatedly."""
    for a in v.args:
        if isinstance(a, Value):
            yield a
        elif type(a) in (tuple, list):
            yield from values_in(a)
    for p in v.params.values():
        if isinstance(p, (Value, tuple, list)):
            yield from values_in(p)


def uses(program: Program) -> dict[Value, int]:
    """Count how often each value is used, as an output too."""
    n: dict[Value, int] = {}
    for v in program.body:
        for x in operands(v):
            n[x] = n.get(x, 0) + 1
    for x in program.outputs:
        n[x] = n.get(x, 0) + 1
    return n


def order_of(a: Any) -> str:
    """Give how an array lies in memory: C, F or neither (A)."""
    if type(a) is not ndarray or a.flags.c_contiguous:
        return "C"
    return "F" if a.flags.f_contiguous else "A"


class Builder:
    """What makes a program of a trace: ``expand(op)`` says which operations are shown as what they are made of."""

    def __init__(self, tracer: Tracer, expand: Callable[[Any, Any], bool]) -> None:
        self.tracer = tracer
        self.expand = expand
        self.values: dict[Any, Value] = {}
        self.consts: dict[Any, Value] = {}
        self.reads: dict[Any, Value] = {}
        self.body: list[Value] = []
        self.worked: dict[Effect, Value] = {}
        #: The operation that a node is the last part of.
        self.outer: dict[Any, str] = {}
        self.marks = [e.number for e in tracer.effects if e.kind in ("call", "write")]

    def build(self, outputs: list[Any], effects: list[Effect]) -> Program:
        """Give the program that computes the outputs and works the effects."""
        nodes = self._needed(list(_nodes_in([*outputs, *[e.__dict__["value"] for e in effects]])))
        steps: list[tuple[int, Any]] = [(t._number, t) for t in nodes]
        steps += [(e.number, e) for e in effects]
        steps.sort(key=lambda s: s[0])
        self.body = body = []
        for number, step in steps:
            if isinstance(step, Effect):
                value = step.__dict__.get("value")
                v = Value("effect", data=step, number=number)
                if value is not None:
                    v.args = (self.value(value, number),) if step.kind != "call" else self.value(value, number)
                self.worked[step] = v
                body.append(v)
            else:
                self._call(step)
        out = [self.value(t, 1 << 62) for t in outputs]
        for g, t in self.tracer.cotangents.items():
            found = self.values.get(self._target(g))
            if found is not None and found.hint is None:
                found.hint = self.values.get(self._target(t)) or self.reads.get(("read", t, 0))
        return Program(body, out, [])

    def _target(self, t: Any) -> Any:
        """Follow a tensor to what it is the same as."""
        tracer: Any = self.tracer
        while hasattr(t, "_inputs"):
            if t in tracer.alias:
                t = tracer.alias[t]
            elif t.op is not None and t._number >= tracer.start and t.op.name == "same":
                t = t._inputs[0]
            elif t in tracer.inside and self.expand(t, tracer.inside[t]):
                inner = self._target(tracer.inside[t])
                self.outer.setdefault(inner, t.op.name)
                return inner
            else:
                return t
        return t

    def _needed(self, roots: list[Any]) -> list[Any]:
        tracer = self.tracer
        seen: set[Any] = set()
        stack = [self._target(r) for r in roots]
        nodes = []
        while stack:
            t = stack.pop()
            if not isinstance(t, Node) or t in seen:
                continue
            seen.add(t)
            if t in tracer.parts:
                stack.append(tracer.parts[t][0])
            elif t.op is not None and t._number >= tracer.start and t not in tracer.inputs:
                nodes.append(t)
                stack += [self._target(x) for x in _nodes_in((*t._inputs, *_own_params(t).values()))]
        return nodes

    def _call(self, t: Any) -> None:
        """Add the call that a node is, and for an operation with a residual the part that is its result."""
        op = t.op
        args = tuple([self.value(x, t._number) for x in t._inputs])
        params = {k: self.value(v, t._number) for k, v in _own_params(t).items()}
        call = Value(
            "call", op=op, fn=op.fn, args=args, params=params, shape=t._data.shape, dtype=t._data.dtype,
            order=order_of(t._data), where=t._where, number=t._number, err=self.tracer.errstate.get(t),
            role=t, name=self.outer.get(t, op.name),
        )  # fmt: skip
        self.body.append(call)
        if not op.residual:
            self.values[t] = call
            return
        first = Value(
            "part", op=op, args=(call,), data=(0,), shape=call.shape, dtype=call.dtype, order=call.order,
            where=t._where, number=t._number, role=t,
        )  # fmt: skip
        self.values[t] = first
        self.values[t, "all"] = call
        self.body.append(first)

    def value(self, x: Any, number: int) -> Any:
        """Give the value that a tensor, an array, a number or a container of them is at a place of the trace."""
        if isinstance(x, Node):
            return self._tensor(x, number)
        if isinstance(x, GradOf):
            return self._kept(self.reads, ("grad", x.leaf, x.version), lambda: self._read("grad", x.leaf, x.version))
        if type(x) is ndarray:
            return self._const(x, x.base is None and not x.flags.writeable)
        if isinstance(x, np.generic):
            return self._const(x, True)
        if isinstance(x, (tuple, list)) and not hasattr(x, "_fields"):
            return type(x)([self.value(v, number) for v in x])
        if isinstance(x, dict):
            return tuple([(k, self.value(v, number)) for k, v in x.items()])
        return x

    def _tensor(self, t: Any, number: int) -> Any:
        tracer = self.tracer
        t = self._target(t)
        if not isinstance(t, Node):
            return self.value(t, number)
        if t in self.values:
            return self.values[t]
        if t in tracer.inputs:
            v = Value("input", data=tracer.inputs[t], shape=t._data.shape, dtype=t._data.dtype, role=t)
            v.order = order_of(t._data)
        elif t in tracer.results:
            v = self.worked[tracer.results[t]]
            v.shape, v.dtype = t._data.shape, t._data.dtype
        elif t in tracer.parts:
            node, way = tracer.parts[t]
            whole = self.values[node, "all"]
            v = Value("part", args=(whole,), data=way, shape=t._data.shape, dtype=t._data.dtype, number=t._number)
            v.order = order_of(t._data)
            self.body.append(v)
        elif t._number < tracer.start:
            version = bisect_left(self.marks, number)
            return self._kept(self.reads, ("read", t, version), lambda: self._read("read", t, version))
        else:
            return self._const(t._data, True)
        self.values[t] = v
        return v

    def _const(self, a: Any, fixed: bool) -> Value:
        key = (type(a), a.dtype, a.tobytes()) if isinstance(a, np.generic) else id(a)

        def make() -> Value:
            return Value("const", data=a, shape=a.shape, dtype=a.dtype, order=order_of(a), fixed=fixed)

        v = self._kept(self.consts, key, make)
        return v

    def _read(self, kind: str, leaf: Any, version: int) -> Value:
        a = leaf._data
        v = Value(kind, data=leaf, shape=a.shape, dtype=a.dtype, version=version, order=order_of(a), role=leaf)
        if version:
            self.body.append(v)
        return v

    @staticmethod
    def _kept(box: dict[Any, Value], key: Any, make: Callable[[], Value]) -> Value:
        if key not in box:
            box[key] = make()
        return box[key]


def _own_params(t: Any) -> dict[str, Any]:
    params = t._params
    return {k: v for k, v in params.items() if k != "residual"} if "residual" in params else params


def _nodes_in(xs: Iterable[Any]) -> Iterator[Any]:
    for x in xs:
        if isinstance(x, Node):
            yield x
        elif isinstance(x, (tuple, list)):
            yield from _nodes_in(x)
        elif isinstance(x, dict):
            yield from _nodes_in(x.values())
