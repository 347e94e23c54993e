"""What a gradient check found, as numbers and as text."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .judge import AGREES, DIFFERS, UNRESOLVED, Verdict, describe


class GradientError(AssertionError):
    """Raised when a derivative is wrong; ``report`` holds what was found.

    The first line names the input, the element, both numbers and, where it was found, the operation at fault.
    """

    report: object = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison: an element of an input, or a direction in which many elements move together."""

    place: str
    """``element (1, 2)`` or ``direction 3``."""
    index: tuple[int, ...] | None
    verdict: Verdict
    output: str = ""
    """The element of the result that shows it, where one was singled out."""

    def __str__(self) -> str:
        return f"{self.place}{self.output}: {describe(self.verdict)}"


@dataclass(slots=True, repr=False)
class InputReport:
    """What was found for one input."""

    label: str
    shape: tuple[int, ...]
    dtype: str
    elements: int = 0
    """The elements compared one by one; those that follow each other in ``directions`` are all of them."""
    directions: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def max_error(self) -> float:
        """The largest difference between reverse mode and differences, relative to the largest derivative."""
        return self._largest([abs(f.verdict.claim - f.verdict.value) for f in self._smooth()])

    @property
    def resolution(self) -> float:
        """How fine the test was: the largest error bound of the differences, relative to the largest derivative."""
        return self._largest([f.verdict.error for f in self._smooth()])

    def _smooth(self) -> list[Finding]:
        return [f for f in self.findings if f.verdict.status in (AGREES, DIFFERS) and f.verdict.slopes is None]

    @property
    def scale(self) -> float:
        """The largest derivative that was met, which the agreement is relative to."""
        return max([abs(f.verdict.value) for f in self._smooth()], default=0.0)

    def _largest(self, sizes: list[float]) -> float:
        largest = max(sizes, default=0.0)
        # Derivatives that are zero within their errors are no measure: then the number itself is given.
        zero = self.scale <= max([f.verdict.error for f in self._smooth()], default=0.0)
        return largest if zero else largest / self.scale

    @property
    def failures(self) -> list[Finding]:
        return [f for f in self.findings if f.verdict.status == DIFFERS]

    @property
    def passed(self) -> bool:
        return not self.failures

    def proportion(self) -> str:
        """Say how many of the comparisons differ."""
        return f"{len(self.failures)} of {len(self.findings)} comparisons differ"

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        amount = f"{self.elements} of {self.size} elements" if self.size != self.elements else f"{self.size} elements"
        parts = [amount] + ([f"{self.directions} directions"] if self.directions else [])
        head = f"{self.label} {self.shape} {self.dtype}: "
        if not self.passed:
            head += self.proportion()
        elif self.findings:
            head += f"agrees to {self.max_error:.0e}, resolution {self.resolution:.0e}"
        else:
            head += "nothing to compare"
        lines = [f"{head} ({', '.join(parts)})"]
        lines += [f"  {note}" for note in self.notes]
        marked = [f for f in self.findings if f.verdict.status not in (AGREES, UNRESOLVED)]
        unresolved = [f for f in self.findings if f.verdict.status == UNRESOLVED]
        for f in (*marked[:4], *unresolved[:1]):
            lines.append(f"  {'' if f.verdict.status == DIFFERS else f.verdict.status + ' at '}{f}")
        for rest, kind in ((len(marked) - 4, "more like these"), (len(unresolved) - 1, "more unresolved")):
            if rest > 0:
                lines.append(f"  and {rest} {kind}")
        return "\n".join(lines)


@dataclass(slots=True, repr=False)
class GradcheckReport:
    """What a gradient check found; ``print`` it."""

    order: int
    inputs: list[InputReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What is wrong, the first one first; empty where the check passed."""
    exception: Exception | None = None
    """What a rule raised, where one did."""
    evaluations: int = 0
    """How many times the function was run."""
    higher: GradcheckReport | None = None
    """The check of the gradient as a function, for ``order`` above 1."""

    @property
    def passed(self) -> bool:
        return not self.faults and (self.higher is None or self.higher.passed)

    @property
    def max_error(self) -> float:
        """The largest relative difference over all inputs and orders."""
        return max([i.max_error for i in self.inputs] + ([self.higher.max_error] if self.higher else []), default=0.0)

    @property
    def resolution(self) -> float:
        """The largest relative error bound of the differences over all inputs and orders."""
        return max([i.resolution for i in self.inputs] + ([self.higher.resolution] if self.higher else []), default=0.0)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        level = "" if self.order == 1 else f", derivative {self.order}"
        if self.passed:
            head = f"gradcheck{level}: passed, agrees to {self.max_error:.0e}, resolution {self.resolution:.0e}"
        else:
            head = f"gradcheck{level}: FAILED"
        lines = [f"{head} ({self.evaluations} runs of the function)"]
        lines += [f"  {fault}" for fault in self.faults]
        lines += [f"  {line}" for i in self.inputs for line in str(i).splitlines()]
        lines += [f"  {note}" for note in self.notes]
        if self.higher is not None:
            lines.append(str(self.higher))
        return "\n".join(lines)
