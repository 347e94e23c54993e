"""Read a table from a CSV file."""

import io
import os
from typing import Any, NamedTuple

import numpy as np

from ..files import Path, open_regular
from .error import DataError
from .optional import load


class Table(NamedTuple):
    """The columns of a table as arrays."""

    X: np.ndarray  # (rows, features) float32
    y: np.ndarray  # (rows,) int64 labels or float32 values
    features: tuple[str, ...]  # names of the columns of X
    classes: tuple[Any, ...] | None  # what the labels 0, 1, ... stand for; None where y is the column itself


def read_csv(path: Path, target: str, classify: bool | None = None) -> Table:
    """Return features X and target y of a CSV file with a header line, one row for each sample (UTF-8, commas).

    Every column but `target` is a feature and must hold numbers (or true and false); X is float32. A target of text
    becomes labels 0, 1, ... (int64) in the sorted order of its values, which `classes` lists. A target of whole
    numbers stays as it is (int64), one of other numbers becomes float32; `classify=True` makes labels of these too,
    `classify=False` refuses text. Needs pandas.

    DataError: a file that cannot be read or is no table, no such column, names that stand twice, rows of different
    lengths, missing or infinite values, text among the features.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "t.csv").write_text("height,width,kind\\n1,2,cat\\n3,4.5,ant\\n")
    ...     read_csv(f"{folder}/t.csv", target="kind")
    Table(X=array([[1. , 2. ], [3. , 4.5]], dtype=float32), y=array([1, 0]), features=('height', 'width'),
          classes=('ant', 'cat'))
    """
    pandas = load("pandas", "read_csv")
    name = os.fsdecode(path)
    with open_regular(path, "read_csv", DataError) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        try:
            frame = pandas.read_csv(text, header=None, dtype=str, keep_default_na=False, na_values=[""])
            return _table(frame, target, classify)
        except UnicodeDecodeError as problem:
            fault = f"is not UTF-8 text (byte {problem.object[problem.start]:#x}); save it as UTF-8"
        except ValueError as problem:
            fault = " ".join(str(problem).split())
    raise DataError(f"read_csv: {name!r}: {fault}")


# A ValueError says what is wrong with the table, `read_csv` adds which file.


def _table(frame: Any, target: str, classify: bool | None) -> Table:
    names = [str(name).strip() for name in frame.iloc[0].fillna("")]
    if "" in names or len(set(names)) < len(names):
        raise ValueError(f"the column names {_shown(names)} are not unique or one is empty; name each column")
    if target not in names:
        raise ValueError(f"no column {target!r} among {_shown(names)}; choose one of these as the target")
    features = [name for name in names if name != target]
    if len(frame) < 2 or not features:
        raise ValueError(f"{len(frame) - 1} rows and {len(features)} columns beside {target!r}; nothing to learn from")
    columns = {name: _complete(frame[number].iloc[1:], name) for number, name in enumerate(names)}
    X = np.stack([_float32(_numbers(columns[name], name), name) for name in features], axis=1)
    y, classes = _labels(columns[target], target, classify)
    return Table(X, y, tuple(features), classes)


def _complete(column: Any, name: str) -> Any:
    missing = column.isna().to_numpy()
    if missing.any():
        row = int(missing.argmax()) + 1
        raise ValueError(f"{missing.sum()} values are missing in column {name!r}, the first in row {row}; fill or drop")
    return column.str.strip()


def _numbers(column: Any, name: str) -> np.ndarray:
    import pandas

    lowered = column.str.lower()
    if lowered.isin(["true", "false"]).all():
        return (lowered == "true").to_numpy()
    numbers = pandas.to_numeric(column, errors="coerce").to_numpy()
    text = column[np.isnan(numbers)]
    if len(text):
        raise ValueError(f"column {name!r} holds {text.iloc[0]!r:.60}, which is no number; encode or drop the column")
    return numbers


def _float32(numbers: np.ndarray, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
    if not np.isfinite(values).all():
        number = numbers[~np.isfinite(values)][0]
        raise ValueError(f"column {name!r} holds {number}, which is not finite as float32; fix or drop it")
    return values


def _labels(column: Any, name: str, classify: bool | None) -> tuple[np.ndarray, tuple[Any, ...] | None]:
    try:
        values = _numbers(column, name)
    except ValueError:
        if classify is False:
            raise
        values = column.to_numpy(str)
    if classify or values.dtype.kind in "Ub":
        classes, y = np.unique(values, return_inverse=True)
        return y.astype(np.int64), tuple(classes.tolist())
    if values.dtype.kind == "i":
        return values.astype(np.int64), None
    return _float32(values, name), None


def _shown(names: list[str]) -> str:
    return ", ".join(map(repr, names))[:200]
