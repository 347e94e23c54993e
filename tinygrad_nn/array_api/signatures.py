"""The signatures of the standard's functions, for those that take over NumPy's function."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Signature, signature
from typing import Any

from .names import BINARY, UNARY

__all__ = ["signature_of", "signed"]

_fold = lambda x, /, *, axis=None, keepdims=False: None  # noqa: E731
_spread = lambda x, /, *, axis=None, correction=0.0, keepdims=False: None  # noqa: E731
_total = lambda x, /, *, axis=None, dtype=None, keepdims=False: None  # noqa: E731
_running = lambda x, /, *, axis=None, dtype=None, include_initial=False: None  # noqa: E731
_shaped = lambda shape, *, dtype=None, device=None: None  # noqa: E731
_like = lambda x, /, *, dtype=None, device=None: None  # noqa: E731
_triangle = lambda x, /, *, k=0: None  # noqa: E731
_one = lambda x, /: None  # noqa: E731
_two = lambda x1, x2, /: None  # noqa: E731
_frequencies = lambda n, /, *, d=1.0, dtype=None, device=None: None  # noqa: E731
_transform = lambda x, /, *, n=None, axis=-1, norm="backward": None  # noqa: E731
_transforms = lambda x, /, *, s=None, axes=None, norm="backward": None  # noqa: E731
_along = lambda x, /, *, axes=None: None  # noqa: E731

_TAKEN: dict[str, Callable[..., None]] = {
    **dict.fromkeys(UNARY, _one),
    **dict.fromkeys(BINARY, _two),
    **dict.fromkeys(("all", "any", "count_nonzero", "max", "mean", "min"), _fold),
    **dict.fromkeys(("sum", "prod"), _total),
    **dict.fromkeys(("std", "var"), _spread),
    **dict.fromkeys(("cumulative_sum", "cumulative_prod"), _running),
    **dict.fromkeys(("argmax", "argmin"), lambda x, /, *, axis=None, keepdims=False: None),
    **dict.fromkeys(("empty", "zeros", "ones"), _shaped),
    **dict.fromkeys(("empty_like", "zeros_like", "ones_like"), _like),
    **dict.fromkeys(("tril", "triu"), _triangle),
    **dict.fromkeys(("fftfreq", "rfftfreq"), _frequencies),
    **dict.fromkeys(("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"), _transform),
    **dict.fromkeys(("fftn", "ifftn", "rfftn", "irfftn"), _transforms),
    **dict.fromkeys(("fftshift", "ifftshift"), _along),
    **dict.fromkeys(("det", "eigh", "eigvalsh", "inv", "slogdet", "svdvals"), _one),
    **dict.fromkeys(("matrix_transpose", "nonzero"), _one),
    **dict.fromkeys(("unique_all", "unique_counts", "unique_inverse"), _one),
    **dict.fromkeys(("matmul", "outer", "solve"), _two),
    "arange": lambda start, /, stop=None, step=1, *, dtype=None, device=None: None,
    "broadcast_arrays": lambda *arrays: None,
    "broadcast_to": lambda x, /, shape: None,
    "cholesky": lambda x, /, *, upper=False: None,
    "clip": lambda x, /, min=None, max=None: None,
    "concat": lambda arrays, /, *, axis=0: None,
    "cross": lambda x1, x2, /, *, axis=-1: None,
    "diagonal": lambda x, /, *, offset=0: None,
    "diff": lambda x, /, *, axis=-1, n=1, prepend=None, append=None: None,
    "eye": lambda n_rows, n_cols=None, /, *, k=0, dtype=None, device=None: None,
    "flip": lambda x, /, *, axis=None: None,
    "full": lambda shape, fill_value, *, dtype=None, device=None: None,
    "full_like": lambda x, /, fill_value, *, dtype=None, device=None: None,
    "linspace": lambda start, stop, /, num, *, dtype=None, device=None, endpoint=True: None,
    "matrix_norm": lambda x, /, *, keepdims=False, ord="fro": None,
    "matrix_power": lambda x, n, /: None,
    "matrix_rank": lambda x, /, *, rtol=None: None,
    "meshgrid": lambda *arrays, indexing="xy": None,
    "moveaxis": lambda x, source, destination, /: None,
    "permute_dims": lambda x, /, axes: None,
    "pinv": lambda x, /, *, rtol=None: None,
    "qr": lambda x, /, *, mode="reduced": None,
    "repeat": lambda x, repeats, /, *, axis=None: None,
    "roll": lambda x, /, shift, *, axis=None: None,
    "searchsorted": lambda x1, x2, /, *, side="left", sorter=None: None,
    "squeeze": lambda x, /, axis: None,
    "stack": lambda arrays, /, *, axis=0: None,
    "svd": lambda x, /, *, full_matrices=True: None,
    "take": lambda x, indices, /, *, axis=None: None,
    "take_along_axis": lambda x, indices, /, *, axis=-1: None,
    "tensordot": lambda x1, x2, /, *, axes=2: None,
    "tile": lambda x, repetitions, /: None,
    "trace": lambda x, /, *, offset=0, dtype=None: None,
    "unstack": lambda x, /, *, axis=0: None,
    "vecdot": lambda x1, x2, /, *, axis=-1: None,
    "vector_norm": lambda x, /, *, axis=None, keepdims=False, ord=2: None,
    "where": lambda condition, x1, x2, /: None,
}


def signature_of(name: str) -> Signature:
    """Give the signature that the standard has for a function.

    >>> signature_of("sum")
    <Signature (x, /, *, axis=None, dtype=None, keepdims=False)>
    """
    return signature(_TAKEN[name])


def signed(function: Any, name: str) -> Any:
    """Name a function after the standard's, and show the standard's signature for it."""
    function.__name__ = function.__qualname__ = name
    function.__signature__ = signature_of(name)
    return function
