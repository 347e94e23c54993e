"""Cross entropy from logits, and the negative log-likelihood of labels.

They are operations of their own because a composition would lose digits, take longer, or take labels that do not fit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy import ndarray

from ..convert import Foreign, beside, kept
from ..op import case, general
from .activation import SHORT, floats, log_softmax, shifted, softmax
from .dense import ones

_UNSIGNED = {n: np.dtype(f"u{n}") for n in (1, 2, 4, 8)}
_INDEX = np.dtype(np.intp)
REDUCTIONS = ("mean", "sum", "none")


def check_reduction(reduction: str) -> None:
    """Raise ValueError for a word that is not a reduction."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction={reduction!r} is unknown; use 'mean', 'sum' or 'none'")


def reduce_rows(rows: Any, reduction: str, divisor: Any) -> Any:
    """Give the sum over the divisor, the sum, or the losses as they are."""
    if reduction == "none":
        return rows
    total = np.add.reduce(rows, axis=None)
    return total / divisor if reduction == "mean" else total


def class_axis(shape: tuple[int, ...]) -> int:
    """Give the axis of the classes: 1, or 0 where there is no batch."""
    if not shape:
        raise ValueError("the first input is a single number; give shape (classes,) or (batch, classes, ...)")
    return 0 if len(shape) == 1 else 1


def check_labels(t: Any, shape: tuple[int, ...], ignore_index: int | None = None) -> None:
    """Raise where t does not hold one whole number in 0 ... classes - 1 for each row: TypeError or ValueError."""
    axis = class_axis(shape)
    classes, rows = shape[axis], shape[:axis] + shape[axis + 1 :]
    if t.dtype.kind not in "iu":
        raise TypeError(_wrong_dtype(t, shape))
    if t.shape != rows:
        raise ValueError(
            f"labels of shape {t.shape} do not fit an input of shape {shape}: one label per row is shape {rows}; "
            f"reshape the labels (labels.reshape(-1) for a column)"
        )
    # Seen as unsigned, a negative label is a huge one: one pass finds both kinds of a bad label.
    if t.size and np.maximum.reduce(t.view(_UNSIGNED[t.dtype.itemsize]), axis=None) >= classes:
        bad = (t < 0) | (t >= classes)
        if ignore_index is not None:
            bad &= t != ignore_index
        if bad.any():
            where = tuple(np.argwhere(bad)[0].tolist())
            raise ValueError(
                f"label {t[where]} at position {where[0] if len(where) == 1 else where} is outside 0 ... {classes - 1} "
                f"({classes} classes); correct it, or give ignore_index= for rows to leave out"
            )


def _wrong_dtype(t: Any, shape: tuple[int, ...]) -> str:
    whole = f"labels must be integers, got dtype {t.dtype}"
    advice = f"; give labels.astype(int), or probabilities of shape {shape}"
    if t.dtype.kind != "f" or not t.size:
        return whole + advice
    odd = ~np.isfinite(t) | (t != np.floor(t))
    where = tuple(np.argwhere(odd if odd.any() else np.ones_like(odd))[0].tolist()) if t.ndim else ()
    place = "" if not where else f" at position {where[0] if len(where) == 1 else where}"
    return f"{whole} with the value {t[where]}{place}{advice}"


def _check_target(x: Any, t: Any, ignore_index: int | None) -> bool:
    """Tell whether the target holds labels (True) or probabilities; raise where it is neither."""
    if t.shape != x.shape:
        check_labels(t, x.shape, ignore_index)
        return True
    if t.dtype.kind == "b":
        raise TypeError(_wrong_dtype(t, x.shape))
    if t.dtype.kind in "iu":
        axis = class_axis(x.shape)
        if t.size and (np.min(t) < 0 or np.any(np.sum(t, axis=axis) != 1)):
            rows = x.shape[:axis] + x.shape[axis + 1 :]
            raise ValueError(
                f"an integer target of the input's shape {x.shape} must hold one-hot rows; labels have shape {rows}"
            )
    if ignore_index is not None:
        raise ValueError("ignore_index= needs integer labels, got probabilities; give such rows the weight 0 instead")
    return False


def _check_weight(weight: Any, classes: int, dtype: Any) -> Any:
    if weight is None:
        return None
    w = kept(weight)
    if w.shape != (classes,) or w.dtype.kind not in "fiu" or not (w >= 0).all():
        raise ValueError(
            f"weight must hold {classes} numbers >= 0, one per class; got shape {w.shape}, dtype {w.dtype}"
        )
    return w.astype(dtype, copy=False)


def quota(
    shape: tuple[int, ...],
    dtype: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[Any, Any]:
    """Give what each class of each row weighs in the loss, and the divisor of the reduction.

    The loss is -sum(quota * log(p)) / divisor. As in PyTorch a mean over labels divides by the sum of the labels' class
    weights, one over probabilities by the number of rows.
    """
    axis = class_axis(shape)
    classes = shape[axis]
    along = (classes,) + (1,) * (len(shape) - axis - 1)
    w = None if weight is None else np.reshape(kept(weight).astype(dtype, copy=False), along)
    if target.shape == shape:
        q, live = target, None
        divisor: Any = target.size // classes
    else:
        live = None if ignore_index is None else np.not_equal(target, ignore_index)
        q = np.equal(np.expand_dims(target, axis), np.reshape(beside(np.arange(classes), target), along)).astype(dtype)
        if live is not None:
            live = np.expand_dims(live, axis)
            q = q * live
        divisor = target.size if live is None else np.sum(live)
        if w is not None:
            divisor = np.sum(q * w)
    if label_smoothing:
        q = q * (1.0 - label_smoothing) + label_smoothing / classes
    if w is not None:
        q = q * w
    if label_smoothing and live is not None:
        q = q * live
    return q, divisor if reduction == "mean" else 1


def _check_divisor(divisor: Any) -> None:
    if not divisor:
        raise ValueError(
            "the mean over no rows is undefined: the batch is empty, or every label is ignored or weighs 0; "
            "skip such a batch, or use reduction='sum'"
        )


@lru_cache(maxsize=64)
def _counted(n: int) -> Any:
    """Give 0 ... n - 1 in an array that nobody can change."""
    v = np.arange(n)
    v.flags.writeable = False
    return v


def _picks(z: Any, t: Any) -> tuple[Any, Any]:
    """Give a flat view of z, (classes, n) and without gaps, and where in it each column's label stands.

    One flat index is read and written in two thirds of the time that a pair of indices takes.
    """
    classes, n = z.shape
    if t.dtype is not _INDEX:
        t = t.astype(_INDEX)
    if z.flags.c_contiguous:
        own = t * n
        own += _counted(n)
        return z.reshape(-1), own
    return z.T.reshape(-1), _counted(n) * classes + t


def _from_labels(x: Any, t: Any, reduction: str) -> tuple[Any, Any]:
    """Give the loss and its gradient for plain labels, which needs no array of one-hot rows."""
    shape = t.shape
    axis = class_axis(x.shape)
    classes = x.shape[axis]
    columns = x.T if x.ndim == 2 else np.moveaxis(x, axis, 0).reshape(classes, -1)
    if t.ndim != 1:
        t = t.reshape(-1)
    if classes < SHORT:
        columns = np.ascontiguousarray(columns)
    n = columns.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        z = columns - np.maximum.reduce(columns, 0)
    flat, own = _picks(z, t)
    picked = flat[own]
    e = np.exp(z, z)
    # A product with ones sums several times faster than a reduction.
    s = np.dot(ones(classes, e.dtype), e)
    rows = np.log(s)
    rows -= picked
    y = np.add.reduce(rows)
    if y != y:
        # Infinite logits, or NaN.
        z, _ = shifted(columns, 0)
        flat, own = _picks(z, t)
        picked = flat[own]
        e = np.exp(z, z)
        s = np.dot(ones(classes, e.dtype), e)
        rows = np.log(s) - picked
        y = np.add.reduce(rows)
    if reduction == "mean":
        y = y / n
        s *= float(n)
    e /= s
    flat[own] -= 1.0 / n if reduction == "mean" else 1.0
    if reduction == "none":
        y = rows.reshape(shape)
    if x.ndim == 2:
        return y, e.T
    return y, np.moveaxis(e.reshape(classes, *shape), 0, axis)


def _cross_entropy(
    x: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[Any, Any]:
    x, t = floats(x), kept(target)
    if x.dtype.itemsize < 4:
        # Half precision has too few digits, and too small a range, to add up a batch.
        wide = _cross_entropy(x.astype(np.float32), target, weight, ignore_index, reduction, label_smoothing)
        return wide[0].astype(x.dtype), wide[1].astype(x.dtype)
    check_reduction(reduction)
    labels = _check_target(x, t, ignore_index)
    if not x.size:
        _check_divisor(reduction != "mean")
    plain = weight is None and ignore_index is None and not label_smoothing
    if labels and plain and (type(x) is ndarray or not isinstance(x, Foreign)):
        return _from_labels(x, t, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing={label_smoothing!r} must lie in 0 ... 1")
    axis = class_axis(x.shape)
    q, divisor = quota(
        x.shape, x.dtype, t, _check_weight(weight, x.shape[axis], x.dtype), ignore_index, reduction, label_smoothing
    )
    _check_divisor(divisor)
    log_p = log_softmax(x, axis=axis)
    # What weighs 0 does not count, even where its logarithm is infinite (or NaN, in a row to leave out).
    with np.errstate(invalid="ignore"):
        rows = -np.sum(np.where(q == 0.0, 0.0, q * log_p), axis=axis)
        total = np.sum(q, axis=axis, keepdims=True)
        d = np.where(total == 0.0, 0.0, np.exp(log_p) * total) - q
    return reduce_rows(rows, reduction, divisor), d / divisor


def _slope(x: Any, target: Any, options: dict[str, Any]) -> Any:
    """Give the derivative of each row's part of the loss in its logits: (sum(q) softmax(x) - q) / divisor."""
    axis = class_axis(x.shape)
    q, divisor = quota(x.shape, x.dtype, target, **options)
    return (softmax(x, axis=axis) * np.sum(q, axis=axis, keepdims=True) - q) / divisor


def _rows(g: Any, x: Any, reduction: str) -> Any:
    return np.expand_dims(g, class_axis(x.shape)) if reduction == "none" else g


def _logits_rule(g: Any, x: Any, target: Any, options: dict[str, Any], residual: Any) -> Any:
    g = _rows(g, x, options["reduction"])
    return g * (_slope(x, target, options) if residual is None else residual)


def _probabilities_slope(x: Any, target: Any, options: dict[str, Any]) -> Any:
    """Give the derivative of each row's part of the loss in the probabilities: -w (1 - smoothing) log(p) / divisor."""
    axis = class_axis(x.shape)
    log_p = log_softmax(x, axis=axis)
    factor = -(1.0 - options["label_smoothing"]) / (
        target.size // x.shape[axis] if options["reduction"] == "mean" else 1
    )
    if options["weight"] is not None:
        log_p = log_p * np.reshape(options["weight"], (-1,) + (1,) * (x.ndim - axis - 1))
    return log_p * factor


def _loss_jvp(parts: list[Any], x: Any, reduction: str) -> Any:
    total = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    return np.sum(total, axis=class_axis(x.shape) if reduction == "none" else None)


def _cross_entropy_jvp(ts: Any, x: Any, target: Any, options: dict[str, Any]) -> Any:
    slopes = (_slope, _probabilities_slope)
    parts = [t * f(x, target, options) for t, f in zip(ts, slopes, strict=True) if t is not None]
    return _loss_jvp(parts, x, options["reduction"])


def _options(weight: Any, ignore_index: Any, reduction: str, label_smoothing: float) -> dict[str, Any]:
    return {
        "weight": weight,
        "ignore_index": ignore_index,
        "reduction": reduction,
        "label_smoothing": label_smoothing,
    }


_LABELS = np.array([0, 2, 1, 2])
_WEIGHT = np.array([0.5, 2.0, 1.0])
_SOFT = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.1, 0.8, 0.1], [0.0, 0.5, 0.5]])
cross_entropy = general(
    _cross_entropy,
    lambda g, y, x, target, weight=None, ignore_index=None, reduction="mean", label_smoothing=0.0, residual=None: (
        g * residual
        if residual is not None and reduction != "none"
        else _logits_rule(g, x, target, _options(weight, ignore_index, reduction, label_smoothing), residual)
    ),
    lambda g, y, x, target, weight=None, ignore_index=None, reduction="mean", label_smoothing=0.0, residual=None: (
        _rows(g, x, reduction)
        * _probabilities_slope(x, target, _options(weight, ignore_index, reduction, label_smoothing))
    ),
    jvp=lambda ts, y, x, target, weight=None, ignore_index=None, reduction="mean", label_smoothing=0.0: (
        _cross_entropy_jvp(ts, x, target, _options(weight, ignore_index, reduction, label_smoothing))
    ),
    name="cross_entropy",
    residual=True,
    formula="-mean(sum(target * log_softmax(x)))",
    cases=[
        case((4, 3), _LABELS),
        case((4, 3), _LABELS, reduction="none"),
        case((4, 3), _LABELS, reduction="sum", weight=_WEIGHT),
        case((4, 3), _LABELS, weight=_WEIGHT, label_smoothing=0.1),
        case((4, 3), _LABELS, ignore_index=2),
        case((4, 3), _SOFT),
        case((4, 3), _SOFT, reduction="none", label_smoothing=0.2, weight=_WEIGHT),
        case((3,), np.array(1)),
        case((2, 3, 2), np.array([[0, 2], [1, 1]])),
        case((2, 3, 2), np.array([[0, 2], [1, 1]]), reduction="none", weight=_WEIGHT, label_smoothing=0.1),
    ],
)


def _nll_loss(x: Any, target: Any, weight: Any = None, ignore_index: int | None = None, reduction: str = "mean") -> Any:
    x, t = floats(x), kept(target)
    check_reduction(reduction)
    check_labels(t, x.shape, ignore_index)
    axis = class_axis(x.shape)
    q, divisor = quota(x.shape, x.dtype, t, _check_weight(weight, x.shape[axis], x.dtype), ignore_index, reduction)
    _check_divisor(divisor)
    with np.errstate(invalid="ignore"):
        rows = -np.sum(np.where(q == 0.0, 0.0, q * x), axis=axis)
    return reduce_rows(rows, reduction, divisor)


def _nll_slope(x: Any, target: Any, weight: Any, ignore_index: Any, reduction: str) -> Any:
    q, divisor = quota(x.shape, x.dtype, target, weight, ignore_index, reduction)
    return -q / divisor


nll_loss = general(
    _nll_loss,
    lambda g, y, x, target, weight=None, ignore_index=None, reduction="mean": (
        _rows(g, x, reduction) * _nll_slope(x, target, weight, ignore_index, reduction)
    ),
    None,
    jvp=lambda ts, y, x, target, weight=None, ignore_index=None, reduction="mean": _loss_jvp(
        [ts[0] * _nll_slope(x, target, weight, ignore_index, reduction)], x, reduction
    ),
    name="nll_loss",
    formula="-mean(x[i, target[i]])",
    cases=[
        case((4, 3), _LABELS),
        case((4, 3), _LABELS, reduction="none"),
        case((4, 3), _LABELS, weight=_WEIGHT),
        case((4, 3), _LABELS, ignore_index=2, reduction="sum"),
        case((2, 3, 2), np.array([[0, 2], [1, 1]])),
    ],
)
