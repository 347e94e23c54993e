"""Broadcasting that was hardly meant is told, and ordinary code is left alone."""

import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn, record

rng = np.random.default_rng(0)


def leaf(*shape):
    return tg.Tensor(rng.normal(size=shape), requires_grad=True)


def column_and_row():
    prediction, target = leaf(4, 1), rng.normal(size=4)
    return ((prediction - target) ** 2).mean()


def row_and_column():
    prediction, target = leaf(4), rng.normal(size=(4, 1))
    return ((prediction - target) ** 2).mean()


def through_a_network():
    output, labels = nn.Linear(3, 1, rng=0)(rng.normal(size=(5, 3)).astype(np.float32)), np.ones(5, np.float32)
    return (output.sigmoid() - labels).sum()


def rows_by_their_sums():
    x = leaf(4, 4)
    return x / x.sum(axis=1)


def weights_of_rows():
    x, weights = leaf(4, 4), rng.random(4)
    return x * weights


def two_columns():
    column, row = leaf(3, 1), leaf(1, 3)
    return column + row


FAULTS = {
    column_and_row: ("prediction (4, 1) and target (4,) both expand, to (4, 4)", "target.reshape(-1, 1)"),
    row_and_column: ("target (4, 1) and prediction (4,) both expand", "prediction.reshape(-1, 1)"),
    through_a_network: ("labels (5,) both expand, to (5, 5)", "labels.reshape(-1, 1)"),
    rows_by_their_sums: ("the result of sum (4,) runs along the last axis of x (4, 4)", "[:, None]"),
    weights_of_rows: ("weights (4,) runs along the last axis of x (4, 4)", "weights[:, None]"),
    two_columns: ("column (3, 1) and row (1, 3) both expand, to (3, 3)", "row.T"),
}

MEANT = {
    "bias": lambda: leaf(4, 4) + leaf(4),
    "bias of a layer": lambda: nn.Linear(4, 4, rng=0)(np.ones((4, 4), np.float32)),
    "outer product": lambda: leaf(3)[:, None] * leaf(5)[None, :],
    "outer product of one new axis": lambda: leaf(3)[:, None] * leaf(5),
    "expand_dims": lambda: np.expand_dims(leaf(3), 1) - leaf(3),
    "outer product after a function": lambda: np.exp(leaf(3)[:, None]) - leaf(3),
    "reshape": lambda: leaf(3).reshape(-1, 1) - leaf(3),
    "keepdims": lambda: (x := leaf(4, 4)) / x.sum(axis=1, keepdims=True),
    "both keepdims": lambda: (x := leaf(4, 4)).sum(axis=1, keepdims=True) * x.sum(axis=0, keepdims=True),
    "centre columns": lambda: (x := leaf(4, 4)) - x.mean(axis=0),
    "a number": lambda: leaf(4, 1) * 2.0 + np.float64(1.0) + leaf(),
    "one element": lambda: leaf(4, 1) + leaf(1),
    "rectangle": lambda: leaf(4, 3) * rng.random(3),
    "same shape": lambda: leaf(4, 4) * leaf(4, 4),
    "mask of attention": lambda: leaf(2, 3, 4, 4) + np.zeros((2, 1, 1, 4)),
    "channels": lambda: leaf(2, 3, 4, 4) * leaf(3, 1, 1),
}


@pytest.mark.parametrize("program", FAULTS)
def test_fault_is_told_with_names_shapes_and_a_fix(program):
    what, fix = FAULTS[program]
    y = program()
    (found,) = tg.lint(y)
    assert Path(__file__).name in found.place
    assert "expand, to" in found.text or "runs along" in found.text
    with warnings.catch_warnings(record=True) as warned, tg.lint_broadcasts():
        warnings.simplefilter("always")
        for _ in range(3):
            program()
    (warning,) = warned
    assert warning.category is tg.BroadcastWarning
    assert warning.filename == __file__
    assert what in str(warning.message)
    assert fix in str(warning.message)
    assert "\n" not in str(warning.message)
    with pytest.raises(tg.BroadcastError), tg.lint_broadcasts(strict=True):
        program()


@pytest.mark.parametrize("name", MEANT)
def test_what_is_meant_is_left_alone(name):
    y = MEANT[name]()
    assert tg.lint(y) == []
    with tg.lint_broadcasts(strict=True):
        MEANT[name]()


@pytest.mark.parametrize("script", ["activations", "scalar_network", "two_moons", "worked_example"])
def test_examples_raise_no_alarm(script, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [script])
    with tg.lint_broadcasts(strict=True):
        runpy.run_path(str(Path(__file__).parents[1] / "examples" / f"{script}.py"))


def test_layers_and_losses_raise_no_alarm():
    # Lengths that are all alike, so that every rank promotion would show.
    F, o = nn.functional, {"rng": 0}
    rows, words = leaf(4, 4), np.array([[0, 1, 2, 3]] * 4)
    layers = [nn.Linear(4, 4, dtype=float, **o), nn.LayerNorm(4, dtype=float), nn.RMSNorm(4, dtype=float)]
    layers += [nn.BatchNorm1d(4, dtype=float), nn.Softmax(), nn.GELU(), nn.Dropout(0.5, **o), nn.PReLU(4, dtype=float)]
    layers += [getattr(nn, f"{kind}Cell")(4, 4, dtype=float, **o) for kind in ("RNN", "LSTM", "GRU")]
    many = [getattr(nn, kind)(4, 4, dtype=float, **o) for kind in ("RNN", "LSTM", "GRU")]
    images = [nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect", dtype=float, **o), nn.BatchNorm2d(4, dtype=float)]
    images += [nn.ConvTranspose2d(4, 4, 1, dtype=float, **o), nn.GroupNorm(2, 4, dtype=float), nn.MaxPool2d(2)]
    attention = nn.MultiheadAttention(4, 2, dtype=float, **o)
    labels, numbers = np.array([0, 1, 2, 3]), rng.random((4, 4))
    losses = [F.mse_loss, F.l1_loss, F.huber_loss, F.smooth_l1_loss, F.binary_cross_entropy_with_logits]
    with tg.lint_broadcasts(strict=True):
        found = [layer(rows) for layer in layers] + [layer(leaf(4, 4, 4)) for layer in many]
        found += [layer(leaf(4, 4, 4, 4)) for layer in images] + [attention(x := leaf(4, 4, 4), x, x)[0]]
        found += [
            nn.Embedding(4, 4, dtype=float, **o)(words),
            F.cross_entropy(rows, labels),
            F.cross_entropy(rows, numbers),
        ]
        found += [loss(rows, numbers) for loss in losses]
        step = tg.optim.Adam(layers[0].parameters())
        for y in found:
            (y[0] if isinstance(y, tuple) else y).sum().backward()
        step.step()


def masked():
    prediction, mask = leaf(4, 1), np.array([True, False, True, True])
    return np.where(mask, prediction, 0.0)


def test_a_mask_beside_a_column_and_other_operations():
    with pytest.raises(tg.BroadcastError, match=r"where: prediction \(4, 1\) and mask \(4,\) both expand"), strictly():
        masked()
    with pytest.raises(tg.BroadcastError, match="hypot: the result of max"), strictly():
        np.hypot(x := leaf(3, 3), x.max(axis=-1))


def strictly():
    return tg.lint_broadcasts(strict=True)


def test_nothing_is_watched_outside_of_the_block():

    plain = record._recorded
    with tg.lint_broadcasts(), tg.detect_anomaly(), tg.lint_broadcasts():
        assert record._recorded is not plain
    assert record._recorded is plain


def test_decorator_and_bad_options():
    @tg.lint_broadcasts(strict=True)
    def loss():
        return column_and_row()

    with pytest.raises(tg.BroadcastError):
        loss()
    with pytest.raises(TypeError, match="strict"):
        tg.lint_broadcasts(strict="yes")


def test_one_finding_for_each_line():
    a, b = leaf(4, 1), leaf(4)
    y = 0.0
    for _ in range(3):
        y = y + (a - b).sum()
    z = (a * b).sum()
    assert len(tg.lint([y, z])) == 2


def test_lint_and_anomaly_watch_together_in_either_order():
    column, row = tg.Tensor(np.ones((3, 1)), requires_grad=True), tg.Tensor(np.ones(3), requires_grad=True)
    plain = record._recorded
    for outer, inner in ((tg.lint_broadcasts, tg.detect_anomaly), (tg.detect_anomaly, tg.lint_broadcasts)):
        with outer(), inner():
            with pytest.warns(tg.BroadcastWarning), np.errstate(all="ignore"):
                column - row
            with pytest.raises(tg.AnomalyError):
                np.log(column - 1.0 - 1.0)
        with tg.lint_broadcasts():
            with tg.detect_anomaly():
                pass
            with pytest.warns(tg.BroadcastWarning):
                column + row
        assert record._recorded is plain
