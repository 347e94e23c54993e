"""gradcheck: compare reverse mode with differences that know how good they are."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..mode import enable_grad
from ..ops.complex import Complex
from ..tensor import Tensor
from ..transforms.gradients import pull
from ..tree import flatten
from .cause import find_cause
from .complexstep import compare_complex
from .forward import compare_modes
from .inputs import Inputs, Leaf
from .judge import DIFFERS, KINK
from .level import Level, Run, signed, unit, vector
from .report import Finding, GradcheckReport, GradientError

#: Elements compared one by one, for each input; a larger input has this many of its elements compared.
SAMPLES = 64
#: The same for a cotangent, in which a gradient is linear, so that directions tell nearly all.
COTANGENTS = 8


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
    what is not a float (whole numbers, bool, text) is handed over as it is. A leaf Tensor that needs a gradient is
    moved itself, so that f may close over it: ``gradcheck(lambda *_: loss(model(x), t), *model.parameters())``;
    afterwards it is what it was.

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
        first = report = _report(Level(run, leaves, rng, samples), 1)
        for level in range(2, order + 1):
            if not report.passed:
                break
            run, leaves = _derivative(run, leaves, rng)
            report.higher = report = _report(Level(run, leaves, rng, samples), level)
    if raise_error and not first.passed:
        error = GradientError(_message(first))
        error.report = first
        raise error from first.exception
    return first


def _message(report: GradcheckReport) -> str:
    failed = report
    while not failed.faults and failed.higher is not None:
        failed = failed.higher
    body = str(report).split("\n")
    return "\n".join([f"gradcheck: {failed.faults[0]}", *[line for line in body if line.strip() != failed.faults[0]]])


def _values(result: Any) -> list[Any]:
    """Give the float results of a function: tensors, and plain arrays or numbers (which have no gradient)."""
    found: list[Any] = []
    parts = [z for y in flatten(result)[0] for z in ((y.real, y.imag) if isinstance(y, Complex) else (y,))]
    for y in parts:
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
        Leaf(Tensor(signed(rng, np.shape(y)), requires_grad=True), f"cotangent {i}", np.dtype(float), True, COTANGENTS)
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


def _report(level: Level, order: int) -> GradcheckReport:
    """Compare everything."""
    report = GradcheckReport(order)
    unsound = _unsound(level)
    if level.broken is not None:
        cause, _ = find_cause(level, 0, np.zeros(0))
        report.exception = level.broken
        failure = f"reverse mode fails with {type(level.broken).__name__}: {level.broken}"
        report.faults.append(f"{failure}; {cause}" if cause else failure)
    elif unsound:
        report.faults.append(unsound)
    elif not level.y.size:
        report.notes.append("the result has no elements: nothing to compare")
    else:
        report.inputs = [level.examine(k) for k in range(len(level.leaves))]
        failed = next((k for k, found in enumerate(report.inputs) if found.failures), None)
        if failed is not None:
            _explain(level, failed, report)
        for compare in (compare_modes, compare_complex):
            note, fault = compare(level)
            if not report.faults and (fault or "forward mode does not work" in note):
                cause, _ = find_cause(level, 0, np.zeros(0))
                if fault or cause:
                    report.faults.append("; ".join([part for part in (fault or note, cause) if part]))
                    continue
            report.notes += [note] if note else []
    report.evaluations = level.evaluations
    return report


def _explain(level: Level, k: int, report: GradcheckReport) -> None:
    """Add the cause to the first failure; take failures back that only a kink on the way accounts for."""
    found = report.inputs[k]
    first = found.failures[0]
    v = np.ones(found.shape) if first.index is None else unit(level.leaves[k], _flat(first.index, found.shape))
    cause, kinks = find_cause(level, k, v)
    names = ", ".join(dict.fromkeys([o.title for o in kinks]))
    if not cause and kinks and all(math.isfinite(f.verdict.claim) for i in report.inputs for f in i.failures):
        for i in report.inputs:
            i.findings = [_excused(f) for f in i.findings]
        report.notes.append(f"every operation is right by itself; on the way, at a kink: {names}")
        return
    if not cause and kinks:
        cause = f"every operation is right by itself; on the way, at a kink or with an infinite slope: {names}"
    report.faults.append(f"{found.label}, {first}" + (f"; {cause}" if cause else ""))
    for other in report.inputs[k + 1 :]:
        if other.failures:
            report.faults.append(f"{other.label}, {other.failures[0]}")


def _flat(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(index, shape)) if index else 0


def _excused(f: Finding) -> Finding:
    return replace(f, verdict=replace(f.verdict, status=KINK)) if f.verdict.status == DIFFERS else f


def _unsound(level: Level) -> str:
    """Say why a function cannot be compared at all: random, or without a finite value."""
    again = vector(level.call())
    if again.shape != level.y.shape:
        return f"two runs at the same inputs gave {level.y.size} and {again.size} numbers"
    if not np.array_equal(again, level.y, equal_nan=True):
        return (
            f"two runs at the same inputs differ by {np.nanmax(np.abs(again - level.y)):.3g}: the function is not "
            f"deterministic (dropout, random numbers or changed state); make its generator inside, or switch it off"
        )
    bad = np.flatnonzero(~np.isfinite(level.y))
    if bad.size:
        i = int(bad[0])
        return f"the function gives {level.y[i]} as element {level.output(i)}; there is no derivative to compare"
    return ""
