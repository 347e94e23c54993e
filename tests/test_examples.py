"""The examples: their numbers are the articles', to the digits that those print, and agree with mathematics by hand."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scripts import example, made, result
from threads import ONE_THREAD, one_thread

import tinygrad_nn as tg

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(p.stem for p in (ROOT / "examples").glob("*.py"))
IMAGES = ROOT / "docs" / "articles" / "images"


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
def test_the_pages_show_the_pictures_of_today(name):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    svg = {p: text for p, text in made(name)[1].items() if text is not None}
    svg.pop("digits.svg", None)  # which digits are taken for others hangs on the last bit
    assert svg
    shown = {p: words((IMAGES / p).read_text(encoding="utf-8")) for p in svg}
    assert shown == {p: words(text) for p, text in svg.items()}, f"python examples/{name}.py --out docs/articles/images"


# 1. Two moons


def by_hand(arrays, X, Y):
    """Derive the binary cross-entropy of a network of ReLUs and a sigmoid by hand: cost and gradients."""
    activations = [X]
    for k in range(0, len(arrays), 2):
        Z = arrays[k] @ activations[-1] + arrays[k + 1]
        activations.append(np.maximum(Z, 0) if k < len(arrays) - 2 else sigmoid(Z))
    P = activations[-1]
    cost = -np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P))
    dA = -(Y / P - (1 - Y) / (1 - P)) / Y.size
    gradients = []
    for k in reversed(range(0, len(arrays), 2)):
        A = activations[k // 2 + 1]
        dZ = dA * A * (1 - A) if k == len(arrays) - 2 else dA * (A > 0)
        gradients = [dZ @ activations[k // 2].T, dZ.sum(axis=1, keepdims=True), *gradients]
        dA = arrays[k].T @ dZ
    return cost, gradients


@pytest.mark.parametrize("network", ["PRINTED", "AUTHORS"])
@pytest.mark.parametrize("weights", ["article_weights", "he_weights"])
def test_two_moons_gradients_are_the_hand_written_ones(network, weights):
    pytest.importorskip("sklearn")
    module = example("two_moons")
    data, layers = module.moons(), getattr(module, network)
    arrays = getattr(module, weights)(layers)
    parameters = module.tensors(arrays)
    _, cost = module.first_step(layers, parameters, data)
    expected, gradients = by_hand(arrays, *data[0])
    assert float(cost) == pytest.approx(expected, rel=1e-14)
    for p, g in zip(parameters, gradients, strict=True):
        np.testing.assert_allclose(p.grad, g, rtol=0, atol=1e-12, err_msg=p.name)
    assert max(np.abs(g).max() for g in gradients) > 1e-3


def test_two_moons_descent_is_the_hand_written_one():
    pytest.importorskip("sklearn")
    module = example("two_moons")
    data = module.moons()
    arrays = module.he_weights(module.PRINTED)
    parameters = module.tensors(arrays)
    history = module.train(module.PRINTED, parameters, tg.optim.SGD(parameters, lr=0.1), 100, data)
    costs = []
    for _ in range(100):
        cost, gradients = by_hand(arrays, *data[0])
        costs.append(cost)
        arrays = [a - 0.1 * g for a, g in zip(arrays, gradients, strict=True)]
    np.testing.assert_allclose(history["cost"], costs, rtol=0, atol=1e-12)
    assert costs[-1] < 0.4


def test_the_printed_network_is_dead():
    pytest.importorskip("sklearn")
    dead = result("two_moons")["dead"]
    for name, g in dead["gradients"].items():
        assert (g == 0).all() == (name != "b5"), name
    assert dead["positive"][3] == 0.0
    cost = dead["history"]["cost"]
    assert f"{cost[0]:.5f}" == "0.69407"
    assert abs(cost[-1] - math.log(2)) < 1e-4
    np.testing.assert_array_equal(dead["parameters"][0].data, example("two_moons").article_weights([(2, 4, None)])[0])


def test_why_the_printed_network_is_dead():
    pytest.importorskip("sklearn")
    reason = result("two_moons")["dead"]["why"]
    assert reason.kind == "zero"
    assert reason.node.op.name == "relu"
    assert reason.node.shape == (4, 900)
    assert "W1: its gradient is zero because relu at" in str(reason)
    assert "3600 of its 3600 results are 0" in str(reason)


def test_two_moons_cured():
    pytest.importorskip("sklearn")
    cures = result("two_moons")["cures"]
    assert 60 <= cures["Adam at 0.03"] <= 90
    assert 600 <= cures["plain descent at 0.1"] <= 670
    assert 6000 <= cures["plain descent at 0.01"] <= 6600
    epochs = result("two_moons")["seeds"]["Adam at 0.03"]
    assert sum(n is not None and n <= 150 for n in epochs) >= 8


@pytest.mark.slow
def test_two_moons_as_the_author_trained_them():
    pytest.importorskip("sklearn")
    module = example("two_moons")
    with one_thread():
        found = module.author(module.moons())
    assert 6500 <= found["reached"] <= 6900
    assert found["history"]["test accuracy"][-1] >= 0.95


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


def test_activations_are_drawn():
    pytest.importorskip("matplotlib")
    texts = words(made("activations")[1]["activations.svg"])
    assert {f"{name}(x)" for name in ("step", "sigmoid", "relu", "identity")} <= set(texts)
