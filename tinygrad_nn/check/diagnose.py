"""Say what is wrong with a rule, from what it gives and what it should give."""

from __future__ import annotations

import itertools
import math

import numpy as np

from .differences import Array
from .level import Level

#: So many elements are looked at one by one.
MOST = 400


class Comparison:
    """What a rule gives for one input (``got``) beside what differences give (``right``), for one cotangent."""

    def __init__(self, level: Level, k: int) -> None:
        leaf = level.leaves[k]
        self.shape = leaf.value.shape
        self.whole = leaf.size <= MOST
        n = leaf.size
        self.chosen = np.arange(n) if self.whole else np.sort(level.rng.choice(n, MOST // 4, replace=False))
        columns = [level.column(k, int(i)) for i in self.chosen]
        self.jacobian = np.stack([c.value for c in columns], axis=1)
        self.errors = np.stack([c.error for c in columns], axis=1)
        claims = level.claims[k]
        self.weights = level.weights[0]
        self.got = np.zeros(len(columns)) if claims is None else claims[0][self.chosen]
        self.right, self.room = self.by(self.weights)
        self.known = np.isfinite(self.room) & np.isfinite(self.got)
        self.scale = float(np.max(np.abs(self.right[self.known]), initial=0.0))

    def by(self, weights: Array) -> tuple[Array, Array]:
        """Give the right derivatives for a cotangent, and how far they may be off."""
        used = weights != 0
        return weights[used] @ self.jacobian[used], 10.0 * np.abs(weights[used]) @ self.errors[used]

    def same(self, a: Array, b: Array) -> bool:
        """Tell whether two sets of derivatives are the same as far as differences can tell."""
        if a.shape != b.shape or not self.known.any():
            return False
        close = np.abs(a - b) <= self.room + 1e-6 * self.scale
        return bool(np.all(close | ~self.known))


def diagnose(level: Level, k: int) -> str:
    """Say in words what is wrong with the derivatives in leaf k; nothing where no explanation fits.

    The explanations are tried from the most telling to the vaguest.
    """
    claims = level.claims[k]
    if claims is None:
        return "there is no rule for this input, yet the result depends on it: a path is missing"
    if not np.any(claims):
        return "it gives zero, yet the result depends on this input: a path is missing"
    fault = _nonlinear(level, k)
    if fault:
        return fault
    c = Comparison(level, k)
    strange = np.flatnonzero(~np.isfinite(c.got) & np.isfinite(c.room))
    if strange.size:
        i = int(strange[0])
        where = "everywhere" if len(strange) == len(c.got) else f"in {len(strange)} of {len(c.got)} elements"
        return f"it gives {c.got[i]} {where}, where the derivative is {c.right[i]:.6g}"
    if not np.any(c.known):
        return ""
    explanations = (_factor, _few, _unsummed, _moved, _partly, _other_input, _missing_factor, _missing_term)
    # Of one number there is little to tell: any two are proportional.
    for explain in explanations if c.got.size > 1 else (_unsummed, _factor, _one_number):
        text = explain(level, k, c)
        if text:
            return text
    off = c.known & (np.abs(c.right) > 1e-9 * c.scale)
    ratios = c.got[off] / c.right[off]
    return f"it is off by factors between {ratios.min():.4g} and {ratios.max():.4g}" if ratios.size else ""


def _nonlinear(level: Level, k: int) -> str:
    """A rule is linear in the cotangent g: rule(2 g) = 2 rule(g), rule(g + h) = rule(g) + rule(h)."""
    g, h = level.weights[:2]
    found = level.reverse(level.outputs, np.stack([g, h, 2.0 * g, g + h, -g]))[k]
    if found is None or not np.isfinite(found).all():
        return ""
    one, other, double, total, minus = found
    limit = 1e-9 * (np.max(np.abs(one)) + np.max(np.abs(other)))

    def same(a: Array, b: Array) -> bool:
        return bool(np.all(np.abs(a - b) <= limit))

    if same(double, 2.0 * one) and same(total, one + other) and same(minus, -one):
        return ""
    if same(double, one) and same(one, other):
        return "it ignores the cotangent g: it gives the same whatever g is"
    if same(double, one):
        return "it does not grow with the cotangent g"
    if same(double, 4.0 * one):
        return "it grows with the square of the cotangent g"
    if same(double, 2.0 * one) and not same(minus, -one):
        return "it loses the sign of the cotangent g"
    return "it is not linear in the cotangent g"


def _number(x: float) -> str:
    for q in range(1, 13):
        p = round(x * q)
        if p and abs(x * q - p) < 1e-6 * abs(p):
            return str(p) if q == 1 else f"{p}/{q}"
    return f"{x:.6g}"


def _factor(level: Level, k: int, c: Comparison) -> str:
    square = float(np.sum(c.right[c.known] ** 2))
    if not square:
        return ""
    f = float(np.sum((c.got * c.right)[c.known])) / square
    if not c.same(c.got, f * c.right) or not _holds_again(level, k, c, f):
        return ""
    if abs(f + 1.0) < 1e-6:
        return "it has the wrong sign"
    text = f"it is scaled by a factor {_number(f)}"
    if f < 0:
        text += ", with the wrong sign"
    if level.shapes == [c.shape]:
        return text
    lengths = {n for shape in level.shapes for n in shape} | {math.prod(shape) for shape in level.shapes}
    lengths |= set(c.shape) | {math.prod(c.shape)}
    n = round(1.0 / f) if f else 0
    if n > 1 and abs(f * n - 1.0) < 1e-6 and n in lengths:
        text += f" (a mean over {n} where a sum belongs?)"
    elif f > 1 and abs(f - round(f)) < 1e-6 and round(f) in lengths:
        text += f" (a sum over {round(f)} where a mean belongs?)"
    return text


def _holds_again(level: Level, k: int, c: Comparison, f: float) -> bool:
    """Tell whether a factor is the same for another cotangent."""
    claims = level.claims[k]
    right, room = c.by(level.weights[1])
    if claims is None or not np.any(right[np.isfinite(room)]):
        return True
    apart = np.abs(claims[1][c.chosen] - f * right)
    limit = (1.0 + abs(f)) * room + 1e-6 * np.max(np.abs(right[np.isfinite(room)]))
    return bool(np.all((apart <= limit) | ~np.isfinite(room)))


def _one_number(level: Level, k: int, c: Comparison) -> str:
    if abs(float(c.right[0])) <= float(c.room[0]):
        return "it is not 0, yet the result does not change with this input"
    return "it gives another number than differences do"


def _few(level: Level, k: int, c: Comparison) -> str:
    off = c.known & ~(np.abs(c.got - c.right) <= c.room + 1e-6 * np.abs(c.right) + 1e-12 * c.scale)
    n = int(np.sum(off))
    if not 0 < n <= max(1, int(np.sum(c.known)) // 4) or np.sum(c.known) < 2:
        return ""
    i = int(np.argmax(off))
    where = level.leaves[k].index(int(c.chosen[i]))
    by = f"by a factor {_number(c.got[i] / c.right[i])}" if c.right[i] else f"it is {c.got[i]:.6g} instead of 0"
    return f"only {n} of {len(c.chosen)} elements {'is' if n == 1 else 'are'} wrong: {where} {by}"


def _partly(level: Level, k: int, c: Comparison) -> str:
    """A rule of several branches of which one is wrong."""
    off = c.known & ~(np.abs(c.got - c.right) <= c.room + 1e-6 * np.abs(c.right) + 1e-12 * c.scale)
    n = int(np.sum(off))
    if n == int(np.sum(c.known)) or n < 2 or np.any(c.right[off] == 0.0):
        return ""
    ratios = c.got[off] / c.right[off]
    f = float(np.median(ratios))
    if np.any(np.abs(ratios - f) > 1e-6 * abs(f)):
        return ""
    text = f"{n} of {len(c.got)} elements have {'the wrong sign' if abs(f + 1.0) < 1e-6 else f'a factor {_number(f)}'}"
    x = level.leaves[k].value.ravel()[c.chosen]
    for words, mask in (("negative", x < 0), ("positive", x > 0)):
        if np.array_equal(mask & c.known, off):
            text += f", those where the input is {words}"
    return f"{text}; the others are right"


def _unsummed(level: Level, k: int, c: Comparison) -> str:
    if len(level.shapes) != 1:
        return ""
    shape = level.shapes[0]
    extra = len(shape) - len(c.shape)
    broadcast = tuple(
        a for a, n in enumerate(shape) if n > 1 and (a < extra or (extra >= 0 and c.shape[a - extra] == 1))
    )
    g = c.weights.reshape(shape)
    choices: list[tuple[int, ...]] = [(a,) for a, n in enumerate(shape) if n > 1]
    if len(broadcast) > 1:
        choices.insert(0, broadcast)
    for axes in choices:
        for at in (0, -1):
            mask = np.zeros(shape)
            mask[tuple([at if a in axes else slice(None) for a in range(len(shape))])] = 1.0
            if c.same(c.got, c.by((g * mask).ravel())[0]):
                which = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
                kind = "a broadcast " if set(axes) <= set(broadcast) else ""
                return f"it is not summed over {kind}{which} of the result: only index {at} counts"
    return ""


def _moved(level: Level, k: int, c: Comparison) -> str:
    if not c.whole or len(c.right) < 2:
        return ""
    right = c.right.reshape(c.shape)
    for order in itertools.permutations(range(len(c.shape))):
        if order != tuple(range(len(c.shape))) and c.same(c.got, np.transpose(right, order).ravel()):
            return "it is transposed" if len(order) == 2 else f"its axes are permuted: {order}"
    for axis in range(len(c.shape)):
        if c.same(c.got, np.flip(right, axis).ravel()):
            return f"it is reversed along axis {axis}"
        for shift in range(1, c.shape[axis]):
            if c.same(c.got, np.roll(right, shift, axis).ravel()):
                return f"it is shifted by {shift} along axis {axis}"
    if np.all(np.abs(np.sort(c.got) - np.sort(c.right)) <= 1e-6 * c.scale + np.max(c.room)):
        return "it is permuted: the right numbers in the wrong places"
    return ""


def _other_input(level: Level, k: int, c: Comparison) -> str:
    for j, leaf in enumerate(level.leaves):
        if j != k and leaf.value.shape == c.shape and c.whole and c.same(c.got, Comparison(level, j).right):
            return f"it is the derivative in {leaf.label}"
    return ""


def _candidates(level: Level, k: int, c: Comparison) -> list[tuple[str, Array]]:
    """Give arrays of the input's shape that rules are made of."""
    found = [("x" if len(level.leaves) == 1 else level.leaves[k].label, level.leaves[k].value)]
    found += [(leaf.label, leaf.value) for j, leaf in enumerate(level.leaves) if j != k]
    if len(level.shapes) == 1:
        y = level.y.reshape(level.shapes[0])
        found += [("y", y), ("1 - y", 1.0 - y), ("1 - y**2", 1.0 - y * y)]
    out: list[tuple[str, Array]] = []
    for name, a in found:
        try:
            out.append((name, np.broadcast_to(a, c.shape).ravel()[c.chosen]))
        except ValueError:
            continue
    return out


def _fit(got: Array, right: Array, c: Comparison) -> float:
    """Give the number f that makes f * got come nearest to right, or 0."""
    with np.errstate(all="ignore"):
        square = float(np.sum(got[c.known] ** 2))
        f = float(np.sum((got * right)[c.known])) / square if square else 0.0
    return f if math.isfinite(f) and abs(f) > 1e-9 else 0.0


def _times(f: float, name: str) -> str:
    return name if abs(f - 1.0) < 1e-6 else f"-{name}" if abs(f + 1.0) < 1e-6 else f"{_number(f)} * {name}"


def _missing_factor(level: Level, k: int, c: Comparison) -> str:
    for name, a in _candidates(level, k, c):
        with np.errstate(all="ignore"):
            f = _fit(c.got * a, c.right, c)
            if f and c.same(f * c.got * a, c.right):
                return f"it lacks a factor {_times(f, name)}"
            f = _fit(c.right * a, c.got, c)
            if f and c.same(c.got, f * c.right * a):
                return f"it has a factor {_times(f, name)} too many"
    return ""


def _missing_term(level: Level, k: int, c: Comparison) -> str:
    rest = c.got - c.right
    terms: list[tuple[str, Array]] = [("1", np.ones(len(rest)))]
    terms += _candidates(level, k, c)
    if len(level.shapes) == 1 and level.shapes[0] == c.shape:
        g = c.weights[c.chosen]
        terms += [("g", g)] + [(f"g * {name}", g * a) for name, a in terms[1:]]
    for name, a in terms:
        f = _fit(a, rest, c)
        if f and c.same(rest, f * a):
            return f"a term is missing or too many: it is off by {_times(f, name)}"
    if not c.whole:
        return ""
    for name, a in terms:
        with np.errstate(all="ignore"):
            ratio = (rest / a).reshape(c.shape)
        for axis in range(len(c.shape)):
            mean = np.broadcast_to(np.mean(ratio, axis=axis, keepdims=True), c.shape).ravel()
            if c.shape[axis] > 1 and c.same(rest, mean * a):
                return (
                    f"a sum along axis {axis} is missing or too many: it is off by {name} times what that axis shares"
                )
    return ""
