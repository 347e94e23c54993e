"""Distinct elements and sets: of equal elements the first one stands for all, and gets the gradient."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..op import case, composite
from .indexing import getitem, values

_FIRST = "of equal elements the first one"


def _unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    ar = ar if hasattr(ar, "ndim") else np.asarray(ar)
    data = values(ar)
    found: Any = np.unique(data, True, return_inverse, return_counts, axis, equal_nan=equal_nan)  # type: ignore[call-overload]
    if axis is None:
        picked = getitem(np.ravel(ar), found[1])
    else:
        picked = getitem(ar, (slice(None),) * (axis % ar.ndim) + (found[1],))
    rest = found[1:] if return_index else found[2:]
    return (picked, *rest) if rest else picked


unique = composite(
    _unique,
    name="unique",
    numpy=np.unique,
    cases=[
        case(np.array([3.0, 1.0, 3.0, 2.0])),
        case(np.array([[1.0, 2.0], [2.0, 5.0]]), return_counts=True),
        case(np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0]]), axis=0, return_index=True, return_inverse=True),
    ],
    kinks=_FIRST,
)


class UniqueCounts(NamedTuple):
    """The distinct elements, and how often each occurs."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """The distinct elements, and where each element is among them."""

    values: Any
    inverse_indices: Any


class UniqueAll(NamedTuple):
    """The distinct elements, where each occurs first, where each element is among them, and how often it occurs."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


_SAMPLE = [case(np.array([[3.0, 1.0], [3.0, 2.0]]))]
unique_values = composite(
    lambda x: _unique(x, equal_nan=False), name="unique_values", numpy=np.unique_values, cases=_SAMPLE, kinks=_FIRST
)
unique_counts = composite(
    lambda x: UniqueCounts(*_unique(x, return_counts=True, equal_nan=False)),
    name="unique_counts",
    numpy=np.unique_counts,
    cases=_SAMPLE,
    kinks=_FIRST,
)
unique_inverse = composite(
    lambda x: UniqueInverse(*_unique(x, return_inverse=True, equal_nan=False)),
    name="unique_inverse",
    numpy=np.unique_inverse,
    cases=_SAMPLE,
    kinks=_FIRST,
)
unique_all = composite(
    lambda x: UniqueAll(*_unique(x, True, True, True, equal_nan=False)),
    name="unique_all",
    numpy=np.unique_all,
    cases=_SAMPLE,
    kinks=_FIRST,
)
_A, _B = np.array([3.0, 1.0, 2.0, 3.0]), np.array([5.0, 3.0, 0.5])
union1d = composite(
    lambda ar1, ar2: _unique(np.concatenate([np.ravel(ar1), np.ravel(ar2)])),
    name="union1d",
    numpy=np.union1d,
    cases=[case(_A, _B)],
    kinks=_FIRST,
)


def _where_in(a: Any, b: Any, invert: bool) -> Any:
    return np.isin(values(a), values(b), invert=invert)


def _intersect1d(ar1: Any, ar2: Any) -> Any:
    first = _unique(ar1)
    return getitem(first, _where_in(first, ar2, False))


def _setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    first = np.ravel(ar1) if assume_unique else _unique(ar1)
    return getitem(first, _where_in(first, ar2, True))


def _setxor1d(ar1: Any, ar2: Any) -> Any:
    a, b = _unique(ar1), _unique(ar2)
    return np.sort(np.concatenate([getitem(a, _where_in(a, b, True)), getitem(b, _where_in(b, a, True))]))


intersect1d = composite(
    _intersect1d,
    name="intersect1d",
    numpy=np.intersect1d,
    cases=[case(_A, _B)],
    kinks="the elements of the first array",
)
setdiff1d = composite(
    _setdiff1d,
    name="setdiff1d",
    numpy=np.setdiff1d,
    cases=[case(_A, _B), case(_A, _B, assume_unique=True)],
    kinks=_FIRST,
)
setxor1d = composite(_setxor1d, name="setxor1d", numpy=np.setxor1d, cases=[case(_A, _B)], kinks=_FIRST)
