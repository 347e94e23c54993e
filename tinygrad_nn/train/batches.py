"""Where batches come from: arrays, a dataset, or a loader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy import ndarray

from ..convert import kept
from ..data import DataLoader, TensorDataset
from ..data.dataset import aligned
from ..data.error import DataError
from ..parallel import ALONE, World
from ..tensor import Tensor, constant

DEFAULT_SIZE = 32

#: The inputs of the model, the target, and the number of samples: of all ranks together, which share a batch.
Batch = tuple[tuple[Any, ...], Any, int]


class Source:
    """Batches of training or validation data: ``batches()`` gives those of one epoch.

    Floating arrays reach the model as tensors without a gradient, and other arrays (labels, indices) as arrays.
    """

    samples: int | None = None
    """How many samples an epoch has; None where it is not known before."""
    steps: int | None = None
    """How many batches an epoch has; None where it is not known before."""
    world: World = ALONE
    """The ranks that share each batch."""

    def batches(self) -> Iterator[Batch]:
        """Give the batches of one epoch."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Give what later epochs depend on besides ``rng``."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where ``state_dict()`` was taken."""


class ArraySource(Source):
    """Batches cut from arrays, in a new order each epoch if there is a generator to draw it from."""

    def __init__(self, arrays: tuple[ndarray[Any, Any], ...], size: int, rng: np.random.Generator | None) -> None:
        self.arrays = arrays
        self.samples = len(arrays[0])
        self.size = size
        self.steps = -(-self.samples // size)
        # One batch of everything has no order to draw.
        self.rng = rng if self.steps > 1 else None
        self._everything: Batch | None = None

    def batches(self) -> Iterator[Batch]:
        """Give the batches of one epoch."""
        if self.steps == 1:
            if self._everything is None:
                everything = len(self.arrays[0])
                own = self.world.part(everything)
                self._everything = _batch(tuple([a[own].copy() for a in self.arrays]), False, everything)
            yield self._everything
            return
        count = len(self.arrays[0])
        order = None if self.rng is None else self.rng.permutation(count)
        for start in range(0, count, self.size):
            samples = min(self.size, count - start)
            own = self.world.part(samples)
            part = slice(start + own.start, start + own.stop)
            if order is None:
                yield _batch(tuple([a[part] for a in self.arrays]), True, samples)
            else:
                rows = order[part]
                yield _batch(tuple([a.take(rows, axis=0) for a in self.arrays]), False, samples)


class LoaderSource(Source):
    """The batches of an iterable, which is iterated anew for each epoch."""

    def __init__(self, loader: Any, who: str) -> None:
        self.loader = loader
        self.who = who
        self.steps = len(loader) if hasattr(loader, "__len__") else None
        if isinstance(loader, DataLoader):
            self.samples = min(len(loader) * loader.batch_size, len(loader.dataset))

    def batches(self) -> Iterator[Batch]:
        """Give the batches of one epoch."""
        empty = True
        for given in self.loader:
            empty = False
            if not isinstance(given, tuple | list) or len(given) < 2:
                raise DataError(
                    f"{self.who}: a batch of the loader is {type(given).__name__}; it must be a tuple (inputs, targets)"
                )
            arrays = tuple([_array(part, self.who) for part in given])
            lengths = {len(a) if a.ndim else None for a in arrays}
            if len(lengths) != 1 or None in lengths or 0 in lengths:
                shapes = ", ".join([str(a.shape) for a in arrays])
                raise DataError(
                    f"{self.who}: a batch of the loader has arrays of shapes {shapes}; give one row a sample"
                )
            samples = len(arrays[0])
            # The whole batch is made on every rank, since its dataset may draw random numbers for it.
            own = self.world.part(samples)
            yield _batch(tuple([a[own] for a in arrays]) if self.world.size > 1 else arrays, True, samples)
        if empty:
            raise DataError(f"{self.who}: the loader gave no batch; an iterator can be used for one epoch only")

    def state_dict(self) -> dict[str, Any]:
        """Give the loader's own state, if it has one."""
        return self.loader.state_dict() if hasattr(self.loader, "state_dict") else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Hand the loader its state."""
        if hasattr(self.loader, "load_state_dict") and state:
            self.loader.load_state_dict(state)


def is_arrays(data: Any) -> bool:
    """Tell whether data are whole arrays, to be cut into batches."""
    return (
        isinstance(data, tuple)
        or type(data) is TensorDataset
        or (isinstance(data, list) and not (data and isinstance(data[0], tuple)))
    )


def source_of(data: Any, size: int | None, who: str, role: str, rng: np.random.Generator | None) -> Source:
    """Give the source for (X, y), a dataset or a loader; raise a TypeError or DataError for everything else.

    ``role`` names the data in messages; batches have ``size`` samples, and an order drawn from ``rng``, or their own.
    """
    if is_arrays(data):
        return ArraySource(
            _arrays(data.arrays if type(data) is TensorDataset else data, who, role), size or DEFAULT_SIZE, rng
        )
    indexed = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    if isinstance(data, ndarray | Tensor | Mapping | str | bytes) or not (indexed or hasattr(data, "__iter__")):
        raise TypeError(f"{who}: the {role} is {type(data).__name__}; give (X, y), a dataset, or a loader of batches")
    if indexed and not isinstance(data, list | DataLoader):
        return LoaderSource(DataLoader(data, size or DEFAULT_SIZE, shuffle=rng is not None, rng=rng), who)
    if size is not None:
        raise ValueError(
            f"{who}: batch_size={size} is given and the {role} is a loader, which has its own; leave it out"
        )
    if iter(data) is data:
        raise TypeError(
            f"{who}: the {role} is {type(data).__name__}, which ends after one epoch; "
            f"give a list of batches, or an object whose __iter__ begins anew"
        )
    return LoaderSource(data, who)


def _arrays(data: Any, who: str, role: str) -> tuple[ndarray[Any, Any], ...]:
    if len(data) < 2:
        raise DataError(f"{who}: the {role} has {len(data)} arrays; give (X, y)")
    arrays = aligned(f"{who}: the {role}", [a._data if isinstance(a, Tensor) else a for a in data])
    if not len(arrays[0]):
        raise DataError(f"{who}: the {role} is empty, X has shape {arrays[0].shape}; give at least one sample")
    for a in arrays:
        if a.dtype.kind not in "fiub":
            raise TypeError(f"{who}: the {role} has an array of dtype {a.dtype}; convert it to numbers first")
    return arrays


def _array(part: Any, who: str) -> ndarray[Any, Any]:
    a = kept(part._data if isinstance(part, Tensor) else part)
    if a.dtype.kind not in "fiub":
        raise TypeError(f"{who}: a batch has an array of dtype {a.dtype}; convert it to numbers first")
    return a


def _batch(arrays: tuple[ndarray[Any, Any], ...], shared: bool, samples: int) -> Batch:
    *inputs, target = [constant(a, shared) if a.dtype.kind == "f" else a for a in arrays]
    return tuple(inputs), target, samples
