"""Checks of options: each gives the value in its proper type, or raises one error that names the option."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Check = Callable[[str, str, Any], Any]


def real(who: str, name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """Check that a value is a finite number in low ... high; it becomes a Python float.

    >>> real("SGD", "lr", -1, 0)
    Traceback (most recent call last):
    ValueError: SGD: lr must be finite and at least 0, got -1
    """
    number = _float(who, name, value)
    if not (math.isfinite(number) and low <= number <= high):
        bounds = "" if low == -math.inf else f" and at least {low:g}" if high == math.inf else f", {low:g} ... {high:g}"
        raise ValueError(f"{who}: {name} must be finite{bounds}, got {value!r:.60}")
    return number


def at_least(low: float) -> Check:
    """Give a check that a value is a finite number, at least ``low``."""
    return lambda who, name, value: real(who, name, value, low)


def share(who: str, name: str, value: Any) -> float:
    """Check that a value is a number in [0, 1)."""
    number = _float(who, name, value)
    if not 0 <= number < 1:
        raise ValueError(f"{who}: {name} must be at least 0 and below 1, got {value!r:.60}")
    return number


def pair(who: str, name: str, value: Any) -> tuple[float, float]:
    """Check that a value is two numbers in [0, 1)."""
    try:
        first, second = value
    except (TypeError, ValueError):
        raise TypeError(f"{who}: {name} must be two numbers, got {value!r:.60}") from None
    return share(who, f"{name}[0]", first), share(who, f"{name}[1]", second)


def flag(who: str, name: str, value: Any) -> bool:
    """Check that a value is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{who}: {name} must be True or False, got {value!r:.60}")
    return bool(value)


def whole(who: str, name: str, value: Any, low: int = 1) -> int:
    """Check that a value is a whole number, at least ``low``."""
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise TypeError(f"{who}: {name} must be a whole number, got {value!r:.60}")
    number = int(value.__index__())
    if number < low:
        raise ValueError(f"{who}: {name} must be at least {low}, got {number}")
    return number


def _float(who: str, name: str, value: Any) -> float:
    wrong = isinstance(value, bool | np.bool_ | str | bytes) or value is None
    try:
        if not wrong:
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise TypeError(f"{who}: {name} must be a number, got {value!r:.60}")
