"""Activations as functions."""

from __future__ import annotations

from typing import Any

from ...op import OPS
from ...ops import activation, rectifier
from ...ops import gelu as _gelu_ops
from ...ops.elementwise import relu as _relu
from ...ops.elementwise import sigmoid as _sigmoid
from ...tensor import Tensor, apply, as_tensor

_tanh = OPS["tanh"]
_exp = OPS["exp"]
Axis = int | tuple[int, ...] | None


def relu(x: Any) -> Tensor:
    """Give max(x, 0), with the derivative 0 at 0.

    >>> relu([-1.0, 2.0])
    Tensor([0., 2.])
    """
    return apply(_relu, (x,))


def sigmoid(x: Any) -> Tensor:
    """Give 1 / (1 + exp(-x)), which is stable for any x.

    >>> sigmoid([-1000.0, 0.0])
    Tensor([0. , 0.5])
    """
    return apply(_sigmoid, (x,))


def tanh(x: Any) -> Tensor:
    """Give the hyperbolic tangent.

    >>> tanh(0.0)
    Tensor(0.)
    """
    return apply(_tanh, (x,))


def softmax(x: Any, axis: Axis = -1) -> Tensor:
    """Give exp(x) / sum(exp(x)) along an axis: positive numbers that add up to 1.

    Any x is stable; equally infinite elements share equally.

    >>> softmax([1010.0, 1010.0])
    Tensor([0.5, 0.5])
    """
    return apply(activation.softmax, (x,), {"axis": axis})


def log_softmax(x: Any, axis: Axis = -1) -> Tensor:
    """Give log(softmax(x)) along an axis, without taking a logarithm of a rounded 0.

    >>> log_softmax([0.0, 1000.0])
    Tensor([-1000., 0.])
    """
    return apply(activation.log_softmax, (x,), {"axis": axis})


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Give log(sum(exp(x))) along axes (all of them by default, as in SciPy) without overflow.

    >>> logsumexp([1000.0, 1000.0])
    Tensor(1000.69314718)
    """
    return apply(activation.logsumexp, (x,), {"axis": axis, "keepdims": keepdims})


def logsigmoid(x: Any) -> Tensor:
    """Give log(sigmoid(x)), stable for any x.

    >>> logsigmoid(-1000.0)
    Tensor(-1000.)
    """
    return apply(activation.logsigmoid, (x,))


def exp(x: Any) -> Tensor:
    """Give the exponential.

    >>> exp(0.0)
    Tensor(1.)
    """
    return apply(_exp, (x,))


def softmin(x: Any, axis: Axis = -1) -> Tensor:
    """Give softmax(-x) along an axis.

    >>> softmin([1010.0, 1010.0])
    Tensor([0.5, 0.5])
    """
    return apply(activation.softmax, (-as_tensor(x, "softmin"),), {"axis": axis})


def softplus(x: Any, beta: float = 1.0) -> Tensor:
    """Give log(1 + exp(beta * x)) / beta, stable for any x (without PyTorch's threshold, which it does not need).

    >>> softplus([-1000.0, 1000.0])
    Tensor([ 0., 1000.])
    """
    if beta == 1.0:
        return apply(activation.softplus, (x,))
    return apply(activation.softplus, (as_tensor(x, "softplus") * _above(beta, "beta", "softplus"),)) / beta


def _above(value: float, name: str, who: str) -> float:
    if not value > 0:
        raise ValueError(f"{who}: {name} must be above 0, got {value!r}")
    return float(value)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Tensor:
    """Give x where it is positive, negative_slope * x elsewhere.

    >>> leaky_relu([-1.0, 2.0])
    Tensor([-0.01, 2. ])
    """
    return apply(rectifier.leaky_relu, (x,), {"negative_slope": float(negative_slope)})


def prelu(x: Any, weight: Any) -> Tensor:
    """Give x where it is positive, weight * x elsewhere; weight has one number, or one for each channel (axis 1).

    >>> prelu([-1.0, 2.0], [0.5])
    Tensor([-0.5, 2. ])
    """
    x, w = as_tensor(x, "prelu"), as_tensor(weight, "prelu")
    if w.size > 1:
        if x.ndim < 2 or w.shape != (x.shape[1],):
            raise ValueError(f"prelu: weight of shape {w.shape} does not fit the channels (axis 1) of shape {x.shape}")
        w = w.reshape(-1, *(1,) * (x.ndim - 2))
    elif w.ndim != x.ndim:
        w = w.reshape((1,) * x.ndim)
    return apply(rectifier.prelu, (x, w))


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """Give x where it is positive, alpha * (exp(x) - 1) elsewhere.

    >>> elu([-1000.0, 2.0])
    Tensor([-1., 2.])
    """
    return apply(rectifier.elu, (x,), {"alpha": float(alpha)})


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """Give x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere.

    >>> celu([-1000.0, 2.0], alpha=2.0)
    Tensor([-2., 2.])
    """
    return apply(rectifier.celu, (x,), {"alpha": _above(alpha, "alpha", "celu")})


def selu(x: Any) -> Tensor:
    """Give ELU, scaled so that activations tend to mean 0 and variance 1 (Klambauer et al., 2017).

    >>> selu([0.0, 1.0])
    Tensor([0. , 1.05070099])
    """
    return apply(rectifier.selu, (x,))


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """Give x times the normal distribution function of x, or its ``"tanh"`` approximation.

    >>> gelu([-1.0, 1.0])
    Tensor([-0.15865525, 0.84134475])
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return apply(_gelu_ops.gelu if approximate == "none" else _gelu_ops.gelu_tanh, (x,))


def erf(x: Any) -> Tensor:
    """Give the error function.

    >>> erf([0.0, 1.0])
    Tensor([0. , 0.84270079])
    """
    return apply(_gelu_ops.erf, (x,))


def silu(x: Any) -> Tensor:
    """Give x * sigmoid(x), also called swish.

    >>> silu([0.0, 1000.0])
    Tensor([ 0., 1000.])
    """
    return apply(rectifier.silu, (x,))


def mish(x: Any) -> Tensor:
    """Give x * tanh(softplus(x)).

    >>> mish([0.0, 1000.0])
    Tensor([ 0., 1000.])
    """
    return apply(rectifier.mish, (x,))


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Give x, clipped to the interval from min_val to max_val; the derivative is 0 at the bounds.

    >>> hardtanh([-2.0, 0.5])
    Tensor([-1. , 0.5])
    """
    if not min_val < max_val:
        raise ValueError(f"hardtanh: min_val={min_val!r} must be below max_val={max_val!r}")
    return apply(rectifier.hardtanh, (x,), {"low": float(min_val), "high": float(max_val)})


def relu6(x: Any) -> Tensor:
    """Give x, clipped to the interval from 0 to 6.

    >>> relu6([-2.0, 7.0])
    Tensor([0., 6.])
    """
    return hardtanh(x, 0.0, 6.0)


def hardsigmoid(x: Any) -> Tensor:
    """Give relu6(x + 3) / 6.

    >>> hardsigmoid([-3.0, 0.0])
    Tensor([0. , 0.5])
    """
    return apply(rectifier.hardsigmoid, (x,))


def hardswish(x: Any) -> Tensor:
    """Give x * relu6(x + 3) / 6.

    >>> hardswish([-3.0, 3.0])
    Tensor([-0., 3.])
    """
    return apply(rectifier.hardswish, (x,))


def hardshrink(x: Any, lambd: float = 0.5) -> Tensor:
    """Give x where its size is above lambd, 0 elsewhere.

    >>> hardshrink([0.4, 0.6])
    Tensor([0. , 0.6])
    """
    return apply(rectifier.hardshrink, (x,), {"threshold": float(lambd)})


def softshrink(x: Any, lambd: float = 0.5) -> Tensor:
    """Give x moved by lambd towards 0, and 0 where it would cross it.

    >>> softshrink([0.25, 0.75])
    Tensor([0. , 0.25])
    """
    if not lambd >= 0:
        raise ValueError(f"softshrink: lambd must be at least 0, got {lambd!r}")
    return apply(rectifier.softshrink, (x,), {"threshold": float(lambd)})


def softsign(x: Any) -> Tensor:
    """Give x / (1 + abs(x)).

    >>> softsign([-1.0, 3.0])
    Tensor([-0.5 , 0.75])
    """
    return apply(rectifier.softsign, (x,))


def tanhshrink(x: Any) -> Tensor:
    """Give x - tanh(x).

    >>> tanhshrink([0.0, 1.0])
    Tensor([0. , 0.23840584])
    """
    return apply(rectifier.tanhshrink, (x,))


def threshold(x: Any, threshold: float, value: float) -> Tensor:
    """Give x where it is above the threshold, and the value elsewhere.

    >>> threshold([0.1, 2.0], 1.0, -5.0)
    Tensor([-5., 2.])
    """
    return apply(rectifier.threshold, (x,), {"limit": float(threshold), "value": float(value)})


def glu(x: Any, axis: int = -1) -> Tensor:
    """Give a * sigmoid(b), where a and b are the two halves of x along an axis.

    >>> glu([3.0, 0.0])
    Tensor([1.5])
    """
    x = as_tensor(x, "glu")
    n = x.shape[axis]
    if n % 2:
        raise ValueError(f"glu: axis {axis} of shape {x.shape} must have an even length to be halved")
    before = (slice(None),) * (axis % x.ndim)
    return x[(*before, slice(n // 2))] * sigmoid(x[(*before, slice(n // 2, n))])
