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
