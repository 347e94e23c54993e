"""Calls as Python expressions: operators, methods and NumPy's functions, with parentheses where they are needed."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .helpers import NUMPY_NAMES
from .literals import literal, number
from .program import Value

LOOSE, OR, AND, SUM, PRODUCT, SIGN, POWER, ATOM = 0, 3, 5, 8, 9, 10, 11, 12
OPERATORS: dict[Any, tuple[str, int]] = {
    np.add: ("+", SUM),
    np.subtract: ("-", SUM),
    np.multiply: ("*", PRODUCT),
    np.divide: ("/", PRODUCT),
    np.floor_divide: ("//", PRODUCT),
    np.remainder: ("%", PRODUCT),
    np.matmul: ("@", PRODUCT),
    np.bitwise_or: ("|", OR),
    np.bitwise_and: ("&", AND),
    np.less: ("<", LOOSE),
    np.less_equal: ("<=", LOOSE),
    np.greater: (">", LOOSE),
    np.greater_equal: (">=", LOOSE),
    np.equal: ("==", LOOSE),
    np.not_equal: ("!=", LOOSE),
}
#: Functions that are methods in the usual hand.
METHODS = {np.sum: "sum", np.mean: "mean", np.reshape: "reshape", np.max: "max", np.min: "min"}

Text = tuple[str, int]


def fenced(t: Text, binds: int) -> str:
    """Give a text in parentheses if it binds looser than it must."""
    return t[0] if t[1] >= binds else f"({t[0]})"


class Writer:
    """What writes one call: ``of(value)`` gives the text of an operand, ``helper(fn, name)`` that of a function."""

    def __init__(self, of: Callable[[Value], Text], helper: Callable[[Any, str], str]) -> None:
        self.of = of
        self.helper = helper

    def argument(self, x: Any) -> Text:
        """Give the text of an argument."""
        if isinstance(x, Value):
            return self.of(x)
        if type(x) in (tuple, list):
            inside = ", ".join([self.argument(v)[0] for v in x])
            return (f"[{inside}]" if type(x) is list else f"({inside}{',' if len(x) == 1 else ''})"), ATOM
        text = literal(x)
        if text is None:
            raise TypeError(f"to_source: a parameter of type {type(x).__name__} cannot be written")
        return text, SIGN if text.startswith("-") else ATOM

    def operand(self, x: Any, other: Any) -> Text:
        """Give the text of an operand: a single float64 beside an array of float64 needs no word of its dtype."""
        if isinstance(x, Value) and x.kind == "const" and x.fixed and x.shape == () and x.dtype == np.float64:
            beside = isinstance(other, Value) and other.shape and other.dtype == np.float64
            if beside and not isinstance(x.data, np.ndarray) and np.isfinite(x.data):
                text = number(float(x.data))
                return text, SIGN if text.startswith("-") else ATOM
        return self.argument(x)

    def call(self, v: Value) -> Text:
        """Give the expression of a call or part."""
        if v.kind == "part":
            text = self.of(v.args[0])[0]
            return text + "".join([f"[{i}]" for i in v.data]), ATOM
        fn, args = v.fn, v.args
        entry = OPERATORS.get(fn)
        array = any(isinstance(a, Value) for a in args)
        if entry is not None and len(args) == 2 and not v.params and array:
            sign, binds = entry
            if binds == LOOSE:
                left = right = LOOSE + 1
            else:
                left, right = binds, binds + 1
            a, b = self.operand(args[0], args[1]), self.operand(args[1], args[0])
            return f"{fenced(a, left)} {sign} {fenced(b, right)}", binds
        if fn is operator.pow:
            return f"{fenced(self.argument(args[0]), ATOM)} ** {fenced(self.argument(args[1]), SIGN)}", POWER
        if fn is np.negative and not v.params:
            return f"-{fenced(self.argument(args[0]), SIGN)}", SIGN
        if v.op is not None and v.op.name == "getitem":
            return f"{fenced(self.argument(args[0]), ATOM)}[{self.index(v.params['index'])}]", ATOM
        if fn is np.dot and v.data == "@":
            return f"{fenced(self.argument(args[0]), PRODUCT)} @ {fenced(self.argument(args[1]), PRODUCT + 1)}", PRODUCT
        if isinstance(args[0] if args else None, Value):
            x = args[0]
            if fn is np.transpose and (not v.params or v.params.get("axes") is None):
                return f"{fenced(self.argument(x), ATOM)}.T", ATOM
            if fn is np.matrix_transpose and len(x.shape) == 2:
                return f"{fenced(self.argument(x), ATOM)}.T", ATOM
            if v.op is not None and v.op.name in ("astype", "cast"):
                return f"{fenced(self.argument(x), ATOM)}.astype({self.argument(v.params['dtype'])[0]})", ATOM
            plain = fn is not np.reshape or v.params.get("order", "C") == "C"
            if fn in METHODS and len(args) == 1 and x.dtype is not None and plain:
                return f"{fenced(self.argument(x), ATOM)}.{METHODS[fn]}({self._arguments((), v, METHODS[fn])})", ATOM
        name = NUMPY_NAMES.get(fn) or self.helper(fn, v.op.name if v.op is not None else fn.__name__)
        return f"{name}({self._arguments(args, v, '')})", ATOM

    def _arguments(self, args: Any, v: Value, method: str) -> str:
        params = dict(v.params)
        parts = [self.argument(a)[0] for a in args]
        if method == "reshape" and params.get("order", "C") == "C":
            shape = params.pop("shape")
            params.pop("order", None)
            return ", ".join([self.argument(n)[0] for n in shape]) if isinstance(shape, tuple) and shape else str(shape)
        axis = params.get("axis")
        if v.fn in METHODS and type(axis) is tuple and len(axis) == 1:
            params["axis"] = axis[0]
        return ", ".join([*parts, *[f"{k}={self.argument(p)[0]}" for k, p in params.items()]])

    def index(self, index: Any) -> str:
        """Give an index as it stands in brackets."""
        parts = index if type(index) is tuple else (index,)
        out = []
        for i in parts:
            if isinstance(i, slice) and not isinstance(i.start, Value):
                ends = ["" if e is None else str(int(e)) for e in (i.start, i.stop)]
                out.append(":".join(ends) + ("" if i.step is None else f":{int(i.step)}"))
            else:
                out.append(self.argument(i)[0])
        return ", ".join(out) if out else "()"
