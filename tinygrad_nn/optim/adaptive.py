"""Optimizers that divide the gradient by the size that it has had: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .checks import at_least, flag, share
from .optimizer import Optimizer


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, lecture 6.5 of Neural Networks for Machine Learning, 2012), as in PyTorch.

    With g the gradient plus ``weight_decay`` * p::

        v <- alpha * v + (1 - alpha) * g**2
        p <- p - lr * g / (sqrt(v) + eps)

    ``centered`` takes the variance v - m**2, with m the running mean of g, in the place of v. With ``momentum``
    b <- momentum * b + g / (sqrt(v) + eps) and p <- p - lr * b.

    >>> from tinygrad_nn import Tensor
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = RMSprop([w], lr=0.01)
    >>> (w * w).sum().backward()
    >>> optimizer.step(); w
    Tensor([ 0.9, -1.9], requires_grad=True)
    """

    _checks: ClassVar = {
        **Optimizer._checks,
        "alpha": share,
        "eps": at_least(0),
        "momentum": at_least(0),
        "centered": flag,
    }
    _scratch = 1

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )

    def _arrays(self, group: dict[str, Any]) -> tuple[str, ...]:
        if group["centered"]:
            return ("v", "m", "momentum") if group["momentum"] else ("v", "m")
        return ("v", "momentum") if group["momentum"] else ("v",)

    def _factors(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        alpha = group["alpha"]
        return alpha, 1.0 - alpha, group["eps"], group["momentum"], float(group["centered"])

    def _direction(self, g: Any, arrays: Any, factors: Any, scratch: Any) -> Any:
        alpha, rest, eps, momentum, centered = factors
        t = scratch[1]
        v = arrays[0]
        np.multiply(v, alpha, v)
        np.multiply(g, g, t)
        np.multiply(t, rest, t)
        np.add(v, t, v)
        if centered:
            m = arrays[1]
            np.subtract(g, m, t)
            np.multiply(t, rest, t)
            np.add(m, t, m)
            np.multiply(m, m, t)
            np.subtract(v, t, t)
            np.maximum(t, 0.0, out=t)  # a variance of 0 can come out as -1e-20, whose root is NaN
            np.sqrt(t, t)
        else:
            np.sqrt(v, t)
        np.add(t, eps, t)
        np.divide(g, t, t)
        if not momentum:
            return t
        b = arrays[-1]
        np.multiply(b, momentum, b)
        return np.add(b, t, b)


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, https://jmlr.org/papers/v12/duchi11a.html), as in PyTorch.

    With g the gradient plus ``weight_decay`` * p, t the number of the step and s at ``initial_accumulator_value``
    before the first::

        s <- s + g**2
        p <- p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    >>> from tinygrad_nn import Tensor
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = Adagrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step(); w
    Tensor([ 0.9, -1.9], requires_grad=True)
    """

    _checks: ClassVar = {
        **Optimizer._checks,
        "lr_decay": at_least(0),
        "initial_accumulator_value": at_least(0),
        "eps": at_least(0),
    }
    _scratch = 1

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            maximize=maximize,
        )

    def _arrays(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def _fill(self, group: dict[str, Any], name: str) -> float:
        return group["initial_accumulator_value"]

    def _factors(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        t = state["step"] = state.get("step", 0) + 1
        return 1.0 + (t - 1) * group["lr_decay"], group["eps"]

    def _direction(self, g: Any, arrays: Any, factors: Any, scratch: Any) -> Any:
        (s,) = arrays
        slower, eps = factors
        t = scratch[1]
        np.multiply(g, g, t)
        np.add(s, t, s)
        np.sqrt(s, t)
        np.add(t, eps, t)
        if slower != 1.0:
            np.multiply(t, slower, t)
        return np.divide(g, t, t)


class Adadelta(Optimizer):
    """Adadelta (Zeiler, https://arxiv.org/abs/1212.5701), as in PyTorch.

    With g the gradient plus ``weight_decay`` * p::

        v <- rho * v + (1 - rho) * g**2
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u <- rho * u + (1 - rho) * d**2
        p <- p - lr * d

    >>> from tinygrad_nn import Tensor
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = Adadelta([w])
    >>> (w * w).sum().backward()
    >>> optimizer.step(); w.data.round(6)
    array([ 0.996838, -1.996838])
    """

    _checks: ClassVar = {**Optimizer._checks, "rho": share, "eps": at_least(0)}
    _scratch = 2

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def _arrays(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "v", "u"

    def _factors(self, group: dict[str, Any], state: dict[str, Any]) -> tuple[float, ...]:
        return group["rho"], 1.0 - group["rho"], group["eps"]

    def _direction(self, g: Any, arrays: Any, factors: Any, scratch: Any) -> Any:
        v, u = arrays
        rho, rest, eps = factors
        _, d, t = scratch
        np.multiply(v, rho, v)
        np.multiply(g, g, t)
        np.multiply(t, rest, t)
        np.add(v, t, v)
        np.add(u, eps, d)
        np.add(v, eps, t)
        np.sqrt(d, d)
        np.sqrt(t, t)
        np.divide(d, t, d)
        np.multiply(d, g, d)
        np.multiply(u, rho, u)
        np.multiply(d, d, t)
        np.multiply(t, rest, t)
        np.add(u, t, u)
        return d
