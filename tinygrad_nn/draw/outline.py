"""Put a graph into nested boxes that a page can fold: modules, loops with their rounds, sections of long lists."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

from .fold import Part, fold_tokens
from .place import PARAMETER, prefix, shared_calls
from .summary import count_text, parameters_text
from .tokens import tokens_of
from .trace import Trace

LONG = 200
"""A box with more steps than this gets sections."""
SECTION = 50
MANY_LEAVES = 12
"""So many leaves that go to the same operation get a box."""
VISIBLE = 150
"""Boxes are open at first as long as not more than this many nodes are to be seen."""
FOLD_ABOVE = 200
"""Loops are looked for in graphs of more nodes than this."""


@dataclass(slots=True)
class Group:
    """A box with its boxes and records."""

    id: int
    kind: str
    """``root``, ``module``, ``loop``, ``round``, ``section`` or ``leaves``."""
    title: str
    parent: int | None
    steps: list[tuple[str, int]] = field(default_factory=list)
    """What is directly in it, in order: ("box", id) or ("record", index)."""
    leaves: list[int] = field(default_factory=list)
    open: bool = False
    text: str = ""


class Outline:
    """The boxes of a graph, the first of them the whole."""

    def __init__(self, trace: Trace, shown: set[int]) -> None:
        self.trace = trace
        self.groups = [Group(0, "root", "", None, open=True)]
        self.home: dict[int, int] = {}
        """The box that each record is directly in."""
        self._known: dict[tuple[int, tuple[str, int]], int] = {}
        tokens = tokens_of(trace, None)
        if len(trace.records) > FOLD_ABOVE:
            tokens = fold_tokens(tokens)
        self._place_steps([part for token in tokens for part in token.parts], shown)
        for group in list(self.groups):
            self._cut(group)
        self._place_leaves(shown)
        users = self._users()
        for group in list(self.groups):
            self._stack(group, users)
        self._open()
        self._describe()

    def _place_steps(self, parts: list[Part], shown: set[int]) -> None:
        shared = shared_calls(self.trace, parts)
        paths: dict[int, list[tuple[tuple[str, int], str]]] = {}
        for part in parts:
            for n, m in enumerate(part.members):
                if m in shown:
                    paths[m] = self._path(part, n, m, shared)
        for m in sorted(paths):
            at = 0
            for key, title in paths[m]:
                at = self._child(at, key, title)
            self.home[m] = at
            self.groups[at].steps.append(("record", m))

    def _path(self, part: Part, n: int, m: int, shared: dict[int, int]) -> list[tuple[tuple[str, int], str]]:
        """Give the boxes around a record, outermost first."""
        calls = self.trace.records[m].calls
        path: list[tuple[tuple[str, int], str]] = []
        at, left = 0, len(part.members)
        for loop, rounds in (*part.loops, (None, 0)):
            until = len(calls) if loop is None else shared[loop]
            path += [(("module", c.number), c.title) for c in calls[at:until]]
            at = max(at, until)
            if loop is not None:
                left //= rounds
                turn, n = divmod(n, left)
                path.append((("loop", loop), f"×{rounds:,} rounds"))
                path.append((("round", turn), f"round {turn + 1:,} of {rounds:,}"))
        return path

    def _child(self, parent: int, key: tuple[str, int], title: str) -> int:
        if (parent, key) not in self._known:
            self._known[parent, key] = self._add(parent, key[0], title)
            self.groups[parent].steps.append(("box", len(self.groups) - 1))
        return self._known[parent, key]

    def _add(self, parent: int, kind: str, title: str) -> int:
        self.groups.append(Group(len(self.groups), kind, title, parent))
        return len(self.groups) - 1

    def _cut(self, group: Group) -> None:
        """Cut a long list of steps into sections."""
        while len(group.steps) > LONG:
            steps = iter(group.steps)
            sections: list[tuple[str, int]] = []
            first = 1
            while chunk := list(islice(steps, SECTION)):
                if group.kind == "loop":
                    title = f"rounds {first:,} to {first + len(chunk) - 1:,}"
                else:
                    title = f"#{self._first(chunk[0])} to #{self._last(chunk[-1])}"
                section = self._add(group.id, "section", title)
                self.groups[section].steps = chunk
                for kind, id in chunk:
                    if kind == "box":
                        self.groups[id].parent = section
                    else:
                        self.home[id] = section
                sections.append(("box", section))
                first += len(chunk)
            group.steps = sections

    def _first(self, step: tuple[str, int]) -> int:
        while step[0] == "box":
            step = self.groups[step[1]].steps[0]
        return step[1]

    def _last(self, step: tuple[str, int]) -> int:
        while step[0] == "box":
            step = self.groups[step[1]].steps[-1]
        return step[1]

    def chain(self, box: int) -> tuple[int, ...]:
        """Give a box and those around it, outermost first."""
        chain = [box]
        while (parent := self.groups[chain[-1]].parent) is not None:
            chain.append(parent)
        return tuple(reversed(chain))

    def _place_leaves(self, shown: set[int]) -> None:
        around: dict[int, tuple[int, ...]] = {}
        for r in self.trace.records:
            if r.index not in self.home:
                continue
            mine = self.chain(self.home[r.index])
            for o in r.operands:
                if o.source is not None and self.trace.records[o.source].op is None:
                    around[o.source] = prefix(around.get(o.source, mine), mine)
        for r in self.trace.records:
            if r.op is not None or r.index not in shown:
                continue
            home = 0
            for box in around.get(r.index, (0,)):
                # Only its parameters, and what it makes itself, are parts of a module; the rest are its inputs.
                if self.groups[box].kind == "module" and r.title != PARAMETER:
                    break
                home = box
            self.home[r.index] = home
            self.groups[home].leaves.append(r.index)

    def _users(self) -> dict[int, list[int]]:
        """Give the operations that take each leaf, in order."""
        users: dict[int, list[int]] = {r.index: [] for r in self.trace.records if r.op is None}
        for r in self.trace.records:
            for o in r.operands:
                if o.source in users and users[o.source][-1:] != [r.index]:
                    users[o.source].append(r.index)
        return users

    def _stack(self, group: Group, users: dict[int, list[int]]) -> None:
        """Put many leaves that go to the same operation into a box."""
        if len(group.leaves) <= MANY_LEAVES:
            return
        same: dict[tuple[int, ...], list[int]] = {}
        for i in group.leaves:
            same.setdefault(tuple(users[i]), []).append(i)
        for leaves in same.values():
            if len(leaves) > MANY_LEAVES:
                box = self._add(group.id, "leaves", f"{len(leaves):,} leaves")
                self.groups[box].leaves = leaves
                gone = set(leaves)
                group.leaves = [i for i in group.leaves if i not in gone]
                self.home.update(dict.fromkeys(leaves, box))

    def _open(self) -> None:
        children: dict[int, list[int]] = {}
        for g in self.groups[1:]:
            assert g.parent is not None
            children.setdefault(g.parent, []).append(g.id)
        sizes = {g.id: len(g.leaves) + len([s for s in g.steps if s[0] == "record"]) for g in self.groups}
        sizes = {id: n + len(children.get(id, [])) for id, n in sizes.items()}
        visible = sizes[0]
        waiting = [0]
        while waiting:
            following: list[int] = []
            for parent in waiting:
                # All boxes side by side or none of them: they are alike.
                boxes = [id for id in children.get(parent, []) if self.groups[id].kind != "leaves"]
                more = sum([sizes[id] - 1 for id in boxes])
                if boxes and visible + more <= VISIBLE:
                    visible += more
                    for id in boxes:
                        self.groups[id].open = True
                    following += boxes
            waiting = following

    def _describe(self) -> None:
        """Say of each box what is in it."""
        ops: dict[int, Counter[str]] = {g.id: Counter() for g in self.groups}
        parameters: Counter[int] = Counter()
        numbers: Counter[int] = Counter()
        for index, home in self.home.items():
            r = self.trace.records[index]
            for box in self.chain(home):
                if r.op is not None:
                    ops[box][r.op.name] += 1
                elif r.kind == "parameter":
                    parameters[box] += 1
                    n = 1
                    for length in r.value.shape:
                        n *= length
                    numbers[box] += n
        for g in self.groups:
            lines = [count_text(ops[g.id])] if ops[g.id] else []
            if parameters[g.id]:
                lines.append(parameters_text(parameters[g.id], numbers[g.id]))
            g.text = "\n".join(lines)
