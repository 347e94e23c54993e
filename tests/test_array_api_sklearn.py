"""scikit-learn's own check of the array API, on the namespace: types, shapes and values, in both float dtypes."""

import os
import subprocess
import sys

import pytest

# scikit-learn and SciPy read the variable when they are imported: hence a process of its own.
CHECKS = """
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.preprocessing import (
    Binarizer, KernelCenterer, LabelEncoder, MaxAbsScaler, MinMaxScaler, Normalizer, PolynomialFeatures, StandardScaler,
)
from sklearn.utils.estimator_checks import check_array_api_input, check_array_api_input_and_values

exact = [
    Binarizer(), KernelCenterer(), MaxAbsScaler(), MinMaxScaler(), Normalizer(norm="l1"), Normalizer(),
    StandardScaler(), PolynomialFeatures(degree=2), Ridge(solver="svd"), PCA(n_components=2, svd_solver="full"),
]
for estimator in exact:
    for dtype in ("float64", "float32"):
        check_array_api_input_and_values(type(estimator).__name__, estimator, "tinygrad_nn.array_api", None, dtype)
check_array_api_input("LDA", LinearDiscriminantAnalysis(), "tinygrad_nn.array_api", None, "float64")

import numpy as np
import sklearn
from sklearn.metrics import accuracy_score, mean_squared_error, r2_score
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel
import tinygrad_nn as tg

a, b = np.random.default_rng(0).normal(size=(2, 6, 3))
with sklearn.config_context(array_api_dispatch=True):
    assert LabelEncoder().fit_transform(tg.Tensor([9, 5, 9, 3])).tolist() == [2, 1, 2, 0]
    for f in (cosine_similarity, rbf_kernel):
        y = f(tg.Tensor(a), tg.Tensor(b))
        assert type(y) is tg.Tensor, type(y)
        np.testing.assert_allclose(y.data, f(a, b), rtol=1e-12)
    for f in (mean_squared_error, r2_score):
        np.testing.assert_allclose(float(f(tg.Tensor(a), tg.Tensor(b))), f(a, b), rtol=1e-12)
    assert accuracy_score(tg.Tensor([0, 1, 1, 0]), tg.Tensor([0, 1, 0, 0])) == 0.75
print("passed")
"""


def test_scikit_learns_own_check_passes():
    pytest.importorskip("sklearn", "1.8", reason='scikit-learn is not installed: pip install "tinygrad_nn[all]"')
    env = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", CHECKS], capture_output=True, text=True, env=env)
    assert done.stdout == "passed\n", done.stderr
