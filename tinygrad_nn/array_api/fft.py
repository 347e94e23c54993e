"""The Fourier extension: a spectrum is a complex constant, or of a tensor that needs a gradient a ``Complex``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .creation import creating
from .lift import lifted, stripped, wrapped
from .signatures import signed

__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn", "rfft",
    "rfftfreq", "rfftn",
]  # fmt: skip


def _transform(name: str) -> Callable[..., Any]:
    f = getattr(np.fft, name)

    def function(x: Any, /, **kwargs: Any) -> Any:
        if isinstance(x, Tensor) and not x.requires_grad:
            return wrapped(f(stripped(x), **kwargs))
        return f(x, **kwargs)

    function.__doc__ = f"Give what ``numpy.fft.{name}`` gives of tensors or of a spectrum; it is recorded."
    return signed(function, name)


def _frequencies(name: str) -> Callable[..., Any]:
    def function(n: int, /, *, d: float = 1.0, dtype: Any = None) -> Any:
        y = getattr(np.fft, name)(n, d)
        return y if dtype is None else y.astype(dtype)

    function.__name__ = name
    return creating(function)


fft, ifft, rfft, irfft = _transform("fft"), _transform("ifft"), _transform("rfft"), _transform("irfft")
fftn, ifftn, rfftn, irfftn = _transform("fftn"), _transform("ifftn"), _transform("rfftn"), _transform("irfftn")
hfft, ihfft = _transform("hfft"), _transform("ihfft")
fftfreq, rfftfreq = _frequencies("fftfreq"), _frequencies("rfftfreq")
fftshift, ifftshift = lifted(np.fft.fftshift, "fftshift"), lifted(np.fft.ifftshift, "ifftshift")
