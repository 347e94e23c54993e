"""A stand-in for an array on a GPU: it follows NumPy's protocols and refuses every silent conversion, as CuPy does.

What CuPy allows is allowed: Python numbers and NumPy scalars beside it, NumPy arrays as indices (it copies them to the
device), explicit copies to the host (``get``, ``item``, ``tolist``, ``float``, printing). All else that would mix the
two worlds raises TypeError. Each array knows its device; arrays of two devices do not mix either.
"""

from __future__ import annotations

from typing import Any

import numpy as np

METHODS = [
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "clip",
    "compress",
    "conj",
    "conjugate",
    "copy",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "fill",
    "flatten",
    "max",
    "mean",
    "min",
    "nonzero",
    "prod",
    "ravel",
    "repeat",
    "reshape",
    "round",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "trace",
    "transpose",
    "var",
    "view",
]
#: NumPy functions that CuPy implements and that take NumPy arrays there.
EXPLICIT = {np.asarray, np.array, np.asanyarray}


class StrictArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array whose elements NumPy cannot see. ``get()`` copies them to the host."""

    __slots__ = ("_a", "device")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, data: Any, dtype: Any = None, device: int = 0) -> None:
        self._a = np.array(data, dtype=dtype)
        self.device = device

    def get(self) -> np.ndarray[Any, Any]:
        return self._a.copy()

    # -- the protocols ----------------------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if getattr(np, ufunc.__name__, None) is not ufunc:
            return NotImplemented  # SciPy's: CuPy has them in a module of its own
        for x in (*inputs, *kwargs.values()):
            if not _known(x):
                return NotImplemented
        places = inputs[1:2] if method in ("at", "reduceat") else ()  # indices may come from the host
        given = [_index(x) if any(x is p for p in places) else self._bare(x) for x in inputs]
        kwargs = {k: self._bare(v) for k, v in kwargs.items()}
        if out is not None:
            for o in out:
                if o is not None and not isinstance(o, StrictArray):
                    raise TypeError(f"return arrays must be of StrictArray, not {type(o).__name__}")
            kwargs["out"] = tuple([self._bare(o) for o in out])
        y = getattr(ufunc, method)(*given, **kwargs)
        if out is not None and len(out) == 1:
            return out[0]
        return self._wrap(y)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not all(issubclass(t, (StrictArray, np.ndarray)) for t in types):
            return NotImplemented
        if func in EXPLICIT:
            return self._wrap(func(*_raw(args), **_raw(kwargs)))
        out = kwargs.get("out")
        if out is not None and not isinstance(out, StrictArray):
            raise TypeError(f"return arrays must be of StrictArray, not {type(out).__name__}")
        y = func(*self._bare(args), **self._bare(kwargs))
        if func is np.diagonal:
            y.flags.writeable = True  # CuPy's view may be written to
        return out if out is not None else self._wrap(y)

    def _bare(self, x: Any) -> Any:
        """Give the elements of strict arrays in a tree; refuse NumPy's arrays and those of another device."""
        if isinstance(x, StrictArray):
            if x.device != self.device:
                raise ValueError(f"Array device must be same: {x.device} and {self.device}")
            return x._a
        if isinstance(x, np.ndarray):
            raise TypeError(f"Unsupported type {type(x)}")
        if isinstance(x, (list, tuple)):
            parts = [self._bare(v) for v in x]
            return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
        return {k: self._bare(v) for k, v in x.items()} if isinstance(x, dict) else x

    def _wrap(self, y: Any) -> Any:
        if isinstance(y, (np.ndarray, np.generic)):
            new = type(self).__new__(type(self))
            new._a = np.asarray(y)
            new.device = self.device
            return new
        if isinstance(y, tuple) and any(isinstance(v, (np.ndarray, np.generic)) for v in y):
            parts = [self._wrap(v) for v in y]
            return type(y)(*parts) if hasattr(y, "_fields") else tuple(parts)
        return [self._wrap(v) for v in y] if isinstance(y, list) else y

    # -- what an ndarray has ----------------------------------------------------------------------------------------

    shape = property(lambda self: self._a.shape)
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    nbytes = property(lambda self: self._a.nbytes)
    itemsize = property(lambda self: self._a.itemsize)
    strides = property(lambda self: self._a.strides)
    flags = property(lambda self: self._a.flags)
    base = property(lambda self: self._a.base)
    T = property(lambda self: self._wrap(self._a.T))
    mT = property(lambda self: self._wrap(self._a.mT))
    real = property(lambda self: self._wrap(self._a.real))
    imag = property(lambda self: self._wrap(self._a.imag))

    def __getitem__(self, index: Any) -> Any:
        return self._wrap(self._a[_index(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._a[_index(index)] = self._bare(value)

    def __len__(self) -> int:
        return len(self._a)

    def __iter__(self) -> Any:
        return iter([self[i] for i in range(len(self))])

    def __getattr__(self, name: str) -> Any:
        if name == "take":  # places may come from the host
            return lambda indices, *args, **kwargs: self._wrap(self._a.take(_index(indices), *args, **kwargs))
        if name not in METHODS:
            raise AttributeError(f"StrictArray has no attribute {name!r}")
        return lambda *args, **kwargs: self._wrap(getattr(self._a, name)(*self._bare(args), **self._bare(kwargs)))

    # -- explicit copies to the host --------------------------------------------------------------------------------

    def item(self) -> Any:
        return self._a.item()

    def tolist(self) -> Any:
        return self._a.tolist()

    def __bool__(self) -> bool:
        return bool(self._a)

    def __int__(self) -> int:
        return int(self._a)

    def __float__(self) -> float:
        return float(self._a)

    def __repr__(self) -> str:
        return f"StrictArray({self._a!r})"

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __reduce__(self) -> Any:
        raise TypeError("StrictArray: a GPU array is not pickled in these tests; use .get()")


def _known(x: Any) -> bool:
    return (
        isinstance(x, (StrictArray, np.ndarray)) or not hasattr(type(x), "__array_ufunc__") or isinstance(x, np.generic)
    )


def _index(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple([_index(i) for i in x])
    return x._a if isinstance(x, StrictArray) else x


def _raw(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return type(x)([_raw(v) for v in x])
    if isinstance(x, dict):
        return {k: _raw(v) for k, v in x.items()}
    return x._a if isinstance(x, StrictArray) else x
