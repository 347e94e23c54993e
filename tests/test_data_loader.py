"""Datasets and the DataLoader: every sample once, orders that repeat, threads that end, errors with names."""

import gc
import json
import threading
import time

import numpy as np
import pytest

from tinygrad_nn.data import DataError, DataLoader, Dataset, TensorDataset

GENERATORS = [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64]


class Numbers(Dataset):
    """n, n² as plain numbers and a small array; raises at `bad`; notes which thread asked for what."""

    def __init__(self, count, bad=None, pause=0.0):
        self.count, self.bad, self.pause = count, bad, pause
        self.asked = []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.asked.append((index, threading.current_thread().name))
        time.sleep(self.pause)
        if index == self.bad:
            raise OSError(f"sample {index} cannot be read")
        return index, index**2, np.full((2, 3), index, np.float32)


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("DataLoader")]


def rows(loader):
    return [batch[0].tolist() for batch in loader]


# Datasets


def test_tensor_dataset_keeps_dtypes_and_gives_tuples():
    X, y = np.arange(12, dtype=np.float32).reshape(4, 3), np.array([3, 2, 1, 0], np.int8)
    dataset = TensorDataset(X, y)
    assert len(dataset) == 4
    assert dataset.arrays[0] is X
    x1, y1 = dataset[1]
    assert (x1.tolist(), int(y1)) == ([3, 4, 5], 2)
    assert [part.tolist() for part in dataset[1:3]] == [[[3, 4, 5], [6, 7, 8]], [2, 1]]
    xs, ys = dataset.batch([3, 0])
    assert (xs.dtype, ys.dtype) == (np.float32, np.int8)
    assert (xs.tolist(), ys.tolist()) == ([[9, 10, 11], [0, 1, 2]], [0, 3])
    assert repr(dataset) == "TensorDataset(float32(4, 3), int8(4,))"
    with pytest.raises(IndexError):
        dataset[4]


def test_a_batch_is_a_copy():
    X = np.zeros((4, 2))
    for loader in (DataLoader(TensorDataset(X), 2), DataLoader(TensorDataset(X), 4, shuffle=True)):
        for (batch,) in loader:
            assert not np.shares_memory(batch, X)
            batch += 1
    assert not X.any()


def test_tensor_dataset_names_what_does_not_fit():
    with pytest.raises(DataError, match=r"TensorDataset: arrays of shapes \(3, 2\), \(4,\) .* \[3, 4\]"):
        TensorDataset(np.ones((3, 2)), np.ones(4))
    with pytest.raises(DataError, match="array 1 is the single value 5"):
        TensorDataset(np.ones(3), 5)
    with pytest.raises(DataError, match="array 0 is no array"):
        TensorDataset([[1, 2], [3]])
    with pytest.raises(DataError, match="array 1 has dtype object"):
        TensorDataset([1, 2], [None, None])
    with pytest.raises(DataError, match="no arrays given"):
        TensorDataset()


def test_samples_of_a_dataset_are_stacked():
    n, squares, images = Numbers(5).batch(np.array([4, 1, 1]))
    assert n.tolist() == [4, 1, 1]
    assert squares.tolist() == [16, 1, 1]
    assert (images.shape, images.dtype) == ((3, 2, 3), np.float32)
    assert images[:, 0, 0].tolist() == [4, 1, 1]


def test_a_dataset_must_say_how_long_it_is():
    class Half(Dataset):
        def __getitem__(self, index):
            return index

    with pytest.raises(TypeError, match="__len__"):
        Half()


@pytest.mark.parametrize(
    "samples",
    [[np.ones(2), np.ones(3)], [(1, 2), (1,)], [(np.ones(2), 0), (np.ones((2, 1)), 0)]],
)
def test_samples_of_different_shapes_are_refused(samples):
    with pytest.raises(DataError, match=r"batch: samples of different shapes, .* and .*; make them equal"):
        next(iter(DataLoader(samples, 2)))


def test_anything_with_a_length_and_items_is_a_dataset():
    assert [batch[0].tolist() for batch in DataLoader([10, 11, 12], 2)] == [[10, 11], [12]]
    pairs = [(np.array([i, i]), i % 2) for i in range(3)]
    (X, y), _ = DataLoader(pairs, 2)
    assert (X.tolist(), y.tolist()) == ([[0, 0], [1, 1]], [0, 1])


# Batches


@pytest.mark.parametrize("prefetch", [0, 1, 3, 50])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("count", "size"), [(1, 1), (7, 3), (9, 3), (10, 1), (5, 5), (23, 4)])
def test_every_sample_comes_once(count, size, shuffle, drop_last, prefetch):
    y = np.arange(count)
    loader = DataLoader(TensorDataset(y * 10, y), size, shuffle=shuffle, drop_last=drop_last, rng=1, prefetch=prefetch)
    batches = list(loader)
    assert len(loader) == len(batches) == (count // size if drop_last else -(-count // size))
    assert all(type(batch) is tuple for batch in batches)
    assert all(len(b[1]) == size for b in batches[: count // size])
    seen = np.concatenate([b[1] for b in batches])
    assert (np.concatenate([b[0] for b in batches]) == seen * 10).all()
    kept = count - count % size if drop_last else count
    assert len(set(seen.tolist())) == len(seen) == kept
    if not shuffle:
        assert seen.tolist() == list(range(kept))


def test_a_batch_larger_than_the_dataset_is_the_dataset():
    assert rows(DataLoader(TensorDataset(np.arange(3)), 10)) == [[0, 1, 2]]


def test_each_epoch_has_an_order_of_its_own():
    loader = DataLoader(TensorDataset(np.arange(50)), 50, shuffle=True, rng=0)
    orders = {tuple(rows(loader)[0]) for _ in range(20)}
    assert len(orders) == 20
    assert all(sorted(order) == list(range(50)) for order in orders)


def test_orders_are_uniform():
    """Every sample is as likely in every place: chi-square over 3000 epochs of 6 samples, 25 degrees of freedom."""
    loader = DataLoader(TensorDataset(np.arange(6)), 6, shuffle=True, rng=0)
    counts = np.zeros((6, 6))
    for _ in range(3000):
        counts[np.arange(6), rows(loader)[0]] += 1
    assert ((counts - 500) ** 2 / 500).sum() < 60  # p = 1e-4


def test_the_seed_decides_and_prefetching_does_not():
    def orders(**named):
        loader = DataLoader(TensorDataset(np.arange(30)), 4, shuffle=True, **named)
        return [rows(loader) for _ in range(3)]

    assert orders(rng=3) == orders(rng=3) == orders(rng=np.random.default_rng(3)) == orders(rng=3, prefetch=2)
    assert orders(rng=3) != orders(rng=4)
    assert orders(rng=None) != orders(rng=None)


def test_a_generator_is_shared_and_untouched_without_shuffling():
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    loader = DataLoader(TensorDataset(np.arange(9)), 2, rng=generator)
    assert rows(loader) == rows(loader)
    assert generator.bit_generator.state == before
    list(DataLoader(TensorDataset(np.arange(9)), 2, shuffle=True, rng=generator))
    assert generator.bit_generator.state != before


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - to see that nobody else uses it
    list(DataLoader(TensorDataset(np.arange(9)), 2, shuffle=True))
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_two_iterations_at_once_do_not_disturb_each_other():
    loader = DataLoader(TensorDataset(np.arange(20)), 3, shuffle=True, rng=0)
    first, second = iter(loader), iter(loader)
    pairs = list(zip(first, second, strict=True))
    for side in (0, 1):
        assert sorted(np.concatenate([pair[side][0] for pair in pairs]).tolist()) == list(range(20))


# Saved and restored


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("kind", GENERATORS)
def test_restored_loader_goes_on_bitwise(kind, prefetch):
    def fresh(seed):
        rng = np.random.Generator(kind(seed))
        return DataLoader(TensorDataset(np.arange(17)), 5, shuffle=True, rng=rng, prefetch=prefetch)

    loader = fresh(1)
    rows(loader)
    state = json.loads(json.dumps(loader.state_dict()))
    expected = [rows(loader) for _ in range(3)]
    for other in (loader, fresh(99)):
        other.load_state_dict(state)
        assert [rows(other) for _ in range(3)] == expected


def test_state_is_a_copy():
    loader = DataLoader(TensorDataset(np.arange(9)), 9, shuffle=True, rng=np.random.Generator(np.random.MT19937(0)))
    state = loader.state_dict()
    kept = json.dumps(state)
    rows(loader)
    assert json.dumps(state) == kept


def test_wrong_state_is_refused_and_changes_nothing():
    loader = DataLoader(TensorDataset(np.arange(9)), 9, shuffle=True, rng=0)
    before = loader.state_dict()
    other = DataLoader(TensorDataset([0]), 1, rng=np.random.Generator(np.random.MT19937(0))).state_dict()
    half = {"rng": {**before["rng"], "state": {"state": 1}}}
    for state in ({}, {"rng": {}}, {"rng": None}, other, half, None, {"rng": {**before["rng"], "state": "x"}}):
        with pytest.raises(DataError, match="DataLoader: this is no state of a PCG64 generator"):
            loader.load_state_dict(state)
        assert loader.state_dict() == before


@pytest.mark.parametrize("kind", [np.random.MT19937, np.random.Philox])
@pytest.mark.parametrize("damage", ["short key", "last number missing"])
def test_state_that_is_wrong_half_way_changes_nothing(kind, damage):
    """NumPy's own setters have written a part by the time that they fail."""
    loader = DataLoader(TensorDataset(np.arange(9)), 9, shuffle=True, rng=np.random.Generator(kind(0)))
    before = loader.state_dict()
    state = DataLoader(TensorDataset([0]), 1, rng=np.random.Generator(kind(1))).state_dict()
    inner = state["rng"]["state"] if damage == "short key" or kind is np.random.MT19937 else state["rng"]
    if damage == "short key":
        inner["key"] = inner["key"][:1]
    else:
        inner.popitem()
    with pytest.raises(DataError, match=f"no state of a {kind.__name__} generator"):
        loader.load_state_dict(state)
    assert loader.state_dict() == before


# The thread


def test_batches_are_prepared_ahead_by_one_thread():
    dataset = Numbers(20)
    iterator = iter(DataLoader(dataset, 2, prefetch=3))
    assert threads() == []
    next(iterator)
    deadline = time.monotonic() + 5
    while len(dataset.asked) < 8 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert [index for index, _ in dataset.asked] == list(range(8))  # the batch that was given, and three more
    assert {name for _, name in dataset.asked} == {threads()[0].name}
    assert len(list(iterator)) == 9
    assert threads() == []


def test_without_prefetch_there_is_no_thread():
    dataset = Numbers(4)
    list(DataLoader(dataset, 2))
    assert {name for _, name in dataset.asked} == {threading.main_thread().name}


def interrupt(loader):
    for _ in loader:
        raise KeyboardInterrupt


@pytest.mark.parametrize("how", ["break", "close", "delete", "raise"])
def test_thread_ends_when_the_consumer_stops_early(how):
    dataset = Numbers(1000, pause=0.001)
    loader = DataLoader(dataset, 2, prefetch=4)
    if how == "break":
        for _ in loader:
            break
    elif how == "raise":
        with pytest.raises(KeyboardInterrupt):
            interrupt(loader)
    else:
        iterator = iter(loader)
        next(iterator)
        assert len(threads()) == 1
        if how == "close":
            iterator.close()
        del iterator
    gc.collect()
    assert threads() == []
    assert len(dataset.asked) <= 2 * (1 + 4 + 1)


def test_what_was_to_be_prepared_is_dropped_when_the_consumer_stops():
    release = threading.Event()

    class Blocks(Numbers):
        def __getitem__(self, index):
            assert index < 2 or release.wait(10)
            return super().__getitem__(index)

    dataset = Blocks(100)
    iterator = iter(DataLoader(dataset, 1, prefetch=20))
    next(iterator)
    next(iterator)  # sample 2 is being prepared, 3 to 21 wait
    timer = threading.Timer(0.05, release.set)
    timer.start()
    iterator.close()
    timer.join()
    assert [index for index, _ in dataset.asked] == [0, 1, 2]
    assert threads() == []


@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_an_exception_comes_with_the_batch_that_failed(prefetch):
    loader = DataLoader(Numbers(10, bad=5), 2, prefetch=prefetch)
    iterator = iter(loader)
    assert [next(iterator)[0].tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(OSError, match="sample 5 cannot be read"):
        next(iterator)
    assert threads() == []


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_stray_stop_iteration_does_not_end_the_epoch_quietly(prefetch):
    class Stops(Numbers):
        def __getitem__(self, index):
            return next(iter(())) if index == 3 else index

    with pytest.raises(RuntimeError, match="StopIteration"):
        list(DataLoader(Stops(6), 1, prefetch=prefetch))
    assert threads() == []


# Bad input


@pytest.mark.parametrize("prefetch", [0, 2])
def test_empty_dataset_is_refused(prefetch):
    with pytest.raises(DataError, match="DataLoader: the dataset is empty"):
        DataLoader(TensorDataset(np.zeros((0, 3)), np.zeros(0)), 2, prefetch=prefetch)


@pytest.mark.parametrize("size", [0, -1, np.int64(0)])
def test_batch_size_below_one_is_refused(size):
    with pytest.raises(DataError, match=f"DataLoader: batch_size must be at least 1, got {size}"):
        DataLoader(TensorDataset([1, 2]), size)


@pytest.mark.parametrize("size", [2.0, "2", None, True])
def test_batch_size_that_is_no_whole_number_is_refused(size):
    with pytest.raises(TypeError, match="DataLoader: batch_size must be a whole number, got"):
        DataLoader(TensorDataset([1, 2]), size)


def test_other_arguments_are_checked_too():
    with pytest.raises(DataError, match="prefetch must be at least 0, got -1"):
        DataLoader(TensorDataset([1, 2]), 1, prefetch=-1)
    with pytest.raises(DataError, match="batch_size 3 with drop_last leaves no batch of 2 samples"):
        DataLoader(TensorDataset([1, 2]), 3, drop_last=True)
    for dataset in (np.ones(3), (np.ones((3, 2)), np.ones(3)), 5, iter([1])):
        with pytest.raises(TypeError, match=r"DataLoader: expected a dataset, got .*TensorDataset\(X, y\)"):
            DataLoader(dataset, 1)
    assert issubclass(DataError, ValueError)
