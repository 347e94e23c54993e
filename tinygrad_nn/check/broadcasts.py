"""lint: broadcasting that was hardly meant, a column beside a row above all."""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import record, walk
from ..tensor import Tensor
from ..walk import Node
from .place import line_of, name_of, place_of

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
Scope = list[tuple[str, Any]]

#: Operations that give an array another rank or length-1 axes on purpose.
SHAPING = frozenset(["expand_dims", "reshape", "atleast_2d", "atleast_3d", "broadcast_to", "meshgrid", "swapaxes"])
#: Operations through which a shape is handed on: where it comes from is looked up behind them.
THROUGH = 8


class BroadcastWarning(UserWarning):
    """Warns of broadcasting that was hardly meant."""


class BroadcastError(ValueError):
    """Raised instead of a warning in ``lint_broadcasts(strict=True)``."""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One suspicious broadcast: the recorded tensor, where it stands, and what is to be said."""

    node: Any
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


def lint(y: Any) -> list[Broadcast]:
    """Give the broadcasts of a recorded graph that were hardly meant, one for each line of the program, oldest first.

    Two kinds are told. *Both operands expand*: (4, 1) with (4,) gives all 16 pairs, and a column of targets beside a
    row of predictions trains on nonsense. *A batch axis meets a rank promotion*: in (4, 4) with (4,) the shorter
    operand runs along the last axis, though its 4 elements belong to the first. What was shaped on purpose is left
    alone: ``x[:, None]``, ``expand_dims``, ``reshape``, reductions with ``keepdims``, parameters of a layer.
    ``y`` is a Tensor or several; nothing is slower while a graph is recorded.

    >>> prediction, target = Tensor([[1.0], [2.0]], requires_grad=True), Tensor([1.0, 2.0])
    >>> [found] = lint(((prediction - target) ** 2).mean())
    >>> found.text  # doctest: +ELLIPSIS
    'subtract: prediction (2, 1) and target (2,) both expand, to (2, 2): all pairs; ...target.reshape(-1, 1)...'
    """
    roots = [y] if isinstance(y, Tensor) else list(y)
    scope = _scope()
    found: dict[Any, Broadcast] = {}
    for t in walk.everything(roots):
        if t.op is not None and (flag := judge(t, scope)) is not None:
            found.setdefault(flag.place or id(t), flag)
    return list(found.values())


def judge(t: Any, scope: Scope) -> Broadcast | None:
    """Judge one recorded tensor."""
    if t.op.family != "elementwise" or len(t._inputs) < 2:
        return None
    shape = tuple(t._data.shape)
    operands = [x for x in t._inputs if len(getattr(x, "shape", ()))]
    for i, a in enumerate(operands):
        for b in operands[i + 1 :]:
            if (text := _suspect(a, b, shape, scope)) is not None:
                return Broadcast(t, place_of(t), f"{t.op.name}: {text}")
    return None


def _suspect(a: Any, b: Any, shape: tuple[int, ...], scope: Scope) -> str | None:
    if a.ndim == b.ndim:
        return _equal_rank(a, b, shape, scope)
    high, low = (a, b) if a.ndim > b.ndim else (b, a)
    if _on_purpose(high) or _on_purpose(low) or 1 in (high.size, low.size):
        return None
    said_high, said_low = _said(high, scope), _said(low, scope)
    if tuple(high.shape) != shape and tuple(low.shape) != shape:
        fix = f"{_call(low, scope)}.reshape({', '.join(['-1', *['1'] * (high.ndim - 1)])})"
        return (
            f"{said_high} and {said_low} both expand, to {shape}: all pairs; for element with element write {fix}, "
            f"for all pairs write {_call(high, scope)}.reshape(...) or [:, None] to say so"
        )
    if low.ndim == 1 and high.ndim == 2 and high.shape[0] == high.shape[1] == low.shape[0] and _of_the_batch(low):
        return (
            f"{said_low} runs along the last axis of {said_high}, whose first axis is as long: if it has one number "
            f"for each row write {_call(low, scope)}[:, None], otherwise {_call(low, scope)}[None, :] to say so"
        )
    return None


def _equal_rank(a: Any, b: Any, shape: tuple[int, ...], scope: Scope) -> str | None:
    """Judge a column with a row: flagged where both are data as they came."""
    if a.ndim != 2 or tuple(a.shape) == shape or tuple(b.shape) == shape or _on_purpose(a) or _on_purpose(b):
        return None
    if not (_is_data(a) and _is_data(b)):
        return None
    return (
        f"{_said(a, scope)} and {_said(b, scope)} both expand, to {shape}: all pairs; for element with element write "
        f"{_call(b, scope)}.T, for all pairs write x[:, None] * y[None, :] of flat arrays to say so"
    )


def _is_data(x: Any) -> bool:
    return not isinstance(x, Node) or x.op is None


def _origin(x: Any) -> Iterator[Any]:
    """Give a tensor and those that it has its shape from, back to where the shape was made."""
    for _ in range(THROUGH):
        if not isinstance(x, Node) or x.op is None:
            return
        yield x
        if x.op.family != "elementwise":
            return
        same = [v for v in x._inputs if isinstance(v, Node) and v._data.shape == x._data.shape]
        if len(same) != 1:
            return
        x = same[0]


def _on_purpose(x: Any) -> bool:
    """Tell whether the program shaped an operand itself."""
    for t in _origin(x):
        params = t._params
        if t.op.name in SHAPING or params.get("keepdims"):
            return True
        index = params.get("index")
        if t.op.name == "getitem" and any(i is None for i in (index if isinstance(index, tuple) else (index,))):
            return True
    return False


def _of_the_batch(x: Any) -> bool:
    """Tell whether a vector holds one number for each row: data as they came, or a reduction over the last axis."""
    if not isinstance(x, Node):
        return True
    if x.op is None:
        return not x._tracked
    *_, t = _origin(x)
    axis = t._params.get("axis")
    source = t._inputs[0] if t._inputs else None
    return axis in (-1, 1) and getattr(source, "ndim", 0) == 2


def _name(x: Any, scope: Scope) -> str:
    """Give what the program calls an operand: arrays, which a graph copies, are told by their values."""
    if isinstance(x, Node):
        return name_of(x, {v._number: name for name, v in scope if isinstance(v, Node) and hasattr(v, "_number")})
    same = [n for n, v in scope if isinstance(v, np.ndarray) and v.shape == x.shape and np.array_equal(v, x)]
    return same[0] if same else ""


def _call(x: Any, scope: Scope) -> str:
    return _name(x, scope) or (x.op.name if getattr(x, "op", None) is not None else "the other")


def _said(x: Any, scope: Scope) -> str:
    name = _name(x, scope)
    made = f"the result of {x.op.name} " if not name and getattr(x, "op", None) is not None else ""
    return f"{name} {tuple(x.shape)}" if name else f"{made or 'an array '}{tuple(x.shape)}"


def _scope() -> Scope:
    """Give the variables of the program's frame that led here."""
    frame: Any = sys._getframe(1)
    while frame is not None and os.path.abspath(frame.f_code.co_filename).startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return []
    found = [*frame.f_locals.items(), *frame.f_globals.items()]
    return [(k, v) for k, v in found if isinstance(v, Node | np.ndarray) and not k.startswith("_")]


# -- while it is recorded ---------------------------------------------------------------------------------------------

_strict: ContextVar[bool | None] = ContextVar("tinygrad_nn.check.broadcasts", default=None)
_told: ContextVar[set[str] | None] = ContextVar("tinygrad_nn.check.broadcasts.told", default=None)


class lint_broadcasts:
    """Warn, in a ``with`` block or a decorated function, as soon as a broadcast is recorded that was hardly meant.

    One BroadcastWarning for each line of the program; with ``strict=True`` BroadcastError is raised at the first.
    What is told is what :func:`lint` tells. Nothing is slower outside of the block.

    >>> prediction, target = Tensor([[1.0], [2.0]], requires_grad=True), Tensor([1.0, 2.0])
    >>> with lint_broadcasts(strict=True):
    ...     prediction - target  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    tinygrad_nn.check.broadcasts.BroadcastError: ...subtract: prediction (2, 1) and target (2,) both expand...
    """

    def __init__(self, strict: bool = False) -> None:
        if not isinstance(strict, bool):
            raise TypeError(f"lint_broadcasts: strict takes True or False, got {strict!r:.60}")
        self._mode = strict
        self._tokens: list[Any] = []

    def __enter__(self) -> lint_broadcasts:
        record.watch(_judged)
        self._tokens.append((_strict.set(self._mode), _told.set(set())))
        return self

    def __exit__(self, *_: object) -> None:
        mode, told = self._tokens.pop()
        _strict.reset(mode)
        _told.reset(told)
        record.unwatch(_judged)

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(f)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with lint_broadcasts(self._mode):
                return f(*args, **kwargs)

        return wrapped


def _judged(t: Any) -> None:
    strict = _strict.get()
    if strict is not None and t.op.family == "elementwise" and len(t._inputs) > 1:
        flag = judge(t, _scope())
        told = _told.get()
        if flag is not None and (told is None or flag.place not in told):
            if strict:
                raise BroadcastError(str(flag))
            if told is not None:
                told.add(flag.place)
            code, instruction = t._where or (_judged.__code__, 0)
            warnings.warn_explicit(str(flag), BroadcastWarning, code.co_filename, line_of(code, instruction))
