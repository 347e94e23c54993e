"""Look into what has been recorded: where two runs part, what a graph keeps in memory, and how to keep less."""

from .budget import MemoryBudgetWarning, memory_budget
from .compare import Difference, diff
from .kept import Kept, Memory, memory

__all__ = ["Difference", "Kept", "Memory", "MemoryBudgetWarning", "diff", "memory", "memory_budget"]
