"""Time the operations of a graph by running each again on the values that it was recorded with."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import Any

import numpy as np

from .trace import Trace

BUDGET = 2.0
"""Seconds: operations are run again up to three times while there is time left, and each at least once."""


def measure(trace: Trace, indices: Iterable[int]) -> dict[int, float]:
    """Give the seconds that the operations take (the best of up to three runs); a freed graph gives none."""
    times: dict[int, float] = {}
    start = perf_counter()
    todo = [i for i in indices if trace.nodes[i].op is not None and trace.nodes[i]._saved is not None]
    for turn in range(3):
        for i in todo:
            if turn and perf_counter() - start > BUDGET:
                return times
            t = trace.nodes[i]
            op: Any = t.op
            saved: Any = t._saved
            params = {k: v for k, v in t._params.items() if k != "residual"}
            with np.errstate(all="ignore"):
                before = perf_counter()
                op.fn(*saved[1:], **params)
                took = perf_counter() - before
            times[i] = min(took, times.get(i, took))
    return times


def seconds_text(s: float) -> str:
    """Write a time.

    >>> seconds_text(1.234e-5), seconds_text(0.5), seconds_text(0.0123)
    ('12.3 µs', '500 ms', '12.3 ms')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if s >= size:
            return f"{s / size:.3g} {unit}"
    return f"{s * 1e6:.3g} µs"
