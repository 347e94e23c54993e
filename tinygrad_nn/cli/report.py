"""The report of a run, as text."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import __version__
from .folder import MARK


def table(matrix: Any) -> str:
    """Give a confusion matrix as text: rows are true classes, columns predicted ones.

    >>> print(table(np.array([[8, 2], [0, 10]])))
          0  1
      0   8  2
      1   0 10
    """
    width = max(2, *[len(str(n)) for n in (matrix.max(), len(matrix) - 1)]) + 1
    names = range(len(matrix))
    lines = [" " * 4 + "".join([f"{n:{width}}" for n in names])]
    lines += [f"{n:3} " + "".join([f"{count:{width}}" for count in matrix[n]]) for n in names]
    return "\n".join(lines)


def report(command: str, settings: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    """Give the whole text: what was run, with which settings and versions, then each part under its title."""
    heading = f"{MARK.decode()}{__version__}: {command}"
    facts = [f"{name}: {value}" for name, value in settings.items()]
    versions = f"versions: Python {platform.python_version()}, NumPy {np.__version__}"
    blocks = ["\n".join([heading, "=" * min(len(heading), 120)]), "\n".join([*facts, versions])]
    blocks += [f"{title}\n{'-' * len(title)}\n{text}" for title, text in parts.items()]
    return "\n\n".join(blocks) + "\n"
