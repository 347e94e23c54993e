"""What is drawn of a graph: items, the edges between them, and the boxes around them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .trace import Record, Trace


@dataclass(slots=True)
class Box:
    """A frame around items: a call of a module, or the rounds of a loop."""

    id: str
    kind: str
    """``module`` or ``loop``."""
    title: str
    parent: str | None


@dataclass(slots=True)
class Item:
    """One node of the picture: a record, the same step of all rounds of a loop, a folded module, what is left out."""

    id: str
    kind: str
    """``operation``, ``parameter``, ``constant``, ``module`` or ``gap``."""
    members: list[int]
    box: str | None = None
    text: str = ""
    """What a folded module or a gap says."""
    size: int = 1
    inside: list[int] = field(default_factory=list)
    """The leaves that a folded module holds."""

    @property
    def rounds(self) -> int:
        """How many rounds of a loop, or how many leaves, it stands for."""
        return len(self.members) // self.size

    @property
    def single(self) -> bool:
        """Whether it is one record."""
        return len(self.members) == 1 and not self.text


@dataclass(slots=True)
class Edge:
    """An edge from the item that made a value to the item that takes it."""

    tail: str
    head: str
    source: int
    target: int
    operand: int
    """Which input of the target it is."""
    count: int = 1
    carried: bool = False
    """From one round of a loop into the next."""


@dataclass(slots=True)
class View:
    """What is drawn, in graph order."""

    trace: Trace
    items: list[Item] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    boxes: dict[str, Box] = field(default_factory=dict)
    ghosts: list[tuple[str, int]] = field(default_factory=list)
    """Copies of leaves: their id and the record that they copy."""
    left_out: str = ""
    """What is not drawn, in words; empty where everything is."""

    def record(self, item: Item) -> Record:
        """Give the first record of an item."""
        return self.trace.records[item.members[0]]

    def last(self, item: Item) -> Record:
        """Give the last record of an item."""
        return self.trace.records[item.members[-1]]
