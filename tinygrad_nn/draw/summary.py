"""Say in a few words what an array holds: scalars and small arrays in full, of large ones minimum, mean and maximum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

SMALL = 6
"""Arrays of up to this many elements are shown in full."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a picture says of one array: taken when the picture is made, so that later writing cannot change it."""

    shape: tuple[int, ...]
    dtype: str
    text: str
    """The value in words; empty where there is no array any more."""
    number: float | None = None
    """The value of an array of one element."""
    size: float = 0.0
    """The Euclidean norm over the square root of the number of elements, for colours: nan where it is not finite."""

    @property
    def type(self) -> str:
        """Shape and dtype: ``(2, 3) float32``."""
        return f"{shape_text(self.shape)} {self.dtype}"


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape as NumPy does.

    >>> shape_text((3,)), shape_text(())
    ('(3,)', '()')
    """
    return str(tuple(int(n) for n in shape))


def number_text(x: Any) -> str:
    """Write a number with as many digits as tell it from every other of its dtype.

    >>> number_text(np.float32(0.1)), number_text(2.0), number_text(np.float64(1 / 3))
    ('0.1', '2.0', '0.3333333333333333')
    """
    return str(x)


def short(x: float) -> str:
    """Write a number with four digits.

    >>> short(0.123456), short(-2.0), short(1e-12)
    ('0.1235', '-2', '1e-12')
    """
    return f"{x:.4g}"


def summarize(value: Any, precision: int = 4) -> Summary:
    """Summarize an array or number; the outline of an array that is gone gives its shape and dtype with no text.

    >>> summarize(np.array([[1.0, 2.0], [3.0, 4.0]])).text
    '[[1. 2.]\\n [3. 4.]]'
    >>> summarize(np.arange(100.0)).text
    'min 0  mean 49.5  max 99'
    """
    if not hasattr(value, "dtype"):
        if value is None:
            return Summary((), "None", "None")
        return Summary((), type(value).__name__, repr(value), float(value), abs(float(value)))
    shape, dtype = tuple(value.shape), str(value.dtype)
    if not hasattr(value, "nbytes"):
        return Summary(shape, dtype, "")
    if value.size == 1:
        x = value.item() if isinstance(value, np.ndarray) else value
        number = float(value.item())
        # The dtype's own digits: item() of a float32 would be written with those of a float64.
        text = number_text(value.reshape(())[()] if isinstance(value, np.ndarray) else x)
        return Summary(shape, dtype, text, number, abs(number))
    if value.size == 0:
        return Summary(shape, dtype, "empty")
    if value.size <= SMALL:
        with np.printoptions(linewidth=60):
            text = np.array2string(np.asarray(value), precision=precision)
        return Summary(shape, dtype, text, None, _size(value))
    return Summary(shape, dtype, _range(value), None, _size(value))


def _size(value: Any) -> float:
    with np.errstate(all="ignore"):
        flat = np.ravel(value)
        if flat.dtype != np.float64:
            flat = flat.astype(np.float64)
        return float(np.sqrt(np.dot(flat, flat) / flat.size))


def _range(value: Any) -> str:
    low, high = value.min(), value.max()
    strange = ""
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = np.isfinite(value)
        counts = {
            "nan": int(np.isnan(value).sum()),
            "inf": int(np.isposinf(value).sum()),
            "-inf": int(np.isneginf(value).sum()),
        }
        strange = "  ".join([f"{n} {what}" for what, n in counts.items() if n])
        value = value[finite]
        if value.size == 0:
            return strange
        low, high = value.min(), value.max()
    with np.errstate(all="ignore"):
        mean = float(value.mean(dtype=np.float64))
    text = f"min {short(float(low))}  mean {short(mean)}  max {short(float(high))}"
    return f"{text}  {strange}" if strange else text


def bytes_text(n: int) -> str:
    """Write a number of bytes.

    >>> bytes_text(800), bytes_text(80_000), bytes_text(3_000_000)
    ('800 B', '80 kB', '3 MB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n} B"
