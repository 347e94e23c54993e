"""Dead code: leave out what neither a result nor a change of state needs."""

from __future__ import annotations

from ..program import Program, Value, operands


def dead(program: Program) -> Program:
    """Give the program without the calls that nothing needs."""
    needed: set[Value] = set(program.outputs)
    body = []
    for v in reversed(program.body):
        if v in needed or v.kind == "effect":
            body.append(v)
            needed.update(operands(v))
    body.reverse()
    return program.replaced(body)
