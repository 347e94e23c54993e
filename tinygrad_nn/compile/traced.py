"""What flows through a function while it is traced: tensors that keep their values to themselves; and what is noted."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..mode import is_grad_enabled, tracing
from ..op import NUMPY
from ..tensor import Tensor
from ..walk import Node

#: The engine's own modules may look at the values of a tensor in a trace: they hand nothing out.
_MODULES = ("record", "walk", "tensor", "numpy_like", "transforms", "compile", "convert")


#: Plain functions that look at shapes and dtypes only.
SHAPE_ONLY = frozenset(
    [
        *(np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.iscomplexobj, np.isrealobj),
        *(np.zeros_like, np.ones_like, np.empty_like),
    ]
)
#: Plain functions whose result has as many elements as the values say.
VALUE_SHAPED = frozenset([np.argwhere, np.flatnonzero])


class TraceError(TypeError):
    """Raised where compiled code cannot do what a function does, with what to do instead."""


_DATA: Any = Node.__dict__["_data"]
#: The engine's own modules may look at the values of a tensor in a trace: they hand nothing out.
_ENGINE = tuple(f"{__name__.rpartition('.')[0].rpartition('.')[0]}.{m}" for m in _MODULES)


#: Whether the values of the trace are out of reach: they would be frozen.
sealed: ContextVar[bool] = ContextVar("tinygrad_nn.sealed", default=False)


class NeedsValueError(Exception):
    """Raised in a trial where a change of state gives a number: it must be worked for the trace to go on."""


class TracedTensor(Tensor):
    """A tensor of a trace: code outside the engine cannot get at its values."""

    __slots__ = ()

    @property
    def _data(self) -> Any:
        if sealed.get():
            raise TraceError(
                "select: in compiled code its functions may use nothing else that the compiled function computes; "
                "use np.where, or call it outside of the compiled function"
            )
        if not sys._getframe(1).f_globals["__name__"].startswith(_ENGINE):
            tracer = tracing()
            if tracer is not None:
                tracer.peek(self, "._data")
        return _DATA.__get__(self)

    @_data.setter
    def _data(self, value: Any) -> None:
        _DATA.__set__(self, value)

    # Where a rule runs that eager code would run on plain arrays, NumPy's own function is what computes.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs and _on_arrays(ufunc):
            return tracing().numpy_call(ufunc, inputs, {})
        return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if _on_arrays(func):
            found = tracing().numpy_call(func, args, kwargs)
            if found is not NotImplemented:
                return found
        return super().__array_function__(func, types, args, kwargs)

    def _filled(self, shape: tuple[int, ...]) -> Any:
        """Give a filled array of a larger shape, as rules make it of small arrays."""
        return tracing().numpy_call(np.full, (shape, self), {}) if _numeric() else np.broadcast_to(self, shape)

    def __pow__(self, b: Any) -> Any:
        # NumPy's numbers have a power of their own, which differs from that of arrays in the last place.
        if _numeric() and (not self.shape or type(b) not in (int, float)):
            return tracing().numpy_call(operator.pow, (self, b), {})
        return super().__pow__(b)

    def __rpow__(self, a: Any) -> Any:
        return tracing().numpy_call(operator.pow, (a, self), {}) if _numeric() else super().__rpow__(a)


def _numeric() -> bool:
    """Tell whether what runs would run on plain arrays in eager code."""
    tracer = tracing()
    return tracer is not None and tracer.numeric and not is_grad_enabled()


def _on_arrays(f: Any) -> bool:
    """Tell whether NumPy's function itself computes here, and not the operation that has its derivative."""
    if not _numeric():
        return False
    op = NUMPY.get(f)
    return op is not None and (op.family == "composite" or op.fn is not f)


def _plain_operator(f: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return lambda a, b: tracing().plain(f, (a, b), {}), lambda a, b: tracing().plain(f, (b, a), {})


class TracedArray(TracedTensor):
    """What stands for a plain array in a trace: unlike a tensor it has the operators of whole numbers and masks."""

    __slots__ = ()
    _stands_for_array = True

    __and__, __rand__ = _plain_operator(np.bitwise_and)
    __or__, __ror__ = _plain_operator(np.bitwise_or)
    __xor__, __rxor__ = _plain_operator(np.bitwise_xor)
    __lshift__, __rlshift__ = _plain_operator(np.left_shift)
    __rshift__, __rrshift__ = _plain_operator(np.right_shift)

    def __invert__(self) -> Any:
        return tracing().plain(np.invert, (self,), {})


class Effect:
    """A change of state at its place in a trace: an optimizer's step, a gradient that is set, values written."""

    def __init__(self, number: int, kind: str, run: Callable[..., Any] | None, **parts: Any) -> None:
        self.number = number
        self.kind = kind
        self.run = run
        self.__dict__.update(parts)


class GradOf:
    """The gradient of a leaf, read when compiled code runs."""

    def __init__(self, leaf: Any, version: int) -> None:
        self.leaf = leaf
        self.version = version


class Held:
    """An object that an effect is called with as it is."""

    def __init__(self, value: Any) -> None:
        self.value = value


def held(x: Any) -> Iterable[Any]:
    """Give the objects that an effect is called with."""
    if isinstance(x, (tuple, list)):
        for v in x:
            yield from held(v)
    elif isinstance(x, dict):
        for v in x.values():
            yield from held(v)
    else:
        yield x.value if isinstance(x, Held) else x


def line_of(code: Any, instruction: int) -> int:
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


def tensors_in(x: Any) -> Iterable[Any]:
    """Give the tensors in nested containers and slices."""
    if isinstance(x, Node):
        yield x
    elif isinstance(x, (tuple, list)):
        for v in x:
            yield from tensors_in(v)
    elif isinstance(x, dict):
        for v in x.values():
            yield from tensors_in(v)


def strip(x: Any) -> Any:
    if isinstance(x, Node):
        return x._data
    if isinstance(x, (tuple, list)) and not hasattr(x, "_fields"):
        return type(x)([strip(v) for v in x])
    if isinstance(x, Held):
        return x.value
    if isinstance(x, dict):
        return {k: strip(v) for k, v in x.items()}
    return x
