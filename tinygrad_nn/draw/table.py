"""A table of a graph for the terminal: one row per node in forward order, complete however deep the graph is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .labels import visible
from .names import find_names
from .style import clip
from .summary import bytes_text, shape_text
from .trace import Record, Trace, roots_of, take

# Marks that turn the direction of what follows: they would scramble the rest of a row.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
WIDEST = 44
"""A cell is at most this wide; the rows hold the full text."""


class Table:
    """The rows of a graph: prints as a table, iterates over rows (dicts with the full values)."""

    def __init__(self, rows: list[dict[str, Any]], total: str) -> None:
        self.rows = rows
        self.total = total

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        cells = [list(COLUMNS), *[[_cell(k, row[k]) for k in COLUMNS] for row in self.rows]]
        widths = [max([_width(row[c]) for row in cells]) for c in range(len(COLUMNS))]
        lines = ["  ".join([_pad(t, w, k) for t, w, k in zip(r, widths, COLUMNS, strict=True)]).rstrip() for r in cells]
        lines.insert(1, "  ".join(["-" * w for w in widths]))
        return "\n".join([*lines, self.total])

    __repr__ = __str__


def make_table(trace: Trace, sort: str = "number", descending: bool = False) -> Table:
    """Give the table of a trace, sorted by a column. ValueError for a column that does not exist."""
    if sort not in COLUMNS:
        raise ValueError(f"table: unknown column {sort!r}; choose one of {', '.join(COLUMNS)}")
    rows = [{k: get(r, trace) for k, get in COLUMNS.items()} for r in trace.records]
    if sort != "number":
        rows.sort(key=lambda row: _order(row[sort]))
    if descending:
        rows.reverse()
    ops = sum([r.op is not None for r in trace.records])
    saved = [r.saved for r in trace.records if r.saved is not None]
    total = f"{len(rows):,} nodes, {ops:,} of them operations"
    if trace.freed:
        total += "; a backward pass has freed what was saved for it, and large intermediate values"
    elif saved:
        total += f"; the rules read {bytes_text(sum(saved))} of saved values"
    return Table(rows, total)


def table(y: Any, sort: str = "number", descending: bool = False, names: Any = None) -> Table:
    """Give a table of the graph of y in forward order, one row per node, complete however deep the graph is.

    The columns are number, name, operation, operands, shape, dtype, value, gradient and saved (bytes for the backward
    pass); ``sort`` takes one of them. ``y`` is a Tensor or a list, tuple or dict of Tensors, ``names`` a module or a
    mapping of names to tensors. What it returns prints as a table and iterates over rows.

    >>> from tinygrad_nn import Tensor
    >>> a = Tensor(2.0, requires_grad=True)
    >>> for row in table(a * a):
    ...     print(row["number"], row["operation"], row["operands"], row["value"])
    0 parameter  2.0
    1 multiply #0 a, #0 a 4.0
    """
    roots = roots_of(y, "table")
    return make_table(take(roots, find_names(1, names)), sort, descending)


def _operands(r: Record, trace: Trace) -> str:
    return ", ".join([_operand(o, trace) for o in r.operands])


def _operand(o: Any, trace: Trace) -> str:
    if o.source is None:
        return str(o.constant.text if o.constant.shape == () else o.constant.type)
    name = trace.records[o.source].name
    return f"#{o.source} {name}" if name else f"#{o.source}"


COLUMNS: dict[str, Callable[[Record, Trace], Any]] = {
    "number": lambda r, trace: r.index,
    "name": lambda r, trace: r.name or "",
    "operation": lambda r, trace: r.title if r.op is not None else r.kind,
    "operands": _operands,
    "shape": lambda r, trace: r.value.shape,
    "dtype": lambda r, trace: r.value.dtype,
    "value": lambda r, trace: r.value.text or "freed",
    "gradient": lambda r, trace: "" if r.grad is None else r.grad.text,
    "saved": lambda r, trace: r.saved,
}


def _order(x: Any) -> Any:
    # Nothing comes first, then numbers by size, then texts.
    if x is None or x == "":
        return (0, 0, "")
    if isinstance(x, int):
        return (1, x, "")
    if isinstance(x, tuple):
        size = 1
        for n in x:
            size *= n
        return (1, size, str(x))
    try:
        number = float(x)
    except ValueError:
        return (2, 0, x)
    return (1, number, "") if number == number else (2, 0, x)


def _cell(column: str, x: Any) -> str:
    if x is None:
        return ""
    if column == "shape":
        return shape_text(x)
    if column == "saved":
        return bytes_text(x)
    return clip(plain(str(x)), WIDEST)


def plain(text: str) -> str:
    """Make a text safe for one line of a terminal: nothing in it moves the cursor, starts a line or turns directions.

    >>> plain("a\\nb\\x1b[1m")
    'a↵b␛[1m'
    """
    text = _TURNING.sub(lambda m: f"\\u{ord(m[0]):04x}", visible(re.sub(r"\n\s*", "↵", text)))
    return re.sub(r"[\r\t\v\f\x85\u2028\u2029]", " ", text)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    wide = sum([unicodedata.east_asian_width(c) in "WF" for c in text])
    return len(text) + wide - sum([unicodedata.combining(c) != 0 for c in text])


def _pad(text: str, width: int, column: str) -> str:
    space = " " * (width - _width(text))
    return space + text if column in _RIGHT else text + space


_RIGHT: Sequence[str] = ("number", "saved")
