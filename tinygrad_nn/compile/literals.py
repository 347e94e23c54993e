"""Numbers and arrays as Python text that gives them back bit for bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

#: The largest array that is written out number by number.
WRITTEN = 16


def dtype_text(dtype: Any) -> str:
    """Give a dtype as an expression: ``np.float32``."""
    d = np.dtype(dtype)
    return f"np.{d.type.__name__}" if d == np.dtype(d.type) else f"np.dtype({d.str!r})"


def number(x: Any) -> str:
    """Give a Python number as an expression.

    >>> number(math.inf), number(-0.0), number(0.1)
    ('np.inf', '-0.0', '0.1')
    """
    if isinstance(x, float) and not math.isfinite(x):
        return "np.nan" if x != x else "np.inf" if x > 0 else "-np.inf"
    return repr(x)


def _ordinary(a: Any) -> bool:
    """Tell whether every NaN in it is the usual one, which text can name."""
    if a.dtype.kind != "f" or a.dtype.itemsize > 8:
        return a.dtype.kind in "biuf" and a.dtype.itemsize <= 8
    nan = np.asarray(a)[np.isnan(a)]
    usual = np.full(nan.shape, np.nan, a.dtype)
    return nan.tobytes() == usual.tobytes()


def scalar(x: Any) -> str:
    """Give a NumPy number as an expression of its own type.

    >>> scalar(np.float32(0.1)), scalar(np.float64(-np.inf))
    ('np.float32(0.1)', 'np.float64(-np.inf)')
    """
    if not _ordinary(x):
        return f"np.frombuffer(bytes.fromhex({x.tobytes().hex()!r}), np.dtype({x.dtype.str!r}))[0]"
    return f"{dtype_text(x.dtype)}({number(_item(x))})"


def _item(x: Any) -> Any:
    value = x.item()
    # The shortest decimal of its own precision reads better and gives the same bits: 0.1, not 0.10000000149011612.
    if isinstance(value, float) and math.isfinite(value) and x.dtype.itemsize < 8:
        return float(str(x.dtype.type(value)))
    return value


def array(a: ndarray[Any, Any]) -> str:
    """Give an array as an expression: a range, equal numbers, its numbers if they are few, or its bytes."""
    shape = str(a.shape[0]) if a.ndim == 1 else str(a.shape)
    dtype = dtype_text(a.dtype)
    if a.size and a.ndim:
        first = a.reshape(-1)[:1] if a.size else a
        if (a.tobytes() == first.tobytes() * a.size) and a.flags.c_contiguous:
            if first[0] == 0 and not np.signbit(first[0]) and a.dtype.kind != "b":
                return f"np.zeros({shape}, {dtype})"
            if first[0] == 1 and a.dtype.kind != "b":
                return f"np.ones({shape}, {dtype})"
            if _ordinary(first):
                return f"np.full({shape}, {number(_item(first[0]))}, {dtype})"
        if a.ndim == 1 and a.dtype.kind in "iu" and a.size > 2 and np.array_equal(a, np.arange(a.size)):
            return f"np.arange({a.size}, dtype={dtype})"
    if a.size <= WRITTEN and _ordinary(a):
        return f"np.array({_nested(a)}, {dtype})" if a.size else f"np.zeros({shape}, {dtype})"
    return f"np.frombuffer(bytes.fromhex({a.tobytes().hex()!r}), np.dtype({a.dtype.str!r})).reshape({a.shape})"


def _nested(a: Any) -> str:
    if a.ndim == 0:
        return number(_item(a[()]))
    return (
        "[" + ", ".join([_nested(v) for v in a]) + "]"
        if a.ndim > 1
        else "[" + ", ".join([number(_item(v)) for v in a]) + "]"
    )


def literal(x: Any) -> str | None:
    """Give a parameter as an expression; None for an object that text cannot name."""
    if x is None or x is Ellipsis or isinstance(x, (bool, int, str)):
        return repr(x) if x is not Ellipsis else "..."
    if isinstance(x, float):
        return number(x)
    if isinstance(x, np.generic):
        return scalar(x)
    if isinstance(x, ndarray):
        return array(x)
    if isinstance(x, slice):
        parts = [literal(v) for v in (x.start, x.stop, x.step)]
        return None if any(p is None for p in parts) else f"slice({', '.join([str(p) for p in parts])})"
    if isinstance(x, (tuple, list)) and not hasattr(x, "_fields"):
        parts = [literal(v) for v in x]
        if any(p is None for p in parts):
            return None
        inside = ", ".join([str(p) for p in parts])
        return f"[{inside}]" if isinstance(x, list) else f"({inside}{',' if len(x) == 1 else ''})"
    if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
        return dtype_text(x)
    return None
