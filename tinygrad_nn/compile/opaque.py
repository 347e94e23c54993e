"""Functions whose own calls depend on values: in compiled code one call that runs them eagerly, and one back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..mode import enable_grad, no_grad, trace
from ..op import Op
from ..tensor import Tensor
from ..transforms.gradients import pull
from ..walk import Node, everything
from .traced import TraceError, sealed


class _Forward:
    """The value of f(given, x), of arrays."""

    def __init__(self, name: str, f: Callable[[Any, Any], Any]) -> None:
        self.__name__ = name
        self.f = f

    def __call__(self, given: Any, x: Any) -> Any:
        with trace(None), no_grad():
            return _array(self.f(np.asarray(given), Tensor(x)))


class _Backward:
    """The pullback of f(given, .) at x, of arrays."""

    def __init__(self, name: str, f: Callable[[Any, Any], Any]) -> None:
        self.__name__ = f"{name}_back"
        self.f = f

    def __call__(self, g: Any, given: Any, x: Any) -> Any:
        with trace(None), enable_grad():
            t = Tensor(x, requires_grad=True)
            y = self.f(np.asarray(given), t)
            (found,) = pull([y], [t], [np.asarray(g)], False)
            return np.zeros(t.shape, t.dtype) if found is None else np.asarray(found)


def check(name: str, f: Callable[[Any, Any], Any], given: Any, x: Any) -> None:
    """Raise TraceError where f uses values of the trace, or a tensor whose gradient would be lost, beside x."""
    token = sealed.set(True)
    try:
        with trace(None), enable_grad():
            t = Tensor(x, requires_grad=True)
            y = f(np.asarray(given), t)
    finally:
        sealed.reset(token)
    if any(isinstance(v, Tensor) and v.op is None and v.requires_grad and v is not t for v in everything([y])):
        raise TraceError(
            f"{name}: in compiled code its functions may use no other tensor that needs a gradient; use np.where, or "
            f"call it outside of the compiled function"
        )


def _array(y: Any) -> Any:
    return y._data if isinstance(y, Node) else np.asarray(y)


def opaque(name: str, f: Callable[[Any, Any], Any]) -> Op:
    """Give the operation of (given, x) that f is, differentiable once in x."""
    back = Op("general", _Backward(name, f), (None, None, None), name=f"{name}_back", register=False)
    return Op("general", _Forward(name, f), (None, lambda g, y, given, x: back(g, given, x)), name=name, register=False)
