"""What a module holds: it finds its parameters, its buffers and further modules among its attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy import ndarray

from ..convert import copied
from ..tensor import Parameter, Tensor


class Parts:
    """An object that finds what it holds: the part of :class:`Module` that knows of no computation."""

    _buffers: tuple[str, ...] = ()

    def _members(self) -> Iterator[tuple[str, Any]]:
        """Give what the module holds itself, by name: its attributes, and the items of containers among them."""
        for name, value in self.__dict__.items():
            if type(value) in _CONTAINERS:
                yield from _items(name, value)
            else:
                yield name, value

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """Give the modules that this one holds itself, by name."""
        for name, value in self._members():
            if isinstance(value, Parts):
                yield name, value

    def children(self) -> Iterator[Any]:
        """Give the modules that this one holds itself."""
        return (m for _, m in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Give this module (by the name ``prefix``) and all modules in it, each once, by their paths."""
        seen = set()
        stack = [(prefix, self)]
        while stack:
            path, m = stack.pop()
            if id(m) not in seen:
                seen.add(id(m))
                yield path, m
                stack.extend([(join(path, name), child) for name, child in m.named_children()][::-1])

    def modules(self) -> Iterator[Any]:
        """Give this module and all modules in it, each once."""
        return (m for _, m in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Give all parameters, each once, by their paths: ``"0.weight"``.

        A parameter is a :class:`Parameter`, or any other leaf tensor that needs a gradient.
        """
        seen = set()
        for path, m in self.named_modules():
            for name, value in m._members():
                if is_parameter(value) and id(value) not in seen:
                    seen.add(id(value))
                    yield join(path, name), value

    def parameters(self) -> Iterator[Tensor]:
        """Give all parameters, each once, in the order in which they were made attributes."""
        return (p for _, p in self.named_parameters())

    def register_buffer(self, name: str, value: Any) -> None:
        """Make an array (or None) an attribute that belongs to the state though it is not trained."""
        if not name.isidentifier():
            raise ValueError(f"{type(self).__name__}: a buffer's name must be an identifier, got {name!r}")
        setattr(self, name, None if value is None else copied(value.data if isinstance(value, Tensor) else value))
        if name not in self._buffers:
            self._buffers = (*self._buffers, name)

    def named_buffers(self) -> Iterator[tuple[str, ndarray[Any, Any]]]:
        """Give all buffers (arrays that belong to the state but are not trained), by their paths."""
        for path, m in self.named_modules():
            for name in m._buffers:
                if getattr(m, name) is not None:
                    yield join(path, name), getattr(m, name)

    def buffers(self) -> Iterator[ndarray[Any, Any]]:
        """Give all buffers."""
        return (b for _, b in self.named_buffers())


_CONTAINERS = frozenset([list, tuple, dict])


def _items(name: str, container: Any) -> Iterator[tuple[str, Any]]:
    """Give the parameters and modules in (nested) lists, tuples and dicts, by their paths."""
    stack = [(name, container)]
    while stack:
        path, value = stack.pop()
        if type(value) in _CONTAINERS:
            pairs = value.items() if type(value) is dict else enumerate(value)
            stack.extend([(f"{path}.{k}", v) for k, v in pairs][::-1])
        elif isinstance(value, Tensor | Parts):
            yield path, value


def is_parameter(value: Any) -> bool:
    """Tell whether a value is a parameter: a Parameter, or another leaf tensor that needs a gradient."""
    return isinstance(value, Parameter) or (isinstance(value, Tensor) and value.op is None and value.requires_grad)


def join(path: str, name: str) -> str:
    """Give the path of a name below a path."""
    return f"{path}.{name}" if path else name
