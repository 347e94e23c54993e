"""What a training asks of the other ranks. Alone, each answer is its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray


class World:
    """A group of processes that train one model together; this one is of a process alone.

    Every rank holds the whole model. Of a batch of n samples rank r computes the samples ``part(n)``; gradients, losses
    and counts are added up over the ranks, so that all of them make the same step.

    >>> World().part(5), World().size
    (slice(0, 5, None), 1)
    """

    rank: int = 0
    size: int = 1

    def part(self, samples: int) -> slice:
        """Give the samples of a batch that are this rank's: contiguous parts whose sizes differ by one at most."""
        return slice(samples * self.rank // self.size, samples * (self.rank + 1) // self.size)

    def add_up(self, array: ndarray[Any, Any]) -> None:
        """Replace an array by the sum of all ranks' arrays, which have one shape and dtype; all get the same bits."""

    def sum(self, *numbers: float) -> list[float]:
        """Give the sums of numbers over the ranks.

        >>> World().sum(1.0, 2.0)
        [1.0, 2.0]
        """
        sums = np.array(numbers, np.float64)
        self.add_up(sums)
        return sums.tolist()

    def gather(self, array: ndarray[Any, Any] | None) -> ndarray[Any, Any]:
        """Give all ranks' arrays, one after the other along the first axis; None is of a rank that has no row."""
        if array is None:
            raise ValueError("gather: no rank has a row")
        return array

    def broadcast(self, value: Any) -> Any:
        """Give rank 0's value on all ranks: numbers, text and arrays in dicts and lists."""
        return value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(rank={self.rank}, size={self.size})"


ALONE = World()
"""The only rank of a program that was not launched on several."""
