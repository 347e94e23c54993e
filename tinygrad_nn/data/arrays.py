"""Arrays made ready for training: one-hot labels, splits, standardised columns."""

import operator
from typing import Any

import numpy as np

from .dataset import Batch, aligned, as_array
from .error import DataError

Part = tuple[np.ndarray, np.ndarray]
Splits = tuple[Part, Part]  # ((X_train, y_train), (X_test, y_test))


def one_hot(labels: Any, classes: int | None = None) -> np.ndarray:
    """Return labels of shape (...) as float32 rows (..., classes): 1 in the label's column, else 0.

    `classes` is the greatest label plus one unless given. DataError: labels that are no integers, that are negative
    or not below `classes`, or none at all without `classes`.

    >>> one_hot([2, 0])
    array([[0., 0., 1.], [1., 0., 0.]], dtype=float32)
    """
    labels = np.asarray(labels)
    if labels.size == 0 and classes is None:
        raise DataError("one_hot: no labels to tell the number of classes from; pass classes=")
    if labels.size and labels.dtype.kind not in "iu":
        raise DataError(f"one_hot: labels must be integers, got dtype {labels.dtype}; convert them with astype(int)")
    if classes is None:
        classes = int(labels.max()) + 1
    classes = operator.index(classes)
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        raise DataError(
            f"one_hot: the label {labels[wrong][0]} is not in 0 ... {classes - 1}; check labels and classes"
        )
    return (labels[..., None] == np.arange(classes)).astype(np.float32)


def split(
    *arrays: Any,
    test_size: float | int = 0.2,
    rng: np.random.Generator | int | None = None,
    stratify: Any = None,
) -> tuple[Batch, Batch]:
    """Shuffle arrays alike and split their rows: `(X_train, y_train), (X_test, y_test) = split(X, y)`.

    test_size: share of the rows (a float below 1, rounded to whole rows) or their number (an int); 0 gives empty
        test arrays.
    stratify: labels, one per row; each class is then split in the same proportion, as nearly as whole rows allow
        (largest remainders).

    DataError: rows that differ in number, a size that leaves nothing to train on, or nothing to test on though some
    was asked for.

    >>> (X_train,), (X_test,) = split(np.arange(10), test_size=0.3, rng=0)
    >>> X_train.shape, X_test.shape
    ((7,), (3,))
    """
    arrays = aligned("split", arrays)
    count = len(arrays[0])
    test_count = _test_count(test_size, count)
    groups = np.zeros(count, np.intp)
    if stratify is not None:
        labels = as_array("split", stratify, "stratify")
        if labels.shape != (count,):
            raise DataError(f"split: stratify has shape {labels.shape}; {count} rows need one label each, ({count},)")
        groups = np.unique(labels, return_inverse=True)[1]
    sizes = np.bincount(groups)

    quotas = sizes * (test_count / count)
    wanted = np.floor(quotas).astype(np.intp)
    rest = np.argsort(wanted - quotas, kind="stable")[: test_count - wanted.sum()]
    wanted[rest] += 1

    order = np.random.default_rng(rng).permutation(count)
    groups = groups[order]
    rank = np.empty(count, np.intp)  # of each row among those of its group
    rank[np.argsort(groups, kind="stable")] = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    test = rank < wanted[groups]
    return tuple(a[order[~test]] for a in arrays), tuple(a[order[test]] for a in arrays)


def split_by_class(X: np.ndarray, y: np.ndarray, test_size: float | int, rng: Any) -> Splits:
    """Split inputs and labels, each class in the same proportion."""
    (X_train, y_train), (X_test, y_test) = split(X, y, test_size=test_size, rng=rng, stratify=y)
    return (X_train, y_train), (X_test, y_test)


def _test_count(test_size: float | int, count: int) -> int:
    whole = isinstance(test_size, int | np.integer) and not isinstance(test_size, bool)
    if not whole and not (isinstance(test_size, float | np.floating) and 0 <= test_size < 1):
        raise DataError(f"split: test_size must be a float in [0, 1) or a number of rows, got {test_size!r:.60}")
    test_count = int(test_size) if whole else round(float(test_size) * count)
    if not 0 <= test_count < count:
        raise DataError(f"split: test_size {test_size} of {count} rows leaves nothing to train on; take fewer")
    if test_count == 0 and test_size > 0:
        raise DataError(f"split: test_size {test_size} of {count} rows leaves nothing to test on; take more")
    return test_count


def standardize(X: Any, mean: Any = None, std: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (X − mean) / std with the mean and the standard deviation of each column, which are computed unless given.

    Compute them on the training rows and hand them to every later call:
    `X_train, mean, std = standardize(X_train)`, then `X_test, *_ = standardize(X_test, mean, std)`.
    A constant column becomes 0. Floats keep their dtype, other numbers become float32; mean and std are float64, for
    rows of any shape. DataError: no rows, NaN or infinity, text, a mean or std that does not fit.

    >>> standardize([[1.0, 5.0], [3.0, 5.0]])
    (array([[-1., 0.], [ 1., 0.]]), array([2., 5.]), array([1., 1.]))
    """
    X = as_array("standardize", X, "X")
    if X.dtype.kind not in "fiub":
        raise DataError(f"standardize: X has dtype {X.dtype}; give real numbers")
    if len(X) == 0:
        raise DataError(f"standardize: X has shape {X.shape}, no rows; give at least one")
    bad = np.argwhere(~np.isfinite(X))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise DataError(f"standardize: X{list(place)} is {X[place]}; fill or drop such values first")
    constant = np.equal(X, X[0]).all(axis=0)  # the computed deviation of equal numbers may be off zero by rounding
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        if mean is None:
            mean = np.where(constant, X[0], X.mean(axis=0, dtype=np.float64))
        if std is None:
            std = np.where(constant, 1.0, X.std(axis=0, dtype=np.float64))
    mean = np.asarray(mean, np.float64)
    std = np.asarray(std, np.float64)
    for name, array in (("mean", mean), ("std", std)):
        if array.shape not in (X.shape[1:], ()):
            raise DataError(f"standardize: {name} has shape {array.shape}, X of shape {X.shape} needs {X.shape[1:]}")
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise DataError(
            "standardize: mean and std must be finite and std positive; rescale X or take those of the training rows"
        )
    dtype = X.dtype if X.dtype.kind == "f" else np.dtype(np.float32)
    return ((X - mean) / std).astype(dtype), mean, std
