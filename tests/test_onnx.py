"""Exported models give, in onnxruntime, what they give here; what cannot be exported is refused."""

import copy

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(4, 6)).astype(np.float32)
IMAGES = rng.normal(size=(2, 4, 8, 8)).astype(np.float32)
SEQUENCES = rng.normal(size=(5, 2, 6)).astype(np.float32)  # time, batch, features
BATCHED = rng.normal(size=(2, 5, 6)).astype(np.float32)
SIGNALS = rng.normal(size=(2, 4, 9)).astype(np.float32)
VOLUMES = rng.normal(size=(2, 2, 5, 6, 4)).astype(np.float32)
WORDS = np.array([[1, 2], [3, 4], [0, 9]])


class SelfAttention(nn.Module):
    def __init__(self, **options):
        self.attention = nn.MultiheadAttention(6, 2, rng=0, **options)

    def forward(self, x):
        return self.attention(x, x, x)[0]


class Squared(nn.Module):
    """Both inputs of a bilinear layer are one."""

    def __init__(self):
        self.layer = nn.Bilinear(6, 6, 3, rng=0)

    def forward(self, x):
        return self.layer(x, x)


class Residual(nn.Module):
    def __init__(self, dtype=np.float32, rng=0):
        inner = nn.Sequential(nn.Linear(6, 6, dtype=dtype, rng=rng), nn.Tanh(), nn.Sequential(nn.Dropout(0.5)))
        self.branch = inner

    def forward(self, x):
        return x + self.branch(x)


def trained(norm, x):
    """Give a normalization whose running statistics are not those of the start."""
    for _ in range(3):
        norm(x)
    return norm


LAYERS = {
    "Linear": (nn.Linear(6, 3, rng=0), ROWS),
    "Linear of sequences": (nn.Linear(6, 3, rng=0), BATCHED),
    "Linear without bias": (nn.Linear(6, 3, bias=False, rng=0), ROWS),
    "Bilinear": (Squared(), ROWS),
    "Conv1d": (nn.Conv1d(4, 3, 3, padding=1, rng=0), SIGNALS),
    "Conv2d": (nn.Conv2d(4, 8, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), rng=0), IMAGES),
    "Conv2d in groups": (nn.Conv2d(4, 8, 3, groups=2, bias=False, rng=0), IMAGES),
    "ConvTranspose2d": (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, rng=0), IMAGES),
    "MaxPool2d": (nn.MaxPool2d(3, stride=2, padding=1), IMAGES),
    "MaxPool2d ceil": (nn.MaxPool2d(3, stride=2, ceil_mode=True), IMAGES),
    "MaxPool1d": (nn.MaxPool1d(2), SIGNALS),
    "AvgPool2d": (nn.AvgPool2d(3, stride=2, padding=1), IMAGES),
    "AvgPool2d counting": (nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), IMAGES),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d((3, 2)), IMAGES),
    "AdaptiveAvgPool2d of all": (nn.AdaptiveAvgPool2d(1), IMAGES),
    "BatchNorm1d": (trained(nn.BatchNorm1d(6), ROWS), ROWS),
    "BatchNorm2d": (trained(nn.BatchNorm2d(4), IMAGES), IMAGES),
    "LayerNorm": (nn.LayerNorm(6), ROWS),
    "GroupNorm": (nn.GroupNorm(2, 4), IMAGES),
    "RMSNorm": (nn.RMSNorm(6), ROWS),
    "Dropout": (nn.Dropout(0.5), ROWS),
    "Embedding": (nn.Embedding(10, 3, rng=0), WORDS),
    "RNN": (nn.RNN(6, 4, rng=0), SEQUENCES),
    "RNN relu": (nn.RNN(6, 4, nonlinearity="relu", batch_first=True, rng=0), BATCHED),
    "LSTM": (nn.LSTM(6, 4, rng=0), SEQUENCES),
    "LSTM deep": (nn.LSTM(6, 4, num_layers=2, bidirectional=True, batch_first=True, rng=0), BATCHED),
    "GRU": (nn.GRU(6, 4, num_layers=2, bidirectional=True, rng=0), SEQUENCES),
    "MultiheadAttention": (SelfAttention(), SEQUENCES),
    "MultiheadAttention batched": (SelfAttention(batch_first=True), BATCHED),
    "Flatten": (nn.Flatten(), IMAGES),
    "Conv3d": (nn.Conv3d(2, 3, 2, padding=1, rng=0), VOLUMES),
    "Conv2d same": (nn.Conv2d(4, 3, (4, 3), padding="same", rng=0), IMAGES),
    **{
        f"Conv{n}d {mode}": (getattr(nn, f"Conv{n}d")(x.shape[1], 3, 3, padding=1, padding_mode=mode, rng=0), x)
        for n, x in ((1, SIGNALS), (2, IMAGES), (3, VOLUMES))
        for mode in ("reflect", "replicate", "circular")
    },
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 3, 3, stride=3, padding=1, output_padding=2, rng=0), SIGNALS),
    "BatchNorm3d": (trained(nn.BatchNorm3d(2), VOLUMES), VOLUMES),
    "AvgPool1d": (nn.AvgPool1d(3, stride=2, padding=1), SIGNALS),
    "AdaptiveAvgPool1d": (nn.AdaptiveAvgPool1d(4), SIGNALS),
    "GRUCell": (nn.GRUCell(6, 4, rng=0), ROWS),
    "LSTMCell": (nn.LSTMCell(6, 4, rng=0), ROWS),
    "RNNCell": (nn.RNNCell(6, 4, rng=0), ROWS),
    "residual": (nn.Sequential(Residual(), nn.ReLU(), nn.Sequential(Residual(), nn.Linear(6, 2, rng=1))), ROWS),
    "two results": (lambda x: (x * 2.0, (x.sum(axis=1), x[:, None])), ROWS),
    "pads": (lambda x: np.pad(x, ((0, 0), (1, 2)), constant_values=3.0), ROWS),
    "spreads": (lambda x: (x.var(axis=1, ddof=1), x.std(axis=-1, keepdims=True), np.linalg.norm(x, axis=1)), ROWS),
    "einsum": (lambda x: np.einsum("ij,kj->ik", x, np.eye(6, dtype=x.dtype)[:2]), ROWS),
    "logarithms": (lambda x: np.log2(np.exp2(x)) + np.log10(np.hypot(x, 1.0)), ROWS),
    "tiles and columns": (lambda x: np.tile(x, (1, 2))[:, [0, 7, 3]], ROWS),
    "network": (
        nn.Sequential(nn.Conv2d(4, 8, 3, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10, rng=1)),
        IMAGES,
    ),
    "NumPy": (lambda x: (np.exp(-x) * 2 + np.where(x.data[:0].size == 0, x, 0.0)).mean(axis=1), ROWS),
}
ACTIVATIONS = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]
LAYERS |= {name: (getattr(nn, name)(), ROWS) for name in ACTIVATIONS}
LAYERS |= {"Threshold": (nn.Threshold(0.3, -1.0), ROWS), "GELU tanh": (nn.GELU("tanh"), ROWS)}


def flat(result):
    return [y for part in result for y in flat(part)] if isinstance(result, tuple) else [np.asarray(result.data)]


def check(model, x, path, tolerance=1e-5):
    tg.export_onnx(model, path, x)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = runtime.InferenceSession(path)
    if isinstance(model, nn.Module):
        model.eval()
    for inputs in (x, np.concatenate([x, x[::-1], x]), x[:1]):
        outputs = session.run(None, {"input": inputs})
        expected = flat(model(tg.Tensor(inputs) if inputs.dtype.kind == "f" else inputs))
        assert len(outputs) == len(expected)
        for got, wanted in zip(outputs, expected, strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_gives_the_same_in_onnxruntime(name, tmp_path):
    check(*LAYERS[name], tmp_path / "model.onnx")


@pytest.mark.parametrize("name", LAYERS)
def test_layer_in_float64(name, tmp_path):
    model, x = LAYERS[name]
    if x.dtype.kind == "f":
        x = x.astype(np.float64)
    if isinstance(model, nn.Module):
        model = copy.deepcopy(model)
        for p in model.parameters():
            p.data = p.data.astype(np.float64)
    check(model, x, tmp_path / "model.onnx")


def random_network(draw, dtype):
    """Draw a network of images, signals or rows, layer by layer, with the shape as it goes."""
    kind = draw.integers(3)
    channels, size = int(draw.integers(1, 4)), int(draw.integers(9, 13))
    space = [(size, size - 1), (size,), ()][kind]
    o = {"dtype": dtype, "rng": draw}
    x = draw.normal(size=(3, channels, *space)).astype(dtype)
    layers, shape = [], x.shape[1:]
    activations = [nn.ReLU(), nn.Tanh(), nn.GELU(), nn.SiLU(), nn.ELU(0.7), nn.LeakyReLU(0.2), nn.Softplus(), nn.Mish()]
    for _ in range(int(draw.integers(2, 6))):
        c, n = shape[0], len(shape) - 1
        choices = [activations[int(draw.integers(len(activations)))], nn.Dropout(0.3), nn.Identity()]
        if n:
            out, k = int(draw.integers(1, 5)), int(draw.integers(1, 4))
            mode = ["zeros", "reflect", "replicate", "circular"][int(draw.integers(4))]
            conv = getattr(nn, f"Conv{n}d")
            step = int(draw.integers(1, 3))
            choices += [conv(c, out, k, stride=step, padding=k // 2, padding_mode=mode, bias=bool(step % 2), **o)] * 3
            choices.append(getattr(nn, f"ConvTranspose{n}d")(c, out, k + 1, stride=2, output_padding=1, **o))
            choices.append(
                trained(getattr(nn, f"BatchNorm{n}d")(c, dtype=dtype), np.ones((3, *shape), dtype) * rng.normal())
            )
            choices.append(nn.GroupNorm(c, c, dtype=dtype))
            if min(shape[1:]) > 3:
                choices += [
                    getattr(nn, f"MaxPool{n}d")(2, ceil_mode=bool(step % 2)),
                    getattr(nn, f"AvgPool{n}d")(2, padding=1),
                ]
        else:
            out = int(draw.integers(1, 7))
            choices += [nn.Linear(c, out, bias=bool(out % 2), **o)] * 3 + [nn.LayerNorm(c, dtype=dtype), nn.Softmax()]
            inner = nn.Sequential(nn.Linear(c, c, **o), activations[0])
            choices.append(nn.Lambda(lambda t, inner=inner: t + inner(t)))
        layers.append(choices[int(draw.integers(len(choices)))])
        shape = layers[-1].eval()(np.ones((3, *shape), dtype)).shape[1:]
    layers += [nn.Flatten(), nn.Linear(int(np.prod(shape)), 3, **o)]
    return nn.Sequential(*layers), x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(20))
def test_random_networks(seed, dtype, tmp_path):
    check(*random_network(np.random.default_rng(seed), dtype), tmp_path / "model.onnx")


def test_every_layer_is_here():
    containers = {"Module", "ModuleDict", "ModuleList", "Sequential", "Identity", "Lambda"}
    training = {"ChannelDropout", "Dropout1d", "Dropout2d", "CosineSimilarity", "MultiHeadAttention"}
    known = {name.split()[0] for name in LAYERS} | containers | training
    names = {n for n in nn.__all__ if isinstance(c := getattr(nn, n), type) and issubclass(c, nn.Module)}
    assert {n for n in names if not n.endswith("Loss")} <= known


def test_file_is_of_versions_that_runtimes_load(tmp_path):
    model = nn.Sequential(nn.Linear(6, 3, rng=0), nn.ReLU())
    model.train()
    tg.export_onnx(model, tmp_path / "m.onnx", ROWS, input_name="x", name="net")
    proto = onnx.load(tmp_path / "m.onnx")
    assert (proto.ir_version, proto.opset_import[0].version) == (10, 21)
    assert proto.graph.name == "net"
    assert [i.name for i in proto.graph.input] == ["x"]
    assert [d.dim_param or d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim] == ["batch", 6]
    assert {i.name for i in proto.graph.initializer} == {"0.weight", "0.bias"}
    assert model.training, "the model is left as it was"
    assert all(p.name is None for p in model.parameters())


def test_one_batch_size(tmp_path):
    tg.export_onnx(nn.Linear(6, 3, rng=0), tmp_path / "m.onnx", ROWS, dynamic_batch=False)
    shape = onnx.load(tmp_path / "m.onnx").graph.input[0].type.tensor_type.shape
    assert [d.dim_value for d in shape.dim] == [4, 6]


def _branch(x):
    return x * 2.0 if x.data.sum() > ROWS.sum() * 0.9 else x + 1.0


def _frozen(x):
    return x * (x.data > 0.2)


def _cut(x):
    return tg.Tensor(x.data)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_branch, "other operations"),
        (_frozen, "frozen in the file"),
        (_cut, "no recorded operation"),
        (lambda x: np.linalg.inv(x.T @ x), "inv .* has no ONNX operator"),
        (lambda x: x.data, "ndarray"),
        (lambda x: x[[0, 2], [1, 1]], "index with arrays"),
        (lambda x: np.where(x.data > 5.0, x, 0.0), "batch size"),
        (lambda x: np.pad(x, ((1, 0), (0, 0)), mode="wrap"), "pad along the batch"),
        (lambda x: np.pad(x, ((0, 0), (6, 0)), mode="reflect"), "more than the length"),
        (lambda x: np.pad(x, 1, mode="symmetric"), "symmetric"),
        (lambda x: x.var(axis=0, ddof=1), "ddof over the batch"),
        (lambda x: x * np.ones((len(x), 1), np.float32), "made for the batch size"),
        (lambda x: x.reshape(4, 6), "another batch size.*cannot reshape|another batch size"),
        (
            lambda x: np.arctan2(x, 2.0),
            r"arctan2 \(result of shape \(4, 6\), .*test_onnx.py:\d+\) has no ONNX operator",
        ),
    ],
)
def test_what_cannot_be_exported_is_refused(model, message, tmp_path):
    with pytest.raises(tg.ExportError, match=message) as caught:
        tg.export_onnx(model, tmp_path / "m.onnx", ROWS)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("example", [np.float32(1.0), np.ones((0, 6), np.float32), np.array(["a"]), np.ones(3, bool)])
def test_examples_that_are_no_batch(example, tmp_path):
    with pytest.raises(tg.ExportError, match="batch"):
        tg.export_onnx(nn.Identity(), tmp_path / "m.onnx", example)


def test_a_path_that_cannot_be_written(tmp_path):
    with pytest.raises(OSError, match="export_onnx"):
        tg.export_onnx(nn.Linear(6, 3), tmp_path / "no" / "m.onnx", ROWS)
