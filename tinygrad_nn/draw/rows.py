"""What each node of a picture says, in words: the same for DOT, Mermaid and the page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from ..convert import on_host
from .derivative import MANY, Backward, side_names
from .operations import is_symmetric
from .style import clip
from .summary import Summary, bytes_text, summarize
from .trace import Record
from .view import Item, View

SHOWN = ("saved", "views", "where")


@dataclass(slots=True)
class Node:
    """The words of one node."""

    head: str
    fields: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    """A text for each input, where their order matters or one is a constant."""


@dataclass(slots=True)
class Words:
    """Writes the words of a view's items."""

    view: View
    back: Backward | None = None
    show: Collection[str] = ()
    quantities: dict[str, str] = field(default_factory=dict)
    """By item: in words what its colour says."""

    def node(self, item: Item) -> Node:
        """Give the words of an item."""
        if item.kind in ("module", "gap"):
            head, *rest = item.text.split("\n")
            if item.kind == "module":
                gradient = self._gradient(item, self.view.last(item), self.view.last(item), "grad of the result ")
                rest += [text for text in (gradient, self.quantities.get(item.id)) if text]
            return Node(head, ["\n".join(rest)] if rest else [])
        r, last = self.view.record(item), self.view.last(item)
        root = any(m in self.view.trace.roots for m in item.members)
        head = head_text(r, root) if item.single else group_text(r, last, item) + ("  (last: result)" if root else "")
        node = Node(head, ports=port_texts(r))
        if item.single:
            node.fields.append(value_text(r.value))
        else:
            node.fields.append(f"{r.value.type}\n{_ends('', r.value, last.value)}")
        gradient = self._gradient(item, r, last, "grad ")
        if gradient:
            node.fields.append(gradient)
        notes = list(r.notes)
        if r.view and "views" in self.show:
            notes.append("view of its input")
        if r.saved is not None and "saved" in self.show:
            notes.append(f"saves {bytes_text(sum([self.view.trace.records[m].saved or 0 for m in item.members]))}")
        if r.where is not None and "where" in self.show:
            notes.append(f"line {r.where[1]}")
        if item.id in self.quantities:
            notes.append(self.quantities[item.id])
        if notes:
            node.fields.append("\n".join(notes))
        return node

    def _gradient(self, item: Item, r: Record, last: Record, what: str) -> str:
        first, final = self.gradient(r), self.gradient(last)
        if first is None or final is None:
            return ""
        if not item.single:
            return _ends(what, first, final)
        text = grad_text(first)
        if r.grad is not None and first.text != r.grad.text:
            text += f"\n.grad has {r.grad.text}"
        return text

    def gradient(self, r: Record) -> Summary | None:
        """Give the gradient of what is drawn in a record: of this backward pass where one was made for the picture."""
        if self.back is not None:
            g = self.back.cotangents.get(r.index)
            if g is not None:
                return summarize(on_host(g))
        return r.grad


def has_fields(r: Record) -> bool:
    """Tell whether each input of an operation has a field of its own: for its order or a constant."""
    n = len(r.operands)
    if r.op is None or n > MANY:
        return False
    if any(o.constant is not None for o in r.operands):
        return True
    return n > 1 and not is_symmetric(r.op)


def port_texts(r: Record) -> list[str]:
    """Write the fields of an operation's inputs."""
    if not has_fields(r):
        return []
    return [operand_text(name, o.constant) for name, o in zip(side_names(r), r.operands, strict=True)]


def operand_text(name: str, constant: Summary | None) -> str:
    """Write the field of an input: its name in the operation's rule, and its value where it is a constant."""
    if constant is None:
        return name
    if constant.shape == ():
        return f"{name} = {constant.text}"
    return f"{name} = {constant.type}\n{constant.text}" if constant.text else f"{name} = {constant.type}"


def head_text(r: Record, root: bool) -> str:
    """Write the first line of a node: its number, name and operation."""
    what = r.title if r.kind == "operation" else r.kind
    if r.name:
        what = f"{clip(r.name)} = {what}" if r.kind == "operation" else clip(r.name)
    return f"#{r.index} {clip(what, 70)}" + ("  (result)" if root else "")


def group_text(r: Record, last: Record, item: Item) -> str:
    """Write the first line of a node that stands for several: a step of a loop, or equal leaves."""
    numbers = f"#{r.index} … #{last.index}"
    if r.op is not None:
        return f"{numbers} {r.op.name if r.title != last.title else clip(r.title, 60)}"
    if r.name and last.name:
        return f"{numbers} {clip(r.name, 40)} … {clip(last.name, 40)}"
    return f"{numbers} {len(item.members):,} {r.kind}s"


def value_text(value: Summary) -> str:
    """Write shape, dtype and value of a node; a value that a backward pass has freed is said to be so."""
    return f"{value.type}\n{value.text or 'value freed'}"


def grad_text(grad: Summary) -> str:
    """Write a gradient."""
    text = grad.text or "freed"
    return f"grad {text}" if "\n" not in text else f"grad\n{text}"


def _ends(what: str, first: Summary, last: Summary) -> str:
    a, b = first.text or "freed", last.text or "freed"
    if a == b:
        return f"{what}{a}"
    separator = "\n" if "\n" in a or "\n" in b else " "
    return f"{what}first{separator}{a}\n{what}last{separator}{b}"
