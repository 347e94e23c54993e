"""why: in plain words, why a gradient is None, zero, tiny, not finite or doubled."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from ..convert import on_host
from ..mode import is_grad_enabled
from ..tensor import Tensor
from ..walk import Node, everything
from .cures import cure
from .flow import Flow, constants, largest
from .local import describe_local
from .place import name_of, place_of, variables

#: A gradient this small, relative to the largest on the way, is called tiny.
TINY = 1e-6


@dataclass(frozen=True)
class Explanation:
    """An answer of ``why``: print it."""

    kind: str
    """``none``, ``zero``, ``tiny``, ``doubled``, ``not finite`` or ``fine``."""
    text: str
    node: Any = field(default=None, repr=False)
    """The tensor whose operation is the cause, where there is one."""

    def __str__(self) -> str:
        return self.text


def why(t: Tensor, y: Tensor | None = None) -> Explanation:
    """Say in plain words why t's gradient is None, zero, tiny, not finite or doubled.

    Looks at the graphs that are still alive (or at y's, a result that was expected to depend on t): which path was cut
    and where, which operation shrank the gradient, whether backward ran more than once. Freed graphs explain as far as
    they keep small values.

    >>> x = Tensor([1.0, -2.0], requires_grad=True, name="x")
    >>> print(why(x))  # doctest: +ELLIPSIS
    x: its gradient is None because nothing recorded depends on it: no result ...
    """
    if not isinstance(t, Tensor):
        raise TypeError(f"why: takes a Tensor, got {type(t).__name__}")
    if y is not None and not isinstance(y, Tensor):
        raise TypeError(f"why: y must be a Tensor, got {type(y).__name__}")
    names = variables(1)
    return _Inquiry(t, y, names).answer()


class _Inquiry:
    def __init__(self, t: Tensor, y: Tensor | None, names: dict[int, str]) -> None:
        self.t = t
        self.y = y
        self.names = names
        self.flow = Flow(t, y)

    def title(self, n: Node) -> str:
        name = name_of(n, self.names)
        if n.op is None:
            return name or f"the tensor of shape {n._data.shape}"
        place = place_of(n)
        return n.op.name + (f" ({name})" if name else "") + (f" at {place}" if place else "")

    def say(self, kind: str, text: str, node: Node | None = None) -> Explanation:
        return Explanation(kind, f"{name_of(self.t, self.names) or 'this tensor'}: {text}", node)

    def answer(self) -> Explanation:
        t = self.t
        if t._grad is None:
            return self._none()
        size = largest(t._grad)
        if not np.isfinite(size):
            return self._not_finite()
        if t._passes is not None and t._passes[0]() is t._grad:
            return self._doubled(t._passes[1])
        if size == 0.0:
            return self._shrunk("zero")
        root = self.flow.root()
        sizes = self.flow.sizes(root) if root is not None else {}
        top = max([v for v in sizes.values() if np.isfinite(v)], default=1.0)
        if size < TINY * max(top, 1e-30 if sizes else 1.0):
            return self._shrunk("tiny")
        uses = len(self.flow.users.get(t._number, ()))
        used = f"; {uses} operations use it, and their shares add up" if uses > 1 else ""
        return self.say("fine", f"its gradient looks healthy: largest size {size:.3g}{used}")

    # -- None ---------------------------------------------------------------------------------------------------

    def _none(self) -> Explanation:
        t = self.t
        if not t.requires_grad:
            return self._untracked()
        if t.op is not None and not t._retains:
            text = (
                f"its gradient is None because only leaves keep theirs, and {t.op.name} made it; call retain_grad() on "
                f"it before backward()"
            )
            if t._cotangent is not None:
                text += f" (in the last pass it was of size {largest(t._cotangent):.3g})"
            return self.say("none", text, t)
        if self.y is not None and t._number not in {n._number for n in everything([self.y])}:
            return self._cut(self.y)
        if not self.flow.above:
            reason = "nothing recorded depends on it"
            if self.y is None:
                cut = self._copies()
                if cut:
                    return cut
                reason += (
                    ": no result that was computed from it is alive, or it was only used under no_grad(), through "
                    "detach() or .data; ask why(t, y) with the result to see where the path ends"
                )
            return self.say("none", f"its gradient is None because {reason}")
        root = self.flow.root()
        assert root is not None
        stopped = self._without_rule()
        if stopped is not None:
            return self.say(
                "none",
                f"its gradient is None because no gradient goes through {self.title(stopped)}: "
                f"{describe_local(stopped, None)}",
                stopped,
            )
        ran = [n for n in self.flow.above if self.flow.nodes[n]._saved is None]
        if ran:
            return self.say(
                "none",
                f"its gradient is None although backward() ran on {self.title(root)}: it was cleared since, by "
                f"zero_grad(), by grad = None, or by an optimizer's zero_grad()",
                root,
            )
        return self.say(
            "none",
            f"its gradient is None because backward() has not run on anything that depends on it; the newest such "
            f"result is {self.title(root)}",
            root,
        )

    def _untracked(self) -> Explanation:
        t = self.t
        if t.dtype.kind != "f":
            return self.say(
                "none",
                f"it has no gradient because its dtype is {t.dtype}: whole numbers have no derivative; use "
                f"astype(float) and requires_grad=True",
            )
        if t._where is not None:
            return self.say(
                "none",
                f"it has no gradient because the path was cut where it was made, by detach() or under no_grad(): "
                f"{place_of(t)}",
                t,
            )
        text = "it has no gradient because it was made without requires_grad=True"
        if not is_grad_enabled():
            text += "; also, recording is switched off here (no_grad)"
        return self.say("none", text)

    def _copies(self) -> Explanation | None:
        """Find a live tensor that holds t's very array without a path to it: what detach() gives."""
        for n in self.flow.nodes.values():
            if n is not self.t and n._data is self.t._data and n.op is None and not n._tracked:
                users = self.flow.consumers(n._number)
                used = f", which {self.title(users[0])} uses" if users else ""
                return self.say(
                    "none",
                    f"its gradient is None because the path is cut: a detached copy of it was made at "
                    f"{place_of(n)}{used}",
                    n,
                )
        return None

    def _cut(self, y: Node) -> Explanation:
        """Say where the path from t to y ends: the constants in y's graph are where it can have been cut."""
        everywhere = Flow(self.t)
        arrays = {id(everywhere.nodes[n]._data): everywhere.nodes[n] for n in everywhere.above}
        arrays[id(self.t._data)] = self.t
        suspects: list[tuple[int, str, Node]] = []
        for n, i, x in constants(y):
            data = x._data if isinstance(x, Node) else x
            origin = arrays.get(id(data))
            if origin is None:
                origin = next((a for a in arrays.values() if _equal(a._data, data)), None)
            where = f"input {i} of {self.title(n)}"
            if origin is not None:
                what = self.title(origin)
                how = f"made at {place_of(x)}" if isinstance(x, Node) and x._where else "without a path to it"
                suspects.append((0, f"the path is cut at {where}: it has the values of {what}, {how}", n))
            elif isinstance(x, Node) and x._where is not None:
                suspects.append((1, f"the path can be cut at {where}: it was made without recording, {place_of(x)}", n))
            else:
                suspects.append((2, f"the path can be cut at {where}: a plain array or number, from outside", n))
        if not suspects:
            return self.say("none", f"its gradient is None because {self.title(y)} was computed without it")
        suspects.sort(key=lambda s: s[0])
        best = suspects[0]
        more = [text for rank, text, _ in suspects[1:3] if rank == best[0] and rank > 0]
        return self.say(
            "none",
            f"its gradient is None because no recorded path leads from it to {self.title(y)}; "
            + "; or ".join([best[1], *more])
            + " (detach(), .data, no_grad(), float() and functions on plain data cut a path)",
            best[2],
        )

    def _without_rule(self) -> Node | None:
        """Give an operation that stops every gradient: it has no rule for the input, or its result is no float."""
        for n in self.flow.consumers(self.t._number):
            op = n.op
            if op is None:
                continue
            at = [i for i, x in enumerate(n._inputs) if isinstance(x, Node) and x._number == self.t._number]
            rules = [op.rules[i] for i in at] if not op.variadic else []
            if n._data.dtype.kind != "f" or (rules and all(r is None for r in rules)):
                return n
        return None

    # -- zero, tiny, doubled, not finite --------------------------------------------------------------------------

    def _shrunk(self, kind: str) -> Explanation:
        root = self.flow.root()
        size = largest(self.t._grad)
        start = "its gradient is zero" if kind == "zero" else f"its gradient is tiny (largest size {size:.2g})"
        if root is None:
            return self.say(kind, f"{start}; the graph that it came by is gone, so nothing shows where that happened")
        sizes = self.flow.sizes(root)
        if sizes.get(root._number) == 0.0:
            return self.say(kind, f"{start} because backward() began with zeros at {self.title(root)}", root)
        path = self._strongest_path(sizes)
        steps = [(sizes[b._number], sizes[a._number], a, b) for b, a in pairwise(path)]
        known = [step for step in steps if step[1] > 0]
        if not known:
            return self.say(kind, f"{start}; the values that would show where that happened were freed by backward()")
        below, above, worst, last = min(known, key=lambda s: s[0] / s[1])
        if kind == "zero":
            return self.say(
                kind,
                f"{start} because {self.title(worst)} lets nothing through: {describe_local(worst, last)} "
                f"(a gradient of size {above:.3g} arrives there)",
                worst,
            )
        share = [(b / a, n) for b, a, n, _ in known if b < 0.9 * a]
        if below / above < 1e-3 or len(share) < 3:
            return self.say(
                kind,
                f"{start} because {self.title(worst)} shrank it from {above:.2g} to {below:.2g}: "
                f"{describe_local(worst, last)}",
                worst,
            )
        typical = float(np.exp(np.mean(np.log([s for s, _ in share]))))
        common = max({n.op.name for _, n in share if n.op}, key=[n.op.name for _, n in share if n.op].count)
        return self.say(
            kind,
            f"{start} because it shrank a little at many steps: {len(share)} of {len(steps)} operations, {typical:.2g} "
            f"times each, most often {common}; a ReLU, normalization, skip connections or a larger initialization help",
            share[0][1],
        )

    def _strongest_path(self, sizes: dict[int, float]) -> list[Node]:
        """Go from t to the root through the consumers at which the gradient is largest."""
        path: list[Node] = [self.t]
        while True:
            users = [n for n in self.flow.consumers(path[-1]._number) if n._number in sizes]
            if not users:
                return path
            path.append(max(users, key=lambda n: sizes[n._number]))

    def _doubled(self, passes: int) -> Explanation:
        times = {2: "twice", 3: "three times"}.get(passes, f"{passes} times")
        return self.say(
            "doubled",
            f"its gradient is the sum of {passes} backward passes: backward() ran {times} since it was cleared; call "
            f"zero_grad() (of the tensor, the module or the optimizer) before each pass, unless adding up is meant",
        )

    def _not_finite(self) -> Explanation:
        root = self.flow.root()
        bad = self.t._grad
        assert bad is not None
        text = f"its gradient has {np.sum(~np.isfinite(bad))} elements that are not finite"
        if root is not None:
            sizes = self.flow.sizes(root)
            path = self._strongest_path({n: (0.0 if np.isfinite(v) else 1.0) for n, v in sizes.items()})
            for b, a in pairwise(path):
                if not np.isfinite(sizes.get(b._number, 0.0)) and np.isfinite(sizes[a._number]) and a.op is not None:
                    inputs = [on_host(x._data if isinstance(x, Node) else x) for x in a._inputs]
                    return self.say(
                        "not finite",
                        f"{text}: the rule of {self.title(a)} made them; {cure(a.op.name, inputs)}",
                        a,
                    )
        return self.say("not finite", f"{text}; run it under tg.detect_anomaly() to see the operation that made them")


def _equal(a: Any, b: Any) -> bool:
    same = getattr(a, "shape", None) == getattr(b, "shape", ()) and getattr(a, "size", 1) > 1
    return bool(same and hasattr(a, "dtype") and isinstance(a, np.ndarray) and np.array_equal(a, b, equal_nan=True))
