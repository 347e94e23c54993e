"""Derivatives of a recorded graph: back from its results, or forward from its beginnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import walk
from ..convert import copied, ones, zeros
from ..mode import enable_grad
from ..tensor import Tensor, as_tensor, constant, seed


def gradients(
    y: Tensor,
    xs: Tensor | Sequence[Tensor],
    cotangent: Any = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Any:
    """Give the derivatives of a recorded result in the given tensors (leaves or not), as tensors; ``grad`` stays.

    ``cotangent`` has y's shape; a y of one element needs none. With ``create_graph`` the derivatives are recorded
    themselves. A tensor that y does not depend on raises ValueError, or gives zeros with ``allow_unused``.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> (dx,) = gradients(x**3, [x], create_graph=True)
    >>> gradients(dx, x)
    Tensor(18.)
    """
    single = isinstance(xs, Tensor)
    targets = [xs] if isinstance(xs, Tensor) else list(xs)
    for x in targets:
        if not isinstance(x, Tensor):
            raise TypeError(f"gradients: xs must be tensors, got {type(x).__name__}")
    if not isinstance(y, Tensor):
        raise TypeError(f"gradients: y must be a tensor, got {type(y).__name__}")
    if create_graph and isinstance(cotangent, Tensor):
        if cotangent.shape != y.shape:
            raise ValueError(f"gradients: cotangent of shape {cotangent.shape} does not fit y's shape {y.shape}")
        g: Any = cotangent
    else:
        g = seed(y, cotangent, "gradients")
    found = pull([y], targets, [g], create_graph)
    for i, (x, d) in enumerate(zip(targets, found, strict=True)):
        if d is None:
            if not allow_unused:
                raise ValueError(
                    f"gradients: y does not depend on xs[{i}] ({x._label()}, shape {x.shape}); "
                    f"pass allow_unused=True to get zeros for it"
                )
            found[i] = zeros(x.shape, x.dtype, x)
    out = [as_tensor(d) if not isinstance(d, Tensor) else d for d in found]
    return out[0] if single else out


def pull(ys: list[Any], targets: list[Tensor], seeds: list[Any], record: bool, since: int = 0) -> list[Any]:
    """Walk back from several results to the targets; None for a target that no result depends on."""
    roots = [y for y in ys if isinstance(y, Tensor)]
    nodes, live = walk.between(roots, targets, since)
    cotangents: dict[Any, Any] = {}
    for y, g in zip(ys, seeds, strict=True):
        if isinstance(y, Tensor) and y in live:
            if record and not isinstance(g, Tensor):
                g = constant(g)
            cotangents[y] = cotangents[y] + g if y in cotangents else g
    wanted = set(targets)
    if record:
        with enable_grad():
            walk.reverse(nodes, cotangents, record=True, retain=True, live=live, wanted=wanted)
    else:
        walk.reverse(nodes, cotangents, retain=True, live=live, wanted=wanted)
    return [_owned(cotangents.get(x), record) for x in targets]


def _owned(g: Any, record: bool) -> Any:
    return g if record or g is None or isinstance(g, Tensor) else copied(g)


def push(ys: list[Any], starts: list[Tensor], tangents: list[Any], record: bool) -> list[Any]:
    """Walk forward from the starts to the results; None for a result that depends on no start."""
    nodes, _live = walk.between([y for y in ys if isinstance(y, Tensor)], starts)
    box: dict[Any, Any] = {}
    for x, t in zip(starts, tangents, strict=True):
        box[x] = constant(t) if record and not isinstance(t, Tensor) else t
    if record:
        with enable_grad():
            walk.forward(reversed(nodes), box, derived, record=True)
    else:
        walk.forward(reversed(nodes), box, derived)
    return [_owned(box.get(y), record) if isinstance(y, Tensor) else None for y in ys]


def derived(op: Any, tangents: list[Any], args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Push tangents through an operation by differentiating its pullback, which is linear in the cotangent."""
    y = args[0]
    with enable_grad():
        g = Tensor(zeros(y.shape, y.dtype, y), requires_grad=True)
        parts = op.rules[0](g, *args, **params) if op.variadic else None
        total: Any = None
        for i, t in enumerate(tangents):
            if t is None or (not op.variadic and op.rules[i] is None):
                continue
            pulled = parts[i] if parts is not None else op.rules[i](g, *args, **params)
            part = np.sum(walk.fold(pulled, t.shape) * t)
            total = part if total is None else total + part
        if total is None or not isinstance(total, Tensor):
            return None
        record = any(isinstance(v, Tensor) for v in (*args, *tangents))
        (out,) = pull([total], [g], [ones((), y.dtype, y)], record)
    return out
