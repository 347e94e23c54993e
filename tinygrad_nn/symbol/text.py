"""How operators, numbers and calls are written in a formula."""

from __future__ import annotations

import inspect
import math
from functools import cache
from typing import Any

import numpy as np

# How tightly an operator binds: as in Python.
LOOSE, OR, AND, SUM, PRODUCT, SIGN, POWER, ATOM = 0, 3, 5, 8, 9, 10, 11, 12
OPERATORS: dict[Any, tuple[str, int]] = {
    np.add: ("+", SUM),
    np.subtract: ("-", SUM),
    np.multiply: ("*", PRODUCT),
    np.divide: ("/", PRODUCT),
    np.floor_divide: ("//", PRODUCT),
    np.remainder: ("%", PRODUCT),
    np.matmul: ("@", PRODUCT),
    np.power: ("**", POWER),
    np.bitwise_or: ("|", OR),
    np.bitwise_and: ("&", AND),
    np.less: ("<", LOOSE),
    np.less_equal: ("<=", LOOSE),
    np.greater: (">", LOOSE),
    np.greater_equal: (">=", LOOSE),
    np.equal: ("==", LOOSE),
    np.not_equal: ("!=", LOOSE),
}


def _known(binds: int, *texts: str) -> dict[float, tuple[str, int]]:
    return {eval(t, dict(vars(math))): (t, binds) for t in texts}


#: Numbers that are better known by a formula, with how tightly it binds.
KNOWN = _known(ATOM, "pi", "sqrt(pi)", "sqrt(2 * pi)", "sqrt(2 / pi)", "sqrt(0.5)", "log(2)", "log(10)")
KNOWN |= _known(PRODUCT, "2 * pi", "pi / 2", "pi / 4", "pi / 8", "sqrt(pi) / 2", "2 / sqrt(pi)", "1 / sqrt(2 * pi)")
KNOWN |= _known(POWER, "pi ** 2")


#: Arrays of so many elements are written out.
_FEW = 6


def fenced(part: tuple[str, int], binds: int) -> str:
    """Put a text in parentheses where it binds less tightly than asked."""
    return part[0] if part[1] >= binds else f"({part[0]})"


def constant(x: Any, names: dict[int, tuple[str, Any]]) -> tuple[str, int]:
    """Give the text of a constant and how tightly it binds; an array gets a name in ``names``, by its identity."""
    known = names.get(id(x))
    if known is not None:
        return known[0], ATOM
    if isinstance(x, np.ndarray):
        real, plain = x.dtype.kind == "f", x.dtype.kind in "fb" or x.dtype == int
        dtype = "" if plain else f", '{x.dtype}'"
        if x.size and x.dtype.kind != "b" and (x == x.flat[0]).all():
            value = x.flat[0].item()
            return f"ones({x.shape})" if real and value == 1 else f"full({x.shape}, {value!r}{dtype})", ATOM
        if 0 < x.size <= _FEW:
            return f"array({x.tolist()}{dtype})", ATOM
        name = f"c{len(names)}"
        names[id(x)] = (name, x)
        return name, ATOM
    if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
        return f"'{np.dtype(x)}'", ATOM
    if isinstance(x, np.generic):
        x = x.item()
    if not isinstance(x, (int, float)):
        return repr(x), ATOM
    sign = SIGN if x < 0 or math.copysign(1.0, x) < 0 else ATOM
    if abs(x) in KNOWN and isinstance(x, float):
        text, binds = KNOWN[abs(x)]
        return (text, binds) if x > 0 else (f"-{text}", min(binds, SIGN))
    if isinstance(x, float) and not math.isfinite(x):
        return "nan" if x != x else "inf" if x > 0 else "-inf", sign
    return repr(x), sign


@cache
def _defaults(f: Any) -> dict[str, Any]:
    try:
        return {p.name: p.default for p in inspect.signature(f).parameters.values()}
    except (TypeError, ValueError):  # NumPy cannot tell it for some of its functions
        return {}


def needed(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Leave out the arguments that say what is so anyway."""
    named = _defaults(f)
    while args and len(args) <= len(named) and _same(args[-1], list(named.values())[len(args) - 1]):
        args = args[:-1]
    named = named | {"where": True, "keepdims": False}
    return args, {k: v for k, v in kwargs.items() if not _same(v, named.get(k, f))}


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and type(value) in (int, tuple, str) and value == default)
