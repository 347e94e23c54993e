"""One engine's process: prepares workloads and times rounds of them, a line of JSON each."""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time

from .workloads import WORKLOADS


def main() -> None:
    engine = importlib.import_module(f"benchmarks.engines.{sys.argv[1]}_engine")
    if hasattr(engine, "set_threads"):
        engine.set_threads(int(sys.argv[2]))
    step, repeat, divisor = None, 1, 1
    for line in sys.stdin:
        question = json.loads(line)
        answer: dict[str, object] = {}
        if question["do"] == "prepare":
            workload = WORKLOADS[question["workload"]]
            make = getattr(engine, workload.function, None)
            step = None
            gc.collect()
            if make is None:
                answer["missing"] = True
            else:
                step = make(**workload.arguments)
                answer["check"] = float(step())
                repeat, divisor = workload.repeat, workload.per
                for _ in range(2):
                    step()
        else:
            assert step is not None
            start = time.perf_counter()
            for _ in range(repeat):
                step()
            answer["seconds"] = (time.perf_counter() - start) / repeat / divisor
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
