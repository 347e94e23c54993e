"""Adam and its kin: first and second moments of the gradient."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from .checks import at_least, flag, pair
from .optimizer import Optimizer


def moments(g: Any, m: Any, v: Any, factors: Any, t: Any) -> None:
    """Update m <- b1 * m + (1 - b1) * g and v <- b2 * v + (1 - b2) * g**2 in place, with t as scratch.

    ``factors`` are b1, 1 - b1, b2, 1 - b2.
    """
    b1, c1, b2, c2 = factors
    np.multiply(m, b1, m)
    np.multiply(g, c1, t)
    np.add(m, t, m)
    np.multiply(v, b2, v)
    np.multiply(g, g, t)
    np.multiply(t, c2, t)
    np.add(v, t, v)


class Adam(Optimizer):
    """Adam (Kingma and Ba, https://arxiv.org/abs/1412.6980), as in PyTorch.

    With g the gradient plus ``weight_decay`` * p, b1 and b2 the ``betas``, t the number of the step::

        m <- b1 * m + (1 - b1) * g
        v <- b2 * v + (1 - b2) * g**2
        p <- p - lr * (m / (1 - b1**t)) / (sqrt(v / (1 - b2**t)) + eps)

    With ``amsgrad`` the largest v so far takes the place of v in the last line.

    >>> from tinygrad_nn import Tensor
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step(); w
    Tensor([ 0.9, -1.9], requires_grad=True)
    """

    _checks: ClassVar = {**Optimizer._checks, "betas": pair, "eps": at_least(0), "amsgrad": flag}
    _scratch = 1

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )

    def _arrays(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("m", "v", "v_max") if group["amsgrad"] else ("m", "v")

    def _factors(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        b1, b2 = group["betas"]
        t = state["step"] = state.get("step", 0) + 1
        # The first bias correction goes into the divisor: one pass less.
        correction = 1.0 - b1**t
        return b1, 1.0 - b1, b2, 1.0 - b2, correction / math.sqrt(1.0 - b2**t), group["eps"] * correction

    def _direction(self, g: Any, arrays: Any, factors: Any, scratch: Any) -> Any:
        m, v = arrays[0], arrays[1]
        t = scratch[1]
        moments(g, m, v, factors[:4], t)
        if len(arrays) == 3:
            v = np.maximum(arrays[2], v, out=arrays[2])
        np.sqrt(v, t)
        np.multiply(t, factors[4], t)
        np.add(t, factors[5], t)
        return np.divide(m, t, t)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, https://arxiv.org/abs/1711.05101), as in PyTorch.

    p <- p * (1 - lr * weight_decay), then the step of :class:`Adam` with the bare gradient.

    >>> from tinygrad_nn import Tensor
    >>> AdamW([Tensor([1.0, -2.0], requires_grad=True)])
    AdamW(lr=0.001, weight_decay=0.01, betas=(0.9, 0.999), eps=1e-08, amsgrad=False; 1 parameter)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def _is_decoupled(self, group: dict[str, Any]) -> bool:
        return True


class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ), as in PyTorch.

    m and v as in :class:`Adam`, mu(t) = b1 * (1 - 0.96**(t * momentum_decay) / 2), M(t) the product of mu(1 ... t)::

        p <- p - lr * ((1 - mu(t)) / (1 - M(t)) * g + mu(t + 1) / (1 - M(t + 1)) * m) / (sqrt(v / (1 - b2**t)) + eps)

    >>> from tinygrad_nn import Tensor
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = NAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step(); w.data.round(4)
    array([ 0.8944, -1.8944])
    """

    _checks: ClassVar = {
        **Optimizer._checks,
        "betas": pair,
        "eps": at_least(0),
        "momentum_decay": at_least(0),
        "decoupled_weight_decay": flag,
    }
    _scratch = 2

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
        )

    def _is_decoupled(self, group: dict[str, Any]) -> bool:
        return group["decoupled_weight_decay"]

    def _arrays(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "m", "v"

    def _factors(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        b1, b2 = group["betas"]
        t = state["step"] = state.get("step", 0) + 1
        mu = b1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"]))
        after = b1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * group["momentum_decay"]))
        product = state["mu_product"] = state.get("mu_product", 1.0) * mu
        of_g = (1.0 - mu) / (1.0 - product)
        of_m = after / (1.0 - product * after)
        return b1, 1.0 - b1, b2, 1.0 - b2, of_g, of_m, 1.0 / math.sqrt(1.0 - b2**t), group["eps"]

    def _direction(self, g: Any, arrays: Any, factors: Any, scratch: Any) -> Any:
        m, v = arrays
        of_g, of_m, correction, eps = factors[4:]
        _, t, u = scratch
        moments(g, m, v, factors[:4], t)
        np.multiply(g, of_g, t)
        np.multiply(m, of_m, u)
        np.add(t, u, t)
        np.sqrt(v, u)
        np.multiply(u, correction, u)
        np.add(u, eps, u)
        return np.divide(t, u, t)
