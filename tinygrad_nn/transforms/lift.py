"""The arguments of a transformed call as fresh tensors, and results given back in kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..convert import NUMBERS, copied
from ..convert import zeros as blank
from ..mode import enable_grad, tracing
from ..ops import elementwise
from ..tensor import Tensor, apply, constant
from ..tree import flatten

#: How many transforms are at work around the code that runs.
depth: ContextVar[int] = ContextVar("tinygrad_nn.transforms", default=0)


class Lifted:
    """The chosen arguments of a call as fresh tensors, and what is needed to give results back in kind."""

    def __init__(self, who: str, args: tuple[Any, ...], argnums: int | Sequence[int] | None) -> None:
        self.who = who
        numbers = range(len(args)) if argnums is None else (argnums,) if isinstance(argnums, int) else tuple(argnums)
        self.chosen = []
        for n in numbers:
            if not -len(args) <= n < len(args):
                raise ValueError(f"{who}: argnums {n} is out of range for {len(args)} arguments")
            self.chosen.append(n % len(args))
        self.nested = depth.get() > 0
        self.leaves: list[Any] = []
        self.rebuild: list[tuple[int, Callable[[list[Any]], Any]]] = []
        self.tensors: list[Tensor] = []
        new = list(args)
        for n in self.chosen:
            leaves, rebuild = flatten(args[n])
            lifted = [self._lift(x, n) for x in leaves]
            self.rebuild.append((len(leaves), rebuild))
            self.leaves += leaves
            self.tensors += lifted
            new[n] = rebuild(list(lifted))
        self.args = tuple(new)
        self.record = self.nested or any(is_tensor(x) for a in args for x in flatten(a)[0])

    def _lift(self, x: Any, n: int) -> Tensor:
        if tracing() is not None and isinstance(x, Tensor):
            return tracing().lifted(x, f"{self.who}: argument {n}")
        if isinstance(x, Tensor) and x.requires_grad:
            with enable_grad():
                return apply(elementwise.positive, (x,))
        if type(x) in NUMBERS and type(x) is not bool:
            x = float(x)
        try:
            return Tensor(x, requires_grad=True)
        except TypeError as e:
            raise TypeError(f"{self.who}: argument {n}: {e}") from None

    def call(self, f: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
        token = depth.set(depth.get() + 1)
        try:
            with enable_grad():
                return f(*self.args, **kwargs)
        finally:
            depth.reset(token)

    def group(self, found: list[Any]) -> list[Any]:
        """Put values for the lifted leaves back into the arguments' containers, one entry per chosen argument."""
        out, start = [], 0
        for n, rebuild in self.rebuild:
            out.append(rebuild(found[start : start + n]))
            start += n
        return out

    def out(self, value: Any) -> Any:
        """Give a result in kind: plain for plain arguments (0-d as a number), tensors otherwise."""
        return in_kind(value, self.record)


def is_tensor(x: Any) -> bool:
    """Tell whether x is a tensor to its user; in a trace tensors stand for plain arrays too."""
    return isinstance(x, Tensor) and not x._stands_for_array


def in_kind(value: Any, record: bool) -> Any:
    leaves, rebuild = flatten(value)
    return rebuild([_leaf_in_kind(v, record) for v in leaves])


def _leaf_in_kind(v: Any, record: bool) -> Any:
    if tracing() is not None and isinstance(v, Tensor):
        return tracing().in_kind(v, record)
    if record:
        return v if isinstance(v, Tensor) or not hasattr(v, "shape") else constant(v)
    if isinstance(v, Tensor):
        v = copied(v._data)
    return v[()] if isinstance(v, np.ndarray) and v.ndim == 0 else v


def zeros(found: list[Any], like: list[Tensor]) -> list[Any]:
    return [blank(x.shape, x.dtype, x) if d is None else d for d, x in zip(found, like, strict=True)]
