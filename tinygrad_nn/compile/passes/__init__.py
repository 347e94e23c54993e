"""Passes: small functions from program to program."""

from .cse import cse
from .dead import dead
from .fold import fold

__all__ = ["cse", "dead", "fold"]
