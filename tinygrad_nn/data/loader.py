"""The DataLoader: batches in order or shuffled, prepared ahead if asked."""

import operator
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from .dataset import Batch, stack_samples
from .error import DataError


class DataLoader:
    """Iterate over a dataset in batches, tuples of arrays; each iteration is one epoch.

    - ``dataset``: a `Dataset`, or anything with `len()` and `[i]`.
    - ``batch_size``: samples in a batch; the last batch is shorter unless `drop_last`.
    - ``shuffle``: draw a new order for each epoch from `rng` (a Generator, which is then shared, a seed, or None).
    - ``prefetch``: number of batches that a thread prepares ahead. It pays where a sample costs time (files,
      transforms that release the GIL), not for arrays in memory. It ends with the iteration, also with one that is
      left early, and what fails in it is raised at the batch that failed.

    Raises DataError for an empty dataset, a batch size below 1, `drop_last` that leaves no batch.

    >>> from tinygrad_nn.data import TensorDataset
    >>> loader = DataLoader(TensorDataset(np.arange(5), np.arange(5) ** 2), batch_size=2, shuffle=True, rng=0)
    >>> len(loader), [x.tolist() for x, y in loader], [x.tolist() for x, y in loader]
    (3, [[2, 4], [3, 0], [1]], [[4, 1], [2, 0], [3]])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        shuffle: bool = False,
        drop_last: bool = False,
        rng: np.random.Generator | int | None = None,
        prefetch: int = 0,
    ) -> None:
        if isinstance(dataset, np.ndarray | tuple) or not (
            hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
        ):
            kind = type(dataset).__name__
            raise TypeError(f"DataLoader: expected a dataset, got {kind}; wrap arrays as TensorDataset(X, y)")
        self.dataset = dataset
        self.batch_size = _at_least("batch_size", batch_size, 1)
        self.prefetch = _at_least("prefetch", prefetch, 0)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.rng = np.random.default_rng(rng)
        self._batch = dataset.batch if hasattr(dataset, "batch") else partial(stack_samples, dataset)
        if len(dataset) == 0:
            raise DataError("DataLoader: the dataset is empty; there is nothing to iterate over")
        if len(self) == 0:
            raise DataError(
                f"DataLoader: batch_size {self.batch_size} with drop_last leaves no batch of {len(dataset)} samples; "
                "take a smaller batch_size"
            )

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        count = len(self.dataset)
        order = self.rng.permutation(count) if self.shuffle else np.arange(count)
        groups = [order[i * self.batch_size : (i + 1) * self.batch_size] for i in range(len(self))]
        return self._ahead(groups) if self.prefetch else self._one_by_one(groups)

    def _one_by_one(self, groups: list[np.ndarray]) -> Iterator[Batch]:
        for group in groups:
            yield self._batch(group)

    def _ahead(self, groups: list[np.ndarray]) -> Iterator[Batch]:
        pool = ThreadPoolExecutor(1, thread_name_prefix="DataLoader")
        waiting: deque[Future[Batch]] = deque()
        try:
            for group in groups:
                waiting.append(pool.submit(self._batch, group))
                if len(waiting) > self.prefetch:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the shuffling generator: with it, the epochs to come have the same orders again.

        It holds only numbers and text in dicts and lists, so that it can be written as JSON.
        """
        return {"rng": _plain(self.rng.bit_generator.state)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict()` was taken; a state of another kind of generator raises DataError.

        >>> from tinygrad_nn.data import TensorDataset
        >>> loader = DataLoader(TensorDataset(np.arange(4)), 4, shuffle=True)
        >>> state, (first,) = loader.state_dict(), next(iter(loader))
        >>> loader.load_state_dict(state)
        >>> bool((next(iter(loader))[0] == first).all())
        True
        """
        kind = type(self.rng.bit_generator)
        try:
            trial = kind()  # the setters of some kinds write a part before they fail
            trial.state = state["rng"]
        except (LookupError, TypeError, ValueError, OverflowError) as problem:
            raise DataError(f"DataLoader: this is no state of a {kind.__name__} generator: {problem}") from None
        self.rng.bit_generator.state = trial.state

    def __repr__(self) -> str:
        return f"DataLoader({self.dataset!r}, batch_size={self.batch_size}, shuffle={self.shuffle})"


def _plain(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state


def _at_least(name: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"DataLoader: {name} must be a whole number, got {value!r:.60}")
    if number < least:
        raise DataError(f"DataLoader: {name} must be at least {least}, got {number}")
    return number
