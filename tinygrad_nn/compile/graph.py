"""Calls that leave a node in the graph, with the compiled backward pass as its rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..mode import enable_grad
from ..op import Op
from ..record import _recorded, caller
from ..tensor import Tensor
from ..transforms.gradients import pull
from ..tree import flatten
from .buffers import make_buffers
from .emit import Code, Emitter, reads_of
from .memory import is_view
from .names import from_path
from .passes.fuse import fuse
from .program import Program, Value, operands


class WithGraph:
    """The part of an entry that makes nodes."""

    recording: Any
    builder: Any
    program: Program
    n: int
    seeds: list[Any]
    unique: list[Any]
    targets: list[Any]
    leaf_of: list[int]
    pool: list[Any]
    back_pool: list[Any]
    f: Callable[..., Any]
    exact: bool
    source: str
    _given: Callable[[], dict[Value, str]]
    _inputs: Callable[[Program], list[Value]]
    _emitter: Callable[..., Emitter]
    _leaf_numbers: Callable[[], None]
    _wrap: Callable[[], Callable[[Any], Any]]

    def _with_graph(self) -> Callable[[list[Any]], Any]:
        program = self.program
        n = self.n
        outs, grads = program.outputs[:n], program.outputs[n:]
        seeds = [self.builder.values.get(s) for s in self.seeds]
        front, back, saved = split(program, outs, grads, {s for s in seeds if s is not None})
        given = self._given()
        forward, behind = Program(front, [*outs, *saved], []), Program(back, grads, [])
        if not self.exact:
            forward, behind = fuse(forward), fuse(behind)
        inputs = self._inputs(forward)
        emitter = self._emitter(forward, given)
        kept = set(saved)
        emitter.guarded = kept

        def result(e: Emitter) -> str:
            first = "".join([f"{own(e, x, forward, kept)}, " for x in outs])
            then = "".join([f"{e.text(x) if x.kind != 'const' else e.copied(x)}, " for x in saved])
            return f"({first}), ({then})"

        code = emitter.emit(inputs, reads_of(forward), result)
        run = code.function()
        backward = self._emitter(
            behind,
            {
                **{v: given.get(v) or emitter.names.names.get(v) or "c" for v in saved},
                **{s: "d_y" for s in seeds if s is not None},
            },
        )
        for v in saved:
            backward.written[v] = backward.names[v]
        backward.saved = kept
        parameters = [*saved, *[s for s in seeds if s is not None]]
        back_code = backward.emit(
            parameters,
            [v for v in reads_of(behind) if v not in kept],
            lambda e: "(" + "".join([f"{e.text(g)}, " for g in grads]) + ")",
        )
        run_back = back_code.function()
        self.source = code.shown + "\n" + back_code.shown.replace("def run(", "def backward(")
        return self._graph_caller(inputs, kept, run, code, run_back, back_code, [s is not None for s in seeds])

    def _graph_caller(
        self, inputs: Any, kept: Any, run: Any, code: Code, run_back: Any, back_code: Code, used: list[bool]
    ) -> Callable[[list[Any]], Any]:
        recording = self.recording
        self._leaf_numbers()
        numbers = dict(zip(recording.placeholders, self.leaf_of, strict=True))
        places = [(self.leaf_of[v.data], v in kept) for v in inputs]
        given = [numbers[t] for t in self.targets if t in numbers]
        outside = [t for t in self.targets if t not in numbers]
        # Gradients in the order of the node's inputs: arguments first, then tensors from outside.
        order = [i for i, t in enumerate(self.targets) if t in numbers]
        order += [i for i, t in enumerate(self.targets) if t not in numbers]
        outlines = [(t.shape, t.dtype) for t in self.unique]
        sizes = [t.size for t in self.unique]
        single = len(self.unique) == 1
        f = self.f

        def rule(g: Any, y: Any, *xs: Any, residual: Any = None, call: Any = None) -> Any:
            if residual is None or isinstance(g, Tensor):
                return eager(g, xs, call)
            if single:
                gs = [g]
            else:
                gs, at = [], 0
                for (shape, dtype), size in zip(outlines, sizes, strict=True):
                    gs.append(g[at : at + size].reshape(shape).astype(dtype, copy=False))
                    at += size
            gs = [s for s, needed in zip(gs, used, strict=True) if needed]
            buffers = self.back_pool.pop() if self.back_pool else make_buffers(back_code.buffers)
            try:
                found = run_back(*residual, *gs, buffers) if back_code.buffers else run_back(*residual, *gs)
            finally:
                self.back_pool.append(buffers)
            return [found[i] for i in order]

        def eager(g: Any, xs: Any, call: Any) -> Any:
            """Record the derivative by running f itself: so that any order works."""
            leaves, rebuild = call
            new = list(leaves)
            # Forward mode hands arrays in.
            xs = tuple([x if isinstance(x, Tensor) else Tensor(x, requires_grad=True) for x in xs])
            for i, x in zip(given, xs, strict=False):
                new[i] = x
            args, kwargs = rebuild(new)
            with enable_grad():
                outs = [y for y in flatten(f(*args, **kwargs))[0] if isinstance(y, Tensor) and y.requires_grad]
                outs = list(dict.fromkeys(outs))
                seeds, at = [], 0
                for y in outs:
                    part = g if single else g[at : at + y.size].reshape(y.shape).astype(y.dtype)
                    seeds.append(part)
                    at += y.size
                targets = [*xs[: len(given)], *outside]
                found = pull(outs, targets, seeds, True, 0)
            return [np.zeros(t.shape, t.dtype) if d is None else d for d, t in zip(found, targets, strict=True)]

        op = Op(
            "general", lambda *xs, **_: xs, (rule,), name=from_path(getattr(f, "__name__", "")) or "compiled",
            variadic=True, residual=True, register=False,
        )  # fmt: skip
        pool, buffer_outlines = self.pool, code.buffers
        _, rebuild_args = flatten(recording.leaves_tree)
        finish = self._graph_results(op)

        def call(leaves: list[Any]) -> Any:
            arrays = []
            for i, saved in places:
                x = leaves[i]
                if isinstance(x, Tensor):
                    arrays.append(x._guarded() if saved and x._exposed else x._data)
                else:
                    arrays.append(x.copy() if saved and type(x) is ndarray else x)
            if buffer_outlines:
                buffers = pool.pop() if pool else make_buffers(buffer_outlines)
                try:
                    outs, kept_values = run(*arrays, buffers)
                finally:
                    pool.append(buffers)
            else:
                outs, kept_values = run(*arrays)
            tensors = (*[leaves[i] for i in given], *outside)
            return finish(outs, tensors, {"residual": kept_values, "call": (list(leaves), rebuild_args)})

        return call

    def _graph_results(self, op: Op) -> Callable[..., Any]:
        """Give what makes the node (or the node and its parts) and puts results into f's containers."""
        recording = self.recording
        results = [y for y in recording.outputs if isinstance(y, Tensor)]
        index = {y: i for i, y in enumerate(self.unique)}
        first_of = [next(i for i, r in enumerate(results) if r is y) for y in self.unique]
        wrap = self._wrap()
        bare = isinstance(recording.result, Tensor)
        sizes = [y.size for y in self.unique]
        outlines = [(y.shape, y.dtype) for y in self.unique]
        single = len(self.unique) == 1

        def node(y: Any, tensors: Any, params: Any) -> Any:
            return _recorded(y, op, tensors, (y, *[t._data for t in tensors]), params, caller())

        if bare and single:
            return lambda outs, tensors, params: node(outs[0], tensors, params)

        def finish(outs: Any, tensors: Any, params: Any) -> Any:
            if single:
                made = [node(outs[first_of[0]], tensors, params)]
            else:
                packed = np.concatenate([np.ravel(outs[i]) for i in first_of])
                whole = node(packed, tensors, params)
                made, at = [], 0
                for (shape, dtype), size in zip(outlines, sizes, strict=True):
                    piece = np.reshape(whole[at : at + size], shape)
                    made.append(piece if piece.dtype == dtype else piece.astype(dtype))
                    at += size
            leaves, rebuild = flatten(wrap(outs))
            for i, y in enumerate(recording.outputs):
                if isinstance(y, Tensor) and y in index:
                    leaves[i] = made[index[y]]
            return rebuild(leaves)

        return finish


def own(e: Emitter, x: Value, program: Program, kept: Any = ()) -> str:
    """Give a result as an array that shares memory with nothing else: copied where it might."""
    text = e.text(x)
    if not x.shape and x.kind == "call" and isinstance(x.fn, np.ufunc):
        return text
    if not x.shape and x.fn is np.sum:
        return text
    alone = x.kind == "call" and not is_view(x) and program.outputs.count(x) <= 1 + (x in kept)
    if (
        alone
        and e.memory.of(x) == frozenset([x])
        and not any(x in e.memory.of(y) for y in program.outputs if y is not x and y not in kept)
    ):
        return text
    return e.copied(x)


def split(
    program: Program, outs: list[Value], grads: list[Value], seeds: set[Value]
) -> tuple[list[Value], list[Value], list[Value]]:
    """Give what the results need, what only the gradients need, and the values that the second takes from the first."""
    needed: set[Value] = {x for x in outs if isinstance(x, Value)}
    for v in reversed(program.body):
        if v in needed:
            needed.update(operands(v))
    front = [v for v in program.body if v in needed]
    mine = set(front)
    back = [v for v in program.body if v not in needed]
    later = set(back)
    saved: dict[Value, None] = {}
    for v in [*[x for b in back for x in operands(b)], *grads]:
        if v in later or v in seeds:
            continue
        if v in mine or v.kind in ("input", "read", "grad") or (v.kind == "const" and not v.fixed):
            saved[v] = None
    # A value that is only a view is made again from what it is a view of.
    return front, back, list(saved)
