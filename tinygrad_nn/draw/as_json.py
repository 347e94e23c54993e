"""Write a view of a graph as JSON: for programs that lay it out, search it or compare it."""

from __future__ import annotations

import json
import os
from typing import Any

from .rows import Words
from .view import Item, View


def to_json(view: View, words: Words) -> str:
    """Give the nodes, edges and boxes of a view, and what it leaves out, as JSON text."""
    data = {
        "format": "tinygrad_nn graph 1",
        "results": [f"n{i}" for i in view.trace.roots],
        "freed": view.trace.freed,
        "left_out": view.left_out,
        "nodes": [_node(item, view, words) for item in view.items],
        "edges": [
            {"from": e.tail.partition("_at_")[0], "to": e.head, "operand": e.operand, "count": e.count,
             "next_round": e.carried}
            for e in view.edges
        ],
        "boxes": [
            {"id": b.id, "kind": b.kind, "title": b.title, "parent": b.parent} for b in view.boxes.values()
        ],
    }  # fmt: skip
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def _node(item: Item, view: View, words: Words) -> dict[str, Any]:
    said = words.node(item)
    node: dict[str, Any] = {
        "id": item.id,
        "kind": item.kind,
        "box": item.box,
        "title": said.head,
        "text": said.fields,
        "members": [*item.members, *item.inside],
    }
    if item.single and item.kind != "module":
        r = view.record(item)
        grad = words.gradient(r)
        node |= {
            "name": r.name,
            "operation": r.op.name if r.op is not None else None,
            "operands": [o.name for o in r.operands],
            "shape": list(r.value.shape),
            "dtype": r.value.dtype,
            "value": r.value.text or None,
            "gradient": None if grad is None else grad.text,
            "saved_bytes": r.saved,
            "where": None
            if r.where is None
            else {"file": os.path.basename(r.where[0]), "line": r.where[1], "function": r.where[2]},
        }
    return node


def _where(file: str, line: int, function: str) -> dict[str, Any]:
    return {"file": os.path.basename(file), "line": line, "function": function}
