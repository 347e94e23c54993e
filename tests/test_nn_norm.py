"""Normalisation: against PyTorch in both modes, running statistics, limits, errors."""

import nn_torch
import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor, nn
from tinygrad_nn.nn import functional as F

BATCH = [
    ("BatchNorm1d", (6, 4)),
    ("BatchNorm1d", (3, 4, 5)),
    ("BatchNorm2d", (3, 4, 5, 2)),
    ("BatchNorm3d", (2, 4, 3, 2, 2)),
]
VARIANTS = [{}, {"eps": 0.1, "momentum": 0.3}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize(("name", "shape"), BATCH)
def test_batch_norm_as_in_pytorch(name, shape, options):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    layer = getattr(nn, name)(4, **options, dtype=float)
    other = getattr(torch.nn, name)(4, **options)
    for p in layer.parameters():
        p.data[...] = rng.normal(size=p.shape)
    for _ in range(3):
        layer.zero_grad()
        nn_torch.assert_same_module(layer, other, [rng.normal(2.0, 3.0, size=shape)])
        other.zero_grad()
        theirs = other.state_dict()
        for k, v in layer.state_dict().items():
            np.testing.assert_allclose(v, theirs[k].numpy(), rtol=1e-12)
    layer.eval(), other.eval()
    layer.zero_grad()
    nn_torch.assert_same_module(layer, other, [rng.normal(size=shape)])


def test_C160_one_value_per_channel():
    for layer, x in ((nn.BatchNorm1d(3), np.ones((1, 3))), (nn.BatchNorm2d(3), np.ones((1, 3, 1, 1)))):
        before = layer.state_dict()
        with pytest.raises(ValueError, match=r"1 value\(s\) per channel, .* give a larger batch, or call eval\(\)"):
            layer(x)
        with pytest.raises(ValueError, match="needs"):
            layer(x[:, :2])
        for k, v in layer.state_dict().items():
            np.testing.assert_array_equal(v, before[k])
        np.testing.assert_allclose(layer.eval()(x).data, 1.0, rtol=1e-4)
    with pytest.raises(ValueError, match="per channel"):
        nn.BatchNorm1d(3)(np.ones((0, 3)))


def test_failed_call_leaves_the_running_statistics():
    mean, var = np.zeros(3), np.ones(3)
    with pytest.raises(ValueError, match=r"weight of shape \(4,\) does not fit 3 channels"):
        F.batch_norm(np.ones((5, 3)), mean, var, np.ones(4), training=True)
    assert (mean == 0).all()
    assert (var == 1).all()


def test_eval_does_not_move_the_running_statistics():
    layer = nn.BatchNorm1d(2)
    layer(np.random.default_rng(0).normal(size=(8, 2)))
    before = layer.state_dict()
    layer.eval()(np.ones((4, 2)))
    for k, v in layer.state_dict().items():
        np.testing.assert_array_equal(v, before[k])
    assert before["num_batches_tracked"] == 1


def test_constant_channels_give_zero_and_finite_gradients():
    x = Tensor(np.full((4, 2), 1e6), requires_grad=True)
    y = nn.BatchNorm1d(2, dtype=float)(x)
    y.sum().backward()
    assert (y.data == 0).all()
    assert np.isfinite(x.grad).all()


def test_large_offset_keeps_the_variance():
    # A mean of squares minus the square of the mean has no digits left here.
    x = np.random.default_rng(0).normal(size=(1000, 1)).astype(np.float32) + np.float32(1e4)
    y = nn.BatchNorm1d(1, affine=False)(x).data
    assert y.std() == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("shape", [(2, 3, 4), (5, 4)])
@pytest.mark.parametrize("options", [{}, {"eps": 0.1}, {"elementwise_affine": False}, {"bias": False}], ids=str)
def test_layer_norm_as_in_pytorch(shape, options):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    for normalized in (4, shape[-2:]):
        layer = nn.LayerNorm(normalized, **options, dtype=float)
        for p in layer.parameters():
            p.data[...] = rng.normal(size=p.shape)
        nn_torch.assert_same_module(layer, torch.nn.LayerNorm(normalized, **options), [rng.normal(size=shape) + 3])


@pytest.mark.parametrize("options", [{}, {"eps": 0.1}, {"elementwise_affine": False}], ids=str)
def test_rms_norm_as_in_pytorch(options):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    for normalized in (4, (3, 4)):
        layer = nn.RMSNorm(normalized, **options, dtype=float)
        for p in layer.parameters():
            p.data[...] = rng.normal(size=p.shape)
        nn_torch.assert_same_module(layer, torch.nn.RMSNorm(normalized, **options), [rng.normal(size=(2, 3, 4))])


@pytest.mark.parametrize("shape", [(3, 6), (2, 6, 5), (2, 6, 3, 4)])
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_group_norm_as_in_pytorch(shape, groups):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    if len(shape) == 2 and groups == 6:
        return  # one value per group: PyTorch refuses, here the result is 0
    for options in ({}, {"eps": 0.1, "affine": False}):
        layer = nn.GroupNorm(groups, 6, **options, dtype=float)
        for p in layer.parameters():
            p.data[...] = rng.normal(size=p.shape)
        nn_torch.assert_same_module(layer, torch.nn.GroupNorm(groups, 6, **options), [rng.normal(size=shape)])


def test_instance_norm_as_in_pytorch():
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=3), rng.normal(size=3)
    nn_torch.assert_same(F.instance_norm, lambda x: torch.nn.functional.instance_norm(x), [x])
    nn_torch.assert_same(
        F.instance_norm, lambda x, w, b: torch.nn.functional.instance_norm(x, weight=w, bias=b), [x, w, b]
    )


def test_second_order():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=4)
    tg.gradcheck(lambda x, w, b: F.layer_norm(x, 4, w, b), x, w, b, order=2)
    tg.gradcheck(lambda x, w: F.rms_norm(x, 4, w), x, w, order=2)
    tg.gradcheck(lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), x, w, b, order=2)
    tg.gradcheck(lambda x, w, b: F.group_norm(x, 2, w, b), x, w, b, order=2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_dtype_is_kept(dtype):
    x = Tensor(np.random.default_rng(0).normal(size=(4, 2, 3)).astype(dtype), requires_grad=True)
    layers = [nn.BatchNorm1d(2, dtype=dtype), nn.LayerNorm(3, dtype=dtype), nn.RMSNorm(3, dtype=dtype)]
    layers += [nn.GroupNorm(2, 2, dtype=dtype), nn.BatchNorm1d(2, dtype=dtype).eval()]
    for layer in layers:
        x.zero_grad()
        y = layer(x)
        y.sum().backward()
        assert (y.dtype, x.grad.dtype) == (dtype, dtype)
        assert all(b.dtype == dtype for b in layer.buffers() if b.ndim)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nn.BatchNorm1d(3)(np.ones((2, 4))), r"BatchNorm1d\(3\): needs 2 or 3 axes \(batch, 3, \.\.\.\), got"),
        (lambda: nn.BatchNorm2d(3)(np.ones((2, 3, 4))), r"BatchNorm2d\(3\): needs 4 axes"),
        (lambda: nn.BatchNorm1d(3, momentum=2.0), "momentum must be None or in 0 ... 1"),
        (lambda: nn.BatchNorm1d(3, eps=-1.0)(np.ones((2, 3))), "eps must be at least 0"),
        (lambda: nn.LayerNorm(3)(np.ones((2, 4))), r"layer_norm: the last axes of shape \(2, 4\) must be \(3,\)"),
        (lambda: nn.LayerNorm(()), "normalized_shape"),
        (lambda: nn.GroupNorm(4, 6), "num_groups=4 must divide num_channels=6"),
        (lambda: nn.GroupNorm(2, 6)(np.ones((2, 4))), r"GroupNorm: needs \(batch, 6, \.\.\.\), got shape \(2, 4\)"),
        (lambda: F.group_norm(np.ones((2, 5)), 2), "2 groups do not divide the channels"),
        (lambda: F.batch_norm(np.ones((2, 5))), "running_mean and running_var must be given"),
        (lambda: F.batch_norm(np.ones((2, 5)), np.zeros(4), np.ones(5)), r"running_mean of shape \(4,\)"),
        (lambda: F.batch_norm(np.ones(5), training=True), r"needs \(batch, channels, \.\.\.\)"),
        (lambda: F.instance_norm(np.ones((2, 5))), "instance_norm: needs"),
    ],
)
def test_bad_input(call, text):
    with pytest.raises(ValueError, match=text) as e:
        call()
    assert "\n" not in str(e.value)
