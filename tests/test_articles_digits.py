"""Article 5: the digits script reaches its accuracy, takes any layers, and reads every kind of file."""

import gzip
import re
from itertools import pairwise

import numpy as np
import pytest
from scripts import called, example, result

import tinygrad_nn as tg


def test_98_percent_of_the_digits():
    pytest.importorskip("sklearn")
    r = result("digits")
    y = tg.data.digits()[1][1]
    predicted = r["probabilities"].argmax(axis=1)
    assert (predicted == y).mean() >= 0.98
    assert r["evaluated"]["accuracy"] == (predicted == y).mean() == r["history"]["val_accuracy"][-1]
    picked = r["probabilities"][np.arange(len(y)), y].astype(np.float64)
    assert r["evaluated"]["loss"] == pytest.approx(-np.log(picked).mean(), rel=1e-5)
    assert r["one_hot"]["loss"] == pytest.approx(r["evaluated"]["loss"], rel=1e-6)


def test_digits_rate_and_weights_are_recorded():
    pytest.importorskip("sklearn")
    history = result("digits")["history"]
    np.testing.assert_allclose(history["lr"], [0.003 / (1 + 0.1 * epoch) for epoch in range(30)], rtol=1e-12)
    X = tg.data.digits()[0][0]
    names = [f"0.weight[0, {X.var(axis=0).argmax()}]", "0.bias[0]", "2.bias[0]"]
    assert [name for name in history if "[" in name] == names
    for name in names:
        assert len(set(history[name])) == 30


def test_digits_loaded_predict_the_same():
    pytest.importorskip("sklearn")
    r = result("digits")
    assert r["again"].tobytes() == r["probabilities"].tobytes()


@pytest.mark.parametrize("layers", [[], [5], [40, 30, 20]])
def test_digits_any_layers(layers, capsys):
    pytest.importorskip("sklearn")
    example("digits").main(["--layers", *map(str, layers), "--epochs", "2"])
    rows = re.findall(r"Linear +\(64, (\d+)\) +([\d,]+)", capsys.readouterr().out)
    sizes = [64, *layers, 10]
    assert [(int(n), int(p.replace(",", ""))) for n, p in rows] == [(b, a * b + b) for a, b in pairwise(sizes)]


def big_digits(size):
    """Give scikit-learn's digits, enlarged to size × size: 0 ... 255, and their labels."""
    (X, y), (X_test, y_test) = tg.data.digits()
    zoom = size // 8
    rim = (size - 8 * zoom) // 2
    images = np.concatenate([X, X_test]).reshape(-1, 8, 8).repeat(zoom, axis=1).repeat(zoom, axis=2)
    return np.pad((255 * images).astype(np.uint8), ((0, 0), (rim, rim), (rim, rim))), np.concatenate([y, y_test])


def write_idx(path, array):
    content = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def test_digits_from_the_files_of_mnist(tmp_path):
    pytest.importorskip("sklearn")
    images, labels = big_digits(28)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", images[:600])
    write_idx(tmp_path / "train-labels-idx1-ubyte", labels[:600])
    write_idx(tmp_path / "t10k-images.idx3-ubyte", images[600:800])
    write_idx(tmp_path / "t10k-labels.idx1-ubyte.gz", labels[600:800])
    r = called("digits", "--mnist", tmp_path, "--layers", 64, "--epochs", 6)
    assert r["probabilities"].shape == (200, 10)
    assert r["evaluated"]["accuracy"] > 0.85


def test_digits_from_text(tmp_path):
    pytest.importorskip("sklearn")
    images, labels = big_digits(32)
    for i, (image, label) in enumerate(zip(images[:400], labels[:400], strict=True)):
        rows = ["".join(row) for row in np.where(image > 127, "1", "0")]
        (tmp_path / f"{label}_{i}.txt").write_text("\n".join(rows) + "\n", encoding="ascii")
    r = called("digits", "--text", tmp_path, "--layers", 64, "--epochs", 6)
    assert r["probabilities"].shape == (80, 10)
    assert r["evaluated"]["accuracy"] > 0.8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mnist", "nowhere"], "'nowhere' is no folder"),
        (["--text", "nowhere"], "cannot open 'nowhere'"),
        (["--rate", "nan"], "lr must be"),
        (["--layers", "0"], "must be a whole number above 0, got 0"),
        (["--epochs", "-1"], "epochs"),
    ],
)
def test_digits_refuses_in_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        example("digits").main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
