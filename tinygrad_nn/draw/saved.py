"""What is said when a picture has been written, or cannot be."""

from __future__ import annotations

from dataclasses import dataclass


class DrawingError(OSError):
    """Raised when a picture cannot be written."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written: the file, its format, and the renderer that drew it (None where none was needed)."""

    path: str
    format: str
    backend: str | None
    messages: tuple[str, ...] = ()

    def __str__(self) -> str:
        by = f", drawn by {self.backend}" if self.backend else ""
        said = "".join([f"; {message}" for message in self.messages])
        return f"{self.path} ({self.format}{by}{said})"
