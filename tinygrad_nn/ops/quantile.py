"""Medians, quantiles and percentiles: weights on the two elements beside a rank."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..convert import beside, typed, zeros
from ..op import Op, case, general
from .extrema import NAN_CASES
from .reduce import CASES, Axis, axes_of

# Where the q-quantile of n sorted elements lies: at n q + c + q (1 - c - d) - 1, with (c, d) of the method
# (R. J. Hyndman, Y. Fan, Sample quantiles in statistical packages, The American Statistician 50, 1996).
_CONTINUOUS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1.0 / 3.0, 1.0 / 3.0),
    "normal_unbiased": (3.0 / 8.0, 3.0 / 8.0),
}


def _ranks(n: Any, q: Any, method: str) -> tuple[Any, Any, Any, Any]:
    """Give (rank below, rank above, weight of the one above, how fast q moves it) in n sorted elements, 0 <= q <= 1."""
    slope = 0.0 * q
    top = np.maximum(n - 1, 0)
    if method == "averaged_inverted_cdf":
        at = n * q - 1.0
        gamma = np.where(at == np.floor(at), 0.5, 1.0)
    elif method == "midpoint":
        at = (n - 1) * q
        gamma = np.where(at == np.floor(at), 0.0, 0.5)
    elif method == "linear":
        at = (n - 1) * q
        gamma = at - np.floor(at)
        slope = slope + (n - 1)
    else:
        c, d = _CONTINUOUS[method]
        free = n * q + (c + q * (1.0 - c - d)) - 1.0
        at = np.clip(free, 0, top)
        slope = (at == free) * (n + (1.0 - c - d))
        gamma = at - np.floor(at)
    below = np.floor(at)
    return np.clip(below, 0, top).astype(np.intp), np.clip(below + 1, 0, top).astype(np.intp), gamma, slope


def _plan(y: Any, x: Any, q: Any, method: str, passes_nan: bool) -> tuple[Any, Any, Any, Any]:
    """Tell which elements of x, a matrix of columns, make its quantiles y.

    Gives the rows (below, above) of every quantile (rows) of every column, the weight of the one above, and the slope:
    how fast q moves the place between them.
    """
    order = np.argsort(x, axis=0, kind="stable")
    nan = np.isnan(x)
    n = len(x) - nan.sum(axis=0) if passes_nan else beside(np.full(x.shape[1], len(x)), x)
    if method in _CONTINUOUS or method in ("averaged_inverted_cdf", "midpoint"):
        below, above, gamma, slope = _ranks(n, q.reshape(-1, 1), method)
    else:
        # The other methods pick one element: the value tells which, and rounding of q cannot.
        hits = np.take_along_axis(x, order, 0)[:, np.newaxis] == y
        below = above = np.argmax(hits, axis=0)
        gamma = slope = zeros(below.shape, np.float64, below)
    if not passes_nan:
        # A NaN among the elements is the result.
        spoiled = nan.any(axis=0)
        below, above = np.where(spoiled, len(x) - 1, below), np.where(spoiled, len(x) - 1, above)
    rows = np.take_along_axis(order, below, 0), np.take_along_axis(order, above, 0)
    return *rows, gamma, np.broadcast_to(slope, gamma.shape)


def _weights(plan: tuple[Any, Any, Any, Any], of: str, dtype: Any) -> tuple[Any, Any]:
    _, _, gamma, slope = plan
    below, above = (1.0 - gamma, gamma) if of == "value" else (-slope, slope)
    return below.astype(dtype), above.astype(dtype)


def _columns(x: Any, axis: Axis) -> Any:
    """Move the axes that are reduced to one axis in front, the others to one behind."""
    axes = axes_of(x.shape, axis)
    rest = tuple([i for i in range(x.ndim) if i not in axes])
    n = math.prod([x.shape[i] for i in axes])
    return np.transpose(x, (*axes, *rest)).reshape(n, math.prod([x.shape[i] for i in rest]))


def _pick(
    t: Any,
    y: Any,
    x: Any,
    q: Any,
    axis: Axis = None,
    method: str = "linear",
    passes_nan: bool = False,
    of: str = "value",
) -> Any:
    """Give the combination of elements of t that makes the quantiles (or their slopes in q) of x."""
    q = beside(typed(q, np.float64) if hasattr(q, "ndim") else np.asarray(q, np.float64), x)
    plan = _plan(y.reshape(q.size, -1), _columns(x, axis), q, method, passes_nan)
    t = _columns(t, axis)
    below, above = _weights(plan, of, t.dtype)
    out = np.take_along_axis(t, plan[0], 0) * below + np.take_along_axis(t, plan[1], 0) * above
    return out.reshape(y.shape)


def _spread(
    g: Any,
    y: Any,
    x: Any,
    q: Any,
    axis: Axis = None,
    method: str = "linear",
    passes_nan: bool = False,
    of: str = "value",
) -> Any:
    """Undo :func:`_pick`: hand g to the elements that made the quantiles."""
    q = beside(typed(q, np.float64) if hasattr(q, "ndim") else np.asarray(q, np.float64), x)
    plan = _plan(y.reshape(q.size, -1), _columns(x, axis), q, method, passes_nan)
    g = np.broadcast_to(g, y.shape).reshape(plan[0].shape)
    below, above = _weights(plan, of, g.dtype)
    out = zeros((math.prod([x.shape[i] for i in axes_of(x.shape, axis)]), g.shape[1]), g.dtype, g)
    columns = np.arange(g.shape[1])
    np.add.at(out, (plan[0], columns), g * below)
    np.add.at(out, (plan[1], columns), g * above)
    axes = axes_of(x.shape, axis)
    order = (*axes, *[i for i in range(x.ndim) if i not in axes])
    return (
        np.transpose(out.reshape([x.shape[i] for i in order]), np.argsort(order).tolist()) if order else out.reshape(())
    )


_X = np.array([[3.0, 0.1, 0.7, 1.1], [1.0, 2.2, 2.9, 4.1], [2.0, 5.0, 1.3, 0.2]])
_Y = np.quantile(_X, 0.3, axis=0)


def _over_columns(v: Any, q: Any) -> Any:
    """Sum what belongs to the quantiles over all but q's axes."""
    return np.sum(v, axis=tuple(range(len(np.shape(q)), v.ndim)))


# Which elements they are does not change nearby; the weights change with q, by the slopes.
pick_quantiles: Op = general(
    _pick,
    lambda g, o, t, y, x, q, of="value", **how: spread_quantiles(g, y, x, q, of=of, **how),
    None,
    None,
    lambda g, o, t, y, x, q, of="value", **how: (
        _over_columns(g * pick_quantiles(t, y, x, q, of="slope", **how), q) if of == "value" else 0.0 * q
    ),
    name="pick_quantiles",
    bind=lambda t, y, x, q, **how: ((t, y, x, q), how),
    formula="the combination of elements of t that makes the quantiles y of x",
    cases=[case((3, 4), _Y, _X, 0.3, axis=0), case((3, 4), _Y, _X, np.array(0.3), axis=0)],
)
spread_quantiles: Op = general(
    _spread,
    lambda g, o, t, y, x, q, of="value", **how: pick_quantiles(g, y, x, q, of=of, **how),
    None,
    None,
    lambda g, o, t, y, x, q, of="value", **how: (
        _over_columns(t * pick_quantiles(g, y, x, q, of="slope", **how), q) if of == "value" else 0.0 * q
    ),
    name="spread_quantiles",
    bind=lambda t, y, x, q, **how: ((t, y, x, q), how),
    formula="t, handed to the elements that made the quantiles y of x",
    cases=[case((4,), _Y, _X, 0.3, axis=0), case((4,), _Y, _X, np.array(0.3), axis=0)],
)


def _q_rule(g: Any, y: Any, x: Any, q: Any, axis: Axis, method: str, passes_nan: bool = False) -> Any:
    """Give the derivative in q: the distance to the next element times the number of elements."""
    slope = pick_quantiles(x, y, x, q, axis=axis, method=method, passes_nan=passes_nan, of="slope")
    return _over_columns(g * slope, q)


def _jvp(ts: Any, y: Any, x: Any, q: Any, axis: Axis, method: str, passes_nan: bool = False, scale: float = 1.0) -> Any:
    how = {"axis": axis, "method": method, "passes_nan": passes_nan}
    parts = []
    if ts[0] is not None:
        parts.append(pick_quantiles(ts[0], y, x, q, **how))
    if len(ts) > 1 and ts[1] is not None:
        slope = pick_quantiles(x, y, x, q, of="slope", **how)
        parts.append(slope * np.reshape(ts[1] * scale, np.shape(q) + (1,) * (y.ndim - len(np.shape(q)))))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


_QUANTILES = [
    case((7,), 0.3),
    case((3, 4), 0.37, axis=0),
    case((3, 4), np.array([0.1, 0.55, 0.9]), axis=1),
    case((3, 4), np.array([[0.1, 0.55], [0.2, 0.8]]), axis=(0, 1), keepdims=True),
    case((3, 4), 0.5, method="lower"),
    case((3, 4), 0.4, method="higher"),
    case((3, 4), 0.4, method="midpoint"),
    case((3, 4), 0.4, method="nearest"),
    case((3, 4), np.array([0.01, 0.4, 0.99]), method="hazen"),
    case((3, 4), 0.4, method="weibull"),
    case((3, 4), 0.4, method="median_unbiased"),
    case((3, 4), 0.4, method="normal_unbiased"),
    case((3, 4), 0.4, method="interpolated_inverted_cdf"),
    case((3, 4), np.array([0.2, 0.26, 0.52, 0.8]), method="inverted_cdf"),
    case((3, 4), np.array([0.2, 0.26, 0.52, 0.8]), method="averaged_inverted_cdf"),
    case((3, 4), np.array([0.2, 0.26, 0.52, 0.8]), method="closest_observation"),
]


def _declare(name: str, numpy: Any, passes_nan: bool, scale: float, cases: list[Any]) -> Any:
    """Declare one of the functions of (x, q): scale * q is between 0 and 1."""

    def x_rule(
        g: Any, y: Any, x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
    ) -> Any:
        return spread_quantiles(g, y, x, q * scale, axis=axis, method=method, passes_nan=passes_nan)

    def q_rule(
        g: Any, y: Any, x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
    ) -> Any:
        return _q_rule(g * scale, y, x, q * scale, axis, method, passes_nan)

    def jvp(ts: Any, y: Any, x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Any:
        return _jvp(ts, y, x, q * scale, axis, method, passes_nan, scale)

    return general(numpy, x_rule, q_rule, jvp=jvp, name=name, cases=cases, kinks="of equal elements the first one")


quantile = _declare("quantile", np.quantile, False, 1.0, _QUANTILES)
percentile = _declare(
    "percentile",
    np.percentile,
    False,
    0.01,
    [case(c.inputs[0], np.multiply(c.inputs[1], 100.0)[()], **c.params) for c in _QUANTILES[:6]],
)
nanquantile = _declare(
    "nanquantile",
    np.nanquantile,
    True,
    1.0,
    [case(c.inputs[0], q, **c.params) for c in NAN_CASES for q in (0.4, np.array([0.3, 0.85]))],
)
nanpercentile = _declare(
    "nanpercentile",
    np.nanpercentile,
    True,
    0.01,
    [case(c.inputs[0], q, **c.params) for c in NAN_CASES for q in (40.0, np.array([30.0, 85.0]))],
)
median = general(
    np.median,
    lambda g, y, x, axis=None, keepdims=False: spread_quantiles(g, y, x, 0.5, axis=axis),
    jvp=lambda ts, y, x, axis=None, keepdims=False: _jvp(ts, y, x, 0.5, axis, "linear"),
    cases=[*CASES, case((6,))],
    kinks="of an even number: a half each of the two in the middle; of equal elements the first one",
)
nanmedian = general(
    np.nanmedian,
    lambda g, y, x, axis=None, keepdims=False: spread_quantiles(g, y, x, 0.5, axis=axis, passes_nan=True),
    jvp=lambda ts, y, x, axis=None, keepdims=False: _jvp(ts, y, x, 0.5, axis, "linear", True),
    cases=NAN_CASES,
    kinks="of an even number: a half each of the two in the middle; of equal elements the first one",
)
