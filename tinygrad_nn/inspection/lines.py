"""Watch compiled code while it runs, line by line, and tell which of the recorded operations it does otherwise."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..compile.blocks import Group

FILE = "<tinygrad_nn.compile>"


@dataclass(slots=True)
class Line:
    """What one line of compiled code gave; that of a loop over blocks is put together, flat."""

    text: str
    number: int
    """Its place in ``.source``, from 1."""
    backward: bool
    value: Any
    flat: bool


class _Text:
    """The lines of a compiled function's source, by the code objects that they became."""

    def __init__(self, source: str) -> None:
        lines = source.split("\n")
        starts = [i for i, line in enumerate(lines) if line.startswith("def ")]
        self.parts: list[tuple[CodeType, int, bool, list[str]]] = []
        backward = False
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            backward |= lines[start].startswith("def backward(")
            text = lines[start:end]
            code = next(c for c in compile("\n".join(text), FILE, "exec").co_consts if isinstance(c, CodeType))
            self.parts.append((code, start, backward, text))
        self.known: dict[CodeType, tuple[int, bool, list[str]] | None] = {}

    def of(self, code: CodeType) -> tuple[int, bool, list[str]] | None:
        """Give where a code object begins in the source, and its lines."""
        if code not in self.known:
            what = (code.co_code, code.co_names, code.co_varnames)
            same = [p for p in self.parts if (p[0].co_code, p[0].co_names, p[0].co_varnames) == what]
            self.known[code] = (same[0][1], same[0][2], same[0][3]) if same else None
        return self.known[code]


def _written(text: str) -> str:
    """Give the name that a line writes to: what it assigns, or the array that a call in a loop works into."""
    try:
        (node,) = ast.parse(text.strip()).body
    except (SyntaxError, ValueError):
        return ""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Call):
        return node.targets[0].id
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.value.args:
        last = node.value.args[-1]
        return last.id if isinstance(last, ast.Name) and re.fullmatch(r"[ty]\d+", last.id) else ""
    return ""


def watch(source: str, run: Callable[[], Any]) -> list[Line]:
    """Run what calls compiled code with this source, and give what each line of it gave, in order."""
    text = _Text(source)
    found: dict[tuple[CodeType, int, int], Line] = {}
    blocks: dict[tuple[CodeType, int, int], list[Any]] = {}
    calls = 0
    groups: list[tuple[Group, int]] = []

    def note(frame: FrameType, line: int, call: int) -> None:
        part = text.of(frame.f_code)
        at = line - frame.f_code.co_firstlineno
        if part is None or not 0 <= at < len(part[2]):
            return
        value = frame.f_locals.get(_written(part[2][at]))
        if not isinstance(value, np.ndarray | np.number):
            return
        key = (frame.f_code, line, call)
        flat = frame.f_code.co_name == "loop"
        found[key] = Line(part[2][at].strip(), part[0] + at + 1, part[1], np.array(value), flat)
        if flat:
            blocks.setdefault(key, []).append(np.array(value).ravel())

    def local(call: int) -> Callable[..., Any]:
        last = -1

        def step(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal last
            if event in ("line", "return") and last >= 0:
                note(frame, last, call)
            last = frame.f_lineno
            return step

        return step

    def begin(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal calls
        if frame.f_code.co_filename != FILE or text.of(frame.f_code) is None:
            return None
        for v in list(frame.f_globals.values()):
            group = getattr(v, "__self__", v)
            if isinstance(group, Group) and group.cores != 1:
                groups.append((group, group.cores))
                group.cores = 1  # other threads are not watched
        calls += 1
        return local(calls)

    before = sys.gettrace()
    sys.settrace(begin)
    try:
        run()
    finally:
        sys.settrace(before)
        for group, cores in groups:
            group.cores = cores
    for key, pieces in blocks.items():
        found[key].value = np.concatenate(pieces)
    return list(found.values())


Same = Callable[[Any, Any], bool]


def culprit(
    nodes: Iterable[Any],
    below: Callable[[Any], Iterable[Any]],
    value: Callable[[Any], Any],
    lines: list[Line],
    same: Same,
) -> tuple[Any, Line | None] | None:
    """Give the first node whose value no line gave, nor that of anything computed from it, and the line in its place.

    A value that no line gave is no fault by itself: the compiler computes it otherwise, and goes on right.
    """
    nodes = list(nodes)

    def matches(v: Any, line: Line) -> bool:
        if v is None or not hasattr(v, "dtype"):
            return False
        w = line.value
        return bool(
            same(np.ravel(v), w) if line.flat and np.size(v) == w.size else np.shape(v) == w.shape and same(v, w)
        )

    given: dict[Any, list[int]] = {}
    claims: dict[int, int] = {}
    for t in nodes:
        given[t] = found = [i for i, line in enumerate(lines) if matches(value(t), line)]
        # Of two nodes with one value, such as x and x * 1.0, each needs a line of its own to be sure of it.
        if found and claims.get(found[0], 0) >= len(found):
            given[t] = []
        elif found:
            claims[found[0]] = claims.get(found[0], 0) + 1
    used = {i for found in given.values() for i in found}
    good: dict[Any, bool] = {}
    for t in reversed(nodes):
        good[t] = bool(given[t]) or any(good.get(u, False) for u in below(t))
    faulty: list[tuple[Any, Line | None, bool]] = []
    for t in nodes:
        if good[t]:
            continue
        v = value(t)
        place = max([found[0] for u, found in given.items() if found and t in set(below(u))], default=-1)
        free = [i for i, line in enumerate(lines) if i not in used]
        free = [
            i for i in free if (lines[i].value.size == np.size(v) if lines[i].flat else _shape(lines[i]) == np.shape(v))
        ]
        after = [i for i in free if i > place] or free
        sure = not any(matches(v, line) for line in lines)
        faulty.append((t, lines[after[0]] if after else None, sure))
    # What only lacks a line of its own is to blame where some other line stands in its place.
    return next(((t, line) for t, line, sure in faulty if sure or line is not None), None)


def _shape(line: Line) -> tuple[int, ...]:
    return tuple(np.shape(line.value))
