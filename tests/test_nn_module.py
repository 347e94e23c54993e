"""Modules: what they hold, their state, modes, hooks, printing; Linear, Sequential, Flatten."""

import copy
import gc
import math
import pickle
import sys

import nn_torch
import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Parameter, Tensor, nn


class Net(nn.Module):
    def __init__(self, rng=0):
        rng = np.random.default_rng(rng)
        self.first = nn.Linear(3, 4, rng=rng)
        self.scale = Parameter(np.ones(4, np.float32))
        self.layers = [nn.Linear(4, 4, rng=rng), nn.ReLU(), nn.Linear(4, 2, rng=rng)]
        self.register_buffer("seen", np.zeros(2))

    def forward(self, x):
        x = self.first(x) * self.scale
        for layer in self.layers:
            x = layer(x)
        return x


PATHS = [
    "scale",
    "first.weight",
    "first.bias",
    "layers.0.weight",
    "layers.0.bias",
    "layers.2.weight",
    "layers.2.bias",
]


def test_parameters_are_found_in_attributes_and_lists():
    net = Net()
    assert [k for k, _ in net.named_parameters()] == PATHS
    assert [p is q for p, (_, q) in zip(net.parameters(), net.named_parameters(), strict=True)] == [True] * 7
    assert [k for k, _ in net.named_modules()] == ["", "first", "layers.0", "layers.1", "layers.2"]
    assert [k for k, _ in net.named_children()] == ["first", "layers.0", "layers.1", "layers.2"]
    assert [type(m).__name__ for m in net.children()] == ["Linear", "Linear", "ReLU", "Linear"]
    assert [k for k, _ in net.named_buffers()] == ["seen"]
    assert list(net.state_dict()) == ["scale", "seen", *PATHS[1:]]


def test_no_super_init_is_needed_and_containers_nest():
    class Model(nn.Module):
        def __init__(self):
            self.parts = {"a": [Parameter([1.0])], "b": (nn.Linear(1, 1), {"c": Parameter([2.0])})}

    names = [k for k, _ in Model().named_parameters()]
    assert names == ["parts.a.0", "parts.b.1.c", "parts.b.0.weight", "parts.b.0.bias"]


def test_leaf_tensors_that_need_a_gradient_are_parameters_and_results_are_not():
    class Model(nn.Module):
        def __init__(self):
            self.w = Tensor([1.0], requires_grad=True)
            self.constant = Tensor([2.0])
            self.cached = self.w * 2.0

    assert [k for k, _ in Model().named_parameters()] == ["w"]


def test_a_shared_parameter_is_one_parameter_under_two_names():
    class Model(nn.Module):
        def __init__(self):
            self.a = nn.Linear(3, 3, rng=0)
            self.b = nn.Linear(3, 3, rng=1)
            self.b.weight = self.a.weight
            self.again = self.a

    model = Model()
    assert [k for k, _ in model.named_parameters()] == ["a.weight", "a.bias", "b.bias"]
    assert list(model.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias", "again.weight", "again.bias"]
    other = Model()
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.b.weight.data, model.a.weight.data)


def test_modules_that_hold_each_other():
    class Part(nn.Module):
        def __init__(self, whole):
            self.whole = whole
            self.w = Parameter([1.0])

    class Whole(nn.Module):
        def __init__(self):
            self.part = Part(self)

    whole = Whole()
    assert [k for k, _ in whole.named_parameters()] == ["part.w"]
    assert list(whole.state_dict()) == ["part.w"]
    assert "Part" in repr(whole)
    whole.eval()


def test_a_module_nested_as_deep_as_the_recursion_limit():
    inner: nn.Module = nn.Linear(1, 1)
    for _ in range(sys.getrecursionlimit() + 100):
        inner = nn.Sequential(inner)
    assert len(list(inner.parameters())) == 2
    assert len(inner.state_dict()) == 2
    inner.train(False)
    assert "Linear(1, 1)" in repr(inner)
    with pytest.raises(ValueError, match="missing"):
        inner.load_state_dict({})


# -- state ----------------------------------------------------------------------------------------------------------


def test_state_dict_is_a_snapshot():
    net = Net()
    state = net.state_dict()
    net.first.weight.data[...] = 7.0
    assert not (state["first.weight"] == 7.0).any()
    state["scale"][...] = 5.0
    assert (net.scale.data == 1.0).all()


def test_load_state_dict_restores_results_bit_for_bit():
    a, b = Net(0), Net(1)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert not np.array_equal(a(x).data, b(x).data)
    b.load_state_dict(a.state_dict())
    np.testing.assert_array_equal(a(x).data, b(x).data)


def test_load_state_dict_takes_tensors_lists_and_other_dtypes():
    layer = nn.Linear(2, 1, rng=0)
    layer.load_state_dict({"weight": Tensor([[1.0, 2.0]]), "bias": [3]})
    assert (layer.weight.dtype, layer.bias.dtype) == (np.float32, np.float32)
    assert layer([1.0, 1.0]).item() == 6.0


def test_one_error_lists_every_missing_extra_and_mismatched_key_and_nothing_changes():
    net = Net()
    before = net.state_dict()
    state = net.state_dict()
    del state["layers.0.bias"], state["scale"]
    state["first.weight"] = np.zeros((3, 4), np.float32)
    state["layers.2.bias"] = np.array(["a", "b"])
    state["unknown"] = np.zeros(1)
    state["first.bias"] = np.full(4, 9.0)
    with pytest.raises(ValueError, match="the state does not fit Net") as e:
        net.load_state_dict(state)
    text = str(e.value)
    assert "first.weight has shape (3, 4), needs (4, 3)" in text
    assert "layers.2.bias has dtype <U1, needs numbers" in text
    assert "missing: scale, layers.0.bias" in text
    assert "extra: unknown" in text
    assert "\n" not in text
    for k, v in net.state_dict().items():
        np.testing.assert_array_equal(v, before[k])


def test_load_state_dict_not_strict():
    net = Net()
    net.load_state_dict({"scale": np.full(4, 2.0), "unknown": np.zeros(1)}, strict=False)
    assert (net.scale.data == 2.0).all()
    with pytest.raises(ValueError, match="mismatched: scale has shape"):
        net.load_state_dict({"scale": np.zeros(3)}, strict=False)
    with pytest.raises(TypeError, match="takes a mapping from names to arrays, got str"):
        net.load_state_dict("model.safetensors")


def test_loading_leaves_recorded_graphs_right():
    layer = nn.Linear(1, 1, bias=False, dtype=float, rng=0)
    layer.weight.data[...] = 3.0
    x = Tensor([[2.0]], requires_grad=True)
    y = layer(x)
    layer.load_state_dict({"weight": [[100.0]]})
    y.backward()
    assert x.grad.item() == 3.0


def test_save_and_load_a_model(tmp_path):
    net = Net()
    tg.save(net, tmp_path / "net.safetensors")
    other = Net(5)
    other.load_state_dict(tg.load(tmp_path / "net.safetensors"))
    for k, v in other.state_dict().items():
        np.testing.assert_array_equal(v, net.state_dict()[k])


def test_copy_and_pickle():
    net = Net()
    x = np.ones((2, 3), np.float32)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(twin(x).data, net(x).data)
        assert not {id(p) for p in twin.parameters()} & {id(p) for p in net.parameters()}


def test_register_buffer():
    m = nn.Module()
    m.register_buffer("count", 0)
    m.register_buffer("nothing", None)
    assert list(m.state_dict()) == ["count"]
    m.load_state_dict({"count": 5})
    assert m.count == 5
    with pytest.raises(ValueError, match=r"must be an identifier, got 'a\.b'"):
        m.register_buffer("a.b", 1)
    given = np.zeros(2)
    m.register_buffer("own", given)
    given += 1.0
    assert (m.own == 0.0).all()


# -- modes, hooks and the rest ---------------------------------------------------------------------------------------


def test_train_and_eval_reach_every_module():
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    with pytest.raises(TypeError, match="train: takes True or False, got 'yes'"):
        net.train("yes")


def test_freeze_and_zero_grad():
    net = Net()
    net(np.ones((2, 3), np.float32)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.layers[0].freeze()
    net(np.ones((2, 3), np.float32)).sum().backward()
    assert [k for k, p in net.named_parameters() if p.grad is None] == ["layers.0.weight", "layers.0.bias"]
    assert len(list(net.parameters())) == 7
    net.freeze(False)
    assert all(p.requires_grad for p in net.parameters())


def test_apply_runs_inside_out():
    order = []
    net = Net()
    assert net.apply(lambda m: order.append(type(m).__name__)) is net
    assert order[-1] == "Net"
    assert len(order) == 5


def test_astype():
    net = Net()
    net(np.ones((2, 3), np.float32)).sum().backward()
    net.astype(np.float64)
    assert {p.dtype for p in net.parameters()} == {np.dtype(float)}
    assert all(p.grad is None for p in net.parameters())
    assert net.seen.dtype == np.float64
    assert net(np.ones((2, 3))).dtype == np.float64
    with pytest.raises(TypeError, match="parameters need a float dtype, got int64"):
        net.astype(int)


def test_hooks_see_and_replace_arguments_and_results():
    layer = nn.Linear(2, 2, rng=0)
    x = np.ones((1, 2), np.float32)
    want = layer(x).data
    calls = []
    remove_note = layer.register_forward_hook(lambda m, args, y: calls.append((m, args, y.shape)))
    remove_double = layer.register_forward_hook(lambda m, args, y: y * 2.0)
    np.testing.assert_array_equal(layer(x).data, 2 * want)
    assert calls[0][0] is layer
    assert calls[0][2] == (1, 2)
    remove_double()
    remove_zero = layer.register_forward_pre_hook(lambda m, args: args[0] * 0.0)
    np.testing.assert_allclose(layer(x).data[0], layer.bias.data)
    remove_zero()
    remove_note()
    np.testing.assert_array_equal(layer(x).data, want)
    assert len(calls) == 2


def test_calls_leave_no_memory_behind():
    layer = nn.Linear(2, 2, rng=0)
    x = np.ones((4, 2), np.float32)
    for _ in range(50):
        layer(x).sum().backward()
    before = tensors_alive()
    for _ in range(200):
        layer(x).sum().backward()
    assert tensors_alive() == before


def tensors_alive():
    gc.collect()
    return sum(type(o) is Tensor for o in gc.get_objects())


def test_forward_must_be_written():
    class Model(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Model: write its forward method"):
        Model()(1)


def test_keyword_arguments_reach_forward():
    class Model(nn.Module):
        def forward(self, x, *, twice=False):
            return x + x if twice else x

    assert Model()(2.0, twice=True) == 4.0


# -- what it looks like ----------------------------------------------------------------------------------------------


def test_repr():
    assert repr(Net()) == (
        "Net(\n  (first): Linear(3, 4)\n  (layers.0): Linear(4, 4)\n  (layers.1): ReLU()\n  (layers.2): Linear(4, 2)\n)"
    )
    inner = nn.Sequential(nn.Sequential(nn.Linear(1, 2, bias=False)), nn.Softmax())
    assert repr(inner) == (
        "Sequential(\n  (0): Sequential(\n    (0): Linear(1, 2, bias=False)\n  )\n  (1): Softmax(axis=-1)\n)"
    )


def test_summary_with_shapes():
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    net[0].freeze()
    text = repr(net.summary((64, 784)))
    lines = text.splitlines()
    assert lines[0].split() == ["module", "kind", "result", "parameters"]
    assert lines[3].split() == ["0", "Linear", "(64,", "128)", "100,480"]
    assert lines[4].split() == ["1", "ReLU", "(64,", "128)", "-"]
    assert lines[-1] == "101,770 parameters (407 kB), 1,290 trainable, 100,480 frozen"
    assert net.summary().total == 101_770
    assert "result" not in repr(net.summary())


def test_summary_leaves_no_trace():
    net = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.BatchNorm1d(3))
    before = net.state_dict()
    net[1].training = False
    net.summary((1, 2))
    assert [m.training for m in net.modules()] == [True, True, False, True]
    assert all(m._after == () for m in net.modules())
    for k, v in net.state_dict().items():
        np.testing.assert_array_equal(v, before[k])
    with pytest.raises(ValueError, match="Linear"):
        net.summary((1, 5))
    assert all(m._after == () for m in net.modules())


def test_summary_counts_a_shared_layer_once_and_takes_several_inputs():
    layer = nn.Linear(3, 3)
    assert nn.Sequential(layer, nn.Tanh(), layer).summary((2, 3)).total == 12
    rows = nn.Bilinear(3, 4, 5).summary(((2, 3), (2, 4))).rows
    assert (rows[0].shape, rows[0].parameters) == ((2, 5), 65)


# -- Linear, Bilinear, containers, Flatten ---------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 4, 3), (0, 3)])
def test_linear_as_in_pytorch(shape, bias):
    torch = nn_torch.need_torch()
    x = np.random.default_rng(0).normal(size=shape)
    layer = nn.Linear(3, 4, bias=bias, dtype=float, rng=0)
    nn_torch.assert_same_module(layer, torch.nn.Linear(3, 4, bias=bias), [x])


@pytest.mark.parametrize("bias", [True, False])
def test_bilinear_as_in_pytorch(bias):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    layer = nn.Bilinear(3, 4, 5, bias=bias, dtype=float, rng=0)
    for n in ((6,), (2, 3)):
        a, b = rng.normal(size=(*n, 3)), rng.normal(size=(*n, 4))
        nn_torch.assert_same_module(layer, torch.nn.Bilinear(3, 4, 5, bias=bias), [a, b])
        layer.zero_grad()
    with pytest.raises(ValueError, match=r"Bilinear: needs inputs \(\.\.\., 3\) and \(\.\.\., 4\)"):
        layer(np.ones((2, 3)), np.ones((3, 4)))


def test_linear_draws_as_pytorch_does():
    layer = nn.Linear(100, 2000, rng=0)
    for p in layer.parameters():
        assert np.abs(p.data).max() <= 0.1
        assert p.data.std() == pytest.approx(0.1 / math.sqrt(3), rel=0.05)
        assert p.dtype == np.float32


def test_rng():
    a, b = nn.Linear(2, 2, rng=3), nn.Linear(2, 2, rng=3)
    np.testing.assert_array_equal(a.weight.data, b.weight.data)
    rng = np.random.default_rng(3)
    c, d = nn.Linear(2, 2, rng=rng), nn.Linear(2, 2, rng=rng)
    np.testing.assert_array_equal(a.weight.data, c.weight.data)
    assert not np.array_equal(c.weight.data, d.weight.data)
    assert not np.array_equal(nn.Linear(2, 2).weight.data, nn.Linear(2, 2).weight.data)
    for bad in ("seed", 1.5, -1, True):
        with pytest.raises(TypeError, match="Linear: rng takes a numpy Generator, a seed"):
            nn.Linear(2, 2, rng=bad)


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    nn.Linear(5, 5), nn.Dropout()(np.ones(5)), nn.Embedding(4, 4), nn.LSTM(2, 2)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nn.Linear(0, 2), "Linear: in_features must be a whole number above 0, got 0"),
        (lambda: nn.Linear(2, 2.0), "Linear: out_features must be a whole number above 0, got 2.0"),
        (lambda: nn.Linear(True, 2), "Linear: in_features must be a whole number above 0, got True"),
        (lambda: nn.Linear(3, 2)(np.ones((5, 4))), r"last axis of the input must have length 3, got shape \(5, 4\)"),
        (lambda: nn.Linear(3, 2, bias=False)(np.ones(4)), r"must have length 3, got shape \(4,\)"),
        (lambda: nn.Linear(3, 2)(1.0), r"must have length 3, got shape \(\)"),
    ],
)
def test_linear_bad_input(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_linear_dtype():
    with pytest.raises(TypeError, match="parameters need a float dtype, got int64"):
        nn.Linear(2, 2, dtype=int)
    assert nn.Linear(2, 2)(np.ones((1, 2), np.float32)).dtype == np.float32
    assert nn.Linear(2, 2)(np.ones((1, 2), int)).dtype == np.float64
    with pytest.raises(TypeError, match="affine"):
        nn.Linear(2, 2)(np.array([["a", "b"]]))


def test_sequential_indexing():
    layers = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]
    net = nn.Sequential(*layers)
    assert len(net) == 3
    assert list(net) == layers
    assert net[-1] is layers[2]
    assert isinstance(net[:2], nn.Sequential)
    assert list(net[:2]) == layers[:2]
    assert net[:2][0].weight is layers[0].weight
    net[1] = nn.Tanh()
    assert "Tanh" in repr(net)
    net.append(nn.Sigmoid())
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert net(np.ones((4, 2))).shape == (4, 1)
    with pytest.raises(IndexError):
        net[7]


def test_sequential_of_names():
    net = nn.Sequential({"input": nn.Linear(2, 3), "act": nn.ReLU()})
    assert list(net.state_dict()) == ["input.weight", "input.bias"]
    net.append(nn.Linear(3, 1))
    assert list(net.state_dict())[2:] == ["2.weight", "2.bias"]
    assert nn.Sequential()(3.0) == 3.0


def test_sequential_refuses_what_is_no_module():
    with pytest.raises(TypeError, match=r"item 1 must be a Module, got .*ReLU.*; write ReLU"):
        nn.Sequential(nn.Linear(2, 2), nn.ReLU)
    with pytest.raises(TypeError, match=r"must be a Module, got .*function; wrap a function in nn.Lambda"):
        nn.Sequential(lambda x: x)
    with pytest.raises(TypeError, match="append must be a Module"):
        nn.Sequential().append(3)


def test_module_list_and_dict():
    class Model(nn.Module):
        def __init__(self):
            self.blocks = nn.ModuleList(nn.Linear(2, 2, bias=False) for _ in range(2))
            self.heads = nn.ModuleDict({"a": nn.Linear(2, 1, bias=False)})

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return self.heads["a"](x)

    model = Model()
    model.blocks.append(nn.Linear(2, 2, bias=False))
    model.heads["b"] = nn.Linear(2, 3)
    assert list(model.state_dict()) == [
        *["blocks.0.weight", "blocks.1.weight", "blocks.2.weight"],
        *["heads.a.weight", "heads.b.weight", "heads.b.bias"],
    ]
    assert model(np.ones((4, 2))).shape == (4, 1)
    assert (len(model.blocks), len(model.blocks[1:]), len(model.heads)) == (3, 2, 2)
    assert "b" in model.heads
    assert list(model.heads) == list(model.heads.keys()) == ["a", "b"]
    assert list(model.heads.values()) == [m for _, m in model.heads.items()]
    model.blocks[0] = nn.Linear(2, 2)
    assert "blocks.0.bias" in model.state_dict()
    with pytest.raises(TypeError, match="ModuleList: item 0 must be a Module, got int"):
        nn.ModuleList([3])
    with pytest.raises(TypeError, match="ModuleDict: 'x' must be a Module"):
        nn.ModuleDict({"x": None})


def test_linear_functions():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(5, 3)), rng.normal(size=(2, 3)), rng.normal(size=2)
    np.testing.assert_allclose(nn.functional.linear(x, w, b).data, x @ w.T + b)
    np.testing.assert_allclose(nn.functional.linear(x, w).data, x @ w.T)
    with pytest.raises(ValueError, match="bilinear: needs inputs"):
        nn.functional.bilinear(x, x, w)


def test_lambda_and_identity():
    x = Tensor([1.0, 2.0], requires_grad=True)
    net = nn.Sequential(nn.Lambda(np.square), nn.Identity())
    net(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])
    assert repr(nn.Lambda(np.square)) == "Lambda(square)"
    with pytest.raises(TypeError, match="Lambda: takes a function, got int"):
        nn.Lambda(3)


def test_flatten():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(nn.Flatten()(x).data, x.reshape(2, 12))
    assert nn.Flatten(0)(x).shape == (24,)
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    assert nn.Flatten(-2)(x).shape == (2, 12)
    assert nn.Flatten()(np.ones((0, 3, 4))).shape == (0, 12)
    with pytest.raises(ValueError, match=r"Flatten: axes 1 to -1 are not in order in an input of shape \(3,\)"):
        nn.Flatten()(np.ones(3))


def test_training_lowers_the_loss():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = nn.Sequential(nn.Linear(2, 16, rng=rng), nn.Tanh(), nn.Linear(16, 2, rng=rng))
    loss = nn.CrossEntropyLoss()
    losses = []
    for _ in range(300):
        value = loss(net(x), y)
        value.backward()
        for p in net.parameters():
            p.data -= 0.5 * p.grad
        net.zero_grad()
        losses.append(value.item())
    assert losses[-1] < 0.15 < 0.5 < losses[0]
    assert (net(x).data.argmax(axis=1) == y).mean() > 0.95
