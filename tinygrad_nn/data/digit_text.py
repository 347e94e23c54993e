"""Read digits drawn as text: 32 lines of 32 characters, 0 for paper and 1 for ink."""

import os
import re

import numpy as np

from ..files import Path, open_regular
from .error import DataError

SIZE = 32
# 32 lines with CR and LF, a byte order mark, a few empty lines at the end.
MAX_BYTES = 3 + SIZE * (SIZE + 2) + 16
NAME = re.compile(r"([0-9])_([0-9]+)\.txt")


def read_digit_text(path: Path) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Return a digit drawn as text, (32, 32) uint8 of 0 and 1, or those of a folder: (images, labels).

    A file has 32 lines of 32 characters `0` or `1`; CR LF, a byte order mark, and empty lines at the end do no harm.
    In a folder each file `LABEL_N.txt` (7_12.txt is a seven) is read, in the order of label and N: images are
    (n, 32, 32) uint8, labels int64. Hidden files and files that do not end in .txt are left alone. DataError names
    file, line and column of what does not fit.

    >>> read_digit_text("nowhere/7_0.txt")
    Traceback (most recent call last):
    tinygrad_nn.data.error.DataError: read_digit_text: cannot open 'nowhere/7_0.txt': No such file or directory
    """
    name = os.fsdecode(path)
    return _read_folder(name) if os.path.isdir(name) else _read_file(name)


def _read_folder(folder: str) -> tuple[np.ndarray, np.ndarray]:
    found = []
    try:
        names = os.listdir(folder)
    except OSError as problem:
        raise DataError(f"read_digit_text: cannot list {folder!r}: {problem.strerror}") from None
    for name in names:
        if match := NAME.fullmatch(name):
            found.append((int(match[1]), int(match[2][-18:]), name))
        elif name.endswith(".txt") and not name.startswith("."):
            raise DataError(f"read_digit_text: {name!r} in {folder!r} is not named LABEL_N.txt, such as 7_12.txt")
    if not found:
        raise DataError(f"read_digit_text: {folder!r} holds no file named LABEL_N.txt, such as 7_12.txt")
    found.sort()
    images = np.stack([_read_file(os.path.join(folder, name)) for _, _, name in found])
    return images, np.array([label for label, _, _ in found], np.int64)


def _read_file(name: str) -> np.ndarray:
    with open_regular(name, "read_digit_text", DataError) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DataError(
            f"read_digit_text: {name!r} is longer than {MAX_BYTES} bytes; expected 32 lines of 32 characters"
        )
    lines = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    for number, line in enumerate(lines, 1):
        if column := re.search(rb"[^01]", line):
            shown = column[0].decode("ascii", "backslashreplace")
            place = f"line {number}, column {column.start() + 1}"
            raise DataError(f"read_digit_text: {name!r} has {shown!r} in {place}; expected only 0 and 1")
        if len(line) != SIZE:
            raise DataError(f"read_digit_text: {name!r} has {len(line)} characters in line {number}; expected {SIZE}")
    if len(lines) != SIZE:
        raise DataError(f"read_digit_text: {name!r} has {len(lines)} lines; expected {SIZE}")
    return np.frombuffer(b"".join(lines), np.uint8).reshape(SIZE, SIZE) - ord("0")
