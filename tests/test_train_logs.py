"""The history as JSON lines and as event files of TensorBoard."""

import json
import math
import os
import re
import signal
import struct
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from strict_array import StrictArray

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.train import Checkpoint, JSONLines, TensorBoard
from tinygrad_nn.train.tensorboard import histogram

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 3)).astype(np.float32)
Y = (X[:, :1] + 0.1).astype(np.float32)
ODD = 'an "odd" name\nwith é, \\ and []'


def fit(epochs, callbacks, **options):
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1))
    options = {"optimizer": optim.SGD(model.parameters(), 0.1), "validation": (X, Y), "rng": 0} | options
    return tg.fit(model, "mse_loss", (X, Y), epochs=epochs, callbacks=callbacks, progress=False, **options)


def strictly(path):
    """Read JSON lines as a strict reader does, who knows no NaN."""

    def refuse(name):
        raise ValueError(name)

    with open(path, encoding="ascii") as file:
        return [json.loads(text, parse_constant=refuse) for text in file]


def odd(*numbers):
    """Give options of a training that records these numbers."""
    left = list(numbers)
    return {"validation": None, "metrics": {"odd": lambda output, target: left.pop(0)}}


# JSON lines


def test_a_line_for_each_epoch(tmp_path):
    path = tmp_path / "a.jsonl"
    seen = []
    history = fit(3, [JSONLines(path), lambda run: seen.append(len(strictly(path)))], record=[("0.weight", (0, 1))])
    assert seen == [1, 2, 3]
    rows = strictly(path)
    assert [list(row) for row in rows] == [["epoch", *history]] * 3
    assert [row.pop("epoch") for row in rows] == [1, 2, 3]
    assert {name: [row[name] for row in rows] for name in history} == dict(history)
    assert dict(tg.History.from_jsonl(path)) == dict(history)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks(tmp_path, number):
    path = tmp_path / "a.jsonl"
    fit(3, JSONLines(path), **odd(1.0, number, 2.0))
    assert strictly(path)[1]["odd"] == {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(number)]
    np.testing.assert_array_equal(tg.History.from_jsonl(path)["odd"], [1.0, number, 2.0])


def test_round_trip_keeps_every_bit(tmp_path):
    numbers = [0.1, 5e-324, -0.0, 1.7976931348623157e308, math.pi, math.nan, math.inf, -math.inf]
    history = tg.History({"x": numbers, ODD: [float(i) for i in range(8)], "whole": list(range(8))})
    history.to_jsonl(tmp_path / "h")
    again = tg.History.from_jsonl(tmp_path / "h")
    assert list(again) == list(history)
    assert struct.pack("8d", *again["x"]) == struct.pack("8d", *numbers)
    assert [type(n) for n in again["whole"]] == [int] * 8
    again.to_jsonl(tmp_path / "i")
    assert (tmp_path / "i").read_bytes() == (tmp_path / "h").read_bytes()


def test_pandas_reads_the_same_numbers(tmp_path):
    pandas = pytest.importorskip("pandas")
    history = tg.History({"a": [0.1, math.nan, math.inf], "b": [1.5, -math.inf, 2.0]})
    history.to_jsonl(tmp_path / "h")
    frame = pandas.read_json(tmp_path / "h", lines=True)
    assert list(frame["epoch"]) == [1, 2, 3]
    np.testing.assert_array_equal(frame[["a", "b"]].to_numpy(float), np.transpose(list(history.values())))


def test_no_epochs_are_an_empty_file(tmp_path):
    tg.History({"loss": []}).to_jsonl(tmp_path / "h")
    assert (tmp_path / "h").read_bytes() == b""
    assert len(tg.History.from_jsonl(tmp_path / "h").epochs) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "lo', "line 2 .* is no JSON"),
        ('{"epoch": 1, "loss": 0.5}\n\n', "line 2 .* is no JSON"),
        ("[1, 2]", "line 1 .* is no JSON object"),
        ("[" * 100_000, "line 1 .* is no JSON"),
        ('{"loss": 0.5}', "line 1 .* is not epoch 1"),
        ('{"epoch": 1, "a": 1}\n{"epoch": 1, "a": 1}', "line 2 .* is not epoch 2"),
        ('{"epoch": 1, "a": 1}\n{"epoch": 2, "b": 1}', "line 2 .* differ in a, b"),
        ('{"epoch": 1, "a": "x"}', "'a' is 'x', which is no number"),
        ('{"epoch": 1, "a": null}', "'a' is None, which is no number"),
        ('{"epoch": 1, "a": true}', "'a' is True, which is no number"),
        ('{"epoch": 1, "a": "\udcff"}', "line 1 .* is no JSON"),
    ],
)
def test_what_is_no_history_is_refused(tmp_path, text, message):
    (tmp_path / "h").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(tg.DataError, match=message) as caught:
        tg.History.from_jsonl(tmp_path / "h")
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(tg.DataError, match="from_jsonl"):
            tg.History.from_jsonl(path)


def test_what_cannot_be_written_is_known_before_the_first_epoch(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere" / "h", ""):
        model = nn.Linear(3, 1, rng=0)
        before = model.weight.numpy().copy()
        with pytest.raises(OSError, match=r"^JSONLines: cannot write"):
            tg.fit(model, "mse_loss", (X, Y), epochs=1, callbacks=JSONLines(path), progress=False)
        np.testing.assert_array_equal(model.weight.numpy(), before)


def test_a_training_that_fails_at_once_leaves_the_file_of_the_one_before(tmp_path):
    path = tmp_path / "h"
    fit(2, JSONLines(path))
    before = path.read_bytes()
    with pytest.raises(tg.NonFiniteLoss):
        tg.fit(nn.Linear(3, 1, rng=0), "mse_loss", (X, Y * np.nan), callbacks=JSONLines(path), progress=False)
    assert path.read_bytes() == before
    fit(1, JSONLines(path))
    assert len(strictly(path)) == 1


def test_a_metric_called_epoch_is_refused(tmp_path):
    with pytest.raises(ValueError, match="give it another name"):
        fit(1, JSONLines(tmp_path / "h"), metrics={"epoch": lambda output, target: 1.0})


@pytest.mark.parametrize("every", [1, 2])
def test_resumed_runs_have_each_epoch_once(tmp_path, every):
    path, kept = tmp_path / "h", tmp_path / "run"
    whole = fit(7, JSONLines(tmp_path / "whole"))
    fit(3, [JSONLines(path), Checkpoint(kept, every=2)])
    if every == 2:
        # As if killed in epoch 6, after the checkpoint of epoch 3 and in the middle of a line.
        with open(path, "ab") as file:
            file.write(b'{"epoch": 4, "loss": 0.5}\n{"epoch": 5, "lo')
    seen = []
    watch = tg.train.Callback()
    watch.only_watches, watch.epoch = True, lambda run: seen.append([row["epoch"] for row in strictly(path)])
    fit(7, [JSONLines(path), watch, Checkpoint(kept)], resume=kept)
    assert seen == [[1, 2, 3, 4, 5, 6, 7][:n] for n in (4, 5, 6, 7)], "also while it runs"
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()
    assert dict(tg.History.from_jsonl(path)) == dict(whole)


def test_a_resumed_run_may_begin_to_write(tmp_path):
    kept = tmp_path / "run"
    fit(3, Checkpoint(kept))
    fit(3, [Checkpoint(kept), JSONLines(tmp_path / "all")], resume=kept)  # nothing is left to do
    assert [row["epoch"] for row in strictly(tmp_path / "all")] == [1, 2, 3]
    fit(5, [JSONLines(tmp_path / "more"), Checkpoint(kept)], resume=kept)
    assert [row["epoch"] for row in strictly(tmp_path / "more")] == [1, 2, 3, 4, 5]
    fit(6, Checkpoint(kept), resume=kept)  # and one may stop to


def test_only_rank_0_writes(tmp_path):
    run = type("Run", (), {"world": type("W", (), {"rank": 1})(), "epoch": 1, "row": {"loss": 1.0}})()
    for callback in (JSONLines(tmp_path / "h"), JSONLines(tmp_path / "nowhere" / "h")):
        callback.begin(run)
        callback.epoch(run)
        callback.end(run)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("extra", [False, True])
def test_a_killed_process_loses_no_epoch(tmp_path, extra):
    """Killed in the middle of its fourth epoch: three lines, three steps in the event file, all whole."""
    if extra:
        pytest.importorskip("tensorboardX")
    script = textwrap.dedent(
        """
        import os, signal, sys
        import numpy as np, tinygrad_nn as tg
        from tinygrad_nn import nn
        class Net(nn.Module):
            calls = 0
            def __init__(self):
                self.layer = nn.Linear(3, 1, rng=0)
            def forward(self, x):
                Net.calls += 1
                if Net.calls == 4 * 3:
                    os.kill(os.getpid(), signal.SIGKILL)
                return self.layer(x)
        X = np.ones((12, 3), np.float32)
        folder = sys.argv[1]
        callbacks = [tg.train.JSONLines(folder + "/h.jsonl")]
        if sys.argv[2] == "True":
            callbacks.append(tg.train.TensorBoard(folder, histograms=True))
        tg.fit(Net(), "mse_loss", (X, X[:, :1]), epochs=9, batch_size=4, callbacks=callbacks, rng=0, progress=False)
        """
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path), str(extra)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    history = tg.History.from_jsonl(tmp_path / "h.jsonl")
    assert len(history.epochs) == 3
    if extra:
        assert [step for step, _ in scalars(tmp_path)["loss"]] == [1, 2, 3]


# Event files


def records(path):
    """Read the records of a file and compare their checksums."""
    record_writer = pytest.importorskip("tensorboardX.record_writer")
    content, at, found = path.read_bytes(), 0, []
    while at < len(content):
        header = content[at : at + 8]
        (length,) = struct.unpack("<Q", header)
        data = content[at + 12 : at + 12 + length]
        assert struct.unpack("<I", content[at + 8 : at + 12]) == (record_writer.masked_crc32c(header),)
        assert struct.unpack("<I", content[at + 12 + length : at + 16 + length]) == (record_writer.masked_crc32c(data),)
        found.append(data)
        at += 16 + length
    return found


def events(folder):
    """Give the events of a folder in the order in which TensorBoard reads them."""
    proto = pytest.importorskip("tensorboardX.proto.event_pb2")
    files = sorted(p for p in folder.iterdir() if "tfevents" in p.name)
    return [proto.Event.FromString(data) for path in files for data in records(path)]


def values(folder, kind):
    """Give (step, value) by tag, as TensorBoard does: a start forgets what came from its step on."""
    found = {}
    for event in events(folder):
        if event.session_log.status == 1:
            found = {tag: [(s, v) for s, v in pairs if s < event.step] for tag, pairs in found.items()}
        for value in event.summary.value:
            if value.HasField(kind):
                found.setdefault(value.tag, []).append((event.step, getattr(value, kind)))
    return found


def scalars(folder):
    return values(folder, "simple_value")


def expected(history):
    return {name: [(i, float(np.float32(x))) for i, x in enumerate(history[name], 1)] for name in history}


def test_scalars_are_the_history(tmp_path):
    pytest.importorskip("tensorboardX")
    folder = tmp_path / "new" / "a:b"
    history = fit(3, TensorBoard(folder), record=[("0.weight", (0, 1))], metrics={ODD: lambda o, t: 0.1})
    assert {"loss", "val_loss", "lr", "0.weight[0, 1]", ODD} <= set(history)
    assert scalars(folder) == expected(history)
    assert values(folder, "histo") == {}


def test_tensorboard_itself_reads_them(tmp_path):
    pytest.importorskip("tensorboardX")
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    history = fit(3, [TensorBoard(tmp_path, histograms=True), Checkpoint(tmp_path / "run")])
    with open(tmp_path / "later", "wb"):  # a file of another kind is no matter
        pass
    whole = fit(5, [TensorBoard(tmp_path, histograms=True), Checkpoint(tmp_path / "run")], resume=tmp_path / "run")
    found = event_accumulator.EventAccumulator(str(tmp_path), size_guidance={"histograms": 0})
    found.Reload()
    tags = found.Tags()
    assert set(tags["scalars"]) == set(history)
    for name in history:
        assert [(e.step, e.value) for e in found.Scalars(name)] == expected(whole)[name]
    assert [e.step for e in found.Histograms("weights/0.weight")] == [1, 2, 3, 4, 5]


def test_tensorboardx_reads_the_same_numbers_that_its_own_writer_writes(tmp_path):
    tensorboardx = pytest.importorskip("tensorboardX")
    history = fit(3, TensorBoard(tmp_path / "ours"))
    with tensorboardx.SummaryWriter(str(tmp_path / "theirs")) as writer:
        for name in history:
            for step, value in enumerate(history[name], 1):
                writer.add_scalar(name, value, step)
    assert scalars(tmp_path / "theirs") == scalars(tmp_path / "ours")


def test_each_epoch_is_there_at_once(tmp_path):
    pytest.importorskip("tensorboardX")
    seen = []
    fit(3, [TensorBoard(tmp_path), lambda run: seen.append(len(scalars(tmp_path)["loss"]))])
    assert seen == [1, 2, 3]


def test_histograms_count_every_element(tmp_path):
    pytest.importorskip("tensorboardX")
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, bias=False, rng=1))
    tg.fit(
        model,
        "mse_loss",
        (X, Y),
        epochs=5,
        optimizer=optim.SGD(model.parameters(), 0.1),
        callbacks=TensorBoard(tmp_path, histograms=2),
        progress=False,
    )
    found = values(tmp_path, "histo")
    names = [name for name, _ in model.named_parameters()]
    assert set(found) == {f"{kind}/{name}" for kind in ("weights", "gradients") for name in names}
    assert all([step for step, _ in pairs] == [2, 4] for pairs in found.values())
    for name, p in model.named_parameters():
        last = found[f"weights/{name}"][-1][1]
        assert (last.num, len(last.bucket), sum(last.bucket)) == (p.size, len(last.bucket_limit), p.size)
        assert last.min <= last.max == last.bucket_limit[-1]


def test_histogram_against_counting():
    x = RNG.standard_normal(1000) * 3
    found = histogram(x)
    limits = found["bucket_limit"]
    assert (found["min"], found["max"], found["num"]) == (x.min(), x.max(), 1000)
    assert found["sum"] == pytest.approx(x.sum())
    assert found["sum_squares"] == pytest.approx((x**2).sum())
    for i in range(1, len(limits)):
        inside = (x >= limits[i - 1]) & ((x < limits[i]) if i < len(limits) - 1 else (x <= limits[i]))
        assert found["bucket"][i] == inside.sum()
    assert found["bucket"][0] == 0


@pytest.mark.parametrize(
    "x",
    [[0.0], [1e30, 1e30], [1.0, 1.0 + 2**-52], [-1.7e308, 1.7e308], [5e-324, 0.0], [1e30, np.nextafter(1e30, 2e30)]],
)
def test_histograms_of_extremes(x):
    found = histogram(np.array(x))
    assert sum(found["bucket"]) == len(x)
    assert found["bucket_limit"] == sorted(found["bucket_limit"])
    assert len(found["bucket"]) == len(found["bucket_limit"])


def test_elements_that_are_not_finite_are_counted(tmp_path):
    pytest.importorskip("tensorboardX")
    w = tg.Tensor(np.zeros((3, 1), np.float32), requires_grad=True, name="w")
    spare = tg.Tensor(np.array([1.0, np.nan, np.inf]), requires_grad=True, name="spare")
    none = tg.Tensor(np.zeros((0, 2)), requires_grad=True, name="none")
    tg.fit(
        lambda x: x @ w,
        "mse_loss",
        (X, Y),
        epochs=1,
        optimizer=optim.SGD([w, spare, none], 0.1),
        callbacks=TensorBoard(tmp_path, histograms=True),
        progress=False,
    )
    assert scalars(tmp_path)["not_finite/weights/spare"] == [(1, 2.0)]
    found = values(tmp_path, "histo")
    assert found["weights/spare"][0][1].num == 1
    assert set(found) == {"weights/w", "gradients/w", "weights/spare"}


def test_weights_on_another_device_are_copied_for_their_histograms(tmp_path):
    pytest.importorskip("tensorboardX")
    found = []
    for move in (np.asarray, StrictArray):
        folder = tmp_path / str(len(found))
        model = nn.Linear(3, 1, rng=0)
        if move is StrictArray:
            model.move(StrictArray)
        callbacks = [TensorBoard(folder, histograms=True), JSONLines(tmp_path / "h")]
        sgd = optim.SGD(model.parameters(), 0.1)
        tg.fit(
            model, "mse_loss", (move(X), move(Y)), epochs=1, optimizer=sgd, callbacks=callbacks, progress=False, rng=0
        )
        found.append({tag: pairs[0][1] for tag, pairs in values(folder, "histo").items()})
    assert (
        found[0].keys() == found[1].keys() == {f"{k}/{n}" for k in ("weights", "gradients") for n in ("weight", "bias")}
    )
    for tag, histo in found[0].items():
        np.testing.assert_allclose(found[1][tag].sum, histo.sum, rtol=1e-5)


def test_numbers_that_are_not_finite(tmp_path):
    pytest.importorskip("tensorboardX")
    fit(4, TensorBoard(tmp_path), **odd(math.nan, math.inf, -math.inf, 1e300))
    np.testing.assert_array_equal([x for _, x in scalars(tmp_path)["odd"]], [math.nan, math.inf, -math.inf, math.inf])


def test_a_resumed_run_hides_what_came_after_the_checkpoint(tmp_path):
    pytest.importorskip("tensorboardX")
    kept, folder = tmp_path / "run", tmp_path / "log"
    fit(2, [TensorBoard(folder), Checkpoint(kept)])
    kept_bytes = kept.read_bytes()
    fit(4, [TensorBoard(folder), Checkpoint(kept)], resume=kept)
    kept.write_bytes(kept_bytes)  # as if the checkpoints of epochs 3 and 4 had not been written
    whole = fit(6, [TensorBoard(folder), Checkpoint(kept)], resume=kept)
    assert len(list(folder.iterdir())) == 3
    assert scalars(folder) == expected(whole)


def test_runs_begun_in_the_same_second_do_not_overwrite_each_other(tmp_path):
    pytest.importorskip("tensorboardX")
    histories = [fit(n, TensorBoard(tmp_path)) for n in (3, 2)]
    assert len(list(tmp_path.iterdir())) == 2
    assert scalars(tmp_path) == expected(histories[1])


def test_no_file_is_left_open(tmp_path):
    pytest.importorskip("tensorboardX")
    with pytest.raises(tg.NonFiniteLoss):
        tg.fit(nn.Linear(3, 1, rng=0), "mse_loss", (X, Y * np.nan), callbacks=TensorBoard(tmp_path), progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("histograms", [-1, "yes", 1.5, None])
def test_histograms_that_cannot_be(tmp_path, histograms):
    with pytest.raises(ValueError, match="TensorBoard: histograms is"):
        TensorBoard(tmp_path, histograms=histograms)


def test_a_folder_that_cannot_be_written(tmp_path):
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "inside", "a\0b"):
        with pytest.raises(OSError, match=r"^TensorBoard: cannot write") as caught:
            fit(1, TensorBoard(folder))
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("missing", ["tensorboardX", "google.protobuf"])
def test_without_the_extra_it_says_what_to_install(tmp_path, missing):
    code = f"import sys; sys.modules[{missing!r}] = None; import tinygrad_nn as tg; tg.train.TensorBoard('x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(r'ModuleNotFoundError: TensorBoard: needs .+: pip install "tinygrad_nn\[tensorboard\]"', last)
    assert os.listdir(tmp_path) == []
