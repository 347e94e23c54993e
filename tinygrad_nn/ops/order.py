"""Sorting and partitioning: a permutation, so the derivative is the same permutation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import case, general


def _sort_rule(g: Any, x: Any, axis: int | None) -> Any:
    if axis is None or not x.ndim:
        return np.reshape(_sort_rule(g, np.reshape(x, (x.size,)), 0), x.shape)
    return np.take_along_axis(g, np.argsort(np.argsort(x, axis=axis, kind="stable"), axis=axis), axis)


def _sort_jvp(t: Any, x: Any, axis: int | None) -> Any:
    if axis is None or not x.ndim:
        return _sort_jvp(np.reshape(t, (x.size,)), np.reshape(x, (x.size,)), 0)
    return np.take_along_axis(t, np.argsort(x, axis=axis, kind="stable"), axis)


sort = general(
    np.sort,
    lambda g, y, x, axis=-1, kind=None, stable=None: _sort_rule(g, x, axis),
    jvp=lambda ts, y, x, axis=-1, kind=None, stable=None: _sort_jvp(ts[0], x, axis),
    cases=[
        case((7,)),
        case((3, 4)),
        case((3, 4), axis=0),
        case((3, 4), axis=None),
        case((3, 4), kind="stable"),
        case((0,)),
    ],
    kinks="of equal elements the first comes first",
)


def _partition_order(y: Any, x: Any, axis: int) -> Any:
    """Give the permutation that makes y of x, found by sorting both."""
    rank = np.argsort(np.argsort(y, axis=axis, kind="stable"), axis=axis)
    return np.take_along_axis(np.argsort(x, axis=axis, kind="stable"), rank, axis)


def _partition_rule(g: Any, y: Any, x: Any, axis: int | None) -> Any:
    if axis is None:
        return np.reshape(_partition_rule(g, y, np.reshape(x, (x.size,)), 0), x.shape)
    return np.take_along_axis(g, np.argsort(_partition_order(y, x, axis), axis=axis), axis)


def _partition_jvp(t: Any, y: Any, x: Any, axis: int | None) -> Any:
    if axis is None:
        return _partition_jvp(np.reshape(t, (x.size,)), y, np.reshape(x, (x.size,)), 0)
    return np.take_along_axis(t, _partition_order(y, x, axis), axis)


partition = general(
    np.partition,
    lambda g, y, x, kth=0, axis=-1, kind="introselect": _partition_rule(g, y, x, axis),
    jvp=lambda ts, y, x, kth=0, axis=-1, kind="introselect": _partition_jvp(ts[0], y, x, axis),
    cases=[case((7,), kth=2), case((3, 4), kth=1, axis=0), case((3, 4), kth=5, axis=None), case((9,), kth=(2, 6))],
    kinks="of equal elements the first comes first",
)
