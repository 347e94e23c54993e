"""Early stopping, checkpoints, and training that goes on with the same bits."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.data import DataLoader, TensorDataset
from tinygrad_nn.optim import schedules
from tinygrad_nn.train import Callback, Checkpoint, EarlyStopping

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)
XV, YV = X[:20] + 0.1, Y[:20]


class Noise(nn.Module):
    """Draws from a generator of its own, as Dropout does."""

    def __init__(self, rng=None):
        self.rng = np.random.default_rng(rng)

    def forward(self, x):
        return x + self.rng.standard_normal(x.shape).astype(np.float32) * 0.1 if self.training else x


def net(rng=0):
    g = np.random.default_rng(rng)
    return nn.Sequential(nn.Linear(4, 8, rng=g), Noise(g), nn.Tanh(), nn.Linear(8, 2, rng=g))


def bits(model):
    return b"".join(a.tobytes() for a in model.state_dict().values())


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, 0.01, amsgrad=True),
    "nadam": lambda p: optim.NAdam(p, 0.01),
    "rmsprop": lambda p: optim.RMSprop(p, 0.01, centered=True),
    "lion": lambda p: optim.Lion(p, 0.001),
}
SCHEDULES = {
    "none": lambda o: None,
    "cosine": lambda o: schedules.CosineAnnealingLR(o, 8),
    "batch": lambda o: schedules.OneCycleLR(o, 0.1, total_steps=8 * 8),
    "plateau": lambda o: schedules.ReduceLROnPlateau(o, patience=0, threshold=0.1),
    "sequence": lambda o: schedules.SequentialLR(o, [schedules.WarmupLR(o, 2), schedules.StepLR(o, 2)], [3]),
}


def train(model, epochs, path, seed=1, optimizer="sgd", schedule="none", resume=None, loader=False):
    o = OPTIMIZERS[optimizer](model.parameters())
    data, size = (DataLoader(TensorDataset(X, Y), 8, shuffle=True, rng=seed), None) if loader else ((X, Y), 8)
    return tg.fit(
        model,
        "cross_entropy",
        data,
        (XV, YV),
        epochs=epochs,
        batch_size=size,
        optimizer=o,
        schedule=SCHEDULES[schedule](o),
        rng=seed,
        progress=False,
        callbacks=[Checkpoint(path), EarlyStopping(patience=50)],
        resume=resume,
        record=[("0.weight", (0, 0))],
    )


@pytest.mark.parametrize(
    ("optimizer", "schedule", "loader"),
    [(o, s, i % 2 == 1) for i, (o, s) in enumerate(zip(OPTIMIZERS, SCHEDULES, strict=True))]
    + [("sgd", "plateau", True)],
)
def test_a_resumed_run_has_the_same_bits(tmp_path, optimizer, schedule, loader):
    options = {"optimizer": optimizer, "schedule": schedule, "loader": loader}
    whole, first, second = net(), net(), net(rng=9)
    history = train(whole, 8, tmp_path / "a", **options)
    train(first, 3, tmp_path / "b", **options)
    resumed = train(second, 8, tmp_path / "b", seed=77, resume=tmp_path / "b", **options)
    assert dict(resumed) == dict(history)
    assert bits(second) == bits(whole)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_finished_run_resumes_to_itself(tmp_path):
    model, other = net(), net(rng=5)
    history = train(model, 3, tmp_path / "a")
    again = train(other, 3, tmp_path / "a", resume=tmp_path / "a")
    assert dict(again) == dict(history)
    # The weights are those after the training, from which early stopping brought back the best.
    assert bits(other) == bits(model)


def test_resumed_in_another_process_after_a_kill(tmp_path):
    """Killed without warning in the middle of an epoch, then resumed: the same bits as without the kill."""
    script = textwrap.dedent(
        """
        import os, signal, sys
        import numpy as np, tinygrad_nn as tg
        from tinygrad_nn import nn, optim
        path, resume, killed = sys.argv[1], sys.argv[2] or None, int(sys.argv[3])
        g = np.random.default_rng(0)
        class Net(nn.Module):
            calls = 0
            def __init__(self):
                self.layers = nn.Sequential(nn.Linear(4, 8, rng=g), nn.Dropout(0.2, rng=g), nn.Linear(8, 2, rng=g))
            def forward(self, x):
                Net.calls += 1
                if Net.calls == killed:
                    os.kill(os.getpid(), signal.SIGKILL)
                return self.layers(x)
        x = np.random.default_rng(1).standard_normal((64, 4)).astype(np.float32)
        model = Net()
        history = tg.fit(model, "cross_entropy", (x, (x[:, 0] > 0).astype(int)), epochs=6, batch_size=8, rng=g,
                         optimizer=optim.Adam(model.parameters()), progress=False, resume=resume,
                         callbacks=tg.train.Checkpoint(path, every=2))
        print(history["loss"], {k: v.tobytes().hex() for k, v in model.state_dict().items()})
        """
    )

    def run(name, resume="", killed=0):
        command = [sys.executable, "-c", script, str(tmp_path / name), str(resume), str(killed)]
        return subprocess.run(command, capture_output=True, text=True)

    whole = run("a")
    assert whole.returncode == 0, whole.stderr
    assert run("b", killed=35).returncode == -signal.SIGKILL
    assert run("b", resume=tmp_path / "b").stdout == whole.stdout


def test_checkpoint_every_few_epochs_and_at_the_end(tmp_path):
    written = []

    class Spy(Callback):
        last = True

        def epoch(self, run):
            written.append((tmp_path / "c").stat().st_mtime_ns if (tmp_path / "c").exists() else None)

    tg.fit(
        net(), "cross_entropy", (X, Y), epochs=5, progress=False, callbacks=[Checkpoint(tmp_path / "c", every=2), Spy()]
    )
    assert written[0] is None
    assert written[1] == written[2] < written[3] < written[4]
    assert os.listdir(tmp_path) == ["c"]


def test_early_stopping_keeps_the_best_weights():
    values = iter([3.0, 2.0, float("nan"), 2.5, 2.0, 1.0])
    seen = []

    def look(run):
        run.row["watched"] = next(values)
        seen.append(bits(run.model))

    stopping = EarlyStopping(patience=3, monitor="watched")
    model = net()
    history = tg.fit(model, "cross_entropy", (X, Y), epochs=9, callbacks=[look, stopping], progress=False, rng=0)
    assert (stopping.best, stopping.best_epoch, len(history["loss"])) == (2.0, 2, 5)
    assert history.stopped == "early stopping: no better than epoch 2 for 3 epochs"
    assert bits(model) == seen[1] != seen[-1]


def test_early_stopping_without_restoring_and_upwards():
    seen = []
    stopping = EarlyStopping(patience=2, monitor="accuracy", restore_best=False, min_delta=0.5)
    model = net()
    history = tg.fit(
        model, "cross_entropy", (X, Y), epochs=50, callbacks=[stopping, lambda r: seen.append(bits(r.model))],
        progress=False, rng=0,
    )  # fmt: skip
    assert stopping.best == history["accuracy"][0]
    assert len(history["loss"]) == 3
    assert bits(model) == seen[-1]


def test_best_weights_come_back_also_without_early_stop_and_of_a_plain_function():
    w = tg.Tensor(np.ones((4, 1)), requires_grad=True)
    target = X @ np.array([[1.0], [2.0], [0.0], [0.0]])
    grow = optim.SGD([w], lr=1.2)  # diverges
    history = tg.fit(
        lambda x: x @ w, "mse_loss", (X, target), (XV, target[:20]), epochs=6, batch_size=60, optimizer=grow,
        callbacks=EarlyStopping(patience=50), progress=False,
    )  # fmt: skip
    found = tg.evaluate(lambda x: x @ w, "mse_loss", (XV, target[:20]))["loss"]
    assert found == min(history["val_loss"]) < history["val_loss"][-1]


def test_a_run_that_stopped_early_stays_stopped_when_resumed(tmp_path):
    options = {
        "epochs": 40,
        "progress": False,
        "rng": 0,
    }

    def callbacks():
        return [EarlyStopping(patience=2, monitor="lr"), Checkpoint(tmp_path / "c")]

    model, other = net(), net(rng=3)
    history = tg.fit(model, "cross_entropy", (X, Y), callbacks=callbacks(), **options)
    again = tg.fit(other, "cross_entropy", (X, Y), callbacks=callbacks(), resume=tmp_path / "c", **options)
    assert len(history["loss"]) == 3
    assert dict(again) == dict(history)
    assert again.stopped == history.stopped
    assert bits(other) == bits(model)


def test_a_callback_used_twice_begins_anew():
    stopping = EarlyStopping(patience=1, monitor="lr")
    for _ in range(2):
        assert len(tg.fit(net(), "cross_entropy", (X, Y), epochs=9, callbacks=stopping, progress=False)["loss"]) == 2


def test_ctrl_c_still_restores_and_the_last_checkpoint_holds(tmp_path):
    def interrupt(run):
        if run.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    model, whole = net(), net()
    train_with = {"epochs": 6, "progress": False, "rng": 0, "batch_size": 8}
    reference = tg.fit(whole, "cross_entropy", (X, Y), **train_with)
    history = tg.fit(model, "cross_entropy", (X, Y), callbacks=[interrupt, Checkpoint(tmp_path / "c")], **train_with)
    assert len(history["loss"]) == 2
    resumed = tg.fit(
        net(rng=4), "cross_entropy", (X, Y), callbacks=[lambda run: None, Checkpoint(tmp_path / "c")],
        resume=tmp_path / "c", **train_with,
    )  # fmt: skip
    assert dict(resumed) == dict(reference)


def test_what_does_not_fit_is_refused_and_nothing_changes(tmp_path):
    train(net(), 2, tmp_path / "a")
    tg.save(net(), tmp_path / "weights")
    (tmp_path / "cut").write_bytes((tmp_path / "a").read_bytes()[:-5])

    def attempt(path, model, message, optimizer=None, schedule=None, callbacks=None, validation=(XV, YV)):
        before = bits(model)
        optimizer = optimizer or OPTIMIZERS["sgd"](model.parameters())
        rng = np.random.default_rng(3)
        state = rng.bit_generator.state
        callbacks = callbacks if callbacks is not None else [Checkpoint(tmp_path / "x"), EarlyStopping(patience=50)]
        with pytest.raises(tg.CheckpointError, match=message) as e:
            tg.fit(
                model, "cross_entropy", (X, Y), validation, epochs=4, batch_size=8, optimizer=optimizer,
                schedule=schedule, rng=rng, progress=False, callbacks=callbacks, resume=path,
            )  # fmt: skip
        assert "\n" not in str(e.value)
        assert bits(model) == before
        assert rng.bit_generator.state == state
        assert not (tmp_path / "x").exists()

    attempt(tmp_path / "missing", net(), "cannot open .*missing")
    attempt(tmp_path / "cut", net(), "should hold .* bytes")
    attempt(tmp_path / "weights", net(), "holds no training, only arrays; tg.load reads it")
    wide = nn.Sequential(nn.Linear(4, 9, rng=0), Noise(), nn.Tanh(), nn.Linear(9, 2, rng=0))
    attempt(tmp_path / "a", wide, r"does not fit this run: .*mismatched: 0.weight has shape \(8, 4\), needs \(9, 4\)")
    model = net()
    adam = optim.Adam(model.parameters())
    attempt(tmp_path / "a", model, "state of 'SGD'; make that optimizer", optimizer=adam)
    model = net()
    sgd = OPTIMIZERS["sgd"](model.parameters())
    attempt(tmp_path / "a", model, "one of the two runs has a schedule", sgd, schedules.StepLR(sgd, 1))
    attempt(
        tmp_path / "a",
        net(),
        r"it had the callbacks \['EarlyStopping', 'Checkpoint'\], this run has \[\]",
        callbacks=[],
    )
    attempt(tmp_path / "a", net(), "other data", validation=None)


def test_a_checkpoint_that_cannot_be_written_is_told_before_training(tmp_path):
    model = net()
    before = bits(model)
    with pytest.raises(tg.CheckpointError, match="cannot write"):
        tg.fit(model, "cross_entropy", (X, Y), epochs=3, progress=False, callbacks=Checkpoint(tmp_path / "no" / "c"))
    assert bits(model) == before


def test_weights_in_a_checkpoint_load_into_other_programs(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    model = net()
    tg.fit(model, "cross_entropy", (X, Y), epochs=1, progress=False, callbacks=Checkpoint(tmp_path / "c"))
    arrays = safetensors.load_file(tmp_path / "c")
    np.testing.assert_array_equal(arrays["weights/0.weight"], model[0].weight.data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStopping(patience=0), "EarlyStopping: patience must be"),
        (lambda: EarlyStopping(mode="up"), "EarlyStopping: mode must be"),
        (lambda: EarlyStopping(min_delta=-1.0), "EarlyStopping: min_delta must be"),
        (lambda: Checkpoint("x", every=0), "Checkpoint: every must be"),
    ],
)
def test_options_that_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_other_generators_are_saved_too(tmp_path):
    """MT19937's state holds an array."""
    runs = []
    for resume in (None, tmp_path / "c"):
        rng = np.random.Generator(np.random.MT19937(0))
        model = net()
        for epochs in (2, 4):
            tg.fit(
                model, "cross_entropy", (X, Y), epochs=epochs, batch_size=8, rng=rng, progress=False,
                callbacks=Checkpoint(tmp_path / "c"), resume=resume if epochs == 4 else None,
                optimizer=OPTIMIZERS["sgd"](model.parameters()),
            )  # fmt: skip
            if resume is None:
                break
        runs.append(bits(model) if resume else None)
    model = net()
    tg.fit(
        model, "cross_entropy", (X, Y), epochs=4, batch_size=8, rng=np.random.Generator(np.random.MT19937(0)),
        optimizer=OPTIMIZERS["sgd"](model.parameters()), progress=False,
    )  # fmt: skip
    assert runs[1] == bits(model)
