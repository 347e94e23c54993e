"""Data types, and what the namespace can do."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .lift import stripped, tensors
from .names import DTYPES
from .wrap import wrapped

__all__ = ["astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]

_KINDS = {
    "bool": "b", "signed integer": "i", "unsigned integer": "u", "integral": "iu", "real floating": "f",
    "complex floating": "c", "numeric": "iufc",
}  # fmt: skip


class Info:
    """What ``__array_namespace_info__`` gives: devices, dtypes, capabilities."""

    def capabilities(self) -> dict[str, Any]:
        """Tell what of the optional behaviour is there."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Give the only device."""
        return "cpu"

    def devices(self) -> tuple[str, ...]:
        """Give the devices."""
        return ("cpu",)

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """Give the dtypes of new tensors."""
        whole = np.dtype(np.intp)
        return {
            "real floating": np.dtype(float),
            "complex floating": np.dtype(complex),
            "integral": whole,
            "indexing": whole,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """Give the dtypes of a kind, or of any of a tuple of kinds, by name."""
        kinds = kind if isinstance(kind, tuple) else (kind or tuple(_KINDS),) if kind else tuple(_KINDS)
        known = {name: np.dtype(name) for name in DTYPES}
        return {name: d for name, d in known.items() if any(isdtype(d, k) for k in kinds)}


def isdtype(dtype: Any, kind: Any) -> bool:
    """Tell whether a dtype is of a kind of the standard, is another dtype, or fits any of a tuple of both."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str) and kind in _KINDS:
        return np.dtype(dtype).kind in _KINDS[kind]
    if isinstance(kind, str):
        raise ValueError(f"isdtype: kind {kind!r} is not known; give one of {', '.join(_KINDS)}")
    return bool(np.dtype(dtype) == np.dtype(kind))


def _dtype(x: Any) -> Any:
    return x.dtype if isinstance(x, Tensor) else x


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """Convert a tensor; the gradient comes back in the dtype of ``x``."""
    if device not in (None, "cpu"):
        raise ValueError(f"astype: device {device!r} is not known; tensors live on 'cpu'")
    target = np.dtype(dtype)
    if target.kind not in "fiubc":
        raise TypeError(f"astype: dtype {target} is not supported; tensors hold numbers")
    if target.kind == "c" and x.dtype.kind != "c":
        if x.requires_grad:
            raise TypeError(f"astype: {target} has no gradient; pass x.detach()")
        return wrapped(np.array(x._data, target))
    return x.astype(dtype, copy=copy)


def can_cast(from_: Any, to: Any, /) -> bool:
    """Tell whether a dtype, or that of a tensor, converts to another by the promotion rules."""
    return bool(np.can_cast(_dtype(from_), to))


def result_type(*args: Any) -> Any:
    """Give the dtype that tensors, dtypes and Python numbers promote to."""
    return np.result_type(*stripped(args) if tensors(args) else args)


class FloatLimits:
    """The limits of a float dtype, as Python numbers, and the further attributes that NumPy gives."""

    def __init__(self, dtype: Any) -> None:
        self._numpy = known = np.finfo(dtype)
        self.dtype, self.bits = known.dtype, int(known.bits)
        self.eps, self.max, self.min = float(known.eps), float(known.max), float(known.min)
        self.smallest_normal = float(known.smallest_normal)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_numpy"), name)

    def __repr__(self) -> str:
        return repr(self._numpy)


def finfo(type: Any, /) -> FloatLimits:
    """Give the limits of a float dtype, or of that of a tensor.

    >>> finfo(np.float32).max
    3.4028234663852886e+38
    """
    return FloatLimits(_dtype(type))


def iinfo(type: Any, /) -> Any:
    """Give the limits of an integer dtype, or of that of a tensor."""
    return np.iinfo(_dtype(type))
