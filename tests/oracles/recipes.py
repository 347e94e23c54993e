"""What random programs are made of: for each NumPy function with a rule, calls with slots for operands and parameters.

``{x}`` is a variable, ``{y}`` one that broadcasts with what was picked before, ``{x_positive}`` one that was brought
into a kind of KINDS, ``{axis}`` and the like are in SLOTS, ``{0}`` is what the first slot picked. A recipe may also be
a function of the Draw that gives the text.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import ARRAYS
from .grids import GRIDS, GRIDS_NOT_DRAWN
from .linear_algebra import LINEAR_ALGEBRA
from .networks import NETWORKS, SPECIAL
from .program import Draw, SkipRecipe

GAP = 0.02


def apart(v: np.ndarray) -> bool:
    """Tell whether all elements differ clearly."""
    return v.size < 2 or float(np.diff(np.sort(v, axis=None)).min()) > GAP


def whole(v: np.ndarray, step: float = 1.0) -> np.ndarray:
    """Give the distance from the nearest multiple of the step."""
    return np.abs(v / step - np.rint(v / step))


def ranged(low: float, high: float) -> Any:
    return (lambda v: True), (lambda d, name: d.within(name, low, high))


def moved(ok: Callable[[np.ndarray], bool], find: Callable[[np.ndarray], bool] = lambda v: True) -> Any:
    return find, (lambda d, name: d.moved(name, ok))


def away(d: Draw, name: str) -> str:
    """Bring an operand to where it differs from the one picked before, element by element."""
    other = d.values[d.picked[-1]]
    return d.moved(name, lambda v: bool(np.abs(v - other).min() > GAP))


KINDS: dict[str, Any] = {
    "any": ((lambda v: True), (lambda d, name: name)),
    "positive": ranged(0.2, math.inf),
    "nonzero": moved(lambda v: float(np.abs(v).min()) > 0.25),
    "unit": ranged(-0.9, 0.9),
    "share": ranged(0.05, 0.95),
    "above": ranged(1.1, math.inf),
    "angle": ranged(-1.2, 1.2),
    "small": ranged(-2.5, 2.5),
    "exponent": ranged(-2.0, 2.0),
    "smooth": moved(lambda v: float(np.minimum(whole(v, 1.0), whole(v + 0.5)).min()) > GAP),
    "distinct": moved(apart),
    "rough": moved(apart, lambda v: v.ndim > 0 and v.size > 1),
    "away": ((lambda v: True), away),
    "axes": ((lambda v: v.ndim > 0), (lambda d, name: name)),
    "two": ((lambda v: v.ndim > 1), (lambda d, name: name)),
    "three": ((lambda v: v.ndim > 2), (lambda d, name: name)),
    "vector": ((lambda v: v.ndim == 1), (lambda d, name: name)),
    "matrix": ((lambda v: v.ndim == 2), (lambda d, name: name)),
    "flat": ((lambda v: v.ndim < 2), (lambda d, name: name)),
    "long": ((lambda v: v.ndim > 0 and v.shape[0] > 1), (lambda d, name: name)),
}


def axis_of(d: Draw) -> str:
    if not d.last.ndim:
        raise SkipRecipe
    return str(d.integer(-d.last.ndim, d.last.ndim))


def reduce_slot(d: Draw, several: bool = True) -> str:
    """Give the axis and keepdims of a reduction, with the comma that comes before."""
    parts = []
    if d.last.ndim and d.chance(0.75):
        axis = axis_of(d)
        if several and d.last.ndim > 1 and d.chance(0.25):
            axis = str(tuple(int(a) for a in d.rng.permutation(d.last.ndim)[:2]))
        parts.append(f"axis={axis}")
    if d.chance(0.3):
        parts.append("keepdims=True")
    return "".join(f", {p}" for p in parts)


def gap(d: Draw) -> str:
    """Give a number that no element is close to."""
    v = np.sort(d.last, axis=None)
    edges = np.concatenate([[v[0] - 0.4], v, [v[-1] + 0.4]])
    wide = np.flatnonzero(np.diff(edges) > 2 * GAP)
    i = int(d.choice(wide))
    return str(round(float(edges[i] + edges[i + 1]) / 2, 4))


def mask(d: Draw) -> str:
    if d.chance(0.3):
        name = d.operand()
        d.shape = d.values[name].shape
        return d.constant(d.rng.random(d.shape) < 0.6)
    name = d.operand()
    d.picked.append(name)
    d.shape = d.values[name].shape
    return f"({name} {d.choice(['>', '<', '>=', '<='])} {gap(d)})"


def mask_like(d: Draw) -> str:
    """Give a constant mask of the operand's shape that leaves something of every part."""
    m = d.rng.random(d.last.shape) < 0.7
    m[..., :1] = True
    m[:1] = True
    return d.constant(m)


SLOTS: dict[str, Callable[[Draw], str]] = {
    "axis": axis_of,
    "reduce": reduce_slot,
    "reduce1": lambda d: reduce_slot(d, several=False),
    "args": lambda d: reduce_slot(d)[2:],
    "along": lambda d: f", axis={axis_of(d)}" if d.last.ndim and d.chance(0.7) else "",
    "num": lambda d: str(round(float(d.rng.uniform(-2, 2)), 3)),
    "count": lambda d: str(d.integer(1, 4)),
    "k": lambda d: str(d.integer(-2, 3)),
    "gap": gap,
    "mask": mask,
    "mask_like": mask_like,
    "q": lambda d: str(round(float(d.rng.uniform(0.05, 0.95)), 3)),
}


def clip(d: Draw) -> str:
    x = d.operand()
    d.picked.append(x)
    low, high = sorted([float(gap(d)), float(gap(d))])
    form = d.choice(
        ["np.clip({x}, {a}, {b})", "{x}.clip({a}, {b})", "np.clip({x}, None, {b})", "np.clip({x}, {a}, None)"]
    )
    return str(form).format(x=x, a=low, b=high)


def between_multiples(d: Draw, form: str) -> str:
    """Give a quotient's operation whose quotient is not close to a whole number."""
    a = d.fill("{x}")
    b = d.slot("y_nonzero")
    for _ in range(4):
        quotient = d.evaluate(f"{a} / {b}")
        if whole(quotient).min() > GAP:
            return form.format(a=a, b=b)
        a = d.line(f"{a} + {d.constant(d.numbers(d.values[a].shape))}")
    raise SkipRecipe


def fixed(form: str) -> Callable[[Draw], str]:
    return lambda d: between_multiples(d, form)


def with_spread(form: str) -> Callable[[Draw], str]:
    """Give a reduction over axes along which the elements are not all close to each other."""

    def recipe(d: Draw) -> str:
        x = d.slot("x_rough")
        text = reduce_slot(d)
        spread = d.evaluate(f"np.var({x}{text})")
        if spread.min() < 0.05:
            raise SkipRecipe
        return form.format(x=x, reduce=text)

    return recipe


RECIPES: dict[str, list[Any]] = {
    # -- element by element
    "add": ["{x} + {y}", "np.add({x}, {y})", "{num} + {x}", "{x} + {0}"],
    "subtract": ["{x} - {y}", "np.subtract({x}, {y})", "{num} - {x}"],
    "multiply": ["{x} * {y}", "np.multiply({x}, {y})", "{num} * {x}", "{x} * {0}"],
    "divide": ["{x} / {y_nonzero}", "np.divide({x}, {y_positive})", "{num} / {x_nonzero}", "{x} / 1.7"],
    "negative": ["-{x}", "np.negative({x})"],
    "positive": ["+{x}", "np.positive({x})"],
    "reciprocal": ["np.reciprocal({x_nonzero})"],
    "square": ["np.square({x})", "{x} ** 2"],
    "sqrt": ["np.sqrt({x_positive})", "{x_positive} ** 0.5"],
    "cbrt": ["np.cbrt({x_nonzero})"],
    "power": [
        "{x_positive} ** {y_exponent}",
        "np.power({x_positive}, {y_exponent})",
        "{x_small} ** 3",
        "1.3 ** {x_small}",
    ],
    "float_power": ["np.float_power({x_positive}, {y_exponent})"],
    "absolute": ["np.abs({x_nonzero})", "abs({x_nonzero})"],
    "fabs": ["np.fabs({x_nonzero})"],
    "where": ["np.where({mask}, {y}, {y})", "np.where({mask}, {y}, {num})"],
    "maximum": ["np.maximum({x}, {y_away})", "np.maximum({x}, {gap})"],
    "minimum": ["np.minimum({x}, {y_away})", "np.minimum({gap_of_x}, {0})"],
    "fmax": ["np.fmax({x}, {y_away})"],
    "fmin": ["np.fmin({x}, {y_away})"],
    "clip": [clip],
    "exp": ["np.exp({x_small})"],
    "exp2": ["np.exp2({x_small})"],
    "expm1": ["np.expm1({x_small})"],
    "log": ["np.log({x_positive})"],
    "log2": ["np.log2({x_positive})"],
    "log10": ["np.log10({x_positive})"],
    "log1p": ["np.log1p({x_positive})", "np.log1p({x_unit})"],
    "logaddexp": ["np.logaddexp({x}, {y_away})"],
    "logaddexp2": ["np.logaddexp2({x}, {y_away})"],
    "sin": ["np.sin({x})"],
    "cos": ["np.cos({x})"],
    "tan": ["np.tan({x_angle})"],
    "arcsin": ["np.arcsin({x_unit})"],
    "arccos": ["np.arccos({x_unit})"],
    "arctan": ["np.arctan({x})"],
    "sinh": ["np.sinh({x_small})"],
    "cosh": ["np.cosh({x_small})"],
    "tanh": ["np.tanh({x})"],
    "arcsinh": ["np.arcsinh({x})"],
    "arccosh": ["np.arccosh({x_above})"],
    "arctanh": ["np.arctanh({x_unit})"],
    "deg2rad": ["np.deg2rad(40.0 * {x})", "np.radians(30.0 * {x})"],
    "rad2deg": ["np.rad2deg(0.03 * {x})", "np.degrees(0.02 * {x})"],
    "hypot": ["np.hypot({x_nonzero}, {y})"],
    "arctan2": ["np.arctan2({x}, {y_nonzero})"],
    "unwrap": ["np.unwrap({x_axes})"],
    "sinc": ["np.sinc({x_nonzero})"],
    "floor": ["{x_smooth} - np.floor({0})"],
    "ceil": ["{x_smooth} - np.ceil({0})"],
    "trunc": ["{x_smooth} * np.trunc({0})"],
    "rint": ["{x_smooth} * np.rint({0})"],
    "round": ["{x_smooth} - np.round({0})", "{x_smooth} * {0}.round()"],
    "sign": ["np.sign({x_nonzero}) * {0}"],
    "heaviside": ["{x_nonzero} * np.heaviside({0}, 0.5)"],
    "copysign": ["np.copysign({x_nonzero}, {y_nonzero})"],
    "floor_divide": [fixed("({a} // {b}) * {b}"), fixed("np.floor_divide({a}, {b}) - {a}")],
    "remainder": [fixed("{a} % {b}"), fixed("np.remainder({a}, {b})")],
    "fmod": [fixed("np.fmod({a}, {b})")],
    "divmod": [fixed("np.divmod({a}, {b})[1]"), fixed("divmod({a}, {b})[1] * {a}")],
    "modf": ["np.modf({x_smooth})[0]"],
    "ldexp": ["np.ldexp({x}, {k})"],
    "nan_to_num": ["np.nan_to_num({x})"],
    "real": ["np.real({x})"],
    "conjugate": ["np.conjugate({x})", "{x}.conj()"],
    # -- reductions and running ones
    "sum": ["np.sum({x}{reduce})", "{x}.sum({args})", "np.sum({x_axes}{reduce}, where={mask_like})"],
    "mean": ["np.mean({x}{reduce})", "{x}.mean({args})", "np.mean({x_axes}, where={mask_like})"],
    "prod": ["np.prod({x}{reduce})", "{x}.prod({args})"],
    "var": ["np.var({x}{reduce})", "{x}.var({args})", "np.var({x_long}, axis=0, ddof=1)"],
    "std": [with_spread("np.std({x}{reduce})"), with_spread("{x}.std(ddof=0{reduce})")],
    "average": ["np.average({x_axes}, axis={axis})", "np.average({x_long}, axis=0, weights={weights})"],
    "max": ["np.max({x_distinct}{reduce})", "{x_distinct}.max({args})", "np.amax({x_distinct}{reduce})"],
    "min": ["np.min({x_distinct}{reduce})", "{x_distinct}.min({args})"],
    "ptp": ["np.ptp({x_rough}{reduce1})"],
    "median": ["np.median({x_rough}{reduce1})"],
    "quantile": ["np.quantile({x_rough}, {q}{reduce1})", "np.quantile({x_rough}, np.array([0.2, {q}]){along})"],
    "percentile": ["np.percentile({x_rough}, 100 * {q}{reduce1})"],
    "cumsum": ["np.cumsum({x}{along})", "{x_axes}.cumsum({axis})"],
    "cumprod": ["np.cumprod({x}{along})"],
    "cumulative_sum": ["np.cumulative_sum({x_axes}, axis={axis}, include_initial=True)"],
    "cumulative_prod": ["np.cumulative_prod({x_axes}, axis={axis})"],
    "cummax": ["fn.cummax({x_rough}, axis=0)"],
    "cummin": ["fn.cummin({x_rough}, axis=0)"],
    "diff": ["np.diff({x_long}, axis=0)", "np.diff({x_axes}, n=2, axis={axis})", "np.diff({x_vector}, prepend=0.5)"],
    "ediff1d": ["np.ediff1d({x_long})"],
    "trapezoid": ["np.trapezoid({x_axes}, dx=0.7, axis={axis})"],
    "nansum": ["np.nansum({x}{reduce})"],
    "nanmean": ["np.nanmean({x}{reduce})"],
    "nanvar": ["np.nanvar({x}{reduce})"],
    "nanstd": [with_spread("np.nanstd({x}{reduce})")],
    "nanprod": ["np.nanprod({x_nonzero}{reduce})"],
    "nancumsum": ["np.nancumsum({x}{along})"],
    "nancumprod": ["np.nancumprod({x}{along})"],
    "nanmax": ["np.nanmax({x_distinct}{reduce})"],
    "nanmin": ["np.nanmin({x_distinct}{reduce})"],
    "nanmedian": ["np.nanmedian({x_rough}{reduce1})"],
    "nanquantile": ["np.nanquantile({x_rough}, {q}{reduce1})"],
    "nanpercentile": ["np.nanpercentile({x_rough}, 100 * {q}{reduce1})"],
    **ARRAYS,
    **LINEAR_ALGEBRA,
    **GRIDS,
    **NETWORKS,
    **SPECIAL,
}


def gap_of_x(d: Draw) -> str:
    d.picked.append(d.operand())
    return gap(d)


def weights(d: Draw) -> str:
    return d.constant(np.abs(d.numbers((d.last.shape[0],))) + 0.2)


SLOTS |= {"gap_of_x": gap_of_x, "weights": weights}

NOT_DRAWN: dict[str, str] = {
    "frexp": "JAX does not differentiate it",
    "astype": "only float64 is drawn",
    "imag": "zero for real numbers",
    "angle": "JAX takes it to be complex",
    "trim_zeros": "its shape depends on values",
    **dict.fromkeys(["unique", "unique_all", "unique_counts", "unique_inverse", "unique_values"], "as trim_zeros"),
    **dict.fromkeys(["intersect1d", "setdiff1d", "setxor1d", "union1d"], "as trim_zeros"),
    **GRIDS_NOT_DRAWN,
}
