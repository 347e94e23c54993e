"""Find and write the place in the user's program that an operation came from."""

from __future__ import annotations

import linecache
import os
from bisect import bisect_right
from functools import lru_cache
from typing import Any

from ..walk import Node


def where_of(t: Node) -> tuple[str, int, str] | None:
    """Give the file, line and function that made a node."""
    where = getattr(t, "_where", None)
    if where is None:
        return None
    code, instruction = where
    starts, lines = _lines(code)
    at = bisect_right(starts, instruction) - 1
    return code.co_filename, lines[at] if at >= 0 else code.co_firstlineno, code.co_qualname


@lru_cache(maxsize=4096)
def _lines(code: Any) -> tuple[list[int], list[int]]:
    rows = [(start, line) for start, _, line in code.co_lines() if line is not None]
    return [start for start, _ in rows], [line for _, line in rows]


def where_text(where: tuple[str, int, str]) -> str:
    """Write a place in the user's program, with the line itself where it can be read.

    The folder is left out: pictures are shown to others.
    """
    file, line, function = where
    text = linecache.getline(file, line).strip()
    return f"{os.path.basename(file)}:{line} in {function}" + (f"\n{text}" if text else "")
