"""Activations made of straight pieces and exponentials: the family of ReLU.

Their slopes at a kink are PyTorch's. A mask is multiplied, not selected with: that is ten times faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import case, elementwise
from .elementwise import sigmoid

_ONE = [case((3, 4)), case(()), case((0,))]


def _below(x: Any) -> Any:
    return np.minimum(x, 0.0)


leaky_relu = elementwise(
    lambda x, negative_slope=0.01: np.maximum(x, 0.0) + negative_slope * np.minimum(x, 0.0),
    lambda g, y, x, negative_slope=0.01: g * (x > 0) + g * negative_slope * (x <= 0),
    name="leaky_relu",
    kinks="negative_slope at 0",
    cases=[*_ONE, case((3, 4), negative_slope=0.2)],
)
prelu = elementwise(
    lambda x, weight: np.maximum(x, 0.0) + weight * np.minimum(x, 0.0),
    lambda g, y, x, weight: g * (x > 0) + g * weight * (x <= 0),
    lambda g, y, x, weight: g * (x * (x <= 0)),
    name="prelu",
    kinks="weight at 0",
)
elu = elementwise(
    lambda x, alpha=1.0: np.maximum(x, 0.0) + alpha * np.expm1(np.minimum(x, 0.0)),
    lambda g, y, x, alpha=1.0: g * (x > 0) + g * alpha * np.exp(_below(x)) * (x <= 0),
    name="elu",
    kinks="alpha at 0",
    cases=[*_ONE, case((3, 4), alpha=0.5)],
)
celu = elementwise(
    lambda x, alpha=1.0: np.maximum(x, 0.0) + alpha * np.expm1(np.minimum(x, 0.0) / alpha),
    lambda g, y, x, alpha=1.0: g * (x > 0) + g * np.exp(_below(x) / alpha) * (x <= 0),
    name="celu",
    cases=[*_ONE, case((3, 4), alpha=0.5)],
)

# Klambauer et al., "Self-Normalizing Neural Networks" (2017): the fixed point for mean 0 and variance 1.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
selu = elementwise(
    lambda x: SELU_SCALE * np.maximum(x, 0.0) + SELU_SCALE * SELU_ALPHA * np.expm1(np.minimum(x, 0.0)),
    lambda g, y, x: g * SELU_SCALE * (x > 0) + g * (SELU_SCALE * SELU_ALPHA) * np.exp(_below(x)) * (x <= 0),
    name="selu",
    kinks="1.758 at 0",
)
silu = elementwise(
    lambda x: x * sigmoid(x),
    lambda g, y, x: g * (sigmoid(x) * (1.0 + x * sigmoid(-x))),
    name="silu",
    formula="x * sigmoid(x)",
)


def _mish_slope(x: Any) -> Any:
    t = np.tanh(np.logaddexp(x, 0.0))
    return t + x * (1.0 - t * t) * sigmoid(x)


mish = elementwise(
    lambda x: x * np.tanh(np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))),
    lambda g, y, x: g * _mish_slope(x),
    name="mish",
    formula="x * tanh(softplus(x))",
)
hardtanh = elementwise(
    lambda x, low=-1.0, high=1.0: np.minimum(np.maximum(x, low), high),
    lambda g, y, x, low=-1.0, high=1.0: g * ((x > low) & (x < high)),
    name="hardtanh",
    kinks="0 at both bounds",
    cases=[*_ONE, case((3, 4), low=0.0, high=6.0)],
)
hardsigmoid = elementwise(
    lambda x: np.minimum(np.maximum(x + 3.0, 0.0), 6.0) / 6.0,
    lambda g, y, x: g * (1.0 / 6.0) * ((x > -3.0) & (x < 3.0)),
    name="hardsigmoid",
    kinks="0 at -3 and 3",
)
hardswish = elementwise(
    lambda x: x * (np.minimum(np.maximum(x + 3.0, 0.0), 6.0) / 6.0),
    lambda g, y, x: g * (x / 3.0 + 0.5) * ((x > -3.0) & (x < 3.0)) + g * (x >= 3.0),
    name="hardswish",
    kinks="0 at -3, 1 at 3",
)
hardshrink = elementwise(
    lambda x, threshold=0.5: x * (np.abs(x) > threshold),
    lambda g, y, x, threshold=0.5: g * (np.abs(x) > threshold),
    name="hardshrink",
    kinks="0 at both thresholds, where it jumps",
    cases=[*_ONE, case((3, 4), threshold=0.8)],
)
softshrink = elementwise(
    lambda x, threshold=0.5: np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0),
    lambda g, y, x, threshold=0.5: g * (np.abs(x) > threshold),
    name="softshrink",
    kinks="0 at both thresholds",
    cases=[*_ONE, case((3, 4), threshold=0.8)],
)
softsign = elementwise(
    lambda x: x / (1.0 + np.abs(x)),
    lambda g, y, x: g * np.square(1.0 / (1.0 + np.abs(x))),
    name="softsign",
)
tanhshrink = elementwise(
    lambda x: x - np.tanh(x),
    lambda g, y, x: g * np.square(np.tanh(x)),
    name="tanhshrink",
    analytic=True,
)
threshold = elementwise(
    lambda x, limit=0.0, value=0.0: np.where(x > limit, x, value),
    lambda g, y, x, limit=0.0, value=0.0: g * (x > limit),
    name="threshold",
    kinks="0 at the limit, where it jumps",
    cases=[*_ONE, case((3, 4), limit=0.3, value=-2.0)],
)
