"""Initialisers: they write new random values into a parameter, in place, and give it back.

The article's ``0.1 * N`` is ``normal_(t, std=0.1)``. ``rng`` is a numpy Generator, a seed, or None for fresh entropy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from .options import Rng, generator


def _fill(t: Any, values: Any, who: str) -> Any:
    if isinstance(t, Tensor):
        if t.op is not None:
            raise TypeError(f"{who}: takes a parameter or another leaf tensor, got the result of {t.op.name}")
        t._own()[...] = values
    elif isinstance(t, np.ndarray):
        t[...] = values
    else:
        raise TypeError(f"{who}: takes a parameter or an array to write to, got {type(t).__name__}")
    return t


def uniform_(t: Any, low: float = 0.0, high: float = 1.0, rng: Rng = None) -> Any:
    """Write numbers drawn uniformly from low to high.

    >>> uniform_(np.zeros(3), -1.0, 1.0, rng=0)
    array([ 0.27392337, -0.46042657, -0.91805295])
    """
    return _fill(t, generator(rng, "uniform_").uniform(low, high, t.shape), "uniform_")


def normal_(t: Any, mean: float = 0.0, std: float = 1.0, rng: Rng = None) -> Any:
    """Write numbers drawn from the normal distribution.

    >>> normal_(np.zeros(3), std=0.1, rng=0)
    array([ 0.01257302, -0.01321049,  0.06404227])
    """
    return _fill(t, generator(rng, "normal_").normal(mean, std, t.shape), "normal_")


def constant_(t: Any, value: float) -> Any:
    """Write the same number everywhere.

    >>> constant_(np.zeros(2), 0.5)
    array([0.5, 0.5])
    """
    return _fill(t, value, "constant_")


def zeros_(t: Any) -> Any:
    """Write zeros.

    >>> zeros_(np.ones(2))
    array([0., 0.])
    """
    return _fill(t, 0.0, "zeros_")


def ones_(t: Any) -> Any:
    """Write ones.

    >>> ones_(np.zeros(2))
    array([1., 1.])
    """
    return _fill(t, 1.0, "ones_")


def fans(shape: tuple[int, ...], who: str = "fans") -> tuple[int, int]:
    """Give the numbers of inputs and outputs of each unit of a weight (out, in, ...): its fan-in and fan-out.

    >>> fans((16, 3, 5, 5))
    (75, 400)
    """
    if len(shape) < 2:
        raise ValueError(f"{who}: needs a weight of at least two axes (out, in, ...), got shape {shape}")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Give the factor that keeps activations' variance through a nonlinearity, with PyTorch's values.

    ``param`` is leaky_relu's negative slope.

    >>> calculate_gain("relu")
    1.4142135623730951
    """
    gains = {
        "linear": 1.0,
        "conv1d": 1.0,
        "conv2d": 1.0,
        "conv3d": 1.0,
        "sigmoid": 1.0,
        "tanh": 5.0 / 3.0,
        "relu": math.sqrt(2.0),
        "selu": 0.75,
    }
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1.0 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in gains:
        known = ", ".join(sorted([*gains, "leaky_relu"]))
        raise ValueError(f"calculate_gain: nonlinearity {nonlinearity!r} is unknown; use one of {known}")
    return gains[nonlinearity]


def xavier_uniform_(t: Any, gain: float = 1.0, rng: Rng = None) -> Any:
    """Draw uniformly with the standard deviation gain * sqrt(2 / (fan_in + fan_out)).

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).

    >>> xavier_uniform_(np.zeros((2, 2)), rng=0).round(3)
    array([[ 0.335, -0.564],
           [-1.124, -1.184]])
    """
    fan_in, fan_out = fans(t.shape, "xavier_uniform_")
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return _fill(t, generator(rng, "xavier_uniform_").uniform(-bound, bound, t.shape), "xavier_uniform_")


def xavier_normal_(t: Any, gain: float = 1.0, rng: Rng = None) -> Any:
    """Draw from the normal distribution with the standard deviation gain * sqrt(2 / (fan_in + fan_out)) (Glorot).

    >>> xavier_normal_(np.zeros((2, 2)), rng=0).round(3)
    array([[ 0.089, -0.093],
           [ 0.453,  0.074]])
    """
    fan_in, fan_out = fans(t.shape, "xavier_normal_")
    std = gain * math.sqrt(2.0 / (fan_in + fan_out))
    return _fill(t, generator(rng, "xavier_normal_").normal(0.0, std, t.shape), "xavier_normal_")


def _kaiming_std(t: Any, a: float, mode: str, nonlinearity: str, who: str) -> float:
    fan_in, fan_out = fans(t.shape, who)
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{who}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(fan_in if mode == "fan_in" else fan_out)


def kaiming_uniform_(
    t: Any, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: Rng = None
) -> Any:
    """Draw uniformly with the standard deviation gain / sqrt(fan); ``a`` is the negative slope of leaky_relu.

    He et al., "Delving deep into rectifiers" (2015).

    >>> float(np.abs(kaiming_uniform_(np.zeros((50, 6)), rng=0)).max().round(2))
    1.0
    """
    bound = math.sqrt(3.0) * _kaiming_std(t, a, mode, nonlinearity, "kaiming_uniform_")
    return _fill(t, generator(rng, "kaiming_uniform_").uniform(-bound, bound, t.shape), "kaiming_uniform_")


def kaiming_normal_(
    t: Any, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng: Rng = None
) -> Any:
    """Draw from the normal distribution with the standard deviation gain / sqrt(fan) (He).

    >>> kaiming_normal_(np.zeros((1, 2)), rng=0).round(3)
    array([[ 0.126, -0.132]])
    """
    std = _kaiming_std(t, a, mode, nonlinearity, "kaiming_normal_")
    return _fill(t, generator(rng, "kaiming_normal_").normal(0.0, std, t.shape), "kaiming_normal_")


def lecun_uniform_(t: Any, rng: Rng = None) -> Any:
    """Draw uniformly with the standard deviation 1 / sqrt(fan_in).

    LeCun et al., "Efficient BackProp" (1998).

    >>> float(np.abs(lecun_uniform_(np.zeros((50, 3)), rng=0)).max().round(2))
    1.0
    """
    bound = math.sqrt(3.0 / fans(t.shape, "lecun_uniform_")[0])
    return _fill(t, generator(rng, "lecun_uniform_").uniform(-bound, bound, t.shape), "lecun_uniform_")


def lecun_normal_(t: Any, rng: Rng = None) -> Any:
    """Draw from the normal distribution with the standard deviation 1 / sqrt(fan_in) (LeCun); goes with SELU.

    >>> lecun_normal_(np.zeros((1, 4)), rng=0).round(3)
    array([[ 0.063, -0.066,  0.32 ,  0.052]])
    """
    std = 1.0 / math.sqrt(fans(t.shape, "lecun_normal_")[0])
    return _fill(t, generator(rng, "lecun_normal_").normal(0.0, std, t.shape), "lecun_normal_")


def orthogonal_(t: Any, gain: float = 1.0, rng: Rng = None) -> Any:
    """Draw a random matrix with orthonormal rows (or columns, if there are more rows), times gain.

    Later axes count as columns. Saxe et al., "Exact solutions to the nonlinear dynamics of learning" (2014).

    >>> q = orthogonal_(np.zeros((2, 3)), rng=0)
    >>> bool(np.allclose(q @ q.T, np.eye(2)))
    True
    """
    fans(t.shape, "orthogonal_")
    rows, columns = t.shape[0], math.prod(t.shape[1:])
    draw = generator(rng, "orthogonal_").normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(draw)
    # With the signs of r's diagonal taken out the distribution is uniform (Mezzadri, 2007).
    q = q * np.sign(np.diagonal(r))
    return _fill(t, gain * (q if rows >= columns else q.T).reshape(t.shape), "orthogonal_")


def truncated_normal_(
    t: Any, mean: float = 0.0, std: float = 1.0, low: float = -2.0, high: float = 2.0, rng: Rng = None
) -> Any:
    """Draw from the normal distribution, anew wherever a number falls outside low to high.

    >>> float(np.abs(truncated_normal_(np.zeros(1000), high=2.0, rng=0)).max()) <= 2.0
    True
    """
    if not (low < high and std > 0 and low < mean + 5 * std and high > mean - 5 * std):
        raise ValueError(
            f"truncated_normal_: needs low < high, within 5 std of the mean; got mean={mean!r}, std={std!r}, "
            f"low={low!r}, high={high!r}"
        )
    draw = generator(rng, "truncated_normal_")
    values = draw.normal(mean, std, t.shape)
    while (outside := (values < low) | (values > high)).any():
        values[outside] = draw.normal(mean, std, int(outside.sum()))
    return _fill(t, values, "truncated_normal_")


def eye_(t: Any) -> Any:
    """Write the identity matrix.

    >>> eye_(np.zeros((2, 2)))
    array([[1., 0.], [0., 1.]])
    """
    if len(t.shape) != 2:
        raise ValueError(f"eye_: needs a matrix, got shape {t.shape}")
    return _fill(t, np.eye(*t.shape), "eye_")


#: Other names for the same: by their first author.
glorot_uniform_, glorot_normal_ = xavier_uniform_, xavier_normal_
he_uniform_, he_normal_ = kaiming_uniform_, kaiming_normal_
trunc_normal_ = truncated_normal_
