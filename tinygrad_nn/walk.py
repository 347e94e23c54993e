"""Walks over a recorded graph: topological order, the reverse walk, the forward walk. No recursion, no mathematics.

A node remembers the operation that made it, its inputs and the values that were there. Nodes are numbered as they
are made, and an input is always made before what is computed from it: descending numbers are a topological order.
The duties that all rules share live here: folding a broadcast gradient back, keeping the dtype, adding up.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from itertools import count
from operator import add, attrgetter
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray

from . import own
from .convert import Foreign, advice, nothing
from .mode import tracing
from .op import Op

#: Values above this many bytes leave the skeleton that a freed graph keeps for pictures and explanations.
KEPT_BYTES = 16384

next_number = count().__next__
number_of = attrgetter("_number")


class Node:
    """What the walkers need to know of a tensor."""

    __slots__ = (
        "_cotangent",
        "_data",
        "_exposed",
        "_inputs",
        "_number",
        "_params",
        "_saved",
        "_tracked",
        "_where",
        "op",
    )

    _cotangent: Any
    """What the last backward pass brought here, if it is small: for pictures. On leaves None."""
    _data: Any
    """The value: an array, or a NumPy number (which nobody can write to) for a 0-d result."""
    _exposed: bool
    """Whether somebody outside may hold the array ``_data`` and write to it."""
    _inputs: tuple[Any, ...]
    """The operands: tensors, and constants as the graph's own copies."""
    _number: int
    """Nodes are numbered as they are made."""
    _params: dict[str, Any]
    _saved: tuple[Any, ...] | None
    """The result and the inputs as arrays, as the rules take them; None on a leaf and in a freed graph."""
    _tracked: bool
    """Whether it needs a gradient."""
    _where: tuple[Any, int] | None
    """The code and the instruction in the user's program that made it."""
    op: Op | None
    """The operation that made it; None for a leaf."""

    def _guarded(self) -> Any:
        """Give the array for a graph to keep: a copy if somebody outside may still write to it."""
        a = self._data
        if type(a) is ndarray and (a.base is not None or getrefcount(a) > SOLE):
            return a.copy("K")
        if isinstance(a, Foreign) and (getattr(a, "base", None) is not None or getrefcount(a) > SOLE):
            return a.copy()
        self._exposed = False
        return a


class Outline:
    """The shape and dtype of an array that a freed graph no longer holds."""

    __slots__ = ("dtype", "shape")

    def __init__(self, array: Any) -> None:
        self.shape = array.shape
        self.dtype = array.dtype


class GraphFreedError(RuntimeError):
    """Raised when a walk meets a graph whose saved values an earlier backward pass has freed."""


class ChangedError(RuntimeError):
    """Raised when a tensor that a recorded rule would read has been written to after it was recorded."""


def graph(roots: Iterable[Node], since: int = -1) -> list[Node]:
    """Give the recorded nodes that the roots depend on and that need a gradient, newest first, leaves left out.

    Nodes numbered below ``since`` are left out too: they cannot depend on a node made then.
    """
    seen = {t for t in roots if t.op is not None and t._number >= since}
    stack = list(seen)
    nodes = []
    while stack:
        t = stack.pop()
        nodes.append(t)
        for x in t._inputs:
            if isinstance(x, Node) and x.op is not None and x._tracked and x not in seen and x._number >= since:
                seen.add(x)
                stack.append(x)
    nodes.sort(key=number_of, reverse=True)
    return nodes


def between(roots: Iterable[Node], targets: Iterable[Node], since: int = 0) -> tuple[list[Node], set[Node]]:
    """Give the recorded nodes on a path from a target to a root, newest first, and all that depends on a target.

    Nodes numbered below ``since`` count as leaves.
    """
    live = set(targets)
    nodes = []
    for t in reversed(graph(roots, max(since, min([t._number for t in live], default=0)))):
        if not live.isdisjoint([x for x in t._inputs if isinstance(x, Node)]):
            live.add(t)
            nodes.append(t)
    nodes.reverse()
    return nodes, live


def everything(roots: Iterable[Any]) -> list[Node]:
    """Give every node that the roots depend on, leaves and constants included, oldest first."""
    seen = {t for t in roots if isinstance(t, Node)}
    stack = list(seen)
    while stack:
        t = stack.pop()
        for x in t._inputs:
            if isinstance(x, Node) and x not in seen:
                seen.add(x)
                stack.append(x)
    return sorted(seen, key=number_of)


def fold(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a gradient over the axes along which its input was broadcast, back to the input's shape."""
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    if extra > 0:
        over = tuple(range(extra))
        # What np.sum comes to for an array, without its wrapper.
        g = np.add.reduce(g, over) if type(g) is ndarray else np.sum(g, axis=over)
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    if axes:
        g = np.sum(g, axis=axes, keepdims=True)
    return np.broadcast_to(g, shape) if g.shape != shape else g


def _calibrate() -> int:
    def probe(box: dict[int, Any]) -> int:
        a = box[0]
        return getrefcount(a)

    return probe({0: np.zeros(1)})


#: What getrefcount says inside a function of an array that only one container and one local variable hold.
SOLE = _calibrate()


def accumulate(box: dict[Any, Any], key: Any, g: Any) -> None:
    """Add an array g to box[key], in place where nothing else can see the array there."""
    a = box[key]
    # In C order only: elsewhere the sum of two arrays may lie otherwise than the first of them.
    if type(a) is ndarray and a.base is None and getrefcount(a) == SOLE and a.flags.c_contiguous:
        a += g
    else:
        box[key] = a + g


def slim(nodes: list[Node]) -> None:
    """Leave of a freed graph a skeleton for pictures and explanations: operations, shapes, small values."""
    outlines: dict[Any, Any] = {}
    for t in reversed(nodes):
        inputs = t._inputs
        for x in inputs:
            if x in outlines if isinstance(x, Node) else getattr(x, "nbytes", 0) > KEPT_BYTES:
                t._inputs = tuple([_outlined(v, outlines) for v in inputs])
                break
        if t._data.nbytes > KEPT_BYTES:
            outlines[t] = ghost(t)


def _outlined(x: Any, outlines: dict[Any, Any]) -> Any:
    if isinstance(x, Node):
        return outlines.get(x, x)
    return Outline(x) if getattr(x, "nbytes", 0) > KEPT_BYTES else x


class Ghost(Node):
    """A stand-in for a node whose value is gone; its name is for pictures."""

    __slots__ = ("name",)
    name: str | None


def ghost(t: Node) -> Node:
    """Give a stand-in for a node, with the outline of its value in place of the value."""
    copy = Ghost()
    copy.name = getattr(t, "name", None)
    copy._cotangent = t._cotangent
    copy._data = Outline(t._data)
    copy._exposed = False
    copy._inputs = t._inputs
    copy._number = t._number
    copy._params = t._params
    copy._saved = None
    copy._tracked = t._tracked
    copy._where = t._where
    copy.op = t.op
    return copy


def reverse(
    nodes: list[Node],
    cotangents: dict[Any, Any],
    *,
    record: bool = False,
    retain: bool = False,
    live: set[Node] | None = None,
    wanted: Container[Node] = (),
    visit: Callable[[Node, Any], Any] | None = None,
    keep: bool = False,
) -> dict[Any, Any]:
    """Walk a graph from its outputs to its inputs and give the cotangents of leaves (and of wanted nodes).

    ``nodes`` come from :func:`graph` or :func:`between`, with its ``live`` set; ``cotangents`` maps the roots to their
    seeds and is used up. With ``record`` the rules run on tensors, so that the result has a graph of its own;
    otherwise they run on raw arrays. ``visit(node, cotangent)`` sees each node's complete cotangent and gives it back
    or another one; ``keep`` leaves small cotangents on the nodes.
    """
    if not record and tracing() is not None:
        return tracing().reverse(nodes, cotangents, retain, live, wanted)
    for t in nodes:
        if t._saved is None:
            raise GraphFreedError(
                f"{t.op.name if t.op else 'backward'}: this graph was freed by an earlier backward pass; "
                f"call backward(retain_graph=True) the first time, or compute the result anew"
            )
    large = False
    plus = _plus if record else accumulate
    pop = cotangents.pop
    for t in nodes:
        # All that use t have had their turn, so that what has arrived here is complete.
        g = cotangents.get(t) if wanted and t in wanted else pop(t, None)
        if g is not None:
            if visit is not None:
                g = visit(t, g)
            saved: Any = t._saved
            op: Any = t.op
            params = t._params
            args = saved
            if record:
                args, params = recorded(t)
            if saved[0].nbytes > KEPT_BYTES:
                large = True
            elif keep:
                t._cotangent = g
            i = 0
            try:
                if op.plain:
                    rules = op.rules
                else:
                    g, args, rules = own.guarded(op, g, args, params, saved, record)
                n = len(args)
                for x in t._inputs:
                    i += 1
                    if isinstance(x, Node) and x._tracked and (live is None or x in live):
                        rule = rules[i - 1]
                        if rule is None:
                            continue
                        # The frequent forms spelled out: unpacking the arguments costs as much as a small product.
                        if params:
                            gx = rule(g, *args, **params)
                        elif n == 3:
                            gx = rule(g, args[0], args[1], args[2])
                        elif n == 2:
                            gx = rule(g, args[0], args[1])
                        else:
                            gx = rule(g, *args)
                        a = saved[i]
                        if gx.shape != a.shape:
                            gx = fold(gx, a.shape)
                        dtype = a.dtype
                        if gx.dtype is not dtype and gx.dtype != dtype:
                            gx = gx.astype(dtype)
                        if x in cotangents:
                            plus(cotangents, x, gx)
                        else:
                            cotangents[x] = gx
            except Exception as e:
                own.failed(op, e, f"the rule of input {max(i - 1, 0)}", advice(saved))
        if not retain:
            t._saved = saved = args = None
            if t._params and "residual" in t._params:
                t._params = {k: v for k, v in t._params.items() if k != "residual"}
    if large and not retain:
        slim(nodes)
    return cotangents


def _plus(box: dict[Any, Any], key: Any, g: Any) -> None:
    box[key] = add(box[key], g)


def recorded(t: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give the arguments of a rule as tensors: the result, the inputs, and the parameters without the residual."""
    saved: Any = t._saved
    if type(saved) is not tuple:  # dropped within a memory budget
        saved.restore()
        saved = t._saved
    for x, v in zip((t, *t._inputs), saved, strict=True):
        if isinstance(x, Node) and x._data is not v and not np.array_equal(x._data, v, equal_nan=True):
            name = getattr(x, "name", None) or "a tensor"
            raise ChangedError(
                f"{t.op.name if t.op else ''}: {name} of shape {v.shape} was written to after this was recorded, so "
                f"its gradient cannot be recorded; compute the result anew after writing to .data"
            )
    params = t._params
    if "residual" in params and (tracing() is None or not tracing().first_order):
        params = {k: v for k, v in params.items() if k != "residual"}
    return (t, *t._inputs), params


def run(op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Run an operation on arrays, or let the first tensor among the inputs record it."""
    for x in inputs:
        reader = getattr(type(x), "__read_op__", None)
        if reader is not None:
            return reader(op, inputs, params)
    y = op.fn(*inputs, **params)
    return y[0] if op.residual else y


def forward(
    nodes: Iterable[Node], tangents: dict[Any, Any], derive: Callable[..., Any], *, record: bool = False
) -> dict[Any, Any]:
    """Walk a graph from its inputs to its outputs (``nodes`` oldest first) and add every node's tangent.

    ``derive(op, tangents, args, params)`` pushes tangents through an operation that has no jvp of its own.
    """
    if not record and tracing() is not None:
        return tracing().forward(nodes, tangents, derive)
    for t in nodes:
        ts = [tangents.get(x) if isinstance(x, Node) else None for x in t._inputs]
        if not [v for v in ts if v is not None]:
            continue
        saved: Any = t._saved
        if saved is None:
            raise GraphFreedError(f"{t.op.name if t.op else 'jvp'}: this graph was freed; compute the result anew")
        op: Any = t.op
        args, params = recorded(t) if record else (saved, t._params)
        if "residual" in params:
            params = {k: v for k, v in params.items() if k != "residual"}
        y, xs = args[0], args[1:]
        if not op.built_in and not record:
            ts, args = own.frozen(ts), tuple(own.frozen(args))
        try:
            if op.family == "elementwise":
                total = None
                for v, rule in zip(ts, op.rules, strict=True):
                    if v is not None and rule is not None:
                        v = rule(np.broadcast_to(v, y.shape) if v.shape != y.shape else v, *args, **params)
                        total = v if total is None else total + v
            elif op.family == "linear":
                full = tuple([nothing(s) if v is None else v for v, s in zip(ts, saved[1:], strict=True)])
                total = run(op, full, params)
            elif op.family == "multilinear":
                total = None
                for i, v in enumerate(ts):
                    if v is not None:
                        part = run(op, (*xs[:i], v, *xs[i + 1 :]), params)
                        total = part if total is None else total + part
            elif op.jvp is not None:
                total = op.jvp(ts, *args, **params)
            else:
                total = derive(op, ts, args, params)
        except Exception as e:
            own.failed(op, e, "forward mode", advice(saved))
        if not op.built_in:
            total = own.tangent(op, total, y.shape)
        if total is not None:
            if total.shape != y.shape:
                total = np.broadcast_to(total, y.shape)
            tangents[t] = total if total.dtype == y.dtype else total.astype(y.dtype)
    return tangents
