"""The cycle collector's threshold: raised from Python's default, left alone where the user set it."""

import gc

import pytest

from tinygrad_nn import Tensor, collector


@pytest.fixture
def threshold():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("threshold")
@pytest.mark.parametrize(("before", "after"), [(700, 10_000), (2000, 10_000), (0, 0), (5000, 5000), (50_000, 50_000)])
def test_threshold(before, after):
    others = gc.get_threshold()[1:]
    gc.set_threshold(before, *others)
    assert collector.collect_less_often() == (before != after)
    assert gc.get_threshold() == (after, *others)


def test_a_graph_is_freed_without_the_collector():
    x = Tensor([1.0], requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(20):
            y = (x * 2.0 + 1.0).sum()
            y.backward()
            del y
        assert len(gc.get_objects()) - before < 20
    finally:
        gc.enable()
