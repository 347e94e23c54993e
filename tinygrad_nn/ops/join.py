"""Putting arrays together and taking them apart along axes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..convert import Foreign
from ..op import case, composite, linear
from .indexing import is_tensor


def _pieces(g: Any, sizes: list[int], axis: int) -> list[Any]:
    """Cut g along an axis into consecutive pieces of the given sizes."""
    parts, start = [], 0
    before = (slice(None),) * (axis % g.ndim)
    for n in sizes:
        parts.append(g[(*before, slice(start, start + n))])
        start += n
    return parts


def _concatenate_adjoint(g: Any, y: Any, *xs: Any, axis: int | None = 0, dtype: Any = None) -> list[Any]:
    if axis is None:
        return [np.reshape(p, x.shape) for p, x in zip(_pieces(g, [x.size for x in xs], 0), xs, strict=True)]
    return _pieces(g, [x.shape[axis] for x in xs], axis)


def _listed(arrays: Any, who: str) -> tuple[Any, ...]:
    """Give the arrays of a sequence (or the slices of an array) as a tuple."""
    if isinstance(arrays, (list, tuple)) or is_tensor(arrays) or isinstance(arrays, (np.ndarray, Foreign)):
        return tuple(arrays)
    raise TypeError(f"{who}: give a list or tuple of arrays, got {type(arrays).__name__}")


def _as_arrays(xs: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([x if hasattr(x, "ndim") else np.asanyarray(x) for x in xs])


def _bind_concatenate(
    arrays: Any, axis: int | None = 0, dtype: Any = None, casting: str = "same_kind"
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if casting != "same_kind":
        raise TypeError(f"concatenate: argument casting={casting!r} has no derivative rule; use astype on the parts")
    params = {"axis": axis} if dtype is None else {"axis": axis, "dtype": np.dtype(dtype)}
    return _as_arrays(_listed(arrays, "concatenate")), params


concatenate = linear(
    lambda *xs, axis=0, dtype=None: np.concatenate(xs, axis, dtype=dtype),
    _concatenate_adjoint,
    name="concatenate",
    numpy=(np.concatenate, np.concat),
    variadic=True,
    bind=_bind_concatenate,
    cases=[
        case((2, 3), (4, 3)),
        case((2, 3), (2, 1), (2, 0), axis=1),
        case((2, 3), (2, 1), axis=-1),
        case((2, 3), (4,), (), axis=None),
        case((3,)),
    ],
)


def _bind_stack(
    arrays: Any, axis: int = 0, *, dtype: Any = None, casting: str = "same_kind"
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if dtype is not None or casting != "same_kind":
        raise TypeError("stack: arguments dtype= and casting= have no derivative rule; use astype on the parts")
    return _as_arrays(_listed(arrays, "stack")), {"axis": axis}


stack = linear(
    lambda *xs, axis=0: np.stack(xs, axis),
    lambda g, y, *xs, axis=0: [np.moveaxis(g, axis, 0)[i] for i in range(len(xs))],
    name="stack",
    numpy=np.stack,
    variadic=True,
    bind=_bind_stack,
    cases=[case((2, 3), (2, 3)), case((2, 3), (2, 3), axis=-1), case((), ()), case((0,), (0,))],
)


def _joined(name: str, numpy: Any, widen: Any, axis: int, cases: list[Any]) -> Any:
    def join(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
        arrays = [widen(x) for x in _as_arrays(_listed(tup, name))]
        along = 0 if axis == 1 and name == "hstack" and arrays and arrays[0].ndim == 1 else axis
        return np.concatenate(arrays, axis=along, dtype=dtype, casting=casting)  # type: ignore[call-overload]

    return composite(join, name=name, numpy=numpy, cases=cases)


hstack = _joined("hstack", np.hstack, np.atleast_1d, 1, [case([(3,), (2,)]), case([(3, 2), (3, 1)]), case([(), ()])])
vstack = _joined("vstack", np.vstack, np.atleast_2d, 0, [case([(3,), (3,)]), case([(3, 2), (1, 2)]), case([(), ()])])
dstack = _joined("dstack", np.dstack, np.atleast_3d, 2, [case([(3,), (3,)]), case([(3, 2), (3, 2)])])


def _column_stack(tup: Any) -> Any:
    columns = [np.reshape(x, (x.size, 1)) if x.ndim < 2 else x for x in _as_arrays(_listed(tup, "column_stack"))]
    return np.concatenate(columns, axis=1)


column_stack = composite(
    _column_stack, name="column_stack", numpy=np.column_stack, cases=[case([(3,), (3,)]), case([(3,), (3, 2)])]
)


def _block(arrays: Any) -> Any:
    def depth(x: Any) -> int:
        if not isinstance(x, list):
            return 0
        if not x:
            raise ValueError("block: an empty list holds no array")
        depths = {depth(v) for v in x}
        if len(depths) != 1:
            raise ValueError(f"block: lists are nested to different depths ({sorted(depths)}); nest them alike")
        return 1 + depths.pop()

    def widest(x: Any) -> int:
        return max([widest(v) for v in x]) if isinstance(x, list) else np.ndim(x)

    def join(x: Any, level: int) -> Any:
        if level == levels:
            x = x if hasattr(x, "ndim") else np.asanyarray(x)
            return np.reshape(x, (1,) * (ndim - x.ndim) + x.shape)
        return np.concatenate([join(v, level + 1) for v in x], axis=level - levels)

    levels = depth(arrays)
    ndim = max(levels, widest(arrays))
    y = join(arrays, 0)
    return y if levels else np.copy(y)


block = composite(
    _block,
    name="block",
    numpy=np.block,
    cases=[case([(3,), (2,)]), case([[(2, 2), (2, 1)], [(1, 2), (1, 1)]]), case((3,)), case([[(), ()]])],
)


def _bounds(n: int, sections: Any, who: str, equal: bool) -> list[int]:
    """Give where the parts begin and end along an axis of length n."""
    if np.ndim(sections):
        return [0, *[int(i) for i in sections], n]
    k = int(sections)
    if k <= 0:
        raise ValueError(f"{who}: the number of sections must be at least 1, got {k}")
    if equal and n % k:
        raise ValueError(f"{who}: length {n} does not divide into {k} equal parts; use np.array_split")
    sizes = [n // k + 1] * (n % k) + [n // k] * (k - n % k)
    return [0, *np.cumsum(sizes).tolist()]


def _split_at(ary: Any, sections: Any, axis: int, who: str, equal: bool) -> list[Any]:
    ary = ary if hasattr(ary, "ndim") else np.asarray(ary)
    if not -ary.ndim <= axis < ary.ndim:
        raise np.exceptions.AxisError(axis, ary.ndim, who)
    n = ary.shape[axis]
    at = _bounds(n, sections, who, equal)
    before = (slice(None),) * (axis % ary.ndim)
    return [ary[(*before, slice(i, j))] for i, j in pairwise(at)]


split = composite(
    lambda ary, indices_or_sections, axis=0: _split_at(ary, indices_or_sections, axis, "split", True),
    name="split",
    numpy=np.split,
    cases=[case((6,), 3), case((3, 4), [1, 3], axis=1), case((3, 4), [2, 1, 7])],
)
array_split = composite(
    lambda ary, indices_or_sections, axis=0: _split_at(ary, indices_or_sections, axis, "array_split", False),
    name="array_split",
    numpy=np.array_split,
    cases=[case((7,), 3), case((3, 4), 3, axis=-1)],
)


def _split_along(name: str, numpy: Any, axis: int, cases: list[Any]) -> Any:
    def part(ary: Any, indices_or_sections: Any) -> list[Any]:
        ary = ary if hasattr(ary, "ndim") else np.asarray(ary)
        if ary.ndim < (1 if name == "hsplit" else axis + 1):
            raise ValueError(f"{name}: needs at least {axis + (name != 'hsplit')} axes, got {ary.ndim}")
        along = 0 if name == "hsplit" and ary.ndim == 1 else axis
        return _split_at(ary, indices_or_sections, along, name, True)

    return composite(part, name=name, numpy=numpy, cases=cases)


hsplit = _split_along("hsplit", np.hsplit, 1, [case((4,), 2), case((3, 4), [1])])
vsplit = _split_along("vsplit", np.vsplit, 0, [case((4, 2), 2)])
dsplit = _split_along("dsplit", np.dsplit, 2, [case((2, 3, 4), [1, 2])])


def _unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    if x.ndim == 0:
        raise ValueError("unstack: needs at least one axis, got a 0-d array")
    return tuple(np.moveaxis(x, axis, 0))


if hasattr(np, "unstack"):
    unstack = composite(_unstack, name="unstack", numpy=np.unstack, cases=[case((3, 4)), case((3, 4), axis=-1)])
