"""Weights in and out of PyTorch by safetensors files, without renaming or transposing, for every layer that has any."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn

torch = pytest.importorskip("torch", reason="PyTorch is the other side here", exc_type=ImportError)
files = pytest.importorskip("safetensors.torch")

rng = np.random.default_rng(0)
ROWS, SEQUENCES = rng.normal(size=(6, 8)), rng.normal(size=(5, 3, 8))
SIGNALS, IMAGES, VOLUMES = [rng.normal(size=(2, 4, *[7] * n)) for n in (1, 2, 3)]
WORDS = np.array([[1, 2, 2], [9, 0, 3]])

# name of the class in both: arguments, options, inputs
LAYERS = {
    "Linear": ("Linear", (8, 3), {}, [ROWS]),
    "Linear without bias": ("Linear", (8, 3), {"bias": False}, [SEQUENCES]),
    "Bilinear": ("Bilinear", (8, 8, 3), {}, [ROWS, ROWS[::-1].copy()]),
    "Conv1d": ("Conv1d", (4, 6, 3), {"padding": 1, "padding_mode": "circular"}, [SIGNALS]),
    "Conv2d": ("Conv2d", (4, 6, (3, 2)), {"stride": (2, 1), "dilation": (1, 2), "groups": 2}, [IMAGES]),
    "Conv2d reflect": ("Conv2d", (4, 6, 3), {"padding": 2, "padding_mode": "reflect", "bias": False}, [IMAGES]),
    "Conv3d": ("Conv3d", (4, 3, 2), {"padding": 1, "padding_mode": "replicate"}, [VOLUMES]),
    "ConvTranspose1d": ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1}, [SIGNALS]),
    "ConvTranspose2d": ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, [IMAGES]),
    "BatchNorm1d": ("BatchNorm1d", (8,), {}, [ROWS]),
    "BatchNorm2d": ("BatchNorm2d", (4,), {"momentum": None}, [IMAGES]),
    "BatchNorm3d": ("BatchNorm3d", (4,), {"affine": False}, [VOLUMES]),
    "LayerNorm": ("LayerNorm", ((3, 8),), {}, [SEQUENCES]),
    "RMSNorm": ("RMSNorm", (8,), {"eps": 1e-6}, [ROWS]),
    "GroupNorm": ("GroupNorm", (2, 4), {}, [IMAGES]),
    "Embedding": ("Embedding", (10, 5), {"padding_idx": 0}, [WORDS]),
    "RNN": ("RNN", (8, 5), {"num_layers": 2, "bidirectional": True, "nonlinearity": "relu"}, [SEQUENCES]),
    "LSTM": ("LSTM", (8, 5), {"num_layers": 2, "bidirectional": True, "batch_first": True}, [SEQUENCES]),
    "GRU": ("GRU", (8, 5), {"num_layers": 2, "bias": False}, [SEQUENCES]),
    "RNNCell": ("RNNCell", (8, 5), {}, [ROWS]),
    "LSTMCell": ("LSTMCell", (8, 5), {}, [ROWS]),
    "GRUCell": ("GRUCell", (8, 5), {}, [ROWS]),
    "MultiheadAttention": ("MultiheadAttention", (8, 2), {}, [SEQUENCES] * 3),
    "MultiheadAttention of widths": (
        "MultiheadAttention",
        (8, 2),
        {"kdim": 4, "vdim": 5, "batch_first": True},
        [SEQUENCES, SEQUENCES[..., :4].copy(), SEQUENCES[..., :5].copy()],
    ),
    "PReLU": ("PReLU", (4,), {}, [IMAGES]),
}


def leaves(result):
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in leaves(part)]
    return [result.detach().numpy()]


def pair(name, dtype):
    kind, arguments, options, inputs = LAYERS[name]
    drawn = (
        {}
        if kind in ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm", "RMSNorm", "GroupNorm", "PReLU")
        else {"rng": 0}
    )
    ours = getattr(nn, kind)(*arguments, **options, **drawn, dtype=dtype)
    theirs = getattr(torch.nn, kind)(*arguments, **options, dtype=getattr(torch, np.dtype(dtype).name))
    return ours, theirs, [x.astype(dtype) if x.dtype.kind == "f" else x for x in inputs]


def stir(ours, theirs):
    """Give all parameters values that are not those of the start, and that differ."""
    draw = np.random.default_rng(5)
    for p in ours.parameters():
        p.data += draw.normal(size=p.shape) * 0.3
    for p in theirs.parameters():
        with torch.no_grad():
            p += torch.tensor(draw.normal(size=tuple(p.shape)) * 0.3, dtype=p.dtype)


def agree(ours, theirs, inputs):
    precise = 1e-5 if inputs[0].dtype == np.float32 or any(p.dtype == np.float32 for p in ours.parameters()) else 1e-10
    for training in (True, False):  # training moves running statistics in both
        ours.train(training)
        theirs.train(training)
        ys, zs = leaves(ours(*inputs)), leaves(theirs(*[torch.tensor(x) for x in inputs]))
        assert len(ys) == len(zs) > 0
        for y, z in zip(ys, zs, strict=True):
            np.testing.assert_allclose(y, z, rtol=precise, atol=precise)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LAYERS)
def test_weights_go_out_to_pytorch(name, dtype, tmp_path):
    ours, theirs, inputs = pair(name, dtype)
    stir(ours, theirs)
    tg.save(ours, tmp_path / "layer.safetensors")
    theirs.load_state_dict(files.load_file(tmp_path / "layer.safetensors"), strict=True)
    agree(ours, theirs, inputs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LAYERS)
def test_weights_come_in_from_pytorch(name, dtype, tmp_path):
    ours, theirs, inputs = pair(name, dtype)
    stir(ours, theirs)
    theirs(*[torch.tensor(x) for x in inputs])  # running statistics that are not those of the start
    files.save_file({k: v.contiguous() for k, v in theirs.state_dict().items()}, tmp_path / "layer.safetensors")
    ours.load_state_dict(tg.load(tmp_path / "layer.safetensors"))
    agree(ours, theirs, inputs)


def test_every_layer_with_weights_that_pytorch_has_is_here():
    known = {kind for kind, *_ in LAYERS.values()} | {
        "MultiHeadAttention",
        "Module",
        "ModuleList",
        "ModuleDict",
        "Sequential",
    }
    weightless = {n for n in nn.__all__ if n.endswith("Loss")} | {"Parameter"}
    for name in set(nn.__all__) - known - weightless:
        layer = getattr(nn, name)
        if isinstance(layer, type) and issubclass(layer, nn.Module) and hasattr(torch.nn, name):
            try:
                made = layer()
            except TypeError:
                continue  # windows and probabilities: what needs sizes and has weights is in the table
            assert not list(made.parameters()), name


def test_a_network_and_its_training_go_on_in_pytorch(tmp_path):
    ours = nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3, rng=1))
    t = torch.nn
    theirs = t.Sequential(t.Conv2d(1, 4, 3), t.BatchNorm2d(4), t.ReLU(), t.Flatten(), t.Linear(64, 3))
    tg.save(ours, tmp_path / "net.safetensors")
    theirs.load_state_dict(files.load_file(tmp_path / "net.safetensors"))
    X, y = rng.normal(size=(10, 1, 6, 6)).astype(np.float32), np.arange(10) % 3
    step, other = tg.optim.SGD(ours.parameters(), lr=0.1), torch.optim.SGD(theirs.parameters(), lr=0.1)
    for _ in range(5):
        for optimizer, loss in (
            (step, nn.CrossEntropyLoss()(ours(X), y)),
            (other, t.CrossEntropyLoss()(theirs(torch.tensor(X)), torch.tensor(y))),
        ):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    agree(ours, theirs, [X])
    files.save_model(theirs, str(tmp_path / "back.safetensors"))
    ours.load_state_dict(tg.load(tmp_path / "back.safetensors"))
    agree(ours, theirs, [X])


def test_half_precision_comes_in_and_what_does_not_fit_is_named(tmp_path):
    theirs = torch.nn.Linear(3, 2, dtype=torch.float16)
    files.save_file(theirs.state_dict(), tmp_path / "half.safetensors")
    ours = nn.Linear(3, 2)
    ours.load_state_dict(tg.load(tmp_path / "half.safetensors"))
    assert ours.weight.dtype == np.float32
    np.testing.assert_array_equal(ours.weight.data, theirs.weight.detach().numpy())
    with pytest.raises(ValueError, match=r"weight has shape \(2, 3\), needs \(3, 2\)"):
        nn.Linear(2, 3).load_state_dict(tg.load(tmp_path / "half.safetensors"))
    files.save_file({"weight": torch.ones(2, 3, dtype=torch.bfloat16)}, tmp_path / "brain.safetensors")
    with pytest.raises(tg.CheckpointError, match=r"BF16"):
        tg.load(tmp_path / "brain.safetensors")
