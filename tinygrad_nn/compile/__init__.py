"""Recorded computations as NumPy source: to read (to_source) and to run (compile)."""

from .compiled import Compiled, compile
from .source import Source, to_source
from .traced import TraceError

__all__ = ["Compiled", "Source", "TraceError", "compile", "to_source"]
