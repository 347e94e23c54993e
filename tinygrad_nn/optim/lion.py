"""Lion: steps of one size, in the direction of the sign of the momentum."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .checks import pair
from .optimizer import Optimizer


class Lion(Optimizer):
    """Lion (Chen and others, https://arxiv.org/abs/2302.06675, algorithm 2), with decoupled weight decay.

    With g the gradient and b1, b2 the ``betas``::

        p <- p - lr * (sign(b1 * m + (1 - b1) * g) + weight_decay * p)
        m <- b2 * m + (1 - b2) * g

    >>> from tinygrad_nn import Tensor
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = Lion([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step(); w
    Tensor([ 0.9, -1.9], requires_grad=True)
    """

    _checks: ClassVar = {**Optimizer._checks, "betas": pair}
    _scratch = 2

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize)

    def _is_decoupled(self, group: dict[str, Any]) -> bool:
        return True

    def _arrays(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("m",)

    def _factors(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        b1, b2 = group["betas"]
        return b1, 1.0 - b1, b2, 1.0 - b2

    def _direction(self, g: Any, arrays: Any, factors: Any, scratch: Any) -> Any:
        (m,) = arrays
        b1, c1, b2, c2 = factors
        _, d, t = scratch
        np.multiply(m, b1, d)
        np.multiply(g, c1, t)
        np.add(d, t, d)
        np.sign(d, d)
        np.multiply(m, b2, m)
        np.multiply(g, c2, t)
        np.add(m, t, m)
        return d
