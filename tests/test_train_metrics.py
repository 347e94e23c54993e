"""Metrics against scikit-learn and by hand, and bad input."""

import numpy as np
import pytest

from tinygrad_nn import Tensor, train

RNG = np.random.default_rng(0)
SCORES = RNG.standard_normal((40, 5))
LABELS = RNG.integers(0, 5, 40)


def test_accuracy():
    expected = (SCORES.argmax(1) == LABELS).mean()
    assert train.accuracy(SCORES, LABELS) == expected
    assert train.accuracy(Tensor(SCORES, requires_grad=True), LABELS.tolist()) == expected
    assert train.accuracy(SCORES, np.eye(5)[LABELS]) == expected
    images = RNG.standard_normal((2, 3, 4, 4))
    where = RNG.integers(0, 3, (2, 4, 4))
    assert train.accuracy(images, where) == (images.argmax(1) == where).mean()


@pytest.mark.parametrize("shape", [(40,), (40, 1)])
@pytest.mark.parametrize("target", [(40,), (40, 1)])
def test_accuracy_of_two_classes(shape, target):
    p, t = RNG.random(40), RNG.integers(0, 2, 40)
    assert train.accuracy(p.reshape(shape), t.reshape(target)) == ((p > 0.5) == t).mean()
    assert train.accuracy(p.reshape(shape) - 0.25, t.reshape(target), threshold=0) == ((p > 0.25) == t).mean()


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_top_k(k):
    metrics = pytest.importorskip("sklearn.metrics")
    if k < 5:
        assert train.top_k(SCORES, LABELS, k) == metrics.top_k_accuracy_score(LABELS, SCORES, k=k, labels=range(5))
    else:
        assert train.top_k(SCORES, LABELS, k) == 1.0


def test_confusion_matrix():
    metrics = pytest.importorskip("sklearn.metrics")
    expected = metrics.confusion_matrix(LABELS, SCORES.argmax(1))
    np.testing.assert_array_equal(train.confusion_matrix(SCORES, LABELS), expected)
    np.testing.assert_array_equal(train.confusion_matrix(SCORES.argmax(1), LABELS), expected)
    assert train.confusion_matrix([0, 1], [1, 1], classes=4).shape == (4, 4)
    assert train.confusion_matrix(np.array([True, False]), np.array([True, True])).tolist() == [[0, 0], [1, 1]]


def test_r2():
    metrics = pytest.importorskip("sklearn.metrics")
    t = RNG.standard_normal((40, 3))
    y = t + 0.3 * RNG.standard_normal((40, 3))
    assert train.r2(y, t) == pytest.approx(metrics.r2_score(t, y), rel=1e-12)
    assert train.r2(y[:, :1], t[:, 0]) == pytest.approx(metrics.r2_score(t[:, 0], y[:, 0]), rel=1e-12)
    assert train.r2(y.astype(np.float32), t) == pytest.approx(train.r2(y, t), rel=1e-5)
    assert train.r2([2.0, 2.0], [2.0, 2.0]) == 1.0
    assert train.r2([2.0, 3.0], [2.0, 2.0]) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train.accuracy([], []), "accuracy: needs one target for each of one or more outputs"),
        (lambda: train.accuracy(SCORES, LABELS[:3]), r"accuracy: needs .* got shapes \(40, 5\) and \(3,\)"),
        (lambda: train.accuracy(SCORES, np.zeros((40, 3))), "accuracy: outputs of shape .* do not fit"),
        (lambda: train.top_k(SCORES, LABELS, 0), "top_k: k must be a whole number above 0"),
        (lambda: train.top_k(SCORES, LABELS + 1), r"top_k: labels must be in 0 ... 4, got 1 ... 5"),
        (lambda: train.top_k(SCORES, LABELS.astype(float)), "top_k: needs scores .* dtype float64"),
        (lambda: train.confusion_matrix([0, 1], [0, 5], classes=3), "labels must be in 0 ... 2"),
        (lambda: train.confusion_matrix([0, -1], [0, 1]), "confusion_matrix: labels must be"),
        (lambda: train.confusion_matrix([0.5, 1.0], [0, 1]), "confusion_matrix: needs labels"),
        (lambda: train.r2([[1.0, 2.0]], [[1.0], [2.0]]), "r2: needs one target"),
        (
            lambda: train.r2(np.ones((2, 3)), np.ones((2, 2))),
            r"r2: outputs of shape \(2, 3\) and targets of shape \(2, 2\)",
        ),
    ],
)
def test_metrics_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()
