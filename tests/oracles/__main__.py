"""Compare random programs with JAX from the command line: ``python -m oracles --count 10000`` in the folder tests."""

from __future__ import annotations

import argparse
import collections
import sys
import time

from .compare import Outcome, compare
from .jax_engine import start
from .program import generate
from .recipes import RECIPES


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m oracles", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="how many programs (default 300)")
    parser.add_argument("--seed", type=int, default=0, help="the first program's seed (default 0)")
    parser.add_argument("--only", nargs="*", default=[], metavar="OP", help="draw these operations half of the time")
    parser.add_argument("--show", action="store_true", help="print each program without running it")
    options = parser.parse_args()
    names = [*RECIPES, *[n for n in options.only for _ in range(len(RECIPES) // len(options.only))]]
    if options.show:
        for seed in range(options.seed, options.seed + options.count):
            print(generate(seed, names, RECIPES).script())
        return 0
    engine = start()
    began = time.perf_counter()
    drawn: collections.Counter[str] = collections.Counter()
    failed: list[Outcome] = []
    blurred, refused, worst = 0, 0, 0.0
    for i in range(options.count):
        outcome = compare(options.seed + i, engine, names, RECIPES)
        drawn.update(outcome.program.drawn if outcome.program else [])
        blurred += outcome.blurred
        refused += bool(outcome.refused)
        worst = max(worst, outcome.gap)
        if outcome.trouble:
            failed.append(outcome)
            print(f"--- seed {outcome.seed}\n{outcome.trouble}\n", flush=True)
        if i % 500 == 499:
            engine.jax.clear_caches()
            print(f"{i + 1} programs, {len(failed)} failed, {time.perf_counter() - began:.0f} s", file=sys.stderr)
    missing = [n for n in RECIPES if n not in drawn]
    seconds = time.perf_counter() - began
    print(f"{options.count} programs, {sum(drawn.values())} calls of {len(drawn)} operations, {len(failed)} failed,")
    print(f"{blurred} ill-conditioned in part, {refused} that JAX cannot compile,")
    print(f"worst relative difference {worst:.1e}, {seconds:.0f} s")
    if missing:
        print("not drawn:", " ".join(missing))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
