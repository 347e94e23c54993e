"""One signature of a compiled function: its recording, its code, and the graph node that a call leaves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from ..record import constant
from ..tensor import Tensor
from ..tree import flatten
from ..walk import everything
from .buffers import make_buffers
from .capture import captured
from .emit import Emitter, reads_of
from .graph import WithGraph, own
from .guards import Guards
from .names import from_path, legal, parameter_names
from .passes import Note, run_passes
from .passes.fuse import fuse
from .program import Builder, Program, Value, operands
from .recording import Recording, argument_paths, is_input
from .traced import NeedsValueError, TracedArray, TraceError, held


class Entry(WithGraph):
    """The code for one signature."""

    def __init__(self, f: Callable[..., Any], args: Any, kwargs: Any, exact: bool, old: Entry | None) -> None:
        self.f = f
        self.exact = exact
        self.explanation = ""
        self.guards = Guards(f, flatten((args, kwargs))[0])
        self.gradient_leaves: list[Any] = []
        known = old.gradient_leaves if old is not None else []
        try:
            # Nothing is changed while the function is recorded: the first call runs the code like every other, and
            # old and new parameters are never there together.
            recording = Recording(f, args, kwargs, known=known, trial=True)
        except NeedsValueError:
            recording = Recording(f, args, kwargs, known=known)
        self.recording = recording
        tracer = recording.tracer
        self.guards.leave_out([x for e in tracer.effects if e.kind == "call" for x in held(e.__dict__["value"])])
        if not self.guards.check():
            raise TraceError(
                f"compile: {getattr(f, '__name__', 'the function')} changes a variable, attribute or list that it "
                f"reads; compiled code would do that only once: return the value instead, or take this out of it"
            )
        self.effects = tracer.effects
        if tracer.effects and recording.tracked:
            raise TraceError(
                "compile: the function changes state and returns a tensor that still needs a gradient; "
                "return y.detach(), or call backward() on it inside"
            )
        self.gradient_leaves = list(tracer.entry)
        self._none = [leaf for leaf, needed in tracer.needs_none.items() if needed]
        self.pool: list[Any] = []
        self.back_pool: list[Any] = []
        self._build()
        self._check_constants(args, kwargs)
        self.run = self._runner()
        numbers = dict(zip(recording.placeholders, self.leaf_of, strict=True))
        self._needs_none = [(t, numbers.get(t)) for t in self._none]
        self._needs_grad = [(t, numbers.get(t)) for t in self._read_grads]
        self.gradient_leaves = [t for t in self.gradient_leaves if t not in numbers]

    # -- what must hold at a call -------------------------------------------------------------------------------------

    def ready(self, leaves: list[Any]) -> bool:
        """Tell whether the leaves' gradients are there or not as the code expects."""
        for leaf, i in self._needs_none:
            if (leaf if i is None else leaves[i])._grad is not None:
                return False
        for leaf, i in self._needs_grad:
            if (leaf if i is None else leaves[i])._grad is None:
                return False
        return all(look().tobytes() == copy for look, copy in self._values)

    def _check_constants(self, args: Any, kwargs: Any) -> None:
        """Accept arrays made inside f only if f makes the same ones every time, of arrays that stay the same."""
        self._values: list[tuple[Callable[[], Any], bytes]] = []
        outside = dict(self.guards.arrays)
        outside.update({id(a): a for _, _, a in self.guards.buffers})
        mine = self._consts(self.program)
        self.guards.hold({id(c) for c in mine})
        unknown = [c for c in mine if not any(a is c or _within(c, a) for a in outside.values())]
        if not unknown:
            return
        with np.errstate(all="ignore"):
            again = Recording(self.f, args, kwargs, known=self.gradient_leaves, dry=True)
        again.tracer.restore()
        entry = Entry.__new__(Entry)
        entry.recording, entry.exact, entry.effects, entry.f = again, self.exact, again.tracer.effects, self.f
        entry._build()
        others = entry._consts(entry.program)
        if len(mine) != len(others) or any(
            a.shape != b.shape or a.tobytes() != b.tobytes() for a, b in zip(mine, others, strict=True)
        ):
            raise TraceError(
                "compile: an array that is made inside the function differs from run to run (random numbers?); "
                "compiled code would freeze it: pass it in as an argument, or use nn.functional.dropout"
            )
        used = {id(c) for c in mine}
        self._values = [(partial(np.asarray, a), a.tobytes()) for i, a in self.guards.arrays.items() if i not in used]
        self._values += [
            (partial(getattr, owner, name), a.tobytes())
            for owner, name, a in self.guards.buffers
            if id(a) not in used and id(owner) not in self.guards.left
        ]

    @staticmethod
    def _consts(program: Program) -> list[Any]:
        found: dict[Value, None] = {}
        for v in program.body:
            for x in operands(v):
                if x.kind == "const" and not x.fixed:
                    found[x] = None
        for x in program.outputs:
            if isinstance(x, Value) and x.kind == "const" and not x.fixed:
                found[x] = None
        return [v.data for v in found]

    # -- building ---------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        recording = self.recording
        tracer = recording.tracer
        self.targets: list[Any] = []
        self.unique = list(dict.fromkeys(recording.tracked))
        self.seeds: list[Any] = []
        grads: list[Any] = []
        if self.unique:
            for y in self.unique:
                s = constant(np.ones(y.shape, y.dtype))
                s.__class__ = TracedArray
                tracer.inputs[s] = len(recording.placeholders) + len(self.seeds)
                self.seeds.append(s)
            found = recording.pull(list(self.seeds))
            self.targets = list(found)
            grads = list(found.values())
        builder = Builder(tracer, lambda t, inner: True)
        results = [y for y in recording.outputs if isinstance(y, Tensor)]
        program = builder.build([*results, *grads], tracer.effects)
        program, self.notes = run_passes(program, self.exact)
        self.explanation = explained(getattr(self.f, "__name__", "f"), program, self.notes, self.exact)
        self.program = program
        self.builder = builder
        self.n = len(results)
        self._read_grads = list(
            dict.fromkeys(v.data for v in builder.reads.values() if v.kind == "grad" and not v.version)
        )

    def _given(self) -> dict[Value, str]:
        recording, builder = self.recording, self.builder
        given: dict[Value, str] = {}
        for t, path in zip(recording.placeholders, argument_paths(self.f, recording), strict=True):
            v = builder.values.get(t)
            if v is not None and v.kind == "input":
                given[v] = path
        for s in self.seeds:
            v = builder.values.get(s)
            if v is not None:
                given[v] = "d_y"
        return given

    def _emitter(self, program: Program, given: dict[Value, str]) -> Emitter:
        names = parameter_names(captured(self.f))
        reads = reads_of(program)
        full = dict(given)
        for v in reads:
            if v not in full:
                name = names.get(id(v.data)) or legal(getattr(v.data, "name", None)) or "w"
                full[v] = name if v.kind == "read" else f"{name}_grad"
        emitter = Emitter(program, full)
        for v in reads:
            emitter.written[v] = emitter.names[v]
        for x in self.builder.consts.values():
            said = names.get(id(x.data))
            if said is not None:
                emitter.written[x] = from_path(said) or "c"
        return emitter

    def _inputs(self, program: Program) -> list[Value]:
        found: dict[Value, None] = {}
        for v in program.body:
            for x in operands(v):
                if x.kind == "input":
                    found[x] = None
        for x in program.outputs:
            if isinstance(x, Value) and x.kind == "input":
                found[x] = None
        return sorted(found, key=lambda v: v.data)

    # -- running ----------------------------------------------------------------------------------------------------

    def _runner(self) -> Callable[[list[Any]], Any]:
        return self._with_graph() if self.unique else self._without_graph()

    def _wrap(self) -> Callable[[Any], Any]:
        """Give what puts results into the containers that f returned them in."""
        recording = self.recording
        kinds = [
            ("plain" if y._stands_for_array else "tensor") if isinstance(y, Tensor) else y for y in recording.outputs
        ]
        bare = isinstance(recording.result, Tensor)
        if bare and kinds == ["tensor"]:
            return lambda out: constant(out[0])
        if bare and kinds == ["plain"]:
            scalar = not recording.outputs[0].shape
            return lambda out: out[0][()] if scalar else out[0]

        def wrap(out: Any) -> Any:
            values = iter(out)
            leaves = []
            for kind in kinds:
                if kind == "tensor" if isinstance(kind, str) else False:
                    leaves.append(constant(next(values)))
                elif isinstance(kind, str) and kind == "plain":
                    a = next(values)
                    leaves.append(a[()] if not a.shape else a)
                else:
                    leaves.append(kind.copy() if isinstance(kind, ndarray) else kind)
            return recording.rebuild(leaves)

        return wrap

    def _without_graph(self) -> Callable[[list[Any]], Any]:
        program = self.program if self.exact else fuse(self.program)
        self._leaf_numbers()
        numbers = dict(zip(self.recording.placeholders, self.leaf_of, strict=True))
        inputs = self._inputs(program)
        emitter = self._emitter(program, self._given())
        emitter.keeps_results = True
        leaves_set = [e.__dict__["leaf"] for e in self.effects if e.kind == "grad"]
        tensors = [t for t in dict.fromkeys([*leaves_set, *self._read_grads]) if t in numbers]
        emitter.arguments = {t: f"_t{i}" for i, t in enumerate(tensors)}

        def result(e: Emitter) -> str:
            return "(" + "".join([f"{own(e, x, program)}, " for x in program.outputs]) + ")"

        code = emitter.emit(inputs, reads_of(program), result)
        run = code.function()
        self.source = code.shown
        places = [self.leaf_of[v.data] for v in inputs]
        whole = [numbers[t] for t in tensors]
        wrap = self._wrap()
        pool, outlines = self.pool, code.buffers
        if not outlines:
            return lambda leaves: wrap(run(*[_array(leaves[i]) for i in places], *[leaves[i] for i in whole]))

        def call(leaves: list[Any]) -> Any:
            buffers = pool.pop() if pool else make_buffers(outlines)
            try:
                out = run(*[_array(leaves[i]) for i in places], *[leaves[i] for i in whole], buffers)
            finally:
                pool.append(buffers)
            return wrap(out)

        return call

    def _leaf_numbers(self) -> None:
        """Tell which leaf of the arguments each input is."""
        self.leaf_of = [i for i, x in enumerate(self.recording.leaves) if is_input(x)]

    def first(self) -> Any:
        """Give the result of the call that was recorded."""
        recording = self.recording
        leaves = recording.leaves
        trial = recording.tracer.trial
        data = [] if trial else [np.array(y._data) for y in recording.outputs if isinstance(y, Tensor)]
        self._forget()
        return self.run(leaves) if trial else self._wrap()(data)

    def _forget(self) -> None:
        """Let go of the recorded values: the code does not need them."""
        tracer = self.recording.tracer
        for t in everything([*self.builder.values, *tracer.freed]):
            if t._number >= tracer.start or t in tracer.inputs:
                # An array of the same shape and dtype, and of no size in memory.
                t._data = np.broadcast_to(t._data.dtype.type(0), t._data.shape)
                t._saved = None
        self.recording.slim()


def explained(name: str, program: Program, notes: list[Note], exact: bool) -> str:
    """Give what each pass did, a line each, and what is left to do."""
    lines = [f"{name}: operations and bytes of results that each pass saved"]
    lines += [f"  {what:<28} {calls:>8} {size:>14,}" for what, calls, size in notes]
    calls = [v for v in program.body if v.kind == "call"]
    lines.append(f"  {'left':<28} {len(calls):>8} {sum(v.nbytes for v in calls):>14,}")
    if exact:
        return "\n".join(lines)
    groups = [v.data for v in fuse(Program(list(program.body), program.outputs, [])).body if v.kind == "fused"]
    if groups:
        inside = sum(len(g.members) for g in groups)
        saved = sum(m.nbytes for g in groups for m in g.members if m not in g.gives)
        lines.append(f"  {f'in {len(groups)} loop(s) over blocks':<28} {inside:>8} {saved:>14,}")
    return "\n".join(lines)


def _array(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


def _within(a: Any, b: Any) -> bool:
    return a.base is not None and bool(np.may_share_memory(a, b))
