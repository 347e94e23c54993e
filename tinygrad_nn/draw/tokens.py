"""Write a graph as the sequence of its steps, each with a code of what it does: what repeats has equal codes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from .fold import Part, Token
from .trace import Record, Trace

NEAR = 512
"""An operand made so many steps ago at most is told by how long ago that was, one made before by which it is."""


def tokens_of(trace: Trace, depth: int | None) -> list[Token]:
    """Give the operations in order, each call of a module at that depth as one step."""
    place: dict[int, int] = {}
    tokens: list[Token] = []
    folded: dict[int, tuple[Token, list[Hashable]]] = {}
    for r in trace.records:
        if r.op is None:
            continue
        place[r.index] = len(place)
        code = _code(r, trace, place)
        if depth is None or len(r.calls) <= depth:
            calls = tuple([c.number for c in r.calls])
            tokens.append(Token(code, [Part([r.index])], calls, calls, r.where[1] if r.where is not None else 0))
            continue
        call = r.calls[depth]
        if call.number not in folded:
            around = tuple([c.number for c in r.calls[: depth + 1]])
            token = Token(None, [Part([], depth=depth)], around, around)
            tokens.append(token)
            folded[call.number] = token, [call.kind]
        token, codes = folded[call.number]
        token.parts[0].members.append(r.index)
        codes.append(code)
    for token, codes in folded.values():
        token.parts[0].size = len(token.parts[0].members)
        token.code = tuple(codes)
    return tokens


def _code(r: Record, trace: Trace, place: Mapping[int, int]) -> Hashable:
    operands: list[Hashable] = []
    for o in r.operands:
        if o.source is None:
            operands.append(o.constant.type if o.constant is not None else None)
        elif o.source in place:
            ago = place[r.index] - place[o.source]
            operands.append(ago if ago <= NEAR else ("far", o.source))
        else:
            leaf = trace.records[o.source]
            operands.append((leaf.kind, leaf.value.type))
    return (r.op.name if r.op is not None else "", r.value.type, *operands)
