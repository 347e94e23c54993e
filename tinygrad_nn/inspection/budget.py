"""memory_budget: drop what a graph keeps while it is recorded, and compute it again in the backward pass.

Values are computed again by the recorded operations on the recorded inputs, not by the program: masks stay the same,
running statistics are not updated twice. In a block the function that records a node is exchanged, as in the lint;
outside nothing is slower.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from sys import getrefcount
from typing import Any
from weakref import ref

import numpy as np

from .. import record
from ..convert import kept
from ..draw.summary import bytes_text
from ..op import OPS
from ..walk import Node, Outline

SHARE = 0.3
"""The part of the budget that a stretch of the graph may keep before its inside is dropped."""
MARGIN = 1.15
"""Stretches end where they may, not where they should: so much more the smallest budget is told to be."""
SMALL = 256
"""Smaller values (bytes) are not worth dropping."""
_UNITS = {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30}

_budget: ContextVar[Any] = ContextVar("tinygrad_nn.memory_budget", default=None)


class MemoryBudgetWarning(UserWarning):
    """Given once by ``memory_budget`` where the graph could not be kept within the budget."""


class Dropped(Outline):
    """The shape and dtype of a value that is computed again when it is needed."""

    __slots__ = ("nbytes", "ndim", "size")

    def __init__(self, array: Any) -> None:
        super().__init__(array)
        self.ndim, self.nbytes, self.size = array.ndim, array.nbytes, array.size


class Saved:
    """What stands for a node's saved values while they are dropped: reading it computes the stretch again."""

    __slots__ = ("__weakref__", "node", "op", "params", "stretch", "template", "values")

    def __init__(self, stretch: Stretch, t: Any, template: tuple[Any, ...]) -> None:
        self.stretch = stretch
        self.node = ref(t)
        self.op: Any = t.op
        self.params = t._params
        self.template = template
        self.values: tuple[Any, ...] | None = None

    def compute(self, values: dict[Any, Any]) -> None:
        """Compute the result again; ``values`` holds those of the stretch so far."""
        y, *args = self.template
        args = [values[v] if type(v) is Dropped else v for v in args]
        if type(y) is Dropped:
            key, op = y, self.op
            params = {k: v for k, v in self.params.items() if k != "residual"}
            with np.errstate(all="ignore"):
                y = op.fn(*args, **params)
            if op.residual:
                y, self.params["residual"] = y
            values[key] = y if isinstance(y, np.ndarray | np.generic) else kept(y)
            y = values[key]
        self.values = (y, *args)

    def drop(self) -> None:
        """Forget what was computed."""
        self.values = None
        if type(self.template[0]) is Dropped:
            self.params.pop("residual", None)

    def restore(self) -> None:
        """Give the whole stretch its values back for good: rules that record read the tensors themselves."""
        self._filled()
        for lazy in self.stretch.alive():
            t = lazy.node()
            if t is not None and lazy.values is not None:
                t._data, t._saved = lazy.values[0], lazy.values

    def _filled(self) -> tuple[Any, ...]:
        if self.values is None:
            self.stretch.fill()
        assert self.values is not None
        return self.values

    def __len__(self) -> int:
        return len(self.template)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._filled())

    def __getitem__(self, i: Any) -> Any:
        return self._filled()[i]


class Stretch:
    """Operations recorded one after the other whose inner values are dropped, and computed again together."""

    __slots__ = ("__weakref__", "budget", "bytes", "lazy")

    def __init__(self, budget: memory_budget, nodes: list[Any], dropped: set[int]) -> None:
        self.budget = budget
        self.lazy: list[Any] = []
        self.bytes = 0
        marks: dict[int, Dropped] = {}
        for t in nodes:
            if id(t) in dropped:
                marks[id(t)] = Dropped(t._data)
                self.bytes += _new_bytes(t)
                t._data = marks[id(t)]
                t._params.pop("residual", None)
            saved = t._saved
            template = (
                marks.get(id(t), saved[0]),
                *[marks.get(id(x), v) for x, v in zip(t._inputs, saved[1:], strict=True)],
            )
            if any(type(v) is Dropped for v in template):
                t._saved = lazy = Saved(self, t, template)
                # Weak: a node that the walk is done with takes its values along.
                self.lazy.append(ref(lazy))

    def alive(self) -> Iterator[Saved]:
        """Give what is still wanted, oldest first."""
        for at in self.lazy:
            lazy = at()
            if lazy is not None:
                yield lazy

    def fill(self) -> None:
        """Compute the values again, oldest first."""
        filled = self.budget._filled() if self.budget._filled is not None else None
        if filled is not None and filled is not self:
            for lazy in filled.alive():
                lazy.drop()
        self.budget._filled = ref(self)
        self.budget._note(self.bytes)
        values: dict[Any, Any] = {}
        for lazy in self.alive():
            lazy.compute(values)


def _new_bytes(t: Any) -> int:
    y = t._data
    n = 0 if isinstance(getattr(y, "base", None), np.ndarray) else int(y.nbytes)
    waiting = [t._params.get("residual")]
    while waiting:
        x = waiting.pop()
        if isinstance(x, np.ndarray):
            n += x.nbytes
        elif isinstance(x, list | tuple):
            waiting.extend(x)
    return n


class memory_budget:
    """Keep what a graph holds for its backward pass below a budget, in a ``with`` block, by computing it again.

    ``budget`` is a number of bytes or text such as "200 MB" (kB, MB, GB; KiB, MiB, GiB). When what was recorded in the
    block grows past its share, values that only the graph holds are dropped; the backward pass computes them again,
    stretch by stretch, by the recorded operations. Gradients are equal, masks the same, running statistics updated
    once. What the program itself holds, parameters and inputs are not counted. With ``create_graph`` values come back
    for good. A budget that could not be kept gives one MemoryBudgetWarning at the end, with the smallest one possible.

    >>> from tinygrad_nn import Tensor
    >>> x = Tensor(np.ones(10_000), requires_grad=True)
    >>> with memory_budget("1 MB") as budget:
    ...     y = x
    ...     for _ in range(20):
    ...         y = np.sin(y)
    ...     y.sum().backward()
    >>> budget.dropped > 0
    True
    """

    def __init__(self, budget: int | float | str) -> None:
        self.budget = parse_bytes(budget)
        self.dropped = 0
        """Bytes dropped so far."""
        self._limit = SHARE * self.budget
        self._filled: Any = None
        self._forget()
        self._tokens: list[Any] = []

    def _forget(self) -> None:
        self._recent: list[Any] = []
        self._kept: list[Any] = []
        self._stretches: list[Any] = []
        self._tally = self._boundary = self._most = self._largest = 0

    def __enter__(self) -> memory_budget:
        record.watch(_added)
        self._forget()
        self._tokens.append(_budget.set(self))
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        _budget.reset(self._tokens.pop())
        record.unwatch(_added)
        if kind is None and self._most > self.budget:
            boundary, limit = max(self._boundary, 1), max(self._limit, self._largest)
            smallest = int(MARGIN * (2 * (boundary * limit) ** 0.5 + 3 * self._largest))
            warnings.warn(
                f"memory_budget: {bytes_text(int(self.budget))} could not be kept, {bytes_text(int(self._most))} were "
                f"needed; the smallest budget possible here is about {bytes_text(max(smallest, int(self.budget) + 1))}",
                MemoryBudgetWarning,
                stacklevel=2,
            )

    def _add(self, t: Any) -> None:
        n = _new_bytes(t)
        self._recent.append(ref(t))
        self._tally += n
        self._largest = max(self._largest, n)
        if self._tally > self._limit:
            self._drop()
        self._most = max(self._most, self._boundary + self._tally)

    def _note(self, filled: int) -> None:
        """Take down what is held while a stretch is filled: what was walked already stays until the walk is over."""
        alive = {id(t): t for t in [at() for at in (*self._kept, *self._recent)] if t is not None}
        self._most = max(self._most, sum(map(_new_bytes, alive.values())) + filled + 2 * self._largest)

    def _drop(self) -> None:
        """Drop what only the graph holds of what was recorded since the last time."""
        nodes = [t for t in [at() for at in self._recent] if t is not None and type(t._saved) is tuple]
        self._tally = sum([_new_bytes(t) for t in nodes])
        if self._tally <= self._limit:
            self._recent = [ref(t) for t in nodes]
            return
        # Up to the oldest value that the program still holds, one value is kept; beyond it more would be.
        end = len(nodes)
        free = _only_held(nodes, end)
        early = next((i + 1 for i in range(end) if id(nodes[i]) not in free and _can_again(nodes[i])), end)
        short = _only_held(nodes, early)
        if 3 * sum([_new_bytes(nodes[i]) for i in range(early) if id(nodes[i]) in short]) >= self._tally:
            end, free = early, short
        later = nodes[end:]
        del nodes[end:]
        stretch = Stretch(self, nodes, free)
        self.dropped += stretch.bytes
        self._kept = [at for at in self._kept if (k := at()) is not None and k._saved is not None]
        self._kept += [ref(t) for t in nodes if id(t) not in free]
        self._boundary = sum([_new_bytes(k) for k in [at() for at in self._kept] if k is not None])
        self._recent, self._tally = [ref(t) for t in later], sum([_new_bytes(t) for t in later])
        self._most = max(self._most, self._boundary + max(stretch.bytes, self._tally) + 2 * self._largest)


def _only_held(nodes: list[Any], end: int) -> set[int]:
    """Give the ids of those of the first nodes whose value nothing but the first nodes themselves can still read."""
    uses: dict[int, int] = {}
    for i in range(end):
        for x in nodes[i]._inputs:
            uses[id(x)] = uses.get(id(x), 0) + 1
    x = None
    found: set[int] = set()
    for i in range(end):
        t = nodes[i]
        # The list, the variable and the argument hold it as well.
        if getrefcount(t) == uses.get(id(t), 0) + HOLDERS and _can_again(t):
            found.add(id(t))
    return found


def _can_again(t: Any) -> bool:
    """Tell whether the operation can be run again for the same value, and whether that saves anything."""
    return (
        t.op.built_in and not t.op.random and OPS.get(t.op.name) is t.op and not t._exposed and t._data.nbytes >= SMALL
    )


def _holders() -> int:
    nodes = [Node()]
    for t in nodes:
        return getrefcount(t)
    return 0


HOLDERS = _holders()
"""What getrefcount says in a loop over a list of a node that nothing else holds."""


def _added(t: Any) -> None:
    budget = _budget.get()
    if budget is not None:
        budget._add(t)


def parse_bytes(text: int | float | str) -> float:
    """Give a number of bytes.

    >>> parse_bytes("1.5 MB"), parse_bytes("2KiB"), parse_bytes(10)
    (1500000.0, 2048.0, 10.0)
    """
    n: Any = text
    if isinstance(text, str):
        found = re.fullmatch(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]*)\s*", text)
        unit = _UNITS.get((found[2] or "B").lower()) if found else None
        try:
            n = float(found[1]) * unit if found and unit else None
        except ValueError:
            n = None
    if isinstance(n, bool) or not isinstance(n, int | float) or not 0 < n < float("inf"):
        raise ValueError(f"memory_budget: takes a positive number of bytes or text such as '200 MB', got {text!r:.60}")
    return float(n)
