"""The estimators: scikit-learn's own checks, and the places where people put estimators."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tinygrad_nn.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore:.*epochs are over and the loss still falls")


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_digits():
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16.0, y, random_state=0)
    model = MLPClassifier((64,), learning_rate=0.005, random_state=0).fit(X, y)
    assert model.score(X_test, y_test) > 0.96
    proba = model.predict_proba(X_test)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.log(proba), model.predict_log_proba(X_test), rtol=1e-6, atol=1e-9)
    assert len(model.loss_curve_) == model.n_iter_


def test_pipeline_grid_search_and_cross_validation():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    pipe = make_pipeline(StandardScaler(), MLPClassifier((8,), learning_rate=0.05, max_iter=50, random_state=0))
    assert cross_val_score(pipe, X, names, cv=3).mean() > 0.9
    search = GridSearchCV(pipe, {"mlpclassifier__hidden_layer_sizes": [(4,), (8, 8)]}, cv=2).fit(X, names)
    assert search.best_score_ > 0.9
    assert set(search.predict(X)) <= set(names)


def test_regression_of_one_and_of_several_numbers():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = MLPRegressor((32,), learning_rate=0.01, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.5
    both = np.column_stack([X[:, 0] * 2.0, X[:, 1] - 1.0])
    model = MLPRegressor((), learning_rate=0.05, tol=1e-8, random_state=0).fit(X, both)
    assert model.predict(X).shape == both.shape
    assert model.score(X, both) > 0.999


def test_same_seed_same_bits_clone_and_pickle():
    X, y = load_iris(return_X_y=True)
    first = MLPClassifier((5,), max_iter=5, random_state=3).fit(X, y)
    second = clone(first).fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    again = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))


def test_float32_stays_float32():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier((5,), max_iter=5, random_state=0).fit(X.astype(np.float32), y)
    assert model.predict_proba(X.astype(np.float32)).dtype == np.float32


def test_early_stopping_and_warm_start():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier((16,), learning_rate=0.05, early_stopping=True, random_state=0).fit(X, y)
    assert model.n_iter_ < 200
    model = MLPClassifier((16,), max_iter=3, warm_start=True, random_state=0).fit(X, y)
    before = model.loss_
    assert model.fit(X, y).loss_ < before
    assert model.n_iter_ == 6


def test_partial_fit():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier((16,), learning_rate=0.02, random_state=0)
    with pytest.raises(ValueError, match="needs classes="):
        model.partial_fit(X[:10], y[:10])
    for _ in range(100):
        model.partial_fit(X, y, classes=[0, 1, 2])
    assert model.score(X, y) > 0.9
    with pytest.raises(ValueError, match="not among the classes"):
        model.partial_fit(X, y + 5)
    regressor = MLPRegressor((), learning_rate=0.05, random_state=0)
    for _ in range(200):
        regressor.partial_fit(X, X[:, 0])
    assert regressor.score(X, X[:, 0]) > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "step"}, "activation='step' is unknown"),
        ({"optimizer": "x"}, "optimizer='x' is unknown"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
        ({"max_iter": 0}, "max_iter"),
        ({"learning_rate": -1.0}, "lr"),
        ({"early_stopping": True, "validation_fraction": 2.0}, "validation_fraction"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**options).fit(np.ones((4, 2)), [0, 1, 0, 1])
