"""The derivatives of a program in the two engines: ours by every mode, JAX's by one compiled call in 64 bit."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import Tensor

from .program import OURS, Program


class Point:
    """Where a program is differentiated: tangents of the inputs and cotangents of the results, from its seed."""

    def __init__(self, program: Program, shapes: list[tuple[int, ...]]) -> None:
        rng = np.random.default_rng([program.seed, 1])
        self.xs = tuple(program.inputs.values())
        self.ts = tuple(rng.uniform(-1, 1, x.shape) for x in self.xs)
        self.ws = [rng.uniform(-1, 1, s) for s in shapes]


def to_third_order(program: Program) -> bool:
    """Tell whether a program is compared to the third order: compiling that takes JAX as long as all the rest."""
    return program.seed % 4 == 0


def ours(program: Program) -> tuple[Point, dict[str, list[Any]]]:
    """Give the value and the derivatives by every way there is; ways that must agree have a common first word."""
    f = program.function(OURS)
    xs = tuple(program.inputs.values())
    ys = f(*[Tensor(x, requires_grad=True) for x in xs])
    point = Point(program, [y.shape for y in ys])
    n = tuple(range(len(xs)))

    def weighted(*vs: Any) -> Any:
        return sum(((y * w).sum() for y, w in zip(f(*vs), point.ws, strict=True)), Tensor(0.0))

    def directional(*vs: Any) -> Any:
        pushed = tg.jvp(f, vs, point.ts)[1]
        return sum(((y * w).sum() for y, w in zip(pushed, point.ws, strict=True)), Tensor(0.0))

    def along(*vs: Any) -> Any:
        found = tg.grad(weighted, n)(*vs)
        return sum(((g * t).sum() for g, t in zip(found, point.ts, strict=True)), Tensor(0.0))

    leaves = [Tensor(x, requires_grad=True) for x in xs]
    loss = weighted(*leaves)
    if loss.requires_grad:
        loss.backward()
    found = {
        "value": [np.array(y.data if isinstance(y, Tensor) else y) for y in ys],
        "grad by backward": [np.zeros(x.shape) if x.grad is None else x.grad for x in leaves],
        "grad by vjp": list(tg.vjp(f, *xs)[1](point.ws)),
        "jvp": list(tg.jvp(f, xs, point.ts)[1]),
        "hvp forward over reverse": list(tg.jvp(tg.grad(weighted, n), xs, point.ts)[1]),
        "hvp reverse over forward": list(tg.grad(directional, n)(*xs)),
        "hvp reverse over reverse": list(tg.grad(along, n)(*xs)),
    }
    if to_third_order(program):
        found["third"] = [tg.jvp(lambda *vs: tg.jvp(directional, vs, point.ts)[1], xs, point.ts)[1]]
    return point, {k: [np.asarray(v) for v in vs] for k, vs in found.items()}


def jaxs(engine: Any, program: Program, point: Point, xs: Any = None) -> dict[str, list[Any]]:
    """Give JAX's value, gradient, tangent, Hessian product and, of some programs, a third derivative."""
    jax = engine.jax
    f = program.function(engine)

    def first(*xs: Any) -> Any:
        ys, pull = jax.vjp(f, *xs)
        return ys, pull(list(point.ws))

    def second(*xs: Any) -> Any:
        return jax.jvp(first, xs, point.ts)

    found: dict[str, Any] = {}
    at = point.xs if xs is None else xs
    if to_third_order(program):
        ((ys, gs), (yts, hs)), (_, (_, thirds)) = jax.jit(lambda xs: jax.jvp(second, xs, point.ts))(at)
        found["third"] = [sum(float(np.sum(np.asarray(h) * t)) for h, t in zip(thirds, point.ts, strict=True))]
    else:
        (ys, gs), (yts, hs) = jax.jit(lambda xs: second(*xs))(at)
    found |= {"value": ys, "grad": gs, "jvp": yts, "hvp": hs}
    return {k: [np.asarray(v) for v in vs] for k, vs in found.items()}
