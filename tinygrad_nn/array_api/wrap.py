"""Tensors to arrays and back. Complex numbers are constants: no tensor of them can need a gradient."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..record import constant
from ..tensor import Tensor

__all__ = ["ComplexConstant", "stripped", "tensors", "wrapped"]


def tensors(x: Any) -> list[Tensor]:
    """List the tensors among arguments, in sequences and dictionaries too."""
    if isinstance(x, Tensor):
        return [x]
    if isinstance(x, dict):
        x = tuple(x.values())
    return [t for v in x for t in tensors(v)] if isinstance(x, (list, tuple)) else []


def stripped(x: Any) -> Any:
    """Give arguments with the arrays in place of the tensors."""
    if isinstance(x, Tensor):
        return x._data
    if isinstance(x, dict):
        return {k: stripped(v) for k, v in x.items()}
    if type(x) in (list, tuple):
        return type(x)([stripped(v) for v in x])
    return x


def wrapped(y: Any) -> Any:
    """Give a result with a constant tensor in place of each array."""
    if isinstance(y, (ndarray, np.generic)):
        t = constant(y, True)
        if y.dtype.kind == "c":
            t.__class__ = ComplexConstant
        return t
    if isinstance(y, tuple) and hasattr(y, "_fields"):
        return type(y)(*[wrapped(v) for v in y])
    return type(y)([wrapped(v) for v in y]) if isinstance(y, (list, tuple)) else y


def _on_arrays(f: Callable[..., Any], args: Any, kwargs: Any, name: str = "") -> Any:
    if any(t._tracked for t in tensors((args, kwargs))):
        raise TypeError(
            f"{name or getattr(f, '__name__', f)}: complex constants do not mix with a tensor that needs a gradient; "
            f"work with its real and imaginary parts, or with what np.fft gives of it"
        )
    return wrapped(f(*stripped(args), **stripped(kwargs)))


def _operators(f: Callable[[Any, Any], Any]) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    def method(a: Any, b: Any) -> Any:
        return _on_arrays(f, (a, b), {})

    def reflected(a: Any, b: Any) -> Any:
        return _on_arrays(f, (b, a), {})

    return method, reflected


def _method(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _on_arrays(getattr(ndarray, name), (np.asarray(self._data), *args), kwargs)

    method.__name__ = name
    return method


class ComplexConstant(Tensor):
    """A constant tensor of complex numbers, which functions of the array API namespace make."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _on_arrays(getattr(ufunc, method), inputs, kwargs, ufunc.__name__)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _on_arrays(func, args, kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return wrapped, (self.numpy(),)

    def detach(self) -> Tensor:
        """Give itself: it has no graph."""
        return self

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Convert to another complex dtype; TypeError for any other, which would lose the imaginary parts."""
        target = np.dtype(dtype)
        if target.kind != "c":
            raise TypeError(f"astype: {self.dtype} to {target} is not supported; for the parts use t.real and t.imag")
        return wrapped(np.array(self._data, target)) if copy or target != self.dtype else self

    def __getitem__(self, index: Any) -> Any:
        return _on_arrays(operator.getitem, (self, index), {})

    __add__, __radd__ = _operators(operator.add)
    __sub__, __rsub__ = _operators(operator.sub)
    __mul__, __rmul__ = _operators(operator.mul)
    __truediv__, __rtruediv__ = _operators(operator.truediv)
    __matmul__, __rmatmul__ = _operators(operator.matmul)
    __pow__, __rpow__ = _operators(operator.pow)
    __iadd__, __isub__, __imul__, __itruediv__ = __add__, __sub__, __mul__, __truediv__
    __neg__ = lambda a: _on_arrays(operator.neg, (a,), {})  # noqa: E731
    __pos__ = lambda a: _on_arrays(operator.pos, (a,), {})  # noqa: E731
    __abs__ = lambda a: _on_arrays(operator.abs, (a,), {})  # noqa: E731
    real = property(lambda self: wrapped(np.array(self._data.real)), doc="The real parts.")
    imag = property(lambda self: wrapped(np.array(self._data.imag)), doc="The imaginary parts.")
    T = property(lambda self: wrapped(self._data.T), doc="The transpose.")
    mT = property(lambda self: wrapped(np.matrix_transpose(self._data)), doc="The transpose of the last two axes.")


_KEPT = {"astype", "item", "tolist", "to_device"}
for _name in dir(ndarray):
    if not _name.startswith("_") and callable(getattr(ndarray, _name)) and _name not in _KEPT:
        setattr(ComplexConstant, _name, _method(_name))
