"""Several processes that train one model: the same steps as one alone, whatever the number of ranks."""

import os
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

pytest.importorskip("mpi4py", reason='mpi4py is not installed: pip install "tinygrad_nn[mpi]"')
MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
if MPIEXEC is None:
    pytest.skip("there is no mpiexec", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[1]


def environment():
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def run(folder, ranks, kind, out, *more, epochs=10):
    program = ROOT / "tests" / "parallel_program.py"
    command = [sys.executable, "-m", "mpi4py", str(program), kind, str(folder / out), str(epochs), *more]
    if ranks > 1:
        command = [MPIEXEC, "-n", str(ranks), *command]
    subprocess.run(command, env=environment(), check=True, timeout=120, capture_output=True, text=True)
    return [np.load(folder / f"{out}.{rank}.npz") for rank in range(ranks)]


TOLERANCES = {"sgd": 1e-12, "adam": 1e-12, "clip": 1e-12, "accumulate": 1e-12, "lbfgs": 1e-7, "float32": 1e-6}


@pytest.mark.parametrize(("kind", "tolerance"), TOLERANCES.items())
def test_ranks_make_the_steps_of_one_process(tmp_path, kind, tolerance):
    (alone,) = run(tmp_path, 1, kind, "alone")
    ranks = 3 if kind == "adam" else 2
    together = run(tmp_path, ranks, kind, "together")
    for name in alone.files:
        np.testing.assert_allclose(together[0][name], alone[name], rtol=tolerance, atol=tolerance)
        for other in together[1:]:
            np.testing.assert_array_equal(other[name], together[0][name])  # no rank drifts away


def test_running_statistics_agree(tmp_path):
    first, second = run(tmp_path, 2, "norm", "norm")
    np.testing.assert_array_equal(first["val"], second["val"])


def test_resume_on_fewer_ranks(tmp_path):
    (alone,) = run(tmp_path, 1, "sgd", "alone", epochs=8)
    run(tmp_path, 3, "sgd", "first", epochs=4)
    (rest,) = run(tmp_path, 1, "sgd", "rest", str(tmp_path / "first.run"), epochs=8)
    for name in alone.files:
        np.testing.assert_allclose(rest[name], alone[name], rtol=1e-12, atol=1e-12)


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


def test_launch_says_that_a_process_was_killed(tmp_path):
    command = [sys.executable, "-m", "tinygrad_nn", "launch", "-n", "2", "--", "train", "moons", "--epochs", "100000"]
    command += ["--out", str(tmp_path / "run"), "--quiet"]
    with subprocess.Popen(
        command, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as job:
        try:
            victim = None
            for _ in range(200):
                time.sleep(0.1)
                if victim := ranks_of(job.pid):
                    time.sleep(1.0)
                    break
            assert victim, "no rank was started"
            os.kill(victim[-1], signal.SIGKILL)
            _, said = job.communicate(timeout=60)
        finally:
            job.kill()
    assert job.returncode not in (0, None)
    assert "tinygrad-nn launch: a process ended with signal 9" in said


def ranks_of(launcher):
    """Find the processes that a launcher's descendants run with mpi4py."""
    found, parents = [], {launcher}
    for _ in range(4):
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent in parents and int(entry.name) not in parents:
                    parents.add(int(entry.name))
                    arguments = (entry / "cmdline").read_bytes().split(b"\0")
                    if b"mpi4py" in arguments and b"-n" not in arguments:
                        found.append(int(entry.name))
            except (OSError, ValueError):
                continue
    return sorted(found)


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
