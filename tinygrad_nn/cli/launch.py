"""The command ``launch``: run a command on several processes, here or on several machines, by MPI's launcher."""

from __future__ import annotations

import argparse
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from signal import Signals
from typing import Any

from ..parallel import RANKS, THREADS, cores, hosts_of
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
    environment = dict(os.environ)
    if options.hosts is not None:
        listed = ",".join([f"{name}:{count}" for name, count in _hosts(options)])
        hosts = ["--host" if kind == "Open MPI" else "-hosts", listed]
    if options.hosts is None or options.threads is not None:
        # Over several machines each rank finds out by itself how many others share its cores.
        threads = options.threads or max(1, cores() // options.processes)
        if options.threads is not None or not any(name in environment for name in THREADS):
            environment |= {name: str(threads) for name in THREADS}
    own = [sys.executable, "-m", "mpi4py", "-m", "tinygrad_nn", *arguments]
    with tempfile.TemporaryDirectory(prefix="tinygrad_nn-launch-") as name:
        folder = Path(name)
        own = ["/bin/sh", "-c", WRAPPER, name, *own] if os.name == "posix" else own
        watch = (folder, options.processes) if options.hosts is None else None
        code, said = _watched([mpiexec, "-n", str(options.processes), *hosts, *own], environment, watch)
        if code == 0:
            return 0
        who, code = _culprit(folder, said, code)
    _complain(arguments, who, options.processes, code, said)
    return code if 0 < code < 256 else 1


WRAPPER = (
    f"rank=${{{RANKS[0]}:-${{{RANKS[1]}:-${RANKS[2]}}}}}; {{ echo $$ > $0/$rank.pid; }} 2>/dev/null; trap : INT TERM; "
    'if setpriv --pdeathsig KILL true 2>/dev/null; then setpriv --pdeathsig KILL "$@"; else "$@"; fi; code=$?; '
    "{ echo $code > $0/$rank.code; } 2>/dev/null; exit $code"
)
"""What waits for the program in each rank.

A rank that is killed can say nothing, and MPI's launcher, which stops the others at once, names any of them. This shell
writes the exit code down before the launcher can know that the program is gone, since both hold the launcher's socket.
"""


def _watch_shells(job: subprocess.Popen[bytes], folder: Path, processes: int) -> None:
    """Note the rank of the first shell that fails, and stop a job that goes on without it.

    MPI's launcher does not see that a process has gone which had not yet called on it.
    """
    shells: dict[int, int] = {}
    waiting = set(range(processes))
    watch = select.poll()
    failed: set[int] = set()
    try:
        while waiting and not failed and job.returncode is None:
            for rank in [int(path.stem) for path in folder.glob("*.pid")]:
                text = (folder / f"{rank}.pid").read_text()
                if rank in waiting and rank not in shells and text.endswith("\n"):
                    try:
                        shells[rank] = os.pidfd_open(int(text))
                        watch.register(shells[rank], select.POLLIN)
                    except ProcessLookupError:
                        failed.add(rank)
            ended = {descriptor for descriptor, _ in watch.poll(50)}
            codes = _codes(folder)
            over = {rank for rank, descriptor in shells.items() if descriptor in ended}
            failed |= {rank for rank in over if codes.get(rank) != 0}
            for rank in over:
                watch.unregister(shells[rank])
                os.close(shells.pop(rank))
                waiting.discard(rank)
        if len(failed) == 1:
            (folder / "first").write_text(str(*failed))
        if failed:
            end = time.monotonic() + PATIENCE
            while job.returncode is None and time.monotonic() < end:
                time.sleep(0.05)
            if job.returncode is None:
                _signal(folder, Signals.SIGKILL)
    except (OSError, ValueError):
        return  # the job is over, and its folder has gone
    finally:
        for descriptor in shells.values():
            os.close(descriptor)


def _signal(folder: Path, number: Signals) -> None:
    """Send a signal to all ranks on this machine."""
    for path in folder.glob("*.pid"):
        with suppress(OSError, ValueError):
            pid = int(path.read_text())
            if os.getpgid(pid) == pid:  # MPI's launcher gives each its own group
                os.killpg(pid, number)


PATIENCE = 3.0
"""So many seconds MPI's launcher has to stop the others by itself."""


def _codes(folder: Path) -> dict[int, int]:
    """Give the exit codes that the shells wrote down so far, by rank."""
    return {int(p.stem): int(text) for p in folder.glob("*.code") if (text := p.read_text()).endswith("\n")}


DIED = re.compile(rb"process rank ([0-9]+) with PID|Abort\(-?[0-9]+\)[^\n]*?rank ([0-9]+) in")
"""How Open MPI tells of a rank that was killed, and MPICH of one that gave up."""


def _hosts(options: argparse.Namespace) -> list[tuple[str, int]]:
    try:
        text = Path(options.hosts).read_text(encoding="utf-8")
        return hosts_of(text.splitlines(), options.processes)
    except FileNotFoundError:
        raise CommandError(f"--hosts: there is no file {options.hosts!r}") from None
    except OSError as problem:
        raise CommandError(f"--hosts: cannot read {options.hosts!r}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"--hosts: {options.hosts!r} is not text; write one name[:processes] a line") from None
    except ValueError as problem:
        raise CommandError(f"--hosts: {options.hosts!r}: {problem}") from None


def _watched(command: list[str], environment: dict[str, str], watch: tuple[Path, int] | None) -> tuple[int, bytes]:
    """Run the job; give its exit code and the last that it said, which is passed on at once."""
    # If this process is killed, so is the job.
    bound = shutil.which("setpriv")
    command = [bound, "--pdeathsig", "TERM", *command] if bound else command
    # In a session of its own, or Ctrl-C would end what stands between MPI's launcher and the ranks.
    job = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    last = [bytearray(), bytearray()]

    def pass_on(source: Any, target: int, kept: bytearray) -> None:
        while data := os.read(source.fileno(), 65536):
            kept += data
            del kept[:-KEPT]
            try:
                while data:
                    data = data[os.write(target, data) :]
            except OSError:
                continue  # whoever read it has gone; the job goes on

    sys.stdout.flush()
    readers = [
        threading.Thread(target=pass_on, args=(source, target, kept), daemon=True)
        for source, target, kept in zip((job.stdout, job.stderr), (1, 2), last, strict=True)
    ]
    for reader in readers:
        reader.start()
    if watch is not None and hasattr(os, "pidfd_open"):
        threading.Thread(target=_watch_shells, args=(job, *watch), daemon=True).start()
    asked = False
    try:
        while True:
            try:
                code = job.wait()
                break
            except KeyboardInterrupt:
                # The ranks end after their batch; a second time ends them at once.
                if watch is None:
                    job.send_signal(Signals.SIGINT)
                else:
                    _signal(watch[0], Signals.SIGKILL if asked else Signals.SIGINT)
                asked = True
    except BaseException:
        job.terminate()
        raise
    finally:
        for reader in readers:
            reader.join(timeout=5.0)
    if asked:
        raise KeyboardInterrupt
    return code, bytes(last[1] + b"\n" + last[0])


KEPT = 20_000
"""So many bytes of what the job said last are searched for the process that died."""


def _culprit(folder: Path, said: bytes, code: int) -> tuple[str, int]:
    """Give which rank died, as far as that is known, and its exit code."""
    found = DIED.search(said)
    if found is not None:
        return f"rank {(found[1] or found[2]).decode()}", code
    failed = [(rank, code) for rank, code in _codes(folder).items() if code]
    if len(failed) == 1:
        return f"rank {failed[0][0]}", failed[0][1]
    first = folder / "first"
    return f"rank {first.read_text()}" if first.exists() else "", code


def _complain(arguments: list[str], who: str, processes: int, code: int, said: bytes) -> None:
    who = f"{who} of {processes}" if who else "a process"
    if b"aunch proxy failed" in said or b"error parsing" in said:
        text = "the job could not be started, see above; check the machines' names and that ssh reaches each"
    else:
        text = f"{who} ended with {_reason(code, said)}, and all were stopped"
        if any(a.startswith(("--checkpoint", "--resume")) for a in arguments):
            text += "; go on from the last checkpoint with train --resume RUN, on any number of processes"
        elif arguments[0] == "train" and code != 2:
            text += "; with --checkpoint N a run can go on from its last checkpoint"
    sys.stderr.write(f"tinygrad-nn launch: {text}\n")


def _reason(code: int, said: bytes) -> str:
    number = -code if code < 0 else code - 128 if code > 128 else code
    killed = code < 0 or code > 128 or b"signal %d" % code in said
    try:
        return f"signal {number} ({Signals(number).name})" if killed else f"exit code {code}"
    except ValueError:
        return f"exit code {code}"


def _mpiexec() -> tuple[str, str]:
    """Give the launcher, that of this environment before that on the PATH, and whose it is."""
    beside = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("mpiexec")
    if found is None:
        raise CommandError('there is no mpiexec: pip install "tinygrad_nn[mpi]" brings it, with the mpich wheel')
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    return found, "Open MPI" if "Open MPI" in said or "OpenRTE" in said else "MPICH"
