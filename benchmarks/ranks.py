"""Steps per second of data-parallel training against the number of ranks and the batch size.

``python -m benchmarks.ranks [--ranks 1 2] [--page docs/performance.md]`` starts itself by mpiexec once for each number
of ranks. The all-reduce of a buffer of the gradients' size is timed by itself, and its latency and bandwidth fitted, so
that the cost on other machines can be modelled: a step pays where the computing that is spared takes longer.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim, parallel

from .report import filled

MODELS = {
    "784-128-10": (784, 128, 10),
    "784-512-256-10": (784, 512, 256, 10),
    "784-2048-2048-10": (784, 2048, 2048, 10),
}
BATCHES = (64, 256, 1024, 4096)
MESSAGES = (1_000, 10_000, 100_000, 1_000_000, 6_000_000)
SECONDS = 0.4


def median(f: Any, world: parallel.World) -> float:
    """Give the median time of a call in seconds, the same on all ranks."""
    f()
    times: list[float] = []
    begin = time.perf_counter()
    # All ranks make the same number of rounds: rank 0 says when it is enough.
    while world.broadcast(len(times) < 3 or time.perf_counter() - begin < SECONDS):
        world.sum(0.0)
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return float(world.broadcast(float(np.median(times))))


def step_of(sizes: tuple[int, ...], batch: int, world: parallel.World) -> Any:
    """Give a function that makes one training step on this rank's part of a batch."""
    rng = np.random.default_rng(0)
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b, rng=rng), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    flat = parallel.Flat(list(model.parameters()))
    own = world.part(batch)
    x = tg.Tensor(rng.normal(size=(batch, sizes[0])).astype(np.float32)[own])
    y = rng.integers(0, sizes[-1], batch)[own]
    share = np.float32((own.stop - own.start) / batch)

    def step() -> None:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward(share)
        flat.add_up(world)
        optimizer.step()

    return step


def measure(out: str) -> None:
    """Time steps and messages on this number of ranks; rank 0 writes them."""
    world = parallel.world()
    found: dict[str, Any] = {"ranks": world.size, "steps": {}, "messages": {}}
    for name, sizes in MODELS.items():
        for batch in BATCHES:
            found["steps"][f"{name} {batch}"] = median(step_of(sizes, batch, world), world)
    for n in MESSAGES:
        buffer = np.zeros(n, np.float32)
        found["messages"][str(4 * n)] = median(lambda b=buffer: world.add_up(b), world)
    if world.rank == 0:
        Path(out).write_text(json.dumps(found))


def run(ranks: int) -> dict[str, Any]:
    """Start the measurement on a number of ranks and read what it found."""
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
    if mpiexec is None:
        raise SystemExit('there is no mpiexec: pip install "tinygrad_nn[mpi]"')
    threads = str(max(1, (os.cpu_count() or 1) // ranks))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "found.json")
        command = [
            mpiexec,
            "-n",
            str(ranks),
            sys.executable,
            "-m",
            "mpi4py",
            "-m",
            "benchmarks.ranks",
            "--measure",
            out,
        ]
        subprocess.run(command, env=environment, check=True, timeout=900)
        return dict(json.loads(Path(out).read_text()))


def fit(messages: dict[str, float]) -> tuple[float, float]:
    """Give latency in seconds and bandwidth in bytes a second of time = latency + bytes / bandwidth."""
    sizes = np.array([int(k) for k in messages], float)
    times = np.array(list(messages.values()))
    # In relative terms, or the largest message alone would count.
    slope, latency = np.linalg.lstsq(np.stack([sizes, np.ones_like(sizes)], 1) / times[:, None], np.ones_like(times))[0]
    return max(float(latency), float(times.min())), 1.0 / float(slope)


def parameters(sizes: tuple[int, ...]) -> int:
    """Give the number of parameters of a dense network."""
    return sum([a * b + b for a, b in pairwise(sizes)])


def report(found: list[dict[str, Any]]) -> str:
    """Give the tables."""
    alone = found[0]
    lines = [f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores; each rank has its share of them as threads.", ""]
    heads = [f"{f['ranks']} rank{'s' * (f['ranks'] > 1)}" for f in found]
    lines += ["Steps per second, in brackets the speed-up over one rank:", ""]
    lines += [f"| network | batch | {' | '.join(heads)} |", f"|---|---|{'---|' * len(found)}"]
    for name in MODELS:
        for batch in BATCHES:
            key = f"{name} {batch}"
            row = [f"{1 / f['steps'][key]:.0f} ({alone['steps'][key] / f['steps'][key]:.2f}x)" for f in found]
            lines.append(f"| {name} | {batch} | {' | '.join(row)} |")
    lines += ["", "One all-reduce, milliseconds:", ""]
    lines += [f"| bytes | {' | '.join(heads[1:])} |", f"|---|{'---|' * (len(found) - 1)}"]
    for size in found[-1]["messages"]:
        times = [f"{1e3 * f['messages'][size]:.2f}" for f in found[1:]]
        lines.append(f"| {int(size):,} | {' | '.join(times)} |")
    for f in found[1:]:
        latency, bandwidth = fit(f["messages"])
        lines += ["", f"On {f['ranks']} ranks that is {1e6 * latency:.0f} µs + bytes / ({bandwidth / 1e9:.1f} GB/s)."]
    lines += [
        "",
        "Modelled: the smallest batch at which a second machine pays, where one step of a batch takes as long as",
    ]
    lines += [
        "measured on one rank, half of it is spared, and the gradients (4 bytes a parameter) cross the network once:",
        "",
    ]
    networks = {
        "1 Gbit/s, 50 µs": (50e-6, 0.125e9),
        "10 Gbit/s, 20 µs": (20e-6, 1.25e9),
        "100 Gbit/s, 5 µs": (5e-6, 12.5e9),
    }
    lines += [f"| network | bytes a step | {' | '.join(networks)} |", f"|---|---|{'---|' * len(networks)}"]
    for name, sizes in MODELS.items():
        size = 4 * parameters(sizes)
        row = []
        for latency, bandwidth in networks.values():
            cost = latency + 2 * size / bandwidth
            pays = [b for b in BATCHES if alone["steps"][f"{name} {b}"] / 2 > cost]
            row.append(str(pays[0]) if pays else f"above {BATCHES[-1]}")
        lines.append(f"| {name} | {size:,} | {' | '.join(row)} |")
    return "\n".join(lines)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ranks", description=__doc__)
    parser.add_argument("--ranks", nargs="+", type=int, default=[1, 2], help="numbers of ranks, the first is 1")
    parser.add_argument("--page", type=Path, help="write the tables into this page, between its markers")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    text = report([run(n) for n in options.ranks])
    print(text)
    if options.page:
        options.page.write_text(filled(options.page.read_text(encoding="utf-8"), "ranks", text), encoding="utf-8")


if __name__ == "__main__":
    main()
