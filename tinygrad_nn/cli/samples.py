"""Samples for a saved model, from the user's files: tables, arrays, images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data import DataError, read_digit_text, read_idx
from ..data.optional import load
from .options import CommandError
from .saved import Saved

KINDS = ".csv (a table), .npy (an array), .txt (a digit of 0 and 1), or an IDX file (plain or .gz)"


def read(path: str, model: Saved) -> np.ndarray:
    """Give the rows of a file as the model takes them; its kind is told by its name."""
    place = Path(path)
    if not place.is_file():
        raise CommandError(f"there is no file {path!r}; give {KINDS}")
    if place.suffix == ".csv":
        return _table(place, model)
    if place.suffix == ".npy":
        return _array(place, model)
    if place.suffix == ".txt":
        digit: Any = read_digit_text(place)
        return _scaled(digit[None].astype(np.float32), model, path)
    if "idx" in place.name or place.suffix in (".gz", ".idx"):
        images = read_idx(place)
        return _scaled(images.astype(np.float32) / 255.0, model, path)
    raise CommandError(f"{path!r}: what it holds is not told by its name; give {KINDS}")


def _table(path: Path, model: Saved) -> np.ndarray:
    """Read the columns that the model was trained on, in its order; other columns are left alone."""
    pandas = load("pandas", "predict")
    try:
        frame = pandas.read_csv(path, header=None, dtype=str, keep_default_na=False, na_values=[""])
    except (ValueError, UnicodeDecodeError) as problem:
        raise DataError(f"predict: {str(path)!r}: {' '.join(str(problem).split())}") from None
    names = [str(name).strip() for name in frame.iloc[0].fillna("")]
    if "" in names or len(set(names)) < len(names):
        raise CommandError(f"{str(path)!r}: its column names are not unique, or one is empty; name each column")
    frame = frame.iloc[1:]
    frame.columns = names
    wanted = model.note["features"] or list(frame.columns)
    if missing := [name for name in wanted if name not in frame.columns]:
        raise CommandError(f"{str(path)!r} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
    columns = []
    for name in wanted:
        text = frame[name].str.strip().str.lower().replace({"true": "1", "false": "0"})
        numbers = pandas.to_numeric(text, errors="coerce").to_numpy(float)
        if not np.isfinite(numbers).all():
            row = int(np.argmin(np.isfinite(numbers))) + 1
            raise CommandError(f"{str(path)!r}: column {name!r} has no number in row {row}; fill or drop it")
        columns.append(numbers)
    return np.stack(columns, axis=1) if columns else np.zeros((0, 0))


def _array(path: Path, model: Saved) -> np.ndarray:
    try:
        a = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as problem:
        raise CommandError(f"{str(path)!r} is no array of numbers: {' '.join(str(problem).split())}") from None
    if not isinstance(a, np.ndarray) or a.dtype.kind not in "fiub":
        raise CommandError(f"{str(path)!r} holds {getattr(a, 'dtype', type(a).__name__)}, not numbers")
    if not a.ndim or not a.size:
        raise CommandError(f"{str(path)!r} holds an array of shape {a.shape}; give one row a sample")
    return a.reshape(1, -1) if a.ndim == 1 else a.reshape(len(a), -1)


def _scaled(images: np.ndarray, model: Saved, path: str) -> np.ndarray:
    """Give images (n, height, width) in [0, 1] as rows, averaged over squares where the model takes smaller ones."""
    width = int(model.note["sizes"][0])
    side = round(width**0.5)
    if images.ndim != 3:
        raise CommandError(f"{path!r} holds an array of shape {images.shape}, not images (n, height, width)")
    n, height, across = images.shape
    if side * side == width and height == across and height % side == 0:
        f = height // side
        return images.reshape(n, side, f, side, f).mean(axis=(2, 4)).reshape(n, width)
    raise CommandError(f"{path!r} has images of {height} x {across}; the model takes rows of {width} numbers")


def labels_of(scores: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give the class of each row of scores, and its probability."""
    z = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = z / z.sum(axis=1, keepdims=True)
    best = scores.argmax(axis=1)
    return best, p[np.arange(len(p)), best]
