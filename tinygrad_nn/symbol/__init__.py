"""Expressions that print themselves: what flows through a rule when its formula is wanted.

A :class:`Symbol` stands for an array of a known shape and dtype and remembers how it was written. NumPy's functions and
operators on Symbols give Symbols, so that running a rule on Symbols prints the rule::

    formula(OPS["sin"], 0)   ->   'g * cos(x)'

A longer part that is used more than once gets a name: ``g * (b / t1 / t1)  with t1 = where(y == 0, inf, y)``.
"""

from .expression import Symbol, op_outline
from .formula import applied, formula, input_names, namespace

__all__ = ["Symbol", "applied", "formula", "input_names", "namespace", "op_outline"]
