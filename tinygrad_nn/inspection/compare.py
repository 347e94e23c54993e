"""diff: align two recorded runs and name the first operation where they part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from .. import walk
from ..check.place import name_of, place_of, variables
from ..compile.compiled import Compiled
from ..convert import on_host, ones
from ..draw.operations import params_text
from ..draw.table import plain
from ..draw.trace import roots_of
from ..tensor import Tensor
from ..walk import Node, Outline
from .lines import culprit, watch
from .operands import allowed, error_of, operands_of, order_of

_COMPILED = f"{__name__.partition('.')[0]}.compile.graph"


@dataclass(slots=True)
class Step:
    """One operation of one run or of both: ``what`` is "equal", or how the runs part there."""

    what: str
    """"equal", "value", "operand", "shape", "dtype", "parameters", "only in a", "only in b", "gradient" or "freed"."""
    operation: str
    numbers: tuple[int | None, int | None]
    """Its place in the order of recording of each run, from 0; None where the run has none."""
    places: tuple[str, str]
    names: tuple[str, str]
    values: tuple[Any, Any] = (None, None)
    error: float = 0.0
    """max |a - b| / max(|a|, |b|), over the elements."""
    detail: str = ""


@dataclass(slots=True)
class Difference:
    """Two runs side by side: true where they part, prints the first parting, iterates over the steps."""

    rows: list[Step]
    first: Step | None
    agreed: float
    """The largest error of what was compared before the first parting."""
    compared: int
    tolerance: float | None
    notes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.first is not None

    def __iter__(self) -> Iterator[Step]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        f = self.first
        if f is None:
            lines = [f"no difference: {self.compared} values agree to {self.agreed:.2g} of their scale"]
        else:
            lines = [f"first parting: {f.operation}, {f.what}{f': {f.detail}' if f.detail else ''}"]
            for letter, n, place, name, v in zip("ab", f.numbers, f.places, f.names, f.values, strict=True):
                if n is not None:
                    title = f"  {letter}: #{n}{f' {name}' if name else ''}{f'  {place}' if place else ''}"
                    lines.append(plain(title) + (f"\n     {plain(_short(v))}" if v is not None else ""))
            if f.what in ("value", "operand", "gradient"):
                lines.append(f"  error {f.error:.3g} of the scale")
            lines.append(f"  before it {self.compared} values agree to {self.agreed:.2g} of their scale")
        return "\n".join([*lines, *self.notes])

    __repr__ = __str__


def diff(run_a: Any, run_b: Any, inputs: Sequence[Any] | None = None, tolerance: float | None = None) -> Difference:
    """Align two recorded runs, operation by operation, and name the first one where they part.

    A run is a Tensor (or a list, tuple or dict of them) with its graph or, with ``inputs``, a function that is called
    with them here; float arrays among them become tensors that need a gradient. Operations are aligned by name and
    source line, as lines of text are by a diff. Values part where ``max |a - b| / max(|a|, |b|)`` is above
    ``tolerance`` (None: 100 roundings of the coarser dtype; 0: bit for bit). Gradients are compared too, from the
    results backwards: those of functions, and those that ``backward(retain_graph=True)`` left in both graphs. A freed
    graph holds small values only; the report says so.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> report = diff(np.sin(x * 2.0).sum(), np.cos(x * 2.0).sum())
    >>> report.first.what, report.first.operation
    ('only in a', 'sin')
    """
    if tolerance is not None and not (isinstance(tolerance, int | float) and tolerance >= 0):
        raise TypeError(f"diff: tolerance must be None or a number that is not negative, got {tolerance!r:.60}")
    a, b = _Run(run_a, inputs, "run_a"), _Run(run_b, inputs, "run_b")
    scope = variables(1)
    notes = []
    if a.compiled != b.compiled:
        notes.append("compiled code keeps no graph: results and gradients are compared, then its lines where they part")
        rows = list(_whole(a, b, scope, tolerance))
        at = next((i for i, r in enumerate(rows) if r.what != "equal"), None)
        inside = None if at is None else _inside(a, b, (run_a, run_b), inputs, rows[at].what, scope, tolerance)
        if at is not None and inside is not None:
            rows.insert(at, inside)
    else:
        rows = list(_aligned(a, b, scope, tolerance))
    if any(r.what == "freed" for r in rows):
        n = sum([r.what == "freed" for r in rows])
        notes.append(f"{n} large values are freed; call backward(retain_graph=True), or diff before backward")
    parts: list[Step] = []
    forward = next((i for i, r in enumerate(rows) if r.what not in ("equal", "freed")), None)
    if forward is None and a.compiled == b.compiled:
        grads = list(_gradients(a, b, rows, scope, tolerance))
        rows += grads
        forward = next((i for i, r in enumerate(rows) if r.what not in ("equal", "freed")), None)
    parts = rows[:forward]
    agreed = max([r.error for r in parts if r.what == "equal"], default=0.0)
    compared = sum([r.what == "equal" for r in parts])
    return Difference(rows, None if forward is None else rows[forward], agreed, compared, tolerance, notes)


class _Run:
    """One run: its operations in order, and the gradients that are known."""

    def __init__(self, run: Any, inputs: Sequence[Any] | None, who: str) -> None:
        self.given: list[Any] = []
        called = callable(run) and not isinstance(run, Tensor)
        if called:
            if inputs is None:
                raise TypeError(f"diff: {who} is a function; give inputs=[...], what it is called with")
            run, self.given = _call(run, inputs)
        roots: Any = roots_of(run, f"diff: {who}")
        nodes = walk.everything(roots)
        self.ops: list[Any] = [t for t in nodes if t.op is not None]
        self.roots = roots
        self.compiled = any(getattr(t.op.fn, "__module__", "") == _COMPILED for t in self.ops)
        self.number = {t: i for i, t in enumerate(self.ops)}
        self.grads: dict[Any, Any] = {}
        if called and all(t._saved is not None for t in self.ops if t._tracked):
            seeds = {t: ones(t._data.shape, t._data.dtype, t) for t in roots if t._tracked and t.op is not None}
            left = walk.reverse(walk.graph(roots), seeds, retain=True, visit=self._see)
            self.grads.update(left)
        else:
            self.grads = {t: t._cotangent for t in self.ops if t._cotangent is not None}
            self.grads |= {t: g for t in nodes if t.op is None and (g := getattr(t, "_grad", None)) is not None}

    def _see(self, t: Any, g: Any) -> Any:
        # What rules give may be added to in place later on.
        self.grads[t] = np.array(on_host(g))
        return g

    def value(self, t: Node) -> Any:
        return t._data if t._saved is None else t._saved[0]


def _call(f: Callable[..., Any], inputs: Sequence[Any]) -> tuple[Any, list[Any]]:
    given = []
    for x in inputs:
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            x = Tensor(x, requires_grad=True)
        elif isinstance(x, Tensor) and x.op is None:
            # A leaf of its own for each run, so that each has its own gradient.
            x = Tensor(x.numpy(), x.requires_grad, name=x.name)
        given.append(x)
    return f(*given), given


def _key(t: Any, lines: bool) -> tuple[str, str]:
    place = place_of(t) if lines else ""
    return t.op.name, place.partition(": ")[2] or place


def _blocks(a: list[Any], b: list[Any]) -> Sequence[tuple[str, int, int, int, int]]:
    """Align by name and source line; by the names alone where the lines have little in common."""
    best: Sequence[tuple[str, int, int, int, int]] = []
    most = -1
    for lines in (True, False):
        ka, kb = [_key(t, lines) for t in a], [_key(t, lines) for t in b]
        if ka == kb:
            return [("equal", 0, len(a), 0, len(b))]
        # From the start as far as they agree: of two loops the longer one has more turns at its end.
        n = next((i for i, (p, q) in enumerate(zip(ka, kb, strict=False)) if p != q), min(len(a), len(b)))
        rest = SequenceMatcher(None, ka[n:], kb[n:], autojunk=False).get_opcodes()
        blocks = [("equal", 0, n, 0, n)] if n else []
        blocks += [(tag, i1 + n, i2 + n, j1 + n, j2 + n) for tag, i1, i2, j1, j2 in rest]
        n = sum([i2 - i1 for tag, i1, i2, _, _ in blocks if tag == "equal"])
        if n > most:
            best, most = blocks, n
    return best


def _aligned(a: _Run, b: _Run, scope: dict[int, str], tolerance: float | None) -> Iterator[Step]:
    for tag, i1, i2, j1, j2 in _blocks(a.ops, b.ops):
        if tag == "equal":
            for s, t in zip(a.ops[i1:i2], b.ops[j1:j2], strict=True):
                yield _step(a, b, s, t, scope, tolerance)
        else:
            for t in a.ops[i1:i2]:
                yield _lone("only in a", t, a.number[t], None, scope)
            for t in b.ops[j1:j2]:
                yield _lone("only in b", t, None, b.number[t], scope)


def _whole(a: _Run, b: _Run, scope: dict[int, str], tolerance: float | None) -> Iterator[Step]:
    """Compare the results, then the gradients of all leaves: of the inputs, and of what both runs closed over."""
    if len(a.roots) != len(b.roots):
        raise ValueError(
            f"diff: the runs give {len(a.roots)} and {len(b.roots)} results; give runs of the same function"
        )
    pairs = [(f"result {i}", x._data, y._data) for i, (x, y) in enumerate(zip(a.roots, b.roots, strict=True))]
    leaves = [*zip(a.given, b.given, strict=False), *[(t, t) for t in a.grads if t.op is None and t in b.grads]]
    for i, (x, y) in enumerate(leaves):
        if isinstance(x, Node) and isinstance(y, Node) and x in a.grads and y in b.grads:
            pairs.append((f"gradient of {name_of(x, scope) or f'input {i}'}", a.grads[x], b.grads[y]))
    for k, (title, v, w) in enumerate(pairs):
        error = error_of(v, w)
        kind = "value" if k < len(a.roots) else "gradient"
        what = kind if error > allowed(v, w, tolerance) else "equal"
        yield Step(what, title, (k, k), ("", ""), ("", ""), (v, w), error)


def _inside(
    a: _Run,
    b: _Run,
    runs: tuple[Any, Any],
    inputs: Sequence[Any] | None,
    what: str,
    scope: dict[int, str],
    tolerance: float | None,
) -> Step | None:
    """Run the compiled function once more, line by line, and name the recorded operation that it does otherwise."""
    k = 0 if a.compiled else 1
    run, recorded = runs[k], (b, a)[k]
    if not isinstance(run, Compiled):
        return None
    who = ("run_a", "run_b")[k]
    lines = watch(run.source, lambda: _Run(run, inputs, who))

    def same(v: Any, w: Any) -> bool:
        return error_of(v, w) <= allowed(v, w, tolerance)

    users: dict[Any, list[Any]] = {}
    for t in recorded.ops:
        for x in t._inputs:
            if isinstance(x, Node):
                users.setdefault(x, []).append(t)
    if what == "gradient":
        leaves = [x for x in recorded.grads if x.op is None]
        nodes = [t for t in [*reversed(recorded.ops), *leaves] if t in recorded.grads]
        found = culprit(
            nodes,
            lambda t: [x for x in t._inputs if isinstance(x, Node)] if t.op is not None else [],
            recorded.grads.get,
            [line for line in lines if line.backward],
            same,
        )
    else:
        forward = [line for line in lines if not line.backward]
        found = culprit(recorded.ops, lambda t: users.get(t, []), recorded.value, forward, same)
    if found is None:
        return None
    t, line = found
    name = name_of(t, scope)
    title = str(t.op.name) if t.op is not None else name or "a leaf"
    value = recorded.grads[t] if what == "gradient" else recorded.value(t)
    other = None if line is None else line.value.reshape(np.shape(value))
    place = "" if line is None else f"compiled code, line {line.number}: {line.text}"
    pair = [
        (recorded.number.get(t, 0), place_of(t), name, value),
        (None if line is None else line.number, place, "", other),
    ]
    numbers, places, names, values = zip(*(pair if k else pair[::-1]), strict=True)
    error = float("inf") if other is None else error_of(value, other)
    title = f"gradient of {title}" if what == "gradient" else title
    return Step(what, title, numbers, places, names, values, error, "compiled code gives something else")


def _lone(what: str, t: Any, i: int | None, j: int | None, scope: dict[int, str]) -> Step:
    value, place, name = t._data if not isinstance(t._data, Outline) else None, place_of(t), name_of(t, scope)
    both: Any = (value, None) if j is None else (None, value)
    return Step(what, str(t.op.name), (i, j), (place, place), (name, name), both)


def _step(a: _Run, b: _Run, s: Any, t: Any, scope: dict[int, str], tolerance: float | None) -> Step:
    v, w = a.value(s), b.value(t)
    places, names = (place_of(s), place_of(t)), (name_of(s, scope), name_of(t, scope))
    step = Step("equal", str(s.op.name), (a.number[s], b.number[t]), places, names, (v, w))
    pa, pb = params_text(s.op, s._params), params_text(t.op, t._params)
    if pa != pb or len(s._inputs) != len(t._inputs):
        step.what, step.detail = (
            "parameters",
            f"{pa or '()'} and {pb or '()'}, {len(s._inputs)} and {len(t._inputs)} inputs",
        )
        return step
    order = order_of(s, t, tolerance)
    for i, j in enumerate(order):
        x, y = s._inputs[i], t._inputs[j]
        error, p, q = operands_of(s, i, t, j)
        if error > allowed(p, q, tolerance):
            name = (name_of(x, scope), name_of(y, scope))
            step.what, step.values, step.error, step.names = "operand", (p, q), error, name
            step.detail = f"input {i}{f' ({name[0]})' if name[0] else ''} was another from the start"
            return step
    if v.shape != w.shape:
        step.what, step.detail = "shape", f"{v.shape} and {w.shape}"
    elif isinstance(v, Outline) or isinstance(w, Outline):
        step.what, step.values = "freed", (None, None)
    else:
        step.error = error_of(v, w)
        if step.error > allowed(v, w, tolerance):
            step.what = "value"
        elif tolerance == 0 and v.dtype != w.dtype:
            step.what, step.detail = "dtype", f"{v.dtype} and {w.dtype}"
    return step


def _gradients(a: _Run, b: _Run, rows: list[Step], scope: dict[int, str], tolerance: float | None) -> Iterator[Step]:
    """Compare the gradients from the results backwards, then those of the leaves."""
    seen: set[Any] = set()
    pairs = [(a.ops[r.numbers[0]], b.ops[r.numbers[1]]) for r in rows if None not in r.numbers]  # type: ignore[index]
    leaves = [(s._inputs[i], t._inputs[j]) for s, t in pairs for i, j in enumerate(order_of(s, t, tolerance))]
    leaves = [(x, y) for x, y in leaves if isinstance(x, Node) and isinstance(y, Node)]
    for s, t in [*reversed(pairs), *[(x, y) for x, y in leaves if x.op is None]]:
        g, h = a.grads.get(s), b.grads.get(t)
        if g is None or h is None or s in seen:
            continue
        seen.add(s)
        error = error_of(g, h)
        what = "gradient" if error > allowed(g, h, tolerance) else "equal"
        title = f"gradient of {s.op.name if s.op is not None else name_of(s, scope) or 'a leaf'}"
        numbers = (a.number.get(s, 0), b.number.get(t, 0))
        yield Step(
            what, title, numbers, (place_of(s), place_of(t)), (name_of(s, scope), name_of(t, scope)), (g, h), error
        )


def _short(v: Any) -> str:
    return np.array2string(on_host(v), threshold=6, edgeitems=2, separator=", ")
