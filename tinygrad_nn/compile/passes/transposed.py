"""Transposes of constants, written as such: whoever reads a program wants ``images.T``, not another array."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from ...op import NUMPY
from ..program import Program, Value, order_of, values_in


def transposed(program: Program) -> Program:
    """Give the program with constants that are the transposes of other constants as calls of np.transpose."""
    matrices: dict[Value, None] = {}
    for v in program.body:
        for x in values_in([*v.args, *v.params.values()]):
            if x.kind == "const" and type(x.data) is ndarray and x.data.ndim == 2 and x.data.size > 1:
                matrices[x] = None
    swap: dict[Value, Value] = {}
    body: list[Value] = []
    for x in matrices:
        for o in matrices:
            if o in swap or o is x or o.shape != x.shape[::-1] or o.dtype != x.dtype:
                continue
            if order_of(o.data.T) == order_of(x.data) != "A" and np.array_equal(o.data.T, x.data, equal_nan=True):
                # The one in NumPy's own order is the one that the program was given.
                if order_of(x.data) == "C" and order_of(o.data) != "C":
                    continue
                swap[x] = Value(
                    "call", fn=np.transpose, op=NUMPY[np.transpose], args=(o,), shape=x.shape, dtype=x.dtype, order="F"
                )
                body.append(swap[x])
                break
    return program.replaced([*body, *program.body], swap)
