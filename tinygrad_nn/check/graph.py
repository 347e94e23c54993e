"""check_graph: run every recorded operation again by itself, at the values that occurred, and name the faulty one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..convert import Foreign
from ..mode import enable_grad
from ..op import Op
from ..tensor import Tensor, apply, constant
from ..tree import flatten
from ..walk import GraphFreedError, Node, fold, graph, next_number
from .diagnose import diagnose
from .forward import compare_modes
from .inputs import Leaf
from .judge import AGREES, DIFFERS, UNRESOLVED
from .level import Level
from .place import name_of, place_of, variables
from .report import GradientError, InputReport

#: Directions that each input of an operation is moved along.
DIRECTIONS = 2


@dataclass(slots=True)
class OperationReport:
    """What was found of one recorded operation."""

    node: Any = field(repr=False)
    """The tensor that it made."""
    op: Op
    name: str
    """What the user calls the result: its name or a variable; may be empty."""
    place: str
    """File, line and text in the user's program; may be empty."""
    inputs: list[InputReport] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What is wrong, in words."""
    details: list[str] = field(default_factory=list)
    """The numbers behind it."""
    notes: list[str] = field(default_factory=list)
    within: Any = field(default=None, repr=False)
    """The tensor of the checkpoint that it was inside of, where there is one."""

    @property
    def passed(self) -> bool:
        return not self.faults

    @property
    def max_error(self) -> float:
        return max([i.max_error for i in self.inputs], default=0.0)

    @property
    def resolution(self) -> float:
        return max([i.resolution for i in self.inputs], default=0.0)

    @property
    def at_kink(self) -> bool:
        """Whether some input is where the operation has no derivative."""
        return any(f.verdict.status not in (AGREES, UNRESOLVED, DIFFERS) for i in self.inputs for f in i.findings)

    @property
    def title(self) -> str:
        """The operation, the name of its result and the place in the program."""
        named = f" ({self.name})" if self.name else ""
        return f"{self.op.name}{named}" + (f" at {self.place}" if self.place else "")


@dataclass(slots=True, repr=False)
class GraphReport:
    """What was found of all operations of a graph; ``print`` it."""

    operations: list[OperationReport]
    notes: list[str] = field(default_factory=list)

    @property
    def faulty(self) -> list[OperationReport]:
        """The operations with a wrong derivative, the first one made first."""
        return [o for o in self.operations if not o.passed]

    @property
    def passed(self) -> bool:
        return not self.faulty

    @property
    def max_error(self) -> float:
        """The largest difference between a rule and differences, relative to the operation's largest derivative."""
        return max([o.max_error for o in self.operations], default=0.0)

    @property
    def resolution(self) -> float:
        """The largest error bound of the differences, relative to the operation's largest derivative."""
        return max([o.resolution for o in self.operations], default=0.0)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        n = len(self.operations)
        operations = "operation" if n == 1 else "operations"
        if self.passed:
            agreement = f"agrees to {self.max_error:.0e}, resolution {self.resolution:.0e}"
            lines = [f"check_graph: {n} {operations}, every rule {agreement}"]
        else:
            lines = [f"check_graph: {len(self.faulty)} of {n} {operations} with a wrong derivative"]
        for o in self.faulty:
            lines.append(f"  {o.title}")
            lines += [f"    {line}" for line in (*o.faults, *o.details)]
        kinks = [o for o in self.operations if o.passed and o.at_kink]
        for o in kinks[:5]:
            kink = f" ({o.op.kinks})" if o.op.kinks else ""
            lines.append(f"  at a kink{kink}: {o.title}")
        if len(kinks) > 5:
            lines.append(f"  and {len(kinks) - 5} more operations at a kink")
        lines += [f"  {o.title}: {note}" for o in self.operations for note in o.notes]
        return "\n".join([*lines, *[f"  {note}" for note in self.notes]])


def check_graph(y: Any, *, raise_error: bool = True, rng: Any = 0) -> GraphReport:
    """Check every operation that y was computed with, by itself, at the values that occurred; give a report.

    Each rule is compared with differences of the operation's own function (in float64), so that the operation at fault
    is named, with its line in the program and what is wrong with it. ``y`` is a Tensor, or a container of them, whose
    graph has not been freed. Raises GradientError where a rule is wrong, unless ``raise_error=False``;
    GraphFreedError after ``backward()`` without ``retain_graph=True``.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> check_graph(np.sin(x).sum()).passed
    True
    """
    roots = [t for t in flatten(y)[0] if isinstance(t, Tensor)]
    nodes = graph(roots)
    if not nodes:
        raise ValueError(
            "check_graph: nothing was recorded; give a Tensor computed from one with requires_grad=True, "
            "outside no_grad() and without detach()"
        )
    freed = next((t for t in nodes if t._saved is None), None)
    if freed is not None:
        raise GraphFreedError(
            "check_graph: this graph was freed by backward(); call check_graph before it, or "
            "backward(retain_graph=True)"
        )
    report = GraphReport(list(inspect(reversed(nodes), variables(1), rng)))
    if raise_error and not report.passed:
        # What writes into its inputs spoils the results of others.
        first = next((o for o in report.faulty if "writes into" in o.faults[0]), report.faulty[0])
        error = GradientError(f"check_graph: {first.title}: {first.faults[0]}\n{report}")
        error.report = report
        raise error
    return report


def inspect(nodes: Iterable[Node], names: dict[int, str], rng: Any) -> Iterator[OperationReport]:
    """Check recorded operations one after the other."""
    rng = np.random.default_rng(rng)
    opened: dict[Node, OperationReport] = {}
    with enable_grad(), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        waiting = list(nodes)[::-1]
        while waiting:
            t = waiting.pop()
            inside = getattr(t.op, "inside", None)
            if inside is None or t in opened:
                report = opened.pop(t) if t in opened else _operation(t, names, rng)
                report.within = next(iter(opened), None)
                yield report
                continue
            opened[t], operations = _open(t, inside, names)
            waiting += [t, *operations]


def _open(t: Node, inside: Any, names: dict[int, str]) -> tuple[OperationReport, list[Node]]:
    """Run a checkpoint's inside again; give its own report and the operations inside, the newest first."""
    op: Any = t.op
    report = OperationReport(t, op, name_of(t, names), place_of(t))
    since = next_number()
    try:
        operations = graph(inside(), since)
    except Exception as e:
        report.faults.append(f"its inside cannot be run again: {type(e).__name__}: {e}")
        return report, []
    n = len(operations)
    report.notes.append(f"a checkpoint: its inside was run again, {n} operation{'s' * (n != 1)}, checked one by one")
    return report, operations


def _operation(t: Node, names: dict[int, str], rng: Any) -> OperationReport:
    op: Any = t.op
    saved: Any = t._saved
    report = OperationReport(t, op, name_of(t, names), place_of(t))
    if saved[0].dtype.kind != "f":
        report.notes.append(f"its result has dtype {saved[0].dtype}: no gradient goes through it")
        return report
    if op.random:
        report.notes.append(
            "it draws random numbers: to run it again would give others, and no gradient goes through it"
        )
        return report
    params = {k: v for k, v in t._params.items() if k != "residual"}
    copies = [np.array(v) if isinstance(v, np.ndarray) else v for v in saved[1:]]
    try:
        again = op.fn(*copies, **params)
    except Exception as e:
        report.faults.append(f"its function cannot be run again: {type(e).__name__}: {e}")
        return report
    changed = _changed(saved[1:], copies)
    if changed is not None:
        report.faults.append(f"its function writes into input {changed}: let it give a new array")
        return report
    if op.residual:
        again = again[0]
    if not np.array_equal(again, saved[0], equal_nan=True):
        report.faults.append(
            "its function gives another value when it is run again at the same inputs: it is random, or something "
            "has written into its result or its inputs since"
        )
        return report
    arguments, leaves = _stand_ins(t, names)
    level = Level(lambda: [apply(op, arguments, params)], leaves, rng, 0, DIRECTIONS)
    writes = _writes(t)
    if level.broken is not None:
        report.faults.append(writes or _failure(t, level.broken))
        return report
    if writes:
        report.faults.append(writes)
        return report
    if not np.isfinite(level.y).all():
        report.notes.append("its result is not finite everywhere; compared where it is")
    for k, leaf in enumerate(leaves):
        found = level.examine(k)
        report.inputs.append(found)
        if found.failures:
            text = diagnose(level, k)
            report.faults.append(f"the rule of {leaf.label}: {text or 'it is wrong'}")
            size = f"error {found.max_error:.1e} of the largest derivative"
            report.details.append(f"{leaf.label}, {found.failures[0]}; {size}")
    note, fault = compare_modes(level)
    if fault and not report.faults:
        report.faults.append(
            fault + (": the forward rule is wrong, differences agree with reverse mode" if leaves else "")
        )
    elif "does not work" in note and (op.jvp is not None or op.family != "general"):
        report.faults.append(note.replace("forward mode does not work here", "its forward mode fails"))
    elif "does not work" in note:
        report.notes.append(note)
    return report


def _changed(before: Sequence[Any], after: Sequence[Any]) -> int | None:
    """Give the number of the first array that was written to."""
    for i, (a, b) in enumerate(zip(before, after, strict=True)):
        if isinstance(a, np.ndarray) and not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
            return i
    return None


def _writes(t: Node) -> str:
    """Say which rule writes into what it is given; nothing where none does."""
    op: Any = t.op
    saved: Any = t._saved
    for i, rule in enumerate(op.rules):
        if rule is None:
            continue
        g = np.linspace(0.5, 1.5, np.size(saved[0])).reshape(saved[0].shape).astype(saved[0].dtype)
        given = [g, *saved]
        copies = [np.array(v) if isinstance(v, np.ndarray) else v for v in given]
        try:
            rule(*copies, **t._params)
        except Exception:
            continue
        at = _changed(given, copies)
        if at is not None:
            what = ("the cotangent g", "the result y")[at] if at < 2 else f"input {at - 2}"
            which = "its rule" if op.variadic else f"the rule of input {i}"
            return f"{which} writes into {what}: let it give a new array"
    return ""


def _failure(t: Node, error: Exception) -> str:
    """Say which rule raises an error, or gives a gradient of a shape that its input cannot have."""
    op: Any = t.op
    saved: Any = t._saved
    g = np.ones(saved[0].shape, saved[0].dtype)
    for i, rule in enumerate(op.rules):
        if rule is None or (not op.variadic and not (isinstance(t._inputs[i], Node) and t._inputs[i]._tracked)):
            continue
        try:
            found = rule(g, *saved, **t._params)
        except Exception as e:
            which = "its rule" if op.variadic else f"the rule of input {i}"
            return f"{which} fails: {type(e).__name__}: {e}"
        for k, gx in enumerate(found) if op.variadic else [(i, found)]:
            if not hasattr(gx, "shape"):
                return f"the rule of input {k} gives {type(gx).__name__} instead of an array"
            shape, wanted = gx.shape, saved[1 + k].shape
            try:
                fold(np.asarray(gx), wanted)
            except (ValueError, IndexError):
                return f"the rule of input {k} gives a gradient of shape {shape} for an input of shape {wanted}"
    return f"its rule fails: {type(error).__name__}: {error}"


def _stand_ins(t: Node, names: dict[int, str]) -> tuple[tuple[Any, ...], list[Leaf]]:
    """Give the operation's arguments anew: in float64 and free to move where it has a gradient to give."""
    saved: Any = t._saved
    arguments: list[Any] = []
    leaves: list[Leaf] = []
    for i, (x, v) in enumerate(zip(t._inputs, saved[1:], strict=True)):
        if isinstance(x, Node) and x._tracked and v.dtype.kind == "f":
            name = name_of(x, names)
            if isinstance(v, Foreign):
                raise TypeError(
                    f"check_graph: {t.op.name if t.op else ''} holds a {type(v).__name__}; the check compares in "
                    f"NumPy: compute the graph from the values, for example x.get(), as the rules are the same there"
                )
            stand_in = Tensor(v, requires_grad=True, dtype=np.float64)
            leaves.append(Leaf(stand_in, f"input {i}" + (f" ({name})" if name else ""), v.dtype, own=True))
            arguments.append(stand_in)
        else:
            arguments.append(constant(v) if isinstance(x, Node) else v)
    return tuple(arguments), leaves
