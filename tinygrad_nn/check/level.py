"""The check of one function's first derivatives: every input, element by element and along random directions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..tensor import Tensor
from ..transforms.gradients import pull
from ..walk import everything
from .differences import Array, Slope, Window, power_of_two, windows
from .inputs import Leaf, place
from .judge import AGREES, DIFFERS, INFINITE, TIGHT, UNRESOLVED, Verdict, judge
from .report import Finding, InputReport

#: Directions in which all elements of a large input move together.
DIRECTIONS = 4
#: So many wrong elements are confirmed and shown for each input; the rest is not looked at.
ENOUGH = 5
#: So many single results are looked at where something is not smooth or not right.
SINGLED = 8
#: For the elements of one input the function is run so many times; then the rest is compared along directions only.
RUNS = 6000
#: What a function may raise at a point that it is not defined at.
REFUSALS = (ArithmeticError, ValueError, IndexError)

Run = Callable[[], list[Any]]


class Level:
    """A function of leaves, run at its point: its results, reverse mode's claims, and their comparison.

    ``run`` computes the results from the leaves' tensors as they are; ``samples`` is how many elements of an input are
    compared one by one (0: none of more than one), ``directions`` along how many directions.
    """

    def __init__(self, run: Run, leaves: list[Leaf], rng: Any, samples: int, directions: int | None = None) -> None:
        self.run = run
        self.leaves = leaves
        self.rng = rng
        self.samples = samples
        self.directions = directions
        self.evaluations = 0
        self.outputs = self.call()
        self.y = vector(self.outputs)
        self.shapes = [np.shape(y) for y in self.outputs]
        # The coarsest precision that the graph passes through.
        dtypes = {t._data.dtype for t in everything(self.outputs)} | {y.dtype for y in self.outputs}
        self.eps = max([float(np.finfo(d).eps) for d in dtypes if d.kind == "f"])
        self.weights = self._weigh()
        self.claims: list[Array | None] = [None] * len(leaves)
        self.broken: Exception | None = None
        """What reverse mode raised."""
        try:
            self.claims = self.reverse(self.outputs, self.weights)
        except Exception as e:
            self.broken = e
        self._slack: list[Array] | None = None

    def call(self) -> list[Any]:
        """Run the function."""
        self.evaluations += 1
        return self.run()

    def _weigh(self) -> Array:
        """Draw two cotangents; the second one makes large and small results count alike where they differ much."""
        weights = np.stack([signed(self.rng, self.y.shape), signed(self.rng, self.y.shape)])
        size = np.abs(_known(self.y))
        largest = np.max(size, initial=0.0)
        # What is smaller still is what rounding left of a zero.
        small = (size > 1e-11 * largest) & (size < 1e-2 * largest)
        weights[1, small] *= largest / size[small]
        return np.where(np.isfinite(self.y), weights, 0.0)

    def reverse(self, outputs: list[Any], weights: Array) -> list[Array | None]:
        """Give reverse mode's derivatives for each leaf, one row per cotangent; None without a path."""
        rows = []
        for w in weights:
            seeds, at = [], 0
            for y, shape in zip(outputs, self.shapes, strict=True):
                n = math.prod(shape)
                seeds.append(w[at : at + n].reshape(shape).astype(y.dtype))
                at += n
            rows.append(pull(outputs, [leaf.tensor for leaf in self.leaves], seeds, False))
        return [
            None if rows[0][k] is None else np.stack([np.ravel(r[k]).astype(np.float64) for r in rows])
            for k in range(len(self.leaves))
        ]

    def output(self, i: int) -> str:
        """Say which element of which result has the flat number i."""
        for n, shape in enumerate(self.shapes):
            size = math.prod(shape)
            if i < size:
                where = tuple([int(v) for v in np.unravel_index(i, shape)])
                return f"{where} of the result" if len(self.shapes) == 1 else f"{where} of result {n}"
            i -= size
        raise IndexError(i)

    def move(self, k: int, v: Array) -> Callable[[float], Array]:
        """Give the function of a step of leaf k along a direction, with NaN where the function refuses."""
        leaf = self.leaves[k]

        def at(h: float) -> Array:
            try:
                place(leaf, leaf.value + h * v)
                y = vector(self.call())
            except REFUSALS:
                return np.full(self.y.shape, np.nan)
            finally:
                place(leaf, leaf.value)
            return y if y.shape == self.y.shape else np.full(self.y.shape, np.nan)

        return at

    def column(self, k: int, i: int) -> Slope:
        """Give the derivatives of all results in one element, by the best of the windows for each result."""
        leaf = self.leaves[k]
        size = abs(float(leaf.value.flat[i]))
        best: Slope | None = None
        for window in windows(self.move(k, unit(leaf, i)), self.y, size, self.eps, self._rounding(k, unit(leaf, i))):
            s = window.central()
            if best is None:
                best = s
            else:
                better = s.error < best.error
                best = Slope(np.where(better, s.value, best.value), np.where(better, s.error, best.error))
            if np.all(best.error <= 1e-7 * np.abs(best.value) + 1e-9 * window.sizes() / max(size, 1.0)):
                break
        assert best is not None
        return best

    def examine(self, k: int) -> InputReport:
        """Compare the derivatives in one leaf."""
        leaf = self.leaves[k]
        report = InputReport(leaf.label, leaf.value.shape, str(leaf.dtype))
        claims = self.claims[k]
        if claims is None:
            report.notes.append("no recorded path leads from it to the result: its gradient is None")
            claims = np.zeros((len(self.weights), leaf.size))
        if leaf.size == 0:
            report.notes.append("it has no elements")
            return report
        first: float | None = None
        smooth = np.array(np.isfinite(leaf.value), dtype=np.float64)
        if not smooth.all():
            report.notes.append(f"{int(np.sum(smooth == 0))} of its elements are not finite: they were not moved")
        before = self.evaluations
        chosen = self._chosen(leaf, claims)
        for i in chosen:
            if self.evaluations - before > RUNS:
                report.notes.append(
                    f"{report.elements} of {len(chosen)} elements took {RUNS} runs of the function: the rest was "
                    f"compared along directions only"
                )
                break
            size = abs(float(leaf.value.flat[i]))
            verdict, output, first = self._compare(k, unit(leaf, i), claims[:, i], size, first)
            report.findings.append(Finding(f"element {leaf.index(i)}", leaf.index(i), verdict, output))
            report.elements += 1
            smooth[leaf.index(i)] = verdict.status in (AGREES, DIFFERS, UNRESOLVED)
            if len(report.failures) >= ENOUGH:
                break
        if leaf.size > 1:
            self._along_directions(k, report, claims, smooth)
        return report

    def _along_directions(self, k: int, report: InputReport, claims: Array, smooth: Array) -> None:
        leaf = self.leaves[k]
        smooth = smooth * np.isfinite(claims).all(axis=0).reshape(smooth.shape)
        partly = leaf.size > max(report.elements, 1) and not report.failures
        wanted = self.directions or (DIRECTIONS if partly else 1)
        for n in range(wanted):
            v = self._direction(leaf, relative=n % 2 == 0) * smooth
            if not v.any():
                break
            verdict, output, _ = self._compare(k, v, along(claims, v), 1.0, None)
            report.directions += 1
            if verdict.status == DIFFERS and not report.failures and leaf.size > report.elements:
                found = self._hunt(k, v, claims)
                if found is not None:
                    report.findings.append(found)
                    break
            report.findings.append(Finding(f"direction {n}", None, verdict, output))

    def _hunt(self, k: int, v: Array, claims: Array) -> Finding | None:
        """Halve a direction that shows a fault until one element is left that shows it."""
        leaf = self.leaves[k]
        support = np.flatnonzero(v)
        while len(support) > 1:
            for half in np.array_split(support, 2):
                part = np.zeros(leaf.size)
                part[half] = v.flat[half]
                verdict, _, _ = self._compare(k, part.reshape(v.shape), along(claims, part), 1.0, None, confirm=False)
                if verdict.status == DIFFERS:
                    support = half
                    break
            else:
                return None
        i = int(support[0])
        size = abs(float(leaf.value.flat[i]))
        verdict, output, _ = self._compare(k, unit(leaf, i), claims[:, i], size, None)
        return (
            Finding(f"element {leaf.index(i)}", leaf.index(i), verdict, output) if verdict.status == DIFFERS else None
        )

    def _chosen(self, leaf: Leaf, claims: Array) -> list[int]:
        n = leaf.size
        samples = self.samples if leaf.most is None else min(self.samples, leaf.most)
        finite = np.isfinite(leaf.value).ravel()
        if n <= max(samples, 1):
            return [int(i) for i in np.flatnonzero(finite)]
        if self.samples == 0:
            # What is not finite has no place in a direction.
            strange: Any = np.flatnonzero(~np.isfinite(claims).all(axis=0)) if np.isfinite(self.y).all() else []
            return [int(i) for i in strange[:3] if finite[i]]
        size = np.abs(np.where(np.isfinite(claims[0]), claims[0], np.inf))
        some = self.rng.choice(n, samples, replace=False)
        extremes = [int(np.argmax(size)), int(np.argmin(size)), int(np.argmin(np.where(size > 0, size, np.inf)))]
        return sorted([i for i in {*extremes, *[int(i) for i in some[: max(samples - 3, 1)]]} if finite[i]])

    def _direction(self, leaf: Leaf, relative: bool) -> Array:
        """Draw a direction of powers of two, either sign, in proportion to the elements or the same for all."""
        a = np.abs(_known(leaf.value))
        usual = power_of_two(float(np.median(a[a > 0]))) if np.any(a > 0) else 1.0
        size = np.where(a > 0, a, usual) if relative else np.full(a.shape, max(usual, 1.0))
        v = 2.0 ** np.round(np.log2(size)) if relative else size
        return np.asarray(v * 2.0 ** self.rng.integers(-1, 1, a.shape) * self.rng.choice([-1.0, 1.0], a.shape))

    def _rounding(self, k: int, v: Array) -> float:
        moved = v != 0
        return float(np.finfo(np.float64).eps) * float(np.max(np.abs(self.leaves[k].value[moved] / v[moved])))

    def _compare(
        self, k: int, v: Array, claims: Array, size: float, first: float | None, confirm: bool = True
    ) -> tuple[Verdict, str, float | None]:
        """Judge the claims along a direction; give (the worst verdict, where it shows, the first step)."""
        run = self.move(k, v)
        rounding = self._rounding(k, v)
        scale = max(size, 1.0)
        seen: list[Window] = []
        found = windows(run, self.y, size, self.eps, rounding, first)
        verdicts, step = judge(_kept(found, seen), self.weights, claims, scale)
        verdict, output = worst(verdicts), ""
        if verdict.status == DIFFERS and confirm:
            # A second opinion: other steps, and room for the rounding in the claims themselves.
            room = self.uncertain(k) @ np.abs(v.ravel())
            others = windows(run, self.y, size, self.eps, rounding, factor=0.73)
            verdicts, step = judge(_kept(others, seen), self.weights, claims, scale, room)
            verdict = worst(verdicts)
        if verdict.status not in (AGREES, INFINITE):
            verdict, output = self._by_output(k, v, seen, scale, verdict)
        return verdict, output, step

    def _by_output(self, k: int, v: Array, seen: list[Window], scale: float, whole: Verdict) -> tuple[Verdict, str]:
        """Look at single results, the least smooth ones first: which one differs, or is at a kink?"""
        rough = np.min(np.stack([_roughness(w) for w in seen]), axis=0)
        rough[~np.isfinite(self.y)] = -1.0
        order = np.argsort(-rough, kind="stable")[:SINGLED]
        verdicts = self._judge_anew(k, v, seen, np.eye(self.y.size)[order], scale)
        # Where a slope is infinite, the zeros of a single cotangent make NaN (0 * inf): that says nothing.
        single = worst([x for x in verdicts if not math.isnan(x.claim) or math.isnan(whole.claim)] or [whole])
        output = ""
        if single in verdicts and single.status != AGREES and self.y.size > 1:
            output = f" (seen in element {self.output(int(order[verdicts.index(single)]))})"
        if single.status == DIFFERS:
            return single, output
        # What is left without the results that are not smooth must agree.
        strange = rough > 1.0
        strange[[j for j, x in zip(order, verdicts, strict=True) if x.status != AGREES]] = True
        if strange.any() or whole.status == DIFFERS:
            rest = worst(self._judge_anew(k, v, seen, np.where(strange, 0.0, self.weights), scale))
            if rest.status == DIFFERS:
                return rest, ""
        return (whole, "") if single.status == AGREES and whole.status != DIFFERS else (single, output)

    def _judge_anew(self, k: int, v: Array, seen: list[Window], weights: Array, scale: float) -> list[Verdict]:
        claims = self.reverse(self.outputs, weights)[k]
        room = self.uncertain(k).max(axis=0) @ np.abs(v.ravel())
        return judge(seen, weights, np.zeros(len(weights)) if claims is None else along(claims, v), scale, room)[0]

    def uncertain(self, k: int) -> Array:
        """Estimate how far the claims move when every input moves by its last digit: their own rounding."""
        if self._slack is None:
            spread = [np.zeros((len(self.weights), leaf.size)) for leaf in self.leaves]
            for _ in range(4):
                try:
                    for leaf in self.leaves:
                        place(leaf, leaf.value * (1.0 + 4e-16 * self.rng.choice([-1.0, 1.0], leaf.value.shape)))
                    moved = self.reverse(self.call(), self.weights)
                except REFUSALS:
                    continue
                finally:
                    for leaf in self.leaves:
                        place(leaf, leaf.value)
                for s, a, b in zip(spread, self.claims, moved, strict=True):
                    if a is not None and b is not None:
                        np.maximum(s, np.nan_to_num(np.abs(a - b), posinf=0.0), out=s)
            self._slack = [10.0 * s for s in spread]
        return self._slack[k]


def signed(rng: Any, shape: tuple[int, ...]) -> Array:
    """Draw numbers between 0.5 and 1.5 in size, of either sign."""
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))


def vector(ys: list[Any]) -> Array:
    """Give all results as one vector of float64."""
    parts = [np.ravel(y._data if isinstance(y, Tensor) else y) for y in ys]
    return np.concatenate(parts).astype(np.float64)


def unit(leaf: Leaf, i: int) -> Array:
    """Give the direction of one element."""
    v = np.zeros(leaf.size)
    v[i] = 1.0
    return v.reshape(leaf.value.shape)


def along(claims: Array, v: Array) -> Array:
    """Give the derivatives along a direction; where it is zero, an infinite derivative has no part in it."""
    flat = v.ravel()
    return np.asarray(claims[:, flat != 0] @ flat[flat != 0])


def worst(verdicts: list[Verdict]) -> Verdict:
    """Give the verdict that matters most."""
    return max(verdicts, key=lambda v: (v.status == DIFFERS, v.status != AGREES, v.error))


def _kept(found: Iterable[Window], seen: list[Window]) -> Iterator[Window]:
    for window in found:
        seen.append(window)
        yield window


def _known(a: Array) -> Array:
    return np.where(np.isfinite(a), a, 0.0)


def _roughness(window: Window) -> Array:
    """Give how badly two-sided differences do, for each result: above 1 where they are not tight."""
    s = window.central()
    return np.nan_to_num(s.error / (TIGHT * np.abs(s.value) + 1e-9 * window.sizes() + 1e-300), nan=np.inf)
