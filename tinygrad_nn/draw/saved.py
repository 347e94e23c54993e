"""What is said when a picture has been written, or cannot be."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path


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

    def _repr_html_(self) -> str | None:
        """Show a written page inside a notebook; None for other formats, whose one line says where they are."""
        if self.format != "html":
            return None
        page = html.escape(Path(self.path).read_text(encoding="utf-8"))
        return (
            f'<iframe srcdoc="{page}" title="{html.escape(self.path)}" sandbox="allow-scripts" '
            f'style="width: 100%; height: 36em; border: 1px solid #888"></iframe>'
        )
