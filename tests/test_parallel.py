"""Several processes that train one model: the same steps as one alone, whatever the number of ranks."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import parallel
from tinygrad_nn.cli import main
from tinygrad_nn.train.checkpoint import read

pytest.importorskip("mpi4py", reason='mpi4py is not installed: pip install "tinygrad_nn[mpi]"')
MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
if MPIEXEC is None:
    pytest.skip("there is no mpiexec", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[1]


def environment():
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def run(folder, ranks, kind, out, *more, epochs=10, env=None):
    program = ROOT / "tests" / "parallel_program.py"
    command = [sys.executable, "-m", "mpi4py", str(program), kind, str(folder / out), str(epochs), *more]
    if ranks > 1:
        command = [MPIEXEC, "-n", str(ranks), *command]
    settings = env if env is not None else environment()
    done = subprocess.run(command, env=settings, timeout=120, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [np.load(folder / f"{out}.{rank}.npz") for rank in range(ranks)]


# 50 steps each, with parts of 9 and 8 samples and a short batch at the end of each epoch.
TOLERANCES = {
    "plain": 1e-12,
    "momentum,clip,schedule": 1e-12,
    "adam": 1e-10,
    "adam,compile,clip,schedule,accumulate": 1e-10,
    "adam,float32": 1e-6,
    "momentum,accumulate": 1e-12,
    "lbfgs": 1e-7,
    "tiny": 1e-10,  # batches of 2 on 3 ranks: one has nothing to do; a validation of one sample
}


@pytest.mark.parametrize(("kind", "tolerance"), TOLERANCES.items())
def test_ranks_make_the_steps_of_one_process(tmp_path, kind, tolerance):
    epochs = 2 if kind == "tiny" else 10
    (alone,) = run(tmp_path, 1, kind, "alone", epochs=epochs)
    together = run(tmp_path, 3 if kind in ("adam", "tiny") else 2, kind, "together", epochs=epochs)
    assert {"history.val_loss", "history.accuracy", "history.spread", "history.val_spread"} <= set(alone.files)
    for name in alone.files:  # the parameters, and the history: losses and metrics are of all samples
        np.testing.assert_allclose(together[0][name], alone[name], rtol=tolerance, atol=tolerance, err_msg=name)
        for other in together[1:]:
            np.testing.assert_array_equal(other[name], together[0][name])  # no rank drifts away


def test_running_statistics_are_the_mean_of_the_ranks(tmp_path):
    first, second = run(tmp_path, 2, "norm", "norm", epochs=2)
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    (alone,) = run(tmp_path, 1, "norm", "alone", epochs=2)
    mean = "buffer.1.running_mean"
    np.testing.assert_allclose(first[mean], alone[mean], atol=0.1)
    assert not np.array_equal(first[mean], alone[mean])  # each rank standardizes its own part


def test_a_part_that_is_too_small_for_batch_norm_is_named(tmp_path):
    with pytest.raises(AssertionError, match="variance is undefined in training; give a larger batch"):
        run(tmp_path, 2, "tiny,norm", "norm", epochs=1)


@pytest.mark.parametrize("kind", ["adam,schedule,float32", "even,dropout,norm"])
def test_resume_on_two_ranks_gives_the_same_bits(tmp_path, kind):
    whole = run(tmp_path, 2, kind, "whole", epochs=6)
    run(tmp_path, 2, kind, "first", epochs=3)
    rest = run(tmp_path, 2, kind, "rest", str(tmp_path / "first.run"), epochs=6)
    for name in whole[0].files:
        np.testing.assert_array_equal(rest[0][name], whole[0][name], err_msg=name)


def test_resume_on_fewer_ranks(tmp_path):
    (alone,) = run(tmp_path, 1, "momentum", "alone", epochs=8)
    run(tmp_path, 4, "momentum", "first", epochs=2)
    run(tmp_path, 2, "momentum", "second", str(tmp_path / "first.run"), epochs=5)
    (rest,) = run(tmp_path, 1, "momentum", "rest", str(tmp_path / "second.run"), epochs=8)
    for name in alone.files:
        np.testing.assert_allclose(rest[name], alone[name], rtol=1e-12, atol=1e-12)


def test_ranks_share_the_cores_unless_told_otherwise(tmp_path):
    free = {k: v for k, v in environment().items() if k not in parallel.THREADS}
    run(tmp_path, 2, "momentum", "free", epochs=1, env=free)
    share = max(1, parallel.cores() // 2)
    for rank in range(2):
        assert (tmp_path / f"free.{rank}.threads").read_text() == f"{share} "
    run(tmp_path, 2, "momentum", "told", epochs=1, env={**free, "OPENBLAS_NUM_THREADS": "2"})
    assert {(tmp_path / f"told.{rank}.threads").read_text()[-1] for rank in range(2)} == {"2"}


def test_a_rank_that_dies_ends_the_job(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, time\n"
        "from tinygrad_nn import parallel\n"
        "world = parallel.world()\n"
        "world.sum(1.0)\n"
        f"open({str(tmp_path)!r} + f'/{{world.rank}}', 'w').write(str(os.getpid()))\n"
        "if world.rank == 1:\n"
        "    raise RuntimeError('rank 1 fails')\n"
        "world.sum(1.0)\n"
    )
    done = subprocess.run(
        [MPIEXEC, "-n", "2", sys.executable, "-m", "mpi4py", str(program)],
        env=environment(), timeout=60, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "rank 1 fails" in done.stderr + done.stdout


TRAIN = ["train", "moons", "--quiet", "--epochs", "100000", "--checkpoint", "1"]


def launch(ranks, *arguments, hosts=()):
    command = [sys.executable, "-m", "tinygrad_nn", "launch", "-n", str(ranks), *hosts, "--", *arguments]
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    # A shell's background jobs ignore Ctrl-C, and what they start does so too.
    return subprocess.Popen(
        command, env=environment(), preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **pipes
    )


def wait_for(condition, pause=0.05):
    end = time.monotonic() + 30.0
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(pause)
    raise AssertionError("it did not come")


@pytest.mark.parametrize(("moment", "ranks"), [("start", 2), ("epochs", 4), ("checkpoint", 2), ("shell", 2)])
def test_a_rank_that_is_killed_is_named_and_the_run_goes_on_elsewhere(tmp_path, moment, ranks):
    out = tmp_path / "run"
    with launch(ranks, *TRAIN, "--out", str(out)) as job:
        try:
            if moment != "start":
                wait_for((out / "checkpoint.safetensors").exists)
            victims = wait_for(
                lambda: len(r := ranks_of(job.pid, "sh" if moment == "shell" else "python")) == ranks and r
            )
            if moment == "checkpoint":
                # Rank 0 writes another file first, which then takes the checkpoint's place.
                wait_for(lambda: list(out.glob(".*.tmp")), pause=0.001)
            victim = 0 if moment == "checkpoint" else ranks - 1
            os.kill(victims[victim], signal.SIGKILL)
            since = time.monotonic()
            _, said = job.communicate(timeout=30)
        finally:
            job.kill()
    assert time.monotonic() - since < 10
    assert job.returncode in (9, 137)
    wait_for(lambda: not any(alive(pid) for pid in victims.values()))
    last = said.splitlines()[-1]
    named = f"rank {victim} of {ranks}" if moment != "shell" or "a process" not in last else "a process"
    assert last.startswith(f"tinygrad-nn launch: {named} ended with signal 9 (SIGKILL)")
    assert "--resume" in last
    if moment in ("start", "shell"):
        return
    done = read(out / "checkpoint.safetensors")["epoch"]  # whole, whenever the rank was killed
    for fewer, epochs in ((2, done + 2), (1, done + 3)):
        resume = ["train", "--quiet", "--resume", str(out), "--epochs", str(epochs)]
        with launch(fewer, *resume) as job:
            _, said = job.communicate(timeout=60)
        assert job.returncode == 0, said
        assert read(out / "checkpoint.safetensors")["epoch"] == epochs


def alive(pid):
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ranks_of(launcher, what="python"):
    """Find the processes that a launcher's descendants run with mpi4py, by rank."""
    found, parents = {}, {launcher}
    for _ in range(5):
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent in parents:
                    parents.add(int(entry.name))
                    settings = dict(v.partition("=")[::2] for v in (entry / "environ").read_text().split("\0"))
                    program = (entry / "cmdline").read_text().split("\0")[0]
                    if "PMI_RANK" in settings and program.rpartition("/")[2].startswith(what):
                        found[int(settings["PMI_RANK"])] = int(entry.name)
            except (OSError, ValueError):
                continue
    return found


def test_a_rank_that_fails_is_named(tmp_path):
    with launch(2, "train", "moons", "--quiet", "--lr", "1e30", "--epochs", "3", "--out", str(tmp_path / "o")) as job:
        _, said = job.communicate(timeout=60)
    assert job.returncode == 2
    assert re.search(r"tinygrad-nn train on rank [01] of 2: fit: the loss is ", said)
    assert re.search(r"tinygrad-nn launch: rank [01] of 2 ended with exit code 2", said)


def test_hosts_of_a_file(tmp_path):
    (tmp_path / "hosts").write_text("# machines\nlocalhost:2\n")
    train = ["train", "moons", "--quiet", "--epochs", "1", "--out", str(tmp_path / "o")]
    with launch(2, *train, hosts=["--hosts", str(tmp_path / "hosts")]) as job:
        out, said = job.communicate(timeout=60)
    assert job.returncode == 0, said
    assert "held out" in out
    assert (tmp_path / "o" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "no machine"),
        (b"# nothing\n\n", "no machine"),
        (b"a:2\nb:two\n", r"line 2 is 'b:two'; write a machine as name or name:processes"),
        (b"a:0", "line 1"),
        (b"a b", "line 1"),
        (b"-rf", "line 1"),
        (b"a:1\na:1", "names 'a' again"),
        (b"a:1", "take 1 processes and 2 are asked for"),
        (b"\xff\xfe", "not text"),
        (None, "no file"),
    ],
)
def test_files_of_machines_that_are_refused(tmp_path, capsys, text, message):
    path = tmp_path / "hosts"
    if text is not None:
        path.write_bytes(text)
    assert main(["launch", "-n", "2", "--hosts", str(path), "--", "train", "moons"]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said)
    assert said.count("\n") == 1


def test_missing_mpi4py_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setenv("PMI_SIZE", "2")
    with pytest.raises(ModuleNotFoundError, match=r'pip install "tinygrad_nn\[mpi\]"'):
        parallel.world()


def test_mpiexec_runs_the_command_line(tmp_path):
    command = [MPIEXEC, "-n", "2", sys.executable, "-m", "mpi4py", "-m", "tinygrad_nn", "train", "moons"]
    command += ["--quiet", "--epochs", "1", "--out", str(tmp_path / "o")]
    done = subprocess.run(command, env=environment(), timeout=60, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("held out:") == 1  # rank 0 alone speaks and writes


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("samples", [0, 1, 2, 10, 103])
def test_parts_cover_a_batch_once(size, samples):
    rows = []
    for rank in range(size):
        world = parallel.World()
        world.rank, world.size = rank, size
        rows += list(range(samples))[world.part(samples)]
    assert rows == list(range(samples))


@pytest.mark.parametrize(
    ("settings", "size"),
    [({}, 1), ({"PMI_SIZE": "3"}, 3), ({"OMPI_COMM_WORLD_SIZE": "2"}, 2), ({"PMI_SIZE": "x"}, 1)],
)
def test_launcher_is_recognized(settings, size):
    assert parallel.launched(settings) == size


def test_what_is_no_world_is_refused():
    with pytest.raises(TypeError, match=r"parallel\.world"):
        tg.fit(tg.nn.Linear(1, 1), "mse_loss", (np.ones((2, 1)), np.ones((2, 1))), world=2, progress=False)


def test_ctrl_c_ends_all_ranks_after_their_batch(tmp_path):
    out = tmp_path / "run"
    with launch(2, *TRAIN, "--out", str(out)) as job:
        wait_for((out / "checkpoint.safetensors").exists)
        job.send_signal(signal.SIGINT)
        try:
            printed, said = job.communicate(timeout=30)
        finally:
            job.kill()
    assert job.returncode == 130
    assert "interrupted by Ctrl-C" in printed
    assert said.splitlines()[-1] == "tinygrad-nn launch: interrupted"
    assert (out / "model.safetensors").exists()


def test_a_launcher_that_is_killed_takes_its_job_along(tmp_path):
    out = tmp_path / "run"
    with launch(2, *TRAIN, "--out", str(out)) as job:
        wait_for((out / "checkpoint.safetensors").exists)
        ranks = ranks_of(job.pid)
        assert len(ranks) == 2
        job.kill()
    if shutil.which("setpriv"):
        wait_for(lambda: not any(alive(pid) for pid in ranks.values()))
    for pid in ranks.values():
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
