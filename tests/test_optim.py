"""Optimizers: ten steps against PyTorch and against their formulas, written once more and plainly."""

import math
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from tinygrad_nn import Tensor, optim

SHAPES = [(3, 4), (5,), (), (2, 1, 3), (0, 2)]


def starts(rng=0):
    generator = np.random.default_rng(rng)
    return [generator.standard_normal(shape) for shape in SHAPES]


def gradient(p, t):
    """A gradient that depends on the parameter and on the step, of both signs and several sizes."""
    return np.sin(3.0 * p + t) * 10.0 ** (t % 3 - 1) + 0.1 * p


# One entry for each branch of each formula.
OPTIONS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.3}),  # C154: weight decay with momentum 0
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.1, "betas": (0.7, 0.9), "weight_decay": 0.1, "momentum_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "centered": True}),
    ("RMSprop", {"lr": 0.1, "centered": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.3, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.1}),
]
LION = [("Lion", {}), ("Lion", {"lr": 0.01, "betas": (0.5, 0.8), "weight_decay": 0.3})]
ids = [f"{name}-{'-'.join(options) or 'defaults'}" for name, options in OPTIONS + LION]


def run(name, options, steps=10, dtype=np.float64):
    params = [Tensor(a.astype(dtype), requires_grad=True) for a in starts()]
    optimizer = getattr(optim, name)(params, **options)
    for t in range(steps):
        for p in params:
            p.grad = gradient(p.data, t)
        optimizer.step()
    return [p.data for p in params]


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=ids[: len(OPTIONS)])
def test_ten_steps_as_in_torch(name, options):
    torch = pytest.importorskip("torch")
    params = [torch.nn.Parameter(torch.tensor(a)) for a in starts()]
    optimizer = getattr(torch.optim, name)(params, **options)
    for t in range(10):
        for p in params:
            p.grad = torch.tensor(gradient(p.detach().numpy(), t))
        optimizer.step()
    tolerance, near_zero = (1e-6, 1e-8) if name == "NAdam" else (1e-9, 0)  # PyTorch keeps its product of mu in float32
    for ours, theirs in zip(run(name, options), params, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=tolerance, atol=near_zero)


def moment(old, share, new):
    return share * old + (1 - share) * new


def sgd(p, g, s, t, lr, momentum=0.0, nesterov=False, weight_decay=0.0, dampening=0.0):
    g = g + weight_decay * p
    s["b"] = g if t == 1 else momentum * s["b"] + (1 - dampening) * g
    return p - lr * (g + momentum * s["b"] if nesterov else s["b"] if momentum else g)


def adam(p, g, s, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False):
    g = g + weight_decay * p
    s["m"] = moment(s.get("m", 0), betas[0], g)
    s["v"] = moment(s.get("v", 0), betas[1], g**2)
    s["top"] = np.maximum(s.get("top", 0), s["v"])
    v = s["top"] if amsgrad else s["v"]
    return p - lr * (s["m"] / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)


def adamw(p, g, s, t, lr=1e-3, weight_decay=1e-2, **options):
    return adam(p, g, s, t, lr, **options) - lr * weight_decay * p


def nadam(
    p, g, s, t, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3,
    decoupled_weight_decay=False,
):  # fmt: skip
    shrunk = p - lr * weight_decay * p if decoupled_weight_decay else p
    g = g if decoupled_weight_decay else g + weight_decay * p
    mu = [betas[0] * (1 - 0.5 * 0.96 ** (i * momentum_decay)) for i in range(1, t + 2)]
    s["m"] = moment(s.get("m", 0), betas[0], g)
    s["v"] = moment(s.get("v", 0), betas[1], g**2)
    m = mu[t] * s["m"] / (1 - math.prod(mu)) + (1 - mu[t - 1]) * g / (1 - math.prod(mu[:t]))
    return shrunk - lr * m / (np.sqrt(s["v"] / (1 - betas[1] ** t)) + eps)


def rmsprop(p, g, s, t, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    g = g + weight_decay * p
    s["v"] = moment(s.get("v", 0), alpha, g**2)
    s["m"] = moment(s.get("m", 0), alpha, g)
    d = g / (np.sqrt(s["v"] - s["m"] ** 2 if centered else s["v"]) + eps)
    s["b"] = momentum * s.get("b", 0) + d
    return p - lr * s["b"]


def adagrad(p, g, s, t, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10):
    g = g + weight_decay * p
    s["sum"] = s.get("sum", initial_accumulator_value) + g**2
    return p - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s["sum"]) + eps)


def adadelta(p, g, s, t, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0):
    g = g + weight_decay * p
    s["v"] = moment(s.get("v", 0), rho, g**2)
    d = np.sqrt(s.get("u", 0) + eps) / np.sqrt(s["v"] + eps) * g
    s["u"] = moment(s.get("u", 0), rho, d**2)
    return p - lr * d


def lion(p, g, s, t, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
    direction = np.sign(moment(s.get("m", 0), betas[0], g))
    s["m"] = moment(s.get("m", 0), betas[1], g)
    return p - lr * (direction + weight_decay * p)


@pytest.mark.parametrize(("name", "options"), OPTIONS + LION, ids=ids)
def test_maximize_is_a_step_with_the_other_sign(name, options):
    climber, mirror = ([Tensor(a, requires_grad=True) for a in starts()] for _ in range(2))
    up = getattr(optim, name)([{"params": climber, "maximize": True}], **options)
    down = getattr(optim, name)(mirror, **options)
    for t in range(4):
        for p, q in zip(climber, mirror, strict=True):
            p.grad = gradient(p.data, t)
            q.grad = -gradient(q.data, t)
            kept = p.grad.copy()
        up.step()
        down.step()
        assert p.grad.tobytes() == kept.tobytes()  # only read
    for p, q, a in zip(climber, mirror, starts(), strict=True):
        assert p.numpy().tobytes() == q.numpy().tobytes()
        assert a.size == 0 or p.numpy().tobytes() != a.tobytes()
    assert "maximize=True" in repr(up)
    assert "maximize" not in repr(down)
    old = up.state_dict()
    del old["param_groups"][0]["maximize"]  # a state saved before there was the option
    up.load_state_dict(old)
    assert up.param_groups[0]["maximize"] is False


@pytest.mark.parametrize(("name", "options"), OPTIONS + LION, ids=ids)
def test_ten_steps_of_the_formula(name, options):
    formula = globals()[name.lower()]
    for ours, p in zip(run(name, options), starts(), strict=True):
        state = {}
        for t in range(10):
            p = formula(p, gradient(p, t), state, t + 1, **options)
        np.testing.assert_allclose(ours, p, rtol=1e-9)


@pytest.mark.parametrize(("name", "options"), OPTIONS + LION, ids=ids)
def test_float32_stays_float32_and_close(name, options):
    for single, double in zip(run(name, options, 5, np.float32), run(name, options, 5), strict=True):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(("name", "options"), OPTIONS + LION, ids=ids)
def test_blocks_change_nothing(name, options, monkeypatch):
    """A large parameter is updated block by block along its longest axis: the same bits as in one piece."""
    whole = run(name, options, 3)
    monkeypatch.setattr("tinygrad_nn.optim.optimizer.BLOCK", 4)
    for a, b in zip(whole, run(name, options, 3), strict=True):
        assert a.tobytes() == b.tobytes()


def test_blocks_of_a_large_parameter():
    rng = np.random.default_rng(0)
    for shape in [(100_001,), (3, 50_000), (300, 301), (40_000, 2, 2), (1, 70_000, 1)]:
        start, g = rng.standard_normal((2, *shape))
        p = Tensor(start, requires_grad=True)
        p.grad = np.asfortranarray(g)
        optim.SGD([p], lr=0.5).step()
        np.testing.assert_array_equal(p.data, start - 0.5 * g)


@pytest.mark.parametrize(("name", "options"), OPTIONS + LION, ids=ids)
def test_state_saved_and_restored_goes_on_with_the_same_bits(name, options):
    def steps(optimizer, params, begin, end):
        for t in range(begin, end):
            for p in params:
                p.grad = gradient(p.data, t)
            optimizer.step()

    params = [Tensor(a, requires_grad=True) for a in starts()]
    optimizer = getattr(optim, name)(params, **options)
    steps(optimizer, params, 0, 4)
    state = optimizer.state_dict()
    copies = [Tensor(p.data, requires_grad=True) for p in params]
    steps(optimizer, params, 4, 8)
    lr = optimizer.lr
    other = getattr(optim, name)(copies, **{**options, "lr": 0.7})
    other.load_state_dict(state)
    assert other.lr == lr
    steps(other, copies, 4, 8)
    for p, q in zip(params, copies, strict=True):
        assert p.data.tobytes() == q.data.tobytes()


def test_a_saved_state_is_a_copy():
    p = Tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.1, momentum=0.9)
    p.grad = [1.0, 1.0]
    optimizer.step()
    state = optimizer.state_dict()
    before = state["state"][0]["momentum"].copy()
    optimizer.step()
    np.testing.assert_array_equal(state["state"][0]["momentum"], before)
    optimizer.load_state_dict(state)
    optimizer.step()
    np.testing.assert_array_equal(state["state"][0]["momentum"], before)


def test_groups_have_options_of_their_own():
    a, b, c = (Tensor([1.0], requires_grad=True) for _ in range(3))
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5, "momentum": 0.9}], lr=0.1)
    optimizer.add_param_group({"params": [c], "lr": 0.0})
    for _ in range(2):
        for p in (a, b, c):
            p.grad = [1.0]
        optimizer.step()
    np.testing.assert_allclose([a.data, b.data, c.data], [[0.8], [1.0 - 0.5 - 0.95], [1.0]], rtol=1e-12)
    assert [g["momentum"] for g in optimizer.param_groups] == [0.0, 0.9, 0.0]
    assert "3 parameters in 3 groups" in repr(optimizer)


def test_the_rate_is_that_of_the_first_group():
    a, b = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
    assert optimizer.lr == 0.1
    optimizer.lr = 0.2
    assert [g["lr"] for g in optimizer.param_groups] == [0.2, 0.5]
    a.grad = [1.0]
    optimizer.step()
    assert a.item() == 0.8


def test_options_may_change_between_steps():
    p = Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.1)
    p.grad = [1.0]
    optimizer.step()
    optimizer.param_groups[0].update(momentum=0.5, lr=1.0)
    optimizer.step()  # the first with momentum: b = g
    optimizer.step()  # b = 1.5
    np.testing.assert_allclose(p.data, [1.0 - 0.1 - 1.0 - 1.5], rtol=1e-12)


def test_zero_grad_forgets_and_no_gradient_is_left_out():
    a, b = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = optim.Adam([a, b], weight_decay=1.0)
    a.grad = [1.0]
    optimizer.step()
    assert b.item() == 1.0
    assert a.item() != 1.0
    optimizer.zero_grad()
    assert a.grad is None
    before = a.item()
    optimizer.step()
    assert a.item() == before
    assert list(optimizer.state_dict()["state"]) == [0]


def test_closure_is_called_first():
    p = Tensor([1.0], requires_grad=True)

    def closure():
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optim.SGD([p], lr=0.25).step(closure).item() == 1.0
    assert p.item() == 0.5


def test_a_held_graph_keeps_the_values_that_it_was_recorded_with():
    p = Tensor([3.0], requires_grad=True)
    y = (p * p).sum()
    p.grad = [1.0]
    optim.SGD([p], lr=1.0).step()
    assert p.item() == 2.0
    p.grad = None
    y.backward()
    assert p.grad.tolist() == [6.0]


def test_writing_is_in_place():
    p = Tensor(np.zeros(5), requires_grad=True)
    held = p.data
    p.grad = np.ones(5)
    optim.SGD([p], lr=1.0).step()
    assert held.tolist() == [-1.0] * 5


def test_C41_weight_decay_once_where_gradients_alias():
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.SGD([a, b], lr=0.1, weight_decay=0.5)
    (a + b).sum().backward()
    optimizer.step()
    for p in (a, b):
        np.testing.assert_allclose(p.data, np.array([1.0, 2.0]) - 0.1 * (1 + 0.5 * np.array([1.0, 2.0])), rtol=1e-12)
    shared = np.ones(2)
    before = a.data.copy()
    a.grad = b.grad = shared
    optimizer.step()
    np.testing.assert_allclose(a.data, before - 0.1 * (1 + 0.5 * before), rtol=1e-12)
    assert shared.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "NAdam", "RMSprop", "Adagrad", "Adadelta", "Lion"])
def test_C151_rate_zero_leaves_every_bit(name):
    start = np.array([-0.0, 0.0, np.nan, np.inf, 1.0])
    p = Tensor(start, requires_grad=True)
    optimizer = getattr(optim, name)([p], lr=0.0, weight_decay=0.1)
    for _ in range(2):
        p.grad = np.array([1.0, -1.0, 1.0, np.inf, np.nan])
        with np.errstate(all="ignore"):
            optimizer.step()
    assert p.data.tobytes() == start.tobytes()
    assert optim.SGD([p], lr=0).lr == 0.0


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "NAdam", "RMSprop", "Adagrad", "Adadelta", "Lion"])
def test_nan_gradients_are_kept(name):
    p = Tensor([1.0, 1.0], requires_grad=True)
    p.grad = [np.nan, 1.0]
    getattr(optim, name)([p], lr=0.1).step()
    assert np.isnan(p.data).tolist() == [True, False]


def test_constant_gradients_centered_stay_finite():
    """The variance of equal numbers rounds to below 0; PyTorch gives NaN there."""
    p = Tensor(np.ones(50, np.float32), requires_grad=True)
    optimizer = optim.RMSprop([p], lr=1e-3, centered=True, alpha=0.5)
    for _ in range(60):
        p.grad = np.full(50, 0.1, np.float32)
        optimizer.step()
    assert np.isfinite(p.data).all()


def test_a_parameter_that_changed_its_dtype_takes_its_state_along():
    p = Tensor(np.ones(3, np.float32), requires_grad=True)
    optimizer = optim.Adam([p])
    p.grad = np.ones(3)
    optimizer.step()
    p._data = p._own().astype(np.float64)  # as Module.astype does
    p.grad = np.ones(3)
    optimizer.step()
    assert p.dtype == np.float64
    assert optimizer.state_dict()["state"][0]["m"].dtype == np.float64


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_step_needs_no_large_temporaries(name):
    p = Tensor(np.zeros((1000, 1000), np.float32), requires_grad=True)
    optimizer = getattr(optim, name)([p], lr=0.1)
    p.grad = np.ones((1000, 1000), np.float32)
    optimizer.step()
    tracemalloc.start()
    try:
        optimizer.step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000  # the parameter has 4 MB


def test_C162_weights_and_norms_do_not_depend_on_the_hash_seed():
    code = """
import numpy as np, tinygrad_nn as tg
from tinygrad_nn import nn, optim
rng = np.random.default_rng(0)
model = nn.Sequential(*[nn.Linear(5, 5, rng=rng) for _ in range(6)])
x, y = rng.standard_normal((40, 5)).astype(np.float32), rng.integers(0, 5, 40)
norms = []
for optimizer in (optim.SGD(model.parameters(), 0.1, 0.9), optim.Adam(model.parameters())):
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        norms.append(optim.clip_grad_norm(model.parameters(), 0.1).hex())
        optimizer.step()
print(norms, b"".join(a.tobytes() for a in model.state_dict().values()).hex())
"""
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(runs) == 1


def test_C162_order_of_parameters_is_that_given():
    params = [Tensor([float(i)], requires_grad=True) for i in range(20)]
    optimizer = optim.SGD(iter(params), lr=0.1)
    assert [id(p) for p in optimizer.param_groups[0]["params"]] == [id(p) for p in params]


def test_steps_leave_no_references_to_gradients():
    p = Tensor(np.zeros(3), requires_grad=True)
    optimizer = optim.Adam([p])
    g = np.ones(3)
    count = sys.getrefcount(g)
    p._grad = g
    optimizer.step()
    optimizer.zero_grad()
    assert sys.getrefcount(g) == count


def test_lbfgs_finds_the_minimum_of_rosenbrock():
    w = Tensor([-1.2, 1.0], requires_grad=True)
    optimizer = optim.LBFGS([w])

    def closure():
        optimizer.zero_grad()
        loss = (1.0 - w[0]) ** 2 + 100.0 * (w[1] - w[0] ** 2) ** 2
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == pytest.approx(24.2)
    np.testing.assert_allclose(w.data, [1.0, 1.0], rtol=1e-4)
    assert optimizer.result.fun < 1e-8


def test_lbfgs_several_parameters_of_other_dtypes():
    a = Tensor(np.zeros((2, 3), np.float32), requires_grad=True)
    b = Tensor(0.0, requires_grad=True)
    target = np.arange(6.0).reshape(2, 3)
    optimizer = optim.LBFGS([a, b])

    def closure():
        optimizer.zero_grad()
        loss = ((a - target) ** 2).sum() + (b - 7.0) ** 2
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(a.data, target, atol=1e-3)
    assert a.dtype == np.float32
    assert b.item() == pytest.approx(7.0, abs=1e-3)


def test_lbfgs_that_fails_leaves_the_parameters():
    w = Tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.LBFGS([w])
    calls = []

    def closure():
        calls.append(w.data.copy())
        if len(calls) == 3:
            raise KeyError("user")
        optimizer.zero_grad()
        loss = ((w - 5.0) ** 4).sum()
        loss.backward()
        return loss

    with pytest.raises(KeyError, match="user"):
        optimizer.step(closure)
    assert w.data.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="no gradient"):
        optimizer.step(lambda: optimizer.zero_grad() or Tensor(1.0))
    with pytest.raises(TypeError, match="closure"):
        optimizer.step()
    with pytest.raises(ValueError, match="one group"):
        optimizer.add_param_group({"params": [Tensor([1.0], requires_grad=True)]})
    with pytest.raises(ValueError, match="one group"):
        optim.LBFGS([{"params": [w]}, {"params": [Tensor([1.0], requires_grad=True)]}])


def test_C154_weight_decay_with_momentum_0():
    w = Tensor([1.0, -2.0], requires_grad=True)
    w.grad = np.array([0.5, 0.5])
    optim.SGD([w], lr=0.1, momentum=0.0, weight_decay=0.3).step()
    np.testing.assert_allclose(w.data, [1.0 - 0.1 * (0.5 + 0.3), -2.0 - 0.1 * (0.5 - 0.6)], rtol=1e-15)
