"""Scikit-learn's handwritten digits, which need no download."""

import numpy as np

from .arrays import Splits, split_by_class
from .images import as_input
from .optional import load


def digits(test_size: float | int = 0.2, rng: np.random.Generator | int | None = 0, flat: bool = True) -> Splits:
    """Return the 1797 handwritten digits of 8 × 8 pixels: ((X_train, y_train), (X_test, y_test)).

    X is float32 in [0, 1] (the counts 0 ... 16 divided by 16), of shape (n, 64), or (n, 1, 8, 8) with `flat=False`;
    y is int64. Every class is split in the same proportion; the same `rng` gives the same split. Needs scikit-learn,
    which holds the test part of https://archive.ics.uci.edu/dataset/80. DataError for a test_size that leaves an
    empty part.

    >>> (X_train, y_train), (X_test, y_test) = digits()
    >>> X_train.shape, X_train.dtype, y_test.shape
    ((1438, 64), dtype('float32'), (359,))
    """
    bunch = load("sklearn.datasets", "digits").load_digits()
    y = bunch.target.astype(np.int64)
    return split_by_class(as_input(bunch.images, 16, flat), y, test_size, rng)
