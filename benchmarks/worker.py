"""One engine's process: prepares a workload and times rounds of it; a line of JSON in, a line of JSON out."""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
import traceback
from typing import Any

import numpy as np

from .engines import ENGINES
from .memory import Peak
from .workloads import WORKLOADS, NotMeasured, Work


class Measured:
    """A workload in one engine."""

    def __init__(self, engine: Any, name: str) -> None:
        workload = WORKLOADS[name]
        make = getattr(engine, workload.function)
        self.make = lambda: make(**workload.arguments)
        self.steps = workload.steps
        self.engine = engine
        self.work: Work | None = None
        self.repeat = 1

    def prepare(self, path: str, seconds: float) -> dict[str, Any]:
        """Do the first steps, save their numbers, and find how many steps fill a round."""
        self.work = self.make()
        start = time.perf_counter()
        last = self.work.step()
        first = time.perf_counter() - start
        for _ in range(self.steps - 1):
            last = self.work.step()
        np.savez(path, *[np.asarray(a) for a in self.work.results(last)])
        gc.collect()
        one = self.time()
        if one < seconds:  # again with enough steps to measure
            self.repeat = max(1, min(1000, int(seconds / 10 / one)))
            one = self.time()
        self.repeat = max(1, int(seconds / one))
        return {"first": first, "seconds": one}

    def time(self) -> float:
        """Give the mean seconds of a step over a round."""
        assert self.work is not None
        step, repeat = self.work.step, self.repeat
        start = time.perf_counter()
        for _ in range(repeat):
            step()
        return (time.perf_counter() - start) / repeat

    def memory(self, steps: int) -> float:
        """Give the bytes that the process grows by at most during steps from a fresh start."""
        # What any first use loads and sets up is no part of the steps.
        small = self.engine.mlp(sizes=(4, 4, 4, 2), batch=2)
        small.step()
        work = self.make()
        peak = Peak()
        for _ in range(steps):
            work.step()
        return peak.growth()


def main() -> None:
    name, cores = sys.argv[1], int(sys.argv[2])
    # Standard output carries the answers: what an engine prints goes elsewhere.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])
    spec = ENGINES[name]
    engine: Any = None
    measured: Measured | None = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer: dict[str, Any] = {}
            if question["do"] == "load":
                module = importlib.import_module(f"benchmarks.engines.{spec.file}_engine")
                engine = module.Engine(spec.variant, cores)
            elif question["do"] == "prepare":
                measured = Measured(engine, question["workload"])
                answer = measured.prepare(question["path"], question["seconds"])
            elif question["do"] == "memory":
                answer = {"bytes": Measured(engine, question["workload"]).memory(question["steps"])}
            else:
                assert measured is not None
                answer = {"seconds": measured.time()}
        except NotMeasured as reason:
            answer = {"skipped": str(reason)}
        except Exception as error:
            traceback.print_exc()
            answer = {"failed": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
