"""One-hot labels, splits, standardised columns."""

import numpy as np
import pytest

from tinygrad_nn.data import DataError, one_hot, split, standardize

# one_hot


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int8, np.uint64])
def test_one_hot_is_a_row_of_the_identity(dtype):
    labels = np.array([2, 0, 1, 2], dtype)
    np.testing.assert_array_equal(one_hot(labels), np.eye(3, dtype=np.float32)[[2, 0, 1, 2]], strict=True)
    np.testing.assert_array_equal(one_hot(labels, 5), np.eye(5, dtype=np.float32)[[2, 0, 1, 2]], strict=True)
    np.testing.assert_array_equal(one_hot(labels.tolist(), np.int64(3)), one_hot(labels))


def test_one_hot_of_any_shape():
    labels = np.arange(6).reshape(2, 3) % 4
    encoded = one_hot(labels, 4)
    assert encoded.shape == (2, 3, 4)
    assert (encoded.argmax(axis=-1) == labels).all()
    assert (encoded.sum(axis=-1) == 1).all()
    assert one_hot(np.int64(1), 3).tolist() == [0, 1, 0]
    assert one_hot([], 3).shape == (0, 3)
    assert one_hot(np.zeros((0, 2), int), 3).shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, -1], None, r"the label -1 is not in 0 ... 0"),
        ([0, 3], 3, r"the label 3 is not in 0 ... 2"),
        ([0, -1], 3, r"the label -1 is not in 0 ... 2"),
        ([0.0, 1.0], None, "dtype float64; convert them with astype"),
        ([True, False], 2, "dtype bool"),
        (["a"], None, "dtype <U1"),
        ([None], None, "dtype object"),
        ([], None, "pass classes="),
        (np.array([], int), None, "pass classes="),
        ([0], 0, "the label 0 is not in"),
        ([2**63], 3, "9223372036854775808"),
    ],
)
def test_one_hot_refuses_other_labels(labels, classes, message):
    with pytest.raises(DataError, match=r"^one_hot: .*" + message):
        one_hot(labels, classes)


def test_one_hot_classes_are_a_whole_number():
    with pytest.raises(TypeError, match="integer"):
        one_hot([0, 1], 2.5)


# split


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize(
    ("count", "size", "expected"), [(10, 0.3, 3), (1797, 0.2, 359), (10, 4, 4), (3, 0.5, 2), (5, 0, 0), (5, 0.0, 0)]
)
def test_split_is_a_partition_of_the_rows(count, size, expected, stratified):
    X = np.arange(count * 2).reshape(count, 2)
    y = np.arange(count) % 3
    (X_train, y_train), (X_test, y_test) = split(X, y, test_size=size, rng=0, stratify=y if stratified else None)
    assert (len(X_train), len(X_test)) == (count - expected, expected) == (len(y_train), len(y_test))
    rows = np.concatenate([X_train, X_test])[:, 0] // 2
    assert sorted(rows.tolist()) == list(range(count))
    assert (np.concatenate([y_train, y_test]) == y[rows]).all()
    assert not any(np.shares_memory(part, X) for part in (X_train, X_test))


def test_split_is_shuffled_and_decided_by_the_seed():
    X = np.arange(100)

    def rows(rng):
        (train,), (test,) = split(X, rng=rng)
        return [*train.tolist(), -1, *test.tolist()]

    assert rows(1) == rows(1) == rows(np.random.default_rng(1)) != rows(2)
    assert rows(None) != rows(None)
    (train,), (test,) = split(X, rng=1)
    assert train.tolist() != sorted(train.tolist())
    assert test.tolist() != sorted(test.tolist())


@pytest.mark.parametrize("seed", range(20))
def test_stratified_split_keeps_proportions(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(["a", "b", "c", "dd"], size=rng.integers(5, 200), p=[0.5, 0.3, 0.15, 0.05])
    size = rng.uniform(0.2, 0.6)
    (train,), (test,) = split(labels, test_size=size, rng=rng, stratify=labels)
    assert len(test) == round(size * len(labels))
    share = len(test) / len(labels)
    for label in set(labels.tolist()):
        assert abs((test == label).sum() - share * (labels == label).sum()) < 1
        assert (test == label).sum() + (train == label).sum() == (labels == label).sum()


def test_which_rows_are_tested_is_uniform():
    """In 1000 splits of 10 rows, each row is tested about 400 times, within 4 deviations of the binomial."""
    rng = np.random.default_rng(0)
    counts = np.zeros(10)
    for _ in range(1000):
        (_,), (test,) = split(np.arange(10), test_size=0.4, rng=rng, stratify=np.arange(10) % 2)
        counts[test] += 1
    assert (np.abs(counts - 400) < 4 * np.sqrt(240)).all()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"test_size": 1.0}, r"must be a float in \[0, 1\) or a number of rows, got 1.0"),
        ({"test_size": -0.1}, "must be a float"),
        ({"test_size": float("nan")}, "must be a float"),
        ({"test_size": "0.2"}, "got '0.2'"),
        ({"test_size": True}, "got True"),
        ({"test_size": 5}, "test_size 5 of 5 rows leaves nothing to train on"),
        ({"test_size": -1}, "leaves nothing to train on"),
        ({"test_size": 0.95}, "leaves nothing to train on"),
        ({"test_size": 0.01}, "leaves nothing to test on"),
        ({"stratify": [0, 1]}, r"stratify has shape \(2,\); 5 rows need one label each"),
        ({"stratify": np.zeros((5, 1))}, r"stratify has shape \(5, 1\)"),
    ],
)
def test_split_refuses_what_cannot_be_split(named, message):
    with pytest.raises(DataError, match=r"^split: .*" + message):
        split(np.arange(5), **named)


def test_split_refuses_arrays_that_do_not_fit():
    with pytest.raises(DataError, match=r"split: arrays of shapes \(5,\), \(4,\) differ"):
        split(np.arange(5), np.arange(4))
    with pytest.raises(DataError, match="split: no arrays"):
        split()
    with pytest.raises(DataError, match="of 0 rows leaves nothing to train on"):
        split(np.zeros((0, 2)))


# standardize


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8, np.float16])
def test_standardized_columns_have_mean_0_and_deviation_1(dtype):
    X = np.random.default_rng(0).uniform(0, 200, (500, 3)).astype(dtype)
    kept = X.copy()
    Z, mean, std = standardize(X)
    assert Z.dtype == (dtype if np.dtype(dtype).kind == "f" else np.float32)
    tolerance = 50 * np.finfo(Z.dtype).eps
    np.testing.assert_allclose(Z.mean(axis=0, dtype=float), 0, atol=tolerance)
    np.testing.assert_allclose(Z.std(axis=0, dtype=float), 1, atol=tolerance)
    np.testing.assert_allclose(Z * std + mean, X, rtol=tolerance, atol=tolerance * 200)
    np.testing.assert_array_equal(X, kept)


def test_standardize_agrees_with_scikit_learn():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    X = np.random.default_rng(1).normal(3, [1e-3, 1, 1e6], (50, 3))
    ours, mean, std = standardize(X)
    scaler = preprocessing.StandardScaler().fit(X)
    np.testing.assert_allclose(ours, scaler.transform(X), rtol=1e-12)
    np.testing.assert_allclose(standardize(X[:7] + 1, mean, std)[0], scaler.transform(X[:7] + 1), rtol=1e-12)


def test_training_statistics_are_used_for_other_rows():
    _, mean, std = standardize([[1.0], [3.0]])
    Z, again, deviation = standardize(np.array([[5.0]], np.float32), mean, std)
    assert (Z.tolist(), Z.dtype, again.tolist(), deviation.tolist()) == ([[3.0]], np.float32, [2.0], [1.0])
    assert standardize([[4.0]], 1.0, 2.0)[0].tolist() == [[1.5]]


def test_statistics_of_float32_are_float64():
    X = (1e6 + np.random.default_rng(0).standard_normal((20000, 2))).astype(np.float32)
    _, mean, std = standardize(X)
    np.testing.assert_allclose(mean, X.astype(float).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, X.astype(float).std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("value", [0.1, 1e300, -7.3, 0.0, 1e-300])
def test_constant_column_becomes_exactly_0(value):
    X = np.column_stack([np.full(1001, value), np.arange(1001.0)])
    Z, _, std = standardize(X)
    assert not Z[:, 0].any()
    assert std[0] == 1
    assert Z[:, 1].any()
    assert not standardize(np.full((3, 2, 2), 0.1, np.float32))[0].any()


@pytest.mark.parametrize(
    ("X", "named", "message"),
    [
        ([[1.0, np.nan]], {}, r"X\[0, 1\] is nan"),
        ([[1.0], [-np.inf]], {}, r"X\[1, 0\] is -inf"),
        (np.zeros((0, 3)), {}, r"X has shape \(0, 3\), no rows"),
        ([["a"]], {}, "X has dtype <U1"),
        ([[1j]], {}, "X has dtype complex128"),
        ([[None]], {}, "X has dtype object"),
        ([[1.0, 2.0]], {"mean": [1.0, 2.0, 3.0]}, r"mean has shape \(3,\), X of shape \(1, 2\) needs \(2,\)"),
        ([[1.0, 2.0]], {"std": [[1.0, 2.0]]}, r"std has shape \(1, 2\)"),
        ([[1.0, 2.0]], {"std": [1.0, 0.0]}, "std positive"),
        ([[1.0, 2.0]], {"mean": [np.nan, 0.0]}, "mean and std must be finite"),
        ([[1e308], [-1e308]], {}, "must be finite and std positive; rescale X"),
        (5.0, {}, "X is the single value 5.0"),
    ],
)
def test_standardize_refuses_what_has_no_mean(X, named, message):
    with pytest.raises(DataError, match=r"^standardize: .*" + message):
        standardize(X, **named)
