"""Functions of the standard that take other arguments than NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .lift import lifted, stripped

__all__ = ["argsort", "broadcast_shapes", "expand_dims", "isin", "reshape", "sort", "unique_values"]


def _sorted(x: Any, axis: int, descending: bool, stable: bool) -> Any:
    y = np.sort(x, axis=axis, stable=stable or None)
    return np.flip(y, axis=axis) if descending else y


def _order(x: Any, axis: int, descending: bool, stable: bool) -> Any:
    if not descending:
        return np.argsort(x, axis=axis, stable=stable or None)
    # From the back, so that equal elements keep their order when the whole is turned round.
    last = x.shape[axis] - 1
    return last - np.flip(np.argsort(np.flip(x, axis=axis), axis=axis, stable=stable or None), axis=axis)


def _distinct(x: Any) -> Any:
    return np.sort(np.unique_values(x))  # NumPy 2.3 and later leave them in the order of their hashes


_sort, _argsort, _unique_values = lifted(_sorted, None), lifted(_order, None), lifted(_distinct, None)
_expand_dims, _reshape, _isin = lifted(np.expand_dims, None), lifted(np.reshape, None), lifted(np.isin, None)


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Sort along an axis.

    >>> sort([1, 3, 2], descending=True)
    Tensor([3, 2, 1])
    """
    return _sort(x, axis, descending, stable)


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Give the indices that sort along an axis; equal elements keep their order if ``stable``."""
    return _argsort(x, axis, descending, stable)


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Give the shape that shapes broadcast to; ValueError for those that do not fit.

    >>> broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    return np.broadcast_shapes(*shapes)


def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Any:
    """Tell for each element of the first whether it is in the second (or is not, with ``invert``)."""
    return _isin(x1, x2, invert=invert)


def expand_dims(x: Any, /, axis: int | tuple[int, ...] = 0) -> Any:
    """Put in axes of length 1; IndexError for an axis out of range, as the standard asks."""
    return _expand_dims(x, axis)


def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
    """Give the elements in another shape; ValueError where ``copy=False`` and only a copy can have it.

    >>> reshape(Tensor([1, 2, 3, 4]), (2, -1), copy=True)
    Tensor([[1, 2],
            [3, 4]])
    """
    if copy is None:
        return _reshape(x, shape)
    y = np.reshape(stripped(x), shape, copy=copy)
    return _reshape(x, shape) if isinstance(x, Tensor) and x.requires_grad else _reshape(y, shape)


def unique_values(x: Any, /) -> Any:
    """Give the distinct elements in ascending order, as scikit-learn takes for granted; each nan is one of its own.

    >>> unique_values(Tensor([3, 9, 3, 5]))
    Tensor([3, 5, 9])
    """
    return _unique_values(x)
