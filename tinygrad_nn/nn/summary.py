"""A table of a model's parts: results' shapes and numbers of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mode import no_grad
from ..tensor import Tensor, constant
from .parts import is_parameter


class Row:
    """One module: its path, class, the shape of its result (None if it was not called), its own parameters."""

    def __init__(self, path: str, module: Any, counted: set[int]) -> None:
        self.path = path
        self.kind = type(module).__name__
        self.shape: Any = None
        own = [v for _, v in module._members() if is_parameter(v) and id(v) not in counted]
        counted.update(id(p) for p in own)
        self.parameters = sum(p.size for p in own)
        self.trainable = sum(p.size for p in own if p.requires_grad)


class Summary:
    """What ``model.summary()`` gives: it prints as a table, and holds its ``rows`` and totals."""

    def __init__(self, model: Any, input_shape: tuple[int, ...] | None = None) -> None:
        counted: set[int] = set()
        found = list(model.named_modules())
        self.rows = [Row(path, m, counted) for path, m in found]
        self.total = sum(r.parameters for r in self.rows)
        self.trainable = sum(r.trainable for r in self.rows)
        self.bytes = sum(p.nbytes for p in model.parameters())
        self.input_shape = input_shape
        if input_shape is not None:
            shapes = _shapes(model, input_shape)
            for row, (_, m) in zip(self.rows, found, strict=True):
                row.shape = shapes.get(id(m))

    def __repr__(self) -> str:
        head = ["module", "kind", "result", "parameters"]
        body = [
            [r.path or "(model)", r.kind, _shape_text(r.shape), f"{r.parameters:,}" if r.parameters else "-"]
            for r in self.rows
        ]
        if self.input_shape is None:
            head.pop(2)
            for cells in body:
                cells.pop(2)
        widths = [max(len(cells[i]) for cells in [head, *body]) for i in range(len(head))]
        lines = [_line(cells, widths) for cells in [head, *body]]
        rule = "-" * max(len(line) for line in lines)
        frozen = self.total - self.trainable
        tail = f"{self.total:,} parameters ({_size(self.bytes)}), {self.trainable:,} trainable"
        if frozen:
            tail += f", {frozen:,} frozen"
        return "\n".join([lines[0], rule, *lines[1:], rule, tail])


def _line(cells: list[str], widths: list[int]) -> str:
    padded = [c.ljust(w) for c, w in zip(cells[:-1], widths, strict=False)]
    return "  ".join([*padded, cells[-1].rjust(widths[-1])])


def _size(n: int) -> str:
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000  # type: ignore[assignment]
    return f"{n:.3g} GB"


def _shape_text(shape: Any) -> str:
    return "-" if shape is None else str(shape)


def _shape_of(y: Any) -> Any:
    if isinstance(y, tuple | list):
        return tuple([_shape_of(v) for v in y])
    return getattr(y, "shape", None)


def _shapes(model: Any, input_shape: Any) -> dict[int, Any]:
    """Run the model once on zeros, in eval mode and without recording, and note every module's result."""
    several = bool(input_shape) and isinstance(input_shape[0], tuple | list)
    shapes = [tuple(s) for s in (input_shape if several else [input_shape])]
    first = next((p for p in model.parameters()), None)
    dtype = first.dtype if first is not None else np.dtype(np.float32)
    noted: dict[int, Any] = {}

    def note(module: Any, _: Any, y: Any) -> None:
        noted[id(module)] = _shape_of(y)

    modes = [(m, m.training) for m in model.modules()]
    removers = [m.register_forward_hook(note) for m, _ in modes]
    model.eval()
    try:
        with no_grad():
            model(*[_zeros(s, dtype) for s in shapes])
    finally:
        for remove in removers:
            remove()
        for m, mode in modes:
            m.training = mode
    return noted


def _zeros(shape: tuple[int, ...], dtype: Any) -> Tensor:
    return constant(np.zeros(shape, dtype))
