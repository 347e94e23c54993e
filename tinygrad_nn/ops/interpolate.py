"""Interpolation between points, and points between ends."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..convert import beside, together
from ..op import case, composite, general
from .domains import INF
from .indexing import is_tensor, plain, scatter, values


def _at(a: Any, i: Any) -> Any:
    """Give np.take(a, i) for a vector; in a trace by the function that looks at the indices, too."""
    if is_tensor(i) and not is_tensor(a):
        return np.reshape(np.take_along_axis(a, np.ravel(i), 0), i.shape)
    return np.take(a, i)


def _pieces(x: Any, xp: Any) -> tuple[Any, Any, Any, Any]:
    """Give (index of the interval, its length, weight of its right end, whether x lies between the ends)."""
    n = xp.shape[0]
    i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(n - 2, 0))
    gap = _at(xp, np.minimum(i + 1, n - 1)) - _at(xp, i)
    gap = np.where(gap == 0, INF, gap)
    inside = (x >= xp[0]) & (x <= xp[-1])
    w = np.where(inside, (x - _at(xp, i)) / gap, 1.0 * (x > xp[-1]))
    return i, gap, w, inside


def _slope(x: Any, xp: Any, fp: Any) -> Any:
    i, gap, _, inside = _pieces(x, xp)
    right = np.minimum(i + 1, fp.shape[0] - 1)
    return inside * ((_at(fp, right) - _at(fp, i)) / gap)


def _shared(g: Any, i: Any, w: Any, n: int) -> Any:
    """Hand g to the two ends of its interval by their weights."""
    i, g, w = np.ravel(i), np.ravel(g), np.ravel(w)
    return scatter(g * (1.0 - w), (n,), i) + scatter(g * w, (n,), np.minimum(i + 1, n - 1))


def _ends_rule(g: Any, x: Any, xp: Any, left: Any, right: Any) -> Any:
    i, _, w, _ = _pieces(x, xp)
    # Beyond an end with a value of its own the points have no say.
    if left is not None:
        g = g * (x >= xp[0])
    if right is not None:
        g = g * (x <= xp[-1])
    return _shared(g, i, w, xp.shape[0])


def _points_rule(g: Any, x: Any, xp: Any, fp: Any) -> Any:
    i, _, w, _ = _pieces(x, xp)
    return _shared(-g * _slope(x, xp, fp), i, w, xp.shape[0])


_XP = np.array([-1.5, -0.2, 0.6, 2.0])
interp_points = general(
    lambda x, xp, fp, left=None, right=None: np.interp(x, xp, fp, left, right),
    lambda g, y, x, xp, fp, left=None, right=None: g * _slope(x, xp, fp),
    lambda g, y, x, xp, fp, left=None, right=None: _points_rule(g, x, xp, fp),
    lambda g, y, x, xp, fp, left=None, right=None: _ends_rule(g, x, xp, left, right),
    name="interp_points",
    numpy=(),
    bind=lambda x, xp, fp, left=None, right=None: ((x, xp, fp), {"left": left, "right": right}),
    formula="interp(x, xp, fp)",
    cases=[case((6,), _XP, (4,)), case((2, 3), _XP, (4,), left=0.3), case((), _XP, (4,), right=2.0)],
    kinks="at a point: the slope of the interval to its right",
)


def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    x, xp, fp = [v if hasattr(v, "ndim") else np.asarray(v) for v in (x, xp, fp)]
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.shape[0]:
        raise ValueError(f"interp: xp and fp must be equally long and not empty, got shapes {xp.shape} and {fp.shape}")
    left, right, period = [plain(v, "interp", k) for v, k in ((left, "left"), (right, "right"), (period, "period"))]
    if period is not None:
        if period == 0:
            raise ValueError("interp: period must not be 0")
        period, left, right = abs(period), None, None
        x, xp, fp = x.astype(np.float64) % period, xp.astype(np.float64) % period, fp.astype(np.float64)
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    return interp_points(x, xp, fp, left, right)


interp = composite(
    _interp,
    name="interp",
    numpy=np.interp,
    cases=[case((6,), _XP, (4,)), case((6,), _XP, (4,), period=2.5), case((3,), np.array([0.3]), (1,))],
    kinks="at a point: the slope of the interval to its right",
)


def _linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"linspace: num must not be negative, got {num}")
    start, stop = [v if hasattr(v, "ndim") or isinstance(v, (int, float)) else np.asarray(v) for v in (start, stop)]
    result = np.result_type(values(start), values(stop), 1.0)
    delta = np.subtract(stop, start)
    delta = delta if delta.dtype.kind == "f" else delta.astype(result)
    at = beside(np.arange(num, dtype=result).reshape((-1,) + (1,) * np.ndim(delta)), delta)
    div = num - 1 if endpoint else num
    step: Any = math.nan
    if div > 0:
        step = delta / div
        # A step that underflows would lose the end.
        y = at / div * delta if np.any(values(step) == 0) else at * step
    else:
        y = at * delta
    y = y + start
    if endpoint and num > 1:
        y = np.concatenate([y[:-1], beside(np.broadcast_to(stop, (1, *y.shape[1:])).astype(y.dtype), y)], axis=0)
    if axis != 0:
        y = np.moveaxis(y, 0, axis)
    y = y if dtype is None else y.astype(dtype)
    return (y, step) if retstep else y


linspace = composite(
    _linspace,
    name="linspace",
    numpy=np.linspace,
    cases=[
        case((), (), num=5),
        case((3,), (3,), num=4, axis=-1),
        case((2,), 3.0, num=4, endpoint=False),
        case((), 2.0, num=3, retstep=True),
        case((), (), num=1),
    ],
)


def _logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    if np.ndim(base):
        n = max(np.ndim(start), np.ndim(stop), np.ndim(base))
        start, stop, base = [np.reshape(v, (1,) * (n - v.ndim) + v.shape) for v in together(start, stop, base)]
        base = np.expand_dims(base, axis)
    y = np.power(base, _linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else y.astype(dtype)


logspace = composite(
    _logspace,
    name="logspace",
    numpy=np.logspace,
    cases=[case((), (), num=4), case((2,), (2,), num=3, base=2.0), case((), 2.0, num=3, base=np.array([2.0, 3.0]))],
)


def _geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    start, stop = together(start, stop)
    if np.any(values(start) == 0) or np.any(values(stop) == 0):
        raise ValueError("geomspace: a geometric sequence cannot start or end at 0")
    target = np.result_type(values(start), values(stop), float(num), np.dtype(dtype))
    sign = np.sign(values(start))
    first, last = start.astype(target) / sign, stop.astype(target) / sign
    y = _logspace(np.log10(first), np.log10(last), num, endpoint)
    shape = (1, *y.shape[1:])
    parts = [y]
    if num > 0:
        parts = [np.broadcast_to(first, shape), y[1:]]
        if num > 1 and endpoint:
            parts = [parts[0], y[1:-1], np.broadcast_to(last, shape)]
    y = np.concatenate(parts, axis=0) * sign
    y = np.moveaxis(y, 0, axis) if axis != 0 else y
    return y if dtype is None else y.astype(dtype)


geomspace = composite(
    _geomspace,
    name="geomspace",
    numpy=np.geomspace,
    domain=(0.0, INF),
    cases=[case((), (), num=5), case((2,), (2,), num=4, axis=1), case((), 8.0, num=4, endpoint=False)],
)
