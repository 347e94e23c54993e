"""How a NumPy function becomes a function of the namespace: tensors in, tensors out, recorded where needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..mode import is_grad_enabled, tracing
from ..record import constant
from ..tensor import Tensor
from .signatures import signed

__all__ = ["lifted", "stripped", "tensors", "wrapped"]


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
    if isinstance(y, (np.ndarray, np.generic)):
        return constant(y, True)
    if isinstance(y, tuple) and hasattr(y, "_fields"):
        return type(y)(*[wrapped(v) for v in y])
    return type(y)([wrapped(v) for v in y]) if isinstance(y, (list, tuple)) else y


def lifted(f: Callable[..., Any], name: str | None) -> Callable[..., Any]:
    """Give the function of the namespace that a NumPy function computes.

    Without a gradient it computes on the arrays; with one it goes through NumPy's protocols, which record.

    >>> lifted(np.exp, "exp")(Tensor([0.0]))
    Tensor([1.])
    """

    def function(*args: Any, **kwargs: Any) -> Any:
        given = tensors((args, kwargs))
        if tracing() is None and not (is_grad_enabled() and any(t._tracked for t in given)):
            return wrapped(f(*stripped(args), **stripped(kwargs)))
        return wrapped(f(*args, **kwargs))

    function.__doc__ = f"Give what NumPy's ``{name}`` gives, as tensors."
    return signed(function, name) if name else function
