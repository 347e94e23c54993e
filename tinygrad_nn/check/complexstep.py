"""Derivatives by a complex step: the recorded graph run again on complex numbers, exact to the last digits.

f(x + i h) = f(x) + i h f'(x) + O(h**2), and h = 1e-40 leaves nothing of the rest: no difference is taken, so nothing
cancels (W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40
(1998) 110-112). Only where every operation on the way is analytic.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..walk import Node, everything
from .differences import Array
from .level import Level

STEP = 1e-40
#: Values so small times the step are no numbers any more.
UNDERFLOW = 1e-240
#: Elements of an input that are compared.
MOST = 32
#: In a graph of so many operations only a few elements are compared.
LARGE = 1000


class NotAnalytic(Exception):
    """Raised where an operation on the way cannot be run on complex numbers; names it."""


def compare_complex(level: Level) -> tuple[str, str]:
    """Compare reverse mode with complex steps and give (what to note, what is wrong): one of them is empty."""
    if level.eps > np.finfo(np.float64).eps or not np.isfinite(level.y).all() or _size(level.y) < UNDERFLOW:
        return "", ""
    off, fault = 0.0, ""
    nodes = [t for t in everything(level.outputs) if t.op is not None]
    most = MOST if len(nodes) < LARGE else 2
    for k, leaf in enumerate(level.leaves):
        claims = level.claims[k]
        if claims is None or not leaf.size or not np.isfinite(claims).all():
            continue
        some = np.arange(leaf.size) if leaf.size <= most else level.rng.choice(leaf.size, most, replace=False)
        scale = float(np.max(np.abs(claims)))
        for i in some:
            try:
                exact = level.weights @ replay(level, nodes, k, int(i))
            except NotAnalytic as e:
                return f"no complex step: {e}", ""
            apart = np.abs(claims[:, i] - exact)
            off = max(off, float(np.max(apart)) / (scale or 1.0))
            # Zero, but for the rounding of what cancels: that is as large as the values, not as the derivatives.
            values = np.abs(level.weights) @ np.abs(level.y) / max(1.0, abs(float(leaf.value.flat[i])))
            near = 1e-11 * np.abs(exact) + 1e-13 * (scale + values)
            if np.any(apart > near) and not fault:
                sure = apart > near + 100.0 * level.uncertain(k)[:, i]
                if np.any(sure):
                    r = int(np.argmax(sure))
                    fault = (
                        f"{leaf.label}, element {leaf.index(int(i))}: reverse mode gives {claims[r, i]:.17g}, "
                        f"a complex step gives {exact[r]:.17g}"
                    )
    return ("", fault) if fault else (f"a complex step agrees with reverse mode to {off:.0e}", "")


def replay(level: Level, nodes: list[Node], k: int, i: int) -> Array:
    """Give the derivatives of all results in one element, by running the recorded graph on complex numbers."""
    leaf = level.leaves[k]
    start = np.array(leaf.tensor._data, dtype=complex)
    start.flat[i] += 1j * STEP
    values: dict[Any, Any] = {leaf.tensor: start}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for t in nodes:
            if any(x in values for x in t._inputs if isinstance(x, Node)):
                values[t] = _run(t, values)
    parts = []
    for y, shape in zip(level.outputs, level.shapes, strict=True):
        z = values.get(y) if isinstance(y, Node) else None
        parts.append(np.zeros(shape).ravel() if z is None else np.broadcast_to(np.imag(z), shape).ravel() / STEP)
    return np.concatenate(parts)


def _run(t: Node, values: dict[Any, Any]) -> Any:
    op: Any = t.op
    saved: Any = t._saved
    if not (op.analytic or op.family in ("linear", "multilinear")):
        raise NotAnalytic(f"{op.name} is not analytic")
    params = {k: v for k, v in t._params.items() if k != "residual"}
    inputs = [values.get(x, v) if isinstance(x, Node) else x for x, v in zip(t._inputs, saved[1:], strict=True)]
    try:
        if op.analytic:
            z = op.fn(*inputs, **params)
            z = z[0] if op.residual else z
        else:
            # Linear in its inputs, together or one by one: the imaginary part, of first order, by runs on real numbers.
            z = saved[0] + 1j * sum(op.fn(*real, **params) for real in _parts(op, inputs, saved[1:]))
    except Exception as e:
        raise NotAnalytic(f"{op.name} does not take complex numbers ({type(e).__name__})") from None
    real = np.asarray(saved[0])
    if not np.iscomplexobj(z) or not np.allclose(np.real(z), real, rtol=1e-9, atol=1e-12 * _size(real), equal_nan=True):
        raise NotAnalytic(f"{op.name} does something else with complex numbers")
    return z


def _parts(op: Any, inputs: list[Any], real: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Give the arguments of the runs whose sum is the derivative of a linear or multilinear operation."""
    if op.family == "linear":
        return [tuple([np.imag(z) if np.iscomplexobj(z) else np.zeros_like(z) for z in inputs])]
    return [(*real[:i], np.imag(z), *real[i + 1 :]) for i, z in enumerate(inputs) if np.iscomplexobj(z)]


def _size(a: Array) -> float:
    return float(np.max(np.abs(a), initial=0.0))
