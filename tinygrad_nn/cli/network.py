"""The networks of the command line: dense layers, as many as asked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .. import nn

ACTIVATIONS = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
    "softplus": nn.Softplus,
}


#: How weights may be drawn; "default" is each layer's own way.
INITIALISERS = {
    "default": None,
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": nn.init.kaiming_uniform_,
    "kaiming_normal": nn.init.kaiming_normal_,
    "lecun_uniform": nn.init.lecun_uniform_,
    "lecun_normal": nn.init.lecun_normal_,
    "orthogonal": nn.init.orthogonal_,
    "small_normal": lambda t, rng: nn.init.normal_(t, 0.0, 0.1, rng=rng),
}


def dense(
    sizes: Sequence[int],
    activation: str,
    rng: np.random.Generator,
    init: str = "default",
    dropout: float = 0.0,
    batch_norm: bool = False,
    dtype: str = "float32",
) -> nn.Sequential:
    """Give dense layers of these sizes with an activation between them.

    Normalization by the batch comes before an activation, dropout after it. Biases of an initialiser other than
    "default" are 0.

    >>> dense([2, 3, 1], "tanh", np.random.default_rng(0))
    Sequential(
      (0): Linear(2, 3)
      (1): Tanh()
      (2): Linear(3, 1)
    )
    """
    layers: list[nn.Module] = []
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        if i:
            if batch_norm:
                layers.append(nn.BatchNorm1d(n_in, dtype=np.dtype(dtype)))
            layers.append(ACTIVATIONS[activation]())
            if dropout:
                layers.append(nn.Dropout(dropout, rng=rng))
        layer = nn.Linear(n_in, n_out, dtype=np.dtype(dtype), rng=rng)
        draw = INITIALISERS[init]
        if draw is not None:
            draw(layer.weight, rng=rng)
            nn.init.zeros_(layer.bias)
        layers.append(layer)
    return nn.Sequential(*layers)
