"""detect_anomaly: stop at the first NaN or infinity, at the operation that produced it.

While the mode is off nothing is slower: the functions that it watches (recording a node, making a result that is not
recorded, the reverse walk) are exchanged when a block begins and put back when it ends.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import record, walk
from ..convert import on_host
from ..mode import enable_grad
from ..op import Op
from ..walk import Node
from .cures import cure
from .place import place_of

_active: ContextVar[int] = ContextVar("tinygrad_nn.check.anomaly", default=0)
_lock = threading.Lock()
_blocks = 0
_recorded = record._recorded
_constant = record.constant
_reverse = walk.reverse


class AnomalyError(FloatingPointError):
    """Raised by ``detect_anomaly`` at the first NaN or infinity; ``node`` is the tensor whose operation produced it."""

    node: Any = None


class detect_anomaly:
    """Raise AnomalyError where the first NaN or infinity appears, forward or backward, in a ``with`` block.

    The error names the operation that produced it (not those that passed it on), the element, the values that went in,
    the line in the program and the usual cure. Every operation on a Tensor is watched, recorded or not (``no_grad``,
    tensors that need no gradient); NumPy on plain arrays is not. An infinity that somebody put in (a mask of -inf) may
    pass. NumPy's warnings are silent inside. Works as a decorator too.

    >>> import tinygrad_nn as tg
    >>> x = tg.Tensor([1.0, 0.0], requires_grad=True)
    >>> with detect_anomaly():
    ...     np.sqrt(x).sum().backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    tinygrad_nn.check.anomaly.AnomalyError: detect_anomaly: the backward rule of sqrt ...
    """

    def __init__(self) -> None:
        self._silence: list[Any] = []

    def __enter__(self) -> detect_anomaly:
        global _blocks, _recorded
        with _lock:
            if not _blocks:
                _recorded = record._recorded  # with whatever else watches
                record._recorded = _watched_recorded
                record.constant = _watched_constant
                walk.reverse = _watched_reverse
            _blocks += 1
        _active.set(_active.get() + 1)
        # NumPy's own warnings would come first, or twice.
        silence = np.errstate(all="ignore")
        silence.__enter__()
        self._silence.append(silence)
        return self

    def __exit__(self, *_: object) -> None:
        global _blocks
        self._silence.pop().__exit__(None, None, None)
        _active.set(_active.get() - 1)
        with _lock:
            _blocks -= 1
            if not _blocks:
                record._recorded = _recorded
                record.constant = _constant
                walk.reverse = _reverse

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(f)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with detect_anomaly():
                return f(*args, **kwargs)

        return wrapped


def _watched_recorded(
    y: Any, op: Op, inputs: tuple[Any, ...], saved: tuple[Any, ...], params: dict[str, Any], where: Any
) -> Any:
    t = _recorded(y, op, inputs, saved, params, where)
    if _active.get() > 0 and y.dtype.kind == "f" and not np.isfinite(y).all():
        _judge_forward(t)
    return t


def _watched_constant(value: Any, exposed: bool = False) -> Any:
    t = _constant(value, exposed)
    if _active.get() > 0 and value.dtype.kind == "f" and not np.isfinite(value).all():
        # Called by apply with a result and nothing else: what it was computed from is among apply's variables.
        frame = sys._getframe(1)
        if frame.f_code is record.apply.__code__:
            of = frame.f_locals
            saved = (value, *[on_host(v) for v in of["values"]])
            _judge_forward(_recorded(value, of["op"], of["inputs"], saved, of["params"], record.caller()))
    return t


def _judge_forward(t: Node) -> None:
    saved: Any = t._saved
    y = on_host(saved[0])
    inputs = [on_host(v) for v in saved[1:]]
    # An infinity that came in may go out again; a NaN may not come from anywhere.
    nan, infinite = np.isnan(y), any(np.isinf(v).any() for v in inputs if v.dtype.kind == "f")
    if not nan.any() and infinite:
        return
    bad = nan if nan.any() else ~np.isfinite(y)
    place = tuple([int(i) for i in np.argwhere(bad)[0]])
    for i, (x, v) in enumerate(zip(t._inputs, inputs, strict=True)):
        if v.dtype.kind == "f" and np.isnan(v).any():
            at = tuple([int(k) for k in np.argwhere(np.isnan(v))[0]])
            name = getattr(x, "name", None)
            what = f"tensor {name!r}" if name else _kind(x)
            _raise(
                t,
                f"nan came in from outside: input {i} of {_title(t)} ({what}) has nan at element {at}; "
                f"look at the data, or at what was computed outside of the graph",
            )
    op: Any = t.op
    values = _values(_numbered(inputs), place, y.shape)
    _raise(
        t,
        f"{_title(t)} gave {y[place]} at element {place} of its result from {values}; {cure(op.name, inputs)}",
    )


def _kind(x: Any) -> str:
    if not isinstance(x, Node):
        return "a plain array or number"
    return "a leaf" if x.op is None else f"the result of {x.op.name}"


def _title(t: Node) -> str:
    op: Any = t.op
    where = place_of(t)
    return op.name + (f" at {where}" if where else "")


def _values(named: list[tuple[str, Any]], place: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Give the values that made an element: those at its place, or the range of what does not broadcast to it."""
    parts = []
    for name, v in named:
        try:
            parts.append(f"{name} = {np.broadcast_to(v, shape)[place]}")
        except ValueError:
            known = v[np.isfinite(v)] if v.dtype.kind == "f" else v
            span = f"between {known.min()} and {known.max()}" if known.size else "without finite values"
            parts.append(f"{name} of shape {v.shape} {span}")
    return ", ".join(parts)


def _numbered(inputs: list[Any]) -> list[tuple[str, Any]]:
    return [(f"input {i}", v) for i, v in enumerate(inputs)]


def _raise(t: Node, text: str) -> None:
    error = AnomalyError(f"detect_anomaly: {text}")
    error.node = t
    raise error


def _watched_reverse(nodes: list[Node], cotangents: dict[Any, Any], **options: Any) -> dict[Any, Any]:
    if _active.get() <= 0:
        return _reverse(nodes, cotangents, **options)
    given = options.pop("visit", None)
    retain = options.pop("retain", False)
    seen: dict[Node, Any] = dict(cotangents)
    for t, g in cotangents.items():
        if not np.isfinite(_array(g)).all():
            _raise(t, f"the cotangent handed to the backward pass of {_title(t)} is not finite")

    def visit(t: Node, g: Any) -> Any:
        if given is not None:
            g = given(t, g)
        seen[t] = g
        if not np.isfinite(_array(g)).all():
            _judge_backward(t, nodes, seen)
        return g

    token = _active.set(0)  # what rules record is watched by their results
    try:
        found = _reverse(nodes, cotangents, visit=visit, retain=True, **options)
        for x, g in found.items():
            if not np.isfinite(_array(g)).all():
                _judge_backward(x, nodes, seen)
    finally:
        _active.reset(token)
    if not retain:
        for t in nodes:
            t._saved = None
        if any(t._data.nbytes > walk.KEPT_BYTES for t in nodes):
            walk.slim(nodes)
    return found


def _array(g: Any) -> Any:
    return on_host(g._data if isinstance(g, Node) else g)


def _judge_backward(x: Node, nodes: list[Node], seen: dict[Node, Any]) -> None:
    """Find the rule that made a gradient of x that is not finite, by running the rules of its users again."""
    with enable_grad(), np.errstate(all="ignore"):
        for t in nodes:
            if t not in seen or not any(v is x for v in t._inputs):
                continue
            op: Any = t.op
            saved: Any = t._saved
            g = _array(seen[t])
            parts = op.rules[0](g, *saved, **t._params) if op.variadic else None
            for i, v in enumerate(t._inputs):
                if v is not x or (parts is None and op.rules[i] is None):
                    continue
                gx = on_host(parts[i] if parts is not None else op.rules[i](g, *saved, **t._params))
                if np.isfinite(gx).all():
                    continue
                place = tuple([int(k) for k in np.argwhere(~np.isfinite(gx))[0]])
                inputs = [on_host(s) for s in saved[1:]]
                y = on_host(saved[0])
                values = _values([("the cotangent", g), ("the result", y), *_numbered(inputs)], place, gx.shape)
                _raise(
                    t,
                    f"the backward rule of {_title(t)} gave {gx[place]} at element {place} of the gradient of its "
                    f"input {i} from {values}; {cure(op.name, inputs)}",
                )
    _raise(x, f"the gradients that meet at {_name(x)} add up to a number that is not finite")


def _name(x: Node) -> str:
    return _title(x) if x.op is not None else f"tensor {getattr(x, 'name', None) or 'of shape ' + str(x._data.shape)}"
