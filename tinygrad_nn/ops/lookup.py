"""Rows of a table by their numbers, and masks that are drawn anew at every call."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..convert import Foreign, beside, kept, zeros
from ..op import Op, case, general
from .window import keywords


def check_index(index: Any, rows: int) -> None:
    """Raise where an index is not a whole number in 0 ... rows - 1."""
    if index.dtype.kind not in "iu":
        raise TypeError(f"the indices must be integers, got dtype {index.dtype}; give indices.astype(int)")
    if index.size and np.maximum.reduce(index.view(f"u{index.dtype.itemsize}"), axis=None) >= rows:
        bad = (index < 0) | (index >= rows)
        where = tuple(np.argwhere(bad)[0].tolist())
        place = f" at position {where[0] if len(where) == 1 else where}" if where else ""
        raise IndexError(f"index {index[where]}{place} is outside 0 ... {rows - 1}")


def _take_rows(table: Any, index: Any, *, skip: int | None = None) -> Any:
    index = kept(index)
    check_index(index, table.shape[0])
    return table[index]


def _add_rows(g: Any, index: Any, *, rows: int, skip: int | None = None) -> Any:
    """Add each row of g to the row of zeros that its index names, but none to the row ``skip``."""
    index = kept(index)
    rest = g.shape[index.ndim :]
    g, index = g.reshape(index.size, math.prod(rest)), index.reshape(-1)
    out = zeros((rows, g.shape[1]), g.dtype, g)
    if skip is not None:
        live = np.flatnonzero(index != skip)
        index, g = index[live], g[live]
    if isinstance(out, Foreign):
        np.add.at(out, index, g)
    elif len(index):
        # Equal indices side by side, so that one pass adds each group up.
        order = np.argsort(index, kind="stable")
        ordered = index[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        out[ordered[starts]] = np.add.reduceat(g[order], starts, axis=0)
    return out.reshape(rows, *rest)


def _live(rows: Any, index: Any, skip: int | None) -> Any:
    """Give the rows with zeros where the index is ``skip``: that row of the table counts as a constant."""
    if skip is None:
        return rows
    mask = np.not_equal(index, skip)
    return rows * np.reshape(mask, mask.shape + (1,) * (rows.ndim - mask.ndim))


take_rows: Op = general(
    _take_rows,
    lambda g, y, table, index, skip=None: add_rows(g, index, rows=table.shape[0], skip=skip),
    None,
    jvp=lambda ts, y, table, index, skip=None: _live(take_rows(ts[0], index), index, skip),
    name="take_rows",
    bind=keywords,
    formula="table[index]",
    kinks="the row skip counts as a constant",
    cases=[case((4, 3), np.array([0, 2, 2])), case((4, 3), np.array([[0, 1], [3, 3]]))],
)
add_rows: Op = general(
    _add_rows,
    lambda g, y, a, index, rows=0, skip=None: _live(take_rows(g, index), index, skip),
    None,
    jvp=lambda ts, y, a, index, rows=0, skip=None: add_rows(ts[0], index, rows=rows, skip=skip),
    name="add_rows",
    bind=keywords,
    formula="the adjoint of take_rows",
    cases=[
        case((3, 2), np.array([0, 2, 2]), rows=4),
        case((2, 2, 3), np.array([[0, 1], [3, 3]]), rows=4),
        case((3, 2), np.array([0, 2, 2]), rows=4, skip=2),
    ],
)


def _keep_mask(x: Any, *, p: float, rng: Any) -> Any:
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    if p == 1.0:
        return zeros(x.shape, dtype, x)
    drawn = np.random.default_rng(rng).random(x.shape, dtype=np.float32)
    mask = (drawn >= p).astype(dtype)
    mask *= 1.0 / (1.0 - p)
    return beside(mask, x)


keep_mask: Op = general(
    _keep_mask,
    None,
    jvp=lambda ts, y, x, **options: None,
    name="keep_mask",
    bind=keywords,
    formula="0 with probability p, else 1 / (1 - p): drawn anew at every call",
    cases=[case((3, 4), p=0.5, rng=0)],
)
keep_mask.random = True
