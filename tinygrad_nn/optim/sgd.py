"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .checks import at_least, flag
from .optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked, as in PyTorch.

    With g the gradient plus ``weight_decay`` * p::

        b <- momentum * b + (1 - dampening) * g      (b <- g in the first step)
        p <- p - lr * b                              (with nesterov: p - lr * (g + momentum * b); without momentum: g)

    >>> from tinygrad_nn import Tensor
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step(); w
    Tensor([0.8, 1.6], requires_grad=True)
    """

    _checks: ClassVar = {
        **Optimizer._checks,
        "momentum": at_least(0),
        "dampening": at_least(0),
        "nesterov": flag,
    }
    _scratch = 1

    def __init__(
        self,
        params: Any,
        lr: float,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        dampening: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )

    def _check_group(self, group: dict[str, Any]) -> None:
        if group["nesterov"] and (not group["momentum"] or group["dampening"]):
            raise ValueError("SGD: nesterov needs a momentum above 0 and no dampening")

    def _arrays(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum",) if group["momentum"] else ()

    def _factors(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        momentum, dampening, nesterov = group["momentum"], group["dampening"], group["nesterov"]
        if not momentum:
            return ()
        first = "step" not in state
        state["step"] = state.get("step", 0) + 1
        if nesterov or dampening:
            return momentum, 1.0 if first else 1.0 - dampening, float(nesterov)
        return (momentum,)

    def _direction(self, g: Any, arrays: Any, factors: Any, scratch: Any) -> Any:
        if not arrays:
            return g
        b = arrays[0]
        np.multiply(b, factors[0], b)
        if len(factors) == 1:
            return np.add(b, g, b)
        t = scratch[1]
        np.multiply(g, factors[1], t)
        np.add(b, t, b)
        if not factors[2]:
            return b
        np.multiply(b, factors[0], t)
        return np.add(g, t, t)

    def _update(
        self, a: Any, g: Any, arrays: Any, numbers: Any, scratch: Any, rate: Any, decay: float, shrink: float
    ) -> None:
        if arrays or decay:
            super()._update(a, g, arrays, numbers, scratch, rate, decay, shrink)
        elif rate is not None:  # the plain step of small networks: a call less
            own = scratch[0]
            np.multiply(g, rate, own)
            np.subtract(a, own, a)
