"""Say in a few words what an array holds: scalars and small arrays in full, of large ones minimum, mean and maximum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np

from ..convert import Foreign, on_host
from ..walk import Outline

SMALL = 6
"""Arrays of up to this many elements are shown in full."""


class Summary:
    """What a picture says of one array: taken when the picture is made, so that later writing cannot change it."""

    __slots__ = ("_data", "_text", "dtype", "number", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: str, data: Any, number: float | None = None) -> None:
        self.shape = shape
        self.dtype = dtype
        self.number = number
        """The value of an array of one element."""
        self._data = data
        self._text: str | None = None

    @property
    def text(self) -> str:
        """The value in words; empty where there is no array any more."""
        # Writing numbers takes longer than all else, and of a large graph only few are shown.
        if self._text is None:
            self._text = _text(self._data)
        return self._text

    @property
    def type(self) -> str:
        """Shape and dtype: ``(2, 3) float32``."""
        return _type(self.shape, self.dtype)

    def __repr__(self) -> str:
        return f"<{self.type}: {self.text}>"


@lru_cache(maxsize=4096)
def _type(shape: tuple[int, ...], dtype: str) -> str:
    return f"{shape_text(shape)} {dtype}"


_dtype_name: Callable[[Any], str] = lru_cache(maxsize=256)(str)


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
    """Write a number with four digits, or with as many as tell it from a whole number: 1 - y must not read as 1 - 1.

    >>> short(0.123456), short(-2.0), short(1e-12), short(0.99998987)
    ('0.1235', '-2', '1e-12', '0.99999')
    """
    text = f"{x:.4g}"
    if abs(x) < 1000 and float(text) != x and float(text).is_integer():
        longer = [f"{x:.{digits}g}" for digits in (6, 9, 12)]
        text = next((t for t in longer if not float(t).is_integer()), text)
    return text


def summarize(value: Any) -> Summary:
    """Summarize an array or number; the outline of an array that is gone gives its shape and dtype with no text.

    >>> summarize(np.array([[1.0, 2.0], [3.0, 4.0]])).text
    '[[1. 2.]\\n [3. 4.]]'
    >>> summarize(np.arange(100.0)).text
    'min 0  mean 49.5  max 99'
    """
    if not hasattr(value, "dtype"):
        return Summary((), type(value).__name__, repr(value), None if value is None else float(value))
    shape, dtype = value.shape, _dtype_name(value.dtype)
    if isinstance(value, Outline):
        return Summary(shape, dtype, "")
    if isinstance(value, Foreign):
        value = on_host(value)
    if value.size == 1:
        # A NumPy number keeps the digits of its dtype: 0.1 of float32 is not 0.10000000149011612.
        number = value.reshape(())[()] if isinstance(value, np.ndarray) else value
        return Summary(shape, dtype, number, float(number))
    if value.size == 0:
        return Summary(shape, dtype, "empty")
    return Summary(shape, dtype, np.array(value) if value.size <= SMALL else _range(value))


def _text(data: Any) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, np.ndarray):
        with np.printoptions(linewidth=60):
            return np.array2string(data, precision=4)
    if not isinstance(data, tuple):
        return number_text(data)
    low, mean, high, strange = data
    parts = [] if low is None else [f"min {short(low)}", f"mean {short(mean)}", f"max {short(high)}"]
    return "  ".join([*parts, *[f"{n} {what}" for what, n in strange.items() if n]])


def _range(value: Any) -> tuple[float | None, float | None, float | None, dict[str, int]]:
    """Give minimum, mean and maximum of the finite elements, and how many others there are of each sort."""
    low, high = float(value.min()), float(value.max())
    strange: dict[str, int] = {}
    if not (isfinite(low) and isfinite(high)):
        strange = {
            "nan": int(np.isnan(value).sum()),
            "inf": int(np.isposinf(value).sum()),
            "-inf": int(np.isneginf(value).sum()),
        }
        value = value[np.isfinite(value)]
        if value.size == 0:
            return None, None, None, strange
        low, high = float(value.min()), float(value.max())
    with np.errstate(all="ignore"):
        return low, float(value.mean(dtype=np.float64)), high, strange


def rms(value: Any) -> float:
    """Give the root mean square of an array: its Euclidean norm over the square root of its number of elements.

    >>> rms(np.array([3.0, 4.0, 0.0, 0.0]))
    2.5
    """
    flat = np.ravel(value).astype(np.float64)
    if flat.size == 0:
        return 0.0
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.dot(flat, flat) / flat.size))


def bytes_text(n: int) -> str:
    """Write a number of bytes.

    >>> bytes_text(800), bytes_text(80_000), bytes_text(3_000_000)
    ('800 B', '80 kB', '3 MB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n} B"


def count_text(kinds: Mapping[str, int]) -> str:
    """Write how many there are of each kind, in their order: the four most frequent by name.

    >>> count_text({"sin": 1, "add": 2})
    'sin, 2 add'
    """
    frequent = sorted(kinds, key=lambda k: -kinds[k])[:4]
    most = [name if n == 1 else f"{n:,} {name}" for name, n in kinds.items() if name in frequent]
    if len(kinds) > 4:
        most.append(f"{len(kinds) - 4} other kind{'s' * (len(kinds) != 5)}")
    return ", ".join(most)


def parameters_text(count: int, numbers: int) -> str:
    """Write how many parameters there are, and how many numbers they hold.

    >>> parameters_text(1, 1), parameters_text(2, 1200)
    ('1 parameter, 1 number', '2 parameters, 1,200 numbers')
    """
    return f"{count:,} parameter{'s' * (count != 1)}, {numbers:,} number{'s' * (numbers != 1)}"
