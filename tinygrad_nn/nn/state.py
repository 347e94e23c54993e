"""The state of a module: every parameter and buffer by its path; loading takes all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy import ndarray

from ..convert import kept, there
from ..tensor import Tensor
from .parts import Parts, is_parameter, join


class Slot:
    """A place that holds one array of a module's state: a parameter, or a buffer."""

    def __init__(self, holder: Any, name: str) -> None:
        self.holder = holder
        self.name = name

    def get(self) -> ndarray[Any, Any]:
        """Give the array, to be read at once."""
        if isinstance(self.holder, Tensor):
            return kept(self.holder._data)
        return kept(getattr(self.holder, self.name))

    def put(self, value: ndarray[Any, Any]) -> None:
        """Write a value of the right shape, in the dtype of the place."""
        if isinstance(self.holder, Tensor):
            a = self.holder._own()
            a[...] = there(value, a)
        else:
            setattr(self.holder, self.name, there(value.astype(self.get().dtype), self.get()))


def state_of(module: Parts) -> Iterator[tuple[str, Slot]]:
    """Give every place of a module's state by its path; a part that is used twice appears under both paths."""
    stack: list[tuple[str, Parts, frozenset[int]]] = [("", module, frozenset())]
    while stack:
        path, m, above = stack.pop()
        inner = []
        for name, value in m._members():
            if is_parameter(value):
                yield join(path, name), Slot(value, name)
            elif isinstance(value, Parts) and id(value) not in above and value is not m:
                inner.append((join(path, name), value, above | {id(m)}))
        for name in m._buffers:
            if getattr(m, name) is not None:
                yield join(path, name), Slot(m, name)
        stack.extend(inner[::-1])


def load_state(module: Parts, state: Mapping[str, Any], strict: bool) -> None:
    """Write a state into a module, or raise one ValueError that lists all that does not fit and write nothing."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"load_state_dict: takes a mapping from names to arrays, got {type(state).__name__}; "
            f"load a file with tg.load(path) first"
        )
    places = dict(state_of(module))
    values: dict[str, ndarray[Any, Any]] = {}
    wrong = []
    for name in [n for n in places if n in state]:
        given = state[name]
        value = kept(given.data if isinstance(given, Tensor) else given)
        shape = places[name].get().shape
        if value.shape != shape:
            wrong.append(f"{name} has shape {value.shape}, needs {shape}")
        elif value.dtype.kind not in "fiub":
            wrong.append(f"{name} has dtype {value.dtype}, needs numbers")
        else:
            values[name] = value
    faults = [f"mismatched: {'; '.join(wrong)}"] if wrong else []
    if strict:
        missing = [n for n in places if n not in state]
        extra = [str(n) for n in state if n not in places]
        faults += [f"missing: {', '.join(missing)}"] if missing else []
        faults += [f"extra: {', '.join(extra)}"] if extra else []
    if faults:
        raise ValueError(f"load_state_dict: the state does not fit {type(module).__name__}: {' | '.join(faults)}")
    for name, value in values.items():
        places[name].put(value)
