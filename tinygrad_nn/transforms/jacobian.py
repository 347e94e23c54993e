"""jacobian, hessian and hvp: whole matrices of derivatives, and products with them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..convert import ones
from ..convert import zeros as blank
from ..tensor import Tensor, constant
from ..tree import flatten
from .grad import fitting, grad, scalar
from .gradients import pull, push
from .lift import Lifted, in_kind, is_tensor, zeros

MODES = ("auto", "forward", "reverse")


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, mode: str = "auto") -> Callable[..., Any]:
    """Give the function that computes all derivatives of f's value in the chosen arguments.

    For an array in and an array out the result has shape ``value.shape + argument.shape``; containers give containers
    of such arrays, the value's outside. ``mode`` is "forward" (one walk per input element), "reverse" (one per output
    element) or "auto", which takes the one with fewer walks.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    if mode not in MODES:
        raise ValueError(f"jacobian: mode {mode!r} is unknown; choose one of {', '.join(MODES)}")

    @functools.wraps(f)
    def matrix(*args: Any, **kwargs: Any) -> Any:
        lifted = Lifted("jacobian", args, argnums)
        outs, rebuild = flatten(lifted.call(f, kwargs))
        n_in = sum(x.size for x in lifted.tensors)
        n_out = sum(int(np.size(y)) if not isinstance(y, Tensor) else y.size for y in outs)
        reverse = mode == "reverse" or (mode == "auto" and n_out <= n_in)
        blocks = (_rows if reverse else _columns)(outs, lifted)
        rows = [lifted.group(row) for row in blocks]
        single = isinstance(argnums, int)
        return lifted.out(rebuild([row[0] if single else tuple(row) for row in rows]))

    return matrix


def _basis(x: Any, i: int) -> Any:
    e = blank(x.size, x.dtype, x)
    e[i] = 1.0
    return e.reshape(x.shape)


def _assemble(columns: list[Any], shape: tuple[int, ...], axis: int) -> Any:
    """Stack one derivative per element of an array of the given shape, along the axes of that shape."""
    whole = np.stack(columns, axis)
    before = whole.shape[:axis]
    return np.reshape(whole, (*before, *shape, *whole.shape[axis + 1 :]))


def _rows(outs: list[Any], lifted: Lifted) -> list[list[Any]]:
    """Work out every block by reverse walks, one per element of the value."""
    blocks = []
    for y in outs:
        shape = np.shape(y)
        found = []
        if isinstance(y, Tensor):
            for i in range(y.size):
                found.append(zeros(pull([y], lifted.tensors, [_basis(y, i)], lifted.record), lifted.tensors))
        row = []
        for k, x in enumerate(lifted.tensors):
            if not found:
                row.append(blank((*shape, *x.shape), x.dtype, x))
            else:
                row.append(_assemble([d[k] for d in found], shape, 0))
        blocks.append(row)
    return blocks


def _columns(outs: list[Any], lifted: Lifted) -> list[list[Any]]:
    """Work out every block by forward walks, one per element of the arguments."""
    blocks: list[list[Any]] = [[] for _ in outs]
    for x in lifted.tensors:
        pushed = [push(outs, [x], [_basis(x, i)], lifted.record) for i in range(x.size)]
        for k, y in enumerate(outs):
            dtype = getattr(y, "dtype", x.dtype)
            columns = [blank(np.shape(y), dtype, y) if p[k] is None else p[k] for p in pushed]
            if columns:
                blocks[k].append(_assemble(columns, x.shape, np.ndim(y) if not isinstance(y, Tensor) else y.ndim))
            else:
                blocks[k].append(blank((*np.shape(y), *x.shape), dtype, y))
    return blocks


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Give the function that computes the second derivatives of f, which gives one number.

    For an array argument the result has shape ``argument.shape * 2``. The gradient is recorded once and walked once
    per element.

    >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Give the function ``(*args, v)`` that computes the Hessian of f (one number) times v, without the Hessian.

    ``v`` is the last argument, in the containers and shapes of the chosen argument. Forward over reverse: the tangent
    of the recorded gradient.

    >>> hvp(lambda x: (x**3).sum())(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """

    @functools.wraps(f)
    def product(*args: Any, **kwargs: Any) -> Any:
        if len(args) < 2:
            raise TypeError("hvp: takes the arguments of f and then the vector")
        *primals, v = args
        lifted = Lifted("hvp", tuple(primals), argnums)
        vs, _ = flatten(v)
        if len(vs) != len(lifted.tensors):
            raise ValueError(f"hvp: the vector holds {len(vs)} arrays, the argument {len(lifted.tensors)}")
        vs = [fitting(t, x, "hvp: vector") for t, x in zip(vs, lifted.tensors, strict=True)]
        record = lifted.record or any(is_tensor(t) for t in vs)
        y = lifted.call(f, kwargs)
        scalar(y, "hvp")
        one = constant(ones(y.shape, y.dtype, y)) if isinstance(y, Tensor) else 1.0
        gs = pull([y], lifted.tensors, [one], True)
        found = zeros(push(gs, lifted.tensors, vs, record), lifted.tensors)
        return in_kind(lifted.group(found)[0], record)

    return product
