"""Find what repeats: unrolled loops and equal blocks in a row become one, which says how often.

A sequence repeats with period p over a stretch where each code equals the one p places before. The stretch that saves
most is folded first. Short periods come before long ones, so that a loop in a loop folds, too.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

PERIODS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""The longest round that is looked for, pass by pass."""
ROUNDS = 3
"""What repeats less often than this is left as it is."""

Loops = tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Part:
    """One thing to draw: the members that it stands for, round by round, and the loops around it, outermost first."""

    members: list[int]
    loops: Loops = ()
    """For each loop its number and its count of rounds."""
    size: int = 1
    """How many members make one round of it: all those of a folded module."""
    depth: int | None = None
    """For a folded module the level of its call; None for a single operation."""


@dataclass(slots=True)
class Token:
    """One step of a sequence: a part, or a loop of several."""

    code: Hashable
    parts: list[Part]
    calls: tuple[int, ...] = ()
    """The calls of modules around its first step, outermost first."""
    end: tuple[int, ...] = ()
    """The calls around its last step."""
    line: int = 0
    """The line of the program that its first step came from."""


def fold_tokens(tokens: list[Token]) -> list[Token]:
    """Fold the repetitions in a sequence of tokens; tokens with equal codes do the same thing.

    >>> letters = [Token(c, [Part([i])]) for i, c in enumerate("xababababy")]
    >>> [[(p.members, p.loops) for p in t.parts] for t in fold_tokens(letters)]
    [[([0], ())], [([1, 3, 5, 7], ((1, 4),)), ([2, 4, 6, 8], ((1, 4),))], [([9], ())]]
    """
    number = 0
    for longest in PERIODS:
        runs = find_runs([t.code for t in tokens], longest, _seams(tokens))
        folded: list[Token] = []
        at = 0
        for start, period, rounds in runs:
            folded.extend(tokens[at:start])
            number += 1
            folded.append(_merge(tokens[start : start + period * rounds], period, rounds, number))
            at = start + period * rounds
        folded.extend(tokens[at:])
        tokens = folded
    return tokens


def _merge(tokens: Sequence[Token], period: int, rounds: int, number: int) -> Token:
    code = ("loop", rounds, tuple([t.code for t in tokens[:period]]))
    parts = []
    for phase in range(period):
        same = tokens[phase::period]
        for k, part in enumerate(same[0].parts):
            members = [m for t in same for m in t.parts[k].members]
            parts.append(Part(members, ((number, rounds), *part.loops), part.size, part.depth))
    return Token(code, parts, tokens[0].calls, tokens[-1].end, tokens[0].line)


def _seams(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Tell where a round may well begin: at the outermost change of modules, or the first line of a body."""
    seams = []
    before: tuple[int, ...] = ()
    for t in tokens:
        shared = 0
        for a, b in zip(before, t.calls, strict=False):
            if a != b:
                break
            shared += 1
        seams.append((shared, t.line))
        before = t.end
    return seams


def find_runs(
    codes: Sequence[Hashable], longest: int, seams: Sequence[tuple[int, int]] = ()
) -> list[tuple[int, int, int]]:
    """Give the repetitions (start, period, rounds) that save most and do not overlap, in order.

    Where the rounds could begin at one of several places, they begin at the one with the smallest of ``seams``, or as
    late as they can: the last round of a loop is whole, and the first one often starts from something else.

    >>> find_runs("xababababy", 4)
    [(1, 2, 4)]
    """
    known: dict[Hashable, int] = {}
    numbers = np.array([known.setdefault(c, len(known)) for c in codes], dtype=np.int64)
    n = len(numbers)
    found = []
    for p in range(1, min(longest, n // ROUNDS) + 1):
        same = np.concatenate([[False], numbers[p:] == numbers[:-p], [False]])
        edges = np.flatnonzero(same[1:] != same[:-1])
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            rounds = (end - start) // p + 1
            if rounds >= ROUNDS:
                places = range(start + (end - start) % p, start - 1, -1)
                found.append(((rounds - 1) * p, p, min(places, key=lambda i: seams[i]) if seams else places[0], rounds))
    found.sort(key=lambda run: (-run[0], run[1], run[2]))
    free = np.ones(n, dtype=bool)
    taken = []
    for _, p, start, rounds in found:
        if free[start : start + p * rounds].all():
            free[start : start + p * rounds] = False
            taken.append((start, p, rounds))
    return sorted(taken)
