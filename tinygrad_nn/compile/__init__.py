"""Recorded computations as NumPy source: to read (to_source) and to run (compile)."""

from .source import Source, to_source
from .trace import TraceError

__all__ = ["Source", "TraceError", "to_source"]
