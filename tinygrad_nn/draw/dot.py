"""Write a view of a graph as DOT text, with the graphviz package."""

from __future__ import annotations

from typing import Any

import graphviz

from .labels import field, label, tooltip
from .legend import add_legend
from .style import Theme, clip
from .summary import Summary
from .trace import Record, is_symmetric, where_text
from .view import Item, View

# The side of a node on which edges come in.
_ENTRY = {"TB": "n", "BT": "s", "LR": "w", "RL": "e"}
MANY = 16
"""An operation of more inputs than this has no field for each."""


def build(view: View, theme: Theme, rankdir: str, title: str) -> graphviz.Digraph:
    """Give the DOT graph of a view: the same graph gives the same text."""
    dot = graphviz.Digraph(
        "graph",
        graph_attr={
            "rankdir": rankdir,
            "bgcolor": theme.background,
            "fontcolor": theme.ink,
            "fontname": theme.font,
            "fontsize": "10",
            "ranksep": "0.35",
            "nodesep": "0.25",
            "tooltip": " ",
        },
        node_attr={
            "shape": "record",
            "style": "filled",
            "fontname": theme.font,
            "fontsize": "10",
            "fontcolor": theme.ink,
            "color": theme.line,
            "fillcolor": theme.operation,
            "height": "0.2",
            "margin": "0.1,0.03",
        },
        edge_attr={
            "color": theme.line,
            "fontcolor": theme.ink,
            "fontname": theme.font,
            "fontsize": "9",
            "arrowsize": "0.7",
        },
    )
    if title:
        dot.attr(label=label(title), labelloc="t")
    records = view.trace.records
    roots = set(view.trace.roots)
    kinds: set[str] = set()
    for item in view.items:
        if item.text:
            kinds.add("gap")
            dot.node(item.id, label(item.text), shape="note", style="dashed,filled", fillcolor=theme.gap)
            continue
        r = records[item.members[0]]
        kinds.update({r.kind, "result"} if r.index in roots else {r.kind})
        _node(dot, item, r, theme, r.index in roots, view.trace.freed)
    for id, source in view.ghosts:
        kinds.add("ghost")
        r = records[source]
        dot.node(id, label(clip(f"{r.name or r.kind} (#{r.index})")), shape="ellipse", style="dashed,filled",
                 fillcolor=theme.fill(r.kind))  # fmt: skip
    for e in view.edges:
        head = f"{e.head}:i{e.operand}:{_ENTRY[rankdir]}" if e.port and has_fields(records[e.target]) else e.head
        text = f"×{e.count:,}" if e.count > 1 else ""
        dot.edge(e.tail, head, label=label(text) if text else None)
    add_legend(dot, kinds, theme, rankdir)
    return dot


def has_fields(r: Record) -> bool:
    """Tell whether each input of an operation has a field of its own: for its order or a constant."""
    n = len(r.operands)
    if r.op is None or n > MANY:
        return False
    if any(o.constant is not None for o in r.operands):
        return True
    return n > 1 and not is_symmetric(r.op)


def _node(dot: graphviz.Digraph, item: Item, r: Record, theme: Theme, root: bool, freed: bool) -> None:
    fields = [head_text(r, root)]
    fields.append(value_text(r.value))
    if r.grad is not None:
        fields.append(grad_text(r.grad))
    if r.notes:
        fields.append("\n".join(r.notes))
    parts = [field(text) for text in fields]
    ports = ""
    if has_fields(r):
        names = side_names(r)
        inputs = [f"<i{k}> {field(operand_text(names[k], o.constant))}" for k, o in enumerate(r.operands)]
        ports = f"{{{'|'.join(inputs)}}}"
    extra: dict[str, Any] = {}
    if r.kind != "operation":
        extra["fillcolor"] = theme.fill(r.kind)
        extra["style"] = "rounded,filled,bold" if r.kind == "parameter" else "rounded,dashed,filled"
    elif root:
        extra.update(fillcolor=theme.result, penwidth="2.5")
    if r.where is not None:
        extra["tooltip"] = tooltip(where_text(r.where))
    else:
        extra["tooltip"] = tooltip(fields[0])
    # Each pair of braces turns the direction of the fields; the inputs stand where the edges come in.
    rankdir = dot.graph_attr["rankdir"]
    body = "|".join(parts)
    if rankdir in ("LR", "RL"):
        inside = [ports, f"{{{body}}}"] if rankdir == "LR" else [f"{{{body}}}", ports]
        text = f"{{{'|'.join([part for part in inside if part])}}}" if ports else body
    else:
        inside = [ports, body] if rankdir == "TB" else [body, ports]
        text = f"{{{'|'.join([part for part in inside if part])}}}"
    dot.node(item.id, graphviz.nohtml(text), **extra)


def side_names(r: Record) -> list[str]:
    """Name the inputs of an operation: as its rule does where that is a word, by their side or place otherwise."""
    names = [o.name for o in r.operands]
    if all(len(name) > 1 for name in names):
        return names
    if len(names) == 2:
        return ["left", "right"]
    return [str(k + 1) if len(name) == 1 else name for k, name in enumerate(names)]


def head_text(r: Record, root: bool) -> str:
    """Write the first line of a node: its number, name and operation."""
    what = r.title if r.kind == "operation" else r.kind
    text = f"{clip(r.name)} = {what}" if r.name and r.kind == "operation" else f"{clip(r.name)}" if r.name else what
    return f"#{r.index} {clip(text, 70)}" + ("  (result)" if root else "")


def value_text(value: Summary) -> str:
    """Write shape, dtype and value of a node; a value that a backward pass has freed is said to be so."""
    return f"{value.type}\n{value.text or 'value freed'}"


def grad_text(grad: Summary) -> str:
    """Write a gradient."""
    return f"grad {grad.text}" if "\n" not in grad.text else f"grad\n{grad.text}"


def operand_text(name: str, constant: Summary | None) -> str:
    """Write the field of an input: its name in the operation's rule, and its value where it is a constant."""
    if constant is None:
        return name
    if constant.shape == ():
        return f"{name} = {constant.text}"
    return f"{name} = {constant.type}\n{constant.text}"
