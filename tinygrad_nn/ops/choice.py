"""Choosing elements by conditions: select, choose, compress, extract, piecewise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..convert import beside, kept, zeros
from ..op import case, composite
from .indexing import getitem, index_set, is_tensor, normal_axis, plain, values

_NUMBERS = (int, float)


def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"select: needs as many conditions as choices, got {len(condlist)} and {len(choicelist)}")
    conditions = [kept(values(c)) for c in condlist]
    for i, c in enumerate(conditions):
        if c.dtype != bool:
            raise TypeError(f"select: condition {i} has dtype {c.dtype}; give arrays of bool, for example x > 0")
    choices = [c if type(c) in _NUMBERS or is_tensor(c) else kept(c) for c in choicelist]
    # The first condition that holds decides, so that the last one is applied first.
    y = default if type(default) in _NUMBERS or is_tensor(default) else kept(default)
    for c, choice in zip(reversed(conditions), reversed(choices), strict=True):
        y = np.where(c, choice, y)
    return y


_LOW = np.array([True, False, False, True])
_HIGH = np.array([False, False, True, True])
select = composite(
    _select,
    name="select",
    numpy=np.select,
    cases=[case([_LOW, _HIGH], [(4,), (4,)]), case([_LOW, _HIGH], [(4,), (3, 4)], default=2.5)],
)


def _choose(a: Any, choices: Any, mode: str = "raise") -> Any:
    places = kept(plain(a, "choose", "a"))
    n = len(choices)
    if mode == "wrap":
        places = places % n
    elif mode == "clip":
        places = np.clip(places, 0, n - 1)
    elif places.size and (places.min() < 0 or places.max() >= n):
        raise ValueError(f"choose: an entry of a is not between 0 and {n - 1}, the last of the choices")
    wide = np.broadcast_arrays(places, *choices)
    at = np.meshgrid(*[beside(np.arange(k), wide[0]) for k in wide[0].shape], indexing="ij", sparse=True)
    return getitem(np.stack(wide[1:]), (wide[0], *at))


choose = composite(
    _choose,
    name="choose",
    numpy=np.choose,
    cases=[
        case(np.array([0, 2, 1, 0]), [(4,), (4,), (4,)]),
        case(np.array([[0], [1]]), [(3,), (2, 3)]),
        case(np.array([0, 5, -1]), [(3,), (3,)], mode="clip"),
    ],
)


def _compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    where = np.flatnonzero(kept(plain(condition, "compress", "condition")))
    return np.take(a, where, axis=axis)


compress = composite(
    _compress,
    name="compress",
    numpy=np.compress,
    cases=[
        case(np.array([True, False, True]), (3, 4), axis=0),
        case(np.array([0, 1, 1, 0]), (3, 4), axis=1),
        case(np.array([True, False, True]), (3, 4)),
    ],
)
# The method takes the condition second: it is written out where Tensor's methods are.
compress.method = False
extract = composite(
    lambda condition, arr: np.take(
        np.ravel(arr), np.flatnonzero(kept(plain(condition, "extract", "condition")).ravel())
    ),
    name="extract",
    numpy=np.extract,
    cases=[case(np.array([[True, False], [True, True]]), (2, 2)), case(np.array([False, True]), (2,))],
)


def _piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
    conditions = [kept(values(c)) for c in condlist] if isinstance(condlist, list) else kept(values(condlist))
    conditions = (np.stack(conditions) if isinstance(conditions, list) else conditions).astype(bool)
    x = x if hasattr(x, "ndim") else np.asarray(x)
    if conditions.ndim == x.ndim:
        conditions = conditions[np.newaxis]
    if len(funclist) == len(conditions) + 1:
        conditions = np.concatenate([conditions, ~np.any(conditions, axis=0, keepdims=True)])
    if len(funclist) != len(conditions):
        n = len(conditions)
        raise ValueError(f"piecewise: {n} conditions need {n} or {n + 1} functions, got {len(funclist)}")
    y: Any = zeros(x.shape, x.dtype, x)
    for c, f in zip(conditions, funclist, strict=True):
        if not isinstance(f, Callable):  # type: ignore[arg-type]
            y = index_set(y, f, c)
        elif c.any():
            y = index_set(y, f(getitem(x, c), *args, **kwargs), c)
    return y


piecewise = composite(
    _piecewise,
    name="piecewise",
    numpy=np.piecewise,
    variadic=True,
    bind=lambda *args, **kwargs: (args, kwargs),
    cases=[
        case((4,), [_LOW, ~_LOW], [np.sin, np.square]),
        case((4,), [_LOW], [np.exp, 1.5]),
        case((4,), _LOW, [np.exp, np.negative]),
    ],
)


def _apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    n = arr.ndim
    axis = normal_axis(axis, n, "apply_along_axis")
    moved = np.moveaxis(arr, axis, -1)
    rest = moved.shape[:-1]
    if 0 in rest:
        raise ValueError(f"apply_along_axis: an axis of length 0 beside axis {axis} leaves nothing to apply to")
    flat = np.reshape(moved, (-1, moved.shape[-1]))
    rows = [func1d(flat[i], *args, **kwargs) for i in range(flat.shape[0])]
    y = np.stack([r if hasattr(r, "ndim") else np.asarray(r) for r in rows])
    y = np.reshape(y, (*rest, *y.shape[1:]))
    k = y.ndim - (n - 1)
    return np.moveaxis(y, tuple(range(n - 1, n - 1 + k)), tuple(range(axis, axis + k)))


apply_along_axis = composite(
    _apply_along_axis,
    name="apply_along_axis",
    numpy=np.apply_along_axis,
    variadic=True,
    bind=lambda *args, **kwargs: (args, kwargs),
    cases=[case(np.sum, 0, (3, 4)), case(np.cumsum, 1, (3, 4)), case(np.sort, -1, (2, 3, 4)), case(np.diag, 1, (2, 3))],
)


def _apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    n = a.ndim
    for axis in axes if np.ndim(axes) else (axes,):
        axis = normal_axis(axis, n, "apply_over_axes")
        y = func(a, axis)
        if y.ndim != n:
            y = np.expand_dims(y, axis)
            if y.ndim != n:
                raise ValueError(f"apply_over_axes: the function gave shape {y.shape} for an array of {n} axes")
        a = y
    return a


apply_over_axes = composite(
    _apply_over_axes,
    name="apply_over_axes",
    numpy=np.apply_over_axes,
    variadic=True,
    bind=lambda *args, **kwargs: (args, kwargs),
    cases=[case(np.sum, (2, 3, 4), [0, 2]), case(np.max, (3, 4), 1)],
)
