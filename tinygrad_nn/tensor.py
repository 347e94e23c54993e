"""The Tensor: an array that remembers how it was computed. It is the node of the graph.

``apply`` is the one border between numerics and bookkeeping: it takes the arrays out of the tensors, lets NumPy
compute, and records. What enters a graph enters by value: an array that somebody outside can still write to is
copied when it is recorded, so that writing to it later can never bend a gradient (docs/decisions/0002).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray

from . import walk
from .convert import NUMBERS, as_array, as_operand
from .mode import current
from .op import NUMPY, OPS, PLAIN, Op
from .ops import elementwise as ew
from .ops import linalg, shape
from .walk import SOLE, Node, next_number

__all__ = ["Parameter", "Tensor", "apply", "as_tensor", "gradients"]

NOTHING: dict[str, Any] = {}
_watched = False  # whether any tensor has a hook or retains its gradient: only then the walk stops at each node


class Tensor(Node):
    """An array of real numbers that records what is computed from it.

    ``data`` is anything that ``np.array`` takes (copied; the dtype is NumPy's); ``requires_grad=True`` asks for a
    gradient and needs a float dtype. NumPy's functions, operators, indexing and array methods work on it and record.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """

    __slots__ = ("__dict__", "__weakref__")
    __array_priority__ = 1000
    __hash__ = object.__hash__

    _grad: ndarray[Any, Any] | None = None
    _hooks: tuple[Callable[..., Any], ...] = ()
    _retains = False
    name: str | None = None

    def __init__(self, data: Any, requires_grad: bool = False, *, dtype: Any = None, name: str | None = None) -> None:
        a = as_array(_value(data), "Tensor")
        if dtype is not None:
            a = as_array(a.astype(dtype, copy=False), "Tensor")
        if requires_grad and a.dtype.kind != "f":
            raise TypeError(f"Tensor: dtype {a.dtype} cannot require a gradient; give floats, for example dtype=float")
        self._data = a
        self._exposed = False
        self.requires_grad = bool(requires_grad)
        self.op = None
        self._inputs = ()
        self._saved = None
        self._params = NOTHING
        self._number = next_number()
        if name is not None:
            self.name = name

    # -- what it holds ------------------------------------------------------------------------------------------

    def _own(self) -> ndarray[Any, Any]:
        """Give the array, made private first if a graph still holds it: safe to write to in place."""
        a = self._data
        if type(a) is not ndarray:
            a = self._data = np.array(a)
        elif not self._exposed and (self._saved is not None or a.base is not None or getrefcount(a) > SOLE):
            a = self._data = a.copy()
        return a

    def _guarded(self) -> Any:
        """Give the array for a graph to keep: a copy if somebody outside may still write to it."""
        a = self._data
        if type(a) is ndarray and (a.base is not None or getrefcount(a) > SOLE):
            return a.copy()
        self._exposed = False
        return a

    @property
    def data(self) -> ndarray[Any, Any]:
        """The value as an ndarray, writable in place; a recorded graph keeps the value that it was recorded with."""
        a = self._own()
        self._exposed = True
        return a

    @data.setter
    def data(self, value: Any) -> None:
        a = value if type(value) is ndarray else as_array(_value(value), "Tensor.data")
        if a.shape != self._data.shape:
            raise ValueError(
                f"{self._label()}.data: cannot assign shape {a.shape} to a tensor of shape {self._data.shape}; "
                f"make a new Tensor for another shape"
            )
        if a.dtype != self._data.dtype:
            a = as_array(a, "Tensor.data").astype(self._data.dtype)
        self._data = a
        self._exposed = True

    @property
    def grad(self) -> ndarray[Any, Any] | None:
        """The accumulated gradient, an array of the tensor's shape and dtype, or None before ``backward``."""
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is None:
            self._grad = None
            return
        a = np.asarray(value if not isinstance(value, Tensor) else value._data)
        if a.shape != self._data.shape or a.dtype.kind not in "fiub":
            raise ValueError(
                f"{self._label()}.grad: takes None or an array of shape {self._data.shape}, "
                f"got shape {a.shape}, dtype {a.dtype}"
            )
        self._grad = a.astype(self._data.dtype, copy=False)

    def _label(self) -> str:
        return self.name or (self.op.name if self.op is not None else type(self).__name__)

    shape = property(lambda self: self._data.shape, doc="The lengths of the axes.")
    ndim = property(lambda self: self._data.ndim, doc="The number of axes.")
    size = property(lambda self: self._data.size, doc="The number of elements.")
    dtype = property(lambda self: self._data.dtype, doc="The dtype of the elements.")
    nbytes = property(lambda self: self._data.nbytes, doc="The bytes that the elements take.")
    is_leaf = property(lambda self: self.op is None, doc="Whether no recorded operation made it.")
    T = property(lambda self: apply(shape.transpose, (self,)), doc="The transpose.")
    mT = property(lambda self: apply(shape.matrix_transpose, (self,)), doc="The transpose of the last two axes.")

    def item(self) -> Any:
        """Give the only element as a Python number."""
        return self._scalar("item")

    def numpy(self) -> ndarray[Any, Any]:
        """Give a copy of the value."""
        return np.array(self._data)

    def tolist(self) -> Any:
        """Give the value as nested lists of Python numbers."""
        return self._data.tolist()

    def detach(self) -> Tensor:
        """Give a tensor of the same value that the graph does not know."""
        return constant(self._data, self._exposed)

    def _scalar(self, who: str) -> Any:
        if self._data.size != 1:
            raise ValueError(f"{who}: needs exactly one element, this tensor has shape {self.shape}; index or sum first")
        return self._data.item()

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __bool__(self) -> bool:
        return bool(self._scalar("bool"))

    def __format__(self, spec: str) -> str:
        return format(self._scalar("format"), spec) if spec else str(self)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len: a 0-d tensor has no length")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(len(self._data))])

    def __contains__(self, item: Any) -> bool:
        return item in self._data

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(self._data), separator=", ", prefix="Tensor(")
        parts = [text]
        if self.dtype not in (np.float64, np.int64, np.bool_):
            parts.append(f"dtype={self.dtype}")
        if self.op is not None:
            parts.append(f"op={self.op.name}")
        elif self.requires_grad:
            parts.append("requires_grad=True")
        if self.name:
            parts.append(f"name={self.name!r}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.op is not None:
            raise TypeError(f"{self._label()}: only leaf tensors can be copied or pickled; call detach() first")
        return _restore, (type(self), self.numpy(), self.requires_grad, self.name)

    # -- gradients ----------------------------------------------------------------------------------------------

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add the derivative of this tensor in every leaf that it depends on to the leaf's ``grad``.

        ``gradient`` is the cotangent, an array of this tensor's shape; a tensor of one element needs none. The graph's
        saved values are freed unless ``retain_graph``. Raises RuntimeError where there is no graph, ValueError for a
        missing or misshapen cotangent, :class:`GraphFreedError` for a second pass over a freed graph.
        """
        if self.op is None or not self.requires_grad:
            raise RuntimeError(
                f"backward: {self._label()} has no graph; compute it from a tensor with requires_grad=True, "
                f"outside no_grad() and without detach()"
            )
        cotangents: dict[Any, Any] = {self: seed(self, gradient, "backward")}
        found = walk.reverse(walk.graph((self,)), cotangents, retain=retain_graph, visit=_visit if _watched else None)
        while found:
            leaf, g = found.popitem()
            leaf._receive(g)

    def _receive(self, g: Any) -> None:
        """Add a gradient that the walker has finished to ``grad``."""
        for hook in self._hooks:
            g = _hooked(hook, self, g)
        old = self._grad
        if old is not None:
            self._grad = old + g if old.ndim else np.array(old + g)
        elif type(g) is ndarray and g.base is None and getrefcount(g) <= SOLE and g.flags.writeable:
            self._grad = g
        else:
            self._grad = np.array(g)

    def zero_grad(self) -> None:
        """Forget the gradient: ``grad`` is None again."""
        self._grad = None

    def retain_grad(self) -> None:
        """Keep this tensor's gradient in ``grad`` at ``backward`` though it is not a leaf."""
        global _watched
        if not self.requires_grad:
            raise RuntimeError(f"retain_grad: {self._label()} does not need a gradient")
        if self.op is not None:
            self._retains = _watched = True

    def register_hook(self, hook: Callable[[Any], Any]) -> Callable[[], None]:
        """Call ``hook(gradient)`` whenever a backward pass has this tensor's gradient; what it returns replaces it.

        Gives a function that removes the hook.
        """
        global _watched
        if not self.requires_grad:
            raise RuntimeError(f"register_hook: {self._label()} does not need a gradient")
        self._hooks = (*self._hooks, hook)
        _watched = True

        def remove() -> None:
            self._hooks = tuple([h for h in self._hooks if h is not hook])

        return remove

    # -- NumPy's dispatch ---------------------------------------------------------------------------------------

    @staticmethod
    def __read_op__(op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return apply(op, inputs, params)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray[Any, Any]:
        if self.requires_grad:
            raise TypeError(
                f"{self._label()}: turning a tensor that needs a gradient into an array would cut its graph; "
                f"use NumPy functions on the tensor itself, or .detach() or .data on purpose"
            )
        return np.array(self.data, dtype=dtype, copy=copy)

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
        op = NUMPY.get(ufunc)
        if op is not None:
            if kwargs:
                raise TypeError(f"{op.name}: {', '.join(kwargs)}= has no derivative rule; leave it out")
            return apply(op, inputs)
        return _plain(ufunc, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        op = NUMPY.get(func)
        if op is None:
            return _plain(func, args, kwargs)
        return apply(op, *op.bind(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        """Give an array method that is an operation, and keep it on the class for the next time."""
        op = OPS.get(name)
        if op is None or not op.method:
            raise AttributeError(f"Tensor has no attribute {name!r}")
        setattr(Tensor, name, _method(op))
        return getattr(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(n for n, op in OPS.items() if op.method)})

    # -- operators and methods whose call differs from the function's ------------------------------------------------

    __add__, __radd__ = (lambda a, b: _operator(ew.add, a, b)), (lambda a, b: _operator(ew.add, b, a))
    __sub__, __rsub__ = (lambda a, b: _operator(ew.subtract, a, b)), (lambda a, b: _operator(ew.subtract, b, a))
    __mul__, __rmul__ = (lambda a, b: _operator(ew.multiply, a, b)), (lambda a, b: _operator(ew.multiply, b, a))
    __truediv__, __rtruediv__ = (lambda a, b: _operator(ew.divide, a, b)), (lambda a, b: _operator(ew.divide, b, a))
    __matmul__, __rmatmul__ = (
        (lambda a, b: _operator(linalg.matmul, a, b)),
        (lambda a, b: _operator(linalg.matmul, b, a)),
    )
    __rpow__ = lambda a, b: _operator(ew.power, b, a)  # noqa: E731
    __neg__ = lambda a: apply(ew.negative, (a,))  # noqa: E731
    __pos__ = lambda a: apply(ew.positive, (a,))  # noqa: E731
    __abs__ = lambda a: apply(ew.absolute, (a,))  # noqa: E731

    def __pow__(self, b: Any) -> Any:
        # The same shortcuts as NumPy's own operator takes for these exponents.
        if type(b) in NUMBERS:
            op = _POWERS.get(b)
            if op is not None and (b == 2 or self.dtype.kind == "f"):
                return apply(op, (self,))
        return _operator(ew.power, self, b)

    __lt__ = lambda a, b: _compare(np.less, a, b)  # noqa: E731
    __le__ = lambda a, b: _compare(np.less_equal, a, b)  # noqa: E731
    __gt__ = lambda a, b: _compare(np.greater, a, b)  # noqa: E731
    __ge__ = lambda a, b: _compare(np.greater_equal, a, b)  # noqa: E731
    __eq__ = lambda a, b: _compare(np.equal, a, b)  # type: ignore[assignment]  # noqa: E731
    __ne__ = lambda a, b: _compare(np.not_equal, a, b)  # type: ignore[assignment]  # noqa: E731

    def __getitem__(self, index: Any) -> Tensor:
        return apply(shape.getitem, (self,), {"index": shape.as_index(index)})

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("Tensor: item assignment cannot record; write to t.data[...] on purpose, outside the graph")

    def reshape(self, *new: Any, order: str = "C") -> Tensor:
        """Give the elements in another shape: ``t.reshape(2, 3)`` or ``t.reshape((2, 3))``."""
        target = new[0] if len(new) == 1 else new
        return apply(shape.reshape, (self,), {"shape": target, "order": order} if order != "C" else {"shape": target})

    def transpose(self, *axes: Any) -> Tensor:
        """Permute the axes: ``t.transpose()``, ``t.transpose(1, 0)`` or ``t.transpose((1, 0))``."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return apply(shape.transpose, (self,), {} if order is None else {"axes": tuple(order)})

    def flatten(self, order: str = "C") -> Tensor:
        """Give the elements as one axis."""
        return apply(shape.ravel, (self,), {"order": order})

    def astype(self, dtype: Any, copy: bool = True) -> Tensor:
        """Convert to another dtype; the gradient comes back in this tensor's dtype."""
        target = np.dtype(dtype)
        if target == self.dtype and not copy:
            return self
        return apply(shape.astype if target.kind == "f" else _CAST, (self,), {"dtype": target})


class Parameter(Tensor):
    """A tensor that a module trains: it needs a gradient from the start."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, *, dtype: Any = None, name: str | None = None) -> None:
        super().__init__(data, requires_grad, dtype=dtype, name=name)


def _restore(kind: type, data: Any, requires_grad: bool, name: str | None) -> Tensor:
    return kind(data, requires_grad, name=name)


def _value(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


_POWERS = {2: ew.square, 0.5: ew.sqrt, -1: ew.reciprocal, 1: ew.positive}
_CAST = shape.cast
_new = Tensor.__new__


def constant(value: Any, exposed: bool = False) -> Tensor:
    """Give a tensor without a graph that holds an array as it is (``exposed``: others may write to it)."""
    t = _new(Tensor)
    t._data = value
    t._exposed = exposed
    t.requires_grad = False
    t.op = None
    t._inputs = ()
    t._saved = None
    t._params = NOTHING
    t._number = next_number()
    return t


def as_tensor(x: Any, who: str = "as_tensor") -> Tensor:
    """Give x itself if it is a tensor, otherwise a constant tensor of it."""
    return x if isinstance(x, Tensor) else constant(as_array(x, who))


def apply(op: Op, inputs: tuple[Any, ...], params: dict[str, Any] = NOTHING) -> Any:
    """Compute an operation on tensors and other operands; record it where a gradient is needed.

    Gives a Tensor. What NumPy raises is raised again with the operation's name and the shapes.
    """
    if op.family == "composite":
        return op.fn(*inputs, **params)
    needs = exposed = foreign = False
    values = []
    for x in inputs:
        if isinstance(x, Tensor):
            if x.requires_grad:
                needs = True
            if x._exposed:
                exposed = True
            values.append(x._data)
        elif type(x) in NUMBERS:
            values.append(x)
        else:
            foreign = True
            values.append(as_operand(x, op.name))
    if not (needs and current()[0]):
        try:
            y = op.fn(*values, **params)
        except Exception as e:
            raise _explained(e, op, values, params) from None
        if op.residual:
            y = y[0]
        if type(y) is not ndarray and not isinstance(y, np.generic):
            y = np.asarray(y)
        return constant(y, y.base is not None)
    if exposed:
        values = [x._guarded() if isinstance(x, Tensor) and x._exposed else v for x, v in zip(inputs, values, strict=True)]
    if foreign:
        inputs = _by_value(op, inputs, values)
        values = [v if isinstance(x, Tensor) else x for x, v in zip(inputs, values, strict=True)]
    if params:
        params = {k: v.copy() if type(v) is ndarray else v for k, v in params.items()}
    try:
        y = op.fn(*values, **params)
    except Exception as e:
        raise _explained(e, op, values, params) from None
    if op.residual:
        y, residual = y
        params = {**params, "residual": residual}
    if type(y) is not ndarray and not isinstance(y, np.generic):
        y = np.asarray(y)
    t = _new(Tensor)
    t._data = y
    t._exposed = False
    t.requires_grad = True
    t.op = op
    t._inputs = inputs
    t._saved = (y, *values)
    t._params = params
    t._number = next_number()
    return t


def _by_value(op: Op, inputs: tuple[Any, ...], values: list[Any]) -> tuple[Any, ...]:
    """Copy the arrays among the inputs whose values the rules will read: their owner may write to them."""
    keeps = op.keeps[1:] if not op.variadic else op.keeps[1:] * len(inputs)
    return tuple(
        [
            x if isinstance(x, Tensor) else v.copy() if type(v) is ndarray and kept else v
            for x, v, kept in zip(inputs, values, keeps, strict=True)
        ]
    )


def _explained(e: Exception, op: Op, values: list[Any], params: dict[str, Any]) -> Exception:
    """Give NumPy's error again, of the same type where that can be, with the operation and the shapes."""
    shapes = ", ".join([str(v.shape) if hasattr(v, "shape") else repr(v) for v in values])
    given = "".join([f", {k}={v!r}" for k, v in params.items() if not isinstance(v, ndarray)])
    advice = "; the trailing axes must agree or be 1: reshape or transpose one of them" if "broadcast" in str(e) else ""
    text = f"{op.name}: {str(e).strip()} (inputs of shape {shapes}{given}){advice}"
    kind = next((k for k in (OverflowError, IndexError, ValueError, TypeError) if isinstance(e, k)), None)
    return kind(text) if kind is not None else e


def _operator(op: Op, a: Any, b: Any) -> Any:
    other = b if isinstance(a, Tensor) else a
    if isinstance(other, (Tensor, float, int, ndarray, np.generic, list, tuple)):
        return apply(op, (a, b))
    return NotImplemented


def _method(op: Op) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return apply(op, *op.bind(self, *args, **kwargs))

    method.__name__ = op.name
    method.__doc__ = op.__doc__
    return method


def _compare(relation: Callable[..., Any], a: Any, b: Any) -> Any:
    return relation(_value(a), _value(b))


def _strip(x: Any) -> Any:
    if isinstance(x, Tensor):
        return x._data
    if isinstance(x, (list, tuple)):
        return type(x)([_strip(v) for v in x])
    return x


def _plain(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a function that has no derivative by nature on the arrays; refuse any other function without a rule."""
    if f in PLAIN:
        return f(*[_strip(x) for x in args], **{k: _strip(v) for k, v in kwargs.items()})
    raise TypeError(
        f"{f.__name__}: no derivative rule for this NumPy function, and running it on plain data would lose the "
        f"gradient; declare it with tg.op.elementwise, linear, multilinear or general, or pass t.detach().data"
    )


def seed(t: Tensor, gradient: Any, who: str) -> Any:
    """Give the cotangent that a reverse walk starts with, checked against the tensor's shape."""
    if gradient is None:
        if t._data.size != 1:
            raise ValueError(
                f"{who}: the result has shape {t.shape}, not one element; sum it, or give a gradient of that shape"
            )
        return np.ones(t.shape, t.dtype) if t.ndim else t.dtype.type(1.0)
    g = np.array(_value(gradient))
    if g.shape != t.shape or g.dtype.kind not in "fiub":
        raise ValueError(f"{who}: gradient of shape {g.shape} ({g.dtype}) does not fit the result's shape {t.shape}")
    return g.astype(t.dtype, copy=False)


def _hooked(hook: Callable[..., Any], t: Tensor, g: Any) -> Any:
    new = hook(g)
    if new is None:
        return g
    new = np.asarray(_value(new))
    if new.shape != t.shape:
        raise ValueError(f"register_hook: the hook of {t._label()} gave shape {new.shape}, needed {t.shape}")
    return new.astype(t.dtype, copy=False)


def _visit(t: Tensor, g: Any) -> Any:
    for hook in t._hooks:
        g = _hooked(hook, t, g)
    if t._retains:
        t._grad = np.array(g) if t._grad is None else t._grad + g
    return g
