"""Programs as Python functions to run: straight-line code, results written into buffers that are used again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .buffers import renewed
from .helpers import NUMPY_NAMES, into
from .literals import literal
from .memory import Memory, is_view
from .names import Names, legal
from .program import Program, Value, operands
from .scalars import quick
from .traced import Held
from .update import BLOCK, Rates, descend, plain_sgd

#: Arrays of at least this many bytes are let go of after their last use.
LARGE = 1 << 15


class Code:
    """The text of a function, the names that it uses, and the buffers that it works in."""

    def __init__(self, text: str, space: dict[str, Any], buffers: list[tuple[Any, ...]], shown: str) -> None:
        self.text = text
        #: The text with that of the loops it calls.
        self.shown = shown
        self.space = space
        self.buffers = buffers

    def function(self) -> Callable[..., Any]:
        """Compile the text."""
        exec(compile(self.text, "<tinygrad_nn.compile>", "exec"), self.space)
        return self.space["run"]


class Emitter:
    """What writes one program as a function of its inputs (and of its buffers, if it has any)."""

    def __init__(self, program: Program, given: dict[Value, str], keep: frozenset[Value] = frozenset()) -> None:
        self.program = program
        self.names = Names(program, given)
        self.memory = Memory(program)
        self.keep = keep
        self.space: dict[str, Any] = {"np": np}
        self.objects: dict[int, str] = {}
        self.buffers: list[tuple[Any, ...]] = []
        self.free: dict[Any, list[str]] = {}
        self.lines: list[str] = []
        self.held: dict[Value, str] = {}
        self.expiring: dict[int, list[Value]] = {}
        for r, last in self.memory.last.items():
            self.expiring.setdefault(last, []).append(r)
        self.written: dict[Value, str] = {}
        #: Whether large results may lie in arrays that are used again once nobody outside holds them.
        self.keeps_results = False
        self.renew: list[str] = []
        #: Arguments that the code needs as tensors, since it sets their gradients.
        self.arguments: dict[Any, str] = {}
        #: The loops of groups.
        self.groups: list[str] = []
        #: The gradients that leaves were given since state was last changed: the leaf's name and the gradient's.
        self.gradients: dict[Any, tuple[str, str]] = {}
        #: Values that outlive the call: read so that later writing to them cannot be seen.
        self.guarded: set[Value] = set()
        #: Values of another function that come in as arguments.
        self.saved: set[Value] = set()
        #: Names of tensors' arrays and views of them that are still assigned, with the last place that uses each.
        self.looking: dict[str, int] = {}
        self.uses: dict[Value, int] = {}
        for i, v in enumerate(program.body):
            for x in operands(v):
                self.uses[x] = i
        for x in program.outputs:
            if isinstance(x, Value):
                self.uses[x] = len(program.body)

    # -- names ------------------------------------------------------------------------------------------------------

    def object(self, x: Any, wanted: str = "c") -> str:
        """Give the name of an object that text cannot say; the function holds it by reference."""
        name = self.objects.get(id(x))
        if name is None:
            base = legal(wanted.lstrip("_")) or "c"
            name, i = base, 2
            while name in self.names.taken or name in self.space:
                name, i = f"{base}_{i}", i + 1
            self.names.taken.add(name)
            self.objects[id(x)] = name
            self.space[name] = x
        return name

    def tensor(self, t: Any, wanted: str) -> str:
        """Give the name of a tensor: an argument's, or that of one from outside."""
        return self.arguments.get(t) or self.object(t, wanted)

    def function(self, f: Any, wanted: str) -> str:
        """Give the name of a function: NumPy's by its own."""
        path = NUMPY_NAMES.get(f)
        return self.object(f, path.split(".")[-1] if path else wanted)

    def text(self, x: Any) -> str:
        """Give the text of an argument."""
        if isinstance(x, Value):
            if x in self.saved:
                return self.names[x]
            if x.kind == "const":
                return self.object(x.data, self.written.get(x, "c"))
            if x.kind in ("read", "grad") and not x.version:
                return self.written[x]
            return self.names[x]
        if type(x) in (tuple, list):
            inside = ", ".join([self.text(v) for v in x])
            return f"[{inside}]" if type(x) is list else f"({inside}{',' if len(x) == 1 else ''})"
        if isinstance(x, (ndarray, np.generic)):
            return self.object(x)
        if isinstance(x, Held):
            return self.object(x.value, "tensor")
        said = literal(x)
        return self.object(x) if said is None or said.startswith("np.") else said

    # -- the function ---------------------------------------------------------------------------------------------

    def emit(self, inputs: Sequence[Value], reads: Sequence[Value], result: Callable[[Emitter], str]) -> Code:
        """Give the code of the function of these inputs that ends with the result."""
        lines = self.lines
        for v in reads:
            lines.append(f"{self.written[v]} = {self.source(v)}")
            self.looking[self.written[v]] = self.uses.get(v, -1)
        for i, v in enumerate(self.program.body):
            if v.kind == "effect":
                self.look_away(v, i)
                self.effect(v)
            elif v.kind == "fused":
                self.fused(v)
            elif v.kind in ("read", "grad"):
                lines.append(f"{self.names[v]} = {self.source(v)}")
            elif v.kind != "input":
                self.statement(v, i)
                if is_view(v) and any(r.kind == "read" for r in self.memory.of(v)):
                    self.looking[self.names[v]] = self.uses.get(v, -1)
            self.release(i)
        lines.append(f"return {result(self)}")
        parameters = [*[self.names[v] for v in inputs], *self.arguments.values()]
        if self.buffers:
            parameters.append("buffers")
            special = {line.split(" ")[0] for line in self.renew}
            plain = [i for i in range(len(self.buffers)) if f"_b{i}" not in special]
            lines[:0] = [*[f"_b{i} = buffers[{i}]" for i in plain], *self.renew]
        body = "\n    ".join(lines)
        text = f"def run({', '.join(parameters)}):\n    {body}\n"
        return Code(text, self.space, self.buffers, "\n".join([text, *self.groups]))

    def look_away(self, v: Value, i: int) -> None:
        """Let go of tensors' arrays before state is changed: what nobody else holds is written to in place."""
        if v.data.kind == "grad":
            return
        gone = [name for name, last in self.looking.items() if last < i]
        for name in gone:
            del self.looking[name]
        if gone:
            self.lines.append(f"del {', '.join(gone)}")

    def source(self, v: Value) -> str:
        """Give the expression that reads a tensor or its gradient."""
        leaf = self.tensor(v.data, f"{self.names.names.get(v, 'w')}_tensor")
        if v in self.guarded and v.kind == "read":
            return f"{leaf}._guarded() if {leaf}._exposed else {leaf}._data"
        return f"{leaf}._data" if v.kind == "read" else f"{leaf}._grad"

    def effect(self, v: Value) -> None:
        """Write a change of state."""
        e = v.data
        if e.kind == "call":
            positional, named = v.args
            optimizer = None if named else plain_sgd(e.run, positional)
            if optimizer is not None and self.descent(optimizer):
                return
            args = [self.text(a) for a in positional]
            args += [f"{k}={self.text(a)}" for k, a in named]
            name = getattr(e.run, "__qualname__", "effect").replace(".", "_")
            self.gradients = {}
            result = f"{self.names[v]} = " if v.dtype is not None else ""
            self.lines.append(f"{result}{self.object(e.run, name)}({', '.join(args)})")
            return
        leaf = self.tensor(e.leaf, "leaf_tensor")
        if e.kind == "write":
            self.lines.append(f"{leaf}._own()[...] = {self.text(v.args[0])}")
        elif not v.args:
            self.lines.append(f"{leaf}._grad = None")
        else:
            text = self.owned(v.args[0])
            if not text.isidentifier():
                name = f"_g{len(self.lines)}"
                self.lines.append(f"{name} = {text}")
                text = name
            self.lines.append(f"{leaf}._grad = {text}")
            self.gradients[e.leaf] = (leaf, text)

    def descent(self, optimizer: Any) -> bool:
        """Write a step of plain gradient descent, where all its gradients have just been computed here."""
        leaves = optimizer.param_groups[0]["params"]
        given, self.gradients = self.gradients, {}
        if set(given) != set(leaves):
            return False
        lines = self.lines
        rates = self.object(Rates(optimizer, list(leaves)), "rates")
        lines.append(f"rate = {rates}()")
        lines.append(f"if rate is None: {self.object(optimizer.step, 'step')}()")
        lines.append("else:")
        kinds: dict[Any, str] = {}
        for p in leaves:
            if p.dtype not in kinds:
                kinds[p.dtype] = f"rate_{p.dtype.name}"
                lines.append(f"    {kinds[p.dtype]} = rate[{self.object(p.dtype, 'dtype')}]")
        for p in leaves:
            leaf, g = given[p]
            large = p.size > BLOCK or not p.shape
            key = ((min(p.size, BLOCK),) if large else p.shape, p.dtype.str, "C")
            stack = self.free.setdefault(key, [])
            if not stack:
                stack.append(f"_b{len(self.buffers)}")
                self.buffers.append((key[0], p.dtype, "C"))
            lines.append(f"    a = {leaf}._own()")
            if large:
                lines.append(f"    {self.object(descend, 'descend')}(a, {g}, {kinds[p.dtype]}, {stack[-1]})")
            else:
                lines.append(f"    {self.function(np.multiply, 'multiply')}({g}, {kinds[p.dtype]}, {stack[-1]})")
                lines.append(f"    {self.function(np.subtract, 'subtract')}(a, {stack[-1]}, a)")
        return True

    def owned(self, x: Value) -> str:
        """Give a value as an array that nobody else holds."""
        text = self.text(x)
        roots = self.memory.of(x)
        alone = x.kind == "call" and roots == frozenset([x]) and not is_view(x)
        if alone and x.shape and x not in self.held and not self.owners.get(x):
            self.owners[x] = 1
            return text
        return self.copied(x)

    def copied(self, x: Value) -> str:
        """Give a copy of a value."""
        return f"{self.object(np.array, 'array')}({self.text(x)})"

    @property
    def owners(self) -> dict[Value, int]:
        """How often a value has been given away."""
        return self.__dict__.setdefault("_owners", {})

    # -- statements -----------------------------------------------------------------------------------------------

    def statement(self, v: Value, i: int) -> None:
        """Write one call."""
        out = self.target(v, i)
        if v.order == "F" and v.fn is np.dot:
            self.column_major(v, out)
            return
        text = self.expression(v, out)
        line = f"{self.names[v]} = {text}"
        if v.err:
            states = ", ".join([f"{k}={s!r}" for k, s in v.err.items()])
            self.lines.append(f"with {self.object(np.errstate, 'errstate')}({states}):")
            line = f"    {line}"
        self.lines.append(line)

    def column_major(self, v: Value, out: str | None) -> None:
        """Write a product as that of the transposes, whose result is the transpose in row-major order."""
        factors = []
        for a in reversed(v.args):
            flipped = a.kind == "call" and a.fn is np.transpose and a.params.get("axes") is None
            factors.append(self.text(a.args[0]) if flipped else f"{self.text(a)}.T")
        dot = f"{self.function(np.dot, 'dot')}({', '.join(factors)}"
        if out is None:
            self.lines.append(f"{self.names[v]} = {dot}).T")
        else:
            self.lines += [f"{dot}, {out}.T)", f"{self.names[v]} = {out}"]

    def expression(self, v: Value, out: str | None) -> str:
        """Give the expression of a call, its result written into ``out`` if given."""
        if v.kind == "part":
            return self.text(v.args[0]) + "".join([f"[{i}]" for i in v.data])
        fn, args = v.fn, [self.text(a) for a in quick(v)]
        first = v.args[0] if v.args else None
        if v.op is not None and v.op.name == "getitem":
            return f"{args[0]}[{self.text(v.params['index'])}]"
        if isinstance(first, Value) and first.dtype is not None:
            if fn is np.transpose and v.params.get("axes") is None:
                return f"{args[0]}.T"
            if fn is np.matrix_transpose and len(first.shape) == 2:
                return f"{args[0]}.T"
            if fn is np.reshape and v.params.get("order", "C") == "C" and v.shape:
                return f"{args[0]}.reshape({self.text(v.shape)})"
            if fn is np.sum and not set(v.params) - {"axis", "keepdims", "dtype"}:
                # What np.sum ends up with, without its detours.
                params = {"axis": None, **v.params}
                rest = ", ".join([f"{k}={self.text(p)}" for k, p in params.items()])
                return f"{self.object(np.add.reduce, 'add_reduce')}({args[0]}, {rest})"
        name = self.function(fn, v.op.name if v.op is not None else fn.__name__)
        parts = [*args, *([into(fn, out)] if out is not None else [])]
        parts += [f"{k}={self.text(p)}" for k, p in v.params.items()]
        return f"{name}({', '.join(parts)})"

    # -- buffers ----------------------------------------------------------------------------------------------------

    def fused(self, v: Value) -> None:
        """Write the call of a loop over blocks."""
        group = v.data
        out = []
        for m in group.arrays:
            if m in self.memory.outputs or m in self.memory.given:
                out.append(self.renewed(m) or "None")
            else:
                out.append(self.taken(m))
        args = [self.text(x) for x in group.takes]
        left = ", ".join([self.names[m] for m in group.gives])
        self.lines.append(f"{left}, = {self.object(group, 'blocks')}({', '.join([*args, *out])})")
        self.groups.append(group.text)

    def can_write(self, v: Value) -> bool:
        """Tell whether a call can write its result into an array that is given."""
        if v.kind != "call" or v.params or not v.shape or not v.size or v.order not in "CF" or v.dtype is None:
            return False
        if isinstance(v.fn, np.ufunc):
            return v.fn.nout == 1 and v.fn.signature is None
        return v.fn is np.dot and all(isinstance(a, Value) and a.shape and a.dtype == v.dtype for a in v.args)

    def target(self, v: Value, i: int) -> str | None:
        """Give the array that a call writes to: that of an operand that ends here, a free buffer, or a new one."""
        if not self.can_write(v):
            return None
        if v in self.memory.outputs or v in self.memory.given:
            return self.renewed(v)
        if isinstance(v.fn, np.ufunc):
            for a in v.args:
                if not isinstance(a, Value) or a.shape != v.shape or a.dtype != v.dtype or a.order != v.order:
                    continue
                roots = self.memory.of(a)
                if roots == frozenset([a]) and a in self.held and self.memory.last.get(a) == i:
                    self.held[v] = self.held.pop(a)
                    return self.held[v]
        return self.taken(v)

    def taken(self, v: Value) -> str:
        """Give a free buffer, or a new one, for a value that stays inside."""
        key = (v.shape, v.dtype.str, v.order)
        stack = self.free.setdefault(key, [])
        if stack:
            name = stack.pop()
        else:
            name = f"_b{len(self.buffers)}"
            self.buffers.append((v.shape, v.dtype, v.order))
        self.held[v] = name
        return name

    def renewed(self, v: Value) -> str | None:
        """Give a kept array for a large result that goes out, if by the next call nobody outside holds it any more."""
        uses = [e for e in self.program.body if e.kind == "effect" and any(x is v for x in e.args)]
        n = self.program.outputs.count(v) + len(uses)
        if not self.keeps_results or v.nbytes < LARGE or n != 1 or any(x.kind == "grad" for x in self.written):
            return None
        shared = [r for x in self.program.outputs if isinstance(x, Value) and x is not v for r in self.memory.of(x)]
        if v in shared or (uses and uses[0].data.kind != "grad"):
            return None
        leaf = self.tensor(uses[0].data.leaf, "leaf_tensor") if uses else "None"
        i = len(self.buffers)
        self.buffers.append((v.shape, v.dtype, v.order))
        self.renew.append(f"_b{i} = {self.object(renewed, 'renewed')}(buffers, {i}, {leaf})")
        return f"_b{i}"

    def release(self, i: int) -> None:
        """Give back the buffers, and let go of the large arrays, that nothing needs after this place."""
        gone = []
        for r in self.expiring.get(i, ()):
            name = self.held.pop(r, None)
            if name is not None:
                self.free[(r.shape, r.dtype.str, r.order)].append(name)
            elif r.kind == "call" and r.nbytes >= LARGE:
                gone.append(self.names[r])
                self.looking.pop(self.names[r], None)
        if gone:
            self.lines.append(f"del {', '.join(gone)}")


def reads_of(program: Program, more: Sequence[Value] = ()) -> list[Value]:
    """Give the tensors that a program reads as it begins, in order of use."""
    found: dict[Value, None] = {}
    for v in program.body:
        for x in operands(v):
            if x.kind in ("read", "grad") and not x.version:
                found[x] = None
    for x in (*program.outputs, *more):
        if isinstance(x, Value) and x.kind in ("read", "grad") and not x.version:
            found[x] = None
    return list(found)
