"""The benchmarks: every engine's numbers agree, wrong ones are refused, options, tables, page. Never a time."""

import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from threads import one_thread

from benchmarks import command, measure, plot, report, workloads
from benchmarks.engines import BASE, ENGINES, numpy_engine, tinygrad_nn_engine, why_not
from benchmarks.measure import Row, disagreement
from benchmarks.memory import Peak
from benchmarks.process import Worker
from benchmarks.workloads import WORKLOADS, NotMeasured, chosen
from tinygrad_nn import cli
from tinygrad_nn.cli import bench

ROOT = Path(__file__).resolve().parents[1]

#: Small arguments for each method of the engines: the same code in a moment.
SMALL = {
    "mlp": {"sizes": (5, 4, 3), "batch": 6},
    "elementwise": {"n": 50},
    "chain": {"n": 10},
    "scalars": {"n": 20},
    "reuse": {"n": 10},
    "hvp": {"n": 6},
    "hvp_weights": {"n": 6, "batch": 4},
    "conv": {"batch": 3},
}


def results(engine, function, steps=3):
    work = getattr(engine, function)(**SMALL[function])
    with one_thread():
        for _ in range(steps):
            last = work.step()
        return [np.array(a) for a in work.results(last)]


def test_every_workload_has_small_arguments():
    assert {w.function for w in WORKLOADS.values()} == set(SMALL)


@pytest.mark.parametrize("function", SMALL)
@pytest.mark.parametrize("variant", ["", "compile"])
def test_engine_and_compiler_agree_with_hand_written_numpy(function, variant):
    found = results(tinygrad_nn_engine.Engine(variant, 1), function)
    right = results(numpy_engine.Engine("", 1), function)
    single = any(a.dtype == np.float32 for a in right)
    assert disagreement(found, right, 1e-5 if single else 1e-12) == ""


@pytest.mark.parametrize("function", ["mlp", "conv"])
def test_training_moves_the_parameters(function):
    engine = numpy_engine.Engine("", 1)
    one, three = results(engine, function, 1), results(engine, function, 3)
    assert all(np.abs(a).max() > 0 for a in one)
    assert all(np.abs(a - b).max() > 0 for a, b in zip(one, three, strict=True))


def test_hand_written_convolution_is_its_own_difference_quotient():
    # The gradient that the first step moves along, against differences of the loss in double precision.
    x, labels, weights, biases = conv64()
    moved = results_conv(x, labels, weights, biases)
    rng = np.random.default_rng(1)
    start = [*weights, *biases]
    direction = [rng.normal(size=a.shape) for a in start]
    h = 1e-6
    up, down = (
        results_conv(x, labels, ws[:3], ws[3:])[0]
        for ws in ([a + s * h * d for a, d in zip(start, direction, strict=True)] for s in (1, -1))
    )
    slope = -sum((m * d).sum() for m, d in zip(moved[1:], direction, strict=True)) / 0.1
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-6)


def conv64():
    from benchmarks.engines.data import conv_data

    x, labels, weights, biases = conv_data(3)
    return x.astype(float), labels, [w.astype(float) for w in weights], [b.astype(float) for b in biases]


def results_conv(x, labels, weights, biases):
    copies = [w.copy() for w in weights], [b.copy() for b in biases]
    engine, before = numpy_engine.Engine("", 1), numpy_engine.conv_data
    numpy_engine.conv_data = lambda batch: (x, labels, *copies)
    try:
        work = engine.conv(batch=len(x))
        return work.results(work.step())
    finally:
        numpy_engine.conv_data = before


def test_windows_and_fold_are_adjoint():
    rng = np.random.default_rng(0)
    h = rng.normal(size=(2, 4, 6, 3))
    columns = rng.normal(size=(2 * 4 * 6, 27))
    assert (numpy_engine.windows(h) * columns).sum() == pytest.approx((h * numpy_engine.fold(columns, h.shape)).sum())


# -- numbers are compared before anything is timed ------------------------------------------------------------------


class Fake:
    """Stands in for a process: NumPy's numbers are ones; the others are as the name says."""

    asked: list

    def __init__(self, engine, cores, environment):
        self.engine = engine
        self.asked = []

    def tell(self, **question):
        self.asked.append(question["do"])

    def answer(self):
        return {"failed": "no such module"} if self.engine == "autograd" else {}

    def ask(self, **question):
        self.tell(**question)
        if question["do"] == "load":
            return {}
        if question["do"] == "memory":
            return {"bytes": 2e6 if self.engine == BASE else 3e6}
        if question["do"] == "time":
            if self.engine == "jax":
                return {"failed": "it died"}
            return {"seconds": 1e-3 if self.engine == BASE else 2e-3}
        if self.engine == "mygrad":
            return {"skipped": "it cannot"}
        value = {"torch": 1.1, "tinygrad_nn": 1 + 1e-12}.get(self.engine, 1.0)
        np.savez(question["path"], np.full(3, value))
        return {"first": 0.5, "seconds": 1e-3}

    def close(self):
        self.asked.append("close")


def measured(name="W5", engines=("numpy", "tinygrad_nn", "torch", "jax", "autograd", "mygrad")):
    made = []

    def start(*args):
        made.append(Fake(*args))
        return made[-1]

    return measure.measure(name, list(engines), 1, 5, 0.01, start), made


def test_wrong_numbers_are_not_timed():
    row, made = measured()
    assert set(row.figures) == {"numpy", "tinygrad_nn"}
    assert "wrong numbers, so not timed: array 0 of 1 is off by 0.1" in row.failed["torch"]
    asked = {w.engine: w.asked for w in made}
    assert "time" not in asked["torch"]
    assert asked["numpy"].count("time") == 5
    assert all(w.asked[-1] == "close" for w in made)


def test_what_fails_and_what_is_skipped_is_told_apart():
    row, _ = measured()
    assert row.failed["jax"] == "it died"
    assert row.failed["autograd"] == "no such module"
    assert row.skipped == {"mygrad": "it cannot"}


def test_figures_are_medians_per_operation():
    row, _ = measured()
    assert row.figures["tinygrad_nn"] == pytest.approx(2e-3 / 1000)
    row = Row()
    row.add("x", [3.0, 1.0, 100.0], 2)
    assert row.figures["x"] == 1.5
    assert row.spread["x"] == (1.0, 25.75)


def test_memory_is_measured_in_fresh_processes():
    row, made = measured("W10", ("numpy", "tinygrad_nn", "torch"))
    assert row.figures == {"numpy": 2e6, "tinygrad_nn": 3e6}
    assert sum("memory" in w.asked for w in made) == 2 * measure.FEWEST
    assert all(w.asked.count("memory") <= 1 and w.asked[-1] == "close" for w in made)


def test_no_figures_without_numpy():
    with pytest.raises(RuntimeError, match="NumPy gave no numbers"):
        measured(engines=("tinygrad_nn",))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([np.ones(2)], "1 arrays instead of 2"),
        ([np.ones(2), np.ones((2, 1))], "array 1 of 2 has shape (2, 1) instead of (2,)"),
        ([np.ones(2), np.array([1.0, np.nan])], "array 1 of 2 is off by nan"),
        ([np.array([1.0, 1.1]), np.ones(2)], "array 0 of 2 is off by 0.071"),
    ],
)
def test_disagreement_says_where(found, said):
    assert said in disagreement(found, [np.ones(2), np.ones(2)], 1e-3)


def test_a_growth_table_leaves_out_what_is_too_slow():
    row, made = measured("graph-1e6", ("numpy", "tinygrad_nn", "torch", "torch.compile"))
    assert set(row.skipped) == {"torch", "torch.compile"}
    assert {w.engine for w in made} == {"numpy", "tinygrad_nn"}


# -- processes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def worker():
    w = Worker("tinygrad_nn", 1, {})
    yield w
    w.close()


def test_a_process_prepares_times_and_reports(worker, tmp_path):
    assert worker.ask(do="load") == {}
    path = tmp_path / "numbers.npz"
    answer = worker.ask(do="prepare", workload="W8", path=str(path), seconds=1e-4)
    assert answer["first"] > 0
    right = results_of(numpy_engine.Engine("", 1).hvp(**WORKLOADS["W8"].arguments))
    assert disagreement(measure._loaded(path), right, 1e-9) == ""
    assert worker.ask(do="time")["seconds"] > 0
    assert "KeyError" in worker.ask(do="prepare", workload="nothing", path=str(path), seconds=1e-4)["failed"]
    assert worker.ask(do="memory", workload="W1", steps=2)["bytes"] >= 0


def results_of(work):
    return [np.asarray(a) for a in work.results(work.step())]


def test_a_process_that_dies_is_reported(worker):
    worker.ask(do="load")
    worker.process.kill()
    worker.process.wait()
    assert "its process ended with code" in worker.ask(do="time")["failed"]


def test_peak_sees_memory_that_is_gone_again():
    peak = Peak()
    before = peak.growth()
    np.ones(8_000_000)  # 64 MB, freed at once
    assert peak.growth() - before > 50e6


# -- the command ----------------------------------------------------------------------------------------------------


def run(*arguments):
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = command.main([str(a) for a in arguments])
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def fake(monkeypatch):
    """Let the command measure without processes."""
    real = measure.measure
    monkeypatch.setattr(command, "measure", lambda *args: real(*args, Fake))
    monkeypatch.setattr(command, "why_not", lambda e: None)


def test_tables_json_and_picture(fake, tmp_path):
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.md"
    page.write_text("# a\n<!-- benchmarks: begin -->\nold\n<!-- benchmarks: end -->\nb\n")
    code, out, _ = run(
        "--engines", "tinygrad_nn", "--workloads", "W5", "graph-1e4", "--cores", 1,
        "--json", tmp_path / "run.json", "--plot", tmp_path / "run.png",
    )  # fmt: skip
    assert code == 0
    assert "| W5 (µs/op) | 1 | 2 (2.00×) |" in out
    assert "| 10,000 (µs/op) | 0.1 | 0.2 (2.00×) |" in out
    assert "1 core, 1 thread" in out
    found = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert found["cores"]["1"]["W5"]["median"] == {"numpy": 1e-6, "tinygrad_nn": 2e-6}
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_work_is_measured_once(fake, monkeypatch):
    seen, real = [], command.measure
    monkeypatch.setattr(command, "measure", lambda *args: seen.append(args[0]) or real(*args))
    _, out, _ = run("--engines", "tinygrad_nn", "--workloads", "W6-1e4", "graph-1e4", "W2", "batch-8", "--cores", 1)
    assert seen == ["W6-1e4", "W2", "batch-8"]
    assert out.count("| 0.1 | 0.2 (2.00×) |") == 2


def test_what_slows_the_matrix_products_down_is_told(fake, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert "OPENBLAS_CORETYPE=Haswell" in run("--workloads", "W5", "--cores", 1)[1]


def test_a_failed_engine_is_named_and_fails_the_command(fake):
    code, out, _ = run("--engines", "torch", "mygrad", "--workloads", "W5", "--cores", 1)
    assert code == 1
    assert "| W5 (µs/op) | 1 | failed | – |" in out
    assert "- torch in W5: failed: wrong numbers, so not timed" in out
    assert "- mygrad in W5: it cannot." in out


def test_a_page_is_filled_between_its_markers(fake, tmp_path, monkeypatch):
    from benchmarks import profiling

    monkeypatch.setattr(profiling, "profile", lambda name, cores: f"profile of {name} on {cores}")
    page = tmp_path / "page.md"
    page.write_text("".join(f"{a}\nold\n{b}\n" for a, b in map(report.marked, ("benchmarks", "profile"))) + "end\n")
    for _ in range(2):
        assert run("--engines", "tinygrad_nn", "--workloads", "W5", "--cores", 1, "--page", page)[0] == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("| W5 (µs/op) | 1 | 2 (2.00×) |") == 1
    assert text.count("profile of W1 on 1") == 1
    assert "old" not in text
    assert text.endswith("end\n")


def test_docs_page_can_be_filled():
    text = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    filled = report.filled(report.filled(text, "benchmarks", "T"), "profile", "P")
    assert "begin -->\nT\n<!--" in filled
    assert "begin -->\nP\n<!--" in filled


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--workloads", "W99"), "no workload 'W99'; there are W1, W2"),
        (("--engines", "theano"), "no engine 'theano'; there are numpy, tinygrad_nn"),
        (("--cores", "0"), "--cores: 0 is not between 1 and"),
        (("--cores", "one"), "invalid int value: 'one'"),
        (("--rounds", "0"), "--rounds: 0 must be at least 1"),
        (("--plot", "x.gif"), "must end with .png, .svg or .pdf"),
        (("--json", "nowhere/x.json"), "--json: there is no folder"),
        (("--page", "nowhere.md"), "--page: there is no file nowhere.md"),
        (("--profile", "W4"), "W4 stands for W4-1e5, W4-1e6, W4-1e6-keep; take one"),
        (("--profile", "W10"), "its step is that of W3"),
        (("--fast",), "unrecognized arguments: --fast"),
    ],
)
def test_bad_input_is_one_line_before_anything_runs(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "measure", lambda *_: pytest.fail("measured before the input was checked"))
    code, _, err = run(*arguments)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_page_without_markers_is_refused_and_kept(fake, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing")
    code, _, err = run("--workloads", "W5", "--cores", 1, "--page", page)
    assert (code, page.read_text()) == (2, "nothing")
    assert "needs the line <!-- benchmarks: begin -->" in err


def test_names_stand_for_families():
    assert chosen(["W4"]) == ["W4-1e5", "W4-1e6", "W4-1e6-keep"]
    assert chosen(["W1", "W1"]) == ["W1"]
    assert chosen([]) == list(WORKLOADS)
    assert set(chosen([], quick=True)) < set(WORKLOADS)


def test_engines_that_are_missing_are_named(monkeypatch):
    from benchmarks import engines

    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    assert "torch is not installed" in why_not("torch")
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(engines.shutil, "which", lambda name: None)
    assert "needs a C++ compiler" in why_not("torch.compile")
    assert why_not("torch") is None


def test_long_compiled_graphs_are_not_measured():
    with pytest.raises(NotMeasured, match="compiled code is measured up to"):
        tinygrad_nn_engine.Engine("compile", 1).scalars(tinygrad_nn_engine.LONGEST + 1)


def test_listing_names_every_workload_and_engine():
    _, out, _ = run("--list")
    assert all(f"\n{name}" in f"\n{out}" for name in (*WORKLOADS, *ENGINES))


def test_every_engine_has_a_colour_and_every_workload_a_table():
    assert set(plot.COLORS) == set(ENGINES)
    assert {w.table for w in WORKLOADS.values()} == set(report.TABLES)
    assert set(workloads.MEMORY_STEPS) <= set(WORKLOADS)


# -- the profile ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "operations"), [("W1", 6), ("W4-1e5", 8), ("W8", 9)])
def test_profile_counts_the_operations(name, operations, monkeypatch):
    from benchmarks import profiling

    function = WORKLOADS[name].function
    monkeypatch.setitem(WORKLOADS, name, replace(WORKLOADS[name], arguments=SMALL[function]))
    monkeypatch.setattr(profiling, "ROUNDS", 3)
    monkeypatch.setattr(profiling, "LONGEST", 0.01)
    monkeypatch.setattr(profiling, "fastest", lambda f, *_: f() is None or 1e-6)
    text = profiling.report(name, 1)
    if name == "W1":  # here one hidden layer: dense, ReLU, dense, cross entropy
        assert "| affine | 6×5, 4×5, 4 | 1 |" in text
        assert "| optimizer.step |" in text
        operations = 4
    assert f"| {operations} |" in text.split("| forward and recording")[1].split("\n")[0]
    assert "| walk forward |" in text or name != "W8"


def test_profile_leaves_the_library_as_it_was():
    from benchmarks import profiling
    from tinygrad_nn import record, walk

    before = record._recorded, walk.reverse, walk.graph, profiling.Optimizer.step

    def failing():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        profiling.Capture(failing)
    with pytest.raises(ZeroDivisionError):
        profiling.phases(failing, 1)
    assert before == (record._recorded, walk.reverse, walk.graph, profiling.Optimizer.step)


# -- tinygrad-nn bench ----------------------------------------------------------------------------------------------


def test_command_line_hands_over_every_argument(capsys):
    assert cli.main(["bench", "--help"]) == 0
    assert "--workloads" in capsys.readouterr().out
    path, argv = sys.path[:], sys.argv[:]
    assert cli.main(["bench", "--list"]) == 0
    assert (sys.path, sys.argv) == (path, argv)
    assert cli.main(["bench", "--workloads", "W99"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tinygrad-nn bench: no workload 'W99'")
    assert cli.main(["bench", "--fast"]) == 2
    assert "see tinygrad-nn bench --help" in capsys.readouterr().err


def test_an_installed_package_says_where_the_benchmarks_are(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    assert cli.main(["bench", "--quick"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tinygrad-nn bench: the benchmarks are part of the repository")
    assert said.count("\n") == 1


def test_module_runs_from_the_root():
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--list"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "W1 " in done.stdout
