"""The linear algebra extension of the standard."""

from typing import Any, NamedTuple

import numpy as np

from ..tensor import Tensor
from .lift import lifted, stripped, wrapped
from .names import LINALG

__all__ = [*LINALG, "eig", "eigvals"]


class EigResult(NamedTuple):
    """What ``eig`` gives."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def _bare(x: Any, who: str) -> Any:
    if isinstance(x, Tensor) and x.requires_grad:
        raise TypeError(f"{who}: no derivative rule; use eigh for a symmetric matrix, or pass t.detach()")
    return stripped(x)


def _complex(a: Any) -> Any:
    return wrapped(a.astype(np.result_type(a.dtype, np.complex64), copy=False))


def eig(x: Any, /) -> EigResult:
    """Give the eigenvalues and eigenvectors of square matrices, as complex numbers; constants only."""
    values, vectors = np.linalg.eig(_bare(x, "eig"))
    return EigResult(_complex(values), _complex(vectors))


def eigvals(x: Any, /) -> Any:
    """Give the eigenvalues of square matrices, as complex numbers; constants only.

    >>> eigvals(Tensor([[0.0, -1.0], [1.0, 0.0]])).imag
    Tensor([ 1., -1.])
    """
    return _complex(np.linalg.eigvals(_bare(x, "eigvals")))


globals().update({name: lifted(getattr(np.linalg, name), name) for name in LINALG})


def __getattr__(name: str) -> Any:
    raise AttributeError(f"tinygrad_nn.array_api.linalg has no {name!r}; it holds {', '.join(__all__)}")
