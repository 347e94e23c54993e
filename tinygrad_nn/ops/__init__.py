"""The operations, each declared once beside its derivative; this package never imports Tensor."""

from collections.abc import Callable
from typing import Any

from ..op import NUMPY, PLAIN, Op
from . import (
    activation,
    arrange,
    choice,
    complex,
    convolution,
    cumulative,
    decompose,
    dense,
    diagonal,
    einsum,
    elementwise,
    exponential,
    extrema,
    fft,
    gelu,
    indexing,
    interpolate,
    join,
    linalg,
    lookup,
    loss,
    nan,
    norm,
    order,
    pad,
    pairwise,
    plain,
    polynomial,
    pool,
    product,
    quantile,
    rectifier,
    reduce,
    rounding,
    scan,
    sets,
    shape,
    signal,
    sinc,
    solve,
    standardize,
    statistics,
    trig,
)

__all__ = [
    "activation",
    "arrange",
    "choice",
    "complex",
    "convolution",
    "cumulative",
    "decompose",
    "dense",
    "diagonal",
    "einsum",
    "elementwise",
    "exponential",
    "extrema",
    "fft",
    "gelu",
    "indexing",
    "interpolate",
    "join",
    "late",
    "linalg",
    "lookup",
    "loss",
    "nan",
    "norm",
    "order",
    "pad",
    "pairwise",
    "plain",
    "polynomial",
    "pool",
    "product",
    "quantile",
    "rectifier",
    "reduce",
    "rounding",
    "scan",
    "sets",
    "shape",
    "signal",
    "sinc",
    "solve",
    "standardize",
    "statistics",
    "trig",
]


def late(f: Callable[..., Any]) -> Op | None:
    """Give the operation of a function whose rule needs SciPy, which is imported for it, or None."""
    if f in PLAIN:
        return None
    try:
        from . import bessel  # noqa: F401
    except ModuleNotFoundError:
        return None
    return NUMPY.get(f)
