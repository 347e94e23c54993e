"""Parsing of options: one line for what is wrong, and numbers that are checked as they are read."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import NoReturn


class CommandError(Exception):
    """What the user can mend: the message is printed as one line."""


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """argparse's help with defaults, where the default says anything."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        silent = action.default is None or action.default is False
        return action.help if silent else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """argparse's parser, without abbreviations, and with errors of one line."""

    def __init__(self, **options: object) -> None:
        super().__init__(allow_abbrev=False, formatter_class=Help, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        message = message.replace("the following arguments are required: ", "missing ")
        self.exit(2, f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help\n")


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Give a reader of whole numbers that are at least ``low``."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r:.40} is no whole number") from None
        if number < low or (high is not None and number > high):
            limit = f"at least {low}" if high is None or number < low else f"at most {high}"
            raise argparse.ArgumentTypeError(f"{text:.40} must be {limit}")
        return number

    return read


def real(low: float, below: float = math.inf) -> Callable[[str], float]:
    """Give a reader of finite numbers with low <= number < below."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r:.40} is no number") from None
        if not low <= number < below:
            bounds = f"finite and at least {low:g}" if below == math.inf else f"at least {low:g} and below {below:g}"
            raise argparse.ArgumentTypeError(f"{text:.40} must be {bounds}")
        return number

    return read
