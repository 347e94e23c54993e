"""The Tensor: an array that remembers how it was computed. It is the node of the graph."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from sys import getrefcount
from typing import Any
from weakref import ref

import numpy as np
from numpy import ndarray

from . import record, walk
from .convert import Foreign, as_array, copied, kept, matching, on_host
from .mode import tracing
from .numpy_like import NumpyLike
from .numpy_like import value as plain
from .ops import shape as ops_shape
from .record import NOTHING, apply, caller, constant
from .walk import SOLE, next_number

__all__ = ["Parameter", "Tensor", "apply", "as_tensor", "constant"]

_watched = False  # whether any tensor has a hook or retains its gradient: only then the walk stops at each node


class Tensor(NumpyLike):
    """An array of real numbers that records what is computed from it.

    ``data`` is anything that ``np.array`` takes (copied; the dtype is NumPy's); ``requires_grad=True`` asks for a
    gradient and needs a float dtype. NumPy's functions, operators, indexing and array methods work on it and record.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """

    __slots__ = ("__dict__", "__weakref__")
    __hash__ = object.__hash__

    _grad: ndarray[Any, Any] | None = None
    _hooks: tuple[Callable[..., Any], ...] = ()
    _passes: tuple[Callable[[], Any], int] | None = None
    """How many backward passes the array in ``_grad`` is the sum of, where more than one."""
    _retains = False
    _stands_for_array = False
    name: str | None = None
    """What pictures and messages call it, where that is given."""

    def __init__(self, data: Any, requires_grad: bool = False, *, dtype: Any = None, name: str | None = None) -> None:
        a = as_array(plain(data), "Tensor")
        if dtype is not None:
            a = as_array(a.astype(dtype, copy=False), "Tensor")
        if tracing() is not None:
            tracing().made(self, data, a.dtype)
        if requires_grad and a.dtype.kind != "f":
            raise TypeError(f"Tensor: dtype {a.dtype} cannot require a gradient; give floats, for example dtype=float")
        self._cotangent = None
        self._data = a
        self._exposed = False
        self._tracked = bool(requires_grad)
        self._where = None
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
        if tracing() is not None:
            tracing().peek(self, ".data")
        a = self._data
        if type(a) is not ndarray and not isinstance(a, Foreign):
            a = self._data = np.array(a)
        elif not self._exposed and (
            self._saved is not None or getattr(a, "base", None) is not None or getrefcount(a) > SOLE
        ):
            a = self._data = a.copy("K") if type(a) is ndarray else a.copy()
        return a

    @property
    def data(self) -> ndarray[Any, Any]:
        """The value as an ndarray, writable in place; a recorded graph keeps the value that it was recorded with."""
        a = self._own()
        self._exposed = True
        return a

    @data.setter
    def data(self, value: Any) -> None:
        if value is self._data:  # what t.data -= ... ends with
            return
        a = as_array(plain(value), "Tensor.data")
        if a.shape != self._data.shape:
            raise ValueError(
                f"{self._label()}.data: cannot assign shape {a.shape} to a tensor of shape {self._data.shape}; "
                f"make a new Tensor for another shape"
            )
        dtype = self._data.dtype
        self._data = a.astype(dtype) if isinstance(a, Foreign) else np.asarray(a, dtype, order="C")
        self._exposed = False

    @property
    def grad(self) -> ndarray[Any, Any] | None:
        """The accumulated gradient, an array of the tensor's shape and dtype, or None before ``backward``."""
        return self._grad if tracing() is None else tracing().read_grad(self)

    @grad.setter
    def grad(self, value: Any) -> None:
        if tracing() is not None:
            tracing().set_grad(self, value)
            return
        if value is None:
            self._grad = None
            return
        a = kept(matching(plain(value), self._data, f"{self._label()}.grad"))
        if a.shape != self._data.shape or a.dtype.kind not in "fiub":
            raise ValueError(
                f"{self._label()}.grad: takes None or an array of shape {self._data.shape}, "
                f"got shape {a.shape}, dtype {a.dtype}"
            )
        self._grad = a.astype(self._data.dtype, copy=False)

    shape = property(lambda self: self._data.shape, doc="The lengths of the axes.")
    ndim = property(lambda self: self._data.ndim, doc="The number of axes.")
    size = property(lambda self: self._data.size, doc="The number of elements.")
    dtype = property(lambda self: self._data.dtype, doc="The dtype of the elements.")
    nbytes = property(lambda self: self._data.nbytes, doc="The bytes that the elements take.")
    is_leaf = property(lambda self: self.op is None, doc="Whether no recorded operation made it.")
    T = property(lambda self: apply(ops_shape.transpose, (self,)), doc="The transpose.")
    mT = property(lambda self: apply(ops_shape.matrix_transpose, (self,)), doc="The transpose of the last two axes.")

    device = property(
        lambda self: self._data.device if isinstance(self._data, Foreign) else "cpu",
        doc="Where the elements are, as the array API standard asks.",
    )

    def to_device(self, device: Any, /, *, stream: Any = None) -> Tensor:
        """Give this tensor: there is no device but its own."""
        if device != self.device or stream is not None:
            raise ValueError(
                f"to_device: device {device!r} (stream={stream!r}) is not known; this tensor lives on {self.device!r}: "
                f"make a Tensor of an array that is there"
            )
        return self

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None
    ) -> Any:
        if self._tracked:
            raise BufferError(f"__dlpack__: {self._label()} needs a gradient, which would be lost; use detach()")
        given = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
        return self.data.__dlpack__(**{k: v for k, v in given.items() if v is not None})

    def __dlpack_device__(self) -> tuple[int, int]:
        if isinstance(self._data, Foreign):
            return self._data.__dlpack_device__()
        return (1, 0)  # kDLCPU

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        # Imported when asked for, by name: the namespace is a layer above and no part of `import tinygrad_nn`.
        xp = import_module(f"{__package__}.array_api")
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
            raise ValueError(f"__array_namespace__: api_version {api_version!r} is not known; 2025.12 is the latest")
        return xp

    def item(self) -> Any:
        """Give the only element as a Python number."""
        return self._scalar("item")

    def numpy(self) -> ndarray[Any, Any]:
        """Give a copy of the value as an ndarray, from whichever device it is on."""
        if tracing() is not None:
            tracing().peek(self, "numpy")
        return np.array(on_host(self._data))

    def tolist(self) -> Any:
        """Give the value as nested lists of Python numbers."""
        if tracing() is not None:
            tracing().peek(self, "tolist")
        return self._data.tolist()

    def detach(self) -> Tensor:
        """Give a tensor of the same value that the graph does not know."""
        if tracing() is not None:
            return tracing().detached(self)
        t = constant(self._data, self._exposed)
        t._where = caller()
        return t

    def _values(self) -> Any:
        """Give the array for an operation that reads values beside the derivative, such as indices."""
        return self._data if tracing() is None else tracing().values(self)

    def _scalar(self, who: str) -> Any:
        if tracing() is not None:
            tracing().peek(self, who)
        if self._data.size != 1:
            raise ValueError(
                f"{who}: needs exactly one element, this tensor has shape {self.shape}; index or sum first"
            )
        return self._data.item()

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex"))

    def __index__(self) -> int:
        if self.ndim or self.dtype.kind not in "iu":
            raise TypeError(
                f"{self._label()}: only a 0-d tensor of integers is an index, this one has shape {self.shape}, "
                f"dtype {self.dtype}; use int(t)"
            )
        return int(self._scalar("index"))

    def __bool__(self) -> bool:
        return bool(self._scalar("bool"))

    def __format__(self, spec: str) -> str:
        return format(self._scalar("format"), spec) if spec else str(self)

    def __repr__(self) -> str:
        text = np.array2string(on_host(self._data), separator=", ", prefix="Tensor(")
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
        data = self._data.copy() if isinstance(self._data, Foreign) else self.numpy()
        return _restore, (type(self), data, self.requires_grad, self.name)

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is asked for; on a leaf of float dtype it can be switched."""
        return self._tracked

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.op is not None and not wanted:
            raise RuntimeError(
                f"requires_grad: {self._label()} is not a leaf, switching it off would cut the graph; use detach()"
            )
        if wanted and self.dtype.kind != "f":
            raise TypeError(
                f"requires_grad: dtype {self.dtype} cannot require a gradient; convert it with astype(float)"
            )
        self._tracked = bool(wanted)

    # -- gradients ----------------------------------------------------------------------------------------------

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add the derivative of this tensor in every leaf that it depends on to the leaf's ``grad``.

        ``gradient`` is the cotangent, an array of this tensor's shape; a tensor of one element needs none. The graph's
        saved values are freed unless ``retain_graph``. Raises RuntimeError where there is no graph, ValueError for a
        missing or misshapen cotangent, :class:`GraphFreedError` for a second pass over a freed graph.
        """
        if self.op is None or not self._tracked:
            raise RuntimeError(
                f"backward: {self._label()} has no graph; compute it from a tensor with requires_grad=True, "
                f"outside no_grad() and without detach()"
            )
        if tracing() is not None:
            tracing().backward(self, gradient, retain_graph)
            return
        cotangents: dict[Any, Any] = {self: seed(self, gradient, "backward")}
        found = walk.reverse(
            walk.graph((self,)), cotangents, retain=retain_graph, visit=_visit if _watched else None, keep=True
        )
        while found:
            leaf, g = found.popitem()
            leaf._receive(g)

    def _receive(self, g: Any) -> None:
        """Add a gradient that the walker has finished to ``grad``."""
        old = self._grad
        if old is None and type(g) is ndarray and g.base is None and getrefcount(g) <= SOLE and not self._hooks:
            self._grad = g
            return
        if tracing() is not None:
            tracing().receive(self, g)
            return
        for hook in self._hooks:
            g = _hooked(hook, self, g)
        if old is None:
            self._grad = copied(g)
            return
        self._grad = old + g if old.ndim else kept(old + g)
        passes = self._passes[1] if self._passes is not None and self._passes[0]() is old else 1
        with suppress(TypeError):  # another library's arrays need not allow it
            self._passes = (ref(self._grad), passes + 1)

    def zero_grad(self) -> None:
        """Forget the gradient: ``grad`` is None again."""
        self.grad = None

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


record.result_class = Tensor


class Parameter(Tensor):
    """A tensor that a module trains: it needs a gradient from the start."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, *, dtype: Any = None, name: str | None = None) -> None:
        super().__init__(data, requires_grad, dtype=dtype, name=name)


def _restore(kind: type, data: Any, requires_grad: bool, name: str | None) -> Tensor:
    return kind(data, requires_grad, name=name)


def as_tensor(x: Any, who: str = "as_tensor") -> Tensor:
    """Give x itself if it is a tensor, otherwise a constant tensor of it."""
    return x if isinstance(x, Tensor) else constant(as_array(x, who))


def seed(t: Tensor, gradient: Any, who: str) -> Any:
    """Give the cotangent that a reverse walk starts with, checked against the tensor's shape."""
    if gradient is None:
        a = t._data
        if a.size != 1:
            raise ValueError(
                f"{who}: the result has shape {a.shape}, not one element; sum it, or give a gradient of that shape"
            )
        if not isinstance(a, (ndarray, np.generic)):
            return np.ones_like(a)
        return np.ones(a.shape, a.dtype) if a.ndim else a.dtype.type(1.0)
    g = copied(matching(plain(gradient), t._data, who))
    if g.shape != t.shape or g.dtype.kind not in "fiub":
        raise ValueError(f"{who}: gradient of shape {g.shape} ({g.dtype}) does not fit the result's shape {t.shape}")
    return g.astype(t.dtype, copy=False)


def _hooked(hook: Callable[..., Any], t: Tensor, g: Any) -> Any:
    new = hook(g)
    if new is None:
        return g
    new = kept(matching(plain(new), t._data, "register_hook"))
    if new.shape != t.shape:
        raise ValueError(f"register_hook: the hook of {t._label()} gave shape {new.shape}, needed {t.shape}")
    return new.astype(t.dtype, copy=False)


def _visit(t: Any, g: Any) -> Any:
    for hook in t._hooks:
        g = _hooked(hook, t, g)
    if t._retains:
        t._grad = copied(g) if t._grad is None else t._grad + g
    return g
