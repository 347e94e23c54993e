"""``tinygrad-nn train``: what it writes, what it reaches, and what it leaves behind when something goes wrong."""

import csv
import importlib
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import cli
from tinygrad_nn.cli import train
from tinygrad_nn.cli.network import dense
from tinygrad_nn.cli.options import CommandError

FILES = ["curves.svg", "graph.svg", "history.csv", "history.jsonl", "model.safetensors", "report.txt"]
QUICK = ["train", "moons", "--epochs", "2", "--hidden", "4", "--quiet"]


def drawable():
    pytest.importorskip("matplotlib")
    try:
        tg.draw(tg.Tensor(1.0, requires_grad=True) * 2.0).svg()
    except tg.RendererNotFound as problem:
        pytest.skip(str(problem))


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_digits_with_the_defaults(tmp_path, capsys):
    """The main job: at least 97 % of the held-out digits; the folder holds what it should."""
    pytest.importorskip("sklearn")
    drawable()
    out = tmp_path / "runs" / "digits"
    assert cli.main(["train", "digits", "--out", str(out)]) == 0
    printed, progress = capsys.readouterr()
    lines = printed.splitlines()
    assert lines[0] == "digits: 1438 samples to train on, 359 held out, 10 classes"
    assert lines[1] == "network: 64-64-32-10, relu, 6,570 parameters"
    assert lines[2].startswith("held out: loss 0.")
    accuracy = float(lines[2].split("accuracy ")[1].split(" %")[0])
    assert accuracy >= 97.0
    assert lines[3].startswith("gradient check: passed")
    assert lines[4] == f"written to {out}: {', '.join(FILES)}"
    assert "epoch 40/40: 100%" in progress
    assert tree(tmp_path) == ["runs", "runs/digits", *[f"runs/digits/{name}" for name in FILES]]

    model = dense([64, 64, 32, 10], "relu", np.random.default_rng(5))
    model.load_state_dict(tg.load(out / "model.safetensors"))
    _, (X, y) = tg.data.digits()
    right = model(X).data.argmax(1) == y
    assert round(100 * right.mean(), 2) == accuracy

    with open(out / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr"]
    assert len(rows) == 40
    assert float(rows[-1]["val_accuracy"]) == right.mean()
    assert float(rows[0]["lr"]) == 0.1

    for name in ("curves.svg", "graph.svg"):
        assert ET.parse(out / name).getroot().tag.endswith("svg")
    assert "val_accuracy" in (out / "curves.svg").read_text()
    graph = (out / "graph.svg").read_text()
    for text in ("affine", "relu", "cross_entropy", "(64, 64)", "grad"):
        assert text in graph

    report = (out / "report.txt").read_text()
    assert report.startswith(f"tinygrad_nn {tg.__version__}: tinygrad-nn train digits --hidden 64 32 --activation relu")
    assert lines[2].removeprefix("held out: ") in report
    assert "6,570 parameters" in report
    assert "gradcheck: passed" in report
    assert "'4.bias' (10,)" in report
    counts = [[int(n) for n in line.split()] for line in report.split("Confusion matrix")[1].splitlines()[2:13]]
    assert counts[0] == list(range(10))
    matrix = np.array(counts[1:])[:, 1:]
    assert (matrix == tg.train.confusion_matrix(model(X), y)).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_digits_with_any_seed(tmp_path, capsys, seed):
    """98 % with each of ten seeds, within 15 seconds of a process of its own."""
    pytest.importorskip("sklearn")
    drawable()
    start = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "tinygrad_nn",
        "train",
        "digits",
        "--seed",
        str(seed),
        "--out",
        str(tmp_path / "r"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert time.perf_counter() - start < 15
    assert float(done.stdout.split("accuracy ")[1].split(" %")[0]) >= 98.0


def test_moons_with_the_defaults(tmp_path, capsys):
    assert cli.main(["train", "moons", "--quiet", "--out", str(tmp_path / "r")]) == 0
    out, err = capsys.readouterr()
    assert float(out.split("accuracy ")[1].split(" %")[0]) >= 97.0
    assert err == ""


def test_options_reach_the_training(tmp_path, capsys):
    arguments = "train moons --hidden 5 6 7 --activation tanh --epochs 3 --batch-size 100 --lr 0.5 --momentum 0.5 "
    arguments += "--noise 0.1 --label-smoothing 0.2 --seed 7 --quiet --out"
    assert cli.main([*arguments.split(), str(tmp_path / "r")]) == 0
    assert "network: 2-5-6-7-2, tanh, " in capsys.readouterr().out
    report = (tmp_path / "r" / "report.txt").read_text()
    for text in (
        "3 epochs, batches of 100, SGD with lr 0.5",
        "momentum 0.5, seed 7",
        "noise 0.1",
        "smoothing 0.2",
        "Tanh",
    ):
        assert text in report
    state = tg.load(tmp_path / "r" / "model.safetensors")
    assert [a.shape for a in state.values()] == [(5,), (5, 2), (6,), (6, 5), (7,), (7, 6), (2,), (2, 7)]


def test_no_hidden_layer_is_a_linear_model(tmp_path):
    assert cli.main(["train", "moons", "--epochs", "2", "--quiet", "--out", str(tmp_path / "r"), "--hidden"]) == 0
    assert sorted(tg.load(tmp_path / "r" / "model.safetensors")) == ["0.bias", "0.weight"]


def test_same_seed_same_files_and_another_seed_others(tmp_path):
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert cli.main([*QUICK, "--seed", seed, "--out", str(tmp_path / name)]) == 0
    for name in os.listdir(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert (tmp_path / "a/model.safetensors").read_bytes() != (tmp_path / "c/model.safetensors").read_bytes()


def test_the_default_folder_is_named_after_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(QUICK) == 0
    assert (tmp_path / "runs/moons/report.txt").exists()


# The folder -----------------------------------------------------------------------------------------------


@pytest.fixture
def untrained(monkeypatch):
    """Fail where anything is loaded or trained."""

    def never(*_, **__):
        pytest.fail("the folder must be checked before the work")

    monkeypatch.setattr(train, "_train", never)


def refused(out, message, capsys):
    assert cli.main([*QUICK, "--out", str(out)]) == 2
    printed, err = capsys.readouterr()
    assert printed == ""
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.usefixtures("untrained")
def test_folders_that_cannot_be_written_are_refused_before_the_work(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "report.txt").write_text("my own report")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    before = tree(tmp_path)
    refused(tmp_path / "file", "cannot write to", capsys)
    refused(tmp_path / "file" / "inside", "Not a directory", capsys)
    refused(tmp_path / "foreign", "holds 'thesis.txt' and no run of tinygrad-nn; give another --out", capsys)
    refused(tmp_path / "other", "holds 'report.txt' and no run of tinygrad-nn", capsys)
    refused(tmp_path / "dangling", "it is not a folder", capsys)
    refused(tmp_path / ("x" * 300), "File name too long", capsys)
    refused(tmp_path / "a\0b", "cannot write to", capsys)
    refused(os.devnull, "it is not a folder", capsys)
    if os.path.isdir("/proc/self"):
        refused("/proc/self/run", "cannot write to '/proc/self/run'", capsys)
        refused("/proc/self/deep/er/run", "cannot write to", capsys)
    assert tree(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.usefixtures("untrained")
def test_a_folder_without_permission_is_refused(tmp_path, capsys):
    (tmp_path / "locked").mkdir(mode=0o500)
    refused(tmp_path / "locked", "Permission denied", capsys)
    refused(tmp_path / "locked" / "run", "Permission denied", capsys)


def test_an_earlier_run_is_replaced_and_other_files_stay(tmp_path):
    out = tmp_path / "r"
    assert cli.main([*QUICK, "--out", str(out)]) == 0
    (out / "notes.txt").write_text("mine")
    (out / "graph.dot").write_text("of a run without a renderer")
    old = (out / "model.safetensors").read_bytes()
    assert cli.main([*QUICK, "--seed", "5", "--out", str(out)]) == 0
    assert (out / "model.safetensors").read_bytes() != old
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / "graph.dot").exists()
    assert not [name for name in os.listdir(out) if name.endswith(".tmp")]


def test_an_empty_folder_a_link_and_a_trailing_slash(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    assert cli.main([*QUICK, "--out", str(tmp_path / "link")]) == 0
    assert (tmp_path / "empty" / "report.txt").exists()
    assert cli.main([*QUICK, "--out", f"{tmp_path}/new/"]) == 0
    assert (tmp_path / "new" / "report.txt").exists()


@pytest.mark.parametrize("there", [False, True], ids=["new", "earlier run"])
@pytest.mark.parametrize(
    "problem", [ValueError("x"), KeyboardInterrupt(), CommandError("y"), SystemExit(143), MemoryError()]
)
def test_a_failure_in_the_middle_leaves_nothing(tmp_path, monkeypatch, problem, there):
    out = tmp_path / "deep" / "run"
    if there:
        assert cli.main([*QUICK, "--out", str(out)]) == 0
    before = {name: (tmp_path / name).read_bytes() for name in tree(tmp_path) if (tmp_path / name).is_file()}

    def fail(*_, **__):
        raise problem

    monkeypatch.setattr(train, "save", fail)  # the last step but two: pictures have been written by then
    code = {KeyboardInterrupt: 130, SystemExit: 143}.get(type(problem), 2)
    assert cli.main([*QUICK, "--out", str(out)]) == code
    assert {name: (tmp_path / name).read_bytes() for name in tree(tmp_path) if (tmp_path / name).is_file()} == before
    assert (tmp_path / "deep").exists() == there
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_full_disk_at_the_end(tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(train, "write_atomically", full)
    assert cli.main([*QUICK, "--out", str(tmp_path / "r")]) == 2
    assert capsys.readouterr().err == "tinygrad-nn train: [Errno 28] No space left on device\n"
    assert os.listdir(tmp_path) == []


def test_divergence_is_one_line(tmp_path, capsys):
    assert cli.main(["train", "moons", "--lr", "1e30", "--quiet", "--out", str(tmp_path / "r")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "the loss is" in err
    assert "take a smaller lr" in err
    assert os.listdir(tmp_path) == []


# What is not installed -----------------------------------------------------------------------------------------------


def test_without_a_renderer_the_graph_is_text_with_advice(tmp_path, monkeypatch, capsys):
    def missing(*_, **__):
        raise tg.RendererNotFound("draw: no Graphviz is at hand; apt install graphviz")

    # draw, the function, hides the package of that name from a dotted path.
    monkeypatch.setattr(importlib.import_module("tinygrad_nn.draw.drawing"), "render", missing)
    assert cli.main([*QUICK, "--out", str(tmp_path / "r")]) == 0
    out = capsys.readouterr().out
    assert "graph.dot instead of graph.svg: draw: no Graphviz is at hand; apt install graphviz" in out.splitlines()
    assert (tmp_path / "r" / "graph.dot").read_text().startswith("digraph")
    assert not (tmp_path / "r" / "graph.svg").exists()
    assert "apt install graphviz" in (tmp_path / "r" / "report.txt").read_text()


def without(library, *arguments):
    code = (
        f"import sys; sys.modules[{library!r}] = None; from tinygrad_nn.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


def test_without_matplotlib_there_are_no_curves_but_the_rest(tmp_path):
    done = without("matplotlib", *QUICK, "--out", str(tmp_path / "r"))
    assert done.returncode == 0, done.stderr
    assert 'no curves.svg: plots: matplotlib is not installed; pip install "tinygrad_nn[all]"' in done.stdout
    assert "report.txt" in os.listdir(tmp_path / "r")
    assert "curves.svg" not in os.listdir(tmp_path / "r")


def test_without_scikit_learn_digits_are_one_line(tmp_path):
    done = without("sklearn", "train", "digits", "--out", str(tmp_path / "r"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        'tinygrad-nn train: digits: needs scikit-learn, which is not installed; pip install "tinygrad_nn[all]"\n'
    )
    assert os.listdir(tmp_path) == []


# Signals and pipes -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it_cleanly(tmp_path, number, code):
    command = [
        sys.executable,
        "-m",
        "tinygrad_nn",
        "train",
        "moons",
        "--epochs",
        "100000",
        "--out",
        str(tmp_path / "r/s"),
    ]

    def heed():  # a shell without job control starts its background commands deaf to Ctrl-C
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed) as process:
        shown = b""
        while b"epoch " not in shown:
            shown += process.stderr.read1(1000)
        process.send_signal(number)
        shown += process.stderr.read()
        assert process.wait(20) == code
    last = shown.decode().splitlines()[-1]
    assert b"Traceback" not in shown
    if code == 130:
        assert last == "tinygrad-nn train: interrupted"
        rows = (tmp_path / "r/s/history.csv").read_text().splitlines()
        assert len(rows) > 1, "the history so far is kept"
        assert "interrupted by Ctrl-C" in (tmp_path / "r/s/report.txt").read_text()
    else:
        assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_nobody_reads_the_output(tmp_path):
    code = f"{sys.executable} -m tinygrad_nn {' '.join(QUICK)} --out {tmp_path}/r; echo $? >&2"
    done = subprocess.run(["bash", "-c", f"({code}) | true"], capture_output=True, text=True)
    assert done.stderr in ("141\n", "0\n")
