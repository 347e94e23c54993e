"""More losses as modules: distances, divergences, margins. Each holds the options of the function of its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import functional as F
from .activation import vars_of
from .loss import options
from .module import Module


class _Loss(Module):
    _function: Callable[..., Any]

    def forward(self, *inputs: Any) -> Any:
        """Give the loss."""
        return type(self)._function(*inputs, **vars_of(self))

    def extra_repr(self) -> str:
        """Give the options that are not the usual ones."""
        return options(self)


class L1Loss(_Loss):
    """Mean absolute error.

    >>> L1Loss()([1.0, 2.0], [1.0, 4.0])
    Tensor(1.)
    """

    _function = staticmethod(F.l1_loss)

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction


class SmoothL1Loss(_Loss):
    """The Huber loss divided by beta.

    >>> SmoothL1Loss()([0.5], [0.0])
    Tensor(0.125)
    """

    _function = staticmethod(F.smooth_l1_loss)

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        self.reduction = reduction
        self.beta = beta


class HuberLoss(_Loss):
    """Squared for errors below delta, linear above.

    >>> HuberLoss()([3.0], [0.0])
    Tensor(2.5)
    """

    _function = staticmethod(F.huber_loss)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        self.reduction = reduction
        self.delta = delta


class KLDivLoss(_Loss):
    """Kullback-Leibler divergence from log-probabilities: see :func:`tinygrad_nn.nn.functional.kl_div`.

    >>> KLDivLoss(reduction="sum")([[0.0]], [[1.0]])
    Tensor(0.)
    """

    _function = staticmethod(F.kl_div)

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        self.reduction = reduction
        self.log_target = log_target


class PoissonNLLLoss(_Loss):
    """Negative log-likelihood of Poisson counts: see :func:`tinygrad_nn.nn.functional.poisson_nll_loss`.

    >>> PoissonNLLLoss()([0.0], [2.0])
    Tensor(1.)
    """

    _function = staticmethod(F.poisson_nll_loss)

    def __init__(self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean") -> None:
        self.log_input = log_input
        self.full = full
        self.eps = eps
        self.reduction = reduction


class GaussianNLLLoss(_Loss):
    """Negative log-likelihood of normal distributions, called with (input, target, var).

    >>> GaussianNLLLoss()([1.0], [0.0], [1.0])
    Tensor(0.5)
    """

    _function = staticmethod(F.gaussian_nll_loss)

    def __init__(self, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        self.full = full
        self.eps = eps
        self.reduction = reduction


class HingeLoss(_Loss):
    """max(0, margin - target * x) for targets -1 and 1.

    >>> HingeLoss()([0.5], [1])
    Tensor(0.5)
    """

    _function = staticmethod(F.hinge_loss)

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        self.margin = margin
        self.reduction = reduction


class SoftMarginLoss(_Loss):
    """log(1 + exp(-target * x)) for targets -1 and 1.

    >>> SoftMarginLoss()([0.0], [1])
    Tensor(0.69314718)
    """

    _function = staticmethod(F.soft_margin_loss)

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction


class HingeEmbeddingLoss(_Loss):
    """A distance x where the target is 1, max(0, margin - x) where it is -1.

    >>> HingeEmbeddingLoss()([0.25], [-1])
    Tensor(0.75)
    """

    _function = staticmethod(F.hinge_embedding_loss)

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        self.margin = margin
        self.reduction = reduction


class MarginRankingLoss(_Loss):
    """max(0, margin - target * (x1 - x2)), called with (x1, x2, target).

    >>> MarginRankingLoss()([1.0], [3.0], [1])
    Tensor(2.)
    """

    _function = staticmethod(F.margin_ranking_loss)

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        self.margin = margin
        self.reduction = reduction


class MultiMarginLoss(_Loss):
    """The hinge loss of several classes: see :func:`tinygrad_nn.nn.functional.multi_margin_loss`.

    >>> MultiMarginLoss()([[0.5, 1.0]], [1])
    Tensor(0.25)
    """

    _function = staticmethod(F.multi_margin_loss)

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean") -> None:
        self.p = p
        self.margin = margin
        self.weight = weight
        self.reduction = reduction


class CosineEmbeddingLoss(_Loss):
    """1 - cos(x1, x2) where the target is 1, max(0, cos - margin) where it is -1.

    >>> CosineEmbeddingLoss()([[1.0, 0.0]], [[0.0, 1.0]], [1])
    Tensor(1.)
    """

    _function = staticmethod(F.cosine_embedding_loss)

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        self.margin = margin
        self.reduction = reduction


class TripletMarginLoss(_Loss):
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), called with (anchor, positive, negative).

    >>> TripletMarginLoss(margin=4.0, eps=0.0)([[0.0]], [[1.0]], [[3.0]])
    Tensor(2.)
    """

    _function = staticmethod(F.triplet_margin_loss)

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, reduction: str = "mean"
    ) -> None:
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap
        self.reduction = reduction


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along an axis.

    >>> CosineSimilarity()([[1.0, 0.0]], [[1.0, 1.0]])
    Tensor([0.70710678])
    """

    def __init__(self, axis: int = 1, eps: float = 1e-8) -> None:
        self.axis = axis
        self.eps = eps

    def forward(self, x1: Any, x2: Any) -> Any:
        """Give the cosines."""
        return F.cosine_similarity(x1, x2, self.axis, self.eps)
