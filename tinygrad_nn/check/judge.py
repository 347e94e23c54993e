"""Judge a claimed derivative by differences: agreement, a kink, a jump, an infinite slope, or a mistake."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .differences import Array, Slope, Window

#: A claim agrees with an estimate within so many of its error bounds.
WITHIN = 10.0
#: An estimate this good (relative error) ends the search for a better one.
FINE = 1e-8
#: Estimates this good decide alone: ten bounds of them are less than the smallest fault of interest, 2e-4.
TIGHT = 2e-5
#: Estimates worse than this say nothing.
COARSE = 0.05
#: An error below this part of (size of the values) / (size of what is moved) is as good as rounding allows.
NEGLIGIBLE = 1e-11
#: As good as zero.
NOTHING = 1e-300

AGREES, KINK, JUMP, INFINITE, UNRESOLVED, DIFFERS = "agrees", "kink", "jump", "infinite", "unresolved", "differs"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What differences say about one claimed derivative."""

    status: str
    claim: float
    value: float
    """The difference quotient that decided."""
    error: float
    """Its own error bound."""
    slopes: tuple[float, float] | None = None
    """The slopes below and above, where they differ."""


def judge(
    windows: Iterable[Window], weights: Array, claims: Array, scale: float, slack: Array | float = 0.0
) -> tuple[list[Verdict], float | None]:
    """Judge one claim per row of weights; also give the first step of the window that settled it.

    ``scale`` is the size of what is moved, ``slack`` how uncertain the claims are by their own rounding. A claim is
    wrong only where good estimates exist and none of them supports it.
    """
    tried: list[tuple[Window, Slope]] = []
    for window in windows:
        seen = window.project(weights)
        s = seen.central()
        tried.append((seen, s))
        size = np.maximum(np.abs(s.value), np.abs(claims))
        near = np.abs(claims - s.value) <= WITHIN * s.error + slack
        zero = (s.error <= NEGLIGIBLE * seen.sizes() / scale + NOTHING) & (
            (s.error <= TIGHT * size) | (size <= 3.0 * s.error)
        )
        if np.all(near & ((s.error <= FINE * size) | zero)):
            rows = zip(claims, s.value, s.error, strict=True)
            return [Verdict(AGREES, float(c), float(v), float(e)) for c, v, e in rows], float(window.steps[0])
    slacks = np.broadcast_to(slack, claims.shape)
    return [_decide(tried, float(claims[r]), float(slacks[r]), scale, r) for r in range(len(claims))], None


def _decide(tried: list[tuple[Window, Slope]], claim: float, slack: float, scale: float, r: int) -> Verdict:
    central = [(float(s.value[r]), float(s.error[r])) for _, s in tried]
    # Errors below this are small beside (size of the values) / (size of what is moved), the usual size of a slope.
    floor = 1e5 * NEGLIGIBLE * max(float(w.sizes()[r]) for w, _ in tried) / scale + NOTHING
    verdict = _by(central, claim, slack, floor)
    if verdict is not None and verdict.status == AGREES and verdict.error <= max(TIGHT * abs(verdict.value), floor):
        return verdict
    above = _pick([_at(w.one_sided(1), r) for w, _ in tried], floor)
    below = _pick([_at(w.one_sided(-1), r) for w, _ in tried], floor)
    if above is not None and below is not None:
        apart = abs(above[0] - below[0])
        if apart > WITHIN * (above[1] + below[1]):
            low, high = min(above[0], below[0]), max(above[0], below[0])
            room = WITHIN * (above[1] + below[1]) + slack
            status = KINK if low - room <= claim <= high + room else DIFFERS
            middle = (low + high) / 2
            return Verdict(status, claim, middle, above[1] + below[1], (below[0], above[0]))
    one = above if below is None else below if above is None else None
    if one is not None and _outside(tried, r, 1 if below is None else -1):
        return Verdict(AGREES if abs(claim - one[0]) <= WITHIN * one[1] + slack else DIFFERS, claim, *one)
    if verdict is not None and verdict.status == AGREES:
        return verdict
    jump = _pick([_at(w.gap(), r) for w, _ in tried], floor * scale)
    if jump is not None and abs(jump[0]) > WITHIN * jump[1]:
        return Verdict(JUMP, claim, jump[0], jump[1])
    steep = _steepness(tried, r)
    if steep:
        right = math.isinf(claim) and (claim > 0) == (steep > 0)
        return Verdict(INFINITE if right else DIFFERS, claim, steep * math.inf, 0.0)
    if verdict is not None:
        return verdict
    value, error = min(central, key=lambda ve: ve[1])
    return Verdict(UNRESOLVED if math.isfinite(claim) else DIFFERS, claim, value, error)


def _at(s: Slope, r: int) -> tuple[float, float]:
    return float(s.value[r]), float(s.error[r])


def _by(estimates: list[tuple[float, float]], claim: float, slack: float, floor: float) -> Verdict | None:
    """Judge by two-sided estimates: None where there is no good one."""
    for limit in (TIGHT, COARSE):
        good = [(v, e) for v, e in estimates if math.isfinite(e) and e <= limit * max(abs(v), _finite(claim))]
        if good:
            near = [(v, e) for v, e in good if abs(claim - v) <= WITHIN * e + slack]
            value, error = min(near or good, key=lambda ve: ve[1])
            return Verdict(AGREES if near else DIFFERS, claim, value, error)
    # Nothing but noise around zero: the claim agrees where it is inside the smallest noise.
    value, error = min(estimates, key=lambda ve: ve[1])
    if error <= floor and abs(claim - value) <= WITHIN * error + slack:
        return Verdict(AGREES, claim, value, error)
    return None


def _finite(x: float) -> float:
    return abs(x) if math.isfinite(x) else 0.0


def _pick(estimates: list[tuple[float, float]], floor: float) -> tuple[float, float] | None:
    """Give the best estimate, if it is any good."""
    value, error = min(estimates, key=lambda ve: ve[1])
    return (value, error) if math.isfinite(error) and error <= COARSE * abs(value) + floor else None


def _outside(tried: list[tuple[Window, Slope]], r: int, side: int) -> bool:
    """Tell whether the function has no values at all on the other side."""
    return all(not np.isfinite((w.minus if side > 0 else w.plus)[:, r]).any() for w, _ in tried)


def _steepness(tried: list[tuple[Window, Slope]], r: int) -> int:
    """Give the sign of a slope that grows without bound as the step shrinks, else 0."""
    for side in (1, -1):
        all_steps: list[float] = []
        rises: list[float] = []
        for w, _ in tried:
            values = (w.plus if side > 0 else w.minus)[:, r] - w.y[r]
            all_steps += list(w.steps)
            rises += list(side * values / w.steps)
        order = np.argsort(all_steps)[::-1]
        steps, rise = np.array(all_steps)[order], np.array(rises)[order]
        known = np.isfinite(rise) & np.append(steps[:-1] > 1.01 * steps[1:], True)
        steps, rise = steps[known][-18:], rise[known][-18:]
        if len(rise) < 6 or np.any(rise[1:] * rise[:-1] <= 0):
            continue
        # Each halving of the step multiplies a root's slope by less than 2; a jump's by 2.
        growth = np.exp2(np.log2(rise[1:] / rise[:-1]) / np.log2(steps[:-1] / steps[1:]))
        if np.all((growth > 1.02) & (growth < 1.95)):
            return 1 if rise[-1] > 0 else -1
    return 0


def describe(verdict: Verdict) -> str:
    """Say in words what differences found."""
    v: Any = verdict
    if v.status == JUMP:
        return f"the value jumps by {v.value:.6g} here, so there is no derivative; reverse mode gives {v.claim:.6g}"
    if v.status == KINK and v.slopes is None:
        return f"reverse mode gives {v.claim:.6g}, differences give {v.value:.6g}"
    if v.slopes is not None:
        return f"slopes {v.slopes[0]:.6g} below and {v.slopes[1]:.6g} above, reverse mode gives {v.claim:.6g}"
    if math.isinf(v.value):
        return f"the slope grows without bound, reverse mode gives {v.claim:.6g}"
    if v.status == UNRESOLVED:
        return f"differences cannot tell (error {v.error:.1e}); reverse mode gives {v.claim:.6g}"
    return f"reverse mode gives {v.claim:.17g}, differences give {v.value:.17g} (error at most {v.error:.1e})"
