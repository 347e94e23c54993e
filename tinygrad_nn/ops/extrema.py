"""Largest and smallest elements along axes: a tie is shared equally."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import case, composite, general
from .reduce import CASES, MASKED, Axis, keep

_TIES = "shared equally among ties"


def _ties(y: Any, x: Any, axis: Axis, keepdims: bool, initial: Any, where: Any) -> tuple[Any, Any]:
    """Give a mask of the elements that equal the extreme (or, if it is NaN, of the NaNs), and their number.

    A starting value that equals the extreme takes part: it has its share, which goes nowhere.
    """
    top = keep(y, x.shape, axis, keepdims)
    nan = top != top
    ties = (x == top) | ((x != x) & nan)
    if where is not True:
        ties = ties & where
    number = np.sum(ties, axis=axis, keepdims=True, dtype=y.dtype)
    if initial is not None:
        number = number + ((top == initial) | (nan & (initial != initial)))
    return ties, number


def _rule(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool, initial: Any, where: Any) -> Any:
    ties, number = _ties(y, x, axis, keepdims, initial, where)
    return keep(g, x.shape, axis, keepdims) / number * ties


def _jvp(ts: Any, y: Any, x: Any, axis: Axis, keepdims: bool, initial: Any, where: Any) -> Any:
    ties, number = _ties(y, x, axis, keepdims, initial, where)
    return np.sum(ts[0] * (ties / number), axis=axis, keepdims=keepdims)


_STARTED = [case((3, 4), axis=0, initial=0.1), case((3, 4), initial=9.0), case((0, 3), axis=0, initial=-9.0)]
_WITH = [
    case((3, 4), axis=1, initial=-9.0, where=MASKED[0].params["where"]),
    case((3, 4), axis=1, initial=9.0, where=MASKED[0].params["where"]),
]
max = general(
    np.max,
    lambda g, y, x, axis=None, keepdims=False, initial=None, where=True: _rule(g, y, x, axis, keepdims, initial, where),
    jvp=lambda ts, y, x, axis=None, keepdims=False, initial=None, where=True: _jvp(
        ts, y, x, axis, keepdims, initial, where
    ),
    numpy=(np.max, np.amax),
    cases=[*CASES, *_STARTED, *_WITH],
    kinks=_TIES,
)
min = general(
    np.min,
    lambda g, y, x, axis=None, keepdims=False, initial=None, where=True: _rule(g, y, x, axis, keepdims, initial, where),
    jvp=lambda ts, y, x, axis=None, keepdims=False, initial=None, where=True: _jvp(
        ts, y, x, axis, keepdims, initial, where
    ),
    numpy=(np.min, np.amin),
    cases=[*CASES, case((3, 4), axis=0, initial=0.1), *_WITH],
    kinks=_TIES,
)
ptp = composite(
    lambda a, axis=None, keepdims=False: (
        np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)
    ),
    name="ptp",
    numpy=np.ptp,
    cases=CASES,
    kinks=_TIES,
)
_HOLES = np.array([[1.0, np.nan, 3.0, -2.0], [np.nan, np.nan, 0.5, 7.0], [4.0, -1.0, np.nan, 2.5]])
NAN_CASES = [
    case((3, 4), axis=0),
    case(_HOLES),
    case(_HOLES, axis=0),
    case(_HOLES, axis=1, keepdims=True),
    case(_HOLES, axis=(0, 1)),
]
nanmax = general(
    np.nanmax,
    lambda g, y, x, axis=None, keepdims=False, initial=None, where=True: _rule(g, y, x, axis, keepdims, initial, where),
    jvp=lambda ts, y, x, axis=None, keepdims=False, initial=None, where=True: _jvp(
        ts, y, x, axis, keepdims, initial, where
    ),
    cases=NAN_CASES,
    kinks=_TIES,
)
nanmin = general(
    np.nanmin,
    lambda g, y, x, axis=None, keepdims=False, initial=None, where=True: _rule(g, y, x, axis, keepdims, initial, where),
    jvp=lambda ts, y, x, axis=None, keepdims=False, initial=None, where=True: _jvp(
        ts, y, x, axis, keepdims, initial, where
    ),
    cases=NAN_CASES,
    kinks=_TIES,
)
