"""``tinygrad-nn bench``: time the engine beside NumPy, PyTorch, JAX and others; the benchmarks of a checkout."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from pathlib import Path
from typing import Any

from .options import CommandError

#: The folder that holds the package: in a checkout benchmarks/ lies beside it, in an installation it does not.
ROOT = Path(__file__).resolve().parents[2]


def add(commands: Any) -> None:
    """Add the parser of this command, which hands every argument over to ``python -m benchmarks``."""
    # No argument can begin with a NUL, so none is an option here: they all belong to the benchmarks.
    parser = commands.add_parser(
        "bench",
        help="time the engine beside NumPy, PyTorch, JAX and others (in a checkout of the repository)",
        prefix_chars="\0",
        add_help=False,
    )
    parser.add_argument("arguments", nargs="*", help="see tinygrad-nn bench --help")
    parser.set_defaults(run=run, command="bench")


def run(options: argparse.Namespace) -> int:
    """Run the benchmarks and give their exit code: 0, 1 where an engine computes wrong numbers, 2 for bad input."""
    if not (ROOT / "benchmarks" / "__main__.py").is_file():
        raise CommandError(
            "the benchmarks are part of the repository, not of the installed package; in a checkout of it run "
            'pip install -e ".[bench]" and then tinygrad-nn bench'
        )
    before = sys.path[:], sys.argv[:], os.environ.get("BENCHMARKS_PROG")
    sys.path.insert(0, str(ROOT))
    sys.argv = ["benchmarks", *options.arguments]
    os.environ["BENCHMARKS_PROG"] = "tinygrad-nn bench"
    try:
        runpy.run_module("benchmarks", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.path[:], sys.argv[:] = before[:2]
        if before[2] is None:
            del os.environ["BENCHMARKS_PROG"]
        else:
            os.environ["BENCHMARKS_PROG"] = before[2]
    return 0
