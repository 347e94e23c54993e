"""Signs moved to where they cost less: the same numbers, infinities and signed zeros (of a NaN the sign may differ)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..program import Program, Value, mapped


def _negated(x: Any) -> Any:
    """Give y where x is -y of a float array, else None."""
    if isinstance(x, Value) and x.kind == "call" and x.fn is np.negative and x.dtype.kind == "f" and not x.err:
        return x.args[0] if isinstance(x.args[0], Value) else None
    return None


def _plain(v: Value) -> bool:
    return (
        v.kind == "call" and isinstance(v.fn, np.ufunc) and not v.params and v.dtype is not None and v.dtype.kind == "f"
    )


def _like(v: Value, fn: Any, args: Any) -> Value:
    return Value(
        "call", op=v.op, fn=fn, args=args, shape=v.shape, dtype=v.dtype, order=v.order, number=v.number, err=v.err,
        where=v.where,
    )  # fmt: skip


def algebra(program: Program) -> Program:
    """Give the program with (-a) b as -(a b), a + (-b) as a - b, -(-a) as a, a + a as 2 a."""
    swap: dict[Value, Any] = {}
    body: list[Value] = []
    for v in program.body:
        if swap:
            v.args = tuple([mapped(a, swap) for a in v.args])
            v.params = {k: mapped(p, swap) for k, p in v.params.items()} if v.params else v.params
        if not _plain(v):
            body.append(v)
            continue
        if v.fn is np.negative:
            inner = _negated(v.args[0])
            if inner is not None and inner.dtype == v.dtype:
                swap[v] = inner
                continue
        elif v.fn in (np.multiply, np.divide) and len(v.args) == 2:
            args = list(v.args)
            signs = 0
            for i in (0, 1):
                inner = _negated(args[i])
                if inner is not None and inner.dtype == v.dtype:
                    args[i] = inner
                    signs += 1
            if signs:
                product = _like(v, v.fn, tuple(args))
                body.append(product)
                if signs == 2:
                    swap[v] = product
                    continue
                v.fn, v.args, v.err = np.negative, (product,), None
        elif v.fn in (np.add, np.subtract) and len(v.args) == 2:
            a, b = v.args
            minus_a, minus_b = _negated(a), _negated(b)
            if v.fn is np.add and a is b and v.shape:
                v.fn, v.args = np.multiply, (a, 2.0)
                body.append(v)
                continue
            if v.fn is np.subtract and minus_a is b and minus_a is not None and v.shape:
                v.fn, v.args = np.multiply, (b, -2.0)
                body.append(v)
                continue
            if minus_b is not None and minus_b.dtype == v.dtype:
                v.fn, v.args = (np.subtract if v.fn is np.add else np.add), (a, minus_b)
            elif minus_a is not None and v.fn is np.add and minus_a.dtype == v.dtype and isinstance(b, Value):
                v.fn, v.args = np.subtract, (b, minus_a)
        body.append(v)
    return program.replaced(body, swap)
