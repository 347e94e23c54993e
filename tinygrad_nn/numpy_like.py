"""What makes a tensor behave like an ndarray: NumPy's two dispatch protocols, operators, indexing, array methods."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from .convert import NUMBERS
from .mode import is_grad_enabled, tracing
from .op import NUMPY, OPS, PLAIN, Op
from .ops import elementwise as ew
from .ops import late, linalg, rounding, shape
from .ops.indexing import At
from .record import OPERANDS, apply, binary, constant, unary
from .walk import Node

_POWERS = {2: ew.square, 0.5: ew.sqrt, -1: ew.reciprocal, 1: ew.positive}
_CAST = shape.cast
#: What ``initial=`` comes to for the reductions that begin with it.
_STARTS: dict[Any, Any] = {np.sum: np.add, np.nansum: np.add, np.prod: np.multiply, np.nanprod: np.multiply}


def _named(name: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """Give the operator and its reflection of an operation that is looked up when it is used."""

    def operator(a: Any, b: Any) -> Any:
        return apply(OPS[name], (a, b)) if isinstance(b, OPERANDS) else NotImplemented

    def reflected(a: Any, b: Any) -> Any:
        return apply(OPS[name], (b, a)) if isinstance(b, OPERANDS) else NotImplemented

    return operator, reflected


def _bits(f: Callable[..., Any]) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """Give an operator on bits and its reflection: they give constants, since whole numbers have no derivative."""

    def operator(a: Any, b: Any) -> Any:
        return _constant(f, a, b) if isinstance(b, OPERANDS) else NotImplemented

    def reflected(a: Any, b: Any) -> Any:
        return _constant(f, b, a) if isinstance(b, OPERANDS) else NotImplemented

    return operator, reflected


class NumpyLike(Node):
    """The part of Tensor that NumPy and Python's operators see."""

    __slots__ = ()
    __array_priority__ = 1000

    name: str | None

    def _label(self) -> str:
        """Give what error messages call it: its name, or what made it."""
        return self.name or (self.op.name if self.op is not None else type(self).__name__)

    # -- NumPy's dispatch ---------------------------------------------------------------------------------------

    __read_op__ = staticmethod(apply)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray[Any, Any]:
        if self._tracked and tracing() is None:
            raise TypeError(
                f"{self._label()}: turning a tensor that needs a gradient into an array would cut its graph; "
                f"use NumPy functions on the tensor itself, or .detach() or .data on purpose"
            )
        return np.array(self.data, dtype=dtype, copy=copy)

    @property
    def _mask(self) -> Any:
        """Refuse a masked array's arithmetic, which would take the bare array and lose the graph and the mask."""
        if not self._tracked:
            raise AttributeError("_mask")
        raise TypeError(
            f"{self._label()}: a masked array would lose its mask; fill it first, for example with x.filled(0)"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if kwargs.get("out") is not None:
            raise TypeError(
                f"{ufunc.__name__}: out= and in-place forms (array += tensor) cannot record; write a = a + t instead"
            )
        if method != "__call__":
            raise TypeError(
                f"{ufunc.__name__}.{method}: this form of a ufunc has no derivative rule; "
                f"use the NumPy function for it (np.sum for np.add.reduce)"
            )
        op = NUMPY.get(ufunc) or late(ufunc)
        if op is not None:
            if kwargs:
                raise TypeError(f"{op.name}: {', '.join(kwargs)}= has no derivative rule; leave it out")
            return apply(op, inputs)
        return _plain(ufunc, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs and func in _STARTS and kwargs.get("initial", np._NoValue) is not np._NoValue:
            start = kwargs["initial"]
            y = func(*args, **{k: v for k, v in kwargs.items() if k != "initial"})
            return _STARTS[func](y, start if isinstance(start, Node) else y.dtype.type(start))
        if func is np.where and len(args) < 3:
            return _places(*args, **kwargs)
        op = NUMPY.get(func) or late(func)
        if op is None:
            return _plain(func, args, kwargs)
        return apply(op, *op.bind(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        """Give an array method that is an operation, and keep it on the class for the next time."""
        method = _method_named(name)
        if method is None:
            raise AttributeError(f"Tensor has no attribute {name!r}")
        setattr(NumpyLike, name, method)
        return getattr(self, name)

    def __dir__(self) -> list[str]:
        names = {n for n in (*OPS, *(f.__name__ for f in PLAIN)) if _method_named(n) is not None}
        return sorted({*super().__dir__(), *names})

    # -- operators and methods whose call differs from the function's ------------------------------------------------

    __add__, __radd__ = binary(ew.add, operator.add)
    __sub__, __rsub__ = binary(ew.subtract, operator.sub)
    __mul__, __rmul__ = binary(ew.multiply, operator.mul)
    __truediv__, __rtruediv__ = binary(ew.divide, operator.truediv)
    __matmul__, __rmatmul__ = binary(linalg.matmul, operator.matmul)
    __rpow__ = binary(ew.power, operator.pow)[1]
    __floordiv__, __rfloordiv__ = _named("floor_divide")
    __mod__, __rmod__ = _named("remainder")
    __divmod__, __rdivmod__ = _named("divmod")
    __and__, __rand__ = _bits(np.bitwise_and)
    __or__, __ror__ = _bits(np.bitwise_or)
    __xor__, __rxor__ = _bits(np.bitwise_xor)
    __lshift__, __rlshift__ = _bits(np.left_shift)
    __rshift__, __rrshift__ = _bits(np.right_shift)
    __invert__ = lambda a: _constant(np.invert, a)  # noqa: E731
    __neg__ = unary(ew.negative)
    __pos__ = unary(ew.positive)
    __abs__ = unary(ew.absolute)

    def __pow__(self, b: Any) -> Any:
        # The same shortcuts as NumPy's own operator takes for these exponents.
        if type(b) in NUMBERS:
            op = _POWERS.get(b)
            if op is not None and (b == 2 or self.dtype.kind == "f"):
                return apply(op, (self,))
        return apply(ew.power, (self, b)) if isinstance(b, OPERANDS) else NotImplemented

    def _in_place(self, op: Op, b: Any) -> Any:
        """Write to a leaf in place under ``no_grad``, as in ``w -= rate * w.grad``; elsewhere a new tensor is made."""
        if self.op is None and self._tracked and not is_grad_enabled():
            tracer = tracing()
            if tracer is not None:
                return tracer.write(self, apply(op, (self, b)))
            a = self._own()
            a[...] = op.fn(a, value(b))
            return self
        return apply(op, (self, b)) if isinstance(b, OPERANDS) else NotImplemented

    __iadd__ = lambda a, b: a._in_place(ew.add, b)  # noqa: E731
    __isub__ = lambda a, b: a._in_place(ew.subtract, b)  # noqa: E731
    __imul__ = lambda a, b: a._in_place(ew.multiply, b)  # noqa: E731
    __itruediv__ = lambda a, b: a._in_place(ew.divide, b)  # noqa: E731

    __lt__ = lambda a, b: _compare(np.less, a, b)  # noqa: E731
    __le__ = lambda a, b: _compare(np.less_equal, a, b)  # noqa: E731
    __gt__ = lambda a, b: _compare(np.greater, a, b)  # noqa: E731
    __ge__ = lambda a, b: _compare(np.greater_equal, a, b)  # noqa: E731
    __eq__ = lambda a, b: _compare(np.equal, a, b)  # noqa: E731
    __ne__ = lambda a, b: _compare(np.not_equal, a, b)  # noqa: E731

    def __getitem__(self, index: Any) -> Any:
        return apply(shape.getitem, (self,), {"index": shape.as_index(index)})

    real = property(lambda self: self, doc="Itself: the elements are real.")
    imag = property(lambda self: apply(rounding.imag, (self,)), doc="Zeros: the elements are real.")
    at = property(At, doc="Places to update: ``t.at[index].set(v)`` and ``t.at[index].add(v)`` give a new tensor.")

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._tracked or tracing() is not None or (isinstance(value, Node) and value._tracked):
            raise TypeError("Tensor: item assignment cannot record; write to t.data[...] on purpose, outside the graph")
        # A constant takes it, as the array API standard asks; graphs hold it by value.
        self.data[_strip(index)] = _strip(value)

    def reshape(self, *new: Any, order: str = "C") -> Any:
        """Give the elements in another shape: ``t.reshape(2, 3)`` or ``t.reshape((2, 3))``."""
        target = new[0] if len(new) == 1 else new
        order = shape.layout(self, order, "reshape")
        return apply(shape.reshape, (self,), {"shape": target, "order": order} if order != "C" else {"shape": target})

    def transpose(self, *axes: Any) -> Any:
        """Permute the axes: ``t.transpose()``, ``t.transpose(1, 0)`` or ``t.transpose((1, 0))``."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return apply(shape.transpose, (self,), {} if order is None else {"axes": tuple(order)})

    def flatten(self, order: str = "C") -> Any:
        """Give the elements as one axis."""
        return apply(shape.ravel, (self,), {"order": shape.layout(self, order, "flatten")})

    def compress(self, condition: Any, axis: int | None = None) -> Any:
        """Give the slices along an axis (or the elements) where a condition holds."""
        return OPS["compress"](condition, self, axis=axis)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Convert to another dtype; the gradient comes back in this tensor's dtype."""
        target = np.dtype(dtype)
        if target == self.dtype and not copy:
            return self
        return apply(shape.astype if target.kind == "f" else _CAST, (self,), {"dtype": target})

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len: a 0-d tensor has no length")
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(len(self._data))])

    def __contains__(self, item: Any) -> bool:
        if tracing() is not None:
            tracing().peek(self, "in")
        return item in self._data


def value(x: Any) -> Any:
    """Give the array of a tensor, and anything else as it is."""
    return x._data if isinstance(x, Node) else x


def _method_named(name: str) -> Callable[..., Any] | None:
    """Give the array method of that name: an operation, or a plain function such as argmax."""
    function: Any = getattr(np, name, None) if hasattr(ndarray, name) else None
    op = OPS.get(name) or NUMPY.get(function)  # conj is another name of conjugate
    if op is not None and (op.method or name not in OPS):
        bare = op.family == "elementwise" and op.arity == 1 and not op.parameters
        return unary(op) if bare else _method(op)
    if function not in PLAIN:
        return None

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _plain(function, (self, *args), kwargs)

    return method


def _method(op: Op) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return apply(op, *op.bind(self, *args, **kwargs))

    method.__name__ = op.name
    method.__doc__ = op.__doc__
    return method


def _places(condition: Any, *choices: Any) -> Any:
    """Give what ``np.where`` of a condition alone gives: the indices where it holds."""
    if choices:
        raise ValueError("where: either both or neither of the two choices must be given")
    return np.nonzero(condition)


def _compare(relation: Callable[..., Any], a: Any, b: Any) -> Any:
    tracer = tracing()
    if tracer is not None:
        return tracer.plain(relation, (a, b), {})
    return relation(value(a), value(b))


def _constant(f: Callable[..., Any], *args: Any) -> Any:
    tracer = tracing()
    return tracer.plain(f, args, {}) if tracer is not None else constant(f(*[value(x) for x in args]))


def _strip(x: Any) -> Any:
    if isinstance(x, Node):
        return x._data
    if isinstance(x, (list, tuple)):
        return type(x)([_strip(v) for v in x])
    return x


def _plain(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a function that has no derivative by nature on the arrays; refuse any other function without a rule."""
    tracer = tracing()
    if tracer is not None:
        return tracer.plain(f, args, kwargs)
    if f in PLAIN:
        return f(*[_strip(x) for x in args], **{k: _strip(v) for k, v in kwargs.items()})
    raise TypeError(
        f"{f.__name__}: no derivative rule for this NumPy function, and running it on plain data would lose the "
        f"gradient; declare it with tg.op.elementwise, linear, multilinear or general, or pass t.detach().data"
    )
