"""Modules that hold other modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

from ..tensor import as_tensor
from .module import Module


class Sequential(Module):
    """Modules one after the other: each takes the result of the one before.

    Indexing gives a module, slicing a Sequential of the same modules; ``len``, iteration and ``append`` work.

    >>> from tinygrad_nn.nn import Linear, ReLU
    >>> net = Sequential(Linear(2, 8), ReLU(), Linear(8, 1))
    >>> len(net), net[1], list(net.state_dict())
    (3, ReLU(), ['0.weight', '0.bias', '2.weight', '2.bias'])
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = {str(k): m for k, m in modules[0].items()}
        else:
            named = {str(i): m for i, m in enumerate(modules)}  # type: ignore[misc]
        for name, m in named.items():
            _check(m, f"Sequential: item {name}")
        self._names = list(named)
        self._layers = list(named.values())

    def _members(self) -> Iterator[tuple[str, Any]]:
        yield from zip(self._names, self._layers, strict=True)
        yield from [(name, value) for name, value in super()._members() if not name.startswith("_layers.")]

    def forward(self, x: Any) -> Any:
        """Give the last module's result."""
        for m in self._layers:
            x = m(x)
        return x

    def append(self, module: Module) -> Sequential:
        """Add a module at the end."""
        _check(module, "Sequential.append")
        self._names.append(_free(self._names))
        self._layers.append(module)
        return self

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return Sequential(*self._layers[index])
        return self._layers[index]

    def __setitem__(self, index: int, module: Module) -> None:
        _check(module, f"Sequential: item {index}")
        self._layers[index] = module


class ModuleList(Module):
    """A list of modules. (A plain list as an attribute is found just as well; this one can stand in a Sequential.)

    >>> from tinygrad_nn.nn import Linear
    >>> layers = ModuleList([Linear(2, 2) for _ in range(3)])
    >>> len(layers), list(layers[:1].state_dict())
    (3, ['0.weight', '0.bias'])
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._layers: list[Module] = []
        self.extend(modules)

    def _members(self) -> Iterator[tuple[str, Any]]:
        yield from [(str(i), m) for i, m in enumerate(self._layers)]

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end."""
        _check(module, f"ModuleList: item {len(self)}")
        self._layers.append(module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end."""
        for m in modules:
            self.append(m)
        return self

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Module:
        return ModuleList(self._layers[index]) if isinstance(index, slice) else self._layers[index]

    def __setitem__(self, index: int, module: Module) -> None:
        _check(module, f"ModuleList: item {index}")
        self._layers[index] = module


class ModuleDict(Module):
    """Modules by name. (A plain dict as an attribute is found just as well.)

    >>> from tinygrad_nn.nn import Linear
    >>> list(ModuleDict({"head": Linear(2, 2, bias=False)}).state_dict())
    ['head.weight']
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self._named: dict[str, Module] = {}
        for name, m in (modules or {}).items():
            self[name] = m

    def _members(self) -> Iterator[tuple[str, Any]]:
        yield from list(self._named.items())

    def keys(self) -> Iterable[str]:
        """Give the names."""
        return self._named.keys()

    def values(self) -> Iterable[Module]:
        """Give the modules."""
        return self._named.values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Give the names with their modules."""
        return self._named.items()

    def __len__(self) -> int:
        return len(self._named)

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __contains__(self, name: object) -> bool:
        return name in self._named

    def __getitem__(self, name: str) -> Module:
        return self._named[name]

    def __setitem__(self, name: str, module: Module) -> None:
        _check(module, f"ModuleDict: {name!r}")
        self._named[str(name)] = module


def _check(m: Any, who: str) -> None:
    if not isinstance(m, Module):
        advice = "write ReLU() with parentheses" if isinstance(m, type) else "wrap a function in nn.Lambda"
        raise TypeError(f"{who} must be a Module, got {m if isinstance(m, type) else type(m).__name__}; {advice}")


def _free(names: Iterable[str]) -> str:
    taken = set(names)
    return next(str(i) for i in range(len(taken), 2 * len(taken) + 1) if str(i) not in taken)


class Lambda(Module):
    """Any function of one tensor as a module.

    >>> import numpy as np
    >>> Lambda(np.square)([2.0])
    Tensor([4.])
    """

    def __init__(self, function: Any) -> None:
        if not callable(function):
            raise TypeError(f"Lambda: takes a function, got {type(function).__name__}")
        self.function = function

    def forward(self, x: Any) -> Any:
        """Give the function's result."""
        return self.function(as_tensor(x, "Lambda"))

    def extra_repr(self) -> str:
        """Give the function's name."""
        return getattr(self.function, "__name__", type(self.function).__name__)


class Identity(Module):
    """Give the input as it is.

    >>> Identity()(3.0)
    Tensor(3.)
    """

    def forward(self, x: Any) -> Any:
        """Give x."""
        return as_tensor(x, "Identity")
