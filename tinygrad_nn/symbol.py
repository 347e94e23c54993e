"""Expressions that print themselves: what flows through a rule when its formula is wanted.

A Symbol stands for an array of a known shape and dtype and carries a text. NumPy's functions and operators on Symbols
give Symbols of the composed text, so that running a rule on Symbols prints the rule::

    formula(OPS["sin"], 0)   ->   'g * cos(x)'
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .op import NUMPY, OPS, Op

__all__ = ["Symbol", "formula", "namespace"]

# How tightly an operator binds: as in Python.
_LOOSE, _OR, _AND, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = 0, 3, 5, 8, 9, 10, 11, 12
_OPERATORS: dict[Any, tuple[str, int]] = {
    np.add: ("+", _SUM),
    np.subtract: ("-", _SUM),
    np.multiply: ("*", _PRODUCT),
    np.divide: ("/", _PRODUCT),
    np.floor_divide: ("//", _PRODUCT),
    np.remainder: ("%", _PRODUCT),
    np.matmul: ("@", _PRODUCT),
    np.power: ("**", _POWER),
    np.bitwise_or: ("|", _OR),
    np.bitwise_and: ("&", _AND),
    np.less: ("<", _LOOSE),
    np.less_equal: ("<=", _LOOSE),
    np.greater: (">", _LOOSE),
    np.greater_equal: (">=", _LOOSE),
    np.equal: ("==", _LOOSE),
    np.not_equal: ("!=", _LOOSE),
}


class Symbol:
    """A text that stands for an array of the given shape and dtype.

    >>> x = Symbol("x")
    >>> np.exp(-x) * (x + 1.0)
    exp(-x) * (x + 1.0)
    """

    __slots__ = ("binds", "dtype", "names", "shape", "text")
    __array_priority__ = 2000
    __hash__ = object.__hash__

    def __init__(
        self,
        text: str,
        shape: tuple[int, ...] = (),
        dtype: Any = float,
        binds: int = _ATOM,
        names: dict[int, tuple[str, Any]] | None = None,
    ) -> None:
        self.text = text
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.binds = binds
        self.names = names if names is not None else {}

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    T = property(lambda self: self._made(f"{self._at(_ATOM)}.T", self.shape[::-1]))
    mT = property(lambda self: np.matrix_transpose(self))

    def __repr__(self) -> str:
        return self.text

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        raise TypeError(f"symbol: a rule may branch on shapes and parameters, not on the value of {self.text}")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(f"symbol: {self.text} stands for an array and has no values; use NumPy functions on it")

    def _at(self, binds: int) -> str:
        return self.text if self.binds >= binds else f"({self.text})"

    def _made(self, text: str, shape: tuple[int, ...], dtype: Any = None, binds: int = _ATOM) -> Symbol:
        return Symbol(text, shape, self.dtype if dtype is None else dtype, binds, self.names)

    def _dummy(self) -> Any:
        """Give an array of this shape that takes no memory."""
        return np.broadcast_to(np.ones((), self.dtype), self.shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            return NotImplemented
        shape, dtype = _outline(ufunc, inputs, {})
        entry = _OPERATORS.get(ufunc)
        if entry is not None:
            sign, binds = entry
            a, b = [self._text(x) for x in inputs]
            # ** groups to the right, every other operator to the left.
            left, right = (binds + 1, binds) if binds == _POWER else (binds, binds + 1)
            return self._made(f"{_fenced(a, left)} {sign} {_fenced(b, right)}", shape, dtype, binds)
        if ufunc is np.negative:
            return self._made(f"-{_fenced(self._text(inputs[0]), _SIGN)}", shape, dtype, _SIGN)
        return self._call(NUMPY[ufunc].name if ufunc in NUMPY else ufunc.__name__, inputs, {}, shape, dtype)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if func is np.dot and [x.ndim for x in args] == [2, 2]:
            return np.matmul(*args)
        shape, dtype = _outline(func, args, kwargs)
        return self._call(func.__name__, args, kwargs, shape, dtype)

    @staticmethod
    def __read_op__(op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        symbol = next(x for x in inputs if isinstance(x, Symbol))
        if op.name == "getitem":
            return symbol[params["index"]]

        def compute(*xs: Any) -> Any:
            y = op.fn(*xs, **params)
            return y[0] if op.residual else y

        shape, dtype = _outline(compute, inputs, {})
        return symbol._call(op.name, inputs, params, shape, dtype)

    def __getattr__(self, name: str) -> Any:
        op = OPS.get(name)
        if op is None or not op.method:
            raise AttributeError(f"Symbol has no attribute {name!r}")
        return lambda *args, **kwargs: op(self, *args, **kwargs)

    def reshape(self, *shape: Any) -> Symbol:
        """Print ``reshape(x, shape)``."""
        target: Any = shape[0] if len(shape) == 1 else shape
        reshape: Any = np.reshape
        made: Symbol = reshape(self, target)
        return made

    def astype(self, dtype: Any) -> Symbol:
        """Print ``astype(x, dtype)``."""
        return self._made(f"astype({self.text}, '{np.dtype(dtype)}')", self.shape, dtype)

    def __getitem__(self, index: Any) -> Symbol:
        parts = index if isinstance(index, tuple) else (index,)
        text = ", ".join([_index_text(i, self) for i in parts]) or "()"
        shape = self._dummy()[index].shape
        return self._made(f"{self._at(_ATOM)}[{text}]", shape)

    def _call(self, name: str, args: Sequence[Any], kwargs: dict[str, Any], shape: Any, dtype: Any) -> Symbol:
        parts = [self._text(x)[0] for x in args]
        parts += [f"{k}={self._text(v)[0]}" for k, v in kwargs.items()]
        return self._made(f"{name}({', '.join(parts)})", shape, dtype)

    def _text(self, x: Any) -> tuple[str, int]:
        """Give the text of an operand and how tightly it binds."""
        if isinstance(x, Symbol):
            return x.text, x.binds
        if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
            inside = ", ".join([self._text(v)[0] for v in x])
            if isinstance(x, list):
                return f"[{inside}]", _ATOM
            return f"({inside}{',' if len(x) == 1 else ''})", _ATOM
        known = self.names.get(id(x))
        if known is not None:
            return known[0], _ATOM
        if isinstance(x, np.ndarray):
            name = f"c{len(self.names)}"
            self.names[id(x)] = (name, x)
            return name, _ATOM
        if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
            return f"'{np.dtype(x)}'", _ATOM
        if isinstance(x, np.generic):
            x = x.item()
        if isinstance(x, float) and not math.isfinite(x):
            return ("nan" if x != x else "inf" if x > 0 else "-inf"), _ATOM if x > 0 else _SIGN
        return repr(x), _SIGN if isinstance(x, (int, float)) and (x < 0 or math.copysign(1.0, x) < 0) else _ATOM

    def __add__(self, b: Any) -> Any:
        return np.add(self, b)

    def __radd__(self, b: Any) -> Any:
        return np.add(b, self)

    def __sub__(self, b: Any) -> Any:
        return np.subtract(self, b)

    def __rsub__(self, b: Any) -> Any:
        return np.subtract(b, self)

    def __mul__(self, b: Any) -> Any:
        return np.multiply(self, b)

    def __rmul__(self, b: Any) -> Any:
        return np.multiply(b, self)

    def __truediv__(self, b: Any) -> Any:
        return np.divide(self, b)

    def __rtruediv__(self, b: Any) -> Any:
        return np.divide(b, self)

    def __pow__(self, b: Any) -> Any:
        return np.power(self, b)

    def __rpow__(self, b: Any) -> Any:
        return np.power(b, self)

    def __matmul__(self, b: Any) -> Any:
        return np.matmul(self, b)

    def __rmatmul__(self, b: Any) -> Any:
        return np.matmul(b, self)

    def __mod__(self, b: Any) -> Any:
        return np.remainder(self, b)

    def __floordiv__(self, b: Any) -> Any:
        return np.floor_divide(self, b)

    def __or__(self, b: Any) -> Any:
        return np.bitwise_or(self, b)

    def __and__(self, b: Any) -> Any:
        return np.bitwise_and(self, b)

    def __invert__(self) -> Any:
        return np.logical_not(self)

    def __neg__(self) -> Any:
        return np.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return np.absolute(self)

    def __lt__(self, b: Any) -> Any:
        return np.less(self, b)

    def __le__(self, b: Any) -> Any:
        return np.less_equal(self, b)

    def __gt__(self, b: Any) -> Any:
        return np.greater(self, b)

    def __ge__(self, b: Any) -> Any:
        return np.greater_equal(self, b)

    def __eq__(self, b: Any) -> Any:
        return np.equal(self, b)

    def __ne__(self, b: Any) -> Any:
        return np.not_equal(self, b)


def _fenced(part: tuple[str, int], binds: int) -> str:
    return part[0] if part[1] >= binds else f"({part[0]})"


def _index_text(i: Any, symbol: Symbol) -> str:
    if i is Ellipsis:
        return "..."
    if isinstance(i, slice):
        ends = ["" if v is None else str(v) for v in (i.start, i.stop)]
        return ":".join(ends) + ("" if i.step is None else f":{i.step}")
    return symbol._text(i)[0]


def _stand_in(x: Any) -> Any:
    if isinstance(x, Symbol):
        return x._dummy()
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return type(x)([_stand_in(v) for v in x])
    return x


def _outline(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[tuple[int, ...], Any]:
    """Give the shape and dtype of a function's result from those of its arguments."""
    xs = [_stand_in(x) for x in args]
    if f is np.matmul:
        a, b = [np.shape(x) for x in xs]
        rows, columns = a[-2:-1], b[-1:] if len(b) > 1 else ()
        return (*np.broadcast_shapes(a[:-2], b[:-2]), *rows, *columns), np.result_type(*xs)
    if isinstance(f, np.ufunc):
        # One element of each is enough to learn the dtype.
        ones = [x[(slice(0, 1),) * x.ndim] if isinstance(x, np.ndarray) else x for x in xs]
        with np.errstate(all="ignore"):
            return np.broadcast_shapes(*[np.shape(x) for x in xs]), f(*ones).dtype
    with np.errstate(all="ignore"):
        y = f(*xs, **{k: _stand_in(v) for k, v in kwargs.items()})
    return np.shape(y), getattr(y, "dtype", np.dtype(float))


def input_names(op: Op) -> tuple[str, ...]:
    """Give the names that an operation's rule uses for its inputs."""
    rule = next((r for r in op.rules if r is not None), None)
    if rule is None or op.variadic:
        return ()
    names = list(inspect.signature(rule).parameters)[2:]
    return tuple(names[: len(op.rules)])


def formula(
    op: Op,
    i: int,
    shapes: Sequence[tuple[int, ...]] | None = None,
    params: dict[str, Any] | None = None,
    names: Sequence[str] | None = None,
    y_shape: tuple[int, ...] | None = None,
    dtypes: Sequence[Any] | None = None,
    bound: dict[int, tuple[str, Any]] | None = None,
) -> str:
    """Print the rule of an operation for its input number i: what its gradient gets, with ``g`` for the cotangent.

    ``shapes`` are the inputs' (0-d each if not given), ``names`` what to call them (the rule's own names if not given).
    Arrays among the parameters are called by the parameter's name, other arrays ``c0``, ``c1``, ...; ``bound``, if
    given, receives them by those names.

    >>> formula(OPS["multiply"], 0)
    'g * b'
    """
    params = {k: v for k, v in (params or {}).items() if k != "residual"}
    n = len(shapes) if shapes is not None else len(op.rules)
    shapes = shapes if shapes is not None else [()] * n
    names = names or input_names(op) or [f"x{k}" for k in range(n)]
    dtypes = dtypes if dtypes is not None else [float] * n
    table = bound if bound is not None else {}
    table.update({id(v): (k, v) for k, v in params.items() if isinstance(v, np.ndarray)})
    xs = [Symbol(name, s, d, names=table) for name, s, d in zip(names, shapes, dtypes, strict=True)]
    if y_shape is None:
        y_shape = op_outline(op, xs, params)
    dtype = np.result_type(*dtypes) if n else float
    g, y = Symbol("g", y_shape, dtype, names=table), Symbol("y", y_shape, dtype, names=table)
    if op.variadic:
        return str(op.rules[0](g, y, *xs, **params)[i])  # type: ignore[misc]
    rule = op.rules[i]
    return "0" if rule is None else str(rule(g, y, *xs, **params))


def op_outline(op: Op, xs: Sequence[Symbol], params: dict[str, Any]) -> tuple[int, ...]:
    """Give the shape of an operation's result on symbols."""

    def compute(*arrays: Any) -> Any:
        y = op.fn(*arrays, **params)
        return y[0] if op.residual else y

    return _outline(op.fn if isinstance(op.fn, np.ufunc) else compute, xs, {})[0]


def namespace() -> dict[str, Any]:
    """Give the names that a printed formula may use: NumPy's functions, and every operation under its own name."""
    names: dict[str, Any] = {k: getattr(np, k) for k in np.__all__ if callable(getattr(np, k))}
    names |= {"nan": math.nan, "inf": math.inf}
    return names | dict(OPS)
