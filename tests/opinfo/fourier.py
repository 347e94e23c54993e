"""Fourier transforms."""

import numpy as np

from .says import MAP, axis_of


def transform(name):
    f = getattr(np.fft, name)

    def axes_of(dim, s):
        if dim is None:
            return None if s is None else tuple(range(-len(s), 0))
        return tuple(dim) if isinstance(dim, (list, tuple)) else (dim,)

    def sizes_of(s):
        return s if s is None or isinstance(s, (list, tuple)) else (s,)

    if name in ("fftshift", "ifftshift"):
        MAP[f"fft.{name}"] = lambda x, dim=None: f(x, axis_of(dim))
    elif name.endswith(("2", "n")):
        default = (-2, -1) if name.endswith("2") else None
        MAP[f"fft.{name}"] = lambda x, s=None, dim=default, norm=None: f(
            x, sizes_of(s), axes_of(dim, sizes_of(s)), norm
        )
    else:
        MAP[f"fft.{name}"] = lambda x, n=None, dim=-1, norm=None: f(x, n, dim, norm)


for _n in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn",
           "rfftn", "irfftn", "fftshift", "ifftshift"):  # fmt: skip
    transform(_n)
