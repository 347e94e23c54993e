"""The processes that engines work in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Worker:
    """One engine's process: answers each line of input with a line of JSON."""

    def __init__(self, engine: str, cores: int, environment: dict[str, str]) -> None:
        self.engine = engine
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (closed in close)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.worker", engine, str(cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            text=True,
            env=os.environ | dict.fromkeys(THREADS, str(cores)) | environment | {"PYTHONPATH": os.pathsep.join(paths)},
            cwd=ROOT,
        )

    def ask(self, **question: Any) -> dict[str, Any]:
        """Give the answer to a question; a process that died answers ``failed`` with what it said last."""
        self.tell(**question)
        return self.answer()

    def tell(self, **question: Any) -> None:
        """Send a question without waiting for the answer."""
        assert self.process.stdin is not None
        self._let("SIGCONT")
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer says so

    def answer(self) -> dict[str, Any]:
        """Wait for the answer to the question sent last."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            self._let("SIGSTOP")
            found: dict[str, Any] = json.loads(line)
            return found
        self.process.wait()
        self.said.seek(0)
        said = self.said.read().strip().splitlines()
        return {"failed": f"its process ended with code {self.process.returncode}: {said[-1] if said else ''}"}

    def _let(self, name: str) -> None:
        """Stop the process while another one has its turn, or let it go on.

        The threads of a matrix product look out for the next one, at full speed, for longer than a round takes.
        """
        if hasattr(signal, name):
            self.process.send_signal(getattr(signal, name))

    def close(self) -> None:
        """End the process."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.said.close()
