"""What usually helps where an operation gives NaN or infinity."""

from __future__ import annotations

from typing import Any

import numpy as np

_LOGARITHM = (
    "usual cure: keep the argument positive (x + 1e-12, or np.maximum), or use the stable form: log_softmax, "
    "logsumexp, cross_entropy or ..._with_logits of the logits, log1p near 0"
)
_ROOT = (
    "usual cure: the slope at 0 is infinite, so add a small number under the root, use np.linalg.norm or np.hypot "
    "(0 at 0), or tg.select the lanes where it is defined"
)
_DIVISION = (
    "usual cure: add a small number to the divisor, or tg.select the lanes where it is not 0 (np.where evaluates both "
    "sides and keeps the NaN)"
)
_EXPONENTIAL = (
    "usual cure: subtract the largest value first, or use softmax, logsumexp, sigmoid or softplus, which do so; "
    "else scale the inputs down or clip them"
)
_POWER = (
    "usual cure: a negative base needs a whole exponent, and 0 a positive one; use np.abs, np.maximum or tg.select "
    "around the base"
)
_INVERSE = "usual cure: keep the argument inside (-1, 1), for example np.clip(x, -1 + 1e-7, 1 - 1e-7)"
_OVERFLOW = (
    "usual cure: the numbers grew too large: lower the learning rate, clip the gradients (optim.clip_grad_norm), "
    "normalize the inputs, or compute in float64"
)
_MATRIX = "usual cure: the matrix is singular or nearly so: add a small multiple of the identity, or use lstsq or pinv"
_EMPTY = "usual cure: it ran over nothing or over too few elements: check the shapes and ddof"

_BY_NAME = {
    **dict.fromkeys(
        ["log", "log2", "log10", "log1p", "logit", "xlogy", "binary_cross_entropy", "nll_loss"], _LOGARITHM
    ),
    **dict.fromkeys(["sqrt", "cbrt", "std", "norm", "vector_norm", "euclidean_norm"], _ROOT),
    **dict.fromkeys(["divide", "reciprocal", "remainder", "fmod", "floor_divide"], _DIVISION),
    **dict.fromkeys(["exp", "exp2", "expm1", "sinh", "cosh", "exp10"], _EXPONENTIAL),
    **dict.fromkeys(["power", "float_power"], _POWER),
    **dict.fromkeys(["arcsin", "arccos", "arctanh", "arccosh", "erfinv"], _INVERSE),
    **dict.fromkeys(["inv", "solve", "det", "slogdet", "cholesky", "lstsq", "pinv", "eigh", "svd", "qr"], _MATRIX),
    **dict.fromkeys(["mean", "var", "nanmean", "nanvar", "nanstd"], _EMPTY),
}


def cure(name: str, inputs: list[Any]) -> str:
    """Give the usual cure for an operation that made a number that is not finite."""
    text = _BY_NAME.get(name)
    large = any(v.dtype.kind == "f" and v.size and np.nanmax(np.abs(v)) > np.finfo(v.dtype).max ** 0.5 for v in inputs)
    if text is None or (large and text is not _EXPONENTIAL):
        return _OVERFLOW
    return text
