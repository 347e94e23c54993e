"""Moons, spirals and scikit-learn's digits: geometry, proportions, seeds."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_nn.data import DataError, digits, moons, spiral
from tinygrad_nn.data.optional import load

SETS = {"moons": moons, "spiral": spiral, "digits": digits}


def whole(parts):
    (X_train, y_train), (X_test, y_test) = parts
    return np.concatenate([X_train, X_test]), np.concatenate([y_train, y_test])


def sorted_rows(X, y):
    rows = np.column_stack([y, X])
    return rows[np.lexsort(rows.round(4).T[::-1])]


def hide(monkeypatch, library):
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)  # an import of it now fails as if it were not installed


@pytest.mark.parametrize("name", SETS)
def test_form_and_proportions(name):
    (X_train, y_train), (X_test, y_test) = SETS[name](test_size=0.25)
    for X, y in ((X_train, y_train), (X_test, y_test)):
        assert (X.dtype, y.dtype, X.ndim, y.ndim) == (np.float32, np.int64, 2, 1)
        assert len(X) == len(y)
        assert X.flags.c_contiguous
        assert X.flags.writeable
    total = np.bincount(y_train) + np.bincount(y_test)
    assert len(y_test) == round(0.25 * total.sum())
    assert (np.abs(np.bincount(y_test) - 0.25 * total) < 1).all()


@pytest.mark.parametrize("name", SETS)
def test_the_seed_decides(name):
    def values(**named):
        return [array.tobytes() for part in SETS[name](**named) for array in part]

    assert values() == values(rng=0) == values(rng=np.random.default_rng(0))
    assert values(rng=0) != values(rng=1)
    assert values(rng=None) != values(rng=None)


@pytest.mark.parametrize("name", SETS)
def test_test_size_as_in_split(name):
    (_, y_train), (X_test, y_test) = SETS[name](test_size=0)
    assert (len(X_test), len(y_test)) == (0, 0)
    assert len(SETS[name](test_size=50)[1][1]) == 50
    assert len(y_train) in (900, 1000, 1797)
    for size in (1.0, -0.5, 10**6, "half", True):
        with pytest.raises(DataError, match="test_size"):
            SETS[name](test_size=size)


@pytest.mark.parametrize("n", [2, 3, 100, 101])
def test_moons_are_those_of_scikit_learn(n):
    datasets = pytest.importorskip("sklearn.datasets")
    theirs = sorted_rows(*datasets.make_moons(n_samples=n, noise=None))
    ours = sorted_rows(*whole(moons(n, noise=0, test_size=0)))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_moons_lie_on_two_half_circles():
    X, y = whole(moons(500, noise=0))
    assert np.bincount(y).tolist() == [250, 250]
    np.testing.assert_allclose(np.hypot(*X[y == 0].T), 1, atol=1e-6)
    assert (X[y == 0, 1] > -1e-6).all()
    np.testing.assert_allclose(np.hypot(X[y == 1, 0] - 1, X[y == 1, 1] - 0.5), 1, atol=1e-6)
    assert (X[y == 1, 1] < 0.5 + 1e-6).all()


@pytest.mark.parametrize(("make", "n"), [(moons, 4000), (spiral, 4000)])
def test_noise_has_the_deviation_that_was_asked_for(make, n):
    clean, y = whole(make(n, noise=0, rng=3))
    noisy, z = whole(make(n, noise=0.25, rng=3))  # the same rows in the same order: noise is drawn either way
    assert (y == z).all()
    difference = noisy - clean
    assert abs(difference.mean()) < 0.02
    np.testing.assert_allclose(difference.std(axis=0), 0.25, rtol=0.05)
    assert abs(np.corrcoef(difference.T)[0, 1]) < 0.06


@pytest.mark.parametrize(("n", "classes", "turns"), [(900, 3, 0.75), (10, 3, 1.5), (50, 1, 2), (64, 8, 0)])
def test_spiral_has_the_stated_formula(n, classes, turns):
    X, y = whole(spiral(n, classes=classes, noise=0, turns=turns))
    sizes = np.bincount(y)
    assert len(sizes) == classes
    assert sizes.sum() == n
    assert sizes.max() - sizes.min() <= 1
    radius = np.hypot(*X.T)
    angle = 2 * np.pi * (turns * radius + y / classes)
    np.testing.assert_allclose(X, (radius * [np.sin(angle), np.cos(angle)]).T, atol=1e-5)
    for k in range(classes):
        np.testing.assert_allclose(np.sort(radius[y == k]), np.arange(1, sizes[k] + 1) / sizes[k], atol=1e-6)


@pytest.mark.parametrize(("make", "margin"), [(moons, 0.2), (spiral, 0.1)])
def test_default_sets_can_be_told_apart_but_not_by_a_line(make, margin):
    """Nearest neighbours do, a least-squares plane does not."""
    (X_train, y_train), (X_test, y_test) = make()
    distance = ((X_test[:, None] - X_train[None]) ** 2).sum(axis=-1)
    assert (y_train[distance.argmin(axis=1)] == y_test).mean() > 0.97
    design = np.column_stack([X_train, np.ones(len(X_train))])
    plane = np.linalg.lstsq(design, np.eye(y_train.max() + 1)[y_train], rcond=None)[0]
    assert ((design @ plane).argmax(axis=1) == y_train).mean() < 1 - margin / 2


@pytest.mark.parametrize(
    ("make", "named", "message"),
    [
        (moons, {"n": 1}, "moons: n must be at least 2, got 1"),
        (moons, {"noise": -0.1}, "moons: noise must be finite and not negative, got -0.1"),
        (moons, {"noise": float("nan")}, "moons: noise must be finite"),
        (spiral, {"noise": float("inf")}, "spiral: noise must be finite"),
        (spiral, {"n": 2}, "spiral: n must be at least 3, got 2"),
        (spiral, {"classes": 0}, "spiral: classes must be at least 1, got 0"),
        (spiral, {"turns": -1}, "spiral: turns must be finite and not negative"),
    ],
)
def test_wrong_arguments_are_named(make, named, message):
    with pytest.raises(DataError, match=message):
        make(**named)


def test_counts_are_whole_numbers():
    for call in (lambda: moons(10.0), lambda: spiral("9")):
        with pytest.raises(TypeError, match="integer"):
            call()


# scikit-learn's digits


def test_digits_are_scikit_learns_scaled_to_1():
    datasets = pytest.importorskip("sklearn.datasets")
    bunch = datasets.load_digits()
    X, y = whole(digits())
    np.testing.assert_array_equal(sorted_rows(X * 16, y), sorted_rows(bunch.data, bunch.target))
    assert (X.min(), X.max()) == (0, 1)
    images, labels = whole(digits(flat=False))
    assert images.shape == (1797, 1, 8, 8)
    np.testing.assert_array_equal(images.reshape(1797, 64), X)
    np.testing.assert_array_equal(labels, y)


@pytest.mark.parametrize("seed", [0, 1])
def test_digits_are_not_in_both_parts(seed):
    (X_train, _), (X_test, _) = digits(rng=seed)
    together = len({row.tobytes() for row in X_train} | {row.tobytes() for row in X_test})
    assert together == len({row.tobytes() for row in whole(digits(test_size=0))[0]})
    assert not {row.tobytes() for row in X_train} & {row.tobytes() for row in X_test}


def test_without_scikit_learn_one_error_says_what_to_install(monkeypatch):
    hide(monkeypatch, "sklearn")
    message = r'digits: needs scikit-learn, which is not installed; pip install "tinygrad_nn\[all\]"'
    with pytest.raises(ModuleNotFoundError, match=message) as caught:
        digits()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert len(whole(moons())[0]) == 1000


def test_a_broken_library_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "brokenlibrary.py").write_text("import of_which_a_part_is_missing")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="of_which_a_part_is_missing"):
        load("brokenlibrary", "digits")


def test_importing_data_loads_no_optional_library():
    code = "import sys, tinygrad_nn.data; print({'sklearn', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules))"
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert (done.stdout, done.stderr) == ("set()\n", "")
