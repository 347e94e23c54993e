"""Layout: gradients of parameters lie in memory as the parameters do, so that the update runs straight through both."""

from __future__ import annotations

import numpy as np

from ..program import Program, Value, order_of, uses


def layout(program: Program) -> Program:
    """Give the program with products that are gradients of column-major parameters marked as column-major."""
    count = uses(program)
    for e in program.body:
        if e.kind != "effect" or e.data.kind != "grad" or not e.args:
            continue
        v = e.args[0]
        if (
            v.kind == "call"
            and v.fn is np.dot
            and not v.params
            and len(v.shape) == 2
            and count[v] == 1
            and order_of(e.data.leaf._data) == "F"
            and all(isinstance(a, Value) and len(a.shape) == 2 and a.dtype == v.dtype for a in v.args)
        ):
            v.order = "F"
    return program
