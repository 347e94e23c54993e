"""The command ``launch``: run a command on several processes, here or on several machines, by MPI's launcher."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..parallel import THREADS
from .options import CommandError, whole


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "launch",
        help="run a command on several processes",
        description="Start a command of tinygrad-nn on several processes, on this machine or on those of a file, by "
        "MPI's mpiexec. Each process takes a part of every batch; together they make the same steps as one alone.",
        epilog='Example: tinygrad-nn launch -n 2 -- train digits. It needs pip install "tinygrad_nn[mpi]".',
    )
    parser.add_argument("-n", "--processes", type=whole(1), required=True, help="how many processes")
    parser.add_argument("--hosts", metavar="FILE", help="a file of machines, one name[:processes] a line")
    parser.add_argument("--threads", type=whole(1), help="threads of each process (default: cores / processes)")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- COMMAND ...", help="what to run")
    parser.set_defaults(command="launch", run=launch)


def launch(options: argparse.Namespace) -> int:
    """Run the command with its options and give the exit code of the job."""
    arguments = options.arguments[1:] if options.arguments[:1] == ["--"] else options.arguments
    if not arguments:
        raise CommandError("nothing to run: tinygrad-nn launch -n 2 -- train digits")
    if arguments[0] == "launch":
        raise CommandError("launch cannot be launched; give -n the number of all processes")
    mpiexec, kind = _mpiexec()
    hosts: list[str] = []
    if options.hosts is not None:
        if not Path(options.hosts).is_file():
            raise CommandError(f"--hosts: there is no file {options.hosts!r}")
        hosts = ["--hostfile" if kind == "Open MPI" else "-f", options.hosts]
    threads = options.threads or max(1, (os.cpu_count() or 1) // (1 if options.hosts else options.processes))
    environment = {**{name: str(threads) for name in THREADS}, **os.environ}
    own = [sys.executable, "-m", "mpi4py", "-m", "tinygrad_nn", *arguments]
    job = subprocess.Popen([mpiexec, "-n", str(options.processes), *hosts, *own], env=environment)
    try:
        code = job.wait()
    except BaseException:
        # Ctrl-C has reached all processes, which end after their batch.
        code = job.wait()
        raise
    if code:
        sys.stderr.write(
            f"tinygrad-nn launch: a process ended with {_reason(code)}, and all were stopped; a run with --checkpoint "
            f"goes on from its last checkpoint with --resume, on fewer processes too\n"
        )
        return code if 0 < code < 256 else 1
    return 0


def _reason(code: int) -> str:
    number = -code if code < 0 else code - 128 if code > 128 else code
    return f"signal {number}" if code < 0 or code > 128 or code in (9, 15) else f"exit code {number}"


def _mpiexec() -> tuple[str, str]:
    """Give the launcher, that of this environment before that on the PATH, and whose it is."""
    beside = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("mpiexec")
    if found is None:
        raise CommandError('there is no mpiexec: pip install "tinygrad_nn[mpi]" brings it, with the mpich wheel')
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    return found, "Open MPI" if "Open MPI" in said or "OpenRTE" in said else "MPICH"
