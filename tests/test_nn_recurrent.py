"""Recurrent layers and cells: against PyTorch over all options, by hand, to second order, errors."""

import itertools

import nn_torch
import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor, nn

KINDS = ["RNN", "LSTM", "GRU"]
VARIANTS = [
    {},
    {"num_layers": 3},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"bias": False},
    {"batch_first": True},
]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_layers_as_in_pytorch(kind, options):
    torch = nn_torch.need_torch()
    x = np.random.default_rng(0).normal(size=(4, 5, 3))
    layer = getattr(nn, kind)(3, 2, **options, dtype=float, rng=0)
    nn_torch.assert_same_module(layer, getattr(torch.nn, kind)(3, 2, **options), [x])
    layer.zero_grad()
    alone = np.random.default_rng(0).normal(size=(4, 3))
    nn_torch.assert_same_module(layer, getattr(torch.nn, kind)(3, 2, **options), [alone])


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_given_first_states_as_in_pytorch(kind, options):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(1)
    n = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    batch = 4 if options.get("batch_first") else 5
    x, h, c = rng.normal(size=(4, 5, 3)), rng.normal(size=(n, batch, 2)), rng.normal(size=(n, batch, 2))
    layer = getattr(nn, kind)(3, 2, **options, dtype=float, rng=0)
    other = getattr(torch.nn, kind)(3, 2, **options).double()
    pairs = nn_torch.twins(layer, other)
    arrays = [x, h, c] if kind == "LSTM" else [x, h]
    xs = [Tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    state, torch_state = (tuple(xs[1:]), tuple(ts[1:])) if kind == "LSTM" else (xs[1], ts[1])
    nn_torch.compare(layer(xs[0], state), other(ts[0], torch_state), pairs + list(zip(xs, ts, strict=True)))


def test_relu_rnn_as_in_pytorch():
    torch = nn_torch.need_torch()
    x = np.random.default_rng(0).normal(size=(4, 5, 3))
    layer = nn.RNN(3, 2, 2, "relu", dtype=float, rng=0)
    nn_torch.assert_same_module(layer, torch.nn.RNN(3, 2, 2, "relu"), [x])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells_as_in_pytorch(kind, bias):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    layer = getattr(nn, kind)(3, 2, bias, dtype=float, rng=0)
    other = getattr(torch.nn, kind)(3, 2, bias)
    for shape in ((5, 3), (3,)):
        nn_torch.assert_same_module(layer, other, [rng.normal(size=shape)])
        layer.zero_grad(), other.zero_grad()
    h = rng.normal(size=(5, 2))
    state = (h, h + 1.0) if kind == "LSTMCell" else h
    torch_state = tuple(map(torch.tensor, state)) if kind == "LSTMCell" else torch.tensor(h)
    x = rng.normal(size=(5, 3))
    nn_torch.compare(layer(x, state), other(torch.tensor(x), torch_state), nn_torch.twins(layer, other))


def test_rnn_by_hand():
    layer = nn.RNN(1, 1, dtype=float)
    layer.load_state_dict({"weight_ih_l0": [[2.0]], "weight_hh_l0": [[0.5]], "bias_ih_l0": [0.1], "bias_hh_l0": [0.2]})
    y, h = layer([[[1.0]], [[-1.0]]])
    first = np.tanh(2.3)
    np.testing.assert_allclose(y.data.ravel(), [first, np.tanh(-1.7 + 0.5 * first)], rtol=1e-15)
    np.testing.assert_array_equal(h.data[0], y.data[-1])


def test_a_layer_is_its_cell_in_a_loop():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 4, 3))
    for kind in KINDS:
        layer = getattr(nn, kind)(3, 2, dtype=float, rng=0)
        cell = getattr(nn, kind + "Cell")(3, 2, dtype=float)
        cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
        state = None
        ys = []
        for step in x:
            state = cell(step, state)
            ys.append((state[0] if kind == "LSTM" else state).data)
        np.testing.assert_allclose(layer(x)[0].data, np.stack(ys), rtol=1e-13)


def test_second_order():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 2, 2))
    for kind in KINDS:
        layer = getattr(nn, kind)(2, 2, dtype=float, rng=1)
        tg.gradcheck(lambda x: layer(x)[0], x, order=2)  # noqa: B023

        def loss(wi, wh, bh, layer=layer):
            layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_hh_l0 = wi, wh, bh
            y, state = layer(x)
            return np.square(y).sum() + np.square(state[1] if isinstance(state, tuple) else state).sum()

        weights = [p.numpy() for k, p in layer.named_parameters() if not k.startswith("bias_ih")]
        tg.gradcheck(loss, *weights, order=2)


def test_long_sequences_stay_small():
    # One node for the sequence: time and memory grow with its length, not with its square.
    x = Tensor(np.random.default_rng(0).normal(size=(3000, 1, 2)), requires_grad=True)
    for kind in KINDS:
        y, _ = getattr(nn, kind)(2, 3, dtype=float, rng=0)(x)
        x.zero_grad()
        y.sum().backward()
        assert np.isfinite(x.grad).all()


def test_dropout_between_layers_only_in_training():
    x = np.random.default_rng(0).normal(size=(4, 5, 3))
    layer = nn.LSTM(3, 8, 2, dropout=0.5, dtype=float, rng=0)
    a, b = layer(x)[0].data, layer(x)[0].data
    assert not np.array_equal(a, b)
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].data, layer(x)[0].data)
    plain = nn.LSTM(3, 8, 2, dtype=float)
    plain.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(layer(x)[0].data, plain(x)[0].data)


def test_dtype_is_kept():
    x = np.ones((2, 3, 4), np.float32)
    for kind, bidirectional in itertools.product(KINDS, (False, True)):
        y, state = getattr(nn, kind)(4, 2, bidirectional=bidirectional, rng=0)(x)
        assert {v.dtype for v in nn_torch.leaves((y, state))} == {np.dtype(np.float32)}


def test_repr():
    assert repr(nn.LSTM(3, 4, 2, dropout=0.5)) == "LSTM(3, 4, num_layers=2, dropout=0.5)"
    assert repr(nn.GRUCell(3, 4, False)) == "GRUCell(3, 4, bias=False)"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nn.LSTM(3, 2)(np.ones((4, 5, 2))), r"LSTM: needs \(time, batch, 3\) or \(time, 3\), got \(4, 5, 2\)"),
        (lambda: nn.RNN(3, 2, batch_first=True)(np.ones(3)), r"needs \(batch, time, 3\)"),
        (lambda: nn.RNN(3, 2)(np.ones((0, 5, 3))), "at least one step"),
        (lambda: nn.GRU(3, 2)(np.ones((4, 5, 3)), np.ones((1, 4, 2))), r"must have shape \(1, 5, 2\), got \(1, 4, 2\)"),
        (lambda: nn.LSTM(3, 2)(np.ones((4, 5, 3)), [np.ones((1, 5, 2))]), r"state is a pair \(h, c\), got 1 parts"),
        (lambda: nn.RNN(3, 2, nonlinearity="sin"), "nonlinearity must be 'tanh' or 'relu'"),
        (lambda: nn.LSTM(3, 2, dropout=1.5), r"p must be a probability in 0 \.\.\. 1"),
        (lambda: nn.LSTM(3, 0), "hidden_size must be a whole number above 0"),
        (lambda: nn.LSTMCell(3, 2)(np.ones((5, 2))), r"needs \(batch, 3\) or \(3,\)"),
        (lambda: nn.GRUCell(3, 2)(np.ones((5, 3)), np.ones((4, 2))), r"needs 1 state\(s\) of shape \(5, 2\)"),
    ],
)
def test_bad_input(call, text):
    with pytest.raises(ValueError, match=text) as e:
        call()
    assert "\n" not in str(e.value)
