"""Convolutions: against loops by definition and against PyTorch, over shapes and options; layouts; errors."""

import itertools

import nn_torch
import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor, nn
from tinygrad_nn.nn import functional as F
from tinygrad_nn.ops import convolution


def by_definition(x, w, b, stride, padding, dilation, groups):
    """Convolve images with six loops."""
    x = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2])
    n, _, *s = x.shape
    o, cg, *k = w.shape
    out = [(s[i] - dilation[i] * (k[i] - 1) - 1) // stride[i] + 1 for i in (0, 1)]
    y = np.zeros((n, o, *out))
    for i, j in itertools.product(range(out[0]), range(out[1])):
        for p, q in itertools.product(range(k[0]), range(k[1])):
            pixel = x[:, :, i * stride[0] + p * dilation[0], j * stride[1] + q * dilation[1]]
            for f in range(o):
                first = f // (o // groups) * cg
                y[:, f, i, j] += pixel[:, first : first + cg] @ w[f, :, p, q]
    return y + b[:, None, None]


GEOMETRIES = [
    dict(zip(("stride", "padding", "dilation", "groups"), v, strict=True))
    for v in itertools.product(((1, 1), (2, 1), (3, 2)), ((0, 0), (1, 2)), ((1, 1), (2, 1)), (1, 2, 4))
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda g: "-".join(map(str, g.values())))
def test_by_definition_and_as_in_pytorch(geometry):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 4, 8, 7)), rng.normal(size=(8, 4 // geometry["groups"], 3, 2))
    b = rng.normal(size=8)
    y = F.conv2d(x, w, b, **geometry)
    np.testing.assert_allclose(y.data, by_definition(x, w, b, **geometry), atol=1e-12)
    nn_torch.assert_same(
        lambda *a: F.conv2d(*a, **geometry), lambda *a: torch.nn.functional.conv2d(*a, **geometry), [x, w, b]
    )


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")  # PyTorch's, on its own speed
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 2, "same", "valid"])
@pytest.mark.parametrize("batch", [(2,), ()])
def test_any_number_of_axes_and_paddings_as_in_pytorch(n, padding, batch):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(n)
    name = f"conv{n}d"
    for size, dilation in ((3, 1), (4, 1), (2, 3), (1, 1)):
        x = rng.normal(size=(*batch, 2, *[7, 8, 6][:n]))
        w, b = rng.normal(size=(3, 2, *[size] * n)), rng.normal(size=3)
        options = {"padding": padding, "dilation": dilation}
        nn_torch.assert_same(
            lambda *a: getattr(F, name)(*a, **options),  # noqa: B023
            lambda *a: getattr(torch.nn.functional, name)(*a, **options),  # noqa: B023
            [x, w, b],
        )


def test_same_padding_keeps_the_shape():
    for size in (1, 2, 3, 4, 5):
        assert F.conv1d(np.ones((1, 1, 9)), np.ones((1, 1, size)), padding="same").shape == (1, 1, 9)


TRANSPOSED = [
    dict(zip(("stride", "padding", "output_padding", "groups", "dilation"), v, strict=True))
    for v in itertools.product((1, 2, (3, 2)), (0, 1), (0, 1), (1, 2), (1, 2))
    if v[2] < min(v[0] if isinstance(v[0], tuple) else (v[0],))
]


@pytest.mark.parametrize("options", TRANSPOSED, ids=lambda g: "-".join(map(str, g.values())))
def test_transposed_as_in_pytorch(options):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    x, b = rng.normal(size=(2, 4, 5, 4)), rng.normal(size=6)
    w = rng.normal(size=(4, 6 // options["groups"], 3, 2))
    nn_torch.assert_same(
        lambda *a: F.conv_transpose2d(*a, **options),
        lambda *a: torch.nn.functional.conv_transpose2d(*a, **options),
        [x, w, b],
    )
    one = {k: v[0] if isinstance(v, tuple) else v for k, v in options.items()}
    nn_torch.assert_same(
        lambda *a: F.conv_transpose1d(*a, **one),
        lambda *a: torch.nn.functional.conv_transpose1d(*a, **one),
        [x[..., 0], w[..., 0], b],
    )


def test_transposed_is_the_adjoint():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 9, 8)), rng.normal(size=(4, 3, 3, 2))
    y = F.conv2d(x, w, stride=2).data
    g = rng.normal(size=y.shape)
    back = F.conv_transpose2d(g, w, stride=2).data
    assert back.shape == x.shape
    np.testing.assert_allclose((y * g).sum(), (x * back).sum(), rtol=1e-12)


def test_second_order_and_forward_mode():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 2, 5, 4)), rng.normal(size=(4, 1, 2, 3)), rng.normal(size=4)
    tg.gradcheck(lambda *a: F.conv2d(*a, stride=(2, 1), padding=1, groups=2), x, w, b, order=2)
    tg.gradcheck(lambda *a: F.conv_transpose2d(*a, stride=2, groups=2), x, w[:2], b[:2], order=2)
    tg.gradcheck(F.conv1d, x[..., 0], rng.normal(size=(3, 2, 2)), order=2)


@pytest.mark.parametrize("block", [1, 1000, 1 << 30])
def test_blocks_change_nothing(block, monkeypatch):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 4, 9, 8)), rng.normal(size=(6, 2, 3, 3))

    def run():
        a, b = Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)
        y = F.conv2d(a, b, groups=2, stride=2, padding=1)
        np.square(y).sum().backward()
        return y.data, a.grad, b.grad

    want = run()
    monkeypatch.setattr(convolution, "BLOCK", block)
    for got, expected in zip(run(), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_layouts_do_not_matter():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 4, 6, 5)), rng.normal(size=(2, 4, 3, 3))
    want = F.conv2d(x, w).data
    frozen = x.copy()
    frozen.flags.writeable = False
    for view in (
        np.asfortranarray(x),
        np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2),
        np.repeat(x, 2, axis=0)[::2],
        x[:, ::-1][:, ::-1],
        frozen,
    ):
        np.testing.assert_array_equal(F.conv2d(view, w).data, want)
    np.testing.assert_allclose(F.conv2d(x, np.asfortranarray(w)).data, want, rtol=1e-13)
    broadcast = np.broadcast_to(x[:1], x.shape)
    np.testing.assert_allclose(F.conv2d(broadcast, w).data, np.repeat(want[:1], 3, axis=0), rtol=1e-13)


def test_an_empty_batch_works():
    x = Tensor(np.zeros((0, 2, 5, 5)), requires_grad=True)
    w = Tensor(np.ones((3, 2, 3, 3)), requires_grad=True)
    y = F.conv2d(x, w, np.ones(3))
    assert y.shape == (0, 3, 3, 3)
    y.sum().backward()
    assert (w.grad == 0).all()
    assert x.grad.shape == x.shape


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes(dtype):
    x, w = (
        Tensor(np.ones((1, 2, 4, 4), dtype), requires_grad=True),
        Tensor(np.ones((1, 2, 3, 3), dtype), requires_grad=True),
    )
    y = F.conv2d(x, w)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype, w.grad.dtype) == (dtype,) * 3
    assert (y.data == 18).all()
    assert F.conv2d(np.ones((1, 2, 4, 4), int), np.ones((1, 2, 3, 3), int)).data[0, 0, 0, 0] == 18


def test_bias_in_a_wider_dtype_promotes():
    y = F.conv1d(np.ones((1, 1, 3), np.float32), np.ones((1, 1, 1), np.float32), np.array([1e-12]))
    assert y.dtype == np.float64
    assert y.data[0, 0, 0] == 1.0 + 1e-12


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: F.conv2d(np.ones((1, 2, 5, 5)), np.ones((4, 3, 3, 3))), "needs 3 input channels .*the input has 2"),
        (lambda: F.conv2d(np.ones((1, 2, 2, 5)), np.ones((4, 2, 3, 3))), "length 3 does not fit axis 2 of length 2"),
        (lambda: F.conv2d(np.ones((2, 5)), np.ones((4, 2, 3, 3))), r"needs an input of 4 axes .* got shape \(2, 5\)"),
        (lambda: F.conv2d(np.ones((1, 2, 5, 5)), np.ones((4, 2, 3))), "weight needs 4 axes"),
        (
            lambda: F.conv2d(np.ones((1, 2, 5, 5)), np.ones((4, 2, 3, 3)), stride=0),
            "stride must be a whole number >= 1",
        ),
        (lambda: F.conv2d(np.ones((1, 2, 5, 5)), np.ones((4, 2, 3, 3)), padding=-1), "padding must be a whole number"),
        (lambda: F.conv2d(np.ones((1, 2, 5, 5)), np.ones((4, 2, 3, 3)), padding="full"), "'same', 'valid' or"),
        (lambda: F.conv2d(np.ones((1, 2, 5, 5)), np.ones((4, 2, 3, 3)), stride=2, padding="same"), "needs stride 1"),
        (lambda: F.conv2d(np.ones((1, 2, 5, 5)), np.ones((4, 2, 3, 3)), dilation=(1, 2, 3)), "or 2 of them"),
        (lambda: F.conv2d(np.ones((1, 2, 5, 5)), np.ones((3, 1, 3, 3)), groups=2), "multiple of 2 output channels"),
        (lambda: F.conv2d(np.ones((1, 2, 5, 5)), np.ones((3, 2, 3, 3)), np.ones(4)), "bias of shape"),
        (lambda: F.conv_transpose2d(np.ones((1, 2, 5, 5)), np.ones((3, 1, 3, 3))), "has 2 channels, the weight .* 3"),
        (
            lambda: F.conv_transpose1d(np.ones((1, 1, 5)), np.ones((1, 1, 2)), output_padding=1),
            "smaller than the stride",
        ),
        (lambda: F.conv_transpose1d(np.ones((1, 1, 1)), np.ones((1, 1, 2)), padding=1), "would have the spatial shape"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "groups=2 must divide in_channels=3"),
        (lambda: nn.Conv2d(3, 0, 3), "out_channels must be a whole number above 0"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "kernel_size must be a whole number >= 1, or 2 of them"),
        (lambda: nn.Conv2d(3, 4, 3)(np.ones((1, 4, 5, 5))), r"needs an input \(batch, 3, 2 spatial axes\), got shape"),
    ],
)
def test_bad_input(call, text):
    with pytest.raises(ValueError, match=text) as e:
        call()
    assert "\n" not in str(e.value)


LAYERS = [
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, (2, 4, 9)),
    ("Conv1d", (4, 6, 3), {"padding": "same", "bias": False}, (2, 4, 9)),
    ("Conv2d", (3, 5, 3), {}, (2, 3, 6, 7)),
    ("Conv2d", (4, 4, (3, 2)), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 4}, (2, 4, 7, 6)),
    ("Conv3d", (2, 3, 2), {"padding": 1}, (2, 2, 3, 4, 3)),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1, "groups": 2}, (2, 4, 5)),
    ("ConvTranspose2d", (4, 2, 3), {"stride": 2, "padding": 1, "bias": False}, (2, 4, 4, 3)),
    ("ConvTranspose2d", (4, 2, 3), {"stride": 3, "output_padding": (2, 1), "dilation": 2}, (2, 4, 4, 3)),
]


@pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS)
def test_layers_as_in_pytorch(name, args, options, shape):
    torch = nn_torch.need_torch()
    x = np.random.default_rng(0).normal(size=shape)
    layer = getattr(nn, name)(*args, **options, dtype=float, rng=0)
    nn_torch.assert_same_module(layer, getattr(torch.nn, name)(*args, **options), [x])
    other = getattr(torch.nn, name)(*args, **options).double()
    bound = max(p.abs().max().item() for p in other.parameters())
    assert max(np.abs(p.data).max() for p in layer.parameters()) == pytest.approx(bound, rel=0.25)


def test_repr():
    assert repr(nn.Conv2d(3, 8, 3, padding=1)) == "Conv2d(3, 8, kernel_size=3, padding=1)"
    assert repr(nn.Conv1d(2, 4, 3, stride=2, groups=2, bias=False)) == (
        "Conv1d(2, 4, kernel_size=3, stride=2, groups=2, bias=False)"
    )
    assert repr(nn.ConvTranspose2d(2, 4, (3, 2), stride=2, output_padding=1)) == (
        "ConvTranspose2d(2, 4, kernel_size=(3, 2), stride=2, output_padding=1)"
    )


def test_a_small_net_learns_real_digits():
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(digits.target))
    x, y = (digits.images[order, None] / 16).astype(np.float32), digits.target[order]
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, rng=rng),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, rng=rng),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10, rng=rng),
    )
    velocity = [np.zeros(p.shape, p.dtype) for p in net.parameters()]
    for _ in range(8):
        for i in range(0, 1000, 50):
            F.cross_entropy(net(x[i : i + 50]), y[i : i + 50]).backward()
            for p, v in zip(net.parameters(), velocity, strict=True):
                v *= 0.9
                v += p.grad
                p.data -= 0.05 * v
            net.zero_grad()
    assert (net(x[1000:]).data.argmax(axis=1) == y[1000:]).mean() > 0.94


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    "options", [{"padding": 2, "stride": 2}, {"padding": "same", "dilation": 2}, {"padding": "valid"}]
)
def test_borders_as_in_pytorch(mode, options):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(5)
    for n, size in ((1, (7,)), (2, (6, 5)), (3, (5, 6, 5))):
        ours = getattr(nn, f"Conv{n}d")(
            2, 4, 2 if n == 1 else 3, groups=2, padding_mode=mode, dtype=float, rng=0, **options
        )
        theirs = getattr(torch.nn, f"Conv{n}d")(2, 4, ours.kernel_size, groups=2, padding_mode=mode, **options)
        nn_torch.assert_same_module(ours, theirs, [rng.normal(size=(3, 2, *size))])
        assert ("padding_mode" in repr(ours)) == (mode != "zeros")


def test_borders_that_cannot_be():
    with pytest.raises(
        ValueError, match="padding_mode must be one of zeros, reflect, replicate, circular, got 'mirror'"
    ):
        nn.Conv2d(1, 1, 3, padding_mode="mirror")
    x = np.ones((1, 1, 3), np.float32)
    with pytest.raises(ValueError, match="reflect padding of 3 is too wide for an axis of 3"):
        nn.Conv1d(1, 1, 3, padding=3, padding_mode="reflect")(x)
    with pytest.raises(ValueError, match="circular padding of 4 is too wide for an axis of 3"):
        nn.Conv1d(1, 1, 3, padding=4, padding_mode="circular")(x)
    with pytest.raises(ValueError, match="padding='same' needs stride 1"):
        nn.Conv1d(1, 1, 3, padding="same", stride=2, padding_mode="replicate")(x)
    assert nn.Conv1d(1, 1, 3, padding=9, padding_mode="replicate", rng=0)(x).shape == (1, 1, 19)
