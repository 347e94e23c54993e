"""to_source: the forward and backward pass of a function as a Python program that a person can read, copy and ship."""

from __future__ import annotations

import builtins
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..convert import Foreign
from ..record import constant
from ..tree import flatten
from .capture import captured
from .helpers import Helpers
from .literals import WRITTEN, array, scalar
from .names import Names, legal, parameter_names
from .passes.cse import cse
from .passes.dead import dead
from .passes.fold import fold
from .passes.transposed import transposed
from .products import same_product
from .program import Builder, Program, Value, operands, uses
from .recording import Recording, argument_paths
from .text import ATOM, Text, Writer
from .traced import TracedArray, TraceError, line_of

#: An expression that is used once is written where it is used up to this length.
INLINE = 36
#: Arrays of up to this many bytes are written into the program's main block, so that it runs as it is.
EMBEDDED = 1 << 20


class Source(str):
    """Python text of a program, with the arrays that it takes and a way to run it."""

    __slots__ = ("arrays", "function")

    arrays: dict[str, ndarray[Any, Any]]
    """The program's arguments by name, with the arrays that they had."""
    function: str
    """The name of the function that the text defines."""

    def run(self, **arrays: Any) -> Any:
        """Run the program on its own arrays, or on others given by name."""
        space: dict[str, Any] = {"__name__": "program"}
        exec(compile(self, "<to_source>", "exec"), space)
        return space[self.function](**{**self.arrays, **arrays})


def to_source(f: Callable[..., Any], *inputs: Any) -> Source:
    """Give the forward and backward pass of ``f(*inputs)`` as a runnable Python program that imports only NumPy.

    The text defines one function of the inputs and of the tensors that f closes over; it returns f's value and a dict
    of gradients: those of all tensors that need one, or of the float arrays among the inputs where no tensor does. A
    value of more than one element takes its cotangent as a last argument. Running it gives the engine's numbers bit
    for bit. Raises :class:`TraceError` where f branches on values.

    >>> print(to_source(lambda x: (x * x).sum(), np.array([1.0, 2.0])).run())
    (np.float64(5.0), {'x': array([2., 4.])})
    """
    for x in flatten(inputs)[0]:
        if isinstance(getattr(x, "_data", x), Foreign):
            raise TraceError(
                f"to_source: an input is a {type(getattr(x, '_data', x)).__name__}; the source is written for NumPy's "
                f"arrays: give its values, for example x.get()"
            )
    recording = Recording(f, inputs, {})
    if not recording.tracked and not recording.tracer.effects:
        floats = [x for x in recording.placeholders if x.dtype.kind == "f"]
        if floats and not recording.tracer.lifts:
            recording = Recording(f, inputs, {}, lift=True)
    if recording.tracer.effects:
        recording.tracer.restore()
        raise TraceError("to_source: the function changes state (an optimizer's step, backward()); give the loss alone")
    return _Author(f, inputs, recording).write()


class _Author:
    """What writes the program of one recording."""

    def __init__(self, f: Callable[..., Any], inputs: Any, recording: Recording) -> None:
        self.f = f
        self.recording = recording
        self.title = getattr(f, "__name__", type(f).__name__)
        tracer = recording.tracer
        unique = list(dict.fromkeys(recording.tracked))
        seeds: list[Any] = []
        self.seeds: list[Any] = []
        for y in unique:
            if y.size == 1:
                s = constant(np.ones(y.shape, y.dtype) if y.ndim else y.dtype.type(1.0))
                s.__class__ = TracedArray
                seeds.append(s)
            else:
                s = constant(np.ones(y.shape, y.dtype))
                s.__class__ = TracedArray
                tracer.inputs[s] = len(recording.placeholders) + len(self.seeds)
                self.seeds.append((s, y))
                seeds.append(s)
        found = recording.pull(seeds) if unique else {}
        self.grads = list(found.items())
        builder = Builder(tracer, self._shown)
        program = builder.build([*recording.outputs, *[g for _, g in self.grads]], [])
        self.builder = builder
        self.program: Program = transposed(dead(cse(fold(cse(dead(program))))))
        self._products()

    def _shown(self, t: Any, inner: Any) -> bool:
        """Tell whether an operation is shown as what it is made of: where that is a few plain NumPy calls."""
        tracer = self.recording.tracer
        seen: set[Any] = set()
        stack = [inner]
        while stack:
            n = stack.pop()
            if n in seen or n in tracer.alias or n.op is None or n._number <= t._number:
                continue
            seen.add(n)
            if n in tracer.errstate and tracer.errstate[n] != tracer.errstate.get(t):
                return False
            stack += [x for x in n._inputs if hasattr(x, "_inputs")]
        return len(seen) <= 4

    def _products(self) -> None:
        """Write np.dot as @ where both give the same bits for arrays of these shapes and orders."""
        for v in self.program.body:
            if v.fn is np.dot and not v.params and all(isinstance(a, Value) and a.shape for a in v.args):
                a, b = v.args
                if 1 <= len(a.shape) <= 2 and 1 <= len(b.shape) <= 2 and same_product(a, b):
                    v.data = "@"

    # -- names ------------------------------------------------------------------------------------------------------

    def _given(self) -> dict[Value, str]:
        recording, builder = self.recording, self.builder
        given: dict[Value, str] = {}
        paths = argument_paths(self.f, recording)
        for t, path in zip(recording.placeholders, paths, strict=True):
            v = builder.values.get(t)
            if v is not None:
                given[v] = legal(t.name) or path
        outside = parameter_names(captured(self.f))
        self.paths = {id(x): p for p, x in captured(self.f).items()}
        for v in self._sources():
            if v in given:
                continue
            key = id(v.data)
            own = legal(getattr(v.data, "name", None)) if v.kind in ("read", "grad") else None
            name = outside.get(key) or own or ("w" if v.kind == "read" else "c")
            given[v] = name if v.kind != "grad" else f"{name}_grad"
        return given

    def _sources(self) -> list[Value]:
        """Give what the program takes as arguments beside the inputs: tensors and larger arrays from outside."""
        found: dict[Value, None] = {}
        for v in self.program.body:
            for x in operands(v):
                if self._is_source(x):
                    found[x] = None
        for x in self.program.outputs:
            if isinstance(x, Value) and self._is_source(x):
                found[x] = None
        return list(found)

    @staticmethod
    def _is_source(x: Value) -> bool:
        return x.kind in ("read", "grad") or (x.kind == "const" and not _written(x))

    # -- text -------------------------------------------------------------------------------------------------------

    def write(self) -> Source:
        """Give the whole text."""
        recording = self.recording
        given = self._given()
        inputs = [builder_value for t in recording.placeholders if (builder_value := self.builder.values.get(t))]
        inputs = [v for v in inputs if v.kind == "input"]
        # Names are given first to what the user named: arguments, then tensors outside.
        order = {v: given[v] for v in [*inputs, *[v for v in given if v not in inputs]]}
        self._body(self._names(order), Helpers(set()))
        # Now that it is known which values are written where they are used, the others are numbered without gaps.
        names = self._names(order, {*self.inline, *self._unpacked()})
        helpers = Helpers(set(names.taken) | set(dir(builtins)))
        body = self._body(names, helpers, set(self.inline))
        arguments = [*inputs, *[v for v in order if v not in inputs]]
        arguments += [v for s, _ in self.seeds if (v := self.builder.values.get(s)) is not None]
        return self._page(names, helpers, body, arguments)

    def _unpacked(self) -> dict[Value, dict[int, Value]]:
        """Give the calls of which only the two parts are used, with these: loss, d_z = cross_entropy(z, y)."""
        found: dict[Value, dict[int, Value]] = {}
        for v in self.program.body:
            if v.kind == "call" and v.op is not None and v.op.residual:
                found[v] = {}
        for v in self.program.body:
            for x in operands(v):
                if x in found and v.kind == "part" and len(v.data) == 1 and v.data[0] not in found[x]:
                    found[x][v.data[0]] = v
                else:
                    found.pop(x, None)
        return {v: parts for v, parts in found.items() if v not in self.program.outputs and set(parts) == {0, 1}}

    def _names(self, order: dict[Value, str], hidden: Any = ()) -> Names:
        names = Names(self.program, order, hidden)
        for s, y in self.seeds:
            v = self.builder.values.get(s)
            if v is not None:
                base = self.builder.values.get(self.builder._target(y))
                names._give(v, f"d_{names.names.get(base) or 'y'}" if base is not None else "d_y")
        return names

    def _body(self, names: Names, helpers: Helpers, chosen: set[Value] | None = None) -> list[str]:
        """Give the lines; ``chosen`` are the values to write where they are used, if that is decided already."""
        count = uses(self.program)
        inline: dict[Value, Text] = {}
        self.inline = inline
        hinted = {v.hint for v in self.program.body if v.hint is not None}

        def of(x: Value) -> Text:
            if x in inline:
                return inline[x]
            if x.kind == "const" and x not in names.names:
                return (scalar(x.data) if isinstance(x.data, np.generic) else array(x.data)), ATOM
            return names[x], ATOM

        writer = Writer(of, helpers.name)
        lines: list[str] = []
        backward = False
        where = None
        outputs = set(self.program.outputs)
        position = {v: i for i, v in enumerate(self.program.body)}
        consumer: dict[Value, Value] = {}
        for v in self.program.body:
            for x in operands(v):
                consumer[x] = v
        deep: dict[Value, int] = {}
        unpacked = self._unpacked()
        done = {part for parts in unpacked.values() for part in parts.values()}
        for v in self.program.body:
            if v.kind == "input" or v in done:
                continue
            text = writer.call(v)
            depth = 1 + max([deep.get(x, 0) for x in operands(v)], default=0)
            view = v.fn in (np.transpose, np.matrix_transpose) and v.args[0] not in inline
            single = (
                count.get(v) == 1
                and v not in outputs
                and v not in names.users
                and v not in hinted
                and v.hint is None
                and not v.err
                and depth <= 3
                and len(text[0]) <= INLINE
                and self._backward(v) == self._backward(consumer[v])
                and position[consumer[v]] - position[v] < 40
            )
            if (v not in outputs and (view or single) and v.kind == "call") if chosen is None else v in chosen:
                inline[v] = text
                deep[v] = depth
                continue
            if self._backward(v) and not backward:
                lines += ["", "# backward"]
                backward = True
            if v in unpacked:
                line = f"{names[unpacked[v][0]]}, {names[unpacked[v][1]]} = {text[0]}"
            else:
                line = f"{names.names.get(v, '_')} = {text[0]}"
            note = f"{v.shape}" if v.shape else "()"
            if v.where is not None and v.where != where and not backward:
                where = v.where
                code, at = v.where
                note += f"  {code.co_filename.rsplit('/', 1)[-1]}:{line_of(code, at)}"
            if v.err:
                lines.append(f"with np.errstate({', '.join([f'{k}={x!r}' for k, x in v.err.items()])}):")
                line = f"    {line}"
            pad = max(1, 52 - len(line))
            lines.append(f"{line}{' ' * pad}# {note}" if v.kind == "call" and _isarray(v) else line)
        self.of = of
        return lines

    def _backward(self, v: Value) -> bool:
        return v.number >= self.recording.forward_end

    def _page(self, names: Names, helpers: Helpers, body: list[str], arguments: list[Value]) -> Source:
        recording = self.recording
        n = len(recording.outputs)
        out = [self._result(x) for x in self.program.outputs[:n]]
        value = recording.rebuild([_Raw(t) for t in out])
        value_text = value.text if isinstance(value, _Raw) else _container(value)
        grads = ", ".join([f"{names[v]!r}: {self.of(g)[0]}" for v, g in self._gradients(names) if v in names.names])
        unique = legal(self.title) or "program"
        function = f"{unique}_and_gradients" if self.grads else unique
        while function in names.taken or function in helpers.taken:
            function += "_"
        result = f"return {value_text}, {{{grads}}}" if self.grads else f"return {value_text}"
        needs = "NumPy and SciPy" if any(m.startswith("scipy") for m in helpers.modules) else "only NumPy"
        head = [f'"""{_plain(self.title)}: written by tinygrad_nn.to_source. It needs {needs}."""', ""]
        head += [f"import {m}" for m in sorted(helpers.modules)]
        head += ["import numpy as np", ""]
        for t in helpers.texts:
            head += ["", t, ""]
        params = [names[v] for v in arguments]
        signature = f"def {function}({', '.join(params)}):"
        if len(signature) > 100:
            signature = (
                f"def {function}(\n"
                + textwrap.fill(", ".join(params), 100, initial_indent="    ", subsequent_indent="    ")
                + "\n):"
            )
        page = [*head, "", signature]
        for v in arguments:
            path = self.paths.get(id(v.data))
            known = f"  {_plain(path)}" if path and v.kind != "input" and path != names[v] else ""
            page.append(f"    # {names[v]}: {np.dtype(v.dtype).name} {v.shape}{known}")
        page += [f"    {line}" if line else "" for line in body]
        page.append(f"    {result}")
        arrays = {names[v]: self._array(v) for v in arguments}
        page += ["", "", *self._main(function, arrays)]
        text = Source("\n".join(page) + "\n")
        text.arrays = arrays
        text.function = function
        return text

    def _gradients(self, names: Names) -> list[tuple[Value, Value]]:
        n = len(self.recording.outputs)
        pairs = []
        for (t, _), g in zip(self.grads, self.program.outputs[n:], strict=True):
            v = self.builder.values.get(t)
            if v is None:
                v = self.builder.reads.get(("read", t, 0))
            if v is not None:
                pairs.append((v, g))
        order = {v: i for i, v in enumerate(names.names)}
        return sorted(pairs, key=lambda p: order.get(p[0], 0))

    def _result(self, x: Any) -> str:
        if isinstance(x, Value):
            return self.of(x)[0]
        return repr(x) if isinstance(x, (bool, int, float, str, type(None))) else "None"

    def _array(self, v: Value) -> Any:
        if v.kind == "input":
            every = [*self.recording.placeholders, *[s for s, _ in self.seeds]]
            return np.array(every[v.data]._data)
        if v.kind in ("read", "grad"):
            return np.array(v.data._data if v.kind == "read" else v.data._grad)
        return np.array(v.data)

    def _main(self, function: str, arrays: dict[str, Any]) -> list[str]:
        lines = ['if __name__ == "__main__":']
        if sum(a.nbytes for a in arrays.values()) > EMBEDDED:
            lines.append(f'    print("{function}: give it arrays of the shapes that its comments say")')
            return lines
        for k, a in arrays.items():
            lines.append(f"    {k} = {array(a)}")
        lines.append(f"    print({function}({', '.join(arrays)}))")
        return lines


class _Raw:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _container(x: Any) -> str:
    if isinstance(x, tuple):
        inside = ", ".join([_container(v) for v in x])
        return f"({inside}{',' if len(x) == 1 else ''})"
    if isinstance(x, list):
        return f"[{', '.join([_container(v) for v in x])}]"
    if isinstance(x, dict):
        return "{" + ", ".join([f"{k!r}: {_container(v)}" for k, v in x.items()]) + "}"
    return repr(x)


def _isarray(v: Value) -> bool:
    return v.dtype is not None and not (v.op is not None and v.op.residual)


def _plain(text: str) -> str:
    """Give a text that cannot end a comment or docstring."""
    return "".join([c if c.isprintable() and c not in '"\\' else "?" for c in text])[:100]


def _written(v: Value) -> bool:
    """Tell whether a constant stands in the text itself."""
    if not v.fixed:
        return False
    a = v.data
    return isinstance(a, np.generic) or a.size <= WRITTEN or not array(a).startswith("np.frombuffer")


__all__ = ["Source", "to_source"]
