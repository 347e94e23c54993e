"""checkpoint: keep nothing of a function's inside, and compute it again when the backward pass needs it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import walk
from ..convert import zeros
from ..mode import enable_grad, is_grad_enabled, tracing
from ..op import Op
from ..tensor import Tensor, apply, constant
from ..tree import flatten
from ..walk import next_number
from .gradients import pull


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function with f's values and derivatives whose graph keeps only its inputs, not its inside.

    The backward pass runs f again. Tensors that f closes over (a module's parameters) get their gradients too. f must
    give the same value when it is run again: drawing random numbers inside raises RuntimeError.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> checkpoint(lambda t: np.sin(t * t))(x).backward()
    >>> x.grad
    array(-2.61457448)
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not is_grad_enabled() or tracing() is not None:
            return f(*args, **kwargs)
        leaves, rebuild = flatten(args)
        given = [i for i, x in enumerate(leaves) if isinstance(x, Tensor)]

        def run(tensors: tuple[Tensor, ...]) -> Any:
            new = list(leaves)
            for i, t in zip(given, tensors, strict=True):
                new[i] = t
            return f(*rebuild(new), **kwargs)

        return _keep(run, tuple([leaves[i] for i in given]), getattr(f, "__name__", "checkpoint"))

    return wrapped


def _keep(run: Callable[[tuple[Tensor, ...]], Any], given: tuple[Tensor, ...], name: str) -> Any:
    start = next_number()
    value = run(given)
    outs, rebuild = flatten(value)
    tensors = [y for y in outs if isinstance(y, Tensor) and y.requires_grad]
    if not tensors:
        return value
    # What f read from outside without being handed it: these need gradients as much as the arguments.
    outside: dict[Tensor, None] = {}
    handed = set(given)
    for t in walk.graph(tensors, start):
        for x in t._inputs:
            if isinstance(x, Tensor) and x.requires_grad and x._number < start and x not in handed:
                outside[x] = None
    inputs = (*given, *outside)
    n, n_out = len(given), len(tensors)
    packed = np.concatenate([np.ravel(y._data) for y in tensors])
    dtype = packed.dtype

    def again(xs: tuple[Any, ...]) -> list[Tensor]:
        """Run f once more on stand-ins for the arguments; the tensors that it closes over are themselves."""
        found = [y for y in flatten(run(xs[:n]))[0] if isinstance(y, Tensor) and y.requires_grad]
        same = len(found) == n_out and np.array_equal(
            np.concatenate([np.ravel(y._data) for y in found]), packed, equal_nan=True
        )
        if not same:
            raise RuntimeError(
                f"checkpoint: {name} gave another value when it was run again (random numbers or changed state "
                f"inside); draw them outside and pass them in"
            )
        return found

    def adjoint(g: Any, y: Any, *xs: Any) -> list[Any]:
        record = isinstance(g, Tensor) or isinstance(y, Tensor)
        with enable_grad():
            if record:
                stand_ins = list(given)
            else:
                stand_ins = [
                    Tensor(x, requires_grad=True) if t.requires_grad else constant(x)
                    for t, x in zip(given, xs, strict=False)
                ]
            targets = [*stand_ins, *outside]
            # Partial derivatives are wanted: what was made before this second run counts as a leaf of it.
            since = next_number()
            ys = again(tuple(stand_ins))
            seeds, at = [], 0
            for t in ys:
                seeds.append(np.reshape(g[at : at + t.size], t.shape))
                at += t.size
            wanted = [t for t in targets if t.requires_grad]
            found = dict(zip(wanted, pull(list(ys), wanted, seeds, record, since), strict=True))
        return [zeros(t.shape, t.dtype, t) if found.get(t) is None else found[t] for t in targets]

    op = Op("general", lambda *xs: packed, (adjoint,), name=name, variadic=True, register=False)
    # For what looks at single operations: the results of a second run on the arguments, with its graph.
    op.inside = lambda: again(given)  # type: ignore[attr-defined]
    with enable_grad():
        whole = apply(op, inputs)
    results: list[Any] = []
    at = 0
    for y in outs:
        if isinstance(y, Tensor) and y.requires_grad:
            piece = np.reshape(whole[at : at + y.size], y.shape)
            results.append(piece if y.dtype == dtype else piece.astype(y.dtype))
            at += y.size
        else:
            results.append(y)
    return rebuild(results)
