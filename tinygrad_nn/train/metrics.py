"""Numbers that say how good predictions are: accuracy, top-k, confusion matrix, R²."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convert import on_host
from ..tensor import Tensor


def accuracy(outputs: Any, targets: Any, threshold: float = 0.5) -> float:
    """Give the share of right predictions.

    ``outputs`` of shape (N, C, ...) are scores of C >= 2 classes, of which the highest counts, and ``targets`` labels
    (N, ...) or rows like the outputs; otherwise an output above ``threshold`` means 1 (give ``threshold=0`` for
    logits). ValueError where the shapes do not fit, or nothing is given.

    >>> accuracy([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], [0, 1, 1])
    0.6666666666666666
    """
    y, t = _pair("accuracy", outputs, targets)
    classes = y.ndim > 1 and y.shape[1] > 1 and (y.ndim == t.ndim + 1 or y.shape == t.shape)
    right = hits(y, t, classes, threshold)
    if right is None:
        raise ValueError(f"accuracy: outputs of shape {y.shape} and targets of shape {t.shape} do not fit")
    return float(np.mean(right))


def hits(y: Any, t: Any, classes: bool, threshold: Any) -> Any:
    """Give which predictions are right, as an array of bool; None where the shapes do not fit."""
    if classes:
        if t.shape == y.shape:
            t = t.argmax(axis=1)
        guess = y.argmax(axis=1)
        return guess == t if guess.shape == t.shape else None
    if y.shape != t.shape and y.size == t.size and y.squeeze().shape == t.squeeze().shape:
        y, t = y.squeeze(), t.squeeze()
    return (y > threshold) == (t > 0.5) if y.shape == t.shape else None


def top_k(outputs: Any, labels: Any, k: int = 5) -> float:
    """Give the share of rows whose label is among the k highest scores; equal scores count for the label.

    >>> top_k([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], [1, 2], k=2)
    0.5
    """
    y, t = _pair("top_k", outputs, labels)
    _check_labels("top_k", y, t)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"top_k: k must be a whole number above 0, got {k!r}")
    own = np.take_along_axis(y, t[:, None], axis=1)
    return float(np.mean((y > own).sum(axis=1) < k))


def confusion_matrix(outputs: Any, labels: Any, classes: int | None = None) -> np.ndarray:
    """Count how often each true class (rows) was taken for each class (columns).

    ``outputs`` are scores (N, C), or predicted labels (N,); ``classes`` is C, or one more than the largest label.

    >>> confusion_matrix([0, 1, 1], [0, 1, 0])
    array([[1, 1],
           [0, 1]])
    """
    y, t = _pair("confusion_matrix", outputs, labels)
    if y.ndim == 2:
        _check_labels("confusion_matrix", y, t)
        classes = classes if classes is not None else y.shape[1]
        y = y.argmax(axis=1)
    for a in (y, t):
        if a.dtype.kind not in "iub" or a.shape != t.shape or a.ndim != 1:
            raise ValueError(
                f"confusion_matrix: needs labels (N,) and predictions (N,) or scores (N, C), got shapes "
                f"{np.shape(outputs)} and {t.shape}, dtypes {y.dtype} and {t.dtype}"
            )
    top = int(max(y.max(), t.max())) + 1
    n = top if classes is None else int(classes)
    if min(y.min(), t.min()) < 0 or top > n:
        raise ValueError(f"confusion_matrix: labels must be in 0 ... {n - 1}; give classes=")
    return np.bincount(t.astype(np.intp) * n + y.astype(np.intp), minlength=n * n).reshape(n, n)


def r2(outputs: Any, targets: Any) -> float:
    """Give the coefficient of determination, 1 - sum((t - y)**2) / sum((t - mean(t))**2); the mean over columns.

    Targets that are all equal give 1 if they are met exactly, otherwise 0, as in scikit-learn.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.7857142857142857
    """
    y, t = _pair("r2", outputs, targets)
    if y.shape != t.shape:
        if y.size != t.size or y.squeeze().shape != t.squeeze().shape:
            raise ValueError(f"r2: outputs of shape {y.shape} and targets of shape {t.shape} do not fit")
        y = y.reshape(t.shape)
    y, t = (a.astype(np.float64).reshape(len(a), -1) for a in (y, t))
    rest = ((t - y) ** 2).sum(axis=0)
    total = ((t - t.mean(axis=0)) ** 2).sum(axis=0)
    flat = total == 0
    return float(np.mean(np.where(flat, np.where(rest == 0, 1.0, 0.0), 1.0 - rest / np.where(flat, 1.0, total))))


def _pair(who: str, outputs: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    y, t = (on_host(a.data if isinstance(a, Tensor) else a) for a in (outputs, targets))
    if not y.ndim or not t.ndim or len(y) != len(t) or not len(y):
        raise ValueError(f"{who}: needs one target for each of one or more outputs, got shapes {y.shape} and {t.shape}")
    return y, t


def _check_labels(who: str, y: np.ndarray, t: np.ndarray) -> None:
    if y.ndim != 2 or t.ndim != 1 or t.dtype.kind not in "iub":
        raise ValueError(
            f"{who}: needs scores (N, C) and integer labels (N,), got shapes {y.shape} and {t.shape}, dtype {t.dtype}"
        )
    if t.min() < 0 or t.max() >= y.shape[1]:
        raise ValueError(f"{who}: labels must be in 0 ... {y.shape[1] - 1}, got {t.min()} ... {t.max()}")


#: Metrics by the names that ``fit`` and ``evaluate`` take.
BY_NAME = {"accuracy": accuracy, "top_k": top_k, "r2": r2}
