"""Common subexpressions: compute the same call on the same values once. Random calls are never merged."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..program import Program, Value


def _key(x: Any) -> Any:
    """Give what tells two arguments apart: values by identity, numbers by type and bits (0.0 is not -0.0)."""
    if isinstance(x, Value):
        if x.kind == "const" and x.fixed and x.nbytes <= 4096:
            return "const", x.dtype.str, x.shape, x.order, type(x.data).__name__, x.data.tobytes()
        return id(x)
    if isinstance(x, (tuple, list)):
        return (type(x).__name__, *[_key(v) for v in x])
    if isinstance(x, slice):
        return "slice", _key(x.start), _key(x.stop), _key(x.step)
    if type(x) is float:
        return "float", np.float64(x).tobytes()
    if x is None or isinstance(x, (bool, int, str)) or x is Ellipsis:
        return type(x).__name__, x
    if isinstance(x, np.dtype):
        return "dtype", x.str
    return "object", id(x)


def is_random(v: Value) -> bool:
    """Tell whether a call draws random numbers."""
    return bool(getattr(v.op, "random", False))


def cse(program: Program) -> Program:
    """Give the program with each repeated call computed once."""
    seen: dict[Any, Value] = {}
    swap: dict[Value, Any] = {}
    body = []
    for v in program.body:
        if swap:
            program.replaced([v], swap)
        if v.kind not in ("call", "part") or is_random(v):
            body.append(v)
            continue
        what = id(v.fn) if v.kind == "call" else v.data
        errors = tuple(sorted(v.err.items())) if v.err else ()
        params = tuple([(k, _key(p)) for k, p in sorted(v.params.items())])
        key = (v.kind, what, tuple([_key(a) for a in v.args]), params, errors)
        first = seen.get(key)
        if first is None:
            seen[key] = v
            body.append(v)
        else:
            swap[v] = first
            first.hint = first.hint or v.hint
            first.where = first.where or v.where
    return program.replaced(body, swap)
