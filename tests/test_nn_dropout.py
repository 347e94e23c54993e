"""Dropout and embeddings: the share that stays, its scale and gradient, modes, generators; lookups against PyTorch."""

import math

import nn_torch
import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor, nn
from tinygrad_nn.nn import functional as F


def test_the_right_share_is_kept_and_scaled():
    x = Tensor(np.ones(100_000), requires_grad=True)
    for p in (0.1, 0.5, 0.9):
        y = F.dropout(x, p, rng=0)
        assert set(np.unique(y.data)) == {0.0, 1.0 / (1.0 - p)}
        assert (y.data == 0).mean() == pytest.approx(p, abs=0.01)
        x.zero_grad()
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, y.data)


def test_p_0_and_1():
    x = Tensor([1.0, math.nan, math.inf], requires_grad=True)
    assert F.dropout(x, 0.0) is x
    y = F.dropout(x, 1.0)
    np.testing.assert_array_equal(y.data, 0.0)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, 0.0)
    assert (nn.Dropout(1.0)(np.ones(5)).data == 0).all()
    assert (nn.Dropout(0.0)(np.ones(5)).data == 1).all()
    images = np.ones((2, 3, 4))
    assert (nn.Dropout1d(1.0)(images).data == 0).all()
    assert (nn.Dropout1d(0.0)(images).data == 1).all()


def test_training_only():
    layer = nn.Dropout(0.5, rng=0)
    x = np.ones(100)
    assert (layer(x).data == 0).any()
    layer.eval()
    np.testing.assert_array_equal(layer(x).data, x)
    layer.train()
    assert (layer(x).data == 0).any()


def test_C180_every_call_draws_anew():
    x = Tensor(np.ones(1000), requires_grad=True)
    layer = nn.Dropout(0.5)
    a, b = layer(x), layer(x)
    assert not np.array_equal(a.data, b.data)
    (a + b).sum().backward()
    np.testing.assert_array_equal(x.grad, a.data + b.data)


def test_generators():
    x = np.ones(100)
    np.testing.assert_array_equal(nn.Dropout(rng=7)(x).data, nn.Dropout(rng=7)(x).data)
    assert not np.array_equal(nn.Dropout()(x).data, nn.Dropout()(x).data)
    shared = np.random.default_rng(7)
    first, second = nn.Dropout(rng=shared), nn.Dropout(rng=shared)
    assert not np.array_equal(first(x).data, second(x).data)
    with pytest.raises(TypeError, match="Dropout: rng takes"):
        nn.Dropout(rng="seed")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept(dtype):
    x = Tensor(np.ones(10, dtype), requires_grad=True)
    for p in (0.5, 1.0):
        y = F.dropout(x, p)
        x.zero_grad()
        y.sum().backward()
        assert (y.dtype, x.grad.dtype) == (dtype, dtype)


def test_higher_order_through_dropout():
    x = Tensor(np.arange(1.0, 9.0), requires_grad=True)
    y = F.dropout(x * x, 0.5, rng=0)
    mask = y.data / (x.data * x.data)
    (g,) = tg.gradients(y.sum(), [x], create_graph=True)
    (h,) = tg.gradients(g.sum(), [x])
    np.testing.assert_allclose(h.data, 2 * mask)
    _, tangent = tg.jvp(lambda t: F.dropout(t * t, 0.5, rng=0), (x.data,), (np.ones(8),))
    np.testing.assert_allclose(tangent, 2 * x.data * mask)


def test_channels_drop_whole():
    x = np.random.default_rng(0).normal(size=(50, 4, 3, 3)) + 10
    y = nn.Dropout2d(0.5, rng=0)(x).data
    per_channel = (y == 0).sum(axis=(2, 3))
    assert set(np.unique(per_channel)) == {0, 9}
    assert (per_channel == 9).mean() == pytest.approx(0.5, abs=0.1)
    kept = y != 0
    np.testing.assert_allclose(y[kept], 2 * x[kept])
    with pytest.raises(ValueError, match=r"channel_dropout: needs \(batch, channels, \.\.\.\)"):
        nn.Dropout1d()(np.ones(3))


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_bad_p(p):
    for call in (lambda: nn.Dropout(p), lambda: F.dropout([1.0], p), lambda: F.channel_dropout([[1.0]], p)):
        with pytest.raises(ValueError, match=r"p must be a probability in 0 \.\.\. 1"):
            call()


def test_repr():
    assert repr(nn.Dropout(0.3)) == "Dropout(p=0.3)"


# -- embedding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding_idx", [None, 2, -1])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (), (0,), (2, 0)])
def test_embedding_as_in_pytorch(shape, padding_idx):
    torch = nn_torch.need_torch()
    index = np.random.default_rng(0).integers(0, 4, shape)
    layer = nn.Embedding(4, 3, padding_idx, dtype=float, rng=0)
    other = torch.nn.Embedding(4, 3, padding_idx)
    nn_torch.assert_same_module(layer, other, [index])


def test_repeated_indices_add_up():
    layer = nn.Embedding(3, 2, dtype=float, rng=0)
    layer([[0, 0], [2, 0]]).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad, [[3.0, 3.0], [0.0, 0.0], [1.0, 1.0]])


def test_padding_row_starts_at_zero_and_stays():
    layer = nn.Embedding(3, 2, padding_idx=-2, rng=0)
    assert layer.padding_idx == 1
    assert (layer.weight.data[1] == 0).all()
    layer([0, 1, 1]).sum().backward()
    assert (layer.weight.grad[1] == 0).all()
    assert (layer.weight.grad[0] == 1).all()


def test_embedding_second_order():
    table = np.random.default_rng(0).normal(size=(4, 3))
    tg.gradcheck(lambda w: np.square(F.embedding([[0, 1], [1, 3]], w)), table, order=2)


def test_embedding_draws_the_normal_distribution():
    w = nn.Embedding(200, 100, rng=0).weight
    assert w.dtype == np.float32
    assert w.data.std() == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_index_dtypes(dtype):
    table = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(F.embedding(np.array([2, 0], dtype), table).data, table[[2, 0]])
    np.testing.assert_array_equal(F.embedding(Tensor(np.array([2, 0], dtype)), table).data, table[[2, 0]])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda e: e([0, 4]), IndexError, r"index 4 at position 1 is outside 0 \.\.\. 3"),
        (lambda e: e([[0, -1]]), IndexError, r"index -1 at position \(0, 1\) is outside"),
        (lambda e: e([0.0]), TypeError, "the indices must be integers, got dtype float64"),
        (lambda e: e([True]), TypeError, "got dtype bool"),
        (lambda e: F.embedding([0], np.ones(3)), ValueError, r"weight must be \(count, dim\), got shape \(3,\)"),
        (lambda e: F.embedding([0], np.ones((3, 2)), padding_idx=3), ValueError, "padding_idx 3 is outside"),
        (lambda e: nn.Embedding(3, 2, padding_idx=3), ValueError, "padding_idx 3 is outside a table of 3 rows"),
        (lambda e: nn.Embedding(3, 0), ValueError, "embedding_dim must be a whole number above 0"),
    ],
)
def test_embedding_bad_input(call, error, text):
    with pytest.raises(error, match=text) as e:
        call(nn.Embedding(4, 3, rng=0))
    assert "\n" not in str(e.value)
