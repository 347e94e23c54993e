"""Write a view of a graph as Mermaid text, which GitHub and many editors draw without any program installed."""

from __future__ import annotations

import re

from .labels import visible
from .look import Look
from .rows import Words, port_texts
from .view import Item, View

_SHAPES = {"parameter": ("([", "])"), "constant": ("([", "])"), "module": ("[[", "]]"), "gap": ("{{", "}}")}
# Letters, digits and a little more; anything else is written as the code of its character, which is never markup.
_OTHER = re.compile(r"[^\w .,:;=+\-()\n]")


def to_mermaid(view: View, words: Words, look: Look) -> str:
    """Give the flowchart of a view: boxes, items with their words, and edges that name the operand they are."""
    lines = [f"flowchart {look.rankdir}"]
    for text in filter(None, [look.title, view.left_out]):
        lines.append(f"    %% {re.sub(r'[^ -~]', ' ', text)}")
    children: dict[str | None, list[str]] = {}
    for box in view.boxes.values():
        children.setdefault(box.parent, []).append(box.id)
    inside: dict[str | None, list[Item]] = {}
    for item in view.items:
        inside.setdefault(item.box, []).append(item)
    waiting: list[tuple[str | None, int, bool]] = [(None, 0, False)]
    while waiting:
        id, depth, done = waiting.pop()
        pad = "    " * (depth + (id is None))
        if done:
            lines.append(f"{pad}end")
            continue
        if id is not None:
            lines.append(f"{pad}subgraph {id} [{quote(view.boxes[id].title)}]")
            waiting.append((id, depth, True))
            pad += "    "
        for item in inside.get(id, []):
            said = words.node(item)
            left, right = _SHAPES.get(item.kind, ("[", "]"))
            lines.append(f"{pad}{item.id}{left}{quote(chr(10).join([said.head, *said.fields]))}{right}")
        waiting.extend([(child, depth + 1, False) for child in reversed(children.get(id, []))])
    kinds = {item.id: item.kind for item in view.items}
    for e in view.edges:
        ports = port_texts(view.trace.records[e.target]) if kinds[e.head] == "operation" else []
        name = ports[e.operand] if ports else ""
        text = f"|{quote(name)}|" if name else ""
        lines.append(f"    {e.tail.partition('_at_')[0]} {'-.->' if e.carried else '-->'}{text} {e.head}")
    return "\n".join(lines) + "\n"


def quote(text: str) -> str:
    """Quote a text for a Mermaid label: every character that could mean something is written as its code.

    >>> quote('a "b" <i>')
    '"a #34;b#34; #60;i#62;"'
    """
    coded = _OTHER.sub(lambda m: f"#{ord(m[0])};", visible(text))
    return '"' + coded.replace("\n", "<br/>") + '"'
