"""Look at what was drawn, the data of lines and images and the words, not at pixels."""

import importlib
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="plots need matplotlib")
from matplotlib.figure import Figure

from tinygrad_nn import plots

HOSTILE = ["$\\frac", "_hidden", "<b>&amp;]]>", "nul\0 bell\x07", "\u202e", "שלום עולם", 'say "hi" \\n', "", "a\nb"]


class Holder:
    """Stand in for a Tensor: only `data` and `grad` may be used, and it refuses to become an array."""

    def __init__(self, data=None, grad=None):
        self.data, self.grad = np.asarray(data), grad

    def __array__(self, *args, **kwargs):
        raise TypeError("this would lose the gradient")


def words(texts) -> list[str]:
    return [text.get_text() for text in texts]


def legend(ax) -> list[str]:
    return words(ax.get_legend().get_texts())


def ticks(axis) -> list[str]:
    return words(axis.get_ticklabels())


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# digits


def test_digits_are_drawn_unchanged_in_reading_order(rng):
    images = rng.random((5, 8, 6))
    ax = plots.digits(images, labels=[3, 1, 4, 1, 5], columns=3)
    assert len(ax.images) == 5
    for image, drawn in zip(images, ax.images, strict=True):
        np.testing.assert_array_equal(drawn.get_array(), image)
        assert drawn.get_clim() == (0, images.max())
    lefts, bottoms = zip(*((i.get_extent()[0], i.get_extent()[2]) for i in ax.images), strict=True)
    assert lefts[0] == lefts[3] < lefts[1] == lefts[4] < lefts[2]
    assert bottoms[0] == bottoms[2] < bottoms[3] == bottoms[4]  # y points down
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert words(ax.texts) == ["3", "1", "4", "1", "5"]


@pytest.mark.parametrize("shape", [(4, 6, 6), (4, 1, 6, 6), (4, 36)])
def test_digits_accept_the_usual_shapes(shape, rng):
    images = rng.random((4, 6, 6))
    ax = plots.digits(Holder(images.reshape(shape)))
    np.testing.assert_array_equal([i.get_array() for i in ax.images], images)
    assert words(ax.texts) == [""] * 4


def test_wrong_predictions_are_told_in_words_and_frames(rng):
    probabilities = np.array([[0.1, 0.9], [0.75, 0.25], [0.5, 0.5]])
    ax = plots.digits(rng.random((3, 4, 4)), Holder([1, 1, 0]), Holder([1, 0, 0]), Holder(probabilities))
    assert words(ax.texts) == ["✓ 1 (90%)", "✗ 0 (75%), is 1", "✓ 0 (50%)"]
    assert ax.get_title() == "2 of 3 right"
    dashed = [patch for patch in ax.patches if patch.get_linestyle() != "solid"]
    (left, right, bottom, top) = ax.images[1].get_extent()
    assert [patch.get_bbox().extents.tolist() for patch in dashed] == [[left, top, right, bottom]]


def test_probabilities_alone_predict(rng):
    images = rng.random((2, 4, 4))
    assert words(plots.digits(images, probabilities=[[0.2, 0.8], [1.0, 0.0]]).texts) == ["1 (80%)", "0 (100%)"]
    assert words(plots.digits(images, predictions=[5, 6], probabilities=[0.25, 1]).texts) == ["5 (25%)", "6 (100%)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": np.zeros((8, 8, 3, 2))}, r"expected images of shape .*got \(8, 8, 3, 2\)"),
        ({"images": np.zeros((8, 8))}, r"got \(8, 8\); for a single image give images\[None\]"),
        ({"images": np.zeros((0, 8, 8))}, r"got \(0, 8, 8\)"),
        ({"images": np.zeros((2, 4, 4)), "labels": [1]}, r"2 images need labels of shape \(2,\), got \(1,\)"),
        ({"images": np.zeros((2, 4, 4)), "predictions": [1, 2, 3]}, r"need predictions of shape \(2,\), got \(3,\)"),
        ({"images": np.zeros((2, 4, 4)), "probabilities": np.ones((3, 2))}, r"need probabilities of shape \(2,\)"),
        ({"images": np.full((2, 4, 4), np.nan)}, "32 of 32 numbers are NaN or infinite"),
        ({"images": np.zeros((2, 4, 4)), "columns": 0}, "columns must be at least 1, got 0"),
    ],
)
def test_digits_refuse(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        plots.digits(**arguments)
    assert str(caught.value).startswith("digits: ")


def test_digits_refuse_text():
    with pytest.raises(TypeError, match=r"digits: expected real numbers, got dtype <U1"):
        plots.digits(np.full((1, 2, 2), "x"))


# weights


def test_weights_as_a_matrix_with_numbers():
    w = np.array([[1.0, -2.0, 0.5], [0.25, 0.0, -0.125]])
    ax = plots.weights(w)
    np.testing.assert_array_equal(ax.images[0].get_array(), w)
    assert ax.images[0].get_clim() == (-2, 2)  # zero is in the middle of the scale
    assert words(ax.texts) == ["1", "-2", "0.5", "0.25", "0", "-0.12"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("input", "output unit")
    assert ax.figure.axes[1].get_ylabel() == "weight"


def test_weights_as_images(rng):
    w = rng.normal(size=(3, 8))
    layer = Holder()
    layer.weight = Holder(w)
    ax = plots.weights(layer, shape=(2, 4))
    np.testing.assert_array_equal([i.get_array() for i in ax.images], w.reshape(3, 2, 4))
    assert {i.get_clim() for i in ax.images} == {(-abs(w).max(), abs(w).max())}
    assert words(ax.texts) == ["unit 0", "unit 1", "unit 2"]


def test_weights_of_a_convolution(rng):
    w = rng.normal(size=(3, 2, 5, 4))
    ax = plots.weights(w)
    np.testing.assert_array_equal([i.get_array() for i in ax.images], w.reshape(6, 5, 4))
    assert words(ax.texts) == ["0 ← 0", "0 ← 1", "1 ← 0", "1 ← 1", "2 ← 0", "2 ← 1"]
    assert ax.images[2].get_extent()[0] == 0  # each output channel begins a row


def test_weights_of_zeros_and_of_a_vector():
    assert plots.weights(np.zeros(4)).images[0].get_array().shape == (1, 4)
    assert plots.weights(np.zeros((2, 2))).images[0].get_clim() == (-1, 1)


@pytest.mark.parametrize(
    ("weight", "shape", "message"),
    [
        (np.zeros((2, 3, 4)), None, r"expected \(out, in\) or .* got shape \(2, 3, 4\)"),
        (np.zeros((2, 0)), None, r"got shape \(2, 0\)"),
        (np.zeros((2, 6)), (2, 2), r"shape=\(2, 2\) has 4 pixels, the weights 6 inputs"),
        (np.zeros((2, 1, 3, 3)), (3, 3), r"shape=\(3, 3\) is for \(out, in\) weights"),
        (np.array([[np.inf, 1]]), None, "1 of 2 numbers are NaN or infinite"),
    ],
)
def test_weights_refuse(weight, shape, message):
    with pytest.raises(ValueError, match=message):
        plots.weights(weight, shape=shape)


# activations

PAIRS = {"sin": (np.sin, np.cos), "square": (np.square, lambda x: Holder(2 * x))}


def test_activations_with_derivatives_in_a_panel_each():
    x = np.linspace(-2, 2, 9)
    axes = plots.activations(PAIRS, x)
    assert [legend(ax) for ax in axes] == [["sin(x)", "derivative"], ["square(x)", "derivative"]]
    for ax, expected in zip(axes, ([np.sin(x), np.cos(x)], [x**2, 2 * x]), strict=True):
        solid, dashed = ax.lines[:2]
        for line, y in zip((solid, dashed), expected, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), np.column_stack([x, y]))
        assert solid.get_linestyle() == "-" != dashed.get_linestyle()
        assert ax.get_xlabel() == "x"


def test_activations_alone_and_together():
    (ax,) = plots.activations({"sin": np.sin}, derivatives=False)
    assert legend(ax) == ["sin(x)"]
    assert ax.lines[0].get_xdata()[[0, -1]].tolist() == [-5, 5]
    given = Figure().add_subplot()
    assert plots.activations(PAIRS, ax=given) == [given]
    assert legend(given) == ["sin(x)", "derivative of sin", "square(x)", "derivative of square"]
    assert given.lines[0].get_color() == given.lines[1].get_color() != given.lines[2].get_color()


def test_activations_by_name():
    names = ["relu", "tanh", "GELU", "silu", "sin", "sign"]
    axes = plots.activations(names, x=[-2.0, -0.5, 0.5, 2.0])
    assert len(axes) == 6
    curves = [[line.get_ydata() for line in ax.get_lines()[:2]] for ax in axes]
    np.testing.assert_array_equal(curves[0], [[0, 0, 0.5, 2], [0, 0, 1, 1]])
    np.testing.assert_allclose(curves[1][1], 1 - np.tanh([-2.0, -0.5, 0.5, 2.0]) ** 2)
    np.testing.assert_array_equal(curves[5], [[-1, -1, 1, 1], [0, 0, 0, 0]])
    (alone,) = plots.activations("softplus")
    assert [text.get_text() for text in alone.get_legend().get_texts()] == ["softplus(x)", "derivative"]


@pytest.mark.parametrize("name", ["softmax", "reul", "", "__class__", "Linear", "sum", "cross_entropy", "add", "load"])
def test_activations_refuse_names_of_what_is_no_function_of_one_variable(name):
    with pytest.raises(ValueError, match="names no function of one variable"):
        plots.activations(name or [""])


@pytest.mark.parametrize(
    ("functions", "x", "message"),
    [
        ({}, None, "no functions given"),
        ({"sin": np.sin}, None, r"'sin' has no derivative; give \(f, derivative\), or derivatives=False"),
        ({"sum": (np.sum, np.cos)}, None, r"'sum' turned x of shape \(401,\) into \(\)"),
        (PAIRS, [[1.0]], r"expected x as a vector of real numbers, got float64 \(1, 1\)"),
    ],
)
def test_activations_refuse(functions, x, message):
    with pytest.raises(ValueError, match=message):
        plots.activations(functions, x)


# decision_boundary

X = np.array([[0.0, 0.0], [2.0, 1.0], [1.0, 3.0], [0.5, 2.0]])


def boundary(ax) -> np.ndarray:
    (contour,) = [c for c in ax.collections if type(c).__name__ == "QuadContourSet"]
    return np.concatenate([path.vertices for path in contour.get_paths()])


def plane(ax) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


@pytest.mark.parametrize(
    ("predict", "at"),
    [
        (lambda p: p[:, 0] + p[:, 1] - 2, 0),
        (lambda p: p.sum(axis=1, keepdims=True) - 2, 0),
        (lambda p: Holder(1 / (1 + np.exp(2 - p.sum(axis=1)))), 0.5),
    ],
)
def test_the_boundary_of_a_score_is_where_it_lies(predict, at):
    ax = plots.decision_boundary(predict, X, [0, 1, 1, 1])
    line = boundary(ax)
    assert len(line) > 50
    rows = plane(ax).mean(axis=1)
    assert ax.images[0].origin == "lower"
    assert rows[0] < rows[-1]  # the score grows upwards
    np.testing.assert_allclose(line.sum(axis=1), 2, atol=0.01)
    assert legend(ax) == ["class 0", "class 1", f"boundary: score = {at:g}"]
    low, high = ax.images[0].get_clim()
    assert (low + high) / 2 == pytest.approx(at)  # white is the boundary
    assert ax.figure.axes[1].get_ylabel() == "score"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 0", "feature 1")


def test_a_threshold_that_is_given():
    ax = plots.decision_boundary(lambda p: p[:, 0], X, [0, 1, 1, 1], threshold=1.5)
    np.testing.assert_allclose(boundary(ax)[:, 0], 1.5)
    ax = plots.decision_boundary(lambda p: p[:, 0], X, [0, 1, 1, 1], threshold=99)
    assert not [c for c in ax.collections if type(c).__name__ == "QuadContourSet"]
    assert "boundary: score = 99" in legend(ax)


def test_the_examples_have_a_marker_for_each_class():
    y = np.array([7, 3, 3, 7])
    ax = plots.decision_boundary(lambda p: np.where(p[:, 1] > 1.5, 7, 3), X, y, labels=["three", "seven"])
    three, seven = (c for c in ax.collections if type(c).__name__ == "PathCollection")
    np.testing.assert_array_equal(three.get_offsets(), X[y == 3])
    np.testing.assert_array_equal(seven.get_offsets(), X[y == 7])
    assert len(three.get_paths()[0].vertices) != len(seven.get_paths()[0].vertices)
    assert legend(ax) == ["three", "seven", "boundary"]


@pytest.mark.parametrize("kind", ["classes", "text", "scores", "booleans"])
def test_regions_of_classes(kind):
    """Three vertical stripes, asked in each of the forms that a classifier may answer in."""
    names = np.array(["a", "b", "c"])
    index = lambda p: (p[:, 0] > 0.5).astype(int) + (p[:, 0] > 1.5)  # noqa: E731
    predict, y = {
        "classes": (index, [0, 2, 1, 1]),
        "text": (lambda p: names[index(p)], ["a", "c", "b", "b"]),
        "scores": (lambda p: np.eye(3)[index(p)], np.eye(3)[[0, 2, 1, 1]]),
        "booleans": (lambda p: p[:, 0] > 0.5, [False, True, True, True]),
    }[kind]
    ax = plots.decision_boundary(predict, X, y, resolution=50)
    shown = plane(ax)
    assert (shown == shown[0]).all()
    count = 2 if kind == "booleans" else 3
    assert np.unique(shown).tolist() == list(range(count))
    # Each region spans its share of the width, 2 * 1.24, at a resolution of 50.
    width = 2 * 1.24 / 49
    assert (shown[0] == 0).sum() * width == pytest.approx(0.5 + 0.24, abs=2 * width)


def test_far_classes_do_not_pass_through_those_between():
    ax = plots.decision_boundary(lambda p: np.where(p[:, 0] > 1, 2, 0), X, [0, 1, 2, 0])
    assert set(np.unique(plane(ax))) == {0, 2}
    assert ax.images[0].get_interpolation() == "nearest"


def test_the_model_is_asked_in_the_dtype_of_the_examples():
    asked = []

    def predict(p):
        asked.append((p.dtype, p.shape))
        return p[:, 0]

    plots.decision_boundary(predict, X.astype(np.float32), [0, 1, 1, 0], resolution=20)
    plots.decision_boundary(predict, X.astype(int), [0, 1, 1, 0], resolution=20)
    assert asked == [(np.float32, (400, 2)), (np.float64, (400, 2))]


def test_a_constant_model_and_a_single_point():
    ax = plots.decision_boundary(lambda p: np.zeros(len(p)), X[:1], [0], resolution=10)
    assert legend(ax) == ["class 0", "boundary: score = 0.5"]
    assert ax.get_xlim()[0] < 0 < ax.get_xlim()[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": np.zeros((4, 3))}, r"expected X of shape \(N, 2\), got float64 \(4, 3\)"),
        ({"X": np.full((4, 2), np.nan)}, "X holds NaN or infinity"),
        ({"y": [0, 1]}, r"X has 4 rows, y has shape \(2,\)"),
        (
            {"predict": lambda p: p[:3, 0]},
            r"predict turned \(40000, 2\) points into \(3,\); expected \(40000,\) classes",
        ),
        ({"predict": lambda p: np.full(len(p), np.nan)}, "returned NaN or infinity for 40000 of 40000 scores"),
        ({"predict": lambda p: np.full(len(p), "a")}, "predict gave <U1 classes, y holds int64"),
        ({"predict": lambda p: p[:, 0] > 1, "threshold": 1}, "threshold=1 is for one score per point"),
        ({"predict": lambda p: p[:, 0] * 1j}, "predict gave complex128 classes, y holds int64"),
        ({"resolution": 1}, "resolution must be at least 2, got 1"),
        ({"labels": ["a", "b", "c"]}, r"3 labels for the 2 classes \[0, 1\]"),
    ],
)
def test_decision_boundary_refuses(arguments, message):
    ax = Figure().add_subplot()
    with pytest.raises(ValueError, match=message) as caught:
        plots.decision_boundary(**{"predict": lambda p: p[:, 0], "X": X, "y": [0, 1, 1, 0], "ax": ax, **arguments})
    assert not ax.has_data()
    assert str(caught.value).startswith("decision_boundary: ")


# history

RECORD = {
    "loss": [2.0, 1.0, 0.5],
    "accuracy": [0.5, 0.75, 0.875],
    "val_loss": [2.5, 1.5, 1.25],
    "val_accuracy": [0.25, 0.5, 0.625],
    "lr": [0.1, 0.1, 0.01],
    "0.weight[2, 3]": [1.0, 2.0, 3.0],
    "0.bias[0]": [-1.0, 0.0, float("nan")],
}


def test_history_has_a_panel_for_each_quantity():
    axes = plots.history(RECORD)
    assert [ax.get_ylabel() for ax in axes] == ["loss", "accuracy", "learning rate", "parameter"]
    assert [legend(ax) for ax in axes] == [
        ["loss (last 0.5)", "val_loss (last 1.25)"],
        ["accuracy (last 0.875)", "val_accuracy (last 0.625)"],
        ["lr (last 0.01)"],
        ["0.weight[2, 3] (last 3)", "0.bias[0] (last nan)"],
    ]
    drawn = [line for ax in axes for line in ax.lines]
    keys = ["loss", "val_loss", "accuracy", "val_accuracy", "lr", "0.weight[2, 3]", "0.bias[0]"]
    for line, key in zip(drawn, keys, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(line.get_ydata(), RECORD[key])
        assert (line.get_linestyle() == "-") == (not key.startswith("val_"))
    assert axes[-1].get_xlabel() == "epoch"
    assert len({line.get_marker() for line in axes[0].lines}) == 2
    assert len({line.get_color() for line in axes[3].lines}) == 2


def test_history_takes_anything_with_keys_and_items():
    class History:
        def keys(self):
            return ["loss"]

        def __getitem__(self, key):
            return {"loss": [3, 2]}[key]

    (ax,) = plots.history(History())
    assert ax.lines[0].get_ydata().tolist() == [3, 2]


def test_history_of_some_keys_on_given_axes():
    given = Figure().add_subplot()
    given.plot([0, 1], [0, 1], label="$mine$")
    given.legend()
    assert plots.history(RECORD, ["loss", "lr"], given) == [given]
    assert legend(given) == ["$mine$", "loss (last 0.5)", "lr (last 0.01)"]
    assert [text.get_parse_math() for text in given.get_legend().get_texts()] == [True, False, False]
    assert given.get_ylabel() == "value"
    upper, lower = Figure().subplots(2)
    assert plots.history(RECORD, ["loss", "lr", "val_loss"], np.array([upper, lower])) == [upper, lower]
    assert [len(upper.lines), len(lower.lines)] == [2, 1]


def test_history_of_one_epoch_and_of_none():
    loss, accuracy = plots.history({"loss": [1.5], "accuracy": []})
    assert loss.lines[0].get_xydata().tolist() == [[1, 1.5]]
    assert loss.lines[0].get_marker() == "o"
    assert [tick for tick in loss.get_xticks() if 0.5 <= tick <= 1.5] == [1]
    assert legend(accuracy) == ["accuracy (none)"]


@pytest.mark.parametrize(
    ("record", "keys", "ax", "message"),
    [
        ({}, None, None, "nothing was recorded"),
        (RECORD, [], None, "nothing was recorded"),
        (RECORD, ["loos"], None, r"no 'loos' was recorded; choose among 'loss', 'accuracy'"),
        ({"loss": "high"}, None, None, r"'loss' is no list of numbers, one per epoch"),
        ({"loss": [[1.0]]}, None, None, r"'loss' is no list of numbers, one per epoch: float64 \(1, 1\)"),
        (RECORD, None, [1, 2], "4 panels do not fit 2 axes; give one, 4 or none"),
    ],
)
def test_history_refuses(record, keys, ax, message):
    with pytest.raises(ValueError, match=message):
        plots.history(record, keys, ax)


# gradient_flow


def test_gradient_flow_shows_mean_and_maximum():
    g = {"a.weight": np.array([[1.0, -3.0, 8.0]]), "b.weight": Holder(grad=np.array([0.01, 0.03]))}
    for given in (g, g.items(), list(g.items())):
        ax = plots.gradient_flow(given)
        mean, top = ax.lines
        np.testing.assert_allclose(mean.get_xydata(), [[4, 0], [0.02, 1]])
        np.testing.assert_allclose(top.get_xydata(), [[8, 0], [0.03, 1]])
        assert mean.get_marker() != top.get_marker()
        assert legend(ax) == ["mean |g|", "max |g|"]
        assert ticks(ax.yaxis) == ["a.weight", "b.weight"]
        assert ax.get_xscale() == "log"
        assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first at the top
        assert ax.get_xlabel() == "absolute gradient |g|"


def test_gradient_flow_says_what_the_scale_cannot_show():
    ax = plots.gradient_flow(
        {
            "none": None,
            "leaf": Holder(),
            "zero": np.zeros(3),
            "partly": np.array([np.nan, 2.0, -np.inf]),
            "wholly": np.array([np.nan]),
            "empty": np.zeros((0, 3)),
        }
    )
    said = {ticks(ax.yaxis)[int(text.get_position()[1])]: text.get_text() for text in ax.texts}
    assert said == {
        "none": "no gradient",
        "leaf": "no gradient",
        "zero": "all zero",
        "partly": "2 of 3 NaN or infinite",
        "wholly": "1 of 1 NaN or infinite",
        "empty": "empty",
    }
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[2, 3]], [[2, 3]]]
    plots.svg(plots.gradient_flow({"none": None}))  # nothing at all for the scale


def test_gradient_flow_refuses():
    with pytest.raises(ValueError, match="gradient_flow: no parameters given"):
        plots.gradient_flow({})
    with pytest.raises(TypeError, match="the gradient of 'w' has dtype complex128; expected real numbers"):
        plots.gradient_flow({"v": np.ones(1), "w": np.array([1j])}, ax := Figure().add_subplot())
    assert not ax.has_data()


# confusion_matrix


def test_confusion_matrix():
    ax = plots.confusion_matrix(Holder([[8, 2, 0], [0, 5, 0], [0, 0, 0]]), ["cat", "dog", "eel"])
    assert words(ax.texts) == ["8", "2", "0", "0", "5", "0", "0", "0", "0"]
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.8, 0.2, 0], [0, 1, 0], [0, 0, 0]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert ticks(ax.xaxis) == ticks(ax.yaxis) == ["cat", "dog", "eel"]
    assert ax.get_title() == "86.7% right (13 of 15)"
    assert [patch.get_xy() for patch in ax.patches] == [(i - 0.5, i - 0.5) for i in range(3)]
    assert ax.figure.axes[1].get_ylabel() == "share of the true class"


def test_confusion_matrix_of_shares_and_of_nothing():
    ax = plots.confusion_matrix([[0.9, 0.1], [0.25, 0.75]])
    assert words(ax.texts) == ["0.9", "0.1", "0.25", "0.75"]
    assert ax.get_title() == "82.5% right"
    assert plots.confusion_matrix(np.zeros((2, 2), int)).get_title() == ""


@pytest.mark.parametrize(
    ("matrix", "labels", "message"),
    [
        (np.zeros((2, 3), int), None, r"expected a square matrix, got shape \(2, 3\)"),
        (np.zeros((0, 0), int), None, r"got shape \(0, 0\)"),
        ([[1, -1], [0, 1]], None, "expected counts or shares"),
        ([[1, np.nan], [0, 1]], None, "expected counts or shares"),
        ([[1, 0], [0, 1]], ["a"], "1 labels for 2 classes"),
    ],
)
def test_confusion_matrix_refuses(matrix, labels, message):
    with pytest.raises(ValueError, match=message):
        plots.confusion_matrix(matrix, labels)


# Every plot

EVERY = {
    "digits": lambda ax: plots.digits(np.eye(3)[None], ax=ax),
    "weights": lambda ax: plots.weights(np.eye(3), ax=ax),
    "activations": lambda ax: plots.activations({"sin": (np.sin, np.cos)}, ax=ax),
    "decision_boundary": lambda ax: plots.decision_boundary(lambda p: p[:, 0], X, [0, 1, 1, 0], ax=ax),
    "history": lambda ax: plots.history({"loss": [2.0, 1.0]}, ax=ax),
    "gradient_flow": lambda ax: plots.gradient_flow({"w": np.ones(3)}, ax=ax),
    "confusion_matrix": lambda ax: plots.confusion_matrix(np.eye(3, dtype=int), ax=ax),
}


def test_a_history_that_is_refused_leaves_the_axes_alone():
    ax = Figure().add_subplot()
    with pytest.raises(ValueError, match="'lr' is no list of numbers"):
        plots.history({"loss": [1.0], "lr": None}, ax=ax)
    assert not ax.has_data()


def test_every_plot_is_here():
    assert set(plots.__all__) == {*EVERY, "save", "svg"}


@pytest.mark.parametrize("name", EVERY)
def test_it_draws_into_the_axes_that_it_is_given(name):
    figure = Figure()
    given, other = figure.subplots(1, 2)
    drawn = EVERY[name](given)
    assert drawn is given or drawn == [given]
    assert given.has_data()
    assert not other.has_data()


@pytest.mark.parametrize("name", EVERY)
def test_it_needs_no_pyplot_and_changes_no_setting(name, monkeypatch):
    import matplotlib

    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    before = matplotlib.rcParams.copy()
    plots.svg(EVERY[name](None))
    assert matplotlib.rcParams.copy() == before


@pytest.mark.parametrize("name", EVERY)
def test_without_matplotlib_it_says_how_to_get_it(name, monkeypatch):
    figure_module = importlib.import_module("tinygrad_nn.plots._figure")
    figure_module._figure_class.cache_clear()
    for module in [m for m in sys.modules if m.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        EVERY[name](None)
    assert str(caught.value) == 'plots: matplotlib is not installed; pip install "tinygrad_nn[all]"'


# Files


def hostile_plots():
    record = {name: [1.0, 2.0] for name in HOSTILE}
    n = len(HOSTILE)
    yield from (plots.history(record), plots.gradient_flow({name: np.ones(2) for name in HOSTILE}))
    yield plots.confusion_matrix(np.eye(n, dtype=int), HOSTILE)
    yield plots.activations(dict.fromkeys(HOSTILE, np.sin), derivatives=False)
    yield plots.decision_boundary(lambda p: np.arange(len(p)) % n, np.ones((n, 2)), range(n), labels=HOSTILE)
    yield plots.digits(np.ones((n, 2, 2)), np.array(HOSTILE))


def test_names_are_data_and_none_is_left_out(monkeypatch):
    monkeypatch.setattr("warnings.warn", lambda *args, **kwargs: None)  # DejaVu Sans lacks some of the characters
    for drawn in hostile_plots():
        text = " ".join(ET.fromstring(plots.svg(drawn)).itertext())
        for part in ("$\\frac", "_hidden", "<b>&amp;]]>", "nul␀ bell␇", "שלום עולם", 'say "hi" \\n'):
            assert part in text, part


@pytest.mark.parametrize("ending", ["svg", "pdf", "png"])
def test_equal_figures_give_equal_files(ending, tmp_path, monkeypatch):
    first = tmp_path / f"first.{ending}"
    plots.save(plots.history(RECORD), first)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")  # what matplotlib would write as the date
    plots.save(plots.history(RECORD), str(tmp_path / f"second.{ending.upper()}"))
    data = first.read_bytes()
    assert data == (tmp_path / f"second.{ending.upper()}").read_bytes()
    assert data.startswith({"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}[ending])
    assert b"2001" not in data
    assert len(list(tmp_path.iterdir())) == 2


def test_svg_has_its_words_as_text():
    root = ET.fromstring(plots.svg(plots.history(RECORD)))
    text = "".join(root.itertext())
    assert "val_loss (last 1.25)" in text
    assert "learning rate" in text
    assert plots.history({"loss": [1.0]})[0].figure._repr_svg_().startswith("<?xml")  # what a notebook shows


def test_save_refuses(tmp_path):
    ax = plots.weights(np.eye(2))
    with pytest.raises(
        ValueError, match=r"save: cannot tell the format from 'x\.gif'; end the name in \.svg, \.pdf or"
    ):
        plots.save(ax, "x.gif")
    with pytest.raises(OSError, match="save: cannot write"):
        plots.save(ax, tmp_path / "missing" / "x.svg")
    with pytest.raises(TypeError, match="save: expected matplotlib axes or a figure, got str"):
        plots.save("x.svg", tmp_path / "x.svg")
    with pytest.raises(TypeError, match="save: expected matplotlib axes or a figure, got list"):
        plots.save([], tmp_path / "x.svg")
    assert list(tmp_path.iterdir()) == []
