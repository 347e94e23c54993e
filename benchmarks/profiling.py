"""Where the time of one eager step goes: phases, NumPy's part of each, and operation by operation.

Phases are clocked where the library's walks and optimizers begin and end. NumPy's part is found by running the
functions and rules of the recorded operations alone, on the arrays of a real step, in a loop: their arrays are in the
cache then, so that for large arrays a step may take longer than its parts. Every figure is the fastest of many short
rounds: what other programs take only adds to a time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_nn import record, walk
from tinygrad_nn.optim.optimizer import Optimizer

from .engines import numpy_engine, tinygrad_nn_engine
from .process import ROOT, THREADS
from .workloads import WORKLOADS

ROUNDS = 150
LONGEST = 5.0
SECONDS = 0.002

"""A round is shorter than the time slices that the system deals out."""

#: The workloads whose profiles a page shows.
SHOWN = ("W1", "W2", "W3", "W4-1e6", "W5", "W6-1e4", "W9")

#: Name of each phase, and the functions that it consists of.
PHASES: dict[str, list[tuple[Any, str]]] = {
    "order of the graph": [(walk, "graph"), (walk, "between")],
    "walk back": [(walk, "reverse")],
    "walk forward": [(walk, "forward")],
    "optimizer.step": [(Optimizer, "step")],
    "optimizer.zero_grad": [(Optimizer, "zero_grad")],
}
FORWARD = "forward and recording"


def profile(name: str, cores: int) -> str:
    """Give the report of a workload, made in a process of its own with that many threads."""
    environment = os.environ | dict.fromkeys(THREADS, str(cores))
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.profiling", name, str(cores)],
        capture_output=True,
        text=True,
        env=environment | WORKLOADS[name].environment | {"PYTHONPATH": os.pathsep.join(paths)},
        cwd=ROOT,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise RuntimeError(f"--profile {name}: {said[-1] if said else f'it ended with code {done.returncode}'}")
    return done.stdout.rstrip()


class Capture:
    """The operations that one step recorded, and the rules that its walk back ran."""

    def __init__(self, step: Callable[[], Any]) -> None:
        self.recorded: list[tuple[Any, Any, Any]] = []  # operation, values, parameters
        self.pulled: list[tuple[Any, Any, Any, Any, Any]] = []  # and cotangent, indices of the inputs with a gradient
        self.optimizers: list[Any] = []
        made, reverse, update = record._recorded, walk.reverse, Optimizer.step

        def recorded(y: Any, op: Any, inputs: Any, saved: Any, params: Any, where: Any) -> Any:
            self.recorded.append((op, saved[1:], {k: v for k, v in params.items() if k != "residual"}))
            return made(y, op, inputs, saved, params, where)

        def pulling(nodes: Any, cotangents: Any, *, visit: Any = None, **options: Any) -> Any:
            def seen(t: Any, g: Any) -> Any:
                live = options.get("live")
                inputs = [
                    i
                    for i, x in enumerate(t._inputs)
                    if isinstance(x, walk.Node) and x._tracked and (live is None or x in live)
                ]
                if not options.get("record"):  # else what the rules do is recorded, and among the operations
                    self.pulled.append((t.op, t._saved, t._params, g, inputs))
                return g if visit is None else visit(t, g)

            return reverse(nodes, cotangents, visit=seen, **options)

        def stepping(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            self.optimizers.append(optimizer)
            return update(optimizer, *args, **kwargs)

        with patched([(record, "_recorded", recorded), (walk, "reverse", pulling), (Optimizer, "step", stepping)]):
            step()


@contextmanager
def patched(places: list[tuple[Any, str, Any]]) -> Iterator[None]:
    """Put functions in the places of others for a while."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    try:
        for owner, name, f in places:
            setattr(owner, name, f)
        yield
    finally:
        for owner, name, f in before:
            setattr(owner, name, f)


def fastest(f: Callable[[], Any], rounds: int = ROUNDS, seconds: float = SECONDS / 4) -> float:
    """Give the seconds of a call: the smallest over rounds of the mean in a round."""
    f()
    best, n = float("inf"), 1
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(n):
            f()
        best = min(best, (time.perf_counter() - start) / n)
        n = max(1, min(10 * n, int(seconds / best)))
    return best


def phases(step: Callable[[], Any], steps: int) -> dict[str, float]:
    """Give the mean seconds of each phase in a step, without those of a phase inside it."""
    spent: Counter[str] = Counter()
    inside = [0.0]

    def clocked(name: str, f: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            inside.append(0.0)
            start = time.perf_counter()
            try:
                return f(*args, **kwargs)
            finally:
                took = time.perf_counter() - start
                spent[name] += took - inside.pop()
                inside[-1] += took

        return run

    places = [(o, n, clocked(name, getattr(o, n))) for name, fs in PHASES.items() for o, n in fs]
    whole = clocked(FORWARD, step)
    with patched(places):
        for _ in range(steps):
            whole()
    return {name: spent[name] / steps for name in (FORWARD, *PHASES) if spent[name]}


def outline(op: Any, values: Any, params: dict[str, Any]) -> tuple[Any, ...]:
    """Give what the time of an operation depends on, to clock each such operation once."""
    shapes = tuple((np.shape(v), np.asarray(v).dtype.str) for v in values)
    return op.name, shapes, tuple(sorted(k for k in params))


def functions(capture: Capture) -> dict[Any, list[float]]:
    """Give, for each kind of operation, how many there are and the seconds of its function alone."""
    found: dict[Any, list[float]] = {}
    for op, values, params in capture.recorded:
        key = outline(op, values, params)
        if key not in found:
            found[key] = [0, fastest(lambda op=op, values=values, params=params: op.fn(*values, **params))]
        found[key][0] += 1
    return found


def rules(capture: Capture) -> dict[Any, list[float]]:
    """Give, for each kind of operation, how many there are and the seconds of its rules alone."""
    found: dict[Any, list[float]] = {}
    for op, saved, params, g, inputs in capture.pulled:
        key = outline(op, saved[1:], {k: v for k, v in params.items() if k != "residual"})
        if key not in found:
            wanted = [op.rules[0]] if op.variadic else [op.rules[i] for i in inputs if op.rules[i] is not None]

            def run(wanted: Any = wanted, g: Any = g, saved: Any = saved, params: Any = params) -> None:
                for rule in wanted:
                    rule(g, *saved, **params)

            found[key] = [0, fastest(run)]
        found[key][0] += 1
    return found


def updates(capture: Capture) -> float:
    """Give the seconds of what stochastic gradient descent asks of NumPy: a product and a difference each."""
    total = 0.0
    for optimizer in capture.optimizers:
        for group in optimizer.param_groups:
            for p in group["params"]:
                a, g, rate = p.numpy(), p._grad, np.asarray(group["lr"], p.dtype)
                if g is not None:
                    out = np.empty_like(a)

                    def run(a: Any = a, g: Any = g, rate: Any = rate, out: Any = out) -> None:
                        np.multiply(g, rate, out)
                        np.subtract(a, out, a)

                    total += fastest(run)
    return total


def faults(step: Callable[[], Any]) -> str:
    """Say how many pages the system had to hand out in a step."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return ""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        step()
    return f", {(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10:.0f} page faults a step"


def report(name: str, cores: int) -> str:
    """Measure and write the report."""
    workload = WORKLOADS[name]
    ours, base = (
        getattr(m.Engine("", cores), workload.function)(**workload.arguments).step
        for m in (tinygrad_nn_engine, numpy_engine)
    )
    for step in (ours, base):
        for _ in range(3):
            step()
    rounds = max(3, min(ROUNDS, int(LONGEST / fastest(ours, 10))))
    total, hand = fastest(ours, rounds, SECONDS), fastest(base, rounds, SECONDS)
    n = max(1, int(SECONDS / total))
    clocked = [phases(ours, n) for _ in range(rounds)]
    parts = min(clocked, key=lambda p: sum(p.values()))
    pages = faults(ours)
    capture = Capture(ours)
    forward, backward = functions(capture), rules(capture)
    numpy = {
        FORWARD: sum(n * t for n, t in forward.values()),
        "walk back": sum(n * t for n, t in backward.values()),
        "optimizer.step": updates(capture),
    }
    us = lambda s: f"{s * 1e6:,.1f}" if s * 1e6 < 1000 else f"{s * 1e6:,.0f}"  # noqa: E731
    lines = [
        f"**{name}**: {workload.about}; {cores} thread{'s' * (cores > 1)}.",
        f"One eager step: {us(total)} µs; hand-written NumPy: {us(hand)} µs ({total / hand:.2f}×){pages}.",
        "",
        "| phase | µs | NumPy alone | the rest | operations | rest per operation |",
        "|---|---|---|---|---|---|",
    ]
    counts = {FORWARD: len(capture.recorded), "walk back": len(capture.pulled)}
    for phase, seconds in parts.items():
        alone, count = numpy.get(phase, 0.0), counts.get(phase, 0)
        rest = seconds - alone
        per = us(rest / count) if count else ""
        lines.append(f"| {phase} | {us(seconds)} | {us(alone) if alone else ''} | {us(rest)} | {count or ''} | {per} |")
    lines.append(
        f"| all | {us(sum(parts.values()))} | {us(sum(numpy.values()))} | ",
    )
    lines[-1] += f"{us(sum(parts.values()) - sum(numpy.values()))} | | |"
    lines += [
        "",
        "| operation | inputs | in a step | function, µs each | rules, µs each | in all |",
        "|---|---|---|---|---|---|",
    ]
    cost = {k: sum(d[k][0] * d[k][1] for d in (forward, backward) if k in d) for k in (*forward, *backward)}
    for k in sorted(cost, key=lambda k: -cost[k])[:20]:
        op, shapes, _ = k
        said = ", ".join("×".join(map(str, s)) or "number" for s, _ in shapes)
        f, r = (us(d[k][1]) if k in d else "" for d in (forward, backward))
        lines.append(f"| {op} | {said} | {forward.get(k, backward.get(k))[0]} | {f} | {r} | {us(cost[k])} |")  # type: ignore[index]
    return "\n".join(lines)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(sys.argv[2]) :])
    print(report(sys.argv[1], int(sys.argv[2])))
