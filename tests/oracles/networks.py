"""Recipes for what networks are made of (as ``fn``), and for special functions (as ``special``)."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from .program import Draw, SkipRecipe


def labelled(name: str) -> Any:
    """Give a recipe for a loss of rows of numbers and the number of the right one."""

    def recipe(d: Draw) -> str:
        x = d.slot("x_matrix")
        rows, classes = d.last.shape
        if classes < 2:
            raise SkipRecipe
        labels = d.constant(d.rng.integers(0, classes, rows))
        return f"fn.{name}({x}, {labels}, reduction='{d.choice(['mean', 'sum', 'none'])}')"

    return recipe


def pairwise(name: str, a_kind: str = "any", b_kind: str = "any") -> Any:
    """Give a recipe for a loss of two variables of one shape."""

    def recipe(d: Draw) -> str:
        a = d.slot(f"x_{a_kind}")
        shape = d.last.shape
        b = d.fitted(d.operand(lambda v: v.shape == shape), b_kind)
        return f"fn.{name}({a}, {b}, reduction='{d.choice(['mean', 'sum', 'none'])}')"

    return recipe


def affine(d: Draw) -> str:
    x = d.slot("x_axes")
    n, k = d.last.shape[-1], d.integer(1, 4)
    w = d.among([*[m for m, v in d.values.items() if v.ndim == 2 and v.shape[1] == n], d.constant(d.numbers((k, n)))])
    k = d.values[w].shape[0]
    b = d.among([*[m for m, v in d.values.items() if v.shape == (k,)], d.constant(d.numbers((k,)))])
    return f"fn.affine({x}, {w}, {b})"


def take_rows(d: Draw) -> str:
    x = d.slot("x_two")
    return f"fn.take_rows({x}, {d.constant(d.rng.integers(0, d.last.shape[0], (d.integer(1, 4),)))})"


def conv(d: Draw) -> str:
    """Convolve along one axis, with images (batch, channels, length) made of a variable."""
    x = d.operand(lambda v: v.ndim == 3 and v.shape[2] > 1)
    channels, n = d.values[x].shape[1:]
    size = d.integer(1, n + 1)
    w = d.operand(lambda v: v.ndim == 3 and v.shape[1:] == (channels, size)) if d.chance(0.2) else None
    w = w or d.line(f"{d.constant(d.numbers((2, channels, size)))} * {d.operand(lambda v: v.size == 1 and v.ndim < 4)}")
    p, q, stride = d.integer(0, 2), d.integer(0, 2), d.integer(1, 3)
    return f"fn.conv({x}, {w}, stride=({stride},), padding=(({p}, {q}),), dilation=(1,))"


def pool(name: str, kind: str) -> Any:
    def recipe(d: Draw) -> str:
        x = d.fitted(d.operand(lambda v: v.ndim == 3 and v.shape[-1] > 1), kind)
        size = d.integer(1, d.values[x].shape[-1] + 1)
        return f"fn.{name}({x}, size=({size},), stride=({d.integer(1, 3)},), padding=((0, 0),), dilation=(1,))"

    return recipe


def normalization(name: str) -> Any:
    return lambda d: f"fn.{name}({d.slot('x_axes')}, axis=({d.integer(0, d.last.ndim)},), eps=0.1)"


NETWORKS: dict[str, list[Any]] = {
    "relu": ["fn.relu({x_nonzero})"],
    "sigmoid": ["fn.sigmoid({x})"],
    "softplus": ["fn.softplus({x_nonzero})"],
    "logsigmoid": ["fn.logsigmoid({x_nonzero})"],
    "softmax": ["fn.softmax({x_axes}, axis={axis})"],
    "log_softmax": ["fn.log_softmax({x_axes}, axis={axis})"],
    "logsumexp": ["fn.logsumexp({x}{reduce})"],
    "leaky_relu": ["fn.leaky_relu({x_nonzero}, negative_slope=0.2)"],
    "elu": ["fn.elu({x_nonzero}, alpha=0.7)"],
    "celu": ["fn.celu({x_nonzero}, alpha=0.7)"],
    "selu": ["fn.selu({x_nonzero})"],
    "silu": ["fn.silu({x})"],
    "mish": ["fn.mish({x})"],
    "gelu": ["fn.gelu({x})"],
    "gelu_tanh": ["fn.gelu_tanh({x})"],
    "hardtanh": ["fn.hardtanh({x_smooth})"],
    "hardsigmoid": ["fn.hardsigmoid({x_smooth})"],
    "hardswish": ["fn.hardswish({x_smooth})"],
    "softsign": ["fn.softsign({x_nonzero})"],
    "cross_entropy": [labelled("cross_entropy")],
    "nll_loss": [labelled("nll_loss")],
    "mse_loss": [pairwise("mse_loss")],
    "binary_cross_entropy": [pairwise("binary_cross_entropy", "share", "share")],
    "binary_cross_entropy_with_logits": [pairwise("binary_cross_entropy_with_logits", "nonzero", "share")],
    "affine": [affine],
    "take_rows": [take_rows],
    "conv": [conv],
    "max_pool": [pool("max_pool", "distinct")],
    "sum_pool": [pool("sum_pool", "any")],
    "standardize": [normalization("standardize")],
    "rms_normalize": [normalization("rms_normalize")],
}

SPECIAL: dict[str, list[Any]] = {}
if importlib.util.find_spec("scipy") is not None:
    # Not beta and betaln, which JAX has to 8 digits for large numbers, nor expn, whose second derivative it fails on.
    for module in ("special", "bessel"):  # which register their operations when they are imported
        importlib.import_module(f"tinygrad_nn.ops.{module}")
    SPECIAL = {
        "erf": ["special.erf({x})"],
        "erfc": ["special.erfc({x})"],
        "erfinv": ["special.erfinv({x_unit})"],
        "ndtr": ["special.ndtr({x})"],
        "log_ndtr": ["special.log_ndtr({x})"],
        "ndtri": ["special.ndtri({x_share})"],
        "gamma": ["special.gamma({x_above})"],
        "gammaln": ["special.gammaln({x_positive})"],
        "digamma": ["special.digamma({x_positive})"],
        "gammainc": ["special.gammainc(1.3, {x_positive})"],
        "gammaincc": ["special.gammaincc(1.3, {x_positive})"],
        "betainc": ["special.betainc(1.7, 2.2, {x_share})"],
        "xlogy": ["special.xlogy({x}, {y_positive})"],
        "xlog1py": ["special.xlog1py({x}, {y_positive})"],
        "entr": ["special.entr({x_positive})"],
        "rel_entr": ["special.rel_entr({x_positive}, {y_positive})"],
        "kl_div": ["special.kl_div({x_positive}, {y_positive})"],
        "expit": ["special.expit({x})"],
        "logit": ["special.logit({x_share})"],
        "expi": ["special.expi({x_nonzero})"],
        "spence": ["special.spence({x_positive})"],
        "i0": ["special.i0({x_small})", "np.i0({x_small})"],
        "i0e": ["special.i0e({x_nonzero})"],
        "i1": ["special.i1({x_small})"],
        "i1e": ["special.i1e({x_nonzero})"],
    }
