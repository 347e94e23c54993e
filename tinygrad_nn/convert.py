"""What may become a tensor or stand beside one: conversion of data to arrays of real numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

NUMBERS = frozenset([float, int, bool])


class _Protocol(type):
    _known: dict[type, bool] = {}  # noqa: RUF012

    def __instancecheck__(cls, x: Any) -> bool:
        kind = type(x)
        found = cls._known.get(kind)
        if found is None:
            found = cls._known[kind] = (
                hasattr(kind, "__array_function__")
                and hasattr(kind, "__array_ufunc__")
                and not issubclass(kind, (ndarray, np.generic))
                and not hasattr(kind, "__read_op__")
                and hasattr(kind, "dtype")
            )
        return found


class Foreign(metaclass=_Protocol):
    """An array of another library that follows NumPy's protocols, such as CuPy's: ``isinstance`` tells.

    It is used as it is, never turned into an ndarray: its elements may be on another device.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


#: What to do where an operation does not run on such arrays.
ADVICE = (
    "; keep all operands in one library on one device, or move the data to the host with .get(): "
    "docs/arrays-of-other-libraries.md lists what needs that"
)


def advice(values: Any) -> str:
    """Give the advice where such an array is among the values, otherwise nothing."""
    return ADVICE if isinstance(values, (tuple, list)) and any(isinstance(v, Foreign) for v in values) else ""


def nothing(x: Any) -> Any:
    """Give zeros like an array, or a zero like a number: the tangent of a constant."""
    return type(x)(0) if type(x) in NUMBERS else np.zeros_like(x)


def kept(x: Any) -> Any:
    """Give data as an array without a copy if possible; an array of another library stays what it is."""
    return x if type(x) is ndarray or isinstance(x, Foreign) else np.asarray(x)


def copied(x: Any) -> Any:
    """Give a copy of an array (of a NumPy scalar an array), of the same library."""
    return x.copy() if type(x) is not ndarray and isinstance(x, Foreign) else np.array(x)


def on_host(x: Any) -> ndarray[Any, Any]:
    """Give the elements as an ndarray, copied from another device where a ``get`` method does that."""
    get = getattr(x, "get", None) if isinstance(x, Foreign) else None
    return np.asarray(x if get is None else get())


def _foreign(like: Any) -> Any:
    """Give the array of another library that an array is, or that a tensor holds; None for any other."""
    if type(like) is ndarray:
        return None
    if hasattr(type(like), "__read_op__"):
        like = getattr(like, "_data", None)
        if type(like) is ndarray:
            return None
    return like if isinstance(like, Foreign) else None


def zeros(shape: Any, dtype: Any, like: Any) -> Any:
    """Give zeros in an array of the library, and on the device, of another one."""
    model = _foreign(like)
    return np.zeros(shape, dtype) if model is None else np.zeros(shape, dtype, like=model)


def empty(shape: Any, dtype: Any, like: Any) -> Any:
    """Give an array to be filled, of the library and on the device of another one."""
    model = _foreign(like)
    return np.empty(shape, dtype) if model is None else np.empty(shape, dtype, like=model)


def full(shape: Any, value: Any, dtype: Any, like: Any) -> Any:
    """Give an array filled with a number, of the library and on the device of another one."""
    model = _foreign(like)
    return np.full(shape, value, dtype) if model is None else np.full(shape, value, dtype, like=model)


def ones(shape: Any, dtype: Any, like: Any) -> Any:
    """Give ones in an array of the library, and on the device, of another one."""
    model = _foreign(like)
    return np.ones(shape, dtype) if model is None else np.ones(shape, dtype, like=model)


def beside(x: Any, like: Any) -> Any:
    """Give an array that the library made itself, such as places or weights, for use beside another: on its device."""
    if type(like) is ndarray:
        return x
    model = _foreign(like)
    return np.asarray(x, like=model) if model is not None and isinstance(x, (ndarray, np.generic)) else x


def matching(g: Any, like: Any, who: str) -> Any:
    """Give a gradient that a user hands over, if it is where its tensor is; a number is made there.

    Raises TypeError for an array of one library beside data of another.
    """
    if type(g) is ndarray and type(like) is ndarray:
        return g
    model = _foreign(like)
    if (model is not None) == isinstance(g, Foreign):
        return g
    if model is not None and (type(g) in NUMBERS or isinstance(g, np.generic)):
        return np.asarray(g, like=model)
    data = "numpy.ndarray" if model is None else type(model).__name__
    raise TypeError(f"{who}: got a {type(g).__name__} for data in a {data}; move it there first")


def there(x: Any, place: Any) -> Any:
    """Give an array as one of the library and on the device of another: for loading, which is asked for."""
    if isinstance(place, Foreign):
        return x if type(x) is type(place) else np.asarray(x, like=place)
    return on_host(x)


def together(*xs: Any) -> list[Any]:
    """Give numbers among arrays as arrays too, beside the first array of another library if there is one."""
    model = next((x for x in xs if _foreign(x) is not None), None)
    return [x if hasattr(x, "ndim") else beside(np.asarray(x), model) for x in xs]


def typed(x: Any, dtype: Any) -> Any:
    """Give an array in a dtype; a Python number, which takes that of the array beside it, as it is."""
    return x if type(x) in NUMBERS else kept(x).astype(dtype, copy=False)


def contiguous(x: Any) -> Any:
    """Give an array with its elements in C order, without a copy where they lie so."""
    return np.asarray(x, order="C", like=x) if isinstance(x, Foreign) else np.ascontiguousarray(x)


def as_array(data: Any, who: str) -> ndarray[Any, Any]:
    """Give data as an array of its own with a real dtype, or raise TypeError naming the dtype."""
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(f"{who}: a masked array would lose its mask; fill it first, for example with x.filled(0)")
    try:
        foreign = type(data) is not ndarray and isinstance(data, Foreign)
        a = data.copy() if foreign else np.array(data, subok=False)
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
