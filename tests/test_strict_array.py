"""Arrays of other libraries: everything that runs on ndarrays runs on arrays that refuse every silent conversion."""

import copy
import re
from pathlib import Path

import numpy as np
import op_samples as s
import pytest
from strict_array import StrictArray

import tinygrad_nn as tg
import tinygrad_nn.nn.functional as F
from tinygrad_nn import Tensor, nn, optim
from tinygrad_nn.op import OPS
from tinygrad_nn.tensor import apply
from tinygrad_nn.walk import Outline

DEVICE = 3
PAGE = Path(__file__).parent.parent / "docs" / "arrays-of-other-libraries.md"


def strict(tree, device=DEVICE):
    """Give a tree with its arrays on the device."""
    if isinstance(tree, (list, tuple)):
        return type(tree)([strict(v, device) for v in tree])
    return StrictArray(tree, device=device) if isinstance(tree, np.ndarray) else tree


def host(a):
    return a.get() if isinstance(a, StrictArray) else a


def on_device(a):
    assert isinstance(a, StrictArray), f"left the device: {type(a)}"
    assert a.device == DEVICE
    return a.get()


def refused_by_scipy():
    """Give the names on the published list: the functions of SciPy."""
    text = PAGE.read_text(encoding="utf-8")
    block = re.search(r"<!-- exceptions -->(.*?)<!-- end -->", text, re.DOTALL)
    assert block
    return set(re.findall(r"`(\w+)`", block[1]))


# -- the stand-in itself -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        lambda a: np.array([a, a]),
        lambda a: a + np.ones(3),
        lambda a: np.ones(3) * a,
        lambda a: np.concatenate([a, np.ones(2)]),
        lambda a: np.add(a, 1.0, out=np.empty(3)),
        lambda a: a.__setitem__(slice(2), np.zeros(2)),
        lambda a: a.dot(np.ones(3)),
        lambda a: np.ascontiguousarray(a),
    ],
)
def test_the_stand_in_refuses_to_be_converted_or_mixed(convert):
    with pytest.raises(TypeError):
        convert(StrictArray(np.ones(3)))


def test_the_stand_in_refuses_another_device_and_gives_itself():
    a = StrictArray(np.arange(3.0), device=1)
    with pytest.raises(ValueError, match="device"):
        a + StrictArray(np.ones(3), device=2)
    for y in (a + 1, 2.0 * a, np.float32(2) * a, np.sin(a), a.sum(), a[0], np.sum(a), a[np.array([0, 1])], -a, a > 1):
        assert isinstance(y, StrictArray)
        assert y.device == 1
    assert isinstance(np.zeros(2, like=a), StrictArray)


# -- every operation -----------------------------------------------------------------------------------------------

SKIPPED = {"keep_mask"} | s.REFUSES  # random; no derivative


def results(sample, convert, params):
    """Give the values of one sample, its gradients with a graph, what backward and its second order leave, a jvp."""
    inputs = convert(sample.with_leaves(sample.leaves()))
    leaves = []
    for path in sample.varies:
        leaves.append(Tensor(s._get(inputs, path), requires_grad=True))
        inputs = s._put(inputs, path, leaves[-1])
    ys = []
    for y in tree_leaves(apply(sample.op, inputs, params)):
        ys += [y.real, y.imag] if isinstance(y, s.Complex) else [y]
    found = [y._data if isinstance(y, Tensor) else y for y in ys]
    total = 0.0
    for y in ys:
        if isinstance(y, Tensor) and y.requires_grad:
            total = total + np.where(np.isfinite(y._data), y, 0.0).sum() * 1.0
    if isinstance(total, Tensor):
        gs = tg.gradients(total, leaves, create_graph=True, allow_unused=True)
        found += [g._data for g in gs]
        total.backward(retain_graph=True)
        found += [x.grad for x in leaves if x.grad is not None]
        again = sum([(g * g).sum() for g in gs], start=0.0)
        if again.requires_grad:
            found += [g._data for g in tg.gradients(again, leaves, allow_unused=True)]
    return found


def tree_leaves(y):
    return [v for part in y for v in tree_leaves(part)] if isinstance(y, (list, tuple)) else [y]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(OPS) - SKIPPED))
def test_every_operation_runs_on_the_device(name):
    for sample in s.samples(name):
        moved = {k: strict(v) for k, v in sample.params.items()}
        if name in refused_by_scipy():
            with pytest.raises(TypeError, match=r"docs/arrays-of-other-libraries\.md"):
                results(sample, strict, moved)
            continue
        wanted = results(sample, lambda tree: tree, sample.params)
        got = results(sample, strict, moved)
        assert len(got) == len(wanted)
        for w, y in zip(wanted, got, strict=True):
            if not hasattr(w, "dtype"):
                continue
            np.testing.assert_allclose(on_device(y), w, rtol=1e-11, atol=1e-11, err_msg=str(sample))
            assert y.dtype == w.dtype, str(sample)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(OPS) - SKIPPED))
def test_forward_mode_runs_on_the_device(name):
    if name in refused_by_scipy():
        pytest.skip("SciPy's")
    for sample in s.differentiable(name)[:3]:
        ts = sample.tangents(np.random.default_rng(0))

        def run(convert, sample=sample, ts=ts):
            fixed = convert(sample.with_leaves(sample.leaves()))
            params = {k: convert(v) for k, v in sample.params.items()}

            def f(*xs):
                inputs = fixed
                for path, x in zip(sample.varies, xs, strict=True):
                    inputs = s._put(inputs, path, x)
                parts = []
                for y in tree_leaves(apply(sample.op, inputs, params)):
                    parts += [y.real, y.imag] if isinstance(y, s.Complex) else [y]
                return [y for y in parts if isinstance(y, Tensor) and y.dtype.kind == "f"]

            return tg.jvp(f, convert(tuple(sample.leaves())), convert(tuple(ts)))[1]

        for w, y in zip(run(lambda tree: tree), run(strict), strict=True):
            np.testing.assert_allclose(on_device(y), w, rtol=1e-11, atol=1e-11, err_msg=str(sample))


def test_the_published_list_is_short_and_says_the_operation():
    names = refused_by_scipy()
    assert names <= set(OPS)
    x = Tensor(strict(np.array([1.5, 2.5])), requires_grad=True)
    with pytest.raises(TypeError, match=r"gammaln: does not run on StrictArray .*move the data to the host with \.get"):
        apply(OPS["gammaln"], (x,))


# -- a tensor of it ------------------------------------------------------------------------------------------------


def leaf(a=(1.0, 2.0, 3.0)):
    return Tensor(strict(np.array(a)), requires_grad=True)


def test_data_and_gradient_stay_and_are_the_librarys_own():
    x = leaf()
    (x * x).sum().backward()
    np.testing.assert_array_equal(on_device(x.grad), [2.0, 4.0, 6.0])
    np.testing.assert_array_equal(on_device(x.data), [1.0, 2.0, 3.0])
    assert x.device == DEVICE
    (x * 3.0).sum().backward()
    np.testing.assert_array_equal(on_device(x.grad), [5.0, 7.0, 9.0])
    x.grad = strict(np.zeros(3))
    x.zero_grad()
    assert x.grad is None


def test_the_tensor_takes_a_copy_and_a_graph_holds_values():
    a = strict(np.ones(3))
    x = Tensor(a, requires_grad=True)
    a[0] = 50.0
    assert x.tolist() == [1.0, 1.0, 1.0]
    y = (x * x).sum()
    x.data[1] = 7.0
    y.backward()
    np.testing.assert_array_equal(on_device(x.grad), [2.0, 2.0, 2.0])
    beside = strict(np.array([1.0, 2.0, 3.0]))
    x.zero_grad()
    y = (x * beside).sum()
    beside[0] = 100.0
    y.backward()
    np.testing.assert_array_equal(on_device(x.grad), [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "f",
    [
        lambda x, a: a * x,
        lambda x, a: x * a,
        lambda x, a: np.multiply(a, x),
        lambda x, a: np.multiply(x, a),
        lambda x, a: np.concatenate([x, a])[:3] * a,
    ],
)
def test_tensors_and_arrays_of_the_library_mix_in_either_order(f):
    x = leaf()
    a = strict(np.array([4.0, 5.0, 6.0]))
    y = f(x, a)
    assert isinstance(y, Tensor)
    on_device(y._data)
    y.sum().backward()
    on_device(x.grad)


def test_in_place_steps_and_constants_keep_the_device():
    x = leaf()
    (x * x).sum().backward()
    with tg.no_grad():
        x -= 0.5 * x.grad
        on_device((x * 2.0)._data)
    np.testing.assert_array_equal(on_device(x._data), [0.0, 0.0, 0.0])
    x.data -= 0.5 * x.grad
    np.testing.assert_array_equal(on_device(x.detach()._data), [-1.0, -2.0, -3.0])
    x.data = strict(np.ones(3))
    np.testing.assert_array_equal(on_device(x._data), [1.0, 1.0, 1.0])


def test_what_copies_to_the_host_does_so_because_it_is_asked_to():
    x = leaf()
    assert repr(x) == "Tensor([1., 2., 3.], requires_grad=True)"
    assert isinstance(x.numpy(), np.ndarray)
    assert x.tolist() == [1.0, 2.0, 3.0]
    assert x.sum().item() == float(x.sum()) == 6.0
    assert f"{x.sum():.1f}" == "6.0"
    y = (np.sin(x) * x).sum()
    assert "sin" in tg.draw(y).source
    assert "sin" in str(tg.table(y))
    assert "multiply" in str(tg.memory(y))


def test_pages_are_written(tmp_path):
    x = leaf()
    tg.explore((np.sin(x) * x).sum(), tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size > 1000


def test_silent_conversion_is_refused():
    with pytest.raises(TypeError, match="not allowed"):
        np.asarray(leaf().detach())


def test_two_worlds_do_not_mix_and_the_error_names_the_operation():
    x, z = leaf(), Tensor(np.ones(3), requires_grad=True)
    advice = r"keep all operands in one library on one device, or move the data to the host with \.get\(\)"
    for f in (
        lambda: x * z,
        lambda: z * x,
        lambda: x * np.ones(3),
        lambda: np.ones(3) * x,
        lambda: x * [1.0, 2.0, 3.0],
    ):
        with pytest.raises(TypeError, match=f"^multiply: .*{advice}"):
            f()
    with pytest.raises(ValueError, match=f"^add: .*device.*{advice}"):
        x + Tensor(StrictArray(np.ones(3), device=DEVICE + 1))


def test_gradients_from_the_wrong_place_are_refused():
    x = leaf()
    with pytest.raises(TypeError, match="backward: got a ndarray for data in a StrictArray; move it there first"):
        (x * 2.0).backward(np.ones(3))
    with pytest.raises(TypeError, match=r"\.grad: got a ndarray for data in a StrictArray"):
        x.grad = np.ones(3)
    with pytest.raises(TypeError, match=r"got a StrictArray for data in a numpy\.ndarray"):
        (Tensor(np.ones(3), requires_grad=True) * 2.0).backward(strict(np.ones(3)))
    assert x.grad is None
    (x.sum() * 1.0).backward(2.0)
    np.testing.assert_array_equal(on_device(x.grad), [2.0, 2.0, 2.0])


class Poor(StrictArray):
    """An array of a library that lacks the cosine."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return NotImplemented if ufunc is np.cos else super().__array_ufunc__(ufunc, method, *inputs, **kwargs)


def test_a_rule_that_the_library_cannot_run_is_named():
    x = Tensor(Poor(np.ones(3)), requires_grad=True)
    y = np.sin(x)
    with pytest.raises(TypeError, match=r"^sin: the rule of input 0: .*'cos'.*move the data to the host with \.get"):
        y.sum().backward()
    assert x.grad is None
    with pytest.raises(TypeError, match=r"^sin: forward mode: .*move the data to the host"):
        tg.jvp(np.sin, (Poor(np.ones(3)),), (StrictArray(np.ones(3)),))


def test_own_operations_run_and_must_stay():
    x = leaf()
    twice = tg.op.elementwise(lambda v: v * 2.0, lambda g, y, v: g * 2.0, name="twice", register=False)
    twice(x).sum().backward()
    np.testing.assert_array_equal(on_device(x.grad), [2.0, 2.0, 2.0])
    left = tg.op.elementwise(lambda v: v * 2.0, lambda g, y, v: np.full(3, 2.0), name="left", register=False)
    with pytest.raises(TypeError, match=r"^left: the rule of input 0 gave a ndarray for data in a StrictArray"):
        left(x).sum().backward()
    converts = tg.op.elementwise(np.asarray, lambda g, y, v: g, name="converts", register=False)
    with pytest.raises(TypeError, match=r"^converts: .*move the data to the host with \.get"):
        converts(x)


def test_copies_stay_on_the_device():
    x = leaf()
    on_device(copy.copy(x)._data)
    twin = copy.deepcopy(x)
    assert twin.requires_grad
    twin.data[0] = 9.0
    assert x.tolist() == [1.0, 2.0, 3.0]
    on_device(twin._data)


def test_hooks_and_retained_gradients():
    x = leaf()
    y = x * 2.0
    y.retain_grad()
    y.register_hook(lambda g: g * 3.0)
    y.sum().backward()
    np.testing.assert_array_equal(on_device(y.grad), [3.0, 3.0, 3.0])
    np.testing.assert_array_equal(on_device(x.grad), [6.0, 6.0, 6.0])
    z = leaf()
    z.register_hook(lambda g: np.ones(3))
    with pytest.raises(TypeError, match="register_hook: got a ndarray"):
        (z * 2.0).sum().backward()


def test_anomaly_detection_names_the_operation():
    x = leaf((1.0, -1.0))
    with pytest.raises(tg.AnomalyError, match="log"), tg.detect_anomaly(), np.errstate(all="ignore"):
        np.log(x).sum().backward()


def test_a_freed_graph_holds_no_large_arrays():
    x = Tensor(strict(np.ones(5000)), requires_grad=True)
    y = x * strict(np.ones(5000))
    assert isinstance(y._inputs[1], StrictArray)
    y.sum().backward()
    assert isinstance(y._inputs[1], Outline)


# -- transforms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [tg.grad, tg.jacobian, tg.hessian])
def test_transforms_give_arrays_of_the_library(transform):
    a = np.array([0.3, 1.2, -0.5])
    f = lambda v: (np.sin(v) * v[::-1]).sum()  # noqa: E731
    np.testing.assert_allclose(on_device(transform(f)(strict(a))), transform(f)(a))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_jacobians_of_vectors(mode):
    a = np.array([0.3, 1.2, -0.5])
    np.testing.assert_allclose(
        on_device(tg.jacobian(np.cumsum, mode=mode)(strict(a))), tg.jacobian(np.cumsum, mode=mode)(a)
    )


def test_products_with_vectors_and_checkpoints():
    a = strict(np.array([0.3, 1.2, -0.5]))
    f = lambda v: (np.sin(v) * v).sum()  # noqa: E731
    ones = strict(np.ones(3))
    value, tangent = tg.jvp(f, (a,), (ones,))
    _, pull = tg.vjp(np.sin, a)
    on_device(value), on_device(tangent), on_device(pull(ones)[0]), on_device(tg.hvp(f)(a, ones))
    on_device(tg.value_and_grad(f)(a)[1])
    x = leaf()
    tg.checkpoint(lambda v: np.sin(v) * 2.0)(x).sum().backward()
    on_device(x.grad)
    with pytest.raises(TypeError, match="tangent: got a ndarray for data in a StrictArray"):
        tg.jvp(f, (a,), (np.ones(3),))


# -- networks ------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(8, 4)).astype(np.float32)
IMAGES = RNG.normal(size=(4, 2, 6, 6)).astype(np.float32)
STEPS = RNG.normal(size=(5, 3, 4)).astype(np.float32)
LABELS = RNG.integers(0, 3, 8)
PARTS = RNG.random((8, 3)).astype(np.float32)


def trained(make, x, target, loss, optimizer, move):
    """Train a few steps; give the parameters, the buffers, the last loss and what the model gives when it is used."""
    model = make()
    if move is strict:
        model.move(strict)
    steps = optimizer(model.parameters())
    for _ in range(3):
        y = model(Tensor(move(x)))
        value = (y * y).mean() if loss is None else loss(y, move(target))
        steps.zero_grad()
        value.backward()
        steps.step()
    found = [value._data, model.eval()(Tensor(move(x)))._data]
    for p in model.parameters():
        found += [p._data, p.grad]
    return found + [b for b in model.buffers() if b.ndim]


def same(make, x, target=None, loss=None, optimizer=lambda p: optim.SGD(p, lr=0.05)):
    wanted = trained(make, x, target, loss, optimizer, lambda a: a)
    got = trained(make, x, target, loss, optimizer, strict)
    for w, y in zip(wanted, got, strict=True):
        np.testing.assert_allclose(on_device(y), w, rtol=2e-5, atol=1e-6)
        assert y.dtype == w.dtype


class First(nn.Module):
    """The first of a layer's results; with ``thrice`` the layer gets its input three times."""

    def __init__(self, layer, thrice=False):
        self.layer = layer
        self.thrice = thrice

    def forward(self, x):
        y = self.layer(x, x, x) if self.thrice else self.layer(x)
        return y[0] if isinstance(y, tuple) else y


LAYERS = {
    "dense": (lambda: nn.Sequential(nn.Linear(4, 5, rng=0), nn.Tanh(), nn.Linear(5, 3, rng=1)), ROWS),
    "convolution": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3, padding=1, rng=0), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)),
        IMAGES,
    ),
    "strided and grouped": (lambda: nn.Conv2d(2, 4, (3, 2), stride=2, dilation=(1, 2), groups=2, rng=0), IMAGES),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 3, stride=2, rng=0), IMAGES),
    "average pool": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3, rng=0), nn.AvgPool2d(2, padding=1, count_include_pad=False)),
        IMAGES,
    ),
    "adaptive pool": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3, rng=0), nn.AdaptiveAvgPool2d(3)), IMAGES),
    "layer norm": (lambda: nn.Sequential(nn.Linear(4, 6, rng=0), nn.LayerNorm(6), nn.GELU()), ROWS),
    "group norm": (lambda: nn.GroupNorm(2, 2), IMAGES),
    "batch norm": (lambda: nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3, rng=0)), ROWS),
    "dropout": (lambda: nn.Sequential(nn.Linear(4, 6, rng=0), nn.Dropout(0.5, rng=3)), ROWS),
    "embedding": (lambda: nn.Sequential(nn.Embedding(3, 4, rng=0), nn.Linear(4, 3, rng=1)), LABELS),
    "rnn": (lambda: First(nn.RNN(4, 6, rng=0)), STEPS),
    "lstm": (lambda: First(nn.LSTM(4, 6, rng=0)), STEPS),
    "gru": (lambda: First(nn.GRU(4, 6, rng=0)), STEPS),
    "attention": (lambda: First(nn.MultiHeadAttention(4, 2, rng=0), thrice=True), STEPS),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_train_on_the_device(name):
    same(*LAYERS[name])


LOSSES = {
    "cross_entropy": (F.cross_entropy, LABELS),
    "weighted": (
        lambda y, t: F.cross_entropy(y, t, weight=strict_like(y, [1.0, 2.0, 0.5]), label_smoothing=0.1),
        LABELS,
    ),
    "probabilities": (F.cross_entropy, PARTS / PARTS.sum(axis=1, keepdims=True)),
    "nll": (lambda y, t: F.nll_loss(F.log_softmax(y), t), LABELS),
    "mse": (F.mse_loss, PARTS),
    "l1": (F.l1_loss, PARTS),
    "huber": (F.huber_loss, PARTS),
    "bce": (lambda y, t: F.binary_cross_entropy(F.sigmoid(y), t), PARTS),
    "bce with logits": (lambda y, t: F.binary_cross_entropy_with_logits(y, t, pos_weight=2.0), PARTS),
}


def strict_like(y, values):
    a = np.array(values, np.float32)
    return strict(a) if isinstance(y._data, StrictArray) else a


@pytest.mark.parametrize("name", LOSSES)
def test_losses_on_the_device(name):
    loss, target = LOSSES[name]
    same(lambda: nn.Linear(4, 3, rng=0), ROWS, target, loss)


def test_labels_left_on_the_host_are_refused():
    x = Tensor(strict(ROWS[:, :3]), requires_grad=True)
    with pytest.raises(TypeError, match=r"^cross_entropy: .*keep all operands in one library"):
        F.cross_entropy(x, LABELS)


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adam": lambda p: optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.01),
    **{
        name: lambda p, name=name: getattr(optim, name)(p, lr=0.01)
        for name in ("AdamW", "NAdam", "RMSprop", "Adagrad", "Adadelta", "Lion")
    },
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_on_the_device(name):
    same(lambda: nn.Linear(4, 3, rng=0), ROWS, LABELS, F.cross_entropy, OPTIMIZERS[name])


def test_a_large_parameter_is_updated_in_blocks():
    w = [Tensor(move(np.ones(70_000)), requires_grad=True) for move in (lambda a: a, strict)]
    for p in w:
        (p * p).sum().backward()
        optim.Adam([p], lr=0.1).step()
    np.testing.assert_allclose(on_device(w[1]._data), w[0]._data)


def test_states_move_in_and_out(tmp_path):
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3, rng=0))
    state = model.state_dict()
    model.move(strict)
    tg.save(model, tmp_path / "model.safetensors")
    for name, a in tg.load(tmp_path / "model.safetensors").items():
        np.testing.assert_array_equal(a, state[name])
    model.load_state_dict({k: v + 1 if v.dtype.kind == "f" else v for k, v in state.items()})
    np.testing.assert_array_equal(on_device(model[1].weight._data), state["1.weight"] + 1)
    np.testing.assert_array_equal(on_device(model[0].running_mean), state["0.running_mean"] + 1)
    on_device(model.state_dict()["1.weight"])
    other = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3, rng=1))
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other[1].weight.data, state["1.weight"] + 1)
    model.move(StrictArray.get)
    assert isinstance(model[1].weight.data, np.ndarray)


def test_move_refuses_what_changes_shape_or_dtype_and_moves_nothing_then():
    model = nn.Linear(4, 3, rng=0)
    for f in (lambda a: a.astype(float), lambda a: a[:1]):
        with pytest.raises(ValueError, match=r"^move: the function made"):
            model.move(f)
        assert model.weight.dtype == np.float32
        assert model.weight.shape == (3, 4)


def test_optimizer_states_come_back():
    p = Tensor(strict(np.ones(3)), requires_grad=True)
    steps = optim.Adam([p], lr=0.1)
    (p * p).sum().backward()
    steps.step()
    state = steps.state_dict()
    again = optim.Adam([p], lr=0.1)
    again.load_state_dict({**state, "state": {0: {k: host(v) for k, v in state["state"][0].items()}}})
    again.step()
    on_device(p._data)


def test_lbfgs_is_refused_by_name():
    p = Tensor(strict(np.ones(3)), requires_grad=True)
    with pytest.raises(TypeError, match=r"^LBFGS: .*StrictArray.*\.get\(\)"):
        optim.LBFGS([p]).step(lambda: None)


def test_clipping():
    p = Tensor(strict(np.full(3, 5.0)), requires_grad=True)
    (p * p).sum().backward()
    assert optim.clip_grad_norm([p], 1.0) == pytest.approx(300**0.5)
    np.testing.assert_allclose(on_device(p.grad), 1 / 3**0.5)


def test_fit_trains_on_the_device():
    histories = []
    for move in (lambda a: a, strict):
        model = nn.Linear(4, 3, rng=0)
        if move is strict:
            model.move(strict)
        histories.append(
            tg.fit(
                model,
                nn.CrossEntropyLoss(),
                (move(ROWS), move(LABELS)),
                validation=(move(ROWS), move(LABELS)),
                epochs=2,
                batch_size=4,
                optimizer=optim.SGD(model.parameters(), lr=0.1),
                progress=False,
                rng=0,
            )
        )
    for name in ("loss", "accuracy", "val_loss"):
        np.testing.assert_allclose(histories[1][name], histories[0][name], rtol=1e-5)
    on_device(model.weight._data)


# -- what is refused by name ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, a: tg.compile(f)(a), "compile: an argument is a StrictArray"),
        (lambda f, a: tg.compile(f)(Tensor(a, requires_grad=True)), "compile: .* StrictArray"),
        (lambda f, a: tg.to_source(f, a), "to_source: an input is a StrictArray"),
        (lambda f, a: tg.gradcheck(f, a), "gradcheck: input 0 holds a StrictArray"),
        (lambda f, a: tg.check_graph(f(Tensor(a, requires_grad=True))), "check_graph: .* holds a StrictArray"),
    ],
)
def test_checks_and_the_compiler_say_what_to_do(call, message):
    with pytest.raises((TypeError, ValueError), match=message) as e:
        call(lambda v: np.sin(v).sum(), strict(np.ones(3)))
    assert "\n" not in str(e.value)
    assert ".get()" in str(e.value)
