"""Recipes for products and linear algebra: matrices are brought to where the derivatives are well conditioned.

Decompositions are compared through what does not depend on the signs of vectors: squares, and products of the factors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .program import LARGEST, Draw, SkipRecipe


def broadcasts(*shapes: tuple[int, ...]) -> bool:
    try:
        return int(np.prod(np.broadcast_shapes(*shapes))) <= LARGEST
    except ValueError:
        return False


def pair(form: str, find: Callable[[np.ndarray], bool], fits: Callable[[np.ndarray, np.ndarray], bool]) -> Any:
    """Give a recipe for two operands, the second one a variable that fits the first."""

    def recipe(d: Draw) -> str:
        a = d.operand(find)
        b = d.operand(lambda v: fits(d.values[a], v))
        return form.format(a=a, b=b, k=d.integer(-2, 3), n=d.integer(2, 5), i=d.integer(0, 2))

    return recipe


def product(form: str, most: int = 4) -> Any:
    """Give a recipe for a matrix product: the last axis of a meets the one before last of b."""

    def recipe(d: Draw) -> str:
        a = d.operand(lambda v: 0 < v.ndim <= most)
        shape = d.values[a].shape
        names = [
            k
            for k, v in d.values.items()
            if 0 < v.ndim <= most and v.shape[max(v.ndim - 2, 0)] == shape[-1] and broadcasts(shape[:-2], v.shape[:-2])
        ]
        b = d.among(names) if names and d.chance(0.9) else d.constant(d.numbers((shape[-1], d.integer(1, 4))))
        if d.values[a].ndim == d.values[b].ndim == 1 and d.chance(0.5):
            raise SkipRecipe
        return form.format(a=a, b=b)

    return recipe


def square(d: Draw) -> str:
    """Give a variable that holds square matrices: there may be one, or a product is made."""
    names = [k for k, v in d.values.items() if k[0] != "k" and v.ndim > 1 and v.shape[-1] == v.shape[-2]]
    if names and d.chance(0.7):
        return d.among(names)
    x = d.operand(lambda v: 1 < v.ndim < 4)
    weight = d.constant(d.numbers((d.values[x].shape[-2],)))
    mT = f"np.matrix_transpose({x})"
    return d.line(f"{x} @ ({mT} * {weight})" if d.chance(0.6) else f"{x} @ {mT}")


def bounded(d: Draw, x: str) -> str:
    return x if np.abs(d.values[x]).max() < 1.5 else d.line(f"np.tanh({x})")


def made(form: str, conditioned: Callable[[np.ndarray], bool]) -> Callable[[Draw], str]:
    """Give what brings square matrices into a form; skipped where they are not conditioned well."""

    def make(d: Draw) -> str:
        x = bounded(d, square(d))
        n = d.values[x].shape[-1]
        turn = d.constant(np.round(np.diag(np.linspace(1.0, 2.0, n)) + 0.1 * d.numbers((n, n)), 3))
        name = d.line(form.format(x=x, n=n, c=turn))
        if not conditioned(d.values[name]):
            raise SkipRecipe
        return name

    return make


def well(a: np.ndarray) -> bool:
    return bool(np.max(np.linalg.cond(a)) < 30)


def gapped(values: np.ndarray) -> bool:
    """Tell whether numbers along the last axis lie clearly apart."""
    return values.shape[-1] < 2 or float(np.diff(np.sort(values, axis=-1), axis=-1).min()) > 0.1


invertible = made("{x} + 2.0 * {c}", well)
definite = made("{x} @ np.matrix_transpose({x}) + {c} @ {c}.T", well)
symmetric = made("{x} + np.matrix_transpose({x}) + {c} + {c}.T", lambda a: gapped(np.linalg.eigvalsh(a)))


def of(make: Callable[[Draw], str], form: str) -> Any:
    return lambda d: form.format(x=make(d), k=d.choice([-2, -1, 0, 2, 3, 4]), i=d.integer(0, 2))


def system(form: str) -> Any:
    def recipe(d: Draw) -> str:
        a = invertible(d)
        n, batch = d.values[a].shape[-1], d.values[a].shape[:-2]
        b = d.operand(
            lambda v: v.shape == (n,) or (v.ndim > 1 and v.shape[-2] == n and broadcasts(v.shape[:-2], batch))
        )
        return form.format(a=a, b=b)

    return recipe


def values_apart(d: Draw, wide: bool = True, most: int = 3) -> str:
    """Give matrices whose singular values are clearly apart from each other and from 0."""
    x = d.operand(lambda v: 2 <= v.ndim <= most and (wide or v.shape[-2] >= v.shape[-1]))
    for _ in range(3):
        s = np.linalg.svd(d.values[x], compute_uv=False)
        if s.min() > 0.2 and gapped(s):
            return x
        x = d.line(f"{x} + {d.constant(1.5 * d.numbers(d.values[x].shape))}")
    raise SkipRecipe


def of_matrix(form: str, **limits: Any) -> Any:
    return lambda d: form.format(x=values_apart(d, **limits), i=d.integer(0, 2))


def lstsq(d: Draw) -> str:
    a = values_apart(d, most=2)
    rows = d.values[a].shape[0]
    return f"np.linalg.lstsq({a}, {d.operand(lambda v: v.ndim in (1, 2) and v.shape[0] == rows)})[0]"


def norm(order: str) -> Any:
    """Give a recipe for a norm along one axis, of elements clearly apart in absolute value and from 0."""

    def recipe(d: Draw) -> str:
        x = d.operand(lambda v: v.ndim > 0)
        x = d.moved(x, lambda v: v.size < 2 or bool(np.diff(np.sort(np.abs(v), axis=None), prepend=0.0).min() > 0.02))
        keep = d.choice(["", ", keepdims=True"])
        return f"np.linalg.norm({x}, {order}, axis={d.integer(-d.values[x].ndim, d.values[x].ndim)}{keep})"

    return recipe


def einsum(d: Draw) -> str:
    letters = "abcdef"
    a = d.operand(lambda v: v.ndim > 0)
    label = dict(zip(letters, d.values[a].shape, strict=False))
    mine = "".join(label)
    if d.chance(0.25):
        out = "".join(str(k) for k in d.rng.permutation(list(mine))[: d.integer(0, len(mine) + 1)])
        return f"np.einsum('{mine}->{out}', {a})"
    b = d.operand(lambda v: v.ndim > 0)
    its = ""
    for n, new in zip(d.values[b].shape, "ghijkl", strict=False):
        same = [k for k, m in label.items() if m == n and k in mine and k not in its]
        k = str(d.choice(same)) if same and d.chance(0.7) else new
        label[k], its = n, its + k
    out = "".join(k for k in d.rng.permutation(sorted(set(mine + its))) if d.chance(0.6))
    if np.prod([label[k] for k in out]) > LARGEST:
        raise SkipRecipe
    return f"np.einsum('{mine},{its}->{out}', {a}, {b})"


def diagonal_einsum(d: Draw) -> str:
    return f"np.einsum('{d.choice(['...ii->...i', '...ii->...', '...ij->...ji'])}', {square(d)})"


def tensordot(d: Draw) -> str:
    a, b = d.operand(lambda v: v.ndim > 0), d.operand(lambda v: v.ndim > 0)
    pairs = [(i, j) for i, m in enumerate(d.values[a].shape) for j, n in enumerate(d.values[b].shape) if m == n]
    if not pairs:
        raise SkipRecipe
    i, j = d.choice(pairs)
    return f"np.tensordot({a}, {b}, axes=([{i}], [{j - d.values[b].ndim}]))"


def vectors_of_three(form: str) -> Any:
    def recipe(d: Draw) -> str:
        names = [k for k, v in d.values.items() if k[0] != "k" and v.ndim and v.shape[-1] == 3]
        if not names:
            x = d.operand(lambda v: v.ndim > 0)
            names = [d.line(f"{x} @ {d.constant(d.numbers((d.values[x].shape[-1], 3)))}")]
        a = d.among(names)
        b = d.among([k for k in names if broadcasts(d.values[k].shape, d.values[a].shape)])
        return form.format(a=a, b=b)

    return recipe


def chain(d: Draw) -> str:
    a = d.operand(lambda v: v.ndim == 2)
    return f"np.linalg.multi_dot([{a}, {a}.T, {a}])"


LAST_AXIS = {
    "find": lambda v: v.ndim > 0,
    "fits": lambda a, b: b.ndim > 0 and b.shape[-1] == a.shape[-1] and broadcasts(a.shape, b.shape),
}

LINEAR_ALGEBRA: dict[str, list[Any]] = {
    "matmul": [product("{a} @ {b}"), product("np.matmul({a}, {b})"), product("np.linalg.matmul({a}, {b})", 2)],
    "dot": [product("np.dot({a}, {b})", 3), product("{a}.dot({b})", 2)],
    "vdot": [pair("np.vdot({a}, {b})", lambda v: v.ndim > 0, lambda a, b: a.size == b.size)],
    "inner": [pair("np.inner({a}, {b})", **LAST_AXIS)],
    "vecdot": [pair("np.vecdot({a}, {b})", **LAST_AXIS)],
    "linalg_vecdot": [pair("np.linalg.vecdot({a}, {b})", **LAST_AXIS)],
    "outer": ["np.outer({x_axes}, {x_axes})"],
    "kron": ["np.kron({x_flat}, {x_axes})", "np.kron({x_two}, {x_two})"],
    "tensordot": [tensordot, "np.tensordot({x_flat}, {x}, axes=0)"],
    "einsum": [einsum, einsum, diagonal_einsum],
    "cross": [vectors_of_three("np.cross({a}, {b})")],
    "linalg_cross": [vectors_of_three("np.linalg.cross({a}, {b})")],
    "matvec": [pair("np.matvec({a}, {b})", lambda v: v.ndim == 2, lambda a, b: b.shape == a.shape[1:])],
    "vecmat": [pair("np.vecmat({b}, {a})", lambda v: v.ndim == 2, lambda a, b: b.shape == a.shape[:1])],
    "multi_dot": [chain],
    "matrix_power": [of(invertible, "np.linalg.matrix_power(0.5 * {x}, {k})")],
    "inv": [of(invertible, "np.linalg.inv({x})")],
    "solve": [system("np.linalg.solve({a}, {b})")],
    "det": [of(invertible, "np.linalg.det({x})")],
    "slogdet": [of(invertible, "np.linalg.slogdet({x})[1]"), of(definite, "np.linalg.slogdet({x}).logabsdet")],
    "cholesky": [of(definite, "np.linalg.cholesky({x})")],
    "eigvalsh": [of(symmetric, "np.linalg.eigvalsh({x})")],
    "eigh": [
        of(symmetric, "np.linalg.eigh({x})[0]"),
        of(symmetric, "np.square(np.linalg.eigh({x})[1])"),
    ],
    "svd": [
        of_matrix("np.linalg.svd({x}, compute_uv=False)"),
        of_matrix("np.square(np.linalg.svd({x}, full_matrices=False)[0])"),
        of_matrix("np.square(np.linalg.svd({x}, full_matrices=False)[2])"),
    ],
    "svdvals": [of_matrix("np.linalg.svdvals({x})")],
    "qr": [of_matrix("np.square(np.linalg.qr({x})[{i}])", wide=False)],
    "pinv": [of_matrix("np.linalg.pinv({x})")],
    "lstsq": [lstsq],
    "norm": ["np.linalg.norm({x_nonzero})", norm("None"), norm("1"), norm("3"), norm("np.inf"), norm("-np.inf")],
    "vector_norm": ["np.linalg.vector_norm({x_nonzero})", "np.linalg.vector_norm({x_nonzero}, ord=3, keepdims=True)"],
    "matrix_norm": [
        "np.linalg.matrix_norm({x_two})",
        of_matrix("np.linalg.matrix_norm({x}, ord='nuc')"),
        of_matrix("np.linalg.matrix_norm({x}, ord=2)"),
    ],
    "cond": [of_matrix("np.linalg.cond({x})"), of_matrix("np.linalg.cond({x}, -2)")],
}
