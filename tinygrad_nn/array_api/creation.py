"""Creation functions: tensors that no operation made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..convert import as_array
from ..tensor import Tensor
from .info import astype
from .lift import lifted, stripped, wrapped
from .signatures import signed

__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "meshgrid",
    "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip


def checked(device: Any, who: str) -> None:
    """Refuse any device but the CPU."""
    if device not in (None, "cpu"):
        raise ValueError(f"{who}: device {device!r} is not known; tensors live on 'cpu'")


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    """Give a tensor of the data; a tensor of the dtype wanted is given back itself unless ``copy``.

    A conversion or a copy of a tensor that needs a gradient is recorded. Complex numbers become a constant.
    Raises TypeError for what holds no numbers, ValueError for a copy that ``copy=False`` forbids or for an unknown
    device.

    >>> asarray([1, 2], dtype=np.float32)
    Tensor([1., 2.], dtype=float32)
    """
    checked(device, "asarray")
    if isinstance(obj, Tensor):
        same = dtype is None or np.dtype(dtype) == obj.dtype
        if same and not copy:
            return obj
        if copy is False:
            raise ValueError(f"asarray: {obj.dtype} to {np.dtype(dtype)} needs a copy; leave copy=False out")
        return astype(obj, obj.dtype if same else dtype)
    if copy is False and not isinstance(obj, np.ndarray):
        raise ValueError(f"asarray: {type(obj).__name__} needs a copy; leave copy=False out")
    a = np.asarray(stripped(obj), dtype=dtype, copy=copy)
    if a.dtype.kind not in "fiubc":
        as_array(a, "asarray")
    return wrapped(a)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """Give a tensor of what another library exports by DLPack, without its graph."""
    checked(device, "from_dlpack")
    a = np.from_dlpack(x)
    if a.dtype.kind not in "fiubc":
        as_array(a, "from_dlpack")
    return wrapped(np.array(a) if copy else a)


def creating(f: Callable[..., Any]) -> Callable[..., Any]:
    """Give the creation function of the namespace that NumPy's computes."""

    def function(*args: Any, device: Any = None, **kwargs: Any) -> Any:
        checked(device, f.__name__)
        y = f(*stripped(args), **stripped(kwargs))
        if y.dtype.kind not in "fiubc":
            as_array(y, f.__name__)
        return wrapped(y)

    function.__doc__ = f"Give what ``numpy.{f.__name__}`` gives, as a tensor on the device ``'cpu'``."
    return signed(function, f.__name__)


arange, linspace, eye = creating(np.arange), creating(np.linspace), creating(np.eye)
empty, zeros, ones, full = creating(np.empty), creating(np.zeros), creating(np.ones), creating(np.full)
empty_like, zeros_like = creating(np.empty_like), creating(np.zeros_like)
ones_like, full_like = creating(np.ones_like), creating(np.full_like)
meshgrid, tril, triu = lifted(np.meshgrid, "meshgrid"), lifted(np.tril, "tril"), lifted(np.triu, "triu")
