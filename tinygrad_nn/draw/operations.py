"""What a picture says of an operation: the names of its inputs, its parameters, what it saves for the backward pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..op import Op
from ..walk import Node

SYMMETRY_SAMPLES = (np.array([0.3, 1.7, 2.0]), np.array([1.1, 0.6, 2.0]))


@lru_cache(maxsize=1024)
def operand_names(op: Op, n: int) -> tuple[str, ...]:
    """Give what the operation's rules call its inputs: a and b, or x, or their numbers where it takes any number."""
    if not op.variadic:
        for rule in op.rules:
            code = getattr(rule, "__code__", None)
            if code is not None and code.co_argcount >= n + 2:
                return tuple(code.co_varnames[2 : n + 2])
    return tuple([str(i) for i in range(n)])


@lru_cache(maxsize=1024)
def is_symmetric(op: Op) -> bool:
    """Tell, by trying it out, whether an operation of two inputs gives the same when they are exchanged.

    >>> from ..op import OPS
    >>> is_symmetric(OPS["add"]), is_symmetric(OPS["subtract"])
    (True, False)
    """
    if op.arity != 2 or not any(isinstance(f, np.ufunc) for f in op.numpy):
        return False  # of a user's own function nothing is known, and it is not to be run for a picture
    a, b = SYMMETRY_SAMPLES
    try:
        with np.errstate(all="ignore"):
            return bool(np.array_equal(op.fn(a, b), op.fn(b, a), equal_nan=True))
    except TypeError:  # not for floats, such as gcd
        return False


def params_text(op: Op, params: Mapping[str, Any]) -> str:
    """Write the parameters of an operation: ``(axis=0)``, or ``[:, 0]`` for an index."""
    shown = {k: v for k, v in params.items() if k != "residual"}
    if not shown:
        return ""
    if list(shown) == ["index"]:
        index = shown["index"]
        return f"[{', '.join([_index(i) for i in (index if isinstance(index, tuple) else (index,))]) or '()'}]"
    return f"({', '.join([f'{k}={_param(v)}' for k, v in shown.items()])})"


def _index(i: Any) -> str:
    if isinstance(i, slice):
        step = "" if i.step is None else f":{i.step}"
        return f"{'' if i.start is None else i.start}:{'' if i.stop is None else i.stop}{step}"
    return "..." if i is Ellipsis else _param(i)


def _param(v: Any) -> str:
    if isinstance(v, np.ndarray):
        if v.size <= 4:
            return str(v.tolist())
        return f"array{tuple(v.shape)} {v.dtype}"
    text = str(v) if isinstance(v, np.dtype | np.generic) else repr(v)
    return text if len(text) <= 40 else f"{text[:37]}..."


def saved_bytes(t: Node) -> int:
    """Count the bytes of the arrays that the operation's rules read: of the result, the inputs and the residual."""
    op, saved = t.op, t._saved
    assert op is not None
    assert saved is not None
    keeps: Sequence[bool] = op.keeps
    if op.variadic:
        keeps = (keeps[0], *([keeps[1]] * (len(saved) - 1)))
    n = sum([getattr(v, "nbytes", 0) for v, kept in zip(saved, keeps, strict=True) if kept])
    return n + sum([a.nbytes for a in _arrays(t._params.get("residual"))])


def _arrays(x: Any) -> Iterable[Any]:
    waiting = [x]
    while waiting:
        x = waiting.pop()
        if isinstance(x, np.ndarray):
            yield x
        elif isinstance(x, list | tuple):
            waiting.extend(x)
