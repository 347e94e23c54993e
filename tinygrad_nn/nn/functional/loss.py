"""Losses as functions: cross entropies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...convert import NUMBERS, beside, kept
from ...ops import loss, pairwise
from ...tensor import Tensor, apply, constant


def one_hot(labels: Any, classes: int | None = None) -> Tensor:
    """Give rows of 0 with a 1 at the label (float64), of shape labels.shape + (classes,).

    ``classes`` is by default the largest label plus 1. Raises ValueError for a label outside 0 ... classes - 1.

    >>> one_hot([1, 0], 3)
    Tensor([[0., 1., 0.], [1., 0., 0.]])
    """
    t = kept(labels.data if isinstance(labels, Tensor) else labels)
    n = classes if classes is not None else int(t.max()) + 1 if t.size else 0
    try:
        loss.check_labels(t.reshape(-1), (t.size, n))
    except (TypeError, ValueError) as e:
        raise type(e)(f"one_hot: {e}") from None
    return constant((t[..., None] == beside(np.arange(n), t)).astype(np.float64))


def cross_entropy(
    logits: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Give the cross entropy -mean(sum(target * log_softmax(logits))), from logits and stable for any of them.

    ``logits`` have shape (N, C), (C,) or (N, C, ...). ``target`` holds integer labels of shape (N,), (), (N, ...), or
    probabilities of the logits' shape. ``weight`` has one number >= 0 per class; rows with the label ``ignore_index``
    do not count; ``label_smoothing`` mixes the target with the uniform distribution. As in PyTorch the mean over
    labels is weighted by the labels' class weights. Raises TypeError for labels that are not integers, ValueError for a
    label out of range, shapes that do not fit, and an empty batch.

    >>> cross_entropy([[0.0, 0.0], [1000.0, 0.0]], [0, 1], reduction="none")
    Tensor([6.93147181e-01, 1.00000000e+03])
    """
    if weight is None and ignore_index is None and reduction == "mean" and not label_smoothing:
        return apply(loss.cross_entropy, (logits, target))
    return apply(
        loss.cross_entropy,
        (logits, target),
        {
            "weight": _array(weight),
            "ignore_index": ignore_index,
            "reduction": reduction,
            "label_smoothing": label_smoothing,
        },
    )


def nll_loss(
    log_probabilities: Any, target: Any, weight: Any = None, ignore_index: int | None = None, reduction: str = "mean"
) -> Tensor:
    """Give the negative log-likelihood -mean(x[i, target[i]]) of integer labels, from log-probabilities.

    Shapes, ``weight`` and ``ignore_index`` are as for :func:`cross_entropy`.

    >>> nll_loss([[-0.5, -1.0]], [1])
    Tensor(1.)
    """
    params = {"weight": _array(weight), "ignore_index": ignore_index, "reduction": reduction}
    return apply(loss.nll_loss, (log_probabilities, target), params)


def binary_cross_entropy(x: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Tensor:
    """Give -mean(target * log(x) + (1 - target) * log(1 - x)) of probabilities x.

    Each logarithm is at least -100, as in PyTorch; the gradient is that of the logarithm itself. From logits,
    :func:`binary_cross_entropy_with_logits` keeps all digits, which probabilities close to 0 and 1 have lost. Raises
    ValueError where the shapes differ or x is not in 0 ... 1.

    >>> binary_cross_entropy([0.0, 0.5], [0.0, 1.0], reduction="sum")
    Tensor(0.69314718)
    """
    return apply(pairwise.binary_cross_entropy, (x, target), {"weight": _array(weight), "reduction": reduction})


def binary_cross_entropy_with_logits(
    x: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: str = "mean"
) -> Tensor:
    """Give the binary cross entropy of sigmoid(x), from the logits x and stable for any of them.

    ``weight`` weighs elements, ``pos_weight`` the positive class; both broadcast to x. Raises ValueError where the
    shapes of x and target differ.

    >>> binary_cross_entropy_with_logits([0.0, 1000.0], [0.0, 0.0], reduction="none")
    Tensor([6.93147181e-01, 1.00000000e+03])
    """
    params = {"weight": _array(weight), "pos_weight": _array(pos_weight), "reduction": reduction}
    return apply(pairwise.binary_cross_entropy_with_logits, (x, target), params)


def _array(weight: Any) -> Any:
    """Give a weight as a plain array: it is a constant of the loss."""
    if weight is None:
        return None
    return weight if type(weight) in NUMBERS else kept(weight.data if isinstance(weight, Tensor) else weight)
