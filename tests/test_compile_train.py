"""Whole training steps under tg.compile: every optimizer, layers with state, what changes between calls, memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from threads import ONE_THREAD

import tinygrad_nn as tg
from tinygrad_nn import compile, nn, optim

F = nn.functional
ROOT = Path(__file__).resolve().parent.parent

OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "decay": lambda p: optim.SGD(p, lr=0.1, weight_decay=0.01),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "lion": lambda p: optim.Lion(p, lr=0.01),
    "groups": lambda p: optim.SGD([{"params": [q], "lr": 0.1 * (i + 1)} for i, q in enumerate(p)], lr=0.1),
}


def net(seed=0, state=False):
    rng = np.random.default_rng(seed)
    parts = [nn.Linear(4, 8, rng=rng)]
    if state:
        parts += [nn.BatchNorm1d(8), nn.Dropout(0.3, rng=np.random.default_rng(7))]
    return nn.Sequential(*parts, nn.ReLU(), nn.Linear(8, 3, rng=rng))


def batches(n, rows=7):
    rng = np.random.default_rng(1)
    return [(rng.normal(size=(rows, 4)).astype(np.float32), rng.integers(0, 3, rows)) for _ in range(n)]


def arrays_of(x):
    """Give all arrays and numbers in a state, in order."""
    if isinstance(x, dict):
        return [a for k in sorted(x, key=str) for a in arrays_of(x[k])]
    if isinstance(x, (list, tuple)):
        return [a for v in x for a in arrays_of(v)]
    return [np.array(x.data if isinstance(x, tg.Tensor) else x)]


def trained(make, compiled, state=False, change=None, accumulate=1):
    model = net(state=state)
    optimizer = make(model.parameters())

    def step(x, y, last):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        if last:
            tg.optim.clip_grad_value(model.parameters(), 0.05)
            optimizer.step()
            optimizer.zero_grad()
        return loss.detach()

    run = compile(step, exact=True) if compiled else step
    losses = []
    for i, (x, y) in enumerate(batches(9)):
        if change is not None:
            change(i, model, optimizer)
        losses.append(float(run(x, y, (i + 1) % accumulate == 0)))
    return arrays_of([losses, model.state_dict(), optimizer.state_dict()])


def same(a, b):
    assert len(a) == len(b)
    for p, q in zip(a, b, strict=True):
        assert (p.dtype, p.shape, p.tobytes()) == (q.dtype, q.shape, q.tobytes())


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_leaves_parameters_and_state_as_eager_code(name, accumulate):
    make = OPTIMIZERS[name]
    same(trained(make, False, accumulate=accumulate), trained(make, True, accumulate=accumulate))


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_batch_norm_and_dropout_in_a_step(name):
    same(trained(OPTIMIZERS[name], False, state=True), trained(OPTIMIZERS[name], True, state=True))


def rate(i, model, optimizer):
    optimizer.lr = 0.1 / (1 + i)


def mode(i, model, optimizer):
    model.train(i % 3 != 1)


def replaced(i, model, optimizer):
    if i == 3:
        model[0].weight.data = np.full((8, 4), 0.25, np.float32)
    if i == 5:
        model.load_state_dict({k: v * np.float32(0.5) for k, v in model.state_dict().items()})
    if i == 6:
        model[0].weight.data[0] = 1.0


def frozen(i, model, optimizer):
    model[0].bias.requires_grad = i < 4


@pytest.mark.parametrize("change", [rate, mode, replaced, frozen])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_what_changes_between_calls_is_seen(name, change):
    state = change is not frozen
    same(trained(OPTIMIZERS[name], False, state, change), trained(OPTIMIZERS[name], True, state, change))


def test_an_error_inside_leaves_nothing_behind():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @compile
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    (x, y), (x2, y2) = batches(2)
    step(x, y)
    before = arrays_of(model.state_dict())
    with pytest.raises((ValueError, IndexError), match=r"label|class"):
        step(x, y + 3)
    same(before, arrays_of(model.state_dict()))
    with pytest.raises(ValueError, match=r"\(7, 5\)"):
        step(np.ones((7, 5), np.float32), y)
    same(before, arrays_of(model.state_dict()))
    loss = F.cross_entropy(model(x2), y2).item()
    assert float(step(x2, y2)) == pytest.approx(loss, rel=1e-5)


def test_losses_of_earlier_calls_keep_their_values():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @compile
    def step(x, y):
        out = model(x)
        loss = F.cross_entropy(out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach(), out.detach()

    kept = []
    for x, y in batches(5):
        loss, out = step(x, y)
        kept.append((loss, out, float(loss), out.data.copy(), model[0].weight.grad, model[0].weight.grad.copy()))
    for loss, out, number, values, grad, copy in kept:
        assert float(loss) == number
        assert np.array_equal(out.data, values)
        assert np.array_equal(grad, copy)


def history(compiled, make, state=False, **options):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(70, 4)).astype(np.float32), rng.integers(0, 3, 70)
    model = net(state=state)
    found = tg.fit(
        model, "cross_entropy", (x, y), validation=(x[:20], y[:20]), epochs=3, batch_size=16, rng=0, progress=False,
        optimizer=make(model.parameters()), compile=compiled, **options,
    )  # fmt: skip
    return [found["loss"], found["accuracy"], found["val_loss"]], arrays_of(model.state_dict())


@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("options", [{}, {"accumulate": 3}, {"clip_norm": 0.3}], ids=str)
def test_fit_compiled_is_fit(options, state):
    plain, fast = (history(c, OPTIMIZERS["adam"], state, **options) for c in (False, True))
    np.testing.assert_allclose(fast[0], plain[0], rtol=1e-5)
    for a, b in zip(plain[1], fast[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_fit_compiled_checks_and_blames_as_fit_does():
    with pytest.raises(TypeError, match="compile takes True or False"):
        history("yes", OPTIMIZERS["sgd"])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 4)).astype(np.float32), rng.integers(0, 3, 64)
    x[40] = np.nan
    model = net()
    with pytest.raises(tg.NonFiniteLoss, match="the inputs of this batch hold"):
        tg.fit(model, "cross_entropy", (x, y), batch_size=16, shuffle=False, progress=False, compile=True, rng=0)


MEMORY = """
import sys, tracemalloc, numpy as np
rng = np.random.default_rng(0)
sizes, batch = (784, 512, 256, 10), 128
x, y = rng.normal(size=(batch, 784)).astype("f"), rng.integers(0, 10, batch)
weights = [rng.normal(0, 0.05, s).astype("f") for s in zip(sizes[1:], sizes)]
if sys.argv[1] == "numpy":
    biases = [np.zeros(len(w), "f") for w in weights]
    rows = np.arange(batch)
    def step():
        h, inputs = x, []
        for i, (w, b) in enumerate(zip(weights, biases)):
            inputs.append(h)
            h = h @ w.T + b
            if i < 2:
                h = np.maximum(h, 0)
        e = np.exp(h - h.max(axis=1, keepdims=True))
        g = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(g[rows, y]).mean()
        g[rows, y] -= 1
        g /= batch
        for i in reversed(range(3)):
            dw, db = g.T @ inputs[i], g.sum(axis=0)
            if i:
                g = (g @ weights[i]) * (inputs[i] > 0)
            weights[i] -= 0.1 * dw
            biases[i] -= 0.1 * db
        return loss
else:
    import tinygrad_nn as tg
    layers = [tg.nn.Linear(i, o) for i, o in zip(sizes, sizes[1:])]
    for l, w in zip(layers, weights):
        l.weight.data = w
    model = tg.nn.Sequential(layers[0], tg.nn.ReLU(), layers[1], tg.nn.ReLU(), layers[2])
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    def step(x=x, y=y):
        loss = tg.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()
    step = tg.compile(step) if sys.argv[1] == "compiled" else step
tracemalloc.start()
for _ in range(200):
    step()
print(tracemalloc.get_traced_memory()[1])
"""


def test_peak_memory_of_training_is_that_of_numpy_by_hand():
    path = {"PYTHONPATH": str(ROOT), **ONE_THREAD}
    command = [sys.executable, "-c", MEMORY]
    runs = [
        subprocess.run([*command, k], env=path, capture_output=True, text=True, timeout=120)
        for k in ("numpy", "compiled", "eager")
    ]
    assert not any(r.returncode for r in runs), runs[1].stderr
    numpy, compiled, eager = (int(r.stdout) for r in runs)
    # The first call, which records, included.
    assert compiled <= 1.2 * numpy
    assert eager <= 1.2 * numpy
