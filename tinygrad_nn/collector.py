"""Let Python's cycle collector look at growing graphs less often."""

from __future__ import annotations

import gc
import sys

#: Allocations of containers, less those freed, between two looks at the youngest; Python's own default is 700 or 2000.
YOUNG = 10_000


def collect_less_often() -> bool:
    """Raise the collector's first threshold to 10 000 if it is still Python's default; give whether it was done.

    A graph holds no cycles and is freed by its reference counts, but the collector traverses it again and again while
    it grows (docs/decisions/0009). It holds for the whole process; ``gc.set_threshold`` sets it back.
    """
    first, *others = gc.get_threshold()
    if sys.implementation.name != "cpython" or not 0 < first <= 2000:
        return False
    gc.set_threshold(YOUNG, *others)
    return True
