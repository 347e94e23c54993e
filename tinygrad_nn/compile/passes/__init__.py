"""Passes: small functions from program to program."""

from __future__ import annotations

from collections.abc import Callable

from ..program import Program
from ..special import specialize
from .algebra import algebra
from .cse import cse
from .dead import dead
from .fold import fold
from .layout import layout

__all__ = ["cse", "dead", "fold", "run_passes"]

Note = tuple[str, int, int]


def run_passes(program: Program, exact: bool) -> tuple[Program, list[Note]]:
    """Give the improved program, and for each pass its name and the operations and bytes that it saved."""
    passes: list[tuple[str, Callable[[Program], Program]]] = [
        ("dead code", dead),
        ("common subexpressions", cse),
        ("constants", fold),
        ("common subexpressions again", cse),
        ("dead code again", dead),
    ]
    if not exact:
        passes += [("signs", algebra), ("repeated signs", cse), ("signs again", algebra), ("unused signs", dead)]
        passes.append(("layout", layout))
    passes.append(("fixed shapes", specialize))
    notes: list[Note] = []
    for name, f in passes:
        calls, size = _cost(program)
        program = f(program)
        after, bytes_after = _cost(program)
        notes.append((name, calls - after, size - bytes_after))
    return program, notes


def _cost(program: Program) -> tuple[int, int]:
    calls = [v for v in program.body if v.kind == "call"]
    return len(calls), sum(v.nbytes for v in calls)
