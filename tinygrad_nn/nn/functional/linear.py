"""Dense products as functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...op import OPS
from ...ops.dense import affine
from ...tensor import Tensor, apply, as_tensor

_matmul = OPS["matmul"]


def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """Give x @ weight.T + bias for x (..., in), weight (out, in) and bias (out,).

    >>> linear([1.0, 2.0], [[3.0, 4.0]], [0.5])
    Tensor([11.5])
    """
    if bias is None:
        return apply(_matmul, (x, np.transpose(as_tensor(weight, "linear"))))
    return apply(affine, (x, weight, bias))


def bilinear(x1: Any, x2: Any, weight: Any, bias: Any = None) -> Tensor:
    """Give x1 @ weight[k] @ x2 + bias[k] for each k, with x1 (..., in1), x2 (..., in2) and weight (out, in1, in2).

    >>> bilinear([1.0, 2.0], [3.0], [[[1.0], [10.0]]])
    Tensor([63.])
    """
    a, b, w = [as_tensor(t, "bilinear") for t in (x1, x2, weight)]
    if w.ndim != 3 or a.shape[:-1] != b.shape[:-1] or a.shape[-1:] + b.shape[-1:] != w.shape[1:]:
        raise ValueError(
            f"bilinear: needs inputs (..., in1) and (..., in2) with equal leading axes and a weight (out, in1, in2); "
            f"got shapes {a.shape}, {b.shape} and {w.shape}"
        )
    # One product for all outputs, (..., in1) @ (in1, out * in2), then one with x2 for each.
    out, in1, in2 = w.shape
    table = w.transpose(1, 0, 2).reshape(in1, out * in2)
    rows = np.matmul(a, table).reshape(*a.shape[:-1], out, in2)
    y = np.squeeze(np.matmul(rows, np.expand_dims(b, -1)), -1)
    return y if bias is None else y + bias
