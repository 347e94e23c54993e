"""Where in the user's program a node was made, and what the user calls it."""

from __future__ import annotations

import linecache
import sys
from typing import Any

from ..walk import Node


def place_of(t: Node) -> str:
    """Give ``file.py:12: y = np.sin(x)`` for a recorded node, or nothing where that is not known."""
    if t._where is None:
        return ""
    code, instruction = t._where
    if code.co_filename.startswith("<frozen "):  # no program of the user's: Python itself started this package
        return ""
    line = line_of(code, instruction)
    text = linecache.getline(code.co_filename, line).strip()
    return f"{code.co_filename}:{line}" + (f": {text}" if text else "")


def line_of(code: Any, instruction: int) -> int:
    """Give the line of an instruction."""
    found = code.co_firstlineno
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            found = line
    return int(found)


def variables(depth: int) -> dict[int, str]:
    """Give what the code ``depth`` frames up calls its tensors: the variables that hold them, by the node's number."""
    names: dict[int, str] = {}
    try:
        frame: Any = sys._getframe(depth + 1)
    except ValueError:
        return names
    for scope in (frame.f_locals, frame.f_globals):
        for name, value in list(scope.items()):
            if isinstance(value, Node) and hasattr(value, "_number") and not name.startswith("_"):
                names.setdefault(value._number, name)
    return names


def name_of(t: Any, names: dict[int, str]) -> str:
    """Give a tensor's own name, or the variable that holds it, or nothing."""
    return str(getattr(t, "name", None) or names.get(getattr(t, "_number", -1), ""))
