"""How a NumPy function becomes a function of the namespace: tensors in, tensors out, recorded where needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..mode import is_grad_enabled, tracing
from .signatures import signed
from .wrap import stripped, tensors, wrapped

__all__ = ["lifted", "stripped", "tensors", "wrapped"]


def lifted(f: Callable[..., Any], name: str | None) -> Callable[..., Any]:
    """Give the function of the namespace that a NumPy function computes.

    Without a gradient it computes on the arrays; with one it goes through NumPy's protocols, which record.

    >>> import numpy
    >>> lifted(numpy.exp, "exp")([0.0])
    Tensor([1.])
    """

    def function(*args: Any, **kwargs: Any) -> Any:
        given = tensors((args, kwargs))
        if tracing() is None and not (is_grad_enabled() and any(t._tracked for t in given)):
            return wrapped(f(*stripped(args), **stripped(kwargs)))
        return wrapped(f(*args, **kwargs))

    function.__doc__ = f"Give what NumPy's ``{name}`` gives, as tensors."
    return signed(function, name) if name else function
