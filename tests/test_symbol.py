"""Symbols: what they print, and that a printed formula evaluates to the same numbers."""

import numpy as np
import pytest

from tinygrad_nn.op import OPS
from tinygrad_nn.symbol import Symbol, formula, namespace

X, Y = Symbol("x", (3,)), Symbol("y", (3,))


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (X + Y * X, "x + y * x"),
        ((X + Y) * X, "(x + y) * x"),
        (X - (Y - X), "x - (y - x)"),
        (X / (Y * X), "x / (y * x)"),
        ((-X) ** 2, "(-x) ** 2"),
        (-(X**2), "-x ** 2"),
        ((X**2) ** 3, "(x ** 2) ** 3"),
        (2.0 * X, "2.0 * x"),
        (X * -1.5, "x * -1.5"),
        ((X > 0) * Y, "(x > 0) * y"),
        (np.where(X > 0, X, np.exp(Y)), "where(x > 0, x, exp(y))"),
        (np.sum(X, axis=0, keepdims=True), "sum(x, axis=0, keepdims=True)"),
        (X[1:, None], "x[1:, None]"),
        (np.concatenate([X, Y]), "concatenate([x, y])"),
        (X @ Y, "x @ y"),
    ],
)
def test_text_and_meaning(expression, text):
    assert str(expression) == text
    x, y = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])
    value = eval(text, namespace() | {"x": x, "y": y})
    assert np.shape(value) == expression.shape


def test_symbols_have_no_values():
    with pytest.raises(TypeError, match="not on the value"):
        bool(X > 0)
    with pytest.raises(TypeError, match="no values"):
        np.asarray(X)


def test_formulas():
    assert formula(OPS["sin"], 0) == "g * cos(x)"
    assert formula(OPS["multiply"], 1) == "g * a"
    assert formula(OPS["multiply"], 1, names=["w", "h"]) == "g * w"
    assert formula(OPS["matmul"], 0, [(2, 3), (3, 4)]) == "g @ b.T"
    assert formula(OPS["where"], 0) == "0"
    index = np.array([0, 0, 1])
    assert formula(OPS["getitem"], 0, [(3,)], {"index": index}) == "scatter(g, shape=(3,), index=index)"
