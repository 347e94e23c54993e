"""What is measured: each workload names a function that an engine's file may have, and its arguments.

The function gives a step: a function that does the work once and returns a number to compare with NumPy's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MICRO, MILLI = (1e6, "us"), (1e3, "ms")


@dataclass(frozen=True)
class Workload:
    """One row of the table: a function of the engines' files, its arguments, repeats a round, parts of a step."""

    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    repeat: int = 1
    per: int = 1
    unit: tuple[float, str] = MICRO


WORKLOADS = {
    # A training step: linear, ReLU, ..., cross entropy, SGD at rate 0.1, float32.
    "mlp 2-16-16-2": Workload("mlp", {"sizes": (2, 16, 16, 2), "batch": 100}, repeat=300),
    "mlp 784-128-10": Workload("mlp", {"sizes": (784, 128, 10), "batch": 64}, repeat=50),
    "mlp 784-512-256-10": Workload("mlp", {"sizes": (784, 512, 256, 10), "batch": 128}, repeat=10),
    # sum(sigmoid(x) * tanh(x) + exp(-x*x)) and its gradient, float32.
    "elementwise 1e5": Workload("elementwise", {"n": 100_000}, repeat=20),
    "elementwise 1e6": Workload("elementwise", {"n": 1_000_000}, repeat=3),
    # A chain of products with one 8x8 matrix and tanh, float64, forward and backward, per operation.
    "chain 8x8": Workload("chain", {"n": 1000}, repeat=3, per=1000),
    # A graph of n scalar operations, forward and backward.
    "scalars 1e4": Workload("scalars", {"n": 10_000}, unit=MILLI),
    "scalars 1e5": Workload("scalars", {"n": 100_000}, unit=MILLI),
    # One leaf used n times.
    "reuse 2e4": Workload("reuse", {"n": 20_000}, unit=MILLI),
    # Hessian-vector product of a tanh network 64-64-1 in its input, float64.
    "hvp 64-64-1": Workload("hvp", {"n": 64}, repeat=50),
}
