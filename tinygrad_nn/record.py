"""Recording: the one border between numerics and bookkeeping.

``apply`` takes the arrays out of the tensors, lets NumPy compute, and records. What enters a graph enters by value: an
array that somebody outside can still write to is copied when it is recorded, so that writing to it later can never bend
a gradient (docs/decisions/0002).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from . import own
from .convert import ADVICE, NUMBERS, Foreign, as_operand, kept
from .mode import current, tracing
from .op import Op
from .walk import Node, next_number

NOTHING: dict[str, Any] = {}

#: The class that results have: Tensor, which sets it, so that this module need not import the layer above.
result_class: Any = Node

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_ours: dict[str, bool] = {}
_frame = sys._getframe


def caller() -> tuple[Any, int] | None:
    """Give the code and the instruction outside this package that led here."""
    frame: Any = _frame(2)
    while frame is not None:
        name = frame.f_code.co_filename
        ours = _ours.get(name)
        if ours is None:
            ours = _ours[name] = os.path.abspath(name).startswith(_PACKAGE)
        if not ours:
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None


def constant(value: Any, exposed: bool = False) -> Any:
    """Give a tensor without a graph that holds an array as it is (``exposed``: others may write to it)."""
    t = result_class.__new__(result_class)
    t._cotangent = None
    t._data = value
    t._exposed = exposed
    t._tracked = False
    t.op = None
    t._inputs = ()
    t._saved = None
    t._params = NOTHING
    t._number = next_number()
    t._where = None
    return t


def _recorded(
    y: Any, op: Op, inputs: tuple[Any, ...], saved: tuple[Any, ...], params: dict[str, Any], where: Any
) -> Any:
    """Give a tensor that remembers: the operation, its inputs, and as arrays what its rules will read.

    ``y`` is the result, ``saved`` the result and the inputs, ``where`` the place in the user's program.
    """
    t = result_class.__new__(result_class)
    t._cotangent = None
    t._data = y
    t._exposed = False
    t._tracked = True
    t.op = op
    t._inputs = inputs
    t._saved = saved
    t._params = params
    t._number = next_number()
    t._where = where
    return t


_unwatched = _recorded
_watchers: dict[Callable[[Any], Any], int] = {}
_lock = threading.Lock()


def _watched(*node: Any) -> Any:
    t = _unwatched(*node)
    for watcher in tuple(_watchers):
        watcher(t)
    return t


def watch(watcher: Callable[[Any], Any]) -> None:
    """Call a function with every node that is recorded, those of other threads too, until it is unwatched as often.

    While nobody watches nothing is slower: the function that records a node is exchanged.
    """
    global _recorded, _unwatched
    with _lock:
        if not _watchers:
            _unwatched, _recorded = _recorded, _watched  # type: ignore[assignment]
        _watchers[watcher] = _watchers.get(watcher, 0) + 1


def unwatch(watcher: Callable[[Any], Any]) -> None:
    """End what ``watch`` began."""
    global _recorded
    with _lock:
        _watchers[watcher] -= 1
        if not _watchers[watcher]:
            del _watchers[watcher]
        if not _watchers and _recorded is _watched:
            _recorded = _unwatched


def apply(op: Op, inputs: tuple[Any, ...], params: dict[str, Any] = NOTHING) -> Any:
    """Compute an operation on tensors and other operands; record it where a gradient is needed.

    Gives a Tensor. What NumPy raises is raised again with the operation's name and the shapes.
    """
    if op.family == "composite":
        return op.fn(*inputs, **params)
    needs = exposed = foreign = False
    values = []
    for x in inputs:
        if isinstance(x, Node):
            if x._tracked:
                needs = True
            if x._exposed:
                exposed = True
            values.append(x._data)
        elif type(x) in NUMBERS:
            values.append(x)
        else:
            foreign = True
            values.append(as_operand(x, op.name))
    if not (needs and current()[0]):
        tracer = tracing()
        if tracer is not None:
            return tracer.apply(op, inputs, values, params, needs)
        try:
            y = op.fn(*values, **params) if op.built_in else own.computed(op, values, params)
        except Exception as e:
            raise _explained(e, op, values, params) from None
        if op.residual:
            y = y[0]
        if type(y) is not ndarray and not isinstance(y, np.generic):
            y, foreign = kept(y), True
        t = constant(y, exposed or foreign or y.base is not None)
        if needs:
            # Here a path is cut: what asks why a gradient is missing finds the place.
            t._where = caller()
        return t
    if exposed:
        values = [
            x._guarded() if isinstance(x, Node) and x._exposed else v for x, v in zip(inputs, values, strict=True)
        ]
    if foreign:
        inputs = _by_value(op, inputs, values)
    if params:
        params = {k: _own(v) for k, v in params.items()}
    try:
        built_in = op.built_in
        y = op.fn(*values, **params) if built_in else own.computed(op, values, params)
    except Exception as e:
        raise _explained(e, op, values, params) from None
    if op.residual:
        y, residual = y
        params = {**params, "residual": residual}
    if type(y) is not ndarray and not isinstance(y, np.generic):
        y = kept(y)
    if not built_in and y.dtype.kind != "f":
        # Whole numbers have no derivative; a cotangent would be rounded to them on its way.
        t = constant(y, True)
        t._where = caller()
        return t
    return _recorded(y, op, inputs, (y, *values), params, caller())


def unary(op: Op) -> Callable[[Any], Any]:
    """Give the method of an operation on one tensor and nothing else: ``apply``, made fast."""
    fn = op.fn

    def method(x: Any) -> Any:
        if not x._tracked or x._exposed or not current()[0]:
            return apply(op, (x,))
        v = x._data
        y = fn(v)
        frame = _frame(1)
        return _recorded(y, op, (x,), (y, v), NOTHING, (frame.f_code, frame.f_lasti))

    method.__name__ = op.name
    method.__doc__ = op.__doc__
    return method


def binary(op: Op, fn: Any) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """Give the operator of an operation on a tensor and an operand, and its reflection: ``apply``, made fast.

    ``fn`` is Python's own operator: on NumPy's numbers it takes a ninth of the time that the ufunc takes.
    """

    def operator(a: Any, b: Any) -> Any:
        if isinstance(b, Node):
            if b._exposed or not (a._tracked or b._tracked):
                return apply(op, (a, b))
            w = b._data
        elif type(b) in NUMBERS:
            if not a._tracked:
                return apply(op, (a, b))
            w = b
        else:
            return apply(op, (a, b)) if isinstance(b, OPERANDS) else NotImplemented
        if a._exposed or not current()[0]:
            return apply(op, (a, b))
        v = a._data
        try:
            y = fn(v, w)
        except Exception as e:
            raise _explained(e, op, [v, w], NOTHING) from None
        frame = _frame(1)
        return _recorded(y, op, (a, b), (y, v, w), NOTHING, (frame.f_code, frame.f_lasti))

    def reflected(a: Any, b: Any) -> Any:
        return apply(op, (b, a)) if isinstance(b, OPERANDS) else NotImplemented

    return operator, reflected


#: What may stand beside a tensor in an operator.
OPERANDS = (Node, float, int, ndarray, np.generic, list, tuple, Foreign)


_SETTINGS = frozenset([int, float, bool, str, type(None), slice])


def _own(v: Any) -> Any:
    """Give a parameter as the graph keeps it: arrays in it are copied."""
    if type(v) is ndarray:
        return v.copy("K")
    if type(v) is tuple:
        return tuple([_own(i) for i in v])
    return v if type(v) in _SETTINGS or not isinstance(v, Foreign) else v.copy()


def _by_value(op: Op, inputs: tuple[Any, ...], values: list[Any]) -> tuple[Any, ...]:
    """Copy the arrays among the inputs whose values the rules will read: their owner may write to them.

    Gives the inputs for the graph, and writes the copies into ``values``.
    """
    own = list(inputs)
    keeps, each = op.keeps, 0 if op.variadic else 1
    for i, x in enumerate(inputs):
        if not isinstance(x, Node):
            v = values[i]
            if keeps[1 + i * each]:
                if type(v) is ndarray:
                    v = values[i] = v.copy("K")
                elif isinstance(v, Foreign):
                    v = values[i] = v.copy()
            own[i] = v
    return tuple(own)


_KINDS = (np.linalg.LinAlgError, np.exceptions.AxisError, OverflowError, IndexError, ValueError, TypeError)


def _explained(e: Exception, op: Op, values: list[Any], params: dict[str, Any]) -> Exception:
    """Give NumPy's error again, of the same type where that can be, with the operation and the shapes."""
    shapes = ", ".join([str(v.shape) if hasattr(v, "shape") else repr(v) for v in values])
    given = "".join([f", {k}={v!r}" for k, v in params.items() if not isinstance(v, ndarray)])
    advice = "; the trailing axes must agree or be 1: reshape or transpose one of them" if "broadcast" in str(e) else ""
    problem = str(e).strip()
    if any(isinstance(v, Foreign) for v in values):
        advice += ADVICE
        kinds = ", ".join(sorted({type(v).__name__ for v in values if hasattr(v, "shape")}))
        problem = f"does not run on {kinds}" if "NotImplemented" in problem else f"{problem.rstrip('.')} ({kinds})"
        given = ""
    text = f"{op.name}: {problem} (inputs of shape {shapes}{given}){advice}"
    kind = next((k for k in _KINDS if isinstance(e, k)), None)
    return kind(text) if kind is not None else e
