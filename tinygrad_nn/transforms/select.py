"""select: a choice between two functions in which each sees only its own elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..convert import kept
from ..mode import tracing
from ..op import OPS
from ..tensor import Tensor, as_tensor


def select(cond: Any, x: Any, f: Callable[[Any], Any], g: Callable[[Any], Any]) -> Any:
    """Give f(x) where cond holds and g(x) elsewhere, each evaluated on its own elements only.

    ``np.where(cond, f(x), g(x))`` evaluates both everywhere, and a derivative that is infinite or NaN in the branch not
    taken spoils the gradient (0 * inf is NaN). Here f gets the 1-d array of the elements where cond holds and must give
    one number for each (or one for all); g likewise for the others. cond and x broadcast against each other.

    >>> x = Tensor([-1.0, 4.0], requires_grad=True)
    >>> select(x > 0, x, np.sqrt, lambda x: x).sum().backward()
    >>> x.grad
    array([1.  , 0.25])
    """
    tracer = tracing()
    if tracer is not None:
        return tracer.opaque("select", lambda c, x: select(c, x, f, g), cond, x)
    c = kept(cond.data if isinstance(cond, Tensor) else cond)
    if c.dtype != bool:
        raise TypeError(f"select: cond has dtype {c.dtype}; give an array of bool, for example x > 0")
    x = as_tensor(x, "select")
    shape = np.broadcast_shapes(c.shape, x.shape)
    wide: Any = x if x.shape == shape else np.broadcast_to(x, shape)
    c = np.broadcast_to(c, shape)
    return np.where(c, _branch(f, wide, c, "first"), _branch(g, wide, ~c, "second"))


def _branch(f: Callable[[Any], Any], x: Any, lanes: Any, which: str) -> Any:
    """Evaluate one branch on its lanes and put the results in their places, zeros elsewhere."""
    mine = x[lanes]
    y: Any = as_tensor(f(mine), "select")
    if y.shape == ():
        y = np.broadcast_to(y, mine.shape)
    if y.shape != mine.shape:
        raise ValueError(
            f"select: the {which} function gave shape {y.shape} for {mine.size} elements; give one number each"
        )
    return OPS["scatter"](y, shape=lanes.shape, index=lanes)
