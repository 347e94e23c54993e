"""Rounds: every engine's process in turn, medians, and no figure for wrong numbers."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .engines import BASE, ENGINES
from .process import Worker
from .workloads import MEMORY_STEPS, WORKLOADS, Workload

#: An engine that has worked this many seconds on one workload has done enough rounds, but never fewer than three.
ENOUGH = 4.0
FEWEST = 3


@dataclass
class Row:
    """What one workload gave: the figure of each engine in seconds or bytes, or why there is none."""

    figures: dict[str, float] = field(default_factory=dict)
    spread: dict[str, tuple[float, float]] = field(default_factory=dict)
    """The quartiles of the rounds."""
    first: dict[str, float] = field(default_factory=dict)
    """Seconds of the first step: recording and compiling."""
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, engine: str, values: list[float], per: int) -> None:
        """Take the rounds of an engine."""
        values = sorted(v / per for v in values)
        self.figures[engine] = statistics.median(values)
        low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
        self.spread[engine] = low, high


def measure(
    name: str,
    engines: list[str],
    cores: int,
    rounds: int,
    seconds: float,
    start: Callable[[str, int, dict[str, str]], Any] = Worker,
) -> Row:
    """Compare every engine's numbers with NumPy's, then time those that agree, round by round in turn.

    ``seconds`` is about how long one round of one engine takes.
    """
    workload, row = WORKLOADS[name], Row()
    for e in engines:
        if workload.engines and e.partition(".")[0] not in workload.engines:
            row.skipped[e] = "not measured at this size"
        elif workload.table != "workloads" and not ENGINES[e].growth:
            row.skipped[e] = "not measured: its compiler takes seconds for every size"
    able = [e for e in engines if e not in row.skipped]
    workers = {e: start(e, cores, workload.environment) for e in able}
    try:
        with tempfile.TemporaryDirectory() as folder:
            paths = {e: Path(folder) / f"{e}.npz" for e in able}
            prepared = {}
            for w in workers.values():  # all import side by side
                w.tell(do="load")
            for e, w in workers.items():
                prepared[e] = w.answer()
            for e, w in workers.items():
                if not prepared[e]:
                    prepared[e] = w.ask(do="prepare", workload=name, path=str(paths[e]), seconds=seconds)
                for kind in ("skipped", "failed"):
                    if kind in prepared[e]:
                        getattr(row, kind)[e] = prepared[e][kind]
            ready = [e for e in able if e not in row.skipped and e not in row.failed]
            if BASE not in ready:
                reason = row.failed.get(BASE, "it was not asked")
                raise RuntimeError(f"{name}: NumPy gave no numbers to compare with ({reason})")
            right = _loaded(paths[BASE])
            for e in ready:
                fault = disagreement(_loaded(paths[e]), right, workload.tolerance)
                if fault:
                    row.failed[e] = f"wrong numbers, so not timed: {fault}"
                else:
                    row.first[e] = prepared[e]["first"]
        ready = [e for e in ready if e not in row.failed]
        if name in MEMORY_STEPS:
            _memory(name, workload, ready, cores, rounds, row, start)
        else:
            _time(workload, {e: workers[e] for e in ready}, prepared, rounds, row)
    finally:
        for w in workers.values():
            w.close()
    return row


def _time(workload: Workload, workers: dict[str, Any], prepared: dict[str, Any], rounds: int, row: Row) -> None:
    times: dict[str, list[float]] = {e: [] for e in workers}
    turns = {e: max(FEWEST, min(rounds, int(ENOUGH / prepared[e]["seconds"]))) for e in workers}
    for i in range(rounds):
        for e, w in workers.items():
            # Those that do fewer rounds do them spread over the whole time.
            if e not in row.failed and i * turns[e] // rounds != (i - 1) * turns[e] // rounds:
                answer = w.ask(do="time")
                if "failed" in answer:
                    row.failed[e] = answer["failed"]
                else:
                    times[e].append(answer["seconds"])
    for e, values in times.items():
        if e not in row.failed:
            row.add(e, values, workload.per)


def _memory(
    name: str,
    workload: Workload,
    engines: list[str],
    cores: int,
    rounds: int,
    row: Row,
    start: Callable[[str, int, dict[str, str]], Any],
) -> None:
    for e in engines:
        values = []
        for _ in range(min(rounds, FEWEST)):
            worker = start(e, cores, workload.environment)
            try:
                answer = worker.ask(do="load") or worker.ask(do="memory", workload=name, steps=MEMORY_STEPS[name])
            finally:
                worker.close()
            if "failed" in answer:
                row.failed[e] = answer["failed"]
                break
            values.append(answer["bytes"])
        else:
            row.add(e, values, workload.per)


def _loaded(path: Path) -> list[Any]:
    with np.load(path) as saved:
        return [saved[f"arr_{i}"] for i in range(len(saved.files))]


def disagreement(found: list[Any], right: list[Any], tolerance: float) -> str:
    """Say how an engine's arrays differ from NumPy's, or give an empty string where they agree.

    >>> disagreement([np.ones(2)], [np.ones(2)], 1e-9)
    ''
    >>> disagreement([np.array([1.0, 2.0])], [np.array([1.0, 1.0])], 1e-9)
    'array 0 of 1 is off by 0.71 of its norm (allowed: 1e-09)'
    """
    if len(found) != len(right):
        return f"{len(found)} arrays instead of {len(right)}"
    for i, (a, b) in enumerate(zip(found, right, strict=True)):
        if a.shape != b.shape:
            return f"array {i} of {len(right)} has shape {a.shape} instead of {b.shape}"
        norm = float(np.linalg.norm(np.asarray(b, float)))
        error = float(np.linalg.norm(np.asarray(a, float) - b))
        if not error <= tolerance * norm:  # also where a NaN makes this false
            off = error / norm if norm else error
            return f"array {i} of {len(right)} is off by {off:.2g} of its norm (allowed: {tolerance:g})"
    return ""
