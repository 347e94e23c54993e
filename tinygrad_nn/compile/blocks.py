"""Loops over blocks: the code of a group of element-wise calls, and a second thread for long ones."""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from .helpers import NUMPY_NAMES, into
from .literals import literal
from .program import Value, operands

#: Elements of a block: the arrays of a block together fit a level-2 cache.
BLOCK = 1 << 15
#: With two threads blocks are longer, or they would wait for the interpreter's lock; shorter arrays take one thread.
LONG_BLOCK, LONG = 1 << 17, 1 << 18


def available() -> int:
    """Give the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Group:
    """Element-wise calls and sums of one shape: what it takes, what it gives, and its function."""

    def __init__(self, members: list[Value], takes: list[Value], gives: list[Value]) -> None:
        self.members = members
        self.takes = takes
        self.gives = gives
        self.arrays = [m for m in gives if m.shape]
        self.sums = [m for m in gives if not m.shape]
        self.shape = next(m.shape for m in members if m.shape)
        self.text, self.space, self.scratch = self._write()
        exec(compile(self.text, "<tinygrad_nn.compile>", "exec"), self.space)
        self._pool: list[Any] = []
        self.cores = available()

    def _write(self) -> tuple[str, dict[str, Any], list[Any]]:
        """Give the text of the loop, what it uses, and the dtypes of its scratch arrays."""
        space: dict[str, Any] = {"add_reduce": np.add.reduce, "errstate": np.errstate}
        names: dict[Value, str] = {}
        heads: list[str] = []
        lines: list[str] = []
        for i, x in enumerate(self.takes):
            names[x] = f"x{i}"
            if x.shape:
                heads.append(f"x{i} = X{i}[i:j]")
        for i, m in enumerate(self.arrays):
            names[m] = f"y{i}"
            heads.append(f"y{i} = Y{i}[i:j]")
        last: dict[Value, int] = {}
        for k, m in enumerate(self.members):
            for x in operands(m):
                last[x] = k
        scratch: list[Any] = []
        free: dict[Any, list[str]] = {}
        held: dict[Value, str] = {}
        for k, m in enumerate(self.members):
            if not m.shape:
                number = self.sums.index(m)
                x = m.args[0]
                if x.dtype.kind == "f" and x.dtype.itemsize >= 4:
                    # A product with ones adds up at more than twice the speed; the blocks' sums are added as doubles.
                    space[f"ones_{x.dtype.name}"] = np.ones(LONG_BLOCK, x.dtype)
                    space["dot"] = np.dot
                    lines.append(f"s{number} += float(dot({names[x]}, ones_{x.dtype.name}[: j - i]))")
                else:
                    lines.append(f"s{number} += float(add_reduce({names[x]}))")
            else:
                args = [self._argument(a, m, names, space) for a in m.args]
                dying = [x for x in operands(m) if last.get(x) == k and x in held and x.dtype == m.dtype]
                if m not in names:
                    stack = free.setdefault(m.dtype, [])
                    if dying:
                        held[m] = held.pop(dying[0])
                    elif stack:
                        held[m] = stack.pop()
                    else:
                        held[m] = f"t{len(scratch)}"
                        scratch.append(m.dtype)
                    names[m] = held[m]
                function = NUMPY_NAMES.get(m.fn, m.fn.__name__).split(".")[-1]
                if space.setdefault(function, m.fn) is not m.fn:
                    function = f"f{len(space)}"
                    space[function] = m.fn
                lines.append(f"{function}({', '.join([*args, into(m.fn, names[m])])})")
            for x in {*operands(m)}:
                if last.get(x) == k and x in held:
                    free.setdefault(x.dtype, []).append(held.pop(x))
        errors: dict[str, str] = {}
        for m in self.members:
            errors.update(m.err or {})
        takes = [f"X{i}" if x.shape else f"x{i}" for i, x in enumerate(self.takes)]
        parameters = ["lo", "hi", "step", "scratch", *takes, *[f"Y{i}" for i in range(len(self.arrays))]]
        sums = [f"s{i}" for i in range(len(self.sums))]
        text = [f"def loop({', '.join(parameters)}):"]
        text += [f"    {s} = 0.0" for s in sums]
        text += [f"    T{i} = scratch[{i}]" for i in range(len(scratch))]
        text.append("    for i in range(lo, hi, step):")
        text.append("        j = min(i + step, hi)")
        text += [f"        t{i} = T{i}[: j - i]" for i in range(len(scratch))]
        text += [f"        {line}" for line in (*heads, *lines)]
        text.append(f"    return [{', '.join(sums)}]")
        if errors:
            states = ", ".join([f"{k}={v!r}" for k, v in errors.items()])
            text = [text[0], f"    with errstate({states}):", *[f"    {line}" for line in text[1:]]]
        return "\n".join(text) + "\n", space, scratch

    @staticmethod
    def _argument(a: Any, m: Value, names: dict[Value, str], space: dict[str, Any]) -> str:
        if isinstance(a, Value):
            return names[a]
        whole = next(x for x in m.args if isinstance(x, Value) and x.shape)
        if whole.dtype.kind == "f" and abs(a) <= 1 << 10:
            name = f"c{len(space)}"
            space[name] = np.array(a, whole.dtype)
            return name
        return str(literal(a))

    def __call__(self, *arguments: Any) -> list[Any]:
        """Run on the arrays that it takes and those to write to (None: new ones); give the results."""
        n = len(self.takes)
        flat = []
        for x, v in zip(arguments[:n], self.takes, strict=True):
            flat.append(np.ascontiguousarray(x).reshape(-1) if v.shape else x)
        out = [
            np.empty(self.shape, m.dtype) if a is None else a for a, m in zip(arguments[n:], self.arrays, strict=True)
        ]
        flat += [a.reshape(-1) for a in out]
        size = next(m.size for m in self.members if m.shape)
        sums = self._run(size, flat)
        totals = iter([m.dtype.type(s) for m, s in zip(self.sums, sums, strict=True)])
        results = iter(out)
        return [next(results) if m.shape else next(totals) for m in self.gives]

    def _run(self, size: int, flat: list[Any]) -> list[float]:
        loop = self.space["loop"]
        if self.cores > 1 and size >= LONG and HELPER.free():
            half = (size // 2 + 1023) & ~1023
            step = min(LONG_BLOCK, half)
            mine, other = self._scratch(step), self._scratch(step)
            try:
                HELPER.start(lambda: loop(half, size, step, other, *flat))
                try:
                    sums = loop(0, half, step, mine, *flat)
                finally:
                    more = HELPER.result()
            finally:
                self._pool += [mine, other]
            return [a + b for a, b in zip(sums, more, strict=True)]
        scratch = self._scratch(BLOCK)
        try:
            return loop(0, size, BLOCK, scratch, *flat)
        finally:
            self._pool.append(scratch)

    def _scratch(self, length: int) -> list[Any]:
        while True:
            try:
                found = self._pool.pop()
            except IndexError:
                return [np.empty(length, d) for d in self.scratch]
            if not found or len(found[0]) >= length:
                return found


class Helper:
    """One thread that sleeps until it is given work: waking it costs less than starting one."""

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._wake = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self._process = 0
        self._work: Any = None
        self._answer: Any = None

    def free(self) -> bool:
        """Take the helper if nobody else has it."""
        return self._busy.acquire(blocking=False)

    def start(self, work: Callable[[], Any]) -> None:
        """Begin some work in the helper's thread, under this thread's error states and modes."""
        if self._thread is None or self._process != os.getpid():
            self._wake, self._done = threading.Semaphore(0), threading.Semaphore(0)
            self._process = os.getpid()
            self._thread = threading.Thread(target=self._serve, name="tinygrad_nn.compile", daemon=True)
            self._thread.start()
        self._work = contextvars.copy_context().run, work
        self._wake.release()

    def result(self) -> Any:
        """Wait for the work and give its result, or raise what it raised."""
        self._done.acquire()
        value, error = self._answer
        self._answer = None
        self._busy.release()
        if error is not None:
            raise error
        return value

    def _serve(self) -> None:
        while True:
            self._wake.acquire()
            run, work = self._work
            try:
                self._answer = run(work), None
            except BaseException as e:
                self._answer = None, e
            del run, work
            self._work = None
            self._done.release()


HELPER = Helper()
