"""The part of the Fourier extension whose results are real; a transform itself gives complex numbers."""

from typing import Any

import numpy as np

from .creation import creating
from .lift import lifted

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]

fftfreq, rfftfreq = creating(np.fft.fftfreq), creating(np.fft.rfftfreq)
fftshift, ifftshift = lifted(np.fft.fftshift, "fftshift"), lifted(np.fft.ifftshift, "ifftshift")


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"tinygrad_nn.array_api.fft has no {name!r}: its result would be complex, and tensors hold real numbers"
    )
