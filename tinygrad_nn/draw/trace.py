"""Take down what a picture needs to know of a graph: one record per node, oldest first, unmoved by later writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..op import Op
from ..walk import Node, Outline, everything
from .calls import Call, calls_of
from .names import Names
from .operations import operand_names, params_text, saved_bytes
from .summary import Summary, summarize
from .where import where_of

_PACKAGE = __name__.partition(".")[0]
STALE = "maybe written to since: an operation on it gives another value now"


@dataclass(frozen=True, slots=True)
class Operand:
    """One input of an operation: another record by its index, or a constant."""

    name: str
    """What the operation's rule calls it: ``a``, ``x``, ``weight``."""
    source: int | None
    constant: Summary | None = None


@dataclass(slots=True)
class Record:
    """What is known of one node."""

    index: int
    number: int
    kind: str
    """``operation``, ``parameter`` (a leaf that needs a gradient) or ``constant`` (a leaf that does not)."""
    name: str | None
    op: Op | None
    title: str
    """The operation with its parameters: ``sum(axis=0)``; the class of a leaf."""
    operands: tuple[Operand, ...]
    value: Summary
    grad: Summary | None
    saved: int | None
    """Bytes that the backward pass needs from this node's operation; None in a freed graph."""
    where: tuple[str, int, str] | None
    """File, line and function that made it."""
    calls: tuple[Call, ...] = ()
    """The calls of modules that it was made in, outermost first."""
    notes: tuple[str, ...] = ()
    view: bool = False
    """Whether the value shares the memory of an input."""
    detached: int | None = None
    """The record whose value a constant was cut off from."""


@dataclass(slots=True)
class Trace:
    """All records of the graph of some tensors."""

    records: list[Record]
    roots: list[int]
    freed: bool
    nodes: list[Node] = field(repr=False)
    index: dict[int, int] = field(repr=False)
    """The index of a node by its number."""
    stale: set[int] = field(default_factory=set)
    """Operations of a freed graph whose inputs have been written to since, so that its numbers no longer fit."""


def roots_of(y: Any, who: str) -> list[Node]:
    """Give the tensors to start from: one, or those in a list, tuple or dict. TypeError for anything else."""
    values = list(y.values()) if isinstance(y, Mapping) else list(y) if isinstance(y, list | tuple) else [y]
    for v in values:
        if not isinstance(v, Node):
            raise TypeError(
                f"{who}: takes a Tensor or a list, tuple or dict of Tensors, got {type(v).__name__}; "
                f"compute the result from Tensors with requires_grad=True"
            )
    if not values:
        raise ValueError(f"{who}: got an empty {type(y).__name__}; give at least one Tensor")
    return values


def take(roots: Sequence[Node], names: Names) -> Trace:
    """Record everything that the roots depend on."""
    nodes = everything(roots)
    index = {t._number: i for i, t in enumerate(nodes)}
    made_by = {id(t._data): i for i, t in enumerate(nodes) if t.op is not None}
    outside = {id(t._data): name for name, t in names.others(index) if t.op is not None}
    recorded: dict[int, Any] = {}
    records: list[Record] = []
    calls = calls_of([t._number for t in nodes], names.paths)
    freed = False
    for t in nodes:
        if t._saved is not None:
            for x, v in zip(t._inputs, t._saved[1:], strict=True):
                if isinstance(x, Node) and x.op is None:
                    recorded.setdefault(x._number, v)
    for i, t in enumerate(nodes):
        itself = names.tensor(t)
        op = t.op
        notes: list[str] = []
        view = False
        source = None
        value = itself._data
        if op is None:
            kind = "parameter" if t._tracked else "constant"
            title = type(t).__name__
            if t._number in recorded and recorded[t._number] is not value:
                if not _same(recorded[t._number], value):
                    notes.append("written to since: the value is the one recorded")
                value = recorded[t._number]
            source = None if t._tracked else made_by.get(id(t._data))
            if source is not None:
                notes.append(f"detached from #{source}")
            elif not t._tracked and id(t._data) in outside:
                notes.append(f"detached from {outside[id(t._data)]}")
        else:
            kind = "operation"
            title = op.name + params_text(op, t._params)
            if t._saved is None:
                freed = True
            else:
                view = _is_view(t)
        if getattr(itself, "_hooks", ()):
            notes.append("hook")
        grad = getattr(itself, "_grad", None)
        if grad is None:
            grad = t._cotangent
        records.append(
            Record(
                i,
                t._number,
                kind,
                names[t],
                op,
                title,
                _operands(t, index),
                summarize(value),
                None if grad is None else summarize(grad),
                None if op is None or t._saved is None else saved_bytes(t),
                where_of(t),
                calls[i] if op is not None else (),
                tuple(notes),
                view,
                source,
            )
        )
    trace = Trace(records, [index[t._number] for t in roots], freed, nodes, index)
    if freed:
        _find_stale(trace)
    return trace


def _find_stale(trace: Trace) -> None:
    """Run the operations on leaves again: a freed graph has only their present values, which may be others by now."""
    for r in trace.records:
        t = trace.nodes[r.index]
        if t.op is None or t._saved is not None or not (t.op.numpy or t.op.fn.__module__.startswith(_PACKAGE)):
            continue
        leaves = [x for x in t._inputs if isinstance(x, Node) and x.op is None]
        values = [x._data if isinstance(x, Node) else x for x in t._inputs]
        if not leaves or any(isinstance(v, Outline) for v in (t._data, *values)):
            continue
        params = {k: v for k, v in t._params.items() if k != "residual"}
        with np.errstate(all="ignore"):
            y = t.op.fn(*values, **params)
        if not _same(y[0] if t.op.residual else y, t._data):
            trace.stale.add(r.index)
            for x in leaves:
                leaf = trace.records[trace.index[x._number]]
                if STALE not in leaf.notes:
                    leaf.notes = (*leaf.notes, STALE)


def _same(a: Any, b: Any) -> bool:
    return bool(np.array_equal(a, b, equal_nan=True))


def _is_view(t: Node) -> bool:
    saved: Any = t._saved
    y = saved[0]
    return (
        isinstance(y, np.ndarray)
        and y.base is not None
        and any(isinstance(v, np.ndarray) and np.may_share_memory(y, v) for v in saved[1:])
    )


def _operands(t: Node, index: Mapping[int, int]) -> tuple[Operand, ...]:
    op = t.op
    if op is None:
        return ()
    names = operand_names(op, len(t._inputs))
    return tuple(
        [
            Operand(name, index[x._number]) if isinstance(x, Node) else Operand(name, None, summarize(x))
            for name, x in zip(names, t._inputs, strict=True)
        ]
    )
