"""How a picture is to look."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

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
    faulty: Mapping[int, str] = field(default_factory=dict)
    """What is wrong with an operation, by the number of its node."""
