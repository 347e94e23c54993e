"""Difference quotients that know how good they are: Richardson extrapolation over windows of steps, no step to choose.

A window is six steps, each half the one before, on both sides of the point. Neville's scheme removes the powers of the
step from the quotients (C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering
Software 4 (1982) 75-76). The error of an entry of the tableau is taken as the largest of four independent signs: how
far its parents differ; the noise of the values, measured by how unevenly a whole column of the tableau differs; the
rounding of the values; and whether the mean of both sides leads back to the value at the point, which it does not at
a kink, a jump or a structure finer than the steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

LEVELS = 6
#: The first step, as a power of two of the scale of what is moved. At 2**-5 the truncation of a function whose next
#: singularity is one scale away and the rounding of the values are both near 1e-12.
FIRST = -5
#: Between two windows: just below the smallest step of the window before.
DOWN = 6
#: The smallest first step, as a power of two of the scale.
LAST = -41
#: Numbers near the smallest ones are spaced by this.
TINY = 5e-324


def _known(a: Array) -> Array:
    return np.where(np.isfinite(a), a, 0.0)


def _combine(a: Array, weights: Array) -> Array:
    """Give linear combinations of the last axis: a weight of zero leaves an entry out, whatever it is."""
    total = _known(a) @ weights.T
    bad = ~np.isfinite(a)
    if bad.any():
        total[bad @ (weights != 0).T] = np.nan
    return np.asarray(total)


class Slope(NamedTuple):
    """Estimates of derivatives with their own error bounds, one per output."""

    value: Array
    error: Array


class Window:
    """Values of a function on both sides of a point at six steps."""

    def __init__(self, run: Callable[[float], Array], y: Array, step: float, eps: float, slack: float) -> None:
        self.steps = step * 0.5 ** np.arange(LEVELS)
        self.y = y
        self.eps = eps
        self.slack = slack
        self.plus = np.stack([run(h) for h in self.steps])
        self.minus = np.stack([run(-h) for h in self.steps])
        self.size = np.abs(_known(self.plus)) + np.abs(_known(self.minus))

    def project(self, weights: Array) -> Window:
        """Give the window of linear combinations of the outputs: ``weights`` has one row each."""
        other = Window.__new__(Window)
        other.steps, other.eps, other.slack = self.steps, self.eps, self.slack
        other.plus, other.minus, other.y = [_combine(a, weights) for a in (self.plus, self.minus, self.y)]
        other.size = (np.abs(_known(self.plus)) + np.abs(_known(self.minus))) @ np.abs(weights.T)
        return other

    def sizes(self) -> Array:
        """Give the size of what each output is summed from, at the smallest step."""
        return self.size[-1]

    def central(self) -> Slope:
        """Estimate the derivative from both sides; infinite error where the function is not smooth across."""
        h = self.steps[:, None]
        quotients = (self.plus - self.minus) / (2 * h)
        means = (self.plus + self.minus) / 2
        floor = self.eps * self.size + TINY
        noise = floor / h + self.slack * np.abs(quotients) / h
        back = [np.abs(m - self.y) for m in tableau(means, 2)]
        return best(tableau(quotients, 2), tableau(noise, 2, add=True), self.steps, back)

    def one_sided(self, side: int) -> Slope:
        """Estimate the derivative from above (side 1) or from below (-1)."""
        h = self.steps[:, None]
        quotients = side * ((self.plus if side > 0 else self.minus) - self.y) / h
        noise = (self.eps * self.size + TINY) / h + self.slack * np.abs(quotients) / h
        return best(tableau(quotients, 1), tableau(noise, 1, add=True), self.steps, None)

    def gap(self) -> Slope:
        """Estimate by how much the function jumps at the point: the limit of the difference of both sides."""
        quotients = self.plus - self.minus
        return best(tableau(quotients, 1), tableau(self.eps * self.size + TINY, 1, add=True), self.steps, None, power=0)


def tableau(rows: Array, order: int, add: bool = False) -> list[Array]:
    """Give the columns of Neville's scheme for step sizes that halve and errors in powers of h**order.

    With ``add`` the rows are error bounds, which add up.
    """
    table = [rows]
    for j in range(1, len(rows)):
        f = 2.0 ** (order * j)
        last = table[-1]
        table.append((f * last[1:] + last[:-1]) / (f - 1) if add else (f * last[1:] - last[:-1]) / (f - 1))
    return table


def best(table: list[Array], noise: list[Array], steps: Array, back: list[Array] | None, power: int = 1) -> Slope:
    """Choose for each output the entry of the tableau with the smallest error, judged by all signs together."""
    differences = [np.abs(t[1:] - t[:-1]) for t in table[:-1]]
    weigh = [d * (steps[1 : len(d) + 1] ** power)[:, None] for d in differences[:-1]]
    # The column whose quotients differ least, in units of the values: there only their noise is left.
    measured = np.min(np.stack([np.max(w, axis=0) for w in weigh]), axis=0)
    value = error = None
    for j in range(1, len(table)):
        finest = steps[j:, None] ** power
        e = np.maximum(differences[j - 1], noise[j])
        e = np.maximum(e, measured / finest)
        if back is not None:
            e = np.maximum(e, back[j] / finest)
        e = np.where(np.isfinite(table[j]) & np.isfinite(e), e, math.inf)
        at = np.argmin(e, axis=0)[None]
        v, w = np.take_along_axis(table[j], at, 0)[0], np.take_along_axis(e, at, 0)[0]
        if value is None or error is None:
            value, error = v, w
        else:
            better = w < error
            value, error = np.where(better, v, value), np.where(better, w, error)
    assert value is not None
    assert error is not None
    return Slope(value, error)


def ladder(size: float) -> list[float]:
    """Give the first steps of the windows to try for something of a size, in the order of their promise.

    Steps are measured by 1 or by the size, whichever is larger; for something tiny, by its size too.

    >>> ladder(0.0)[:2]
    [0.03125, 0.00048828125]
    """
    scale = power_of_two(max(size, 1.0))
    steps = [scale * 2.0**k for k in range(FIRST, LAST - 1, -DOWN)]
    if 0.0 < size < 2.0**-20:
        own = power_of_two(size)
        steps = [s for s in steps if s > own] + [own * 2.0**k for k in range(FIRST, LAST - 1, -DOWN)]
    return steps


def power_of_two(x: float) -> float:
    """Round to a power of two: such steps are added to a number without rounding.

    >>> power_of_two(3.1)
    4.0
    """
    return 2.0 ** round(math.log2(x)) if 0 < x < math.inf else 1.0


def windows(
    run: Callable[[float], Array],
    y: Array,
    size: float,
    eps: float,
    slack: float,
    first: float | None = None,
    factor: float = 1.0,
) -> Iterator[Window]:
    """Go through the windows of a ladder; ``first`` is a step to begin with, ``factor`` stretches all steps.

    A wider window comes second: it helps where the noise of the values limited the first one.
    """
    steps = [factor * s for s in ladder(size)]
    if first is not None:
        steps = [first, *[s for s in steps if s != first]]
    for i, step in enumerate(steps):
        window = Window(run, y, step, eps, slack)
        yield window
        if i == 0:
            yield Window(run, y, step * 8.0, eps, slack)
