"""Random programs: our modes against each other, and against JAX where it is installed (``make oracles``)."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracles.compare import FINE, distance
from oracles.engines import ours
from oracles.program import generate
from oracles.recipes import NOT_DRAWN, RECIPES

from tinygrad_nn.op import NUMPY, OPS

ROOT = Path(__file__).resolve().parents[2]
NAMES = list(RECIPES)
needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed; `make oracles` installs and runs it"
)


def run(*options):
    """Compare programs with JAX in a process of its own: JAX starts threads, and reads its settings when it starts."""
    command = [sys.executable, "-m", "oracles", *map(str, options)]
    path = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(ROOT / "nowhere")}
    return subprocess.run(command, cwd=ROOT / "tests", env=path, capture_output=True, text=True, timeout=900)


def test_every_numpy_function_is_drawn_or_the_reason_is_given():
    left_out = {op.name for op in NUMPY.values()} - set(RECIPES) - set(NOT_DRAWN)
    special = {op.name for f, op in NUMPY.items() if getattr(np, f.__name__, None) is not f and isinstance(f, np.ufunc)}
    assert not left_out - special, "give these operations a recipe in tests/oracles, or a reason in NOT_DRAWN"
    assert not set(RECIPES) - set(OPS)
    assert not set(NOT_DRAWN) - set(OPS)
    assert not set(RECIPES) & set(NOT_DRAWN)


def test_a_seed_gives_the_same_program_again_and_it_runs_by_hand():
    program = generate(7, NAMES, RECIPES)
    assert program.script() == generate(7, NAMES, RECIPES).script()
    names = {}
    exec(program.script(), names)
    ys = names["f"](*[names["tg"].Tensor(names[k], requires_grad=True) for k in program.inputs])
    assert [y.shape for y in ys] == [v.shape for v in ours(program)[1]["value"]]


@pytest.mark.parametrize("first", [0, 100])
def test_our_modes_agree_with_each_other(first):
    for seed in range(first, first + 100):
        program = generate(seed, NAMES, RECIPES)
        _, found = ours(program)
        assert distance(found["grad by vjp"], found["grad by backward"]) <= 1e-13, program.script()
        for way in ("hvp reverse over forward", "hvp reverse over reverse"):
            assert distance(found[way], found["hvp forward over reverse"]) <= 1e-6, (way, program.script())


@needs_jax
@pytest.mark.parametrize("seed", [0, 150])
def test_random_programs_agree_with_jax(seed):
    done = run("--seed", seed, "--count", 150)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.startswith("150 programs, ")
    # What says nothing must stay the exception.
    ill, refused = re.search(r"(\d+) ill-conditioned in part, (\d+) that JAX", done.stdout).groups()
    assert int(ill) < 15
    assert int(refused) < 8


@needs_jax
def test_a_wrong_rule_is_found(tmp_path):
    """A rule that is off by five parts in ten thousand, in one operation among all."""
    fault = (
        "from tinygrad_nn.op import OPS, Op; import numpy as np; op = OPS['multiply'];"
        "op.rules = (op.rules[0], lambda g, y, a, b: g * a * 1.0005);"
        "import sys; sys.argv = ['oracles', '--count', '12']; from oracles.__main__ import main; sys.exit(main())"
    )
    path = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", fault], cwd=ROOT / "tests", env=path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "relative difference" in done.stdout
    assert "def f(" in done.stdout


def test_distance_sees_shapes_and_nan():
    one = [np.ones(3)]
    assert distance(one, [np.ones(3) + 1e-3]) == pytest.approx(1e-3, rel=1e-2)
    assert distance(one, [np.ones((3, 1))]) == np.inf
    assert distance([np.full(3, np.nan)], one) == np.inf
    assert distance([], one) == np.inf
    assert all(0 < limit < 1e-6 for limit in FINE.values())
