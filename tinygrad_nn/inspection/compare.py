"""diff: align two recorded runs and name the first operation where they part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from .. import walk
from ..check.place import name_of, place_of, variables
from ..convert import on_host, ones
from ..draw.operations import params_text
from ..draw.table import plain
from ..draw.trace import roots_of
from ..tensor import Tensor
from ..walk import Node, Outline

_COMPILED = f"{__name__.partition('.')[0]}.compile.graph"
EPS = 100.0
"""Without a tolerance of their own, values may differ by so many roundings of the coarser dtype."""


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
        notes.append("compiled code keeps no graph: results and gradients are compared, not operations")
        rows = list(_whole(a, b, scope, tolerance))
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
        blocks = SequenceMatcher(None, ka, kb, autojunk=False).get_opcodes()
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
        what = kind if error > _allowed(v, w, tolerance) else "equal"
        yield Step(what, title, (k, k), ("", ""), ("", ""), (v, w), error)


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
    for i, (x, y) in enumerate(zip(s._inputs, t._inputs, strict=True)):
        leaves = [not isinstance(z, Node) or z.op is None for z in (x, y)]
        if not all(leaves):
            continue
        p, q = (_operand(n, i) for n in (s, t))
        if isinstance(p, Outline) or isinstance(q, Outline):
            continue
        error = error_of(p, q)
        if error > _allowed(p, q, tolerance):
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
        if step.error > _allowed(v, w, tolerance):
            step.what = "value"
        elif tolerance == 0 and v.dtype != w.dtype:
            step.what, step.detail = "dtype", f"{v.dtype} and {w.dtype}"
    return step


def _operand(t: Any, i: int) -> Any:
    x = t._inputs[i]
    v = t._saved[i + 1] if t._saved is not None else getattr(x, "_data", x)
    return v if isinstance(v, Outline) else on_host(v)


def _gradients(a: _Run, b: _Run, rows: list[Step], scope: dict[int, str], tolerance: float | None) -> Iterator[Step]:
    """Compare the gradients from the results backwards, then those of the leaves."""
    seen: set[Any] = set()
    pairs = [(a.ops[r.numbers[0]], b.ops[r.numbers[1]]) for r in rows if None not in r.numbers]  # type: ignore[index]
    leaves = [(x, y) for s, t in pairs for x, y in zip(s._inputs, t._inputs, strict=True) if isinstance(x, Node)]
    for s, t in [*reversed(pairs), *[(x, y) for x, y in leaves if x.op is None]]:
        g, h = a.grads.get(s), b.grads.get(t)
        if g is None or h is None or s in seen:
            continue
        seen.add(s)
        error = error_of(g, h)
        what = "gradient" if error > _allowed(g, h, tolerance) else "equal"
        title = f"gradient of {s.op.name if s.op is not None else name_of(s, scope) or 'a leaf'}"
        numbers = (a.number.get(s, 0), b.number.get(t, 0))
        yield Step(
            what, title, numbers, (place_of(s), place_of(t)), (name_of(s, scope), name_of(t, scope)), (g, h), error
        )


def error_of(a: Any, b: Any) -> float:
    """Give max |a - b| / max(|a|, |b|) over the elements; inf where shapes, NaN or infinities do not agree.

    >>> error_of(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    0.2
    """
    a, b = on_host(a), on_host(b)
    if a.shape != b.shape:
        return float("inf")
    if a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        return 0.0 if np.array_equal(a, b) else float("inf")
    a, b = a.astype(np.float64), b.astype(np.float64)
    fa, fb = np.isfinite(a), np.isfinite(b)
    if not np.array_equal(a[~fa], b[~fb], equal_nan=True) or not np.array_equal(fa, fb):
        return float("inf")
    a, b = a[fa], b[fb]
    scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return float(np.abs(a - b).max(initial=0.0) / scale) if scale else 0.0


def _allowed(a: Any, b: Any, tolerance: float | None) -> float:
    if tolerance is not None:
        return float(tolerance)
    kinds = [on_host(v).dtype for v in (a, b)]
    return EPS * max([float(np.finfo(k).eps) for k in kinds if k.kind == "f"], default=0.0)


def _short(v: Any) -> str:
    return np.array2string(on_host(v), threshold=6, edgeitems=2, separator=", ")
