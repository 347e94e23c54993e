"""Expressions that print themselves: what flows through a rule when its formula is wanted.

A Symbol stands for an array of a known shape and dtype and remembers how it was written. NumPy's functions and
operators on Symbols give Symbols, so that running a rule on Symbols prints the rule::

    formula(OPS["sin"], 0)   ->   'g * cos(x)'

A longer part that is used more than once gets a name: ``g * (b / t1 / t1)  with t1 = where(y == 0, inf, y)``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np

from ..op import NUMPY, OPS, Op
from .text import ATOM, LOOSE, OPERATORS, POWER, SIGN, constant, fenced, needed

#: A repeated part that is written with more characters than this gets a name.
SHORT = 14

Piece = str | tuple["Symbol", int]


def _both(f: Callable[..., Any]) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """Give an operator and its reflection."""
    return lambda a, b: f(a, b), lambda a, b: f(b, a)


class Symbol:
    """A text that stands for an array of the given shape and dtype.

    >>> x = Symbol("x")
    >>> np.exp(-x) * (x + 1.0)
    exp(-x) * (x + 1.0)
    """

    __slots__ = ("binds", "dtype", "names", "pieces", "shape")
    __array_priority__ = 2000
    __hash__ = object.__hash__

    def __init__(
        self,
        text: str | tuple[Piece, ...],
        shape: tuple[int, ...] = (),
        dtype: Any = float,
        binds: int = ATOM,
        names: dict[int, tuple[str, Any]] | None = None,
    ) -> None:
        self.pieces: tuple[Piece, ...] = (text,) if isinstance(text, str) else text
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.binds = binds
        self.names = names if names is not None else {}

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    T = property(lambda self: self._made(((self, ATOM), ".T"), self.shape[::-1]))
    mT = property(lambda self: np.matrix_transpose(self))

    def steps(self) -> tuple[list[tuple[str, str]], str]:
        """Give the parts that are used more than once, as (name, text) in order, and the text of the whole."""
        order = _ordered(self)
        # Parts that are written alike are one part.
        number: dict[int, int] = {}
        found: dict[Any, int] = {}
        parts: list[Symbol] = []
        uses: Counter[int] = Counter()
        for s in order:
            key = tuple([p if isinstance(p, str) else (number[id(p[0])], p[1]) for p in s.pieces])
            if key not in found:
                found[key] = len(parts)
                parts.append(s)
                uses.update([p[0] for p in key if not isinstance(p, str)])
            number[id(s)] = found[key]
        fresh: Iterator[str] | None = None
        named: list[tuple[str, str]] = []
        texts: list[tuple[str, int]] = []
        for i, s in enumerate(parts):
            text = "".join([p if isinstance(p, str) else fenced(texts[number[id(p[0])]], p[1]) for p in s.pieces])
            binds = s.binds
            if uses[i] > 1 and len(text) > SHORT and len(s.pieces) > 1:
                fresh = fresh or _fresh(parts)
                named.append((next(fresh), text))
                text, binds = named[-1][0], ATOM
            texts.append((text, binds))
        return named, texts[number[id(self)]][0]

    def __repr__(self) -> str:
        named, text = self.steps()
        return text + ("  with " if named else "") + "; ".join([f"{name} = {t}" for name, t in named])

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        raise TypeError(f"symbol: a rule may branch on shapes and parameters, not on the value of {self}")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(f"symbol: {self} stands for an array and has no values; use NumPy functions on it")

    def _made(self, pieces: Sequence[Piece], shape: tuple[int, ...], dtype: Any = None, binds: int = ATOM) -> Symbol:
        return Symbol(tuple(pieces), shape, self.dtype if dtype is None else dtype, binds, self.names)

    def _dummy(self) -> Any:
        """Give an array of this shape that takes no memory; whole numbers are 0, which is a place in any array."""
        return np.broadcast_to(np.array(self.dtype.kind not in "iu", self.dtype), self.shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            return NotImplemented
        shape, dtype = _outline(ufunc, inputs, {})
        entry = OPERATORS.get(ufunc)
        if entry is not None:
            sign, binds = entry
            # ** groups to the right, every other operator to the left.
            left, right = (binds + 1, binds) if binds == POWER else (binds, binds + 1)
            a, b = self._pieces(inputs[0], left), self._pieces(inputs[1], right)
            return self._made([*a, f" {sign} ", *b], shape, dtype, binds)
        if ufunc is np.negative:
            return self._made(["-", *self._pieces(inputs[0], SIGN)], shape, dtype, SIGN)
        return self._call(NUMPY[ufunc].name if ufunc in NUMPY else ufunc.__name__, inputs, {}, shape, dtype)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if func in (np.shape, np.ndim, np.size) and len(args) == 1:
            return getattr(args[0], func.__name__)
        if func is np.dot and [x.ndim for x in args] == [2, 2]:
            return np.matmul(*args)
        shape, dtype = _outline(func, args, kwargs)
        idle = func in (np.reshape, np.broadcast_to) or (func is np.moveaxis and args[1] == args[2])
        if idle and isinstance(args[0], Symbol) and shape == args[0].shape:
            return args[0]
        args, kwargs = needed(func, args, kwargs)
        return self._call(NUMPY[func].name if func in NUMPY else func.__name__, args, kwargs, shape, dtype)

    @staticmethod
    def __read_op__(op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        symbol = next(x for x in inputs if isinstance(x, Symbol))
        if op.name == "getitem":
            return symbol[params["index"]]
        return symbol._call(op.name, inputs, params, *op_outline(op, inputs, params))

    def __getattr__(self, name: str) -> Any:
        op = OPS.get(name)
        if op is None or not op.method:
            raise AttributeError(f"Symbol has no attribute {name!r}")
        return lambda *args, **kwargs: op(self, *args, **kwargs)

    def reshape(self, *shape: Any) -> Symbol:
        """Print ``reshape(x, shape)``."""
        reshape: Any = np.reshape
        made: Symbol = reshape(self, shape[0] if len(shape) == 1 else shape)
        return made

    def astype(self, dtype: Any) -> Symbol:
        """Print ``astype(x, dtype)``."""
        return self._made(["astype(", (self, LOOSE), f", '{np.dtype(dtype)}')"], self.shape, dtype)

    def __getitem__(self, index: Any) -> Symbol:
        pieces: list[Piece] = []
        for i in index if isinstance(index, tuple) else (index,):
            pieces += [", " if pieces else "[", *_index_pieces(i, self)]
        return self._made([(self, ATOM), *(pieces or ["[()"]), "]"], self._dummy()[index].shape)

    def _call(self, name: str, args: Sequence[Any], kwargs: dict[str, Any], shape: Any, dtype: Any) -> Symbol:
        pieces: list[Piece] = []
        for k, v in [*[("", x) for x in args], *kwargs.items()]:
            pieces += [", " if pieces else f"{name}(", f"{k}=" if k else "", *self._pieces(v, LOOSE)]
        return self._made([*pieces, ")"], shape, dtype)

    def _pieces(self, x: Any, binds: int) -> list[Piece]:
        """Give the text of an operand, in parentheses where it binds less tightly than asked."""
        if isinstance(x, Symbol):
            return [(x, binds)]
        if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
            pieces: list[Piece] = ["[" if isinstance(x, list) else "("]
            for i, v in enumerate(x):
                pieces += [", " if i else "", *self._pieces(v, LOOSE)]
            return [*pieces, "]" if isinstance(x, list) else ",)" if len(x) == 1 else ")"]
        return [fenced(constant(x, self.names), binds)]

    __add__, __radd__ = _both(np.add)
    __sub__, __rsub__ = _both(np.subtract)
    __mul__, __rmul__ = _both(np.multiply)
    __truediv__, __rtruediv__ = _both(np.divide)
    __floordiv__, __rfloordiv__ = _both(np.floor_divide)
    __mod__, __rmod__ = _both(np.remainder)
    __pow__, __rpow__ = _both(np.power)
    __matmul__, __rmatmul__ = _both(np.matmul)
    __or__, __ror__ = _both(np.bitwise_or)
    __and__, __rand__ = _both(np.bitwise_and)
    __lt__, __gt__ = _both(np.less)[0], _both(np.greater)[0]
    __le__, __ge__ = _both(np.less_equal)[0], _both(np.greater_equal)[0]
    __eq__, __ne__ = _both(np.equal)[0], _both(np.not_equal)[0]
    __invert__ = lambda a: np.logical_not(a)  # noqa: E731
    __neg__ = lambda a: np.negative(a)  # noqa: E731
    __abs__ = lambda a: np.absolute(a)  # noqa: E731
    __pos__ = lambda a: a  # noqa: E731


def _fresh(parts: list[Symbol]) -> Iterator[str]:
    """Give the names t1, t2, ... without those that stand in a formula already."""
    taken = {w for s in parts for p in s.pieces if isinstance(p, str) for w in re.findall(r"\w+", p)}
    return (name for i in count(1) if (name := f"t{i}") not in taken)


def _ordered(root: Symbol) -> list[Symbol]:
    """Give a symbol and all that it is made of, parts first."""
    order: list[Symbol] = []
    seen: set[int] = set()
    stack = [(root, False)]
    while stack:
        s, ready = stack.pop()
        if ready:
            order.append(s)
        elif id(s) not in seen:
            seen.add(id(s))
            stack.append((s, True))
            stack += [(p[0], False) for p in reversed(s.pieces) if not isinstance(p, str)]
    return order


def _index_pieces(i: Any, symbol: Symbol) -> list[Piece]:
    if i is Ellipsis:
        return ["..."]
    if isinstance(i, slice):
        ends = ["" if v is None else str(v) for v in (i.start, i.stop)]
        return [":".join(ends) + ("" if i.step is None else f":{i.step}")]
    return symbol._pieces(i, LOOSE)


def _stand_in(x: Any, solid: bool = False) -> Any:
    if isinstance(x, Symbol):
        return np.broadcast_to(np.eye(*x.shape[-2:], dtype=x.dtype), x.shape) if solid and x.ndim > 1 else x._dummy()
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return type(x)([_stand_in(v, solid) for v in x])
    return x


def _outline(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[tuple[int, ...], Any]:
    """Give the shape and dtype of a function's result from those of its arguments."""
    xs = [_stand_in(x) for x in args]
    if f is np.matmul:
        a, b = [np.shape(x) for x in xs]
        rows, columns = a[-2:-1], b[-1:] if len(b) > 1 else ()
        return (*np.broadcast_shapes(a[:-2], b[:-2]), *rows, *columns), np.result_type(*xs)
    with np.errstate(all="ignore"):
        if isinstance(f, np.ufunc) and f.signature is None:
            # One element of each is enough to learn the dtype.
            few = [x[(slice(0, 1),) * x.ndim] if isinstance(x, np.ndarray) else x for x in xs]
            return np.broadcast_shapes(*[np.shape(x) for x in xs]), f(*few).dtype
        named = {k: _stand_in(v) for k, v in kwargs.items()}
        try:
            y = f(*xs, **named)
        except np.linalg.LinAlgError:
            # Matrices that are ones all over have no inverse.
            y = f(*[_stand_in(x, solid=True) for x in args], **named)
    return np.shape(y), getattr(y, "dtype", np.dtype(float))


def op_outline(op: Op, xs: Sequence[Any], params: dict[str, Any]) -> tuple[tuple[int, ...], Any]:
    """Give the shape and dtype of an operation's result on symbols."""

    def compute(*arrays: Any) -> Any:
        y = op.fn(*arrays, **{k: _stand_in(v) for k, v in params.items()})
        return y[0] if op.residual else y

    return _outline(op.fn if isinstance(op.fn, np.ufunc) else compute, xs, {})
