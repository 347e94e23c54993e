"""Activations as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Parameter
from . import functional as F
from .module import Module
from .options import full, positive


class ReLU(Module):
    """max(x, 0).

    >>> ReLU()([-1.0, 2.0])
    Tensor([0., 2.])
    """

    forward = staticmethod(F.relu)


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    >>> Sigmoid()(0.0)
    Tensor(0.5)
    """

    forward = staticmethod(F.sigmoid)


class Tanh(Module):
    """The hyperbolic tangent.

    >>> Tanh()(0.0)
    Tensor(0.)
    """

    forward = staticmethod(F.tanh)


class LogSigmoid(Module):
    """log(sigmoid(x)).

    >>> LogSigmoid()(-1000.0)
    Tensor(-1000.)
    """

    forward = staticmethod(F.logsigmoid)


class ReLU6(Module):
    """x, clipped to the interval from 0 to 6.

    >>> ReLU6()([-2.0, 7.0])
    Tensor([0., 6.])
    """

    forward = staticmethod(F.relu6)


class SELU(Module):
    """Scaled ELU: see :func:`tinygrad_nn.nn.functional.selu`.

    >>> SELU()([0.0, 1.0])
    Tensor([0. , 1.05070099])
    """

    forward = staticmethod(F.selu)


class SiLU(Module):
    """x * sigmoid(x).

    >>> SiLU()([0.0, 1000.0])
    Tensor([ 0., 1000.])
    """

    forward = staticmethod(F.silu)


class Mish(Module):
    """x * tanh(softplus(x)).

    >>> Mish()([0.0, 1000.0])
    Tensor([ 0., 1000.])
    """

    forward = staticmethod(F.mish)


class Hardswish(Module):
    """x * relu6(x + 3) / 6.

    >>> Hardswish()([0.0, 3.0])
    Tensor([0., 3.])
    """

    forward = staticmethod(F.hardswish)


class Hardsigmoid(Module):
    """relu6(x + 3) / 6.

    >>> Hardsigmoid()([-3.0, 0.0])
    Tensor([0. , 0.5])
    """

    forward = staticmethod(F.hardsigmoid)


class Softsign(Module):
    """x / (1 + abs(x)).

    >>> Softsign()([-1.0, 3.0])
    Tensor([-0.5 , 0.75])
    """

    forward = staticmethod(F.softsign)


class Tanhshrink(Module):
    """x - tanh(x).

    >>> Tanhshrink()(0.0)
    Tensor(0.)
    """

    forward = staticmethod(F.tanhshrink)


class _With(Module):
    """An activation with options, which are its attributes."""

    _function: Callable[..., Any]

    def forward(self, x: Any) -> Any:
        """Give the function of x."""
        return type(self)._function(x, **vars_of(self))

    def extra_repr(self) -> str:
        """Give the options."""
        return ", ".join([f"{k}={v!r}" for k, v in vars_of(self).items()])


def vars_of(module: Module) -> dict[str, Any]:
    """Give a module's options: its attributes but those of every module."""
    return {k: v for k, v in vars(module).items() if not k.startswith("_") and k != "training"}


class Softmax(_With):
    """exp(x) / sum(exp(x)) along an axis.

    >>> Softmax()([0.0, 0.0])
    Tensor([0.5, 0.5])
    """

    _function = staticmethod(F.softmax)

    def __init__(self, axis: int | tuple[int, ...] | None = -1) -> None:
        self.axis = axis


class LogSoftmax(Softmax):
    """log(softmax(x)) along an axis.

    >>> LogSoftmax()([0.0, 1000.0])
    Tensor([-1000., 0.])
    """

    _function = staticmethod(F.log_softmax)


class Softmin(Softmax):
    """softmax(-x) along an axis.

    >>> Softmin()([1.0, 1.0])
    Tensor([0.5, 0.5])
    """

    _function = staticmethod(F.softmin)


class LeakyReLU(_With):
    """x where it is positive, negative_slope * x elsewhere.

    >>> LeakyReLU()([-1.0, 2.0])
    Tensor([-0.01, 2. ])
    """

    _function = staticmethod(F.leaky_relu)

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope


class ELU(_With):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere.

    >>> ELU()([-1000.0, 2.0])
    Tensor([-1., 2.])
    """

    _function = staticmethod(F.elu)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha


class CELU(_With):
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere.

    >>> CELU(2.0)([-1000.0, 2.0])
    Tensor([-2., 2.])
    """

    _function = staticmethod(F.celu)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha


class GELU(_With):
    """x times the normal distribution function of x, or its ``"tanh"`` approximation.

    >>> GELU()(1.0)
    Tensor(0.84134475)
    """

    _function = staticmethod(F.gelu)

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate


class Softplus(_With):
    """log(1 + exp(beta * x)) / beta.

    >>> Softplus()(0.0)
    Tensor(0.69314718)
    """

    _function = staticmethod(F.softplus)

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta


class Hardtanh(_With):
    """x, clipped to the interval from min_val to max_val.

    >>> Hardtanh()([-2.0, 0.5])
    Tensor([-1. , 0.5])
    """

    _function = staticmethod(F.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        self.min_val = min_val
        self.max_val = max_val


class Hardshrink(_With):
    """x where its size is above lambd, 0 elsewhere.

    >>> Hardshrink()([0.4, 0.6])
    Tensor([0. , 0.6])
    """

    _function = staticmethod(F.hardshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd


class Softshrink(Hardshrink):
    """x moved by lambd towards 0.

    >>> Softshrink()([0.25, 0.75])
    Tensor([0. , 0.25])
    """

    _function = staticmethod(F.softshrink)


class Threshold(_With):
    """x where it is above the threshold, the value elsewhere.

    >>> Threshold(1.0, -5.0)([0.5, 2.0])
    Tensor([-5., 2.])
    """

    _function = staticmethod(F.threshold)

    def __init__(self, threshold: float, value: float) -> None:
        self.threshold = threshold
        self.value = value


class GLU(_With):
    """a * sigmoid(b) for the halves a and b of x along an axis.

    >>> GLU()([3.0, 0.0])
    Tensor([1.5])
    """

    _function = staticmethod(F.glu)

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis


class PReLU(Module):
    """x where it is positive, weight * x elsewhere, with a trained weight: one number, or one per channel.

    >>> PReLU()([-1.0, 2.0])
    Tensor([-0.25, 2. ], op=prelu)
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: Any = np.float32) -> None:
        self.num_parameters = positive(num_parameters, "num_parameters", "PReLU")
        self.weight: Parameter = full((self.num_parameters,), init, dtype, "PReLU")

    def forward(self, x: Any) -> Any:
        """Give the function of x."""
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        """Give the number of weights."""
        return f"num_parameters={self.num_parameters}"
