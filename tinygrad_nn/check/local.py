"""Say in words why an operation lets little or nothing of a gradient through at the values that it met."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..walk import Node

_RECTIFIERS = frozenset(["relu", "relu6", "threshold", "hardshrink", "softshrink"])
_SATURATING = frozenset(
    ["sigmoid", "expit", "tanh", "softmax", "log_softmax", "erf", "arctan", "softsign", "hardsigmoid", "hardtanh"]
)
_CHOOSING = frozenset(["maximum", "minimum", "fmax", "fmin", "where", "max", "min", "nanmax", "nanmin", "clip"])
_TAKING = frozenset(["getitem", "take", "take_along_axis", "diagonal", "tril", "triu", "delete", "trim_zeros"])
_JOINING = frozenset(["concatenate", "stack", "index_set", "index_add"])


def describe_local(n: Node, t: Node | None) -> str:
    """Describe the local derivative of the operation that made n; t is the input that is asked about."""
    op: Any = n.op
    if n._data.dtype.kind != "f":
        return f"its result has dtype {n._data.dtype}, and whole numbers have no derivative"
    if t is not None and 0 in np.shape(t._data):
        return "that input of it has no elements"
    values = _values(n)
    if op.name in _RECTIFIERS and values:
        off = int(np.sum(np.asarray(n._data) == 0)) if isinstance(n._data, (np.ndarray, np.generic)) else 0
        total = int(np.prod(n._data.shape))
        dead = " (a dead ReLU: a smaller learning rate, another initialization or a leaky one helps)"
        return f"{off} of its {total} results are 0, where its slope is 0" + (dead if off == total else "")
    if op.name in _SATURATING and values and values[0] is not None and values[0].size:
        return f"its inputs lie between {_span(values[0])}, where it is flat (saturated): scale or normalize them"
    if op.name in ("multiply", "matmul", "divide", "affine") and values:
        own = -1 if t is None else t._number
        mine = [isinstance(x, Node) and x._number == own for x in n._inputs]
        others = [v for m, v in zip(mine, values, strict=False) if not m and v is not None]
        zero = [v for v in others if v.size and not np.any(v)]
        if zero:
            return "its other factor is zero everywhere"
        if all(mine) and values[0] is not None:
            return f"it multiplies by values that lie between {_span(values[0])}"
        known = [_span(v) for v in others[:2] if v.size]
        if not known:
            return "its other factor is that small (backward() has freed its values)"
        return "its other factor lies between " + " or ".join(known)
    if op.name in _CHOOSING:
        return "it chooses another input, or another element, everywhere"
    if op.name in _TAKING:
        return "it takes other elements"
    if op.name in _JOINING:
        return "the part of its result that came from here is not used further on"
    if op.kinks and "everywhere" in op.kinks:
        return f"its derivative is {op.kinks}"
    if not op.variadic and all(r is None for r in op.rules):
        return "it is declared without a derivative"
    if values and values[0] is not None and values[0].size:
        return f"its local derivative is that small at its inputs, which lie between {_span(values[0])}"
    return "its local derivative is that small there"


def _values(n: Node) -> list[Any]:
    """Give the inputs' arrays, as far as they are known: None for those that a freed graph let go."""
    if n._saved is not None:
        return [np.asarray(v) for v in n._saved[1:]]
    found: list[Any] = []
    for x in n._inputs:
        data = x._data if isinstance(x, Node) else x
        known = isinstance(data, (np.ndarray, np.generic, float, int))
        found.append(np.asarray(data) if known else None)
    return found


def _span(v: Any) -> str:
    """Give the range of numbers that are not NaN."""
    v = v[~np.isnan(v)] if v.dtype.kind == "f" else v
    return f"{np.min(v):.4g} and {np.max(v):.4g}" if v.size else "nan and nan"
