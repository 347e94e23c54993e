"""fit and evaluate: against a loop written by hand, every kind of data, what is recorded, and bad input."""

import math
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.data import DataLoader, Dataset, TensorDataset
from tinygrad_nn.optim import schedules

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64) + (X[:, 2] > 0.5)
XV = RNG.standard_normal((20, 4)).astype(np.float32)
YV = (XV[:, 0] + XV[:, 1] > 0).astype(np.int64) + (XV[:, 2] > 0.5)


def net(rng=0, out=3, **options):
    g = np.random.default_rng(rng)
    return nn.Sequential(nn.Linear(4, 8, rng=g, **options), nn.Tanh(), nn.Linear(8, out, rng=g, **options))


def bits(model):
    return b"".join(a.tobytes() for a in model.state_dict().values())


def fit(model, loss="cross_entropy", train=(X, Y), *args, **options):
    return tg.fit(model, loss, train, *args, **{"progress": False, "rng": 0, "epochs": 3, **options})


def sgd(model, lr=0.1, **options):
    return optim.SGD(model.parameters(), lr=lr, **options)


# What it computes ----------------------------------------------------------------------------------------------------


def test_as_a_loop_written_by_hand():
    model, twin = net(), net()
    history = fit(model, optimizer=sgd(model, momentum=0.9), batch_size=16)
    optimizer, rng = sgd(twin, momentum=0.9), np.random.default_rng(0)
    losses, accuracies = [], []
    for _ in range(3):
        order = rng.permutation(50)
        total, right = 0.0, 0
        for i in range(0, 50, 16):
            rows = order[i : i + 16]
            y = twin(X[rows])
            loss = nn.functional.cross_entropy(y, Y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
            right += (y.data.argmax(1) == Y[rows]).sum()
        losses.append(total / 50)
        accuracies.append(right / 50)
    assert bits(model) == bits(twin)
    assert history["loss"] == pytest.approx(losses, rel=1e-12)
    assert history["accuracy"] == accuracies
    assert history["lr"] == [0.1] * 3
    assert list(history) == ["loss", "accuracy", "lr"]


def test_same_seed_same_bits_and_another_seed_others():
    runs = []
    for seed in (0, 0, 1):
        model = net()
        runs.append((fit(model, rng=seed), bits(model)))
    assert runs[0][1] == runs[1][1] != runs[2][1]
    assert dict(runs[0][0]) == dict(runs[1][0])


def test_global_random_state_is_neither_read_nor_changed():
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    fit(net(), rng=None)
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_a_generator_is_shared_and_goes_on():
    rng, copy = np.random.default_rng(3), np.random.default_rng(3)
    fit(net(), rng=rng)
    for _ in range(3):
        copy.permutation(50)
    assert rng.random() == copy.random()


def test_accumulated_batches_are_one_large_batch():
    one, many = net(dtype=float), net(dtype=float)
    data = (X.astype(float), Y)
    a = fit(one, train=data, optimizer=sgd(one), batch_size=32)
    b = fit(many, train=data, optimizer=sgd(many), batch_size=8, accumulate=4)
    for p, q in zip(one.parameters(), many.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-12, atol=1e-14)
    assert a["loss"] == pytest.approx(b["loss"], rel=1e-12)


def test_clip_norm_and_clip_value_bound_the_step():
    for options in ({"clip_norm": 1e-3}, {"clip_value": 1e-4}):
        model = net(dtype=float)
        before = np.concatenate([p.data.ravel() for p in model.parameters()])
        fit(model, optimizer=sgd(model, lr=1.0), epochs=1, batch_size=50, **options)
        moved = np.concatenate([p.data.ravel() for p in model.parameters()]) - before
        if "clip_norm" in options:
            assert np.linalg.norm(moved) == pytest.approx(1e-3, rel=1e-2)
        else:
            assert np.abs(moved).max() == pytest.approx(1e-4)


def test_lbfgs_in_fit():
    model = nn.Linear(4, 1, dtype=float, rng=0)
    w = np.array([[1.0, -2.0, 0.5, 3.0]])
    data = X.astype(float)
    lbfgs = optim.LBFGS(model.parameters())
    history = fit(model, "mse_loss", (data, data @ w.T + 2.0), optimizer=lbfgs, batch_size=50, epochs=2)
    np.testing.assert_allclose(model.weight.data, w, atol=1e-4)
    assert history["loss"][1] < 1e-8 < history["loss"][0]
    assert "lr" not in history


def test_default_optimizer_trains_only_what_is_not_frozen():
    model = net()
    model[0].freeze()
    before = model.state_dict()
    fit(model)
    after = model.state_dict()
    assert (after["0.weight"] == before["0.weight"]).all()
    assert (after["2.weight"] != before["2.weight"]).any()


def test_a_plain_function_as_model():
    w = tg.Tensor(np.zeros((4, 1)), requires_grad=True)
    target = X @ np.array([[1.0], [2.0], [3.0], [4.0]])
    fit(lambda x: x @ w, "mse_loss", (X, target), optimizer=optim.SGD([w], lr=0.2), epochs=60, batch_size=10)
    np.testing.assert_allclose(w.data.ravel(), [1.0, 2.0, 3.0, 4.0], rtol=1e-3)


def test_recording_is_on_even_under_no_grad():
    model = net()
    before = bits(model)
    with tg.no_grad():
        fit(model)
    assert bits(model) != before


# Data ----------------------------------------------------------------------------------------------------------------


class Pairs(Dataset):
    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index], Y[index]


class Batches:
    """A loader of the user's own."""

    def __iter__(self):
        for i in range(0, 50, 16):
            yield [X[i : i + 16], Y[i : i + 16]]


@pytest.mark.parametrize(
    ("train", "size"),
    [
        ((X, Y), 16),
        ([X, Y], 16),
        ((X.tolist(), Y.tolist()), 16),
        ((tg.Tensor(X), Y), 16),
        (TensorDataset(X, Y), 16),
        (Pairs(), 16),
        (DataLoader(TensorDataset(X, Y), 16), None),
        (Batches(), None),
        ([(X[i : i + 16], Y[i : i + 16]) for i in range(0, 50, 16)], None),
    ],
    ids=["tuple", "list", "lists", "tensor", "tensors", "dataset", "loader", "iterable", "batches"],
)
def test_every_kind_of_data_gives_the_same(train, size):
    model, twin = net(), net()
    history = fit(model, train=train, batch_size=size, shuffle=False, optimizer=sgd(model))
    same = fit(twin, batch_size=16, shuffle=False, optimizer=sgd(twin))
    assert history["accuracy"] == same["accuracy"]
    np.testing.assert_allclose(history["loss"], same["loss"], rtol=1e-5)
    evaluated = tg.evaluate(model, "cross_entropy", train, batch_size=size)
    assert evaluated == pytest.approx(tg.evaluate(model, "cross_entropy", (X, Y)), rel=1e-5)


def test_a_dataset_derived_from_tensors_gives_its_own_batches():
    class Doubled(TensorDataset):
        def batch(self, indices):
            x, y = super().batch(indices)
            return 2 * x, y

    model, twin = net(), net()
    fit(model, train=Doubled(X, Y), optimizer=sgd(model), batch_size=16)
    fit(twin, train=(2 * X, Y), optimizer=sgd(twin), batch_size=16)
    assert bits(model) == bits(twin)


def test_a_dataset_is_shuffled_as_arrays_are():
    model, twin = net(), net()
    fit(model, train=Pairs(), optimizer=sgd(model), batch_size=16)
    fit(twin, optimizer=sgd(twin), batch_size=16)
    assert bits(model) == bits(twin)


def test_a_torch_loader_gives_batches():
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=16, shuffle=True
    )
    assert fit(net(), train=loader, epochs=20)["loss"][-1] < 1.0


def test_several_inputs():
    class Sum(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(4, 3, rng=0)

        def forward(self, a, b):
            return self.layer(a + b)

    model = Sum()
    assert fit(model, train=(X, X, Y), epochs=30)["accuracy"][-1] > 0.6
    assert set(tg.evaluate(model, "cross_entropy", (X, X, Y))) == {"loss", "accuracy"}


def test_inputs_are_not_changed_and_not_kept():
    x, y = X.copy(), Y.copy()
    x.flags.writeable = y.flags.writeable = False
    fit(net(), train=(x, y), validation=(x, y))
    fit(net(), train=(x, y), batch_size=50)
    assert (x == X).all()


def test_integer_inputs_reach_the_model_as_arrays():
    table = tg.Tensor(np.zeros((5, 3)), requires_grad=True)
    tokens = np.arange(50) % 5
    history = fit(
        lambda i: np.eye(5)[i] @ table, train=(tokens, tokens % 3), optimizer=optim.SGD([table], lr=5.0), epochs=9
    )
    assert history["accuracy"][-1] == 1.0


# What is watched -----------------------------------------------------------------------------------------------------


def test_validation_is_measured_and_changes_nothing():
    model, twin = net(), net()
    history = fit(model, validation=(XV, YV))
    fit(twin)
    assert bits(model) == bits(twin)
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy", "lr"]
    found = tg.evaluate(model, "cross_entropy", (XV, YV))
    assert history["val_loss"][-1] == pytest.approx(found["loss"])
    assert history["val_accuracy"][-1] == found["accuracy"]


def test_evaluate_weighs_batches_by_their_samples():
    model = net()
    y = model(X).data.astype(float)
    p = np.exp(y) / np.exp(y).sum(1, keepdims=True)
    for size in (None, 1, 7, 16, 1000):
        found = tg.evaluate(model, nn.CrossEntropyLoss(), (X, Y), batch_size=size)
        assert found["loss"] == pytest.approx(-np.log(p[np.arange(50), Y]).mean(), rel=1e-5)
        assert found["accuracy"] == (y.argmax(1) == Y).mean()


def test_modes_are_set_and_restored_also_after_an_error():
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(self.training)
            return x

    model = nn.Sequential(Spy(), net())
    model[0].training = False
    fit(model, validation=(XV, YV), epochs=1, batch_size=50)
    assert seen == [True, False]
    assert [model.training, model[0].training] == [True, False]
    model.eval()
    tg.evaluate(model, "cross_entropy", (X, Y))
    assert not model.training
    model.train()
    with pytest.raises(ValueError, match="labels"):
        tg.evaluate(model, "cross_entropy", (X, Y[:, None]))
    assert model.training


@pytest.mark.parametrize(
    ("loss", "targets", "expected"),
    [
        ("cross_entropy", Y, True),
        (nn.CrossEntropyLoss(label_smoothing=0.1), Y, True),
        ("cross_entropy", np.eye(3, dtype=np.float32)[Y], True),
        (lambda y, t: nn.functional.cross_entropy(y, t), Y, True),
        (lambda y, t: nn.functional.nll_loss(nn.functional.log_softmax(y), t), Y, True),
        ("mse_loss", np.eye(3, dtype=np.float32)[Y], False),
        ("binary_cross_entropy_with_logits", np.eye(3, dtype=np.float32)[Y], True),
        ("binary_cross_entropy_with_logits", np.full((50, 3), 0.3, np.float32), False),
    ],
)
def test_accuracy_only_where_these_are_classes(loss, targets, expected):
    model = net()
    history = fit(model, loss, (X, targets))
    assert ("accuracy" in history) == expected
    if expected and targets.ndim == 1:
        assert history["accuracy"][-1] == pytest.approx((model(X).data.argmax(1) == Y).mean(), abs=0.2)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_accuracy_of_two_classes_from_logits_and_probabilities(shape):
    labels = (X[:, 0] > 0).astype(np.float32).reshape(shape)
    flat = [nn.Flatten(0)] if shape == (-1,) else []
    logits = nn.Sequential(nn.Linear(4, 1, rng=0), *flat)
    fit(logits, nn.BCEWithLogitsLoss(), (X, labels), epochs=5)
    expected = ((logits(X).data > 0) == (labels > 0)).mean()
    assert tg.evaluate(logits, "binary_cross_entropy_with_logits", (X, labels))["accuracy"] == expected
    probabilities = nn.Sequential(logits, nn.Sigmoid())
    assert tg.evaluate(probabilities, nn.BCELoss(), (X, labels))["accuracy"] == expected


def test_ignored_labels_do_not_count():
    labels = np.where(np.arange(50) < 25, -1, Y)
    found = tg.evaluate(net(), nn.CrossEntropyLoss(ignore_index=-1), (X, labels), batch_size=50)
    assert found == pytest.approx(tg.evaluate(net(), "cross_entropy", (X[25:], Y[25:])), rel=1e-6)


def test_record_gives_single_weights_every_epoch():
    model = net()
    seen = []
    history = fit(
        model,
        record=[("0.weight", (2, 3)), ("2.bias", 1), ("0.weight", (-1, 0))],
        callbacks=lambda run: seen.append(model[0].weight.data[2, 3]),
    )
    assert history["0.weight[2, 3]"] == seen
    assert history["2.bias[1]"][-1] == model[2].bias.data[1]
    assert history["0.weight[-1, 0]"][-1] == model[0].weight.data[-1, 0]
    assert len(set(seen)) == 3


def test_metrics_see_all_outputs_of_an_epoch_at_once():
    shapes = []

    def worst(y, t):
        shapes.append((y.shape, t.shape))
        return float(np.abs(y).max())

    model = net(out=1)
    history = fit(model, "mse_loss", (X, X[:, :1]), (XV, XV[:, :1]), metrics=["r2", worst], batch_size=16)
    assert shapes == [((50, 1), (50, 1)), ((20, 1), (20, 1))] * 3
    assert list(history) == ["loss", "r2", "worst", "val_loss", "val_r2", "val_worst", "lr"]
    y = model(XV).data
    assert history["val_r2"][-1] == pytest.approx(
        1 - ((y - XV[:, :1]) ** 2).sum() / ((XV[:, 0] - XV[:, 0].mean()) ** 2).sum()
    )
    found = tg.evaluate(model, "mse_loss", (XV, XV[:, :1]), metrics={"top": worst, "shape": lambda y, t: y.shape})
    assert found["top"] == np.abs(y).max()
    assert found["shape"] == (20, 1)


def test_schedules_step_once_per_epoch_or_per_batch():
    model = net()
    optimizer = sgd(model, 0.4)
    assert fit(model, schedule=schedules.ExponentialLR(optimizer, 0.5))["lr"] == [0.4, 0.2, 0.1]
    assert optimizer.lr == 0.05
    optimizer = sgd(model, 0.4)
    schedule = schedules.LambdaLR(optimizer, lambda t: 1 / (t + 1), every="batch")
    fit(model, schedule=schedule, optimizer=optimizer, batch_size=16)
    assert schedule.count == 12
    optimizer = sgd(model)
    fit(model, schedule=schedules.OneCycleLR(optimizer, 0.5, total_steps=12), batch_size=16)
    optimizer = sgd(model, 0.4)
    plateau = schedules.ReduceLROnPlateau(optimizer, patience=0, threshold=1e9)
    history = fit(model, schedule=plateau, validation=(XV, YV))
    assert plateau.best == history["val_loss"][0]
    assert history["lr"] == pytest.approx([0.4, 0.4, 0.04])


def test_progress_goes_to_standard_error(capsys):
    history = fit(net(), validation=(XV, YV), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    last = err.rstrip().split("\r")[-1]
    assert "epoch 3/3" in last
    assert "100%" in last
    assert "samples/s" in last
    assert f"val_loss={history['val_loss'][-1]:.3g}" in last
    fit(net(), progress=False)
    assert capsys.readouterr() == ("", "")


# History -------------------------------------------------------------------------------------------------------------


def test_history_is_a_mapping_and_writes_csv(tmp_path):
    history = fit(net(), validation=(XV, YV))
    history.to_csv(tmp_path / "h.csv")
    lines = (tmp_path / "h.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,accuracy,val_loss,val_accuracy,lr"
    for i, line in enumerate(lines[1:]):
        assert [float(x) for x in line.split(",")] == [i + 1, *[history[name][i] for name in history]]
    assert "3 epochs: loss" in repr(history)
    with pytest.raises(KeyError, match="'mae' was not recorded; recorded: 'loss'"):
        history["mae"]
    with pytest.raises(OSError, match="to_csv: cannot write"):
        history.to_csv(tmp_path / "missing" / "h.csv")


def test_history_of_no_epochs():
    model = net()
    before = bits(model)
    history = fit(model, epochs=0)
    assert (history["loss"], list(history.epochs), bits(model)) == ([], [], before)


def test_history_plots():
    pytest.importorskip("matplotlib")
    assert [ax.get_ylabel() for ax in fit(net()).plot()] == ["loss", "accuracy", "learning rate"]


# Ends ----------------------------------------------------------------------------------------------------------------


def test_callbacks_see_the_run_and_may_stop_it():
    seen = []

    def look(run):
        seen.append((run.epoch, run.row["loss"], run.epochs))
        if run.epoch == 2:
            run.stop("enough")

    history = fit(net(), callbacks=[look], epochs=9)
    assert seen == [(1, history["loss"][0], 9), (2, history["loss"][1], 9)]
    assert history.stopped == "enough"
    assert "enough" in repr(history)


def test_ctrl_c_ends_after_the_batch_with_the_history_so_far():
    model = net()

    def interrupt(run):
        if run.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    history = fit(model, callbacks=interrupt, epochs=1000)
    assert len(history["loss"]) == 2
    assert history.stopped == "interrupted by Ctrl-C"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_in_the_middle_of_an_epoch_finishes_the_batch():
    calls = []

    class Slow(nn.Module):
        def __init__(self):
            self.inner = net()

        def forward(self, x):
            calls.append(len(x))
            if len(calls) == 6:
                os.kill(os.getpid(), signal.SIGINT)
            return self.inner(x)

    model = Slow()
    history = fit(model, batch_size=16, epochs=5)
    assert len(calls) == 6
    assert len(history["loss"]) == 1
    twin = Slow()
    optimizer, rng = optim.Adam(twin.parameters()), np.random.default_rng(0)
    for rows in [np.split(rng.permutation(50), [16, 32, 48]), np.split(rng.permutation(50), [16, 32, 48])[:2]]:
        for part in rows:
            optimizer.zero_grad()
            nn.functional.cross_entropy(twin.inner(X[part]), Y[part]).backward()
            optimizer.step()
    assert bits(model) == bits(twin)


def test_ctrl_c_twice_is_immediate_and_keyboard_interrupt_ends_it_too():
    def twice(run):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    assert fit(net(), callbacks=twice, epochs=9).stopped == "interrupted by Ctrl-C"

    def other(run):
        raise KeyboardInterrupt

    assert len(fit(net(), callbacks=other, epochs=9)["loss"]) == 1


def test_training_in_a_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(fit(net())))
    thread.start()
    thread.join()
    assert len(found[0]["loss"]) == 3


def test_a_nan_loss_stops_before_the_step_and_names_the_culprit():
    x = X.copy()
    x[17, 2] = np.nan
    model = net()
    with pytest.raises(
        tg.NonFiniteLoss, match=r"loss is nan in batch 2 of epoch 1: the inputs .* NaN \(first in row 1\)"
    ) as e:
        fit(model, train=(x, Y), batch_size=16, shuffle=False, optimizer=sgd(model))
    assert (e.value.epoch, e.value.batch, list(e.value.history.epochs)) == (1, 2, [])
    twin = net()
    fit(twin, train=(X[:16], Y[:16]), epochs=1, batch_size=16, shuffle=False, optimizer=sgd(twin))
    assert bits(model) == bits(twin)


def test_a_nan_from_an_operation_is_named():
    class Log(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(4, 3, rng=0)

        def forward(self, x):
            return np.log(self.layer(x))

    with (
        pytest.raises(
            tg.NonFiniteLoss,
            match=r"batch 1 of epoch 1: log gave NaN from finite inputs .* at .*test_train.py:\d+: return np.log",
        ),
        np.errstate(all="ignore"),
    ):
        fit(Log())


def test_a_nan_that_numpy_made_before_any_tensor_is_named():
    model = nn.Sequential(nn.Lambda(np.log), nn.Linear(4, 1, rng=0))
    with (
        pytest.raises(tg.NonFiniteLoss, match="affine got an array that held NaN before anything was recorded"),
        np.errstate(all="ignore"),
    ):
        fit(model, "mse_loss", (X, X[:, :1]))


def test_divergence_is_named_with_the_parameter():
    model = nn.Linear(4, 1, rng=0)
    with pytest.raises(tg.NonFiniteLoss, match="smaller lr") as e, np.errstate(all="ignore"):
        fit(model, "mse_loss", (X, X[:, :1]), optimizer=sgd(model, lr=1e5), epochs=100, batch_size=16)
    assert len(e.value.history["loss"]) == e.value.epoch - 1


def test_a_gradient_that_is_nan_though_the_loss_is_finite():
    w = tg.Tensor([0.0], requires_grad=True)
    with (
        pytest.raises(tg.NonFiniteLoss, match="whose gradient held NaN though its loss was finite"),
        np.errstate(all="ignore"),
    ):
        fit(lambda x: np.sqrt(w * w) + x[:, :1] * 0.0, "mse_loss", (X, X[:, :1]), optimizer=optim.SGD([w], lr=1.0))


def test_infinite_targets_are_named():
    y = X[:, :1].copy()
    y[3] = np.inf
    with pytest.raises(tg.NonFiniteLoss, match="the targets of this batch hold inf"):
        fit(net(out=1), "mse_loss", (X, y))


# Bad input -----------------------------------------------------------------------------------------------------------

REFUSED = [
    ({"train": (X, Y[:49])}, r"training data: arrays of shapes \(50, 4\), \(49,\) differ in their number of rows"),
    ({"train": (X[:0], Y[:0])}, "the training data is empty"),
    ({"train": ()}, r"the training data has 0 arrays; give \(X, y\)"),
    ({"train": (X,)}, "the training data has 1 arrays"),
    ({"train": X}, r"the training data is ndarray; give \(X, y\), a dataset, or a loader"),
    ({"train": {"X": X}}, "the training data is dict"),
    ({"train": 3}, "the training data is int"),
    ({"train": "digits"}, "the training data is str"),
    ({"train": (X.astype(str), Y)}, "array of dtype <U"),
    ({"train": (X, 1.0)}, "array 1 is the single value 1.0"),
    ({"train": iter([(X, Y)])}, "is list_iterator, which ends after one epoch"),
    ({"train": [(X, Y)], "batch_size": 8}, "batch_size=8 is given and the training data is a loader"),
    ({"train": DataLoader(TensorDataset(X, Y), 8), "batch_size": 8}, "has its own; leave it out"),
    ({"train": [(X, Y[:2])]}, r"batch of the loader has arrays of shapes \(50, 4\), \(2,\)"),
    ({"train": [(X,)]}, "a batch of the loader is tuple; it must be a tuple"),
    (
        {"train": (X, Y - 1)},
        r"the label -1 at row \d+ of the training data is outside 0 ... 2 \(the model gives 3 scores\)",
    ),
    (
        {"train": (X, np.where(np.arange(50) == 49, 3, Y))},
        "the label 3 at row 49 of the training data is outside 0 ... 2",
    ),
    ({"train": (X, Y.astype(float))}, "labels must be integers"),
    (
        {"validation": (XV[:, :3], YV)},
        r"training sample has arrays of shapes \(4,\), \(\), one of validation \(3,\), \(\)",
    ),
    ({"validation": (XV, YV[:1])}, "validation data: arrays of shapes"),
    ({"validation": (XV[:0], YV[:0])}, "the validation data is empty"),
    ({"validation": XV}, "the validation data is ndarray"),
    ({"epochs": -1}, "epochs must be at least 0, got -1"),
    ({"epochs": 2.5}, "epochs must be a whole number"),
    ({"epochs": True}, "epochs must be a whole number"),
    ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ({"batch_size": -3}, "batch_size must be at least 1"),
    ({"batch_size": 1.5}, "batch_size must be a whole number"),
    ({"accumulate": 0}, "accumulate must be at least 1"),
    ({"clip_norm": -1.0}, "clip_norm must be finite and at least 0"),
    ({"clip_value": np.nan}, "clip_value must be finite"),
    ({"loss": "crossentropy"}, "unknown loss 'crossentropy'; choose one of .*cross_entropy"),
    ({"loss": nn.CrossEntropyLoss}, r"the loss is the class CrossEntropyLoss; write CrossEntropyLoss\(\)"),
    ({"loss": None}, "the loss must be a function"),
    ({"loss": nn.CrossEntropyLoss(reduction="none")}, r"the loss has shape \(32,\), not one number; take its mean"),
    ({"loss": lambda y, t: 1.0}, "the loss gave float, not a Tensor"),
    ({"loss": lambda y, t: "x"}, "the loss gave str, not a number"),
    ({"loss": lambda y, t: y.detach().mean()}, "does not depend on any tensor"),
    ({"model": "net"}, "the model must be a Module or a function, got str"),
    ({"model": nn.ReLU}, "the model is the class ReLU; make an object of it"),
    ({"model": nn.ReLU()}, "the model has no parameters to train"),
    ({"model": lambda x: x}, r"a model without parameters\(\) needs optimizer="),
    ({"optimizer": optim.SGD}, "optimizer must be one of optim, .* got the class SGD"),
    ({"optimizer": "sgd"}, "optimizer must be one of optim, .* got str"),
    ({"optimizer": sgd(net())}, "the optimizer holds no parameter of this model"),
    ({"schedule": 0.5}, "the schedule must be one of optim.schedules, got float"),
    ({"schedule": schedules.StepLR(sgd(net()), 1)}, "the optimizer holds no parameter of this model"),
    ({"metrics": "mae"}, "unknown metric 'mae'; choose one of accuracy, top_k, r2"),
    ({"metrics": [3]}, "a metric is a function of outputs and targets, got int"),
    ({"metrics": {"loss": np.mean}}, "the metric name 'loss' is taken"),
    ({"metrics": {"m": lambda y, t: y.shape}}, "the metric 'm' gave tuple; one number per epoch"),
    ({"record": [("1.weight", (0, 0))]}, "record: no parameter '1.weight'; there is 0.weight, 0.bias"),
    ({"record": [("0.weight", (8, 0))]}, r"record: '0.weight' has shape \(8, 4\), \(8, 0\) is no element of it"),
    ({"record": [("0.weight", 1)]}, r"'0.weight' has shape \(8, 4\), \(1,\) is no element"),
    ({"record": [("0.weight", (0.5, 1))]}, "must be whole numbers"),
    ({"record": ["0.weight"]}, "record takes pairs"),
    ({"callbacks": [3]}, "a callback is a function of the run or a Callback, got int"),
    ({"callbacks": [tg.train.EarlyStopping]}, "got the class EarlyStopping"),
    ({"callbacks": tg.train.EarlyStopping(monitor="mae")}, "EarlyStopping: 'mae' is not recorded; choose one of loss"),
    ({"rng": "seed"}, "rng takes a numpy Generator, a seed or None, got 'seed'"),
    ({"rng": -1}, "rng takes a numpy Generator, a seed or None"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[m[:40] for _, m in REFUSED])
def test_bad_input_is_one_clear_error_before_anything_changes(options, message):
    model = net()
    before, options = bits(model), {"train": (X, Y), **options}
    given = options.pop("model", model)
    with pytest.raises((TypeError, ValueError), match=message) as e:
        fit(given, options.pop("loss", "cross_entropy"), options.pop("train"), **{"epochs": 1, **options})
    assert "\n" not in str(e.value)
    if "metric 'm'" not in message and "not recorded" not in message:  # known after an epoch only
        assert bits(model) == before
        assert all(p.grad is None for p in model.parameters())
    assert model.training


def test_a_schedule_of_another_optimizer():
    model = net()
    with pytest.raises(ValueError, match="the schedule was made for another optimizer"):
        fit(model, optimizer=sgd(model), schedule=schedules.StepLR(sgd(model), 1))
    with pytest.raises(ValueError, match="LBFGS needs the exact gradient; leave clipping out"):
        fit(model, optimizer=optim.LBFGS(model.parameters()), clip_norm=1.0)


def test_a_loader_that_is_empty_the_second_time():
    class Once:
        def __init__(self):
            self.left = [(X, Y)]

        def __iter__(self):
            while self.left:
                yield self.left.pop()

    with pytest.raises(tg.DataError, match="the loader gave no batch"):
        fit(net(), train=Once())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: tg.evaluate(m, "cross_entropy", (X, Y), batch_size=0), "evaluate: batch_size must be at least 1"),
        (lambda m: tg.evaluate(m, "cross_entropy", (X[:0], Y[:0])), "evaluate: the data is empty"),
        (lambda m: tg.evaluate(m, "nothing", (X, Y)), "evaluate: unknown loss 'nothing'"),
        (lambda m: tg.evaluate("m", "mse_loss", (X, Y)), "evaluate: the model must be a Module"),
        (lambda m: tg.evaluate(m, "cross_entropy", X), "evaluate: the data is ndarray"),
        (
            lambda m: tg.evaluate(m, nn.CrossEntropyLoss(reduction="none"), (X, Y)),
            r"evaluate: the loss has shape \(50,\)",
        ),
    ],
)
def test_evaluate_refuses(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(net())


def test_memory_does_not_grow_over_epochs():
    code = """
import numpy as np, tinygrad_nn as tg, tracemalloc
from tinygrad_nn import nn
from tinygrad_nn.draw import calls  # remembers the latest 20 000 calls for pictures, and no more
rng = np.random.default_rng(0)
model = nn.Sequential(nn.Linear(4, 8, rng=rng), nn.ReLU(), nn.Linear(8, 3, rng=rng))
x, y = rng.standard_normal((64, 4)).astype(np.float32), rng.integers(0, 3, 64)
sizes = []
tracemalloc.start()
tg.fit(model, "cross_entropy", (x, y), epochs=60, progress=False, rng=0, metrics="top_k",
       callbacks=lambda run: (calls._log.clear(), sizes.append(tracemalloc.get_traced_memory()[0])))
assert sizes[-1] - sizes[20] < 20_000, sizes
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_numbers_are_python_floats():
    history = fit(net(), validation=(XV, YV), metrics="top_k")
    assert {type(x) for column in history.values() for x in column} == {float}
    assert math.isfinite(sum(history["top_k"]))


def grown(step, warm, more):
    """Give by how many KiB the traced memory has grown over ``more`` steps after ``warm`` of them."""
    import gc
    import tracemalloc

    tracemalloc.start()
    try:
        for _ in range(warm):
            step()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(more):
            step()
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / 1024
    finally:
        tracemalloc.stop()


def small_step():
    model = nn.Sequential(nn.Linear(2, 4, rng=0), nn.ReLU(), nn.Dropout(0.1, rng=0), nn.Linear(4, 2, rng=1))
    optimizer = optim.Adam(model.parameters())
    X, y = np.ones((4, 2), np.float32), np.array([0, 1, 0, 1])

    def step():
        loss = nn.functional.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def test_memory_does_not_grow_with_the_steps():
    # What pictures remember of module calls is full by then.
    assert grown(small_step(), 1500, 1000) < 20


@pytest.mark.slow
def test_memory_does_not_grow_over_a_hundred_thousand_steps():
    assert grown(small_step(), 1500, 100_000) < 50
