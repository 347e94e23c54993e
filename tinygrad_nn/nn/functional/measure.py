"""Losses as functions: distances, divergences, margins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...convert import beside, kept
from ...ops import pairwise
from ...ops.activation import softplus as _softplus
from ...ops.loss import check_labels, check_reduction
from ...tensor import Tensor, apply, as_tensor
from .activation import relu
from .distance import cosine_similarity, pairwise_distance


def mse_loss(x: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Give the mean squared error; raise ValueError where the shapes differ (nothing is broadcast).

    >>> mse_loss([1.0, 2.0], [1.0, 4.0])
    Tensor(2.)
    """
    return apply(pairwise.mse_loss, (x, target), {"reduction": reduction})


def l1_loss(x: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Give the mean absolute error; raise ValueError where the shapes differ.

    >>> l1_loss([1.0, 2.0], [1.0, 4.0])
    Tensor(1.)
    """
    return apply(pairwise.l1_loss, (x, target), {"reduction": reduction})


def huber_loss(x: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Give the mean of d**2 / 2 where abs(d) < delta, else of delta * (abs(d) - delta / 2), with d = x - target.

    >>> huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
    Tensor([0.125, 2.5 ])
    """
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be above 0, got {delta!r}")
    return apply(pairwise.huber_loss, (x, target), {"reduction": reduction, "delta": float(delta)})


def smooth_l1_loss(x: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Give the Huber loss divided by beta; for beta = 0 the absolute error.

    >>> smooth_l1_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
    Tensor([0.125, 2.5 ])
    """
    if not beta >= 0:
        raise ValueError(f"smooth_l1_loss: beta must be at least 0, got {beta!r}")
    if not beta:
        return l1_loss(x, target, reduction)
    return apply(pairwise.smooth_l1_loss, (x, target), {"reduction": reduction, "beta": float(beta)})


def kl_div(x: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Give the Kullback-Leibler divergence: target * (log(target) - x), with x = log-probabilities.

    ``reduction="batchmean"`` (sum divided by the length of the first axis) is the mathematical one. With
    ``log_target`` the target holds log-probabilities too.

    >>> kl_div(np.log([[0.5, 0.5]]), [[0.5, 0.5]], reduction="batchmean")
    Tensor(0.)
    """
    x, t = _same(x, target, "kl_div")
    if log_target:
        rows = np.exp(t) * (t - x)
    else:
        # What has no probability does not count.
        none = t._data == 0
        rows = t * (np.log(np.where(none, 1.0, t)) - np.where(none, 0.0, x))
    if reduction == "batchmean":
        return rows.sum() / len(x)
    return _reduced(rows, reduction, "kl_div")


def poisson_nll_loss(
    x: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Tensor:
    """Give the negative log-likelihood of Poisson counts with the rate exp(x) (or x, without ``log_input``).

    ``full`` adds Stirling's approximation of log(target!) where target > 1.

    >>> poisson_nll_loss([0.0], [2.0])
    Tensor(1.)
    """
    x, t = _same(x, target, "poisson_nll_loss")
    rows = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if full:
        above = t._data > 1
        safe = np.where(above, t, 2.0)
        rows = rows + np.where(above, safe * np.log(safe) - safe + 0.5 * np.log(2.0 * math.pi * safe), 0.0)
    return _reduced(rows, reduction, "poisson_nll_loss")


def gaussian_nll_loss(
    x: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Give the negative log-likelihood (log(var) + (x - target)**2 / var) / 2 of a normal distribution.

    The variance counts as at least eps (without a derivative there); ``full`` adds log(2 pi) / 2.

    >>> gaussian_nll_loss([1.0], [0.0], [1.0])
    Tensor(0.5)
    """
    x, t = _same(x, target, "gaussian_nll_loss")
    v = as_tensor(var, "gaussian_nll_loss")
    if v.shape not in (x.shape, (*x.shape[:-1], 1), x.shape[:-1]):
        raise ValueError(f"gaussian_nll_loss: var of shape {v.shape} does not fit the input's shape {x.shape}")
    if (v._data < 0).any():
        raise ValueError("gaussian_nll_loss: var must not be negative")
    if v.ndim < x.ndim:
        v = v.reshape(*v.shape, 1)
    # The limit moves the value but not the derivative, as in PyTorch.
    v = v + np.maximum(eps - v._data, 0.0)
    rows = (np.log(v) + np.square(x - t) / v) * 0.5
    return _reduced(rows + 0.5 * math.log(2.0 * math.pi) if full else rows, reduction, "gaussian_nll_loss")


def hinge_loss(x: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """Give max(0, margin - target * x) for targets -1 and 1 and a score x.

    >>> hinge_loss([0.5, 2.0], [1, 1])
    Tensor(0.25)
    """
    x, t = _same(x, target, "hinge_loss", signs=True)
    return _reduced(relu(margin - t * x), reduction, "hinge_loss")


def soft_margin_loss(x: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Give log(1 + exp(-target * x)) for targets -1 and 1 and a score x, stable for any x.

    >>> soft_margin_loss([0.0], [1])
    Tensor(0.69314718)
    """
    x, t = _same(x, target, "soft_margin_loss", signs=True)
    return _reduced(apply(_softplus, (-t * x,)), reduction, "soft_margin_loss")


def hinge_embedding_loss(x: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """Give the distance x where the target is 1, and max(0, margin - x) where it is -1.

    >>> hinge_embedding_loss([0.5, 0.25], [1, -1], reduction="none")
    Tensor([0.5 , 0.75])
    """
    x, t = _same(x, target, "hinge_embedding_loss", signs=True)
    return _reduced(np.where(t._data == 1, x, relu(margin - x)), reduction, "hinge_embedding_loss")


def margin_ranking_loss(x1: Any, x2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Tensor:
    """Give max(0, margin - target * (x1 - x2)): target 1 says that x1 should rank higher, -1 that x2 should.

    >>> margin_ranking_loss([1.0], [3.0], [1])
    Tensor(2.)
    """
    a, b = _same(x1, x2, "margin_ranking_loss")
    _, t = _same(a, target, "margin_ranking_loss", signs=True)
    return _reduced(relu(margin - t * (a - b)), reduction, "margin_ranking_loss")


def multi_margin_loss(
    x: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
) -> Tensor:
    """Give the hinge loss of several classes: sum(max(0, margin - x[label] + x[i])**p over i != label) / classes.

    >>> multi_margin_loss([[0.5, 1.0]], [1])
    Tensor(0.25)
    """
    x = as_tensor(x, "multi_margin_loss")
    t = kept(target._data if isinstance(target, Tensor) else target)
    if x.ndim != 2 or p not in (1, 2):
        raise ValueError(f"multi_margin_loss: needs scores (batch, classes) and p 1 or 2, got shape {x.shape}, p={p!r}")
    try:
        check_labels(t, x.shape)
    except (TypeError, ValueError) as e:
        raise type(e)(f"multi_margin_loss: {e}") from None
    own = np.arange(len(t)), t
    others = beside(np.ones(x.shape, x.dtype), x)
    others[own] = 0.0
    rows = relu(margin - np.expand_dims(x[own], 1) + x)
    rows = (rows if p == 1 else rows * rows) * others
    if weight is not None:
        rows = (
            rows * kept(weight._data if isinstance(weight, Tensor) else weight).astype(x.dtype, copy=False)[t][:, None]
        )
    return _reduced(rows.sum(axis=1) / x.shape[1], reduction, "multi_margin_loss")


def cosine_embedding_loss(x1: Any, x2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Tensor:
    """Give 1 - cos(x1, x2) where the target is 1, and max(0, cos(x1, x2) - margin) where it is -1.

    >>> cosine_embedding_loss([[1.0, 0.0]], [[0.0, 1.0]], [1])
    Tensor(1.)
    """
    a, b = _same(x1, x2, "cosine_embedding_loss")
    c = cosine_similarity(a, b, axis=-1)
    _, t = _same(c, target, "cosine_embedding_loss", signs=True)
    return _reduced(np.where(t._data == 1, 1.0 - c, relu(c - margin)), reduction, "cosine_embedding_loss")


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Give max(0, margin + distance(anchor, positive) - distance(anchor, negative)).

    With ``swap`` the negative's distance to the positive counts where it is smaller.

    >>> triplet_margin_loss([[0.0]], [[1.0]], [[3.0]], margin=4.0, eps=0.0)
    Tensor(2.)
    """
    a, b = _same(anchor, positive, "triplet_margin_loss")
    _, c = _same(anchor, negative, "triplet_margin_loss")
    away: Any = pairwise_distance(a, c, p, eps)
    if swap:
        away = np.minimum(away, pairwise_distance(b, c, p, eps))
    return _reduced(relu(margin + pairwise_distance(a, b, p, eps) - away), reduction, "triplet_margin_loss")


def _same(x: Any, target: Any, who: str, signs: bool = False) -> tuple[Any, Any]:
    """Give both as tensors of floats; raise ValueError where the shapes differ or, if asked, for a target not ±1."""
    a, t = as_tensor(x, who), as_tensor(target, who)
    if a.shape != t.shape:
        raise ValueError(
            f"{who}: the shapes {a.shape} and {t.shape} differ, and to stretch one would compare the wrong elements; "
            f"reshape one of them"
        )
    if not a.size:
        raise ValueError(f"{who}: the batch is empty (shape {a.shape}); skip such a batch")
    if signs:
        wrong = np.abs(t._data) != 1
        if wrong.any():
            where = tuple(np.argwhere(wrong)[0].tolist())
            raise ValueError(f"{who}: a target must be -1 or 1, got {t._data[where]} at position {where}")
    if a.dtype.kind != "f":
        a = a.astype(np.float64)
    return a, t if t.dtype.kind == "f" else t.astype(a.dtype)


def _reduced(rows: Any, reduction: str, who: str) -> Tensor:
    try:
        check_reduction(reduction)
    except ValueError as e:
        raise ValueError(f"{who}: {e}") from None
    if reduction == "none":
        return rows
    return rows.mean() if reduction == "mean" else rows.sum()
