"""Find a function of one variable by its name, and its derivative by a backward pass."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[[np.ndarray], Any]


def named(name: str) -> tuple[Function, Function]:
    """Give an elementwise function of one array, and its derivative, by name: "relu", "tanh", "GELU", "log1p".

    It is looked for in ``nn.functional``, ``nn`` and NumPy, in that order. ValueError for what is not there, or takes
    elements together (softmax).
    """
    from tinygrad_nn import nn
    from tinygrad_nn.nn import functional
    from tinygrad_nn.op import OPS

    op = OPS.get(name)
    function = getattr(functional, name, None)
    if function is None and isinstance(getattr(nn, name, None), type):
        function = _module(getattr(nn, name))
    elif function is None and op is not None and op.family == "elementwise":
        function = getattr(np, name, None)
    if name.startswith("_") or not callable(function) or not _is_elementwise(function):
        known = [o.name for o in OPS.values() if o.family == "elementwise"]
        near = difflib.get_close_matches(name[:40], known, 1)
        hint = f"did you mean {near[0]!r}? Or" if near else 'take one such as "relu", or'
        raise ValueError(f"activations: {name!r:.60} names no function of one variable; {hint} give (f, derivative)")
    return function, derivative(function)


def derivative(function: Function) -> Function:
    """Give the derivative of an elementwise function, found by a backward pass."""

    def slope(x: np.ndarray) -> np.ndarray:
        from tinygrad_nn.mode import enable_grad
        from tinygrad_nn.tensor import Tensor

        t = Tensor(np.array(x, dtype=np.float64), requires_grad=True)
        with enable_grad(), np.errstate(all="ignore"):
            y: Any = function(t)  # type: ignore[arg-type]
            if not y.requires_grad:
                return np.zeros(t.shape)
            y.backward(np.ones(y.shape))
        return np.zeros(t.shape) if t.grad is None else t.grad

    return slope


def _module(kind: Any) -> Function | None:
    try:
        module = kind()
    except TypeError:  # a layer with sizes is no function of one variable
        return None
    return module if callable(module) else None


def _is_elementwise(function: Function) -> bool:
    x = np.array([0.25, 0.5, -0.5])
    try:
        with np.errstate(all="ignore"):
            whole = np.asarray(_data(function(x)))
            alone = [np.asarray(_data(function(v))) for v in np.split(x, 3)]
    except (TypeError, ValueError, RuntimeError):
        return False
    return whole.shape == x.shape and np.allclose(whole, np.concatenate(alone), equal_nan=True)


def _data(y: Any) -> Any:
    return getattr(y, "data", y) if not isinstance(y, np.ndarray) else y
