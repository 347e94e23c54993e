"""Data: sets to learn from, readers of their files, batches.

Every set comes as ((X_train, y_train), (X_test, y_test)), X float32 and y int64. A reader refuses a malformed file
with one DataError (a ValueError), before it takes memory for it.
"""

from .arrays import one_hot, split, standardize
from .dataset import Dataset, TensorDataset
from .digit_text import read_digit_text
from .error import DataError
from .idx import mnist, read_idx
from .loader import DataLoader
from .optical import digits
from .points import moons, spiral
from .table import Table, read_csv

__all__ = [
    "DataError",
    "DataLoader",
    "Dataset",
    "Table",
    "TensorDataset",
    "digits",
    "mnist",
    "moons",
    "one_hot",
    "read_csv",
    "read_digit_text",
    "read_idx",
    "spiral",
    "split",
    "standardize",
]
