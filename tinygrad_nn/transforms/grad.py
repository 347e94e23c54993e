"""grad, value_and_grad, vjp and jvp: transforms that give derivatives of functions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..convert import copied, matching, ones
from ..convert import zeros as blank
from ..tensor import Tensor
from ..tree import flatten
from .gradients import pull, push
from .lift import Lifted, in_kind, is_tensor, zeros


def scalar(y: Any, who: str) -> None:
    if isinstance(y, Tensor):
        if y.size != 1:
            raise ValueError(
                f"{who}: the function gave shape {y.shape}, not one number; sum it, or use jacobian or vjp"
            )
    elif np.ndim(y) != 0 or not isinstance(y, (int, float, np.generic, np.ndarray)):
        raise TypeError(f"{who}: the function must give one number, got {type(y).__name__}; use jacobian or vjp")


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Give a function that computes (f's value, its gradient in the chosen arguments) in one pass.

    The gradient has the argument's containers; several ``argnums`` give a tuple. With ``has_aux`` f returns
    (value, anything), and the result is ((value, anything), gradient).

    >>> value_and_grad(lambda x: (x**2).sum())(np.array([1.0, 3.0]))
    (np.float64(10.0), array([2., 6.]))
    """

    @functools.wraps(f)
    def both(*args: Any, **kwargs: Any) -> Any:
        lifted = Lifted("grad", args, argnums)
        y = lifted.call(f, kwargs)
        aux = None
        if has_aux:
            y, aux = y
        scalar(y, "grad")
        one = ones(y.shape, y.dtype, y) if isinstance(y, Tensor) else 1.0
        found = zeros(pull([y], lifted.tensors, [one], lifted.record), lifted.tensors)
        g = lifted.out(lifted.group(found))
        g = g[0] if isinstance(argnums, int) else tuple(g)
        value = lifted.out(y)
        return ((value, lifted.out(aux)), g) if has_aux else (value, g)

    return both


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Give the function that computes f's gradient in the chosen arguments (with ``has_aux``: gradient, anything).

    >>> grad(grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    """
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Give (f's value, pullback): the pullback takes a cotangent like the value and gives a tuple, one per primal.

    >>> value, pullback = vjp(np.sin, np.array([0.0]))
    >>> pullback(np.array([2.0]))
    (array([2.]),)
    """
    lifted = Lifted("vjp", primals, None)
    y = lifted.call(f, {})
    aux = None
    if has_aux:
        y, aux = y
    outs, _ = flatten(y)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        gs, _ = flatten(cotangent)
        if len(gs) != len(outs):
            raise ValueError(f"vjp: the cotangent has {len(gs)} arrays, the value has {len(outs)}")
        record = lifted.record or any(is_tensor(g) for g in gs)
        seeds = [fitting(g, v, "vjp: cotangent") for g, v in zip(gs, outs, strict=True)]
        found = zeros(pull(outs, lifted.tensors, seeds, record), lifted.tensors)
        return tuple([in_kind(g, record) for g in lifted.group(found)])

    return (lifted.out(y), pullback, lifted.out(aux)) if has_aux else (lifted.out(y), pullback)


def fitting(g: Any, v: Any, who: str) -> Any:
    """Check a tangent or cotangent against the array that it belongs to; give it in that dtype."""
    dtype = v.dtype if hasattr(v, "dtype") else np.dtype(float)
    if isinstance(g, Tensor):
        t: Any = g if g.dtype == dtype else g.astype(dtype)
    else:
        t = copied(matching(g, v, who)).astype(dtype, copy=False)
    if t.shape != np.shape(v):
        raise ValueError(f"{who} of shape {t.shape} does not fit shape {np.shape(v)}")
    return t


def jvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """Give (f's value, its derivative along the tangents) by forward mode.

    ``primals`` and ``tangents`` are tuples (or lists), one entry per argument of f; for a function of one argument the
    bare argument will do.

    >>> jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    if not isinstance(primals, (tuple, list)):
        primals, tangents = (primals,), (tangents,)
    if not isinstance(tangents, (tuple, list)) or len(tangents) != len(primals):
        raise ValueError(f"jvp: needs one tangent per primal: {len(primals)} primals")
    lifted = Lifted("jvp", tuple(primals), None)
    ts, _ = flatten(tuple(tangents))
    if len(ts) != len(lifted.tensors):
        raise ValueError(f"jvp: tangents hold {len(ts)} arrays, primals {len(lifted.tensors)}")
    record = lifted.record or any(is_tensor(t) for t in ts)
    ts = [fitting(t, x, "jvp: tangent") for t, x in zip(ts, lifted.tensors, strict=True)]
    y = lifted.call(f, {})
    outs, rebuild = flatten(y)
    pushed = push(outs, lifted.tensors, ts, record)
    pushed = [
        blank(np.shape(v), getattr(v, "dtype", None), v) if d is None else d for d, v in zip(pushed, outs, strict=True)
    ]
    return in_kind(y, record), in_kind(rebuild(pushed), record)
