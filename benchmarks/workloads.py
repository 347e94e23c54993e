"""What is measured: each workload names a method of the engines and its arguments.

The method gives a Work: a step that does the work once, and the numbers to compare with NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


class NotMeasured(Exception):
    """An engine has no such work; the message is the reason that the report gives."""


@dataclass(frozen=True)
class Work:
    """What an engine does for a workload."""

    step: Callable[[], Any]
    """Does the work once."""
    results: Callable[[Any], list[Any]]
    """Gives, from what the last step returned, the arrays that every engine must agree on."""


#: glibc keeps freed pages and takes none from mmap: what large arrays cost no longer depends on the heap's history.
KEEP_PAGES = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "MALLOC_TOP_PAD_": str(1 << 26),
}

MICROSECONDS, MEGABYTES = (1e6, "µs"), (1e-6, "MB")


@dataclass(frozen=True)
class Workload:
    """One row of a table."""

    about: str
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    table: str = "workloads"
    """The table that it belongs to: "workloads", or one of the growth tables."""
    size: int = 0
    """Its place on the axis of a growth table."""
    per: int = 1
    """The figure is the time of a step divided by this."""
    unit: tuple[float, str] = MICROSECONDS
    tolerance: float = 1e-9
    """How far an array may be from NumPy's: the norm of the difference over the norm of NumPy's."""
    steps: int = 1
    """How many steps are done before the numbers are compared: wrong state that training leaves shows in the next."""
    environment: dict[str, str] = field(default_factory=dict)
    engines: tuple[str, ...] = ()
    """The only engines that can do it in reasonable time; empty: all."""
    quick: bool = True
    """Whether --quick runs it."""

    @property
    def work(self) -> tuple[Any, ...]:
        """What two rows have in common that are the same work: it is measured once."""
        return self.function, self.arguments, self.environment, self.unit, self.per

    @property
    def shown_unit(self) -> str:
        return self.unit[1] + ("/op" if self.per > 1 else "")


#: In training, rounding decides on which side of its kink a ReLU is: a few in a thousand of one row's gradient.
TRAINING = 1e-2


def _mlp(about: str, *sizes: int, batch: int, **more: Any) -> Workload:
    return Workload(about, "mlp", {"sizes": sizes, "batch": batch}, tolerance=TRAINING, steps=3, **more)


def _elementwise(n: int, pages: str = "", **more: Any) -> Workload:
    about = f"sum(sigmoid(x) tanh(x) + exp(-x²)) and gradient, {n:,} float32{pages}"
    return Workload(about, "elementwise", {"n": n}, tolerance=1e-4, **more)


def _scalars(n: int, **more: Any) -> Workload:
    return Workload(f"graph of {n:,} scalar operations", "scalars", {"n": n}, per=n, size=n, **more)


W3 = ("train step 784-512-256-10, batch 128", 784, 512, 256, 10)
OURS = ("numpy", "tinygrad_nn")

WORKLOADS: dict[str, Workload] = {
    "W1": _mlp("train step 2-16-16-2, batch 100", 2, 16, 16, 2, batch=100),
    "W2": _mlp("train step 784-128-10, batch 64", 784, 128, 10, batch=64),
    "W3": _mlp(*W3, batch=128),
    "W4-1e5": _elementwise(100_000),
    "W4-1e6": _elementwise(1_000_000),
    "W4-1e6-keep": _elementwise(1_000_000, ", malloc keeps its pages", environment=KEEP_PAGES, quick=False),
    "W5": Workload("chain of 1000 (multiply, tanh) on 8×8", "chain", {"n": 1000}, per=1000),
    "W6-1e4": _scalars(10_000),
    "W6-1e5": _scalars(100_000, quick=False),
    "W7": Workload("one leaf used 20,000 times", "reuse", {"n": 20_000}, per=20_000),
    "W8": Workload("hessian-vector product of a tanh net 64-64-1 in its input", "hvp", {"n": 64}),
    "W8-weights": Workload(
        "hessian-vector product of a tanh net 64-64-1 in its weights, batch 32", "hvp_weights", {"n": 64, "batch": 32}
    ),
    "W9": Workload(
        "train step of a small conv net on 8×8 images, batch 32", "conv", {"batch": 32}, tolerance=TRAINING, steps=3
    ),
    "W10": _mlp("peak memory of 200 steps of W3 above the start", *W3[1:], batch=128, unit=MEGABYTES),
    **{
        f"graph-1e{k}": _scalars(10**k, table="graph size", engines=OURS if k == 6 else (), quick=k < 5)
        for k in (3, 4, 5, 6)
    },
    **{
        f"batch-{n}": _mlp(f"784-128-10, batch {n}", 784, 128, 10, batch=n, table="batch", size=n, quick=False)
        for n in (8, 64, 512, 4096)
    },
    **{
        f"width-{n}": _mlp(f"{n}-{n}-10, batch 64", n, n, 10, batch=64, table="width", size=n, quick=False)
        for n in (8, 32, 128, 512, 2048)
    },
}

#: Workloads whose figure is memory, of this many steps.
MEMORY_STEPS = {"W10": 200}


def chosen(names: Iterable[str], quick: bool = False) -> list[str]:
    """Give the workloads that names stand for: ``W2`` is W2, ``W4`` all whose names begin with ``W4-``.

    >>> chosen(["W2", "W6"])
    ['W2', 'W6-1e4', 'W6-1e5']
    """
    found: dict[str, None] = {}
    for name in names:
        fitting = [name] if name in WORKLOADS else [k for k in WORKLOADS if k.startswith(f"{name}-")]
        if not fitting:
            known = ", ".join(dict.fromkeys(k.partition("-")[0] for k in WORKLOADS))
            raise ValueError(f"no workload {name!r}; there are {known}")
        found.update(dict.fromkeys(fitting))
    if names:
        return list(found)
    return [k for k, w in WORKLOADS.items() if w.quick or not quick]
