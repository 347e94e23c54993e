"""Print the rules of operations, by running them on symbols."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..op import OPS, Op
from .expression import Symbol, op_outline


def input_names(op: Op) -> tuple[str, ...]:
    """Give the names that an operation's rule uses for its inputs."""
    n = 0 if op.variadic else len(op.rules)
    names = [tuple(inspect.signature(r).parameters)[2 : 2 + n] for r in op.rules if r is not None]
    return next((k for k in names if len(k) == n), ())


def applied(
    op: Op,
    i: int,
    shapes: Sequence[tuple[int, ...]] | None = None,
    params: dict[str, Any] | None = None,
    names: Sequence[str] | None = None,
    y_shape: tuple[int, ...] | None = None,
    dtypes: Sequence[Any] | None = None,
    bound: dict[int, Any] | None = None,
) -> Any:
    """Run the rule of an operation for its input number i on symbols: see :func:`formula`."""
    params = {k: v for k, v in (params or {}).items() if k != "residual"}
    n = len(shapes) if shapes is not None else len(op.rules)
    shapes = shapes if shapes is not None else [()] * n
    names = names or input_names(op) or [f"x{k}" for k in range(n)]
    dtypes = dtypes if dtypes is not None else [float] * n
    table = bound if bound is not None else {}
    for k, v in params.items():
        if isinstance(v, np.ndarray):
            table[id(v)] = (f"{k}_" if k in OPS or hasattr(np, k) else k, v)
    xs = [Symbol(name, s, d, names=table) for name, s, d in zip(names, shapes, dtypes, strict=True)]
    if y_shape is None:
        y_shape = op_outline(op, xs, params)[0]
    dtype = np.result_type(*dtypes) if n else float
    g, y = Symbol("g", y_shape, dtype, names=table), Symbol("y", y_shape, dtype, names=table)
    if op.variadic:
        return op.rules[0](g, y, *xs, **params)[i]  # type: ignore[misc]
    rule = op.rules[i]
    return "0" if rule is None else rule(g, y, *xs, **params)


def formula(op: Op, i: int, *args: Any, **kwargs: Any) -> str:
    """Print the rule of an operation for its input number i: what its gradient gets, with ``g`` for the cotangent.

    Takes ``shapes`` of the inputs (0-d each if not given), ``params``, ``names`` for the inputs (the rule's own if not
    given), ``y_shape``, ``dtypes`` and ``bound``. Arrays among the parameters are called by the parameter's name, other
    arrays ``c0``, ``c1``, ...; ``bound``, if given, receives them by those names.

    >>> formula(OPS["multiply"], 0)
    'g * b'
    """
    return str(applied(op, i, *args, **kwargs))


def namespace() -> dict[str, Any]:
    """Give the names that a printed formula may use: NumPy's functions, and every operation under its own name."""
    names: dict[str, Any] = {k: getattr(np, k) for k in np.__all__ if callable(getattr(np, k))}
    return names | {"nan": math.nan, "inf": math.inf, "pi": math.pi} | dict(OPS)
