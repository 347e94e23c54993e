"""The functions and methods that an expression on the command line may call, by how large their results can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..nn import functional
from ..op import OPS

NEVER_LARGER = [
    "sum",
    "mean",
    "prod",
    "max",
    "min",
    "var",
    "std",
    "ptp",
    "norm",
    "logsumexp",
    "softmax",
    "log_softmax",
    "softmin",
    "median",
    "average",
    "nansum",
    "nanmean",
    "nanmax",
    "nanmin",
    "cumsum",
    "cumprod",
    "reshape",
    "ravel",
    "transpose",
    "matrix_transpose",
    "swapaxes",
    "moveaxis",
    "expand_dims",
    "squeeze",
    "flip",
    "roll",
    "sort",
    "trace",
    "tril",
    "triu",
    "diagonal",
    "inv",
    "pinv",
    "det",
    "solve",
    "cholesky",
    "normalize",
    "layer_norm",
    "cross_entropy",
    "nll_loss",
]
BROADCAST_TOO = [
    "abs",
    "clip",
    "mse_loss",
    "l1_loss",
    "huber_loss",
    "smooth_l1_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "logsigmoid",
    "erf",
    "relu6",
    "cosine_similarity",
]
JOINED = ["concatenate", "stack", "hstack", "vstack"]
PRODUCTS = ["matmul", "dot", "inner", "vdot", "outer", "vecdot"]
METHODS = [
    "sum",
    "mean",
    "prod",
    "max",
    "min",
    "var",
    "std",
    "ptp",
    "cumsum",
    "reshape",
    "ravel",
    "flatten",
    "transpose",
    "swapaxes",
    "squeeze",
    "clip",
    "dot",
    "diagonal",
    "trace",
    "round",
    "relu",
    "sigmoid",
    "tanh",
    "softmax",
    "log_softmax",
    "exp",
    "log",
    "sqrt",
]
VIEWS = ("T", "mT")


def _found(name: str) -> Callable[..., Any]:
    for place in (np, np.linalg, functional):
        function = getattr(place, name, None)
        if callable(function):
            return function
    raise AssertionError(f"there is no function {name}")


def _elementwise() -> dict[str, Callable[..., Any]]:
    own = {}
    for op in OPS.values():
        if op.family == "elementwise" and op.built_in:
            for place in (np, functional):
                function = getattr(place, op.name, None)
                if callable(function):
                    own[op.name] = function
                    break
    return own


# relu and its kin take arrays as well as Tensors; NumPy's functions record where a Tensor comes in.
ELEMENTWISE = _elementwise() | {name: _found(name) for name in BROADCAST_TOO}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **ELEMENTWISE,
    **{name: _found(name) for name in (*NEVER_LARGER, *JOINED, *PRODUCTS)},
}
"""What may be called, by its name."""
