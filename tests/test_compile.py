"""compile: the same bits as eager code in every form of use, nothing frozen that may change, nothing shared."""

import itertools
import sys
import threading

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.compile import TraceError, compile

F = tg.nn.functional


def bits(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def net(seed=0, sizes=(2, 5, 3)):
    rng = np.random.default_rng(seed)
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [tg.nn.Linear(a, b, rng=rng), tg.nn.Tanh()]
    return tg.nn.Sequential(*layers[:-1])


def batches(n=4, rows=7, seed=1):
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(rows, 2)).astype(np.float32), rng.integers(0, 3, rows)) for _ in range(n)]


# -- functions ------------------------------------------------------------------------------------------------------


def test_arrays_in_arrays_out_and_tensors_in_tensors_out():
    f = compile(lambda x: np.tanh(x) * 2.0)
    x = np.array([1.0, 2.0])
    assert type(f(x)) is np.ndarray
    assert bits(f(x), np.tanh(x) * 2.0)
    assert isinstance(f(tg.Tensor(x)), tg.Tensor)
    total = compile(lambda x: x.sum())
    assert type(total(x)) is np.float64


def test_containers_keywords_and_fixed_arguments():
    @compile
    def f(params, *, scale, name="n", flag=None):
        assert name == "n"
        return {"w": params["w"] * scale, "pair": (params["b"][0], 3, None, "text")}

    out = f({"w": np.ones(2), "b": [np.zeros(3)]}, scale=2.0)
    assert out["w"].tolist() == [2.0, 2.0]
    assert out["pair"][1:] == (3, None, "text")
    assert f({"w": np.ones(2), "b": [np.zeros(3)]}, scale=3.0)["w"].tolist() == [3.0, 3.0]


def test_backward_through_a_compiled_function():
    w = tg.Tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True, name="w")
    b = tg.Tensor([0.1, 0.2], requires_grad=True)

    def f(x):
        return np.tanh(x @ w + b).sum()

    g = compile(f, exact=True)
    for _ in range(3):
        x = tg.Tensor(np.random.default_rng(0).normal(size=(3, 2)), requires_grad=True)
        z = tg.Tensor(x.data, requires_grad=True)
        f(x).backward()
        mine = [x.grad, w.grad, b.grad]
        w.grad = b.grad = None
        y = g(z)
        assert y.requires_grad
        y.backward()
        for a, c in zip(mine, [z.grad, w.grad, b.grad], strict=True):
            assert bits(a, c)
        w.grad = b.grad = None
        w.data -= 0.1


def test_several_results_and_any_cotangent():
    def f(x):
        return np.sin(x), {"s": (x * x).sum()}, np.array(3.0)

    g = compile(f)
    x, z = (tg.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    for h, t in ((f, x), (g, z)):
        a, d, c = h(t)
        assert float(c) == 3.0
        (a * np.array([1.0, 3.0])).sum().backward(retain_graph=True)
        d["s"].backward()
    np.testing.assert_allclose(x.grad, z.grad, rtol=1e-15)


def test_any_order():
    f = compile(lambda x: (x**3).sum())
    assert tg.grad(tg.grad(f))(2.0) == 12.0
    assert tg.grad(tg.grad(tg.grad(f)))(2.0) == 6.0
    assert tg.hessian(f)(np.array([1.0, 2.0])).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert tg.jvp(f, (2.0,), (1.0,))[1] == 12.0
    x = tg.Tensor(2.0, requires_grad=True)
    (d,) = tg.gradients(f(x), [x], create_graph=True)
    d.backward()
    assert x.grad == 12.0


@pytest.mark.parametrize(
    "transform",
    [
        tg.grad,
        tg.value_and_grad,
        tg.hessian,
        tg.jacobian,
        lambda f: lambda x: tg.hvp(f)(x, x),
        lambda f: tg.grad(lambda x: (tg.grad(f)(x) ** 2).sum()),
        lambda f: lambda x: tg.jvp(f, x, x),
        lambda f: lambda x: tg.vjp(f, x)[1](np.float64(2.0)),
    ],
)
def test_compiled_transforms(transform):
    def f(x):
        return (np.sin(x) * np.exp(-x * x)).sum() + np.logaddexp(x[0], x[1])

    x = np.array([0.3, -1.2, 2.0])
    want = transform(f)(x)
    compiled = compile(transform(f), exact=True)
    for _ in range(2):
        got = compiled(x)
        for a, b in zip(*[tg.tree.flatten(v)[0] for v in (want, got)], strict=True):
            assert bits(a, b)
            assert type(a) is type(b)


def test_value_and_grad_of_compiled_is_exact():
    def f(w, x):
        return F.cross_entropy(x @ w, np.array([0, 1, 1]))

    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(4, 2)), rng.normal(size=(3, 4))
    v, g = tg.value_and_grad(compile(f, exact=True))(w, x)
    v2, g2 = tg.value_and_grad(f)(w, x)
    assert bits(v, v2)
    assert bits(g, g2)


# -- training steps -----------------------------------------------------------------------------------------------


OPTIMIZERS = {
    "sgd": lambda p: tg.optim.SGD(p, lr=0.1),
    "momentum": lambda p: tg.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: tg.optim.Adam(p, lr=0.1),
    "rmsprop": lambda p: tg.optim.RMSprop(p, lr=0.1),
}


def train(make, compiled, extra=None, steps=5):
    model = net()
    optimizer = make(model.parameters())
    schedule = tg.optim.schedules.StepLR(optimizer, 2)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        norm = tg.optim.clip_grad_norm(model.parameters(), 0.5) if extra == "clip" else 0.0
        optimizer.step()
        if extra == "schedule":
            schedule.step()
        return loss, norm

    run = compile(step, exact=True) if compiled else step
    out = [run(x, y) for x, y in batches(steps)]
    if compiled:
        assert run._recordings == 1
    state = str(optimizer.state_dict())
    numbers = [float(v) for pair in out for v in pair]
    return numbers, [p.data.copy() for p in model.parameters()], [p.grad.copy() for p in model.parameters()], state


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("extra", [None, "clip", "schedule"])
def test_training_step_leaves_what_eager_leaves(name, extra):
    eager, compiled = train(OPTIMIZERS[name], False, extra), train(OPTIMIZERS[name], True, extra)
    assert eager[0] == compiled[0]
    for a, b in zip(eager[1] + eager[2], compiled[1] + compiled[2], strict=True):
        assert bits(a, b)
    assert eager[3] == compiled[3]


def test_gradients_accumulate_without_zero_grad():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)

    def step(x):
        loss = (w * x).sum()
        loss.backward()
        return loss

    run = compile(step)
    for i in range(4):
        run(np.array([1.0, 10.0]))
        assert w.grad.tolist() == [i + 1.0, 10.0 * (i + 1)]
    assert run._recordings <= 2
    w.grad = None
    run(np.array([1.0, 10.0]))
    assert w.grad.tolist() == [1.0, 10.0]


def test_update_written_by_hand():
    def make(compiled):
        w = tg.Tensor([1.0, -2.0], requires_grad=True)

        def step(x):
            nonlocal w
            w.zero_grad()
            loss = (np.tanh(w * x) ** 2).sum()
            loss.backward()
            with tg.no_grad():
                w -= w.grad * 0.1
            return loss

        run = compile(step, exact=True) if compiled else step
        losses = [float(run(np.array([0.5, 1.5]))) for _ in range(4)]
        return losses, w.data.copy()

    eager, compiled = make(False), make(True)
    assert eager[0] == compiled[0]
    assert bits(eager[1], compiled[1])


def test_two_backward_passes_in_one_step():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)

    @compile
    def step(x):
        w.zero_grad()
        (w * x).sum().backward()
        (w * w).sum().backward()

    for _ in range(3):
        step(np.array([1.0, 1.0]))
        assert w.grad.tolist() == [3.0, 5.0]


def test_backward_twice_over_a_freed_graph_is_an_error():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)

    def step(x):
        loss = (w * w * x).sum()
        loss.backward()
        loss.backward()

    with pytest.raises(tg.GraphFreedError):
        compile(step)(np.ones(2))
    assert w.grad is None


# -- what may change ------------------------------------------------------------------------------------------------


def test_closed_over_arrays_are_read_live():
    a = np.array([1.0, 2.0])
    f = compile(lambda x: x * a)
    assert f(np.ones(2)).tolist() == [1.0, 2.0]
    a[:] = 5.0
    assert f(np.ones(2)).tolist() == [5.0, 5.0]
    t = tg.Tensor([1.0, 1.0])
    g = compile(lambda x: x * t)
    g(np.ones(2))
    t.data[:] = 7.0
    assert g(np.ones(2)).tolist() == [7.0, 7.0]


def test_array_made_from_a_closed_over_array_is_seen_or_recorded_anew():
    a = np.array([1.0, 2.0])
    f = compile(lambda x: x * (a * 2.0))
    assert f(np.ones(2)).tolist() == [2.0, 4.0]
    assert f(np.ones(2)).tolist() == [2.0, 4.0]
    a[:] = 5.0
    assert f(np.ones(2)).tolist() == [10.0, 10.0]
    g = compile(lambda x: x * tg.Tensor(a))
    g(np.ones(2))
    a[:] = 3.0
    assert g(np.ones(2)).tolist() == [3.0, 3.0]


SCALE = 2.0


def test_rebinding_is_seen(monkeypatch):
    scale = 2.0
    f = compile(lambda x: x * scale * SCALE)
    assert f(np.ones(1)).tolist() == [4.0]
    scale = 3.0
    assert f(np.ones(1)).tolist() == [6.0]
    monkeypatch.setitem(globals(), "SCALE", 10.0)
    assert f(np.ones(1)).tolist() == [30.0]
    model = net()
    h = compile(lambda x: model(x))
    x = np.ones((1, 2), np.float32)
    assert bits(h(x).data, model(x).data)
    model[0].weight = tg.Parameter(np.zeros((5, 2), np.float32))
    assert bits(h(x).data, model(x).data)
    model[0].weight.requires_grad = False
    h(x).sum().backward()
    assert model[0].weight.grad is None
    settings = {"k": 1.0, "inner": [2.0]}
    k = compile(lambda x: x * settings["k"] * settings["inner"][0])
    assert k(np.ones(1)).tolist() == [2.0]
    settings["inner"][0] = 5.0
    assert k(np.ones(1)).tolist() == [5.0]


def test_a_helper_function_and_its_globals_are_guarded():
    factor = 2.0

    def helper(x):
        return x * factor

    f = compile(lambda x: helper(x) + 1.0)
    assert f(np.ones(1)).tolist() == [3.0]
    factor = 4.0
    assert f(np.ones(1)).tolist() == [5.0]


def test_training_and_eval_are_told_apart():
    model = tg.nn.Sequential(tg.nn.Linear(3, 4, rng=0), tg.nn.Dropout(0.5, rng=1))
    f = compile(lambda x: model(x))
    x = np.ones((2, 3), np.float32)
    f(x)
    model.eval()
    assert bits(f(x).data, model(x).data)


def test_C180_dropout_draws_anew_and_is_not_merged():
    def f(x):
        return F.dropout(x, 0.5, rng=rng), F.dropout(x, 0.5, rng=rng)

    rng = np.random.default_rng(3)
    x = np.ones(100)
    want = [f(x) for _ in range(3)]
    rng = np.random.default_rng(3)
    g = compile(f, exact=True)
    got = [g(x) for _ in range(3)]
    for a, b in zip(want, got, strict=True):
        assert bits(a[0].data, b[0].data)
        assert bits(a[1].data, b[1].data)
        assert not bits(b[0].data, b[1].data)
    h = compile(lambda x: x * np.random.default_rng().normal(size=3))
    with pytest.raises(TraceError, match="random"):
        h(np.ones(3))


def test_batch_norm_moves_its_statistics():
    def run(compiled):
        model = tg.nn.Sequential(tg.nn.Linear(2, 3, rng=0), tg.nn.BatchNorm1d(3))
        optimizer = tg.optim.SGD(model.parameters(), lr=0.1)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        f = compile(step, exact=True) if compiled else step
        losses = [float(f(x, y)) for x, y in batches(3)]
        return losses, model.state_dict()

    (a, s), (b, t) = run(False), run(True)
    assert a == b
    for k in s:
        assert bits(s[k], t[k]), k


def test_own_state_that_would_freeze_is_refused():
    count = 0

    def f(x):
        nonlocal count
        count += 1
        return x * count

    with pytest.raises(TraceError, match="changes a variable"):
        compile(f)(np.ones(1))
    seen = []

    def g(x):
        seen.append(1)
        return x * 2.0

    with pytest.raises(TraceError, match="list"):
        compile(g)(np.ones(1))


@pytest.mark.parametrize(
    "branch",
    [
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x * float(x[0]),
        lambda x: x * int(x[0]),
        lambda x: x * x.max().item(),
        lambda x: x * x.numpy(),
        lambda x: x * x.tolist()[0],
        lambda x: x * x.data,
        lambda x: x * np.asarray(x),
        lambda x: x[x > 0],
        lambda x: x * x.detach().data,
        lambda x: x * tg.Tensor(x).numpy(),
        lambda x: 1.0 if 1.0 in x else x,
    ],
)
@pytest.mark.parametrize("tracked", [False, True])
def test_branches_on_values_are_refused(branch, tracked):
    with pytest.raises(TraceError, match="compil"):
        compile(branch)(tg.Tensor([1.0, 2.0], requires_grad=tracked))


def test_errors_are_those_of_eager_code():
    f = compile(lambda a, b: a @ b)
    with pytest.raises(ValueError, match=r"matmul.*\(2, 3\)"):
        f(np.ones((2, 3)), np.ones((2, 3)))
    labels = compile(lambda x, y: F.cross_entropy(x, y))
    labels(np.ones((2, 3)), np.array([0, 1]))
    with pytest.raises(ValueError, match="label 7"):
        labels(np.ones((2, 3)), np.array([0, 7]))


def test_sizes_may_change_and_signatures_are_bounded():
    f = compile(lambda x: (x * x).sum(axis=0))
    for n in [0, 1, 5, 5, 0, 3]:
        x = np.arange(3.0 * n).reshape(n, 3)
        assert bits(f(x), (x * x).sum(axis=0))
    for n in range(300):
        x = np.ones((n, 1))
        assert f(x).tolist() == [float(n)]
    assert len(f._entries) <= 32
    assert f._recordings <= 256
    before = f._recordings
    f(np.ones((7, 1)))
    assert f._recordings == before


# -- memory -----------------------------------------------------------------------------------------------------------


def test_C182_results_share_memory_with_nothing():
    cases = [
        lambda x: x,
        lambda x: x.T,
        lambda x: (x * 2.0, x * 2.0),
        lambda x: x.reshape(-1)[1:],
        lambda x: (x + 1.0).T,
        lambda x: {"a": x * 3.0, "b": (x * 3.0).T},
        lambda x: np.broadcast_to(x, (2, 2, 2)),
        lambda x: np.zeros(3),
    ]
    for tracked in (False, True):
        for case in cases:
            f = compile(case)
            x = tg.Tensor(np.arange(4.0).reshape(2, 2), requires_grad=tracked)
            arrays = []
            for _ in range(3):
                for y in tg.tree.flatten(f(x))[0]:
                    arrays.append(y.data if isinstance(y, tg.Tensor) else y)
            arrays.append(x.data)
            for i, a in enumerate(arrays):
                for b in arrays[:i]:
                    assert not np.shares_memory(a, b)


def test_writing_between_forward_and_backward_bends_nothing():
    a = np.array([1.0, 2.0])
    w = tg.Tensor([3.0, 4.0], requires_grad=True)
    f = compile(lambda x: (x * w * a).sum())
    x = np.array([5.0, 6.0])
    w.data[0] = 3.0
    for _ in range(2):
        w.grad = None
        y = f(x)
        x[:] = 0.0
        a[:] = 0.0
        w.data[:] = 100.0
        y.backward()
        assert w.grad.tolist() == [5.0, 12.0]
        x[:] = [5.0, 6.0]
        a[:] = [1.0, 2.0]
        w.data[:] = [3.0, 4.0]


def test_several_forwards_before_their_backwards():
    w = tg.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    f = compile(lambda x: (np.tanh(w * x) * x).sum())
    xs = [np.array([0.1, 0.2]), np.array([1.0, 2.0]), np.array([-3.0, 0.5])]
    want = []
    for x in xs:
        w.grad = None
        (np.tanh(w * x) * x).sum().backward()
        want.append(w.grad)
    ys = [f(x) for x in xs]
    for y, g in zip(reversed(ys), reversed(want), strict=True):
        w.grad = None
        y.backward()
        np.testing.assert_allclose(w.grad, g, rtol=1e-14)


def test_threads_do_not_disturb_each_other():
    f = compile(lambda x: np.tanh(np.sin(x) * x + 1.0) * np.cos(x))
    xs = [np.full(5000, float(i)) for i in range(8)]
    want = [f(x) for x in xs]
    wrong = []

    def work(i):
        for _ in range(50):
            if not bits(f(xs[i]), want[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_C9_and_C178_in_compiled_code():
    def f(z):
        return (np.exp(z) - 0).sum() + (np.exp(z) - np.zeros(1000)).sum()

    z = tg.Tensor(1.0, requires_grad=True)
    compile(f)(z).backward()
    assert z.grad == pytest.approx(1001 * np.e, rel=1e-14)

    def chain(x):
        for _ in range(2000):
            x = x * 1.0009765625 + 0.5
        return x.sum()

    x, t = (tg.Tensor([0.5, 1.5], requires_grad=True) for _ in range(2))
    g = compile(chain, exact=True)
    chain(x).backward()
    g(t).backward()
    assert bits(x.grad, t.grad)


def test_source_and_misuse():
    f = compile(lambda x: x + 1.0)
    with pytest.raises(RuntimeError, match="call the function once"):
        f.source  # noqa: B018
    f(np.ones(2))
    assert "add" in f.source
    with pytest.raises(TypeError, match="takes a function"):
        compile(3)
    with pytest.raises(TraceError, match="cannot be told"):
        f({1, 2})
    assert bits(compile(compile(lambda x: x * 2.0))(np.ones(2)), np.full(2, 2.0))


def test_cotangent_from_outside_is_read_live():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    one = np.ones(2)

    @compile
    def step():
        w.grad = None
        (w * 3.0).backward(one)

    step()
    one[:] = 2.0
    step()
    assert w.grad.tolist() == [6.0, 6.0]


def test_argument_or_parameter_given_back_keeps_its_graph():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    for f in (lambda x: x, lambda x: w, lambda x: np.atleast_1d(x)):
        x = tg.Tensor([3.0, 4.0], requires_grad=True)
        w.grad = None
        y = compile(f)(x)
        assert y is not x
        y.sum().backward()
        assert (x.grad if x.grad is not None else w.grad).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("n", [70_000, 300_001])
def test_large_elementwise_groups_run_in_blocks(n, cores, monkeypatch):
    monkeypatch.setattr(sys.modules["tinygrad_nn.compile.blocks"], "available", lambda: cores)
    x = np.random.default_rng(0).normal(size=n).astype(np.float32)
    a, b = (tg.Tensor(x, requires_grad=True) for _ in range(2))

    def f(t):
        return (t.sigmoid() * np.tanh(t) + np.exp(-t * t) - 2.0 * t).sum()

    def g(t):
        t.grad = None
        y = f(t)
        y.backward()
        return y

    step = compile(g)
    held = []
    for _ in range(3):
        want, got = g(a), step(b)
        held.append(b.grad)
        scale = np.abs(a.grad).max()
        assert np.abs(a.grad - b.grad).max() <= 8 * np.finfo(np.float32).eps * scale
        assert abs(float(want) - float(got)) <= 1e-5 * n
    assert "for i in range" in step.source
    assert not any(np.shares_memory(p, q) for i, p in enumerate(held) for q in held[:i])
    _value, d = tg.value_and_grad(compile(f))(x)
    np.testing.assert_allclose(d, a.grad, rtol=1e-4, atol=1e-6)


def test_default_keeps_nan_infinities_and_signed_zeros():
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0])

    def f(x):
        return {"a": (-x) * x, "b": x + (-x), "c": -(-1.0 * x), "d": (-x) / 2.0 - (-x), "e": (-x) + 0.0, "f": x * 1.0}

    with np.errstate(all="ignore"):
        want, got = f(x), compile(f)(x)
    for k in want:
        np.testing.assert_array_equal(want[k], got[k])
        number = ~np.isnan(want[k])
        assert (np.signbit(want[k]) == np.signbit(got[k]))[number].all(), k


def test_large_parameters_are_updated_to_the_same_bits():
    def run(compiled):
        rng = np.random.default_rng(0)
        model = tg.nn.Linear(300, 200, rng=rng)
        optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
        x, y = rng.normal(size=(8, 300)).astype(np.float32), rng.integers(0, 200, 8)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        f = compile(step, exact=True) if compiled else step
        kept = []
        for i in range(6):
            f(x, y)
            kept.append(model.weight.grad)
            optimizer.lr = 0.1 / (i + 1)
            if i == 3:
                optimizer.param_groups[0]["momentum"] = 0.5
        assert not any(np.shares_memory(p, q) for i, p in enumerate(kept) for q in kept[:i])
        return [p.data.copy() for p in model.parameters()], kept

    (a, g), (b, h) = run(False), run(True)
    assert all(bits(p, q) for p, q in zip(a + g, b + h, strict=True))


def test_explain_says_what_each_pass_saved(capsys):
    f = compile(lambda x: (np.exp(x) * 1.0 + np.exp(x)).sum(), explain=True)
    f(np.ones(300_000))
    text = capsys.readouterr().out
    assert "common subexpressions" in text
    assert "loop(s) over blocks" in text
    numbers = {line[:28].strip(): line[28:].split() for line in text.splitlines()[1:]}
    assert numbers["common subexpressions"] == ["1", "2,400,000"]


def test_gradients_of_arguments_reach_the_arguments():
    @compile
    def step(x, y):
        loss = (x * y * y).sum()
        loss.backward()
        return loss

    for _ in range(2):
        x, y = (tg.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        step(x, y)
        assert x.grad.tolist() == [1.0, 4.0]
        step(x, y)
        assert y.grad.tolist() == [4.0, 16.0]
        x.grad = None
        step(x, y)
        assert x.grad.tolist() == [1.0, 4.0]
        assert y.grad.tolist() == [6.0, 24.0]
    with pytest.raises(TraceError, match="graph of its own"):
        step(x * 2.0, y)


def test_a_compiled_function_may_have_the_name_of_a_method_that_it_calls():
    space = {"tg": tg, "np": np}
    model = space["model"] = tg.nn.Linear(3, 2, rng=0)
    space["optimizer"] = tg.optim.SGD(model.parameters(), lr=0.1)
    exec(
        "@tg.compile\n"
        "def step(x):\n"
        "    loss = (model(x) ** 2).mean()\n"
        "    optimizer.zero_grad()\n"
        "    loss.backward()\n"
        "    optimizer.step()\n"
        "    return loss\n",
        space,
    )
    losses = [float(space["step"](np.ones((n, 3), np.float32))) for n in (4, 4, 5, 6, 5, 4)]
    assert losses == sorted(losses, reverse=True)


def test_a_compiled_function_inside_another_is_guarded():
    scale = [2.0]
    inner = tg.compile(lambda x: x * scale[0])
    outer = tg.compile(lambda x: inner(x).sum())
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    assert float(outer(x)) == 6.0
    scale[0] = 3.0
    assert float(outer(x)) == 9.0


def test_a_schedule_that_watches_the_loss_inside_compiled_code():
    runs = []
    for compiled in (False, True):
        model = tg.nn.Linear(2, 1, dtype=float, rng=0)
        optimizer = tg.optim.SGD(model.parameters(), lr=0.5)
        schedule = tg.optim.schedules.ReduceLROnPlateau(optimizer, patience=1, threshold=0.5)
        X = np.random.default_rng(0).normal(size=(8, 2))

        def step(x, model=model, optimizer=optimizer, schedule=schedule):
            loss = (model(x) ** 2).mean() + 1.0
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step(loss)
            return loss

        f = tg.compile(step, exact=True) if compiled else step
        losses = [float(f(X)) for _ in range(20)]
        runs.append((losses, optimizer.lr, schedule.count, schedule.best))
    assert runs[0] == runs[1]
    assert runs[0][1] < 0.5


def test_what_an_object_among_the_arguments_holds_is_seen():
    class Scale:
        factor = 2.0

        @compile
        def __call__(self, x):
            return x * self.factor

        @compile
        def shifted(self, x, *, by=0.0):
            return x * self.factor + by

    x, a, b = np.array([1.0, 2.0]), Scale(), Scale()
    assert a.shifted(x).tolist() == [2.0, 4.0]
    a.factor = 3.0
    assert a.shifted(x).tolist() == [3.0, 6.0]
    assert a.shifted(x, by=1.0).tolist() == [4.0, 7.0]
    assert b.shifted(x).tolist() == [2.0, 4.0]
    a.factor = 4.0
    assert a.shifted(x).tolist() == [4.0, 8.0]
    model = tg.nn.Dropout(0.5, rng=0)
    run = compile(lambda model, x: model(x))
    assert not np.array_equal(run(model, np.ones(50)), run(model, np.ones(50)))
    model.eval()
    assert run(model, np.ones(50)).tolist() == [1.0] * 50


def test_results_in_objects_are_refused():
    class Pair:
        def __init__(self, value):
            self.value = value

    for f in (np.fft.rfft, lambda x: Pair(x * 2.0), lambda x: Pair([x * 2.0])):
        with pytest.raises(tg.TraceError, match="would be frozen; return arrays or tensors"):
            compile(lambda x, f=f: f(x))(np.arange(4.0))
    fixed = Pair(1)
    assert compile(lambda x: (x, fixed))(np.ones(2))[1] is fixed


VALUE_SHAPED = {
    "argwhere": lambda x: np.argwhere(x > 1),
    "flatnonzero": lambda x: np.flatnonzero(x > 1),
    "nonzero": lambda x: np.nonzero(x > 1)[0],
    "where": lambda x: np.where(x > 1)[0],
    "unique": lambda x: np.unique(x),
    "histogram": lambda x: np.histogram(x)[0],
    "mask": lambda x: x[x > 1].sum(),
}


@pytest.mark.parametrize("name", VALUE_SHAPED)
def test_results_as_long_as_the_values_say_are_refused(name):
    with pytest.raises(TraceError, match="frozen"):
        compile(VALUE_SHAPED[name])(np.array([1.0, 2.0, 3.0]))
