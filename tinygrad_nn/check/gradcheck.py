"""gradcheck: compare reverse mode with differences that know how good they are."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..mode import enable_grad
from ..tensor import Tensor
from ..transforms.gradients import pull, push
from ..tree import flatten
from ..walk import everything
from .differences import Array, Window, power_of_two, windows
from .inputs import Inputs, Leaf, place
from .judge import AGREES, DIFFERS, INFINITE, TIGHT, UNRESOLVED, Verdict, judge
from .report import Finding, GradcheckReport, GradientError, InputReport

#: Elements compared one by one, for each input; a larger input has this many of its elements compared.
SAMPLES = 64
#: Directions in which all elements of an input move together.
DIRECTIONS = 4
#: So many wrong elements are confirmed and shown for each input; the rest is not looked at.
ENOUGH = 5
#: So many single results are looked at where something is not smooth or not right.
SINGLED = 8
#: What a function may raise at a point that it is not defined at.
_REFUSALS = (ArithmeticError, ValueError, IndexError)

Run = Callable[[], list[Any]]


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    samples: int = SAMPLES,
    raise_error: bool = True,
    rng: Any = 0,
) -> GradcheckReport:
    """Check f's derivatives against differences and give a report; raise GradientError where they disagree.

    ``inputs`` are arrays, numbers, Tensors or containers of them; f gets Tensors in the same containers and gives a
    Tensor or a container of Tensors, which are weighed with random cotangents. All floats are checked in float64;
    what is not a float is handed over as it is. A leaf Tensor that needs a gradient is moved itself, so that f may
    close over it: ``gradcheck(lambda *_: loss(model(x), t), *model.parameters())``; afterwards it is what it was.

    There is no tolerance: a derivative is wrong where differences whose own error bound is small contradict it.
    Of an input of more than ``samples`` elements so many are compared one by one, and all together along random
    directions. ``order=2`` checks the derivatives of the gradient too.

    >>> print(gradcheck(np.sin, 0.0).inputs[0].elements)
    1
    """
    if order < 1:
        raise ValueError(f"gradcheck: order={order} must be 1 or more")
    if samples < 1:
        raise ValueError(f"gradcheck: samples={samples} must be 1 or more")
    given = Inputs(inputs, "gradcheck")
    rng = np.random.default_rng(rng)
    with enable_grad(), given.lifted(), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        run: Run = lambda: _values(given.call(f))  # noqa: E731
        leaves = given.leaves
        first = report = Level(run, leaves, rng, samples, 1).report()
        for level in range(2, order + 1):
            if not report.passed:
                break
            run, leaves = _derivative(run, leaves, rng)
            report.higher = report = Level(run, leaves, rng, samples, level).report()
    if raise_error and not first.passed:
        error = GradientError(_message(first))
        error.report = first
        raise error
    return first


def _message(report: GradcheckReport) -> str:
    failed = report
    while not failed.faults and failed.higher is not None:
        failed = failed.higher
    return f"gradcheck: {failed.faults[0]}\n{report}"


def _values(result: Any) -> list[Any]:
    """Give the float results of a function: tensors, and plain arrays or numbers (which have no gradient)."""
    found: list[Any] = []
    for y in flatten(result)[0]:
        if isinstance(y, Tensor):
            if y.dtype.kind == "f":
                found.append(y)
        elif isinstance(y, (float, np.floating)) or (isinstance(y, np.ndarray) and y.dtype.kind == "f"):
            found.append(np.asarray(y))
    if not found:
        kind = type(result).__name__
        raise TypeError(f"gradcheck: the function must give a Tensor of floats (or a container of them), got {kind}")
    return found


def _derivative(run: Run, leaves: list[Leaf], rng: Any) -> tuple[Run, list[Leaf]]:
    """Give the function that computes the gradient, with its cotangents as further inputs."""
    seeds = [
        Leaf(Tensor(_signed(rng, np.shape(y)), requires_grad=True), f"cotangent {i}", np.dtype(float), own=True)
        for i, y in enumerate(run())
    ]

    def gradient() -> list[Any]:
        ys = run()
        tensors = [leaf.tensor for leaf in leaves]
        cotangents = [
            s.tensor if s.tensor.dtype == y.dtype else s.tensor.astype(y.dtype) for s, y in zip(seeds, ys, strict=True)
        ]
        found = pull(ys, tensors, cotangents, True)
        return [np.zeros(t.shape) if g is None else g for g, t in zip(found, tensors, strict=True)]

    return gradient, [*leaves, *seeds]


def _signed(rng: Any, shape: tuple[int, ...]) -> Array:
    """Draw numbers between 0.5 and 1.5 in size, of either sign."""
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))


def _vector(ys: list[Any]) -> Array:
    parts = [np.ravel(y._data if isinstance(y, Tensor) else y) for y in ys]
    return np.concatenate(parts).astype(np.float64)


def _kept(found: Iterable[Window], seen: list[Window]) -> Iterator[Window]:
    for window in found:
        seen.append(window)
        yield window


def _along(claims: Array, v: Array) -> Array:
    """Give the derivatives along a direction; where it is zero, an infinite derivative has no part in it."""
    flat = v.ravel()
    return np.asarray(claims[:, flat != 0] @ flat[flat != 0])


def _worst(verdicts: list[Verdict]) -> Verdict:
    return max(verdicts, key=lambda v: (v.status == DIFFERS, v.status != AGREES, v.error))


def _roughness(window: Window) -> Array:
    """Give how badly two-sided differences do, for each result: above 1 where they are not tight."""
    s = window.central()
    return np.nan_to_num(s.error / (TIGHT * np.abs(s.value) + 1e-9 * window.sizes() + 1e-300), nan=np.inf)


class Level:
    """The check of one function's first derivatives."""

    def __init__(self, run: Run, leaves: list[Leaf], rng: Any, samples: int, order: int) -> None:
        self.run = run
        self.leaves = leaves
        self.rng = rng
        self.samples = samples
        self.result = GradcheckReport(order)
        self.outputs = self._call()
        self.y = _vector(self.outputs)
        self.shapes = [np.shape(y) for y in self.outputs]
        # The coarsest precision that the graph passes through.
        dtypes = {t._data.dtype for t in everything(self.outputs)} | {y.dtype for y in self.outputs}
        self.eps = max([float(np.finfo(d).eps) for d in dtypes if d.kind == "f"])
        self.weights = self._weigh()
        self.claims = self._reverse(self.outputs, self.weights)
        self._slack: list[Array] | None = None

    def _call(self) -> list[Any]:
        self.result.evaluations += 1
        return self.run()

    def _weigh(self) -> Array:
        """Draw two cotangents; the second one makes large and small results count alike where they differ much."""
        weights = np.stack([_signed(self.rng, self.y.shape), _signed(self.rng, self.y.shape)])
        size = np.abs(self.y[np.isfinite(self.y) & (self.y != 0)])
        if size.size and size.max() > 100.0 * size.min():
            weights[1] /= np.maximum(np.abs(self.y), 1e-8 * size.max()) / size.max()
        return weights

    def _reverse(self, outputs: list[Any], weights: Array) -> list[Array | None]:
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

    def report(self) -> GradcheckReport:
        """Compare everything."""
        again = _vector(self._call())
        if again.shape != self.y.shape or not np.array_equal(again, self.y, equal_nan=True):
            self.result.faults.append(self._unsteady(again))
            return self.result
        bad = np.flatnonzero(~np.isfinite(self.y))
        if bad.size:
            self.result.faults.append(
                f"the function gives {self.y[bad[0]]} as element {self._output(int(bad[0]))} of its result; "
                f"a derivative there cannot be compared"
            )
            return self.result
        if not self.y.size:
            self.result.notes.append("the result has no elements: nothing to compare")
            return self.result
        for k, leaf in enumerate(self.leaves):
            self.result.inputs.append(self._input(k, leaf))
        for found in self.result.inputs:
            if found.failures:
                f = found.failures[0]
                more = (
                    f" ({len(found.failures)} of {len(found.findings)} comparisons)" if len(found.failures) > 1 else ""
                )
                self.result.faults.append(f"{found.label}, {f}{more}")
        self._forward()
        return self.result

    def _unsteady(self, again: Array) -> str:
        if again.shape != self.y.shape:
            return f"two runs at the same inputs gave {self.y.size} and {again.size} numbers"
        most = np.nanmax(np.abs(again - self.y))
        return (
            f"two runs at the same inputs differ by {most:.3g}: the function is not deterministic (dropout, random "
            f"numbers or changed state); fix its generator inside, or switch dropout off"
        )

    def _output(self, i: int) -> tuple[int, ...] | str:
        for n, shape in enumerate(self.shapes):
            size = math.prod(shape)
            if i < size:
                place = tuple([int(v) for v in np.unravel_index(i, shape)])
                return place if len(self.shapes) == 1 else f"{place} of result {n}"
            i -= size
        return ()

    def _move(self, leaf: Leaf, v: Array) -> Callable[[float], Array]:
        """Give the function of a step along a direction, with NaN where the function refuses."""

        def at(h: float) -> Array:
            try:
                place(leaf, leaf.value + h * v)
                y = _vector(self._call())
            except _REFUSALS:
                return np.full(self.y.shape, np.nan)
            finally:
                place(leaf, leaf.value)
            return y if y.shape == self.y.shape else np.full(self.y.shape, np.nan)

        return at

    def _input(self, k: int, leaf: Leaf) -> InputReport:
        report = InputReport(leaf.label, leaf.value.shape, str(leaf.dtype))
        claims = self.claims[k]
        if claims is None:
            report.notes.append("no recorded path leads from it to the result: its gradient is None")
            claims = np.zeros((len(self.weights), leaf.size))
        if leaf.size == 0:
            report.notes.append("it has no elements")
            return report
        first: float | None = None
        smooth = np.ones(leaf.value.shape)
        for i in self._chosen(leaf, claims):
            v = np.zeros(leaf.size)
            v[i] = 1.0
            size = abs(float(leaf.value.flat[i]))
            *found, first = self._compare(k, v.reshape(leaf.value.shape), claims[:, i], size, first)
            self._take(report, f"element {leaf.index(i)}", leaf.index(i), found)
            report.elements += 1
            smooth[leaf.index(i)] = report.findings[-1].verdict.status in (AGREES, DIFFERS, UNRESOLVED)
            if len(report.failures) >= ENOUGH:
                break
        if leaf.size > 1:
            for n in range(DIRECTIONS if leaf.size > self.samples else 1):
                v = self._direction(leaf, relative=n % 2 == 0) * smooth
                if not v.any():
                    break
                *found, _ = self._compare(k, v, _along(claims, v), 1.0, None)
                self._take(report, f"direction {n}", None, found)
                report.directions += 1
        return report

    def _take(self, report: InputReport, where: str, index: Any, found: Any) -> None:
        verdict, output = found
        report.findings.append(Finding(where, index, verdict, output))

    def _chosen(self, leaf: Leaf, claims: Array) -> list[int]:
        n = leaf.size
        if n <= self.samples:
            return list(range(n))
        size = np.abs(np.where(np.isfinite(claims[0]), claims[0], np.inf))
        some = self.rng.choice(n, self.samples, replace=False)
        extremes = [int(np.argmax(size)), int(np.argmin(size)), int(np.argmin(np.where(size > 0, size, np.inf)))]
        return sorted({*extremes, *[int(i) for i in some[: max(self.samples - 3, 1)]]})

    def _direction(self, leaf: Leaf, relative: bool) -> Array:
        """Draw a direction of powers of two, either sign, in proportion to the elements or the same for all."""
        a = np.abs(leaf.value)
        usual = power_of_two(float(np.median(a[a > 0]))) if np.any(a > 0) else 1.0
        size = np.where(a > 0, a, usual) if relative else np.full(a.shape, max(usual, 1.0))
        v = 2.0 ** np.round(np.log2(size)) if relative else size
        return np.asarray(v * 2.0 ** self.rng.integers(-1, 1, a.shape) * self.rng.choice([-1.0, 1.0], a.shape))

    def _compare(self, k: int, v: Array, claims: Array, size: float, first: float | None) -> Any:
        """Judge the claims along a direction; give (the worst verdict, where it shows, the first step)."""
        leaf = self.leaves[k]
        run = self._move(leaf, v)
        rounding = float(np.finfo(np.float64).eps) * float(np.max(np.abs(leaf.value[v != 0] / v[v != 0])))
        scale = max(size, 1.0)
        seen: list[Window] = []
        verdicts, step = judge(
            _kept(windows(run, self.y, size, self.eps, rounding, first), seen), self.weights, claims, scale
        )
        worst, output = _worst(verdicts), ""
        if worst.status == DIFFERS:
            # A second opinion: other steps, and room for the rounding in the claims themselves.
            room = self._uncertain(k) @ np.abs(v.ravel())
            others = windows(run, self.y, size, self.eps, rounding, factor=0.73)
            verdicts, step = judge(_kept(others, seen), self.weights, claims, scale, room)
            worst = _worst(verdicts)
        if worst.status not in (AGREES, INFINITE):
            worst, output = self._by_output(k, v, seen, scale, worst)
        return worst, output, step

    def _by_output(self, k: int, v: Array, seen: list[Window], scale: float, worst: Verdict) -> tuple[Verdict, str]:
        """Look at single results, the least smooth ones first: which one differs, or is at a kink?"""
        rough = np.min(np.stack([_roughness(w) for w in seen]), axis=0)
        order = np.argsort(-rough, kind="stable")[:SINGLED]
        verdicts = self._judge_anew(k, v, seen, np.eye(self.y.size)[order], scale)
        # Where a slope is infinite, the zeros of a single cotangent make NaN (0 * inf): that says nothing.
        single = _worst([x for x in verdicts if not math.isnan(x.claim) or math.isnan(worst.claim)] or [worst])
        output = ""
        if single in verdicts and single.status != AGREES and self.y.size > 1:
            output = f" (seen in element {self._output(int(order[verdicts.index(single)]))} of the result)"
        if single.status == DIFFERS or worst.status != DIFFERS:
            return (worst, "") if single.status == AGREES else (single, output)
        # What is left without the results at a kink must agree.
        smooth = self.weights.copy()
        smooth[:, [j for j, x in zip(order, verdicts, strict=True) if x.status != AGREES]] = 0.0
        rest = _worst(self._judge_anew(k, v, seen, smooth, scale))
        return (rest, "") if rest.status == DIFFERS else (single, output)

    def _judge_anew(self, k: int, v: Array, seen: list[Window], weights: Array, scale: float) -> list[Verdict]:
        claims = self._reverse(self.outputs, weights)[k]
        room = self._uncertain(k).max(axis=0) @ np.abs(v.ravel())
        return judge(seen, weights, np.zeros(len(weights)) if claims is None else _along(claims, v), scale, room)[0]

    def _uncertain(self, k: int) -> Array:
        """Estimate how far the claims move when every input moves by its last digit: their own rounding."""
        if self._slack is None:
            spread = [
                np.zeros_like(c) if c is not None else np.zeros((len(self.weights), leaf.size))
                for c, leaf in zip(self.claims, self.leaves, strict=True)
            ]
            for _ in range(4):
                try:
                    for leaf in self.leaves:
                        place(leaf, leaf.value * (1.0 + 4e-16 * self.rng.choice([-1.0, 1.0], leaf.value.shape)))
                    moved = self._reverse(self._call(), self.weights)
                except _REFUSALS:
                    continue
                finally:
                    for leaf in self.leaves:
                        place(leaf, leaf.value)
                for s, a, b in zip(spread, self.claims, moved, strict=True):
                    if a is not None and b is not None:
                        np.maximum(s, np.nan_to_num(np.abs(a - b), posinf=0.0), out=s)
            self._slack = [10.0 * s for s in spread]
        return self._slack[k]

    def _forward(self) -> None:
        """Compare forward mode with reverse mode by the adjoint identity <c, J t> = <J' c, t>."""
        tensors = [leaf.tensor for leaf in self.leaves]
        tangents = [_signed(self.rng, leaf.value.shape) for leaf in self.leaves]
        try:
            pushed = push(self.outputs, tensors, tangents, False)
        except Exception as e:
            self.result.notes.append(f"forward mode does not work here: {e}")
            return
        parts = [np.zeros(math.prod(s)) if d is None else np.ravel(d) for d, s in zip(pushed, self.shapes, strict=True)]
        forward = self.weights * np.concatenate(parts).astype(np.float64)
        size = np.abs(forward).sum(axis=1)
        back = np.zeros(len(self.weights))
        room = np.zeros(len(self.weights))
        for k, t in enumerate(tangents):
            if self.claims[k] is not None:
                products = self.claims[k] * t.ravel()
                back, size = back + products.sum(axis=1), size + np.abs(products).sum(axis=1)
        off = np.abs(forward.sum(axis=1) - back)
        if not np.isfinite(off).all():
            return
        relative = float(np.max(off / np.where(size > 0, size, 1.0)))
        limit = max(1e-12, 100.0 * self.eps)
        if relative > limit:
            room = np.sum([self._uncertain(k) @ np.abs(t.ravel()) for k, t in enumerate(tangents)], axis=0)
        if np.all(off <= limit * size + 10.0 * room):
            self.result.notes.append(f"forward mode agrees with reverse mode to {relative:.0e}")
        else:
            r = int(np.argmax(off - 10.0 * room))
            self.result.faults.append(
                f"forward and reverse mode differ: the derivative along a random direction is {forward[r].sum():.17g} "
                f"by forward mode, {back[r]:.17g} by reverse mode"
            )
