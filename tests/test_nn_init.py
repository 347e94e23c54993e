"""Initialisers: their distributions' moments and bounds, PyTorch's gains, orthogonality, generators, errors."""

import math

import nn_torch
import numpy as np
import pytest

from tinygrad_nn import Parameter, Tensor, nn
from tinygrad_nn.nn import init

SHAPE = (400, 300)
DENSE = [  # name, options, standard deviation, bound (None: not bounded)
    ("uniform_", {"low": -2.0, "high": 2.0}, 4 / math.sqrt(12), 2.0),
    ("normal_", {"std": 0.1}, 0.1, None),
    ("xavier_uniform_", {}, math.sqrt(2 / 700), math.sqrt(6 / 700)),
    ("xavier_normal_", {"gain": 2.0}, 2 * math.sqrt(2 / 700), None),
    ("glorot_uniform_", {"gain": 2.0}, 2 * math.sqrt(2 / 700), 2 * math.sqrt(6 / 700)),
    ("kaiming_uniform_", {"nonlinearity": "relu"}, math.sqrt(2 / 300), math.sqrt(6 / 300)),
    ("kaiming_uniform_", {"a": math.sqrt(5)}, 1 / math.sqrt(900), 1 / math.sqrt(300)),
    ("he_normal_", {"mode": "fan_out", "nonlinearity": "relu"}, math.sqrt(2 / 400), None),
    ("lecun_uniform_", {}, 1 / math.sqrt(300), math.sqrt(3 / 300)),
    ("lecun_normal_", {}, 1 / math.sqrt(300), None),
    ("trunc_normal_", {"std": 0.5, "low": -1.0, "high": 1.0}, 0.5 * 0.8796, 1.0),
]


@pytest.mark.parametrize(("name", "options", "std", "bound"), DENSE)
def test_moments_and_bounds(name, options, std, bound):
    w = Parameter(np.zeros(SHAPE, np.float32))
    assert getattr(init, name)(w, **options, rng=0) is w
    assert w.data.std() == pytest.approx(std, rel=0.01)
    assert w.data.mean() == pytest.approx(0.0, abs=0.02 * std)
    assert w.dtype == np.float32
    if bound is not None:
        assert 0.99 * bound < np.abs(w.data).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("name", sorted({n for n, *_ in DENSE} | {"orthogonal_"}))
def test_rng(name):
    f = getattr(init, name)
    a, b = np.zeros((4, 3)), np.zeros((4, 3))
    np.testing.assert_array_equal(f(a, rng=5), f(b, rng=5))
    rng = np.random.default_rng(5)
    np.testing.assert_array_equal(f(b, rng=rng), a)
    assert not np.array_equal(f(b, rng=rng), a)
    assert not np.array_equal(f(a).copy(), f(b))
    with pytest.raises(TypeError, match="rng takes a numpy Generator"):
        f(a, rng=0.5)


def test_convolutions_count_their_field():
    assert init.fans((16, 3, 5, 5)) == (75, 400)
    w = np.zeros((64, 32, 3, 3))
    assert init.kaiming_normal_(w, nonlinearity="relu", rng=0).std() == pytest.approx(math.sqrt(2 / 288), rel=0.02)


def test_gains_are_pytorchs():
    torch = nn_torch.need_torch()
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "selu", "leaky_relu"):
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)
    with pytest.raises(ValueError, match="nonlinearity 'sine' is unknown; use one of"):
        init.calculate_gain("sine")


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (4, 3, 2, 2)])
def test_orthogonal(shape):
    w = init.orthogonal_(np.zeros(shape), gain=2.0, rng=0).reshape(shape[0], -1)
    square = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(square, 4 * np.eye(len(square)), atol=1e-12)


def test_orthogonal_is_uniform_in_sign():
    signs = [np.sign(init.orthogonal_(np.zeros((2, 2)), rng=i)[0, 0]) for i in range(200)]
    assert abs(np.mean(signs)) < 0.25


def test_constants():
    w = Tensor(np.ones((2, 3)), requires_grad=True)
    assert (init.zeros_(w).data == 0).all()
    assert (init.ones_(w).data == 1).all()
    assert (init.constant_(w, 7.0).data == 7).all()
    np.testing.assert_array_equal(init.eye_(w).data, np.eye(2, 3))


def test_a_recorded_graph_keeps_its_values():
    w = Parameter(np.full(3, 2.0))
    x = Tensor(np.ones(3), requires_grad=True)
    y = (w * x).sum()
    init.zeros_(w)
    y.backward()
    np.testing.assert_array_equal(x.grad, 2.0)


def test_the_articles_initialisation():
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 6))
    rng = np.random.default_rng(2)
    for layer in net:
        if isinstance(layer, nn.Linear):
            init.normal_(layer.weight, std=0.1, rng=rng)
            init.zeros_(layer.bias)
    again = np.random.default_rng(2)
    np.testing.assert_allclose(net[0].weight.data, again.normal(size=(4, 2)) * 0.1, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: init.xavier_uniform_(np.zeros(3)),
            ValueError,
            r"xavier_uniform_: needs a weight of at least two axes",
        ),
        (lambda: init.orthogonal_(np.zeros(3)), ValueError, "orthogonal_: needs a weight of at least two axes"),
        (lambda: init.kaiming_normal_(np.zeros((2, 2)), mode="fan"), ValueError, "mode must be 'fan_in' or 'fan_out'"),
        (lambda: init.truncated_normal_(np.zeros(2), low=2.0, high=1.0), ValueError, "needs low < high"),
        (lambda: init.truncated_normal_(np.zeros(2), low=50.0, high=51.0), ValueError, "within 5 std of the mean"),
        (lambda: init.eye_(np.zeros(3)), ValueError, "eye_: needs a matrix"),
        (lambda: init.zeros_([1.0]), TypeError, "zeros_: takes a parameter or an array to write to, got list"),
        (lambda: init.zeros_(Parameter([1.0]) * 2.0), TypeError, "got the result of multiply"),
    ],
)
def test_bad_input(call, error, text):
    with pytest.raises(error, match=text):
        call()
