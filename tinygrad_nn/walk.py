"""Walks over a recorded graph: topological order, the reverse walk, the forward walk. No recursion, no mathematics.

A node remembers the operation that made it, its inputs and the values that were there. Nodes are numbered as they
are made, and an input is always made before what is computed from it: descending numbers are a topological order.
The duties that all rules share live here: folding a broadcast gradient back, keeping the dtype, adding up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from operator import add, attrgetter
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray

from .op import Op

#: Values above this many bytes leave the skeleton that a freed graph keeps for pictures and explanations.
KEPT_BYTES = 4096

next_number = count().__next__
number_of = attrgetter("_number")


class Node:
    """What the walkers need to know of a tensor."""

    __slots__ = ("_data", "_exposed", "_inputs", "_number", "_params", "_saved", "op", "requires_grad")

    _data: Any
    _exposed: bool
    _inputs: tuple[Any, ...]
    _number: int
    _params: dict[str, Any]
    _saved: tuple[Any, ...] | None
    op: Op | None
    requires_grad: bool


class Outline:
    """The shape and dtype of an array that a freed graph no longer holds."""

    __slots__ = ("dtype", "shape")

    def __init__(self, array: Any) -> None:
        self.shape = array.shape
        self.dtype = array.dtype


class GraphFreedError(RuntimeError):
    """Raised when a walk meets a graph whose saved values an earlier backward pass has freed."""


def graph(roots: Iterable[Node]) -> list[Node]:
    """Give every recorded node that the roots depend on and that needs a gradient, newest first, leaves left out."""
    seen = {t for t in roots if t.op is not None}
    stack = list(seen)
    nodes = []
    while stack:
        t = stack.pop()
        nodes.append(t)
        for x in t._inputs:
            if isinstance(x, Node) and x.op is not None and x.requires_grad and x not in seen:
                seen.add(x)
                stack.append(x)
    nodes.sort(key=number_of, reverse=True)
    return nodes


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
        g = np.sum(g, axis=tuple(range(extra)))
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
    if type(a) is ndarray and a.base is None and getrefcount(a) == SOLE and a.dtype == g.dtype and a.flags.writeable:
        a += g
    else:
        box[key] = a + g


def release(nodes: list[Node], large: bool) -> None:
    """Free what a walked graph has saved. Its skeleton stays, for pictures: operations, shapes, small values."""
    for t in nodes:
        t._saved = None
    if not large:
        return
    outlines: dict[Any, Any] = {}
    for t in reversed(nodes):
        t._inputs = tuple([outlines[x] if isinstance(x, Node) and x in outlines else _slim(x) for x in t._inputs])
        if t._data.nbytes > KEPT_BYTES:
            outlines[t] = ghost(t)


def ghost(t: Node) -> Node:
    """Give a stand-in for a node, with the outline of its value in place of the value."""
    copy = Node()
    for slot in Node.__slots__:
        setattr(copy, slot, getattr(t, slot))
    copy._data = Outline(t._data)
    return copy


def _slim(x: Any) -> Any:
    return Outline(x) if type(x) is ndarray and x.nbytes > KEPT_BYTES else x


def reverse(
    nodes: list[Node],
    cotangents: dict[Any, Any],
    *,
    record: bool = False,
    retain: bool = False,
    wanted: Callable[[Node], bool] | None = None,
    visit: Callable[[Node, Any], Any] | None = None,
) -> dict[Any, Any]:
    """Walk a graph from its outputs to its inputs and give the cotangents of leaves (and of wanted nodes).

    ``nodes`` come from :func:`graph`; ``cotangents`` maps the roots to their seeds and is used up. With ``record``
    the rules run on tensors, so that the result has a graph of its own; otherwise they run on raw arrays.
    ``visit(node, cotangent)`` sees each node's complete cotangent and may return another one.
    """
    for t in nodes:
        if t._saved is None:
            raise GraphFreedError(
                f"{t.op.name if t.op else 'backward'}: this graph was freed by an earlier backward pass; "
                f"call backward(retain_graph=True) the first time, or compute the result anew"
            )
    large = False
    plus = _plus if record else accumulate
    for t in nodes:
        g = cotangents.get(t) if wanted is not None and wanted(t) else cotangents.pop(t, None)
        if g is None:
            continue
        if visit is not None:
            g = visit(t, g)
        saved: Any = t._saved
        op: Any = t.op
        params = t._params
        if record:
            args = (t, *t._inputs)
            if op.residual:
                params = {k: v for k, v in params.items() if k != "residual"}
        else:
            args = saved
        if saved[0].nbytes > KEPT_BYTES:
            large = True
        i = 0
        if op.variadic:
            parts = op.rules[0](g, *args, **params)
        for x in t._inputs:
            i += 1
            if isinstance(x, Node) and x.requires_grad:
                if op.variadic:
                    gx = parts[i - 1]
                else:
                    rule = op.rules[i - 1]
                    if rule is None:
                        continue
                    gx = rule(g, *args, **params)
                a = saved[i]
                if gx.shape != a.shape:
                    gx = fold(gx, a.shape)
                if gx.dtype != a.dtype:
                    gx = gx.astype(a.dtype)
                if x in cotangents:
                    plus(cotangents, x, gx)
                else:
                    cotangents[x] = gx
        if not retain:
            t._saved = None
        del g, args, saved
    if not retain:
        release(nodes, large)
    return cotangents


def _plus(box: dict[Any, Any], key: Any, g: Any) -> None:
    box[key] = add(box[key], g)
