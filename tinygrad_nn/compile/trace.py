"""Tracing: run a function once on its real inputs and record every operation, also those that need no gradient.

A trace knows no mathematics. The engine hands it each operation (``record.apply`` in trace mode), the walks of
backward passes run their rules on tensors, so that these are recorded too, and what reads a tensor's values into
Python is refused: a branch on data would be frozen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import FunctionType
from typing import Any

import numpy as np
from numpy import ndarray

from .. import walk
from ..convert import Foreign
from ..mode import is_grad_enabled, no_grad, trace
from ..op import PLAIN, Op
from ..record import _explained, _recorded, apply, caller, constant
from ..tensor import Tensor, seed
from ..walk import Node, next_number
from . import traced
from .leaves import Leaves
from .opaque import check, opaque
from .traced import Effect, Held, NeedsValueError, TracedArray, TracedTensor, TraceError, line_of, strip, tensors_in


class Tracer(Leaves):
    """What records one run of a function: the nodes hang together by their inputs, the rest is noted here."""

    def __init__(self, dry: bool = False, trial: bool = False) -> None:
        #: Whether to note changes of state without doing them; in a trial only where nothing can depend on them.
        self.dry = dry or trial
        self.trial = trial
        self.start = next_number()
        #: The place in the user's program that began the trace: what has it as its place comes from no line of f.
        self.call_site = caller()
        #: Which argument a tensor stands for.
        self.inputs: dict[Any, int] = {}
        #: Tensors that are another one (detached, lifted, made of it), or an array that is read anew at each call.
        self.alias: dict[Any, Any] = {}
        #: What a node is made of in NumPy's own functions, where its operation is a Python function of them.
        self.inside: dict[Any, Any] = {}
        #: Operations that are being run to see what they are made of: getitem is made of itself.
        self.expanding: set[Op] = set()
        #: Parts of residuals: the node and the way to the part.
        self.parts: dict[Any, tuple[Any, tuple[int, ...]]] = {}
        #: What np.geterr() says inside an operation where it differs from outside.
        self.errstate: dict[Any, dict[str, str]] = {}
        #: Functions without a derivative, by the node that stands for their call.
        self.freed: set[Any] = set()
        self.effects: list[Effect] = []
        #: Gradients as they were when the trace began, by leaf; and which of them the function saw or replaced.
        self.entry: dict[Any, Any] = {}
        self.cleared: set[Any] = set()
        self.grads_read: dict[Any, Any] = {}
        self.needs_none: dict[Any, bool] = {}
        #: Whose cotangent a node is: for names.
        self.cotangents: dict[Any, Any] = {}
        #: Numbers that an effect gave.
        self.results: dict[Any, Effect] = {}
        #: Random generators that were drawn from, as they were before.
        self.generators: dict[Any, Any] = {}
        self.first_order = False
        #: Whether what runs now would run on plain arrays in eager code: rules, and what operations are made of.
        self.numeric = False
        #: Whether the function differentiates inside.
        self.lifts = False
        self.outside = np.geterr()
        self.plain_ops: dict[Any, Op] = {}

    # -- operations ---------------------------------------------------------------------------------------------

    def ours(self, t: Any) -> bool:
        """Tell whether a tensor's values may differ at the next call: all but constants made in the trace."""
        return t._number < self.start or t.op is not None or isinstance(t, TracedTensor) or t in self.alias

    def apply(self, op: Op, inputs: Any, values: list[Any], params: dict[str, Any], needs: bool) -> Any:
        """Compute and record an operation."""
        if op.random:
            rng = params.get("rng")
            if isinstance(rng, np.random.Generator) and rng not in self.generators:
                self.generators[rng] = rng.bit_generator.state
        live = {k: strip(v) for k, v in params.items()} if params else params
        try:
            y = op.fn(*values, **live)
        except TraceError:
            raise
        except Exception as e:
            raise (e if self.numeric else _explained(e, op, values, live)) from None
        inputs = tuple([x if isinstance(x, Node) else v for x, v in zip(inputs, values, strict=True)])
        residual = None
        if op.residual:
            y, residual = y
        if type(y) is not ndarray and not isinstance(y, np.generic):
            if isinstance(y, Foreign):
                raise TraceError(
                    f"compile: {op.name} met a {type(y).__name__}; compiled code runs on NumPy's arrays: call the "
                    f"function itself, or move the data to the host with .get()"
                )
            y = np.asarray(y)
        t = self._node(y, op, inputs, (y, *values), params, needs and is_grad_enabled())
        if op.residual:
            part = self._part(t, residual, (1,))
            if part is not None:
                t._params = {**params, "residual": part}
        elif type(op.fn) is FunctionType and not op.random and op not in self.expanding:
            inner = self._expanded(op, inputs, params, y)
            if inner is not None:
                self.inside[t] = inner
        return t

    def _node(self, y: Any, op: Op, inputs: Any, saved: Any, params: Any, tracked: bool) -> Any:
        where = caller()
        t = _recorded(y, op, inputs, saved, params, None if where == self.call_site else where)
        t._tracked = tracked
        operands = [x for x in (*inputs, *tensors_in(params)) if isinstance(x, Node)]
        arrays = operands and all(getattr(x, "_stands_for_array", False) for x in operands)
        t.__class__ = TracedArray if arrays else TracedTensor
        state = np.geterr()
        if state != self.outside:
            before: dict[str, Any] = dict(self.outside)
            self.errstate[t] = {k: str(v) for k, v in state.items() if v != before[k]}
        return t

    def _part(self, t: Any, residual: Any, way: tuple[int, ...]) -> Any:
        """Give tensors for the arrays of a residual; None where it holds anything else."""
        if isinstance(residual, (tuple, list)):
            parts = [self._part(t, r, (*way, i)) for i, r in enumerate(residual)]
            return None if any(p is None for p in parts) else tuple(parts)
        if not isinstance(residual, (ndarray, np.generic)):
            return None
        p = _array(residual)
        self.parts[p] = (t, way)
        return p

    def _expanded(self, op: Op, inputs: Any, params: Any, y: Any) -> Any:
        """Run an operation's own function on stand-ins: what it is made of, or None where it must stay a call."""
        stand_ins = []
        for x in inputs:
            if isinstance(x, Node):
                s = _array(x._data)
                self.alias[s] = x
                stand_ins.append(s)
            else:
                stand_ins.append(x)
        before = len(self.effects)
        self.expanding.add(op)
        numeric, self.numeric = self.numeric, True
        try:
            with no_grad():
                inner = op.fn(*stand_ins, **params)
        except Exception:
            return None
        finally:
            self.expanding.discard(op)
            self.numeric = numeric
        same = (
            isinstance(inner, Tensor)
            and len(self.effects) == before
            and inner.shape == y.shape
            and inner.dtype == y.dtype
            and np.asarray(inner._data).tobytes() == np.asarray(y).tobytes()
        )
        if not same:
            return None
        if inner._saved is not None and np.shape(y) and inner._data.strides == y.strides:
            # Equal in every bit: one of the two is enough.
            inner._data, inner._saved = y, (y, *inner._saved[1:])
        return inner

    def plain(self, f: Any, args: Any, kwargs: Any) -> Any:
        """Run a function without a derivative, recorded where values flow through it."""
        found = list(tensors_in((args, kwargs)))
        live = any(self.ours(t) for t in found)
        if live and f in traced.VALUE_SHAPED:
            raise TraceError(self._advice(f.__name__))
        if f not in PLAIN and not (found and all(t._stands_for_array for t in found)):
            raise TypeError(
                f"{f.__name__}: no derivative rule for this NumPy function, and running it on plain data would lose "
                f"the gradient; declare it with tg.op.elementwise, linear, multilinear or general"
            )
        y = f(*strip(args), **strip(kwargs))
        if not live or f in traced.SHAPE_ONLY or not isinstance(y, (ndarray, np.generic, bool)):
            if live and f not in traced.SHAPE_ONLY:
                raise TraceError(self._advice(f.__name__))
            return y
        data = y if isinstance(y, (ndarray, np.generic)) else np.bool_(y)
        op = self.plain_ops.get(f)
        if op is None:
            op = self.plain_ops[f] = Op("general", f, (None,), name=f.__name__, variadic=True, register=False)
        t = self._node(data, op, args, (data,), kwargs, False)
        t.__class__ = TracedArray
        return t

    def numpy_call(self, f: Any, args: Any, kwargs: Any) -> Any:
        """Record NumPy's own function on what are arrays in eager code; NotImplemented for several results."""
        y = f(*strip(args), **strip(kwargs))
        if not isinstance(y, (ndarray, np.generic)):
            return NotImplemented
        op = self.plain_ops.get(f)
        if op is None:
            op = self.plain_ops[f] = Op("general", f, (None,), name=f.__name__, variadic=True, register=False)
        return self._node(y, op, args, (y,), kwargs, False)

    # -- what would leave the trace -----------------------------------------------------------------------------------

    def _advice(self, who: str) -> str:
        where = caller()
        line = f" (line {line_of(*where)})" if where is not None else ""
        return (
            f"{who}: compiled code is recorded once, so a Python value or branch taken from a tensor's values{line} "
            f"would be frozen; use np.where for the branch, return the tensor, or take this out of the compiled code"
        )

    def refuse(self, what: str) -> None:
        """Say that something cannot be compiled."""
        raise TraceError(f"compile: {what} cannot be compiled; call it outside of the compiled function")

    def peek(self, t: Any, who: str) -> None:
        """Refuse to hand out values that the next call may have otherwise."""
        if not self.ours(t):
            return
        if who == ".data" and t._number < self.start and t.op is None and t not in self.inputs:
            return
        raise TraceError(self._advice(who))

    def values(self, t: Any) -> Any:
        """Give what stands for whole numbers that an operation reads beside the derivative: the tensor itself."""
        if not self.ours(t):
            return t._data
        if t.dtype.kind in "iu":
            return t
        frame: Any = sys._getframe(2)
        while frame.f_code.co_name in ("values", "plain", "as_index"):
            frame = frame.f_back
        raise TraceError(self._advice("index" if t.dtype.kind == "b" else frame.f_code.co_name.lstrip("_")))

    def made(self, t: Any, data: Any, dtype: Any) -> None:
        """Note what a tensor made in the trace was made of."""
        if isinstance(data, Tensor):
            if self.ours(data):
                self.alias[t] = data if data.dtype == dtype else data.detach().astype(dtype)
        elif type(data) is ndarray:
            if data.dtype == dtype:
                self.alias[t] = data
            else:
                live = constant(data)
                self.alias[live] = data
                self.alias[t] = live.astype(dtype)

    def detached(self, t: Any) -> Any:
        d = constant(t._data)
        if self.ours(t):
            d.__class__ = TracedArray if t._stands_for_array else TracedTensor
            self.alias[d] = t
        return d

    def lifted(self, x: Any, who: str) -> Any:
        """Give a fresh tensor of the same value that needs a gradient."""
        self.lifts = True
        if x.dtype.kind != "f":
            raise TypeError(f"{who}: dtype {x.dtype} cannot require a gradient; give floats")
        y = constant(x._data)
        y.op, y._inputs, y._saved = _SAME, (x,), (x._data, x._data)
        y._tracked = True
        y.__class__ = TracedTensor
        return y

    def in_kind(self, v: Any, record: bool) -> Any:
        """Give a result as a tensor, or as what stands for a plain array."""
        if record or v._stands_for_array:
            return v
        p = _array(v._data)
        if self.ours(v):
            self.alias[p] = v
        return p

    # -- backward passes -----------------------------------------------------------------------------------------------

    def reverse(self, nodes: Any, cotangents: Any, retain: bool, live: Any, wanted: Any) -> Any:
        """Walk back with the rules recorded, where eager code would only compute."""
        for t in nodes:
            if t in self.freed:
                raise walk.GraphFreedError(
                    f"{t.op.name}: this graph was freed by an earlier backward pass; call backward(retain_graph=True) "
                    f"the first time, or compute the result anew"
                )
        for t, g in cotangents.items():
            if not isinstance(g, Tensor):
                cotangents[t] = _array(g)
        before = self.first_order, self.numeric
        self.first_order = self.numeric = True
        try:
            with no_grad():
                walk.reverse(nodes, cotangents, record=True, retain=True, live=live, wanted=wanted, visit=self._visit)
        finally:
            self.first_order, self.numeric = before
        if not retain:
            self.freed.update(nodes)
        return cotangents

    def _visit(self, t: Any, g: Any) -> Any:
        if t._hooks or t._retains:
            raise TraceError("compile: hooks and retain_grad are not compiled; register them outside")
        self.name(t, g)
        return g

    def name(self, t: Any, g: Any) -> None:
        """Note whose cotangent a tensor is."""
        if isinstance(g, Tensor) and g.op is not None:
            self.cotangents.setdefault(g, t)

    def forward(self, nodes: Iterable[Any], tangents: Any, derive: Any) -> Any:
        """Walk forward with everything recorded."""
        for t, v in tangents.items():
            if not isinstance(v, Tensor):
                tangents[t] = _array(v)
        before = self.first_order, self.numeric
        self.first_order, self.numeric = False, True
        try:
            with no_grad():
                return walk.forward(nodes, tangents, derive, record=True)
        finally:
            self.first_order, self.numeric = before

    def backward(self, y: Any, gradient: Any, retain: bool) -> None:
        """Record ``y.backward()``: the leaves' gradients are tensors of the trace."""
        if isinstance(gradient, Tensor) and gradient.shape == y.shape:
            g: Any = gradient.detach()
            g = g if g.dtype == y.dtype else g.astype(y.dtype)
        else:
            g = _array(seed(y, gradient, "backward"))
            if type(gradient) is ndarray and gradient.dtype == y.dtype:
                self.alias[g] = gradient
        found = self.reverse(walk.graph((y,), self.start), {y: g}, retain, None, ())
        for leaf, d in found.items():
            leaf._receive(d)

    def opaque(self, name: str, f: Any, given: Any, x: Any) -> Any:
        """Record a function whose own calls depend on values as one call, forward and backward: f(given, x)."""
        check(name, f, strip(given), np.asarray(strip(x)))
        return apply(opaque(name, f), (given, x))

    # -- changes of state --------------------------------------------------------------------------------------------

    def effect(self, f: Any, args: Any, kwargs: Any) -> Any:
        """Run something that changes state outside the trace, and note to run it at every call."""
        # What is declared to give None does, and so does the step of an optimizer that gets no closure.
        if self.trial and f.__annotations__.get("return") != "None" and (len(args) > 1 or kwargs):
            raise NeedsValueError
        args, kwargs = self._held(args), self._held(kwargs)
        self.settle()
        e = Effect(next_number(), "call", f, value=(args, kwargs))
        self.effects.append(e)
        if self.dry:
            return None
        with trace(None):
            y = f(*strip(args), **strip(kwargs))
        if not isinstance(y, (float, np.generic, ndarray)):
            return y
        t = _array(np.float64(y) if isinstance(y, float) else y)
        self.results[t] = e
        return t

    def _held(self, x: Any) -> Any:
        """Give arguments as an effect keeps them: tensors of the trace by value, those from outside as they are."""
        if isinstance(x, Node):
            return x if (self.ours(x) and x._number >= self.start) or x in self.inputs else Held(x)
        if isinstance(x, (tuple, list)) and not hasattr(x, "_fields"):
            return type(x)([self._held(v) for v in x])
        if isinstance(x, dict):
            return {k: self._held(v) for k, v in x.items()}
        return [self._held(v) for v in x] if hasattr(x, "__next__") else x

    def write(self, leaf: Any, value: Any) -> Any:
        """Write a traced value into a leaf's array (``w -= rate * g`` under no_grad)."""
        if leaf._number >= self.start or leaf in self.inputs:
            raise TraceError(
                f"{leaf._label()}: compiled code writes in place only to tensors from outside; use a = a + t"
            )
        self.effects.append(Effect(next_number(), "write", None, leaf=leaf, value=value))
        if self.dry:
            return leaf
        with trace(None):
            leaf._own()[...] = value._data
        return leaf


def _array(a: Any) -> Any:
    """Give what stands for an array that is made in a trace."""
    t = constant(a)
    t.__class__ = TracedArray
    return t


_SAME = Op("elementwise", np.positive, (lambda g, y, x: g,), name="same", register=False)
