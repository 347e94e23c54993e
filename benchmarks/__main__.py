"""Time the same workloads in every installed engine, beside hand-written NumPy: ``python -m benchmarks``."""

import sys

from .command import main

if __name__ == "__main__":
    sys.exit(main())
