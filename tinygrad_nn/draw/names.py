"""Find what the user calls each tensor: its own name, its path in a module, or the variable that it is bound to."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import chain
from typing import Any

from ..walk import Node

FRAMES = 3
"""So many frames of the caller are searched for variables, the nearest first."""
_ITEMS = 1000
"""Of a list or dict that a variable holds so many items are looked at."""


class Names:
    """The name of each tensor by its number, with the tensor that has it.

    A freed graph holds stand-ins of large intermediate tensors, under the same number; the variable still holds the
    tensor itself.
    """

    def __init__(self) -> None:
        self._found: dict[int, tuple[str, Node]] = {}
        self.paths: dict[int, str] = {}
        """The path of each module in its model, by the module's id."""

    def __getitem__(self, t: Node) -> str | None:
        own = getattr(t, "name", None)
        if own:
            return str(own)
        found = self._found.get(t._number)
        return found[0] if found else None

    def tensor(self, t: Node) -> Node:
        """Give the tensor itself for a stand-in in a freed graph, where some variable still holds it."""
        found = self._found.get(t._number)
        return found[1] if found else t

    def others(self, numbers: Mapping[int, Any]) -> list[tuple[str, Node]]:
        """Give the named tensors that are not among the given numbers."""
        return [v for n, v in self._found.items() if n not in numbers]

    def add(self, name: str, t: Node) -> None:
        self._found.setdefault(t._number, (name, t))


def find_names(depth: int, given: Any = None, wanted: frozenset[int] | None = None) -> Names:
    """Search the variables of the caller ``depth`` frames up, after what was given (a module or a mapping of names).

    Parameters of a module are named by their path in it, with the module's variable in front where several modules
    have some of the wanted tensors (by number).
    """
    scopes: list[dict[str, Any]] = []
    if isinstance(given, Mapping):
        scopes.append({str(k): v for k, v in given.items()})
    elif given is not None:
        if not hasattr(given, "named_parameters"):
            raise TypeError(f"draw: names= takes a module or a mapping of names to tensors, got {type(given).__name__}")
        scopes.append({type(given).__name__.lower(): given})
    scopes.extend(_frames(depth + 2))
    names = Names()
    _add_modules(names, scopes, wanted)
    for scope in scopes:
        for variable, value in scope.items():
            for name, t in _tensors(variable, value):
                names.add(name, t)
    return names


def _frames(depth: int) -> list[dict[str, Any]]:
    scopes: list[dict[str, Any]] = []
    try:
        frame: Any = sys._getframe(depth)
    except ValueError:
        return scopes
    for _ in range(FRAMES):
        if frame is None:
            break
        scopes.append(_visible(frame.f_locals))
        if frame.f_code.co_name == "<module>":
            return scopes
        last = frame
        frame = frame.f_back
    scopes.append(_visible(last.f_globals))
    return scopes


def _visible(scope: Mapping[str, Any]) -> dict[str, Any]:
    # A notebook keeps every result in _, _1, Out, In as well.
    return {k: v for k, v in list(scope.items()) if not k.startswith(("_", ".")) and k not in ("Out", "In")}


def _tensors(variable: str, value: Any) -> list[tuple[str, Node]]:
    if isinstance(value, Node):
        return [(variable, value)]
    if type(value) is dict:
        items = [(f"{variable}[{k!r}]", v) for k, v in _first(value.items()) if isinstance(k, str | int)]
    elif type(value) in (list, tuple):
        items = [(f"{variable}[{i}]", v) for i, v in enumerate(_first(value))]
    else:
        return []
    return [(name, v) for name, v in items if isinstance(v, Node)]


def _first(values: Any) -> list[Any]:
    return [v for _, v in zip(range(_ITEMS), values, strict=False)]


def _add_modules(names: Names, scopes: list[dict[str, Any]], wanted: frozenset[int] | None) -> None:
    found: list[tuple[str, Any, list[tuple[str, Node]]]] = []
    seen: set[int] = set()
    for variable, value in chain.from_iterable(s.items() for s in scopes):
        if isinstance(value, type) or id(value) in seen or not hasattr(type(value), "named_parameters"):
            continue
        seen.add(id(value))
        try:
            parameters = [(str(k), p) for k, p in value.named_parameters() if isinstance(p, Node)]
        except Exception:  # an object of the caller's may have a method of this name that does something else
            continue
        if wanted is not None:
            parameters = [(k, p) for k, p in parameters if p._number in wanted]
        found.append((variable, value, parameters))
    found.sort(key=lambda entry: -len(entry[2]))
    taken: set[int] = set()
    outermost = []
    for variable, module, parameters in found:
        # A module that is a part of another one adds nothing.
        if any(p._number not in taken for _, p in parameters):
            outermost.append((variable, module, parameters))
            taken.update(p._number for _, p in parameters)
    for variable, module, parameters in outermost:
        start = f"{variable}." if len(outermost) > 1 else ""
        for path, p in parameters:
            names.add(f"{start}{path}", p)
        for path, part in _modules(module):
            names.paths.setdefault(id(part), f"{start}{path}" if path else variable)


def _modules(module: Any) -> list[tuple[str, Any]]:
    try:
        return [(str(path), part) for path, part in module.named_modules()]
    except Exception:  # as above
        return [("", module)]
