"""The graphs that are alive around a tensor, and how large the gradient was at each of their nodes."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import walk
from ..convert import on_host
from ..walk import Node

#: Nodes are known by their numbers: a freed graph holds stand-ins, under the same number, for large results.


def _alive() -> list[Node]:
    """Give all nodes that there are; one may be only half made (while it is copied or unpickled)."""
    made = ("_number", "_inputs", "_tracked", "op", "_data")
    # isinstance would ask strangers' objects for their __class__, and wake modules that load when they are touched.
    return [n for n in gc.get_objects() if issubclass(type(n), Node) and all(hasattr(n, name) for name in made)]


class Flow:
    """What depends on a tensor among all nodes that are alive (or among a given result's), by number."""

    def __init__(self, t: Node, y: Node | None = None) -> None:
        self.t = t
        nodes = _alive() if y is None else walk.everything([y])
        self.nodes: dict[int, Node] = {}
        for n in nodes:
            if n._number not in self.nodes or hasattr(n, "_grad"):
                self.nodes[n._number] = n
        self.users: dict[int, set[int]] = {}
        for n in self.nodes.values():
            for x in n._inputs:
                if isinstance(x, Node):
                    self.users.setdefault(x._number, set()).add(n._number)
        self.above = self._closure(t._number, self.users)
        """All that depends on the tensor."""

    @staticmethod
    def _closure(start: int, edges: dict[int, set[int]]) -> set[int]:
        seen: set[int] = set()
        waiting = [start]
        while waiting:
            for n in edges.get(waiting.pop(), ()):
                if n not in seen:
                    seen.add(n)
                    waiting.append(n)
        return seen

    def consumers(self, number: int) -> list[Node]:
        """Give the operations that use a node, the newest first."""
        return [self.nodes[n] for n in sorted(self.users.get(number, ()), reverse=True)]

    def root(self) -> Node | None:
        """Give the newest result that depends on the tensor and that nothing depends on."""
        ends = [n for n in self.above if not self.users.get(n)]
        return self.nodes[max(ends)] if ends else None

    def sizes(self, root: Node) -> dict[int, float]:
        """Give the largest size of the gradient at each node below the root, as far as it is known.

        A graph that is alive is walked again, from ones; of a freed graph only small gradients are left.
        """
        nodes = walk.graph((root,))
        found: dict[int, float] = {}
        if all(n._saved is not None for n in nodes) and nodes:

            def visit(n: Node, g: Any) -> Any:
                found[n._number] = largest(g)
                return g

            shape = root._data.shape
            seed = root._cotangent if root._cotangent is not None else np.ones(shape, root._data.dtype)
            with np.errstate(all="ignore"):
                leaves = walk.reverse(nodes, {root: seed}, retain=True, visit=visit)
            found.update({x._number: largest(g) for x, g in leaves.items()})
            return found
        for n in [self.nodes.get(m._number, m) for m in walk.everything([root])]:
            if n._cotangent is not None:
                found[n._number] = largest(n._cotangent)
            grad = getattr(n, "_grad", None)
            if grad is not None and n.op is None:
                found[n._number] = largest(grad)
        return found


def largest(g: Any) -> float:
    """Give the largest size among the elements, NaN if one is NaN."""
    a = np.abs(on_host(g))
    return float(np.max(a)) if a.size else 0.0


def constants(y: Node) -> Iterable[tuple[Node, int, Any]]:
    """Give (operation, which input, the constant) for each float constant in a result's graph, the newest first."""
    for n in reversed(walk.everything([y])):
        for i, x in enumerate(n._inputs):
            if isinstance(x, Node):
                if x.op is None and not x._tracked and x._data.dtype.kind == "f":
                    yield n, i, x
            elif getattr(getattr(x, "dtype", None), "kind", "") == "f":
                yield n, i, x
