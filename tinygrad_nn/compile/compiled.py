"""compile: record a function once for each kind of arguments, then run straight-line NumPy code in its place."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..convert import Foreign
from ..mode import current, tracing
from ..tensor import Tensor
from .entry import Entry
from .traced import TraceError

#: How many signatures a compiled function keeps; the one used longest ago goes first.
KEPT = 32
#: After this many recordings a function has no few signatures: new ones run as plain Python from then on.
RECORDINGS = 256


class Compiled:
    """A function that runs as compiled code: what :func:`tinygrad_nn.compile` gives. Call it as the function itself."""

    def __init__(self, f: Callable[..., Any], exact: bool, explain: bool) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._exact = exact
        self._explain = explain
        self._entries: OrderedDict[Any, Entry] = OrderedDict()
        self._recordings = 0
        self._lock = threading.RLock()
        self._latest: Entry | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if tracing() is not None:
            return self._f(*args, **kwargs)
        leaves: list[Any] = []
        key = _signature(args, kwargs, leaves, self._exact)
        entry = self._entries.get(key)
        if entry is None or not entry.guards.check() or not entry.ready(leaves):
            return self._record(key, args, kwargs, entry)
        return entry.run(leaves)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else functools.partial(self, owner)

    @property
    def source(self) -> str:
        """The code that ran last (all of it: forward, and backward where there is one)."""
        if self._latest is None:
            raise RuntimeError("compile: nothing is recorded yet; call the function once, then look at its source")
        return self._latest.source

    def _record(self, key: Any, args: Any, kwargs: Any, old: Entry | None) -> Any:
        with self._lock:
            if self._recordings >= RECORDINGS:
                return self._f(*args, **kwargs)
            self._recordings += 1
            entry = Entry(self._f, args, kwargs, exact=self._exact, old=old)
            self._entries[key] = entry
            self._entries.move_to_end(key)
            while len(self._entries) > KEPT:
                self._entries.popitem(last=False)
            self._latest = entry
        if self._explain:
            print(entry.explanation)
        return entry.first()


def _outline(x: Any, exact: bool) -> Any:
    """Give what the code depends on in a leaf of the arguments."""
    if isinstance(x, Tensor):
        a = x._data
        bare = x.op is None and not x._hooks
        return ("T", a.shape, a.dtype, x._tracked, bare, a.strides if exact else None)
    if isinstance(x, (ndarray, np.generic)):
        return (x.shape, x.dtype, x.strides) if exact else (x.shape, x.dtype)
    if type(x) is float:
        return float, x.hex()
    if type(x) is slice:
        return slice, x.start, x.stop, x.step
    if isinstance(x, Foreign):
        raise TraceError(
            f"compile: an argument is a {type(x).__name__}; compiled code runs on NumPy's arrays: call the function "
            f"itself, or move the data to the host with .get()"
        )
    try:
        hash(x)
    except TypeError:
        raise TraceError(
            f"compile: an argument of type {type(x).__name__} cannot be told from others; give arrays, tensors, "
            f"numbers, strings, or lists, tuples and dicts of them"
        ) from None
    return type(x), x


def _signature(args: Any, kwargs: Any, leaves: list[Any], exact: bool) -> Any:
    """Give the key of a call, and collect the leaves of its arguments."""
    parts: list[Any] = [current()[3]]
    for x in args:
        kind = type(x)
        if kind is ndarray:
            leaves.append(x)
            parts.append((x.shape, x.dtype, x.strides) if exact else (x.shape, x.dtype))
        elif kind is tuple or kind is list or kind is dict:
            parts.append(_container(x, leaves, exact))
        elif x is not None:
            leaves.append(x)
            parts.append(_outline(x, exact))
        else:
            parts.append(None)
    if kwargs:
        parts.append(_container(kwargs, leaves, exact))
    return tuple(parts)


def _container(tree: Any, leaves: list[Any], exact: bool) -> Any:
    if tree is None:
        return None
    if isinstance(tree, dict):
        return (type(tree), *[(k, _container(v, leaves, exact)) for k, v in tree.items()])
    if isinstance(tree, (list, tuple)):
        return (type(tree), *[_container(v, leaves, exact) for v in tree])
    leaves.append(tree)
    return _outline(tree, exact)


def compile(f: Callable[..., Any] | None = None, *, exact: bool = False, explain: bool = False) -> Any:
    """Give a function with f's results, gradients and effects that runs as straight-line NumPy code.

    The first call with arguments of given shapes and dtypes records f; later ones run the recorded code, until
    something changes that f closes over. Tensors and arrays outside are read anew at each call. At most 32 signatures
    are kept; after 256 recordings a call with a new signature runs f itself. ``exact=True`` gives f's results bit for
    bit; otherwise sums may be added up in another order. ``explain=True`` prints what each pass of the compiler did.
    Raises :class:`TraceError` where f takes Python values or branches from a tensor's values.

    >>> @compile
    ... def f(x):
    ...     return (x * x).sum()
    >>> f(np.array([1.0, 2.0]))
    np.float64(5.0)
    """
    if f is None:
        return functools.partial(compile, exact=exact, explain=explain)
    if not callable(f):
        raise TypeError(f"compile: takes a function, got {type(f).__name__}")
    return Compiled(f, exact, explain)


__all__ = ["Compiled", "compile"]
