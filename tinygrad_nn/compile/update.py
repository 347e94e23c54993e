"""The update of plain gradient descent, written into the code of a training step: the optimizer's own arithmetic."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from ..optim import SGD, Optimizer

#: Larger parameters are updated in blocks of this many elements, which stay in the cache.
BLOCK = 32768


def plain_sgd(run: Any, positional: Any) -> Any:
    """Give the optimizer if an effect is one step of plain gradient descent over one group, or None."""
    if run is not getattr(Optimizer.step, "__wrapped__", None) or len(positional) != 1:
        return None
    optimizer = positional[0]
    if type(optimizer) is not SGD or len(optimizer.param_groups) != 1:
        return None
    return optimizer


class Rates:
    """What tells at each call whether a step is plain, and gives the rate as 0-d arrays by dtype."""

    def __init__(self, optimizer: Any, leaves: list[Any]) -> None:
        self.optimizer = optimizer
        self.leaves = leaves
        self.lr: Any = None
        self.arrays: dict[Any, Any] = {}

    def __call__(self) -> Any:
        groups = self.optimizer.param_groups
        group = groups[0]
        lr = group["lr"]
        if len(groups) > 1 or group["momentum"] or group["weight_decay"] or not 0.0 < lr < inf:
            return None
        if lr != self.lr:
            if [*map(id, group["params"])] != [*map(id, self.leaves)]:
                return None
            self.arrays = {t.dtype: np.array(float(lr), t.dtype) for t in self.leaves}
            self.lr = lr
        return self.arrays


def descend(a: Any, g: Any, rate: Any, scratch: Any) -> None:
    """Subtract rate * g from a large array in blocks."""
    if a.flags.c_contiguous and g.flags.c_contiguous:
        a, g = a.reshape(-1), g.reshape(-1)
        for i in range(0, a.size, BLOCK):
            part, d = a[i : i + BLOCK], g[i : i + BLOCK]
            own = scratch[: d.size]
            np.multiply(d, rate, own)
            np.subtract(part, own, part)
    else:
        np.subtract(a, np.multiply(g, rate), a)
