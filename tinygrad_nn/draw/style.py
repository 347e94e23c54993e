"""Colours and fonts of pictures, light and dark. No meaning hangs on a colour alone: shape and words say it too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a picture."""

    background: str
    ink: str
    line: str
    operation: str
    parameter: str
    constant: str
    result: str
    gap: str
    module: str
    backward: str
    pale: str
    strong: str
    faulty: str
    font: str = "Helvetica,Arial,DejaVu Sans,sans-serif"

    def fill(self, kind: str) -> str:
        """Give the colour of a kind of node."""
        return {"parameter": self.parameter, "constant": self.constant}.get(kind, self.operation)


THEMES = {
    "light": Theme(
        background="#ffffff",
        ink="#1a1a1a",
        line="#555555",
        operation="#eaf1fb",
        parameter="#fdf0d0",
        constant="#f3f3f3",
        result="#d9f2dc",
        gap="#fbe9e7",
        module="#efe6f7",
        backward="#b3261e",
        pale="#fff8ea",
        strong="#f5a35c",
        faulty="#f8b4ae",
    ),
    "dark": Theme(
        background="#16181d",
        ink="#eceff4",
        line="#9aa3b2",
        operation="#26344d",
        parameter="#4a3c12",
        constant="#2b2d33",
        result="#1f4427",
        gap="#4a2521",
        module="#3a2a4d",
        backward="#ff8a80",
        pale="#2a2418",
        strong="#9a5410",
        faulty="#7a1a14",
    ),
}


def theme_of(name: str) -> Theme:
    """Give a theme by its name."""
    try:
        return THEMES[name]
    except (KeyError, TypeError):
        raise ValueError(f"draw: unknown theme {name!r}; choose one of {', '.join(THEMES)}") from None


def clip(text: str, n: int = 60) -> str:
    """Shorten a text to n characters.

    >>> clip("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= n else f"{text[: n - 1]}…"
