"""The examples: their numbers are the articles', to the digits that those print, and agree with mathematics by hand."""

import gzip
import importlib.util
import io
import math
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from threads import ONE_THREAD, one_thread

import tinygrad_nn as tg

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(p.stem for p in (ROOT / "examples").glob("*.py"))
IMAGES = ROOT / "docs" / "articles" / "images"


@cache
def example(name):
    """Import a script of examples/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def result(name, *arguments):
    """Run a script's main and give what it returns."""
    with redirect_stdout(io.StringIO()), one_thread():
        return example(name).main(list(arguments))


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def words(svg):
    """Give the texts of a picture. Of a plot only the words: its numbers depend on fonts and on the last digits."""
    texts = [t.strip() for t in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]
    if "matplotlib" not in svg:
        return texts
    return [re.sub(r"-?\d+\.\d+(e-\d+)?", "0", t) for t in texts if not re.fullmatch(r"[−\d.]*", t)]


# Every script


@pytest.mark.parametrize("name", SCRIPTS)
def test_runs_from_the_command_line_and_writes_nothing(name, tmp_path):
    pytest.importorskip("sklearn")
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **ONE_THREAD},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") > 5
    assert list(tmp_path.iterdir()) == []


def test_the_readme_tells_of_every_script():
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert {f"{name}.py" for name in SCRIPTS} == set(re.findall(r"\]\((\w+\.py)\)", text))


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_pages_show_the_pictures_of_today(name, tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    result(name, "--out", str(tmp_path))
    made = {p.name: words(p.read_text(encoding="utf-8")) for p in tmp_path.glob("*.svg")}
    assert made
    made.pop("digits.svg", None)  # which digits are taken for others hangs on the last bit
    shown = {p: words((IMAGES / p).read_text(encoding="utf-8")) for p in made if (IMAGES / p).exists()}
    assert shown == {p: made[p] for p in shown}, f"run: python examples/{name}.py --out docs/articles/images"


# 2. A worked example


def test_worked_example_to_the_digit():
    r = result("worked_example")
    np.testing.assert_allclose(r["sums"], [1.0, 1.3, 0.8], rtol=1e-15)
    np.testing.assert_allclose(r["hidden"], sigmoid(np.array([1.0, 1.3, 0.8])), rtol=1e-15)
    assert [math.floor(100 * h) / 100 for h in r["hidden"][:2]] == [0.73, 0.78]
    assert f"{r['hidden'][2]:.2f}" == "0.69"
    assert f"{r['rounded']:.3f}" == "1.235"
    assert f"{r['output']:.6f}" == "1.233212"
    assert f"{r['error']:.2f}" == "1.52"


def test_worked_example_gradients_by_hand():
    V, w, *_, error = example("worked_example").network()
    h = sigmoid(np.array([1.0, 1.3, 0.8]))
    slope = 2 * (h @ [0.3, 0.5, 0.9])
    np.testing.assert_allclose(w.grad, slope * h, rtol=1e-14)
    np.testing.assert_allclose(V.grad, [slope * np.array([0.3, 0.5, 0.9]) * h * (1 - h)] * 2, rtol=1e-14)
    assert error.grad is None


def test_losses_by_hand():
    found = list(result("worked_example")["losses"].values())
    expected = [0.5 / 3, -math.log(0.9 * 0.8 * 0.6) / 3, -math.log(0.7)]
    for (hand, library), number in zip(found, expected, strict=True):
        assert hand == pytest.approx(number, rel=1e-15)
        assert library == pytest.approx(number, rel=1e-15)


@pytest.mark.parametrize(
    ("kind", "start", "w", "b"),
    [
        ("differences", (2.269, 1.01), "2.999336518", "0.004455167"),
        ("exact", (2.269, 1.01), "2.999485806", "0.003729579"),
        ("differences", (1.4778, 1.0), "2.999290651", "0.004787846"),
    ],
)
def test_y_is_3x(kind, start, w, b):
    ends = result("worked_example")["ends"][kind, start]
    assert [f"{number:.9f}" for number in ends] == [w, b]


def test_y_is_3x_as_the_article_prints_it():
    w, b = result("worked_example")["ends"]["differences", (1.4778, 1.0)]
    assert (f"{w:.8f}", f"{b:.8f}") == ("2.99929065", "0.00478785")


# 3. Nine scalar weights


def test_first_step_to_the_digit():
    r = result("scalar_network")
    step = r["step"]
    assert [f"{step[name]:.4f}" for name in ("h1", "h2")] == ["0.0474", "0.0474"]
    assert f"{step['o']:.3f}" == "0.524"
    assert [f"{factor:.4f}" for factor in step["chain"]] == ["-0.9526", "0.2494", "-0.0904"]
    assert f"{r['rounded']:.4f}" == "0.0214"
    gradient = {w.name: float(w.grad) for w in step["weights"]}
    assert gradient["w1"] == pytest.approx(math.prod(step["chain"]), rel=1e-15)
    assert math.floor(1e4 * gradient["w1"]) == 214


def derivatives(w, x1, x2, target, *, wrong_input=False):
    """Derive the loss of the 2-2-1 network by hand."""
    h1, h2 = sigmoid(w[0] * x1 + w[1] * x2 + w[6]), sigmoid(w[2] * x1 + w[3] * x2 + w[7])
    o = sigmoid(w[4] * h1 + w[5] * h2 + w[8])
    g = -2 * (target - o) * o * (1 - o)
    g1, g2 = g * w[4] * h1 * (1 - h1), g * w[5] * h2 * (1 - h2)
    return np.array([g1 * x1, g1 * x2, g2 * x1, g2 * (x1 if wrong_input else x2), g * h1, g * h2, g1, g2, g])


def trained_by_hand(**fault):
    w = np.random.default_rng(0).standard_normal(9)
    for _ in range(1000):
        for person in example("scalar_network").PEOPLE.values():
            w = w - 0.1 * derivatives(w, *person, **fault)
    return w


def test_scalar_gradients_by_hand():
    gradient = [float(w.grad) for w in result("scalar_network")["step"]["weights"]]
    np.testing.assert_allclose(gradient, derivatives(np.array([1.0] * 6 + [0.0] * 3), -2, -1, 1), rtol=1e-14)


def test_training_person_by_person_is_the_hand_written_one():
    r = result("scalar_network")
    np.testing.assert_allclose([float(w) for w in r["weights"]], trained_by_hand(), rtol=0, atol=1e-12)
    assert r["losses"][0] > 0.3
    assert f"{r['losses'][-1]:.4f}" == "0.0024"
    assert r["guesses"]["Emily"] > 0.94
    assert r["guesses"]["Frank"] < 0.05


def test_one_wrong_derivative_does_not_show_in_the_loss():
    wrong = example("scalar_network").scalars(trained_by_hand(wrong_input=True))
    assert f"{example('scalar_network').mean_loss(wrong):.4f}" == "0.0024"


def test_the_sigmoid_typed_wrong_is_named():
    report = result("scalar_network")["reports"]["sigmoid"]
    assert [o.op.name for o in report.faulty] == ["typed_sigmoid"] * 3
    assert f"factor {math.exp(-6):.6g}" in report.faulty[0].faults[0]
    assert "h1 = activation(" in report.faulty[0].place


def test_the_neuron_typed_wrong_is_named():
    report = result("scalar_network")["reports"]["neuron"]
    (wrong,) = report.faulty
    assert (wrong.op.name, wrong.name) == ("typed_neuron", "h2")
    assert wrong.faults == ["the rule of input 1 (w4): it is scaled by a factor 2"]


def test_the_listing_typed_wrong_is_named():
    report = result("scalar_network")["reports"]["listing"]
    (wrong,) = report.faulty
    assert wrong.op.name == "listing"
    assert [re.search(r"\((\w+)\)", fault)[1] for fault in wrong.faults] == example("scalar_network").NAMES[:8]


def test_the_right_network_passes():
    module = example("scalar_network")
    *_, o = module.feed_forward(module.all_ones(), -2, -1)
    assert tg.check_graph((1 - o) ** 2).passed


# 4. Activations and a three-layer forward pass


def test_three_layers_to_the_digit():
    r = result("activations")
    assert str(r["z1"].data) == "[0.57444252 0.66818777 0.75026011]"
    assert str(r["y"].data) == "[0.31682708 0.69627909]"


def test_softmax_to_the_digit():
    shares = result("activations")["softmax"]
    assert str(shares["small"]) == "[0.01821127 0.24519181 0.73659691]"
    assert str(shares["large"]) == "[9.99954600e-01 4.53978686e-05 2.06106005e-09]"
    assert shares["large"].sum() == pytest.approx(1.0, rel=1e-15)
    assert np.isnan(shares["naive"]).all()


def test_activations_and_their_slopes():
    x = np.array([-2.0, -0.5, 0.5, 2.0])
    s = sigmoid(x)
    expected = {
        "step": (x > 0, 0 * x),
        "sigmoid": (s, s * (1 - s)),
        "relu": (np.maximum(x, 0), x > 0),
        "identity": (x, 0 * x + 1),
    }
    table = result("activations")["table"]
    assert list(table) == list(expected)
    for name, (value, slope) in expected.items():
        np.testing.assert_allclose(table[name][0], value, rtol=1e-15, atol=0, err_msg=name)
        np.testing.assert_allclose(table[name][1], slope, rtol=1e-15, atol=0, err_msg=name)


def test_activations_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    result("activations", "--out", str(tmp_path))
    texts = words((tmp_path / "activations.svg").read_text(encoding="utf-8"))
    assert {f"{name}(x)" for name in ("step", "sigmoid", "relu", "identity")} <= set(texts)


# 5. Handwritten digits


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
    r = result("digits", "--mnist", str(tmp_path), "--layers", "64", "--epochs", "6")
    assert r["probabilities"].shape == (200, 10)
    assert r["evaluated"]["accuracy"] > 0.85


def test_digits_from_text(tmp_path):
    pytest.importorskip("sklearn")
    images, labels = big_digits(32)
    for i, (image, label) in enumerate(zip(images[:400], labels[:400], strict=True)):
        rows = ["".join(row) for row in np.where(image > 127, "1", "0")]
        (tmp_path / f"{label}_{i}.txt").write_text("\n".join(rows) + "\n", encoding="ascii")
    r = result("digits", "--text", str(tmp_path), "--layers", "64", "--epochs", "6")
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
