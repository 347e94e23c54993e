"""What a training needs to know of a model: parameters by name, modes, random generators. A plain function has none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..convert import copied, on_host
from ..parallel import World
from ..tensor import Tensor


def named_parameters(model: Any) -> dict[str, Tensor]:
    """Give the parameters of a model by their paths; nothing for a plain function."""
    return dict(model.named_parameters()) if hasattr(model, "named_parameters") else {}


def _modules(model: Any) -> list[tuple[str, Any]]:
    return list(model.named_modules()) if hasattr(model, "named_modules") else []


@contextmanager
def mode(model: Any, training: bool) -> Iterator[None]:
    """Set all modules of a model to train or to be used, and set each back to its own mode afterwards."""
    before = [(m, m.training) for _, m in _modules(model)]
    try:
        for m, _ in before:
            m.training = training
        yield
    finally:
        for m, own in before:
            m.training = own


def generators(model: Any) -> dict[str, np.random.Generator]:
    """Give the random generators that modules hold, by their paths: Dropout draws from one."""
    return {
        f"{path}.{name}": value
        for path, m in _modules(model)
        for name, value in vars(m).items()
        if isinstance(value, np.random.Generator)
    }


def average_buffers(model: Any, world: World) -> None:
    """Replace what modules count along the way (running statistics) by its mean over the ranks."""
    if world.size == 1:
        return
    for _, m in _modules(model):
        for name in getattr(m, "_buffers", ()):
            b = getattr(m, name)
            if isinstance(b, np.ndarray) and b.dtype.kind == "f":
                total = np.array(b)
                world.add_up(total)
                setattr(m, name, total / world.size)


def weights(model: Any, optimizer: Any) -> dict[str, Any]:
    """Give a copy of what a training changes: the model's state or, of a plain function, the optimizer's parameters."""
    if hasattr(model, "state_dict"):
        return model.state_dict()
    params = [p for group in optimizer.param_groups for p in group["params"]]
    return {str(i): copied(p._data) for i, p in enumerate(params)}


def set_weights(model: Any, optimizer: Any, state: dict[str, Any]) -> None:
    """Take over what ``weights`` gave; ValueError where it does not fit."""
    if hasattr(model, "load_state_dict"):
        model.load_state_dict(state)
        return
    params = [p for group in optimizer.param_groups for p in group["params"]]
    if len(state) != len(params) or any(p.shape != state.get(str(i), p).shape for i, p in enumerate(params)):
        raise ValueError("the weights do not fit the parameters of the optimizer in number and shape")
    for i, p in enumerate(params):
        p._own()[...] = state[str(i)]


class Recorded:
    """One element of a parameter whose value is recorded every epoch."""

    def __init__(self, key: str, parameter: Tensor, index: tuple[int, ...]) -> None:
        self.key = key
        self._parameter = parameter
        self._index = index

    def read(self) -> float:
        """Give the present value."""
        return float(on_host(self._parameter._data)[self._index])


def recorded(model: Any, wanted: Any, who: str) -> list[Recorded]:
    """Find the elements to record, pairs such as ("0.weight", (2, 3)), or raise an error that says what there is."""
    named = named_parameters(model)
    found: list[Recorded] = []
    for item in wanted:
        if not (isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], str)):
            raise TypeError(f"{who}: record takes pairs of a name and an index, ('0.weight', (2, 3)), got {item!r:.60}")
        name, given = item
        if name not in named:
            raise ValueError(f"{who}: record: no parameter {name!r:.60}; there is {', '.join(named) or 'none'}")
        try:
            index = tuple(int(i.__index__()) for i in (given if isinstance(given, tuple | list) else (given,)))
        except AttributeError:
            raise TypeError(f"{who}: record: the index {given!r:.40} of {name!r} must be whole numbers") from None
        shape = named[name].shape
        if len(index) != len(shape) or any(not -n <= i < n for i, n in zip(index, shape, strict=True)):
            raise ValueError(f"{who}: record: {name!r} has shape {shape}, {index} is no element of it")
        key = f"{name}[{', '.join(map(str, index))}]"
        if key not in [r.key for r in found]:
            found.append(Recorded(key, named[name], index))
    return found
