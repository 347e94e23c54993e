"""What a graph keeps, against tracemalloc; checkpoints chosen by a budget."""

import tracemalloc

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn


class SelfAttention(nn.Module):
    def __init__(self, rng):
        self.attention = nn.MultiheadAttention(64, 4, rng=rng)

    def forward(self, x):
        y = self.attention(x, x, x)
        return y[0] if isinstance(y, tuple) else y


def dense(depth=6, width=128, rng=0):
    rng = np.random.default_rng(rng)
    return nn.Sequential(*[m for _ in range(depth) for m in (nn.Linear(width, width, rng=rng), nn.Tanh())])


def convolution(rng=0):
    rng = np.random.default_rng(rng)
    first = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(first, nn.Conv2d(16, 16, 3, rng=rng), nn.ReLU(), nn.Flatten())


MODELS = {
    "dense": (dense, (256, 128)),
    "convolution": (convolution, (16, 3, 32, 32)),
    "attention": (lambda: SelfAttention(np.random.default_rng(0)), (16, 64, 64)),
}


def traced(f):
    """Give f's value, the bytes that it left behind and the largest number of them on the way."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        value = f()
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return value, now - before, peak - before


@pytest.mark.parametrize("name", MODELS)
def test_total_is_what_tracemalloc_finds(name):
    make, shape = MODELS[name]
    model, x = make(), tg.Tensor(np.random.default_rng(1).standard_normal(shape).astype(np.float32))
    y, found, _ = traced(lambda: (model(x) ** 2).mean())
    m = tg.memory(y)
    assert m.total == pytest.approx(found, rel=0.03)
    assert m.total == sum(r.bytes for r in m) == m.read + m.held
    assert m.parameters == sum(p.data.nbytes for p in model.parameters())
    assert all(p.grad is None for p in model.parameters())


def test_peak_is_what_tracemalloc_finds():
    model, x = dense(), tg.Tensor(np.random.default_rng(1).standard_normal((256, 128)).astype(np.float32))
    y, found, _ = traced(lambda: (model(x) ** 2).mean())
    gradients = sum(p.data.nbytes for p in model.parameters())
    _, _, peak = traced(lambda: tg.gradients(y, list(model.parameters())))
    m = tg.memory(y)
    assert m.total + gradients <= m.peak
    # tg.gradients copies what it gives: the peak lies between.
    assert peak + found - gradients <= m.peak * 1.03


def test_why_names_the_rule_that_reads():
    x = tg.Tensor(np.ones(1000), requires_grad=True)
    doubled = x * 2.0
    m = tg.memory(np.sin(doubled).sum())
    rows = {r.operation: r for r in m}
    assert (rows["multiply"].read, rows["multiply"].why) == (8000, "read by sin #1 (input 0)")
    assert (rows["sin"].read, rows["sin"].bytes, rows["sin"].why) == (0, 8000, "merely held by the graph")
    assert m.parameters == 8000
    assert [r.bytes for r in m] == sorted([r.bytes for r in m], reverse=True)
    assert "multiply" in str(m)
    assert "peak" in str(m)


def test_shared_memory_is_counted_once():
    x = tg.Tensor(np.ones((10, 100)), requires_grad=True)
    y = np.exp(x)
    m = tg.memory((y.reshape(1000) * y.reshape(1000)).sum())
    assert m.total == 8000 + 8000 + 8
    assert [r.why for r in m if r.operation == "reshape"] == ["shares memory"] * 2


def test_bad_input():
    x = tg.Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(TypeError, match="memory: takes a Tensor"):
        tg.memory(3.0)
    with pytest.raises(RuntimeError, match="no operation is recorded"):
        tg.memory(x)
    y = np.sin(x).sum()
    y.backward()
    with pytest.raises(tg.GraphFreedError, match="retain_graph=True"):
        tg.memory(y)
