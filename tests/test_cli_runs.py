"""Runs of the command line beyond the defaults: tables, IDX files, checkpoints, saved models, several ranks."""

import csv
import gzip
import importlib.util
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import cli
from tinygrad_nn.cli import saved

ROOT = Path(__file__).resolve().parents[1]


def main(*arguments, code=0):
    assert cli.main([str(a) for a in arguments]) == code


@pytest.fixture
def flowers(tmp_path):
    """Give a table of two classes that one column tells apart, with the features in the order b, a."""
    pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=200), 50.0 + 10.0 * rng.normal(size=200)
    path = tmp_path / "flowers.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["b", "kind", "a"])
        writer.writerows([[f"{y}", "rose" if x > 0 else "daisy", f"{x}"] for x, y in zip(a, b, strict=True)])
    return path


@pytest.fixture
def heights(tmp_path):
    pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 2))
    y = 1000.0 + 50.0 * X[:, 0] - 20.0 * X[:, 1]
    path = tmp_path / "heights.csv"
    np.savetxt(path, np.column_stack([X, y]), delimiter=",", header="u,v,height", comments="")
    return path


def test_table_of_classes(tmp_path, flowers, capsys):
    run = tmp_path / "run"
    main("train", "--csv", flowers, "--target", "kind", "--epochs", 20, "--quiet", "--out", run)
    said = capsys.readouterr().out
    assert said.startswith("flowers.csv: 160 samples to train on, 40 held out, 2 classes")
    assert float(said.split("accuracy ")[1].split(" %")[0]) >= 90.0
    main("evaluate", run)
    assert said.split("held out: ")[1].splitlines()[0] in capsys.readouterr().out
    main("evaluate", run, "--csv", flowers)
    assert "200 samples: loss" in capsys.readouterr().out
    shuffled = tmp_path / "new.csv"
    shuffled.write_text("a,c,b\n-3.0,x,50\n3.0,y,50\n")
    main("predict", run, shuffled)
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["class"] for row in rows] == ["daisy", "rose"]
    assert all(0.5 < float(row["probability"]) <= 1.0 for row in rows)


def test_table_of_numbers(tmp_path, heights, capsys):
    run = tmp_path / "run"
    main("train", "--csv", heights, "--target", "height", "--epochs", 40, "--quiet", "--out", run)
    said = capsys.readouterr().out
    assert "60 held out, numbers to tell" in said
    assert float(said.split("R² ")[1].split()[0]) > 0.99
    (tmp_path / "new.csv").write_text("u,v\n0,0\n1,0\n")
    main("predict", run, tmp_path / "new.csv", "-o", tmp_path / "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [float(row["height"]) for row in rows] == pytest.approx([1000.0, 1050.0], abs=5.0)
    capsys.readouterr()
    main("evaluate", run)
    assert capsys.readouterr().out.strip() in said.replace("held out: ", "60 samples: ")


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("a,b\n1,x\n,y\n", ["--target", "b"], "missing in column 'a', the first in row 2"),
        ("a,b\n1,x\nred,y\n", ["--target", "b"], "column 'a' holds 'red'"),
        ("a,b\n1,x\n2,y\n", ["--target", "c"], "no column 'c'"),
        ("a,b\n1,x\n2,y\n", [], "needs --target"),
        ("a,b\n1,x\n2,x\n", ["--target", "b"], "nothing to tell apart"),
        ("a,b\n1,x\n2,y\n", ["--target", "b", "--task", "regress"], "holds text"),
    ],
)
def test_tables_that_cannot_be_learnt(tmp_path, capsys, text, arguments, message):
    pytest.importorskip("pandas")
    (tmp_path / "t.csv").write_text(text)
    main("train", "--csv", tmp_path / "t.csv", *arguments, "--out", tmp_path / "run", code=2)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "run").exists()


def test_spiral(tmp_path, capsys):
    main("train", "spiral", "--epochs", 40, "--quiet", "--out", tmp_path / "run")
    assert float(capsys.readouterr().out.split("accuracy ")[1].split(" %")[0]) > 95.0


@pytest.fixture
def images(tmp_path):
    """Make a small set in MNIST's form from scikit-learn's digits: 28 x 28 bytes, two files plain and two as .gz."""
    pytest.importorskip("sklearn")
    (X, y), (X_test, y_test) = tg.data.digits(flat=False)
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name, images, labels in (("train", X, y), ("t10k", X_test, y_test)):
        images = np.round(images.reshape(-1, 8, 8) * 255).astype(np.uint8)
        large = np.zeros((len(images), 28, 28), np.uint8)
        large[:, 2:26, 2:26] = np.repeat(np.repeat(images, 3, axis=1), 3, axis=2)
        content = struct.pack(">IIII", 0x803, len(large), 28, 28) + large.tobytes()
        (folder / f"{name}-images-idx3-ubyte").write_bytes(content)
        with gzip.open(folder / f"{name}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">II", 0x801, len(labels)) + labels.astype(np.uint8).tobytes())
    return folder


def test_images_from_idx_files(tmp_path, images, capsys):
    run = tmp_path / "run"
    main("train", "mnist", "--data", images, "--epochs", 6, "--quiet", "--out", run)
    said = capsys.readouterr().out
    assert "network: 784-128-10" in said
    assert float(said.split("accuracy ")[1].split(" %")[0]) > 93.0
    main("evaluate", run)
    assert "359 samples" in capsys.readouterr().out
    main("predict", run, images / "t10k-images-idx3-ubyte")
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    labels = tg.data.digits()[1][1]
    assert np.mean([int(row["class"]) == label for row, label in zip(rows, labels, strict=True)]) > 0.93


def test_the_fifth_articles_script_on_idx_files(tmp_path, images):
    command = [sys.executable, ROOT / "examples/digits.py", "--mnist", images]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert max([float(n) for n in re.findall(r"(\d+\.\d+) ?%", done.stdout)]) > 90.0, done.stdout


def test_digit_text_and_arrays_on_a_model_of_digits(tmp_path, capsys):
    pytest.importorskip("sklearn")
    run = tmp_path / "run"
    main("train", "digits", "--epochs", 3, "--quiet", "--out", run)
    capsys.readouterr()
    ring = np.zeros((32, 32), int)
    ring[6:26, 8:24] = 1
    ring[10:22, 12:20] = 0
    (tmp_path / "d.txt").write_text("\n".join(["".join(map(str, row)) for row in ring]) + "\n")
    main("predict", run, tmp_path / "d.txt")
    assert capsys.readouterr().out.splitlines()[1].startswith("0,0,")
    X, _ = tg.data.digits()[1]
    np.save(tmp_path / "x.npy", X[:5])
    main("predict", run, tmp_path / "x.npy")
    assert len(capsys.readouterr().out.splitlines()) == 6
    model = saved.read(str(run))
    with tg.no_grad():
        np.testing.assert_array_equal(model.scores(X), np.asarray(model.model(X).data))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.npy", b"\x93NUMPY", "no array of numbers"),
        ("x.txt", b"01\n", "x.txt"),
        ("x.csv", b"u\n1\n", "lacks the column"),
        ("x.pdf", b"", "what it holds is not told by its name"),
        ("x.csv", b"a,b\n1,2,3\n", "x.csv"),
        ("x.csv", b"a,b,a\n1,2,3\n", "not unique"),
    ],
)
def test_samples_that_do_not_fit(tmp_path, flowers, capsys, name, content, message):
    run = tmp_path / "run"
    main("train", "--csv", flowers, "--target", "kind", "--epochs", 1, "--quiet", "--out", run)
    (tmp_path / name).write_bytes(content)
    capsys.readouterr()
    main("predict", run, tmp_path / name, code=2)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize("shape", [(), (0, 2)])
def test_arrays_without_rows_are_refused(tmp_path, flowers, capsys, shape):
    run = tmp_path / "run"
    main("train", "--csv", flowers, "--target", "kind", "--epochs", 1, "--quiet", "--out", run)
    np.save(tmp_path / "x.npy", np.zeros(shape))
    capsys.readouterr()
    main("predict", run, tmp_path / "x.npy", code=2)
    assert "one row a sample" in capsys.readouterr().err


def test_pickled_arrays_are_refused(tmp_path, flowers, capsys):
    run = tmp_path / "run"
    main("train", "--csv", flowers, "--target", "kind", "--epochs", 1, "--quiet", "--out", run)
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    capsys.readouterr()
    main("predict", run, tmp_path / "x.npy", code=2)
    assert "no array of numbers" in capsys.readouterr().err


def test_what_is_no_run(tmp_path, capsys):
    tg.save({"w": np.ones(3)}, tmp_path / "model.safetensors")
    (tmp_path / "x.csv").write_text("a\n1\n")
    main("predict", tmp_path, tmp_path / "x.csv", code=2)
    assert "describes no network" in capsys.readouterr().err
    main("evaluate", tmp_path / "none", code=2)
    assert "there is no model.safetensors" in capsys.readouterr().err


ALL = [
    "--hidden", "8", "--activation", "tanh", "--init", "orthogonal", "--dropout", "0.2", "--batch-norm", "--dtype",
    "float64", "--optimizer", "nadam", "--optimizer-option", "betas=(0.8,0.99)", "--weight-decay", "0.001",
    "--schedule", "exponential", "--schedule-option", "gamma=0.9", "--clip-norm", "2", "--clip-value", "1",
    "--accumulate", "2",
    "--validation", "0.25", "--patience", "50", "--metric", "top_k", "--record", "0.weight[0,1]", "--lr", "0.02",
    "--epochs", "6", "--batch-size", "50", "--seed", "4", "--quiet",
]  # fmt: skip


def test_all_choices_reach_the_training_and_the_command_in_the_report_makes_the_same_run(tmp_path):
    import shlex

    run = tmp_path / "run"
    main("train", "moons", *ALL, "--out", run)
    report = (run / "report.txt").read_text()
    for text in ("NAdam", "orthogonal", "dropout 0.2", "normalized by the batch", "float64", "betas (0.8, 0.99)"):
        assert text in report
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    assert {"top_k", "0.weight[0, 1]", "lr"} <= set(rows[0])
    assert float(rows[2]["lr"]) == pytest.approx(0.02 * 0.9**2)
    again = shlex.split(report.splitlines()[0].partition(": tinygrad-nn ")[2])
    main(*again, "--quiet", "--out", tmp_path / "again")
    for name in ("model.safetensors", "history.csv", "history.jsonl"):
        assert (run / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "adagrad", "adadelta", "lion", "lbfgs"])
def test_every_optimizer(tmp_path, name):
    # Label smoothing keeps the loss away from 0, where it is rounding and nothing else.
    options = ["--optimizer", name, "--lr", "0.01", "--epochs", 2, "--label-smoothing", 0.1, "--quiet"]
    main("train", "moons", *options, "--out", tmp_path / "r")


@pytest.mark.parametrize("name", ["constant", "step", "inverse_time", "warmup", "one_cycle", "plateau"])
def test_every_schedule(tmp_path, name):
    main("train", "moons", "--schedule", name, "--epochs", 2, "--quiet", "--out", tmp_path / "r")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--optimizer-option", "nope=1"], "no option 'nope'"),
        (["--schedule-option", "nope=1"], "no option 'nope'"),
        (["--schedule-option", "x"], "is no NAME=VALUE"),
        (["--optimizer", "lbfgs", "--schedule", "step"], "lbfgs has no learning rate"),
        (["--record", "0.weight"], "is no element"),
        (["--record", "9.weight[0]"], "no parameter '9.weight'"),
        (["--data", "x"], "belongs to mnist"),
        (["--target", "x"], "belong to --csv"),
        (["--resume", "nowhere"], "has no checkpoint"),
    ],
)
def test_choices_that_cannot_be(tmp_path, capsys, arguments, message):
    main("train", "moons", *arguments, "--quiet", "--out", tmp_path / "r", code=2)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "r").exists()


# Checkpoints ---------------------------------------------------------------------------------------------------------

SETUP = [
    "moons",
    "--optimizer",
    "adam",
    "--lr",
    "0.01",
    "--dropout",
    "0.2",
    "--batch-norm",
    "--noise",
    "0.1",
    "--quiet",
]


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path):
    main("train", *SETUP, "--epochs", 60, "--checkpoint", 1, "--out", tmp_path / "whole")
    command = [sys.executable, "-m", "tinygrad_nn", "train", *SETUP, "--epochs", "60", "--checkpoint", "1", "--out"]
    with subprocess.Popen([*command, str(tmp_path / "cut")], stdout=subprocess.DEVNULL) as process:
        for _ in range(600):
            time.sleep(0.02)
            if (tmp_path / "cut" / "checkpoint.safetensors").exists():
                break
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "cut" / "model.safetensors").exists(), "it was killed before its end"
    assert json.loads((tmp_path / "cut" / "settings.json").read_text())["epochs"] == 60
    main("train", "--resume", tmp_path / "cut", "--quiet")
    for name in ("model.safetensors", "history.csv", "history.jsonl"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_run_that_has_ended_goes_on_for_more_epochs(tmp_path, capsys):
    main("train", *SETUP, "--schedule", "constant", "--epochs", 3, "--checkpoint", 1, "--out", tmp_path / "r")
    main("train", "--resume", tmp_path / "r", "--epochs", 5, "--quiet")
    assert len((tmp_path / "r" / "history.csv").read_text().splitlines()) == 6
    capsys.readouterr()
    main("train", "moons", "--resume", tmp_path / "r", code=2)
    assert "takes data and settings from the run" in capsys.readouterr().err
    main("train", "--resume", tmp_path / "r", "--lr", 5, code=2)
    assert "leave --lr out" in capsys.readouterr().err
    settings = tmp_path / "r" / "settings.json"
    settings.write_text(settings.read_text().replace('"relu"', '"zzz"'))
    main("train", "--resume", tmp_path / "r", code=2)
    err = capsys.readouterr().err
    assert "activation is 'zzz'" in err
    assert err.count("\n") == 1


def test_a_table_goes_on(tmp_path, flowers):
    out = tmp_path / "r"
    main("train", "--csv", flowers, "--target", "kind", "--epochs", 2, "--checkpoint", 1, "--quiet", "--out", out)
    main("train", "--resume", out, "--epochs", 3, "--quiet")
    assert len((out / "history.csv").read_text().splitlines()) == 4


def test_a_later_run_without_checkpoints_leaves_none(tmp_path):
    main("train", *SETUP, "--epochs", 2, "--checkpoint", 1, "--out", tmp_path / "r")
    assert (tmp_path / "r" / "checkpoint.safetensors").exists()
    main("train", *SETUP, "--epochs", 2, "--out", tmp_path / "r")
    assert not (tmp_path / "r" / "checkpoint.safetensors").exists()


# Logs ----------------------------------------------------------------------------------------------------------------


def event_files(folder):
    return sorted(folder.glob("events.out.tfevents.*"))


def test_the_history_is_there_as_json_lines(tmp_path):
    main("train", *SETUP, "--epochs", 3, "--out", tmp_path / "r")
    with open(tmp_path / "r" / "history.csv", newline="") as file:
        table = list(csv.DictReader(file))
    history = tg.History.from_jsonl(tmp_path / "r" / "history.jsonl")
    assert ["epoch", *history] == list(table[0])
    assert {name: [float(row[name]) for row in table] for name in history} == dict(history)


def test_tensorboard_events_in_the_run_folder(tmp_path, capsys):
    pytest.importorskip("tensorboardX")
    out = tmp_path / "a run"
    arguments = ["train", *SETUP, "--epochs", 2, "--tensorboard", "--out", out]
    main(*arguments)
    assert f"to watch it: tensorboard --logdir '{out}'" in capsys.readouterr().out
    first = event_files(out)
    assert len(first) == 1
    assert not (out / "settings.json").exists()
    main(*arguments, "--checkpoint", 1)
    (second,) = event_files(out)
    assert second not in first, "what an earlier run logged is gone"
    main("train", "--resume", out, "--epochs", 3, "--quiet")
    assert len(event_files(out)) == 2, "a resumed run goes on in a file of its own, as the run did that it resumes"
    assert len(tg.History.from_jsonl(out / "history.jsonl").epochs) == 3
    main("train", *SETUP, "--epochs", 2, "--out", out)
    assert event_files(out) == []


def test_a_run_without_event_files_may_get_them_when_resumed(tmp_path):
    pytest.importorskip("tensorboardX")
    main("train", *SETUP, "--epochs", 2, "--checkpoint", 1, "--out", tmp_path / "r")
    main("train", "--resume", tmp_path / "r", "--epochs", 3, "--tensorboard", "--quiet")
    assert len(event_files(tmp_path / "r")) == 1


def test_event_files_without_their_library_are_one_line_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    main("train", *SETUP, "--tensorboard", "--out", tmp_path / "r", code=2)
    said = capsys.readouterr()
    assert 'pip install "tinygrad_nn[tensorboard]"' in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert not (tmp_path / "r").exists()


# Several processes ---------------------------------------------------------------------------------------------------


def test_two_ranks_make_the_same_model(tmp_path):
    pytest.importorskip("mpi4py")
    if not (shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")):
        pytest.skip("there is no mpiexec")
    options = ["moons", "--dtype", "float64", "--epochs", "3", "--quiet", "--out"]
    main("train", *options, tmp_path / "one")
    command = [sys.executable, "-m", "tinygrad_nn", "launch", "-n", "2", "--", "train", *options, str(tmp_path / "two")]
    command += ["--checkpoint", "2"]
    command += ["--tensorboard"] if importlib.util.find_spec("tensorboardX") else []
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("network: ") == 1, "one rank speaks"
    assert len(tg.History.from_jsonl(tmp_path / "two" / "history.jsonl").epochs) == 3, "one rank writes"
    assert len(event_files(tmp_path / "two")) == command.count("--tensorboard")
    one, two = [tg.load(tmp_path / name / "model.safetensors") for name in ("one", "two")]
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-9, atol=1e-12)
