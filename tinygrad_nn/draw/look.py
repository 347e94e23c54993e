"""How a picture is to look."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .scale import Scale
from .style import Theme

DIRECTIONS = ("forward", "backward", "both")
COLORS = ("kind", "gradient", "time", "bytes")
RANKDIRS = ("TB", "LR", "BT", "RL")


@dataclass(slots=True)
class Look:
    """The options of a picture."""

    theme: Theme
    direction: str = "forward"
    rankdir: str = "TB"
    title: str = ""
    color: str = "kind"
    show: Collection[str] = ()
    scale: Scale | None = None
