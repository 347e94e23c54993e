"""The inputs of a checked function: floats as tensors of float64 that the check can move, everything else as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..convert import Foreign
from ..tensor import Tensor
from ..tree import flatten
from .differences import Array


class Leaf:
    """One float input: the tensor that the function gets, its own dtype and its value in float64."""

    def __init__(self, tensor: Tensor, label: str, dtype: Any, own: bool, most: int | None = None) -> None:
        self.tensor = tensor
        self.label = label
        self.dtype = dtype
        self.own = own
        self.most = most
        """So many of its elements are compared one by one, if that is fewer than of others."""
        self.value = np.array(tensor._data, dtype=np.float64)

    @property
    def size(self) -> int:
        return int(self.value.size)

    def index(self, i: int) -> tuple[int, ...]:
        """Give the place of the element with flat number i."""
        return tuple([int(k) for k in np.unravel_index(i, self.value.shape)])


class Inputs:
    """The arguments of a function under check.

    Arrays and numbers of float type become new tensors. A leaf Tensor that needs a gradient is handed over itself, and
    its value is exchanged while the check runs: so a function may just as well close over it (a model's parameters).
    """

    def __init__(self, inputs: Sequence[Any], who: str) -> None:
        self.leaves: list[Leaf] = []
        self._rebuild: list[Callable[[], Any]] = []
        seen: dict[int, Leaf] = {}
        for n, given in enumerate(inputs):
            parts, rebuild = flatten(given)
            new: list[Any] = []
            for path, x in zip(paths(given), parts, strict=True):
                leaf = seen.get(id(x))
                if leaf is None:
                    leaf = self._leaf(x, f"input {n}{path}", who)
                    if leaf is not None:
                        self.leaves.append(leaf)
                        if isinstance(x, Tensor):
                            seen[id(x)] = leaf
                new.append(x if leaf is None else leaf.tensor)
            self._rebuild.append(lambda rebuild=rebuild, new=new: rebuild(list(new)))  # type: ignore[misc]
        if not self.leaves:
            raise TypeError(
                f"{who}: none of the {len(inputs)} inputs is a float array, number or Tensor; give one "
                f"(1.0, not 1: whole numbers have no derivative)"
            )

    def _leaf(self, x: Any, label: str, who: str) -> Leaf | None:
        if isinstance(getattr(x, "_data", x), Foreign):
            raise TypeError(
                f"{who}: {label} holds a {type(getattr(x, '_data', x)).__name__}; the check compares in NumPy: give "
                f"its values, for example x.get(), as the rules are the same there"
            )
        if isinstance(x, Tensor):
            if x.dtype.kind != "f":
                return None
            name = f"{label} '{x.name}'" if x.name else label
            if x.is_leaf and x.requires_grad:
                return Leaf(x, name, x.dtype, own=False)
            return Leaf(Tensor(x._data, requires_grad=True, dtype=np.float64), name, x.dtype, own=True)
        if type(x) is float:
            return Leaf(Tensor(x, requires_grad=True), label, np.dtype(float), own=True)
        if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f":
            # A copy of its own: overlapping memory (broadcast, strided views) becomes independent elements.
            return Leaf(Tensor(np.array(x, np.float64), requires_grad=True), label, x.dtype, own=True)
        if isinstance(x, np.ndarray) and x.dtype.kind in "cO":
            raise TypeError(f"{who}: {label} has dtype {x.dtype}; give real numbers")
        return None

    def call(self, f: Callable[..., Any]) -> Any:
        """Run the function on the tensors, in the containers that the inputs came in."""
        return f(*[build() for build in self._rebuild])

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Hold the values in float64 while the block runs; afterwards every tensor is what it was, bit by bit."""
        before = [(x.tensor, x.tensor._data, x.tensor._exposed, x.tensor._grad) for x in self.leaves]
        try:
            for leaf in self.leaves:
                place(leaf, leaf.value)
            yield
        finally:
            for t, data, exposed, grad in before:
                t._data, t._exposed, t._grad = data, exposed, grad


def place(leaf: Leaf, value: Array) -> None:
    """Exchange a leaf's value. The array is taken, never written to: graphs keep those that they were recorded with."""
    leaf.tensor._data = value
    leaf.tensor._exposed = False


def paths(tree: Any) -> list[str]:
    """Give how to reach each leaf of nested containers, in the order of ``flatten``.

    >>> paths({"w": [1.0, 2.0], "b": 3.0})
    ["['w'][0]", "['w'][1]", "['b']"]
    """
    found: list[str] = []
    waiting: list[tuple[str, Any]] = [("", tree)]
    while waiting:
        path, x = waiting.pop()
        if isinstance(x, dict):
            waiting += [(f"{path}[{k!r}]", v) for k, v in reversed(list(x.items()))]
        elif isinstance(x, (list, tuple)):
            fields = getattr(x, "_fields", None)
            steps = [f".{name}" for name in fields] if fields else [f"[{i}]" for i in range(len(x))]
            waiting += [(path + step, v) for step, v in reversed(list(zip(steps, x, strict=True)))]
        elif x is not None:
            found.append(path)
    return found
