"""Datasets: samples by number, and batches of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..convert import kept
from .error import DataError

Batch = tuple[np.ndarray, ...]


class Dataset(ABC):
    """Samples by number. A subclass has `__len__` and `__getitem__`, which gives a sample: an array or a tuple of them.

    >>> class Squares(Dataset):
    ...     def __len__(self): return 4
    ...     def __getitem__(self, index): return index, index**2
    >>> Squares().batch([1, 3])
    (array([1, 3]), array([1, 9]))
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: Any) -> Any: ...

    def batch(self, indices: Sequence[int] | np.ndarray) -> Batch:
        """Return the samples of these numbers, each of their parts stacked along a new first axis."""
        return stack_samples(self, indices)


class TensorDataset(Dataset):
    """Arrays whose first axis counts the samples: `TensorDataset(X, y)[i]` is `(X[i], y[i])`.

    The arrays are kept, not copied; a batch is a copy. DataError where lengths differ or an array has no first axis.

    >>> TensorDataset([[1., 2.], [3., 4.], [5., 6.]], [0, 1, 0]).batch([2, 0])
    (array([[5., 6.], [1., 2.]]), array([0, 0]))
    """

    def __init__(self, *arrays: Any) -> None:
        self.arrays = aligned("TensorDataset", arrays)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> Batch:
        return tuple(array[index] for array in self.arrays)

    def batch(self, indices: Sequence[int] | np.ndarray) -> Batch:
        """Return the samples of these numbers: each array is indexed once."""
        return tuple(array[indices] for array in self.arrays)

    def __repr__(self) -> str:
        return f"TensorDataset({', '.join(f'{array.dtype}{array.shape}' for array in self.arrays)})"


def aligned(operation: str, values: Sequence[Any]) -> Batch:
    """Return the values as arrays with the same number of rows, or raise a DataError that names those that differ."""
    if not values:
        raise DataError(f"{operation}: no arrays given; pass at least one")
    arrays = tuple(as_array(operation, value, f"array {number}") for number, value in enumerate(values))
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise DataError(f"{operation}: arrays of shapes {shapes} differ in their number of rows, {lengths}")
    return arrays


def as_array(operation: str, value: Any, role: str) -> np.ndarray:
    """Return the value as an array of at least one axis, or raise a DataError that names its role."""
    try:
        array = kept(value)
    except ValueError as problem:  # rows of different lengths
        raise DataError(f"{operation}: {role} is no array: {problem}") from None
    if array.ndim == 0:
        raise DataError(f"{operation}: {role} is the single value {value!r:.60}; its first axis must count the samples")
    if array.dtype == object:
        raise DataError(f"{operation}: {role} has dtype object; convert it to numbers first")
    return array


def stack_samples(dataset: Any, indices: Sequence[int] | np.ndarray) -> Batch:
    """Return the samples of these numbers, each of their parts stacked along a new first axis."""
    samples = [sample if isinstance(sample := dataset[int(i)], tuple) else (sample,) for i in indices]
    try:
        return tuple(np.stack([kept(part) for part in parts]) for parts in zip(*samples, strict=True))
    except ValueError:
        shapes = sorted({str([np.shape(part) for part in sample]) for sample in samples})
        raise DataError(f"batch: samples of different shapes, {' and '.join(shapes)[:200]}; make them equal") from None
