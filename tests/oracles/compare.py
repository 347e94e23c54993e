"""Compare a random program in both engines; say what differs, by how much, and how to run it by hand."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

import numpy as np

from .engines import jaxs, ours
from .program import BrokenProgram, Program, generate

#: How far two engines may be apart, relative to the largest element of what is compared.
FINE = {"value": 1e-12, "grad": 1e-10, "jvp": 1e-10, "hvp": 1e-9, "third": 1e-8}


@dataclass
class Outcome:
    """What comparing one program found: ``trouble`` is empty where all agrees.

    ``blurred`` tells that some results say nothing, since JAX's own move as much when the inputs change in the last
    digit; ``refused`` is the failure of JAX's compiler, which says nothing either.
    """

    seed: int
    program: Program | None
    trouble: str
    gap: float = 0.0
    blurred: bool = False
    refused: str = ""


def distance(got: list[Any], want: list[Any]) -> float:
    """Give the largest difference, relative to the largest element (at least 1); infinite where shapes differ."""
    if len(got) != len(want) or any(a.shape != b.shape for a, b in zip(got, want, strict=True)):
        return np.inf
    scale = max(1.0, *[float(np.abs(b).max()) for b in want])
    gaps = [float(np.abs(a - b).max()) for a, b in zip(got, want, strict=True)]
    return np.inf if any(np.isnan(gaps)) else max(gaps) / scale


def compare(seed: int, engine: Any, names: list[str], recipes: dict[str, list[Any]]) -> Outcome:
    """Draw the program of a seed and compare it."""
    try:
        program = generate(seed, names, recipes)
    except BrokenProgram as e:
        return Outcome(seed, None, str(e))
    return compare_program(program, engine)


def compare_program(program: Program, engine: Any) -> Outcome:
    try:
        point, got = ours(program)
    except Exception:
        return Outcome(program.seed, program, f"our engine failed:\n{traceback.format_exc()}\n{program.script()}")
    try:
        want = jaxs(engine, program, point)
    except Exception as e:
        why = f"{type(e).__name__}: {(str(e).splitlines() or [''])[0]}"
        if why.startswith("JaxRuntimeError: INTERNAL"):
            return Outcome(program.seed, program, "", refused=why)
        return Outcome(program.seed, program, f"JAX failed: {why}\n{program.script()}")
    worst, blurred, trouble = 0.0, False, []
    slack: dict[str, float] | None = None
    if any(distance(values, want[way.split()[0]]) > FINE[way.split()[0]] for way, values in got.items()):
        # JAX's compiler, without its optimizations, is wrong now and then: operation by operation it is not.
        with engine.jax.disable_jit():
            want = jaxs(engine, program, point)
    for way, values in got.items():
        kind = way.split()[0]
        gap = distance(values, want[kind])
        if gap > FINE[kind]:
            # Where a change of the inputs in the last digits moves JAX's own result as much, it says nothing.
            slack = slack if slack is not None else noise(program, engine, point, want)
            if gap > FINE[kind] + 30 * slack[kind]:
                trouble.append(
                    f"{way}: relative difference {gap:.2e}\n  ours {show(values)}\n  JAX  {show(want[kind])}"
                )
            else:
                blurred = True
                continue
        worst = max(worst, gap)
    text = "\n".join([*trouble, program.script()]) if trouble else ""
    return Outcome(program.seed, program, text, worst, blurred)


def noise(program: Program, engine: Any, point: Any, want: dict[str, list[Any]]) -> dict[str, float]:
    """Give how far JAX's own results move when the inputs change by some units in the last place."""
    rng = np.random.default_rng(program.seed)
    most = dict.fromkeys(want, 0.0)
    for _ in range(3):
        near = tuple(
            np.asarray(x + 2e-16 * rng.choice([-3, 3], x.shape) * np.maximum(np.abs(x), 1.0)) for x in point.xs
        )
        moved = jaxs(engine, program, point, near)
        most = {k: max(most[k], distance(moved[k], want[k])) for k in want}
    return most


def show(values: list[Any]) -> str:
    return "; ".join(np.array2string(v, precision=8, threshold=40).replace("\n", " ") for v in values)
