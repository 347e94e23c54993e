"""The arrays that compiled code works in, and large results that are kept to be used again."""

from __future__ import annotations

from collections.abc import Sequence
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray


def make_buffers(outlines: Sequence[tuple[Any, ...]]) -> list[ndarray[Any, Any]]:
    """Make the arrays that a function works in."""
    return [np.empty(shape, dtype, order) for shape, dtype, order in outlines]


def renewed(buffers: list[Any], i: int, leaf: Any) -> Any:
    """Give a kept array, or a new one where anybody else (but the leaf whose gradient it is) holds it."""
    a = buffers[i]
    if getrefcount(a) > _ALONE + (leaf is not None and leaf._grad is a):
        a = buffers[i] = np.empty_like(a)
    return a


def _calibrate() -> int:
    def probe(buffers: list[Any], i: int) -> int:
        a = buffers[i]
        return getrefcount(a)

    return probe([np.empty(1)], 0)


_ALONE = _calibrate()
