"""All gradients in one buffer, so that one message a step adds them up over the ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from .world import World


class Flat:
    """Add up the gradients of parameters, and some numbers, over the ranks of a world.

    One buffer for each dtype; behind the gradients it tells which of them this rank has, and holds the numbers.

    >>> from .world import ALONE
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> w.grad = np.array([3.0, 4.0])
    >>> Flat([w]).add_up(ALONE, 0.5), w.grad
    ([0.5], array([3., 4.]))
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = list(parameters)
        self._buffers: dict[Any, tuple[Any, list[Any], list[Tensor]]] = {}

    def _fit(self, extra: int) -> None:
        groups: dict[Any, list[Tensor]] = {}
        for p in self._parameters:
            groups.setdefault(p.dtype, []).append(p)
        for i, (dtype, group) in enumerate(groups.items()):
            sizes = [p.size for p in group]
            total = sum(sizes)
            # Numbers travel with the first buffer.
            buffer = np.zeros(total + len(group) + (extra if i == 0 else 0), dtype)
            ends = np.cumsum([0, *sizes]).tolist()
            views = [buffer[a:b].reshape(p.shape) for a, b, p in zip(ends[:-1], ends[1:], group, strict=True)]
            self._buffers[dtype] = (buffer, views, group)

    def add_up(self, world: World, *numbers: float) -> list[float]:
        """Replace every gradient by its sum over the ranks, and give the sums of the numbers.

        A rank without a gradient adds zeros; where no rank has one it stays None.
        """
        if world.size == 1:
            return [float(n) for n in numbers]
        if not self._buffers:
            self._fit(len(numbers))
        sums: list[float] = []
        for i, (buffer, views, group) in enumerate(self._buffers.values()):
            start = sum([v.size for v in views])
            for j, (p, view) in enumerate(zip(group, views, strict=True)):
                g = p._grad
                buffer[start + j] = g is not None
                view[...] = 0.0 if g is None else g
            if i == 0:
                buffer[start + len(group) :] = numbers
            world.add_up(buffer)
            for j, (p, view) in enumerate(zip(group, views, strict=True)):
                if not buffer[start + j]:
                    p._grad = None
                elif p._grad is None:
                    p._grad = view.copy()
                else:
                    p._grad[...] = view
            if i == 0:
                sums = buffer[start + len(group) :].tolist()
        return sums
