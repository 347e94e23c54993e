"""Nested containers (lists, tuples, dicts) of arrays, numbers and tensors: flatten, rebuild, map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["flatten", "tree_map"]


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """Give the leaves of nested containers in order, and a function that puts as many leaves back.

    Lists, tuples, named tuples and dicts (in insertion order) are containers, None is an empty one.

    >>> leaves, rebuild = flatten({"w": [1.0, 2.0], "b": (3.0,)})
    >>> rebuild([x * 10 for x in leaves])
    {'w': [10.0, 20.0], 'b': (30.0,)}
    """
    leaves: list[Any] = []
    build = _shape(tree, leaves)

    def rebuild(new: list[Any]) -> Any:
        if len(new) != len(leaves):
            raise ValueError(f"flatten: {len(new)} leaves given to a container of {len(leaves)}")
        return build(iter(new))

    return leaves, rebuild


def _shape(tree: Any, leaves: list[Any]) -> Callable[[Any], Any]:
    if tree is None:
        return lambda new: None
    if isinstance(tree, dict):
        kind = type(tree)
        parts = [(k, _shape(v, leaves)) for k, v in tree.items()]
        return lambda new: kind((k, p(new)) for k, p in parts) if kind is not dict else {k: p(new) for k, p in parts}
    if isinstance(tree, (list, tuple)):
        items = [_shape(v, leaves) for v in tree]
        if hasattr(tree, "_fields"):
            make: Any = type(tree)
            return lambda new: make(*[p(new) for p in items])
        sequence = type(tree)
        return lambda new: sequence([p(new) for p in items])
    leaves.append(tree)
    return next


def tree_map(f: Callable[..., Any], tree: Any) -> Any:
    """Apply f to every leaf of nested containers.

    >>> tree_map(abs, [-1, (2, -3)])
    [1, (2, 3)]
    """
    leaves, rebuild = flatten(tree)
    return rebuild([f(x) for x in leaves])
