"""Constants worked out beforehand, and operations that give their operand: all of it to the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..program import Program, Value, mapped, order_of, values_in
from .cse import is_random

#: Constants larger than this are not worked out beforehand: they would stay in memory.
LIMIT = 1 << 20


def _constant(x: Any) -> bool:
    return all(v.kind == "const" and v.fixed for v in values_in(x))


def uniform(v: Any) -> Any:
    """Give the one number that a constant array consists of, as a NumPy number; None where it does not."""
    if (
        isinstance(v, Value)
        and v.kind == "call"
        and v.fn in (np.broadcast_to, np.full)
        and isinstance(v.args[-1], Value)
    ):
        v = v.args[-1]
    if not (isinstance(v, Value) and v.kind == "const" and v.fixed and v.size):
        return None
    a = v.data
    if type(a) is not ndarray:
        return a
    first = a.reshape(-1)[0] if a.size == 1 else a[(0,) * a.ndim]
    if a.size == 1 or all(s == 0 for s in a.strides):
        return first
    return first if a.size <= LIMIT and (a == first).all() and not (first == 0 and np.signbit(a).any()) else None


def _is(v: Any, number: float) -> bool:
    """Tell whether an operand is this number (not -0.0 for 0.0) wherever one looks."""
    if type(v) in (int, float):
        return v == number and np.signbit(v) == np.signbit(number)
    one = uniform(v)
    return one is not None and one == number and bool(np.signbit(one) == np.signbit(number))


def _same(v: Value, x: Any) -> bool:
    """Tell whether x could stand for v: the same shape, dtype and order in memory."""
    return isinstance(x, Value) and x.shape == v.shape and x.dtype == v.dtype and x.order == v.order != "A"


def _operand(v: Value) -> Any:
    """Give the operand that a call gives back bit for bit, or None."""
    fn, args = v.fn, v.args
    if v.params:
        return None
    if fn is np.multiply or fn is np.divide:
        a, b = args
        if _same(v, a) and _is(b, 1.0):
            return a
        if fn is np.multiply and _same(v, b) and _is(a, 1.0):
            return b
    elif fn is np.positive and _same(v, args[0]):
        return args[0]
    elif fn in (np.transpose, np.matrix_transpose) and isinstance(args[0], Value):
        inner = args[0]
        if inner.kind == "call" and inner.fn is fn and not inner.params and _same(v, inner.args[0]):
            return inner.args[0]
    return None


def _scalars(v: Value) -> None:
    """Put a number in place of an array of equal numbers where the other operand has the shape already."""
    if isinstance(v.fn, np.ufunc) and v.fn.nin == 2 and len(v.args) == 2 and not v.params:
        a, b = v.args
        for i, (x, y) in enumerate(((a, b), (b, a))):
            if isinstance(x, Value) and x.shape and isinstance(y, Value) and y.shape == v.shape and y.dtype == x.dtype:
                one = uniform(x)
                if one is not None and y.order == v.order != "A":
                    c = Value("const", data=one, shape=(), dtype=one.dtype, fixed=True)
                    v.args = (c, b) if i == 0 else (a, c)
                    return


def fold(program: Program) -> Program:
    """Give the program with constant calls worked out, and x * 1, x / 1, +x and transposes of transposes left out."""
    swap: dict[Value, Any] = {}
    body = []
    for v in program.body:
        if swap:
            v.args = tuple([mapped(a, swap) for a in v.args])
            v.params = {k: mapped(p, swap) for k, p in v.params.items()} if v.params else v.params
        if v.kind == "part" and v.args[0].kind != "call":
            pass
        if v.kind != "call" or v.op is None or v.op.residual or is_random(v):
            body.append(v)
            continue
        _scalars(v)
        same = _operand(v)
        if same is not None:
            same.hint = same.hint or v.hint
            swap[v] = same
            continue
        if v.nbytes <= LIMIT and _constant(v.args) and _constant(list(v.params.values())):
            with np.errstate(all="ignore"):
                a = v.fn(*[_plain(x) for x in v.args], **{k: _plain(p) for k, p in v.params.items()})
            if isinstance(a, (ndarray, np.generic)) and a.shape == v.shape and a.dtype == v.dtype:
                swap[v] = Value("const", data=a, shape=a.shape, dtype=a.dtype, order=order_of(a), fixed=True)
                continue
        body.append(v)
    return program.replaced(body, swap)


def _plain(x: Any) -> Any:
    if isinstance(x, Value):
        return x.data
    return type(x)([_plain(v) for v in x]) if type(x) in (tuple, list) else x
