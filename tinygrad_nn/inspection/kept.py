"""memory: the bytes that a recorded graph keeps for the backward pass, why, and what recomputing would cost."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from .. import walk
from ..check.place import place_of
from ..convert import ones
from ..draw.summary import bytes_text, shape_text
from ..draw.table import plain
from ..draw.timing import seconds_text
from ..draw.trace import roots_of
from ..tensor import seed
from ..walk import GraphFreedError, Node

SHOWN = 30
"""So many rows are printed, the largest; ``rows`` holds all."""
_SECONDS = 2.0


@dataclass(slots=True)
class Kept:
    """What one operation keeps: the arrays that no older operation keeps already."""

    number: int
    """Its place in the order of recording, from 0."""
    operation: str
    name: str
    place: str
    shape: tuple[int, ...]
    bytes: int
    read: int
    """The part of ``bytes`` that a rule reads; the rest is merely held because the graph holds its tensors."""
    why: str
    saves: int
    """Bytes of its result, which computing it again in the backward pass (``checkpoint``) would save."""
    seconds: float
    """What computing it again takes, measured; nan where its function draws random numbers."""


@dataclass(slots=True)
class Memory:
    """The memory of one graph: prints as a table, iterates over its rows, largest first."""

    rows: list[Kept]
    read: int
    """Bytes that the rules read."""
    held: int
    """Bytes that no rule reads, held because the graph holds its tensors."""
    parameters: int
    """Bytes of the leaves that need a gradient."""
    inputs: int
    """Bytes of the other leaves, and of the caller's arrays."""
    peak: int
    """The largest sum of what is kept and the cotangents alive, during a backward pass."""
    peak_at: str
    """The operation whose rule ran then."""

    @property
    def total(self) -> int:
        """Bytes kept from the forward pass to the backward pass, without parameters and inputs."""
        return self.read + self.held

    def __iter__(self) -> Iterator[Kept]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        cells = [["#", "operation", "shape", "kept", "saves", "time", "why", "where"]]
        for r in self.rows[:SHOWN]:
            title = f"{r.operation} {r.name}" if r.name else r.operation
            file = r.place.rpartition("/")[2]
            row = [str(r.number), plain(title)[:40], shape_text(r.shape), bytes_text(r.bytes), bytes_text(r.saves)]
            cells.append(
                [*row, seconds_text(r.seconds) if r.seconds == r.seconds else "", plain(r.why)[:60], plain(file)[:60]]
            )
        widths = [max([len(row[c]) for row in cells]) for c in range(len(cells[0]))]
        lines = ["  ".join([t.ljust(w) for t, w in zip(row, widths, strict=True)]).rstrip() for row in cells]
        lines.insert(1, "  ".join(["-" * w for w in widths]))
        if len(self.rows) > SHOWN:
            rest = self.rows[SHOWN:]
            lines.append(f"... and {len(rest)} smaller: {bytes_text(sum([r.bytes for r in rest]))}")
        lines.append(
            f"kept {bytes_text(self.total)}: {bytes_text(self.read)} read by rules, {bytes_text(self.held)} merely "
            f"held; apart from it parameters {bytes_text(self.parameters)}, inputs {bytes_text(self.inputs)}"
        )
        lines.append(
            f"peak of a backward pass {bytes_text(self.peak)}, at {self.peak_at} (kept, cotangents, scratch arrays)"
        )
        return "\n".join(lines)

    __repr__ = __str__


def memory(y: Any) -> Memory:
    """Tell how many bytes a recorded graph keeps for its backward pass, operation by operation, and why.

    ``y`` is a Tensor or a list, tuple or dict of Tensors. An array that several operations hold is counted once, at
    the oldest. The peak is that of a backward pass which is walked here with cotangents of ones (``grad`` stays
    untouched, hooks are not called), measured by tracemalloc: what a rule lays out for itself is in it, what BLAS does
    is not. Raises GraphFreedError for a freed graph, RuntimeError for a tensor without a graph.

    >>> from tinygrad_nn import Tensor
    >>> x = Tensor(np.ones(1000), requires_grad=True)
    >>> m = memory(np.sin(x * 2.0).sum())
    >>> m.read, m.held, m.parameters
    (8000, 8008, 8000)
    """
    roots = roots_of(y, "memory")
    nodes = walk.everything(roots)
    recorded = [t for t in nodes if t.op is not None]
    if not recorded:
        raise RuntimeError("memory: no operation is recorded here; compute it from a tensor with requires_grad=True")
    for t in recorded:
        if t._saved is None and t._tracked:
            raise GraphFreedError(
                f"memory: {_title(t)}: a backward pass has freed this graph; ask before it, or use retain_graph=True"
            )
    number = {t: i for i, t in enumerate(recorded)}
    counted: dict[int, Any] = {}
    parameters = inputs = 0
    for t in nodes:
        if t.op is None:
            n = _new(t._data, counted)
            parameters, inputs = (parameters + n, inputs) if t._tracked else (parameters, inputs + n)
    inputs += sum([_new(v, counted) for t in recorded for v in t._inputs if _foreign(t, v)])
    readers = _readers(recorded, number)
    rows, read = [], 0
    for t in recorded:
        size = sum_read = result = 0
        why: list[str] = []
        for k, a in enumerate(_arrays([t._data, t._saved, t._params])):
            base = _base(a)
            n = _new(a, counted)
            result = n if k == 0 else result
            if n:
                size += n
                if id(base) in readers:
                    sum_read += n
                    why += [w for w in readers[id(base)] if w not in why]
        read += sum_read
        said = "read by " + ", ".join(why) if why else "merely held by the graph" if size else "shares memory"
        name = str(getattr(t, "name", None) or "")
        rows.append(
            Kept(number[t], _title(t), name, place_of(t), tuple(t._data.shape), size, sum_read, said, result, 0.0)
        )
    _time(recorded, rows)
    total = sum([r.bytes for r in rows])
    peak, at = _peak(roots, total)
    rows.sort(key=lambda r: (-r.bytes, r.number))
    return Memory(rows, read, total - read, parameters, inputs, peak, at)


def _title(t: Any) -> str:
    return str(t.op.name)


def _base(a: Any) -> Any:
    """Give the array that owns the memory."""
    while isinstance(getattr(a, "base", None), np.ndarray):
        a = a.base
    return a


def _new(a: Any, counted: dict[int, Any]) -> int:
    """Count an array's memory, unless it is counted already."""
    if not isinstance(a, np.ndarray | np.generic):
        return 0
    base = _base(a)
    if id(base) in counted:
        return 0
    counted[id(base)] = base
    return int(base.nbytes)


def _arrays(x: Any) -> Iterator[Any]:
    waiting = [x]
    while waiting:
        x = waiting.pop()
        if isinstance(x, np.ndarray | np.generic):
            yield x
        elif isinstance(x, list | tuple):
            waiting += reversed(x)
        elif isinstance(x, dict):
            waiting += reversed(list(x.values()))


def _foreign(t: Node, x: Any) -> bool:
    """Tell whether an operand is the caller's own array: one that no rule reads is not copied."""
    if not isinstance(x, np.ndarray) or t.op is None:
        return False
    i = 1 if t.op.variadic else 1 + next(k for k, v in enumerate(t._inputs) if v is x)
    return not t.op.keeps[i]


def _readers(recorded: list[Node], number: dict[Node, int]) -> dict[int, list[str]]:
    """Give for each piece of memory (by id of its owner) the rules that read it."""
    found: dict[int, list[str]] = {}
    for t in recorded:
        op: Any = t.op
        saved = t._saved
        if saved is None:
            continue
        keeps = (op.keeps[0], *([op.keeps[1]] * (len(saved) - 1))) if op.variadic else op.keeps
        for i, (v, kept) in enumerate(zip(saved, keeps, strict=True)):
            if kept and isinstance(v, np.ndarray | np.generic):
                what = "its result" if i == 0 else f"input {i - 1}"
                found.setdefault(id(_base(v)), []).append(f"{op.name} #{number[t]} ({what})")
        for v in _arrays(t._params.get("residual")):
            found.setdefault(id(_base(v)), []).append(f"{op.name} #{number[t]} (residual)")
    return found


def _time(recorded: list[Node], rows: list[Kept]) -> None:
    """Measure each operation: the best of up to three runs, while there is time."""
    start = perf_counter()
    for turn in range(3):
        for t, row in zip(recorded, rows, strict=True):
            op: Any = t.op
            if op.random or t._saved is None:
                row.seconds = float("nan")
                continue
            if turn and perf_counter() - start > _SECONDS:
                return
            params = {k: v for k, v in t._params.items() if k != "residual"}
            with np.errstate(all="ignore"):
                before = perf_counter()
                op.fn(*t._saved[1:], **params)
                took = perf_counter() - before
            row.seconds = min(took, row.seconds) if turn else took


def _peak(roots: list[Any], kept: int) -> tuple[int, str]:
    """Walk back with the real rules and measure what lives at every rule, its own scratch arrays included."""
    cotangents: dict[Any, Any] = {}
    for t in roots:
        if t.op is not None and t._tracked:
            cotangents[t] = seed(t, ones(t._data.shape, t._data.dtype, t), "memory")
    # NumPy tells tracemalloc of every array, those inside of rules too.
    ours = not tracemalloc.is_tracing()
    if ours:
        tracemalloc.start()
    tracemalloc.reset_peak()
    base = tracemalloc.get_traced_memory()[0]
    at = last = ""
    most = 0

    def look() -> None:
        nonlocal most, at
        n = tracemalloc.get_traced_memory()[1] - base
        if n >= most:
            most, at = n, last
        tracemalloc.reset_peak()

    def visit(t: Any, g: Any) -> Any:
        nonlocal last
        last = last or _title(t)
        look()
        last = f"{_title(t)}{' ' + place_of(t).rpartition('/')[2] if t._where else ''}"
        return g

    try:
        walk.reverse(walk.graph(roots), cotangents, retain=True, visit=visit)
        look()
    finally:
        if ours:
            tracemalloc.stop()
    return kept + most, at
