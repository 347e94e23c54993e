"""Recording a call: arguments become tensors of a trace, the function runs once, its results are found."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .. import walk
from ..mode import trace
from ..op import OPS
from ..record import apply, constant
from ..tensor import Tensor
from ..tree import flatten
from .names import from_path, legal
from .trace import Tracer
from .traced import TracedArray, TracedTensor, TraceError


def is_input(x: Any) -> bool:
    """Tell whether a leaf of the arguments is an input of the program (and not a fixed number, word or object)."""
    return isinstance(x, (Tensor, ndarray, np.generic))


def _refused(g: Any) -> None:
    raise TraceError("compile: a backward pass inside reaches an argument that has a graph or hooks of its own")


def _check_results(results: list[Any]) -> None:
    """Refuse a result that is an object with tensors of the trace inside: it would be frozen."""
    for y in results:
        if isinstance(y, (Tensor, ndarray, np.generic, int, float, complex, str, bytes, type(None))):
            continue
        inside = list(getattr(y, "__dict__", {}).values())
        for c in type(y).__mro__:
            names = c.__dict__.get("__slots__", ())
            inside += [getattr(y, k, None) for k in ((names,) if isinstance(names, str) else names)]
        if any(isinstance(v, TracedTensor) for v in flatten(inside)[0]):
            raise TraceError(
                f"compile: the function returns an object of type {type(y).__name__}, which would be frozen; return "
                f"arrays or tensors, or lists, tuples and dicts of them (of a complex result .real and .imag)"
            )


def placeholder(x: Any, tracked: bool) -> Any:
    """Give what stands for an argument in the trace."""
    if isinstance(x, Tensor):
        t = constant(x._data)
        t.__class__ = TracedTensor
        t._tracked = tracked and x.dtype.kind == "f"
        if x.name is not None:
            t.name = x.name
        if x.op is not None or x._hooks:
            t._hooks = (_refused,)
        t._grad = x._grad
        return t
    t = constant(np.asarray(x) if type(x) is not ndarray and not isinstance(x, np.generic) else x)
    if tracked and t.dtype.kind == "f":
        t._tracked = True
        t.__class__ = TracedTensor
    else:
        t.__class__ = TracedArray
    return t


class Recording:
    """One recorded call: the tracer, the placeholders of the inputs, and the results in their containers."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        lift: bool = False,
        known: Any = (),
        dry: bool = False,
        trial: bool = False,
    ) -> None:
        self.leaves_tree = (args, kwargs)
        leaves, rebuild = flatten((args, kwargs))
        self.tracer = tracer = Tracer(dry, trial)
        for leaf in known:
            tracer.known(leaf)
        self.leaves = leaves
        self.placeholders: list[Any] = []
        new = list(leaves)
        with trace(tracer):
            for i, x in enumerate(leaves):
                if is_input(x):
                    wanted = x.requires_grad if isinstance(x, Tensor) else lift
                    new[i] = placeholder(x, wanted)
                    tracer.inputs[new[i]] = len(self.placeholders)
                    self.placeholders.append(new[i])
            tracer.start = walk.next_number()
            try:
                a, k = rebuild(new)
                self.result = f(*a, **k)
                self.outputs, self.rebuild = flatten(self.result)
                _check_results(self.outputs)
                # A result that is an argument or a tensor from outside gets a node, as every other result has.
                self.outputs = [self._node(y) for y in self.outputs]
                tracer.settle()
                if not tracer.dry:
                    self._hand_over()
                elif trial:
                    tracer.restore()
            except BaseException:
                tracer.restore()
                raise
        # What hangs on a graph that a backward pass inside has freed cannot be differentiated any more.
        self.tracked = [
            y
            for y in self.outputs
            if isinstance(y, Tensor)
            and y._tracked
            and y.op is not None
            and (not tracer.freed or tracer.freed.isdisjoint(walk.graph((y,), tracer.start)))
        ]
        self.forward_end = walk.next_number()

    def _hand_over(self) -> None:
        """Give the arguments the gradients that their stand-ins received."""
        arguments = [x for x in self.leaves if is_input(x)]
        for t, x in zip(self.placeholders, arguments, strict=True):
            if t in self.tracer.entry and isinstance(x, Tensor):
                x._grad = t._grad

    def _node(self, y: Any) -> Any:
        bare = isinstance(y, Tensor) and y._tracked and (y.op is None or y._number < self.tracer.start)
        return apply(OPS["positive"], (y,)) if bare and not self.tracer.effects else y

    def pull(self, seeds: list[Any]) -> dict[Any, Any]:
        """Record the backward pass from the tracked results: the cotangents of inputs and tensors outside."""
        tracer = self.tracer
        unique = list(dict.fromkeys(self.tracked))
        cotangents = dict(zip(unique, seeds, strict=True))
        with trace(tracer):
            found = tracer.reverse(walk.graph(unique, tracer.start), cotangents, True, None, ())
        for t, g in found.items():
            tracer.name(t, g)
        return found

    def slim(self) -> None:
        """Let go of the values that were recorded."""
        empty: dict[Any, Any] = {}
        self.tracer.inside = self.tracer.alias = self.tracer.parts = self.tracer.cotangents = empty
        for y in self.outputs:
            if isinstance(y, Tensor):
                y._inputs, y._saved, y.op = (), None, None
        self.placeholders = [TracedArray.__new__(TracedArray) for _ in self.placeholders]
        self.leaves = [None if is_input(x) else x for x in self.leaves]


def argument_paths(f: Any, recording: Recording) -> list[str]:
    """Name the inputs by f's parameters, and by key or place in their containers."""
    try:
        target = f.forward if hasattr(f, "forward") else f
        names = [p.name for p in inspect.signature(target).parameters.values() if p.kind.name.startswith("POSITIONAL")]
    except (TypeError, ValueError):
        names = []
    paths: list[str] = []
    args, kwargs = recording.leaves_tree
    for i, a in enumerate(args):
        base = legal(names[i]) if i < len(names) else None
        paths += _leaf_paths(base or f"x{i + 1}", a)
    for k, a in kwargs.items():
        paths += _leaf_paths(legal(k) or "x", a)
    return paths


def _leaf_paths(base: str, tree: Any) -> list[str]:
    if isinstance(tree, dict):
        return [p for k, v in tree.items() for p in _leaf_paths(legal(k) or from_path(f"{base}_{k}") or base, v)]
    if isinstance(tree, (list, tuple)):
        return [p for i, v in enumerate(tree) for p in _leaf_paths(f"{base}_{i}", v)]
    return [base] if is_input(tree) else []
