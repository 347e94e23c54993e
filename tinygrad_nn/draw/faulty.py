"""Operations that a check found wrong, to be painted red."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..walk import Node
from .style import Theme


def faults_of(faulty: Any, numbers: Collection[int]) -> dict[int, str]:
    """Give what is wrong by the number of the node, from a report of ``check_graph``, its error, or tensors.

    ``numbers`` are the nodes of the graph that is drawn: ValueError where none of the faulty ones is among them.
    """
    if faulty is None:
        return {}
    if isinstance(faulty, BaseException):
        faulty = getattr(faulty, "report", None)
    found: dict[int, str] = {}
    for one in getattr(faulty, "faulty", faulty if isinstance(faulty, (list, tuple, set)) else [faulty]):
        node = one
        if not isinstance(one, Node):
            within = getattr(one, "within", None)
            node = within if within is not None else getattr(one, "node", None)
        if not isinstance(node, Node):
            raise TypeError(
                f"draw: faulty takes the report of check_graph, the error that it raised, or tensors; got "
                f"{type(one).__name__}"
            )
        words = "; ".join(getattr(one, "faults", [])) or "marked as faulty"
        found[node._number] = f"{found[node._number]}; {words}" if node._number in found else words
    if found and found.keys().isdisjoint(numbers):
        raise ValueError("draw: none of the faulty operations is in this graph; draw the result that was checked")
    return found


def faulty_look(theme: Theme) -> dict[str, str]:
    """Give the attributes of a faulty operation's node."""
    return {"fillcolor": theme.faulty, "color": theme.backward, "penwidth": "3", "style": "filled,bold"}
