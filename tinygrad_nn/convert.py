"""What may become a tensor or stand beside one: conversion of data to arrays of real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

NUMBERS = frozenset([float, int, bool])


def as_array(data: Any, who: str) -> ndarray[Any, Any]:
    """Give data as an array of its own with a real dtype, or raise TypeError naming the dtype."""
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(f"{who}: a masked array would lose its mask; fill it first, for example with x.filled(0)")
    try:
        a = np.array(data, subok=False)
    except ValueError as e:
        raise ValueError(f"{who}: {e}; give a rectangular array of numbers") from None
    if a.dtype.kind not in "fiub":
        raise TypeError(f"{who}: dtype {a.dtype} is not supported; give real numbers (float, int or bool)")
    return a


def as_operand(x: Any, who: str) -> Any:
    """Check an operand that is not a tensor: Python numbers stay numbers (NEP 50), lists become arrays."""
    if type(x) in NUMBERS or x is None:
        return x
    if type(x) is ndarray or isinstance(x, np.generic):
        if x.dtype.kind in "fiub":
            return x
        raise TypeError(f"{who}: an operand of dtype {x.dtype} is not supported; give real numbers")
    if hasattr(type(x), "__array_ufunc__") and not isinstance(x, ndarray):
        return x
    return as_array(x, who)
