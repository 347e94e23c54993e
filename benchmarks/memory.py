"""The peak of a process's memory over a stretch of work."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path


class Peak:
    """How far the resident memory rises above what it is now.

    Linux can forget the earlier peak (``/proc/self/clear_refs``). Elsewhere the growth of the highest peak so far is
    all that can be known: less than the truth where an earlier peak was higher.
    """

    def __init__(self) -> None:
        gc.collect()
        # What malloc holds freed would be used again without a trace: glibc gives it back when asked.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        self.exact = False
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
            self.exact = True
        self.start = _status("VmRSS") if self.exact else _highest()

    def growth(self) -> float:
        """Give the bytes between the start and the highest peak since then."""
        return (_status("VmHWM") if self.exact else _highest()) - self.start


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


def _highest() -> float:
    import resource  # not on Windows

    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
