"""Arguments for a function, from the command line: given as values, or as shapes to be drawn at random."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGEST = 10**8  # elements


@dataclass(frozen=True)
class Given:
    """A named argument; ``value(rng, low, high)`` gives it."""

    name: str
    value: Callable[[np.random.Generator, float, float], Any]


def drawn(text: str) -> Given:
    """Read ``x=3,4``: an array of that shape, uniform between two numbers; ``x=`` is a single number.

    >>> drawn("x=2,3").value(np.random.default_rng(0), 0.0, 1.0).shape
    (2, 3)
    """
    name, sizes = _named(text, "x=3,4")
    inside = sizes.strip().removeprefix("(").removesuffix(")").strip().removesuffix(",")
    if inside and not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", inside):
        raise argparse.ArgumentTypeError(
            f"{sizes!r:.40} is no shape; write whole numbers with commas, as in {name}=3,4"
        )
    shape = tuple([int(n) for n in inside.split(",")]) if inside else ()
    if np.prod([float(n) for n in shape]) > LARGEST or len(shape) > 32:
        raise argparse.ArgumentTypeError(f"{name}={sizes:.40} has too many elements to draw")
    return Given(name, lambda rng, low, high: np.asarray(rng.uniform(low, high, shape)))


def given(text: str) -> Given:
    """Read ``x=[1.0, 2.0]``: a number, text, or nested lists, which become an array where they are regular.

    >>> given("x=[[1, 2], [3.5, 4]]").value(None, 0.0, 1.0)
    array([[1. , 2. ],
           [3.5, 4. ]])
    """
    name, value = _named(text, "'x=[1.0, 2.0]'")
    try:
        parsed = ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        raise argparse.ArgumentTypeError(
            f"{value!r:.60} is no value; write a number or lists of numbers in Python's spelling, as in "
            f"'{name}=[1.0, 2.0]'"
        ) from None
    return Given(name, lambda rng, low, high: _array(parsed))


def _named(text: str, example: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    if not equals or not name.strip().isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r:.60} does not begin with the name of an argument; write {example}")
    return name.strip(), rest


def _array(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _array(v) for k, v in x.items()}
    if not isinstance(x, (list, tuple)):
        return x
    try:
        a = np.array(x)
    except (ValueError, OverflowError):
        a = None
    if a is not None and a.dtype.kind in "biuf":
        return a.astype(np.float64) if a.dtype.kind == "f" or not a.size else a
    return type(x)([_array(v) for v in x])
