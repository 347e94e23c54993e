"""The linear algebra extension of the standard."""

from typing import Any

import numpy as np

from .lift import lifted
from .names import LINALG

__all__ = list(LINALG)

globals().update({name: lifted(getattr(np.linalg, name), name) for name in LINALG})


def __getattr__(name: str) -> Any:
    raise AttributeError(f"tinygrad_nn.array_api.linalg has no {name!r}; it holds {', '.join(__all__)}")
