"""Run the benchmarks: ``python -m benchmarks [--engines ...] [--workloads ...] [--cores 1]``.

Every engine works in a process of its own. The processes take turns (one round each, then the next round), so that a
drift of the machine's speed hits all alike; figures are medians over the rounds, and ratios to hand-written NumPy of
the same run. Before timing, every engine's numbers are compared with NumPy's.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

from .workloads import WORKLOADS

ENGINES = ("numpy", "tinygrad_nn", "torch", "jax", "autograd", "mygrad")


class Worker:
    """One engine's process: answers each line of input with a line of JSON."""

    def __init__(self, engine: str, cores: int) -> None:
        self.engine = engine
        threads = {k: str(cores) for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", engine, str(cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | threads,
            cwd=Path(__file__).resolve().parents[1],
        )

    def ask(self, **question: object) -> dict[str, object]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.engine}: the benchmark process ended during {question}")
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def measure(name: str, workers: list[Worker], rounds: int) -> dict[str, float | None]:
    """Give each engine's median seconds for a workload; None where the engine does not have it."""
    able, reference = [], None
    medians: dict[str, float | None] = {}
    for w in workers:
        answer = w.ask(do="prepare", workload=name)
        if answer.get("missing"):
            medians[w.engine] = None
            continue
        value = float(answer["check"])  # type: ignore[arg-type]
        reference = value if reference is None else reference
        if abs(value - reference) > 1e-3 * max(1.0, abs(reference)):
            raise RuntimeError(f"{name}: {w.engine} computes {value}, NumPy {reference}")
        able.append(w)
    times: dict[str, list[float]] = {w.engine: [] for w in able}
    for _ in range(rounds):
        for w in able:
            times[w.engine].append(float(w.ask(do="time")["seconds"]))  # type: ignore[arg-type]
    return medians | {k: statistics.median(v) for k, v in times.items()}


def row(name: str, medians: dict[str, float | None], engines: list[str]) -> str:
    scale, unit = WORKLOADS[name].unit
    base = medians.get("numpy")
    cells = []
    for e in engines:
        m = medians.get(e)
        if m is None:
            cells.append("n/a")
        elif base and e != "numpy":
            cells.append(f"{m * scale:.4g} ({m / base:.2f}x)")
        else:
            cells.append(f"{m * scale:.4g}")
    return f"| {name} ({unit}) | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, help="default: all that are installed")
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="threads for BLAS and the engines")
    parser.add_argument("--json", type=Path, help="write the medians here too")
    args = parser.parse_args()
    engines = args.engines or [e for e in ENGINES if importlib.util.find_spec(e) is not None]
    if args.cores == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"{date.today()}, {platform.processor() or platform.machine()}, Python {platform.python_version()}, ", end="")
    print(f"{args.cores} core(s), medians of {args.rounds} rounds, (ratio to hand-written NumPy)\n")
    print("| workload (unit) | " + " | ".join(engines) + " |")
    print("|---" * (len(engines) + 1) + "|", flush=True)
    workers = [Worker(e, args.cores) for e in engines]
    results = {}
    try:
        for name in args.workloads:
            results[name] = measure(name, workers, args.rounds)
            print(row(name, results[name], engines), flush=True)
    finally:
        for w in workers:
            w.close()
    if args.json:
        args.json.write_text(json.dumps({"cores": args.cores, "date": str(date.today()), "medians": results}, indent=1))


if __name__ == "__main__":
    main()
