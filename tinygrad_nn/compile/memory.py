"""Who shares memory with whom, and how long each array lives: what buffers may be reused for."""

from __future__ import annotations

from typing import Any

import numpy as np

from .program import Program, Value, operands

#: Functions whose result may be a view of their first argument.
VIEWS = frozenset(
    [
        *(np.transpose, np.matrix_transpose, np.reshape, np.ravel, np.broadcast_to, np.squeeze, np.expand_dims),
        *(np.swapaxes, np.moveaxis, np.diagonal, np.asarray, np.atleast_1d, np.atleast_2d, np.flip),
    ]
)
#: Functions beside the ufuncs whose result is an array of its own.
FRESH = frozenset(
    [
        *(np.dot, np.tensordot, np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std, np.where, np.concatenate),
        *(np.stack, np.outer, np.inner, np.cumsum, np.argmax, np.argmin, np.argsort, np.any, np.all),
        *(np.array, np.copy, np.count_nonzero, np.einsum, np.full),
    ]
)


def is_view(v: Value) -> bool:
    """Tell whether a call's result may share memory with its arguments."""
    if v.kind == "part":
        return True
    return not (isinstance(v.fn, np.ufunc) or v.fn in FRESH)


class Memory:
    """For each value the arrays that it may lie in (its roots), and for each root the last place that needs it."""

    def __init__(self, program: Program) -> None:
        self.roots: dict[Value, frozenset[Value]] = {}
        self.last: dict[Value, int] = {}
        self.place = {v: i for i, v in enumerate(program.body)}
        for i, v in enumerate(program.body):
            for x in operands(v):
                for r in self.of(x):
                    self.last[r] = i
            if v.kind == "fused":
                for m in v.data.gives:
                    self.roots[m] = frozenset([m])
            elif v.kind in ("call", "part"):
                if is_view(v):
                    found: set[Value] = {v} if v.kind == "call" else set()
                    for x in operands(v):
                        found |= self.of(x)
                    self.roots[v] = frozenset(found)
                else:
                    self.roots[v] = frozenset([v])
        end = len(program.body)
        self.outputs: set[Value] = set()
        for x in program.outputs:
            if isinstance(x, Value):
                for r in self.of(x):
                    self.last[r] = end
                    self.outputs.add(r)
        #: What an effect takes away must be an array of its own, kept by nobody else.
        self.given: set[Value] = set()
        for v in program.body:
            if v.kind == "effect" and v.data.kind == "grad":
                for x in v.args:
                    for r in self.of(x):
                        self.last[r] = end
                        self.given.add(r)

    def of(self, x: Any) -> frozenset[Value]:
        """Give the roots of a value: itself for what comes from outside."""
        found = self.roots.get(x)
        return frozenset([x]) if found is None else found
