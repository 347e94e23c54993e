"""Exported models give, in onnxruntime, what they give here; what cannot be exported is refused."""

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


@pytest.mark.parametrize("name", LAYERS)
def test_layer_gives_the_same_in_onnxruntime(name, tmp_path):
    model, x = LAYERS[name]
    path = tmp_path / "model.onnx"
    tg.export_onnx(model, path, x)
    session = runtime.InferenceSession(path)
    if isinstance(model, nn.Module):
        model.eval()
    for inputs in (x, np.concatenate([x, x[::-1], x])):
        outputs = session.run(None, {"input": inputs})
        expected = flat(model(tg.Tensor(inputs) if inputs.dtype.kind == "f" else inputs))
        assert len(outputs) == len(expected)
        for got, wanted in zip(outputs, expected, strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_every_layer_is_here():
    cells = {"GRUCell", "LSTMCell", "RNNCell"}  # one step, without a sequence
    containers = {"Module", "ModuleDict", "ModuleList", "Sequential", "Identity", "Lambda"}
    other_axes = {"AdaptiveAvgPool1d", "AvgPool1d", "BatchNorm3d", "Conv3d", "ConvTranspose1d"}
    training = {"ChannelDropout", "Dropout1d", "Dropout2d", "CosineSimilarity", "MultiHeadAttention"}
    known = {name.split()[0] for name in LAYERS} | cells | containers | other_axes | training
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
        (lambda x: x[[0, 2]], "index with arrays"),
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
