"""What an optimizer keeps for one parameter, and how it cuts a large one into blocks that stay in the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..convert import Foreign, kept, there
from ..tensor import Tensor

#: Elements in a block: the arrays of Adam's update of one block together fit a level-2 cache, and the scratch arrays
#: stay small beside the parameters.
BLOCK = 65536


class Slot:
    """One parameter of an optimizer: its state by name, and what a step needs ready at hand."""

    __slots__ = (
        "_vector",
        "arrays",
        "dtype",
        "factors",
        "foreign",
        "lr",
        "names",
        "numbers",
        "parameter",
        "pieces",
        "rate",
        "scratch",
        "state",
    )

    def __init__(self, parameter: Tensor) -> None:
        self.parameter = parameter
        self.state: dict[str, Any] = {}
        self.dtype: Any = None
        """The dtype that the slot is fitted to."""
        self.names: tuple[str, ...] = ()
        self.arrays: Sequence[ndarray[Any, Any]] = ()
        """The arrays of the state, in the order of ``names``."""
        self.scratch: Sequence[ndarray[Any, Any]] = ()
        self.pieces: list[tuple[Any, Sequence[ndarray[Any, Any]]]] | None = None
        """For a large parameter: the index of each block with its scratch arrays."""
        self.factors: tuple[float, ...] | None = None
        self.numbers: tuple[Any, ...] = ()
        """The factors as 0-d arrays, which NumPy takes two times faster than Python's numbers."""
        self.foreign = False
        """Whether the parameter is an array of another library: then the factors stay Python's numbers."""
        self.lr: float | None = None
        self.rate: Any = None

    def _cut(self, block: int) -> tuple[int, int, int]:
        """Give, for a large parameter, the axis to cut, how many entries a block takes, the elements of one entry.

        The first axis if its entries fit a block: such blocks are contiguous. Otherwise the longest one.
        """
        shape = self.parameter.shape
        axis = 0 if self.parameter.size // shape[0] <= block else int(np.argmax(shape))
        across = self.parameter.size // shape[axis]
        return axis, max(1, block // across), across

    def block_size(self, block: int) -> int:
        """Give the elements of the largest block."""
        if self.parameter.size <= block:
            return self.parameter.size
        _, length, across = self._cut(block)
        return length * across

    def fit(self, a: ndarray[Any, Any], names: tuple[str, ...], pool: Sequence[ndarray[Any, Any]], block: int) -> None:
        """Prepare for a parameter's array: views of the scratch arrays in its shape, or in that of its blocks."""
        for name in names:
            if self.state[name].dtype != a.dtype:
                self.state[name] = self.state[name].astype(a.dtype)
        self.names = names
        self.arrays = [self.state[name] for name in names]
        self.dtype = a.dtype
        self.foreign = isinstance(a, Foreign)
        self.factors = self.lr = None
        if a.size <= block:
            self.scratch = [s[: a.size].reshape(a.shape) for s in pool]
            self.pieces = None
            return
        axis, length, across = self._cut(block)
        self.pieces = []
        for start in range(0, a.shape[axis], length):
            count = min(length, a.shape[axis] - start)
            index = (slice(None),) * axis + (slice(start, start + count),)
            shape = (*a.shape[:axis], count, *a.shape[axis + 1 :])
            self.pieces.append((index, [s[: count * across].reshape(shape) for s in pool]))

    def set_factors(self, factors: tuple[float, ...]) -> None:
        """Take over the numbers of this step."""
        if factors == self.factors:
            return
        if self.foreign:
            self.factors = self.numbers = factors
            return
        if self.factors is None or len(self.factors) != len(factors):
            self._vector = np.empty(len(factors), self.dtype)
            self.numbers = tuple([self._vector[i : i + 1].reshape(()) for i in range(len(factors))])
        self.factors = factors
        self._vector[:] = factors

    def converted(self, saved: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """Give a saved state as this slot takes it, or raise ValueError."""
        if not saved:
            return {}
        if missing := [name for name in names if name not in saved]:
            raise ValueError(f"the state lacks {missing[0]!r}")
        state: dict[str, Any] = {}
        for name, value in saved.items():
            array = kept(value)
            if name in names and array.shape != self.parameter.shape:
                raise ValueError(f"{name!r} has shape {array.shape}, needs {self.parameter.shape}")
            if array.dtype.kind not in "fiu":
                raise ValueError(f"{name!r} has dtype {array.dtype}, needs numbers")
            if name not in names and array.ndim:
                raise ValueError(f"{name!r} has shape {array.shape}, needs one number")
            state[name] = (
                there(array.astype(self.parameter.dtype), self.parameter._data) if name in names else array.item()
            )
        return state
