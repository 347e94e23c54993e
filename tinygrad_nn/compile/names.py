"""Names for the values of a program: the user's where they are plain identifiers, the field's usual ones elsewhere."""

from __future__ import annotations

import builtins
import dis
import keyword
import re
from functools import lru_cache
from typing import Any

from .program import Program, Value

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_RESERVED = frozenset([*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "math", "operator", "out"])
#: What values of an operation are called that nobody named.
_USUAL = {
    **dict.fromkeys(["affine", "matmul", "dot", "convolution", "conv2d"], "z"),
    **dict.fromkeys(["relu", "sigmoid", "tanh", "softplus", "logsigmoid", "gelu", "maximum"], "h"),
    **dict.fromkeys(["softmax"], "p"),
    **dict.fromkeys(["cross_entropy", "mse_loss", "nll_loss", "binary_cross_entropy"], "loss"),
    "binary_cross_entropy_with_logits": "loss",
}


def legal(name: Any) -> str | None:
    """Give a name that may stand in a program as it is, or None.

    >>> legal("W1"), legal("import os"), legal("__class__"), legal("é"), legal("lambda")
    ('W1', None, None, None, None)
    """
    ok = isinstance(name, str) and _PLAIN.match(name) is not None and len(name) <= 40 and name not in _RESERVED
    return name if ok else None


def from_path(path: str) -> str | None:
    """Give an identifier for a path: ``layers.0.weight`` gives layers_0_weight."""
    return legal(re.sub(r"[^A-Za-z0-9]+", "_", path).strip("_"))


def parameter_names(paths: dict[str, Any]) -> dict[int, str]:
    """Name the tensors and arrays that a function closes over: W1, b1, W2, ... for the layers of a stack in order."""
    names: dict[int, str] = {}
    layers: dict[str, int] = {}
    for path, x in paths.items():
        if id(x) in names:
            continue
        parts = path.split(".")
        if len(parts) > 1 and parts[-1] in ("weight", "bias"):
            numbered = [p for p in parts[:-1] if p.isdigit()]
            words = [p for p in parts[1:-1] if not p.isdigit() and p not in ("layers", "_layers")]
            letter = "W" if parts[-1] == "weight" else "b"
            if numbered and not words:
                stem = ".".join(parts[:-1])
                number = layers.setdefault(stem, len(layers) + 1)
                names[id(x)] = f"{letter}{number}"
                continue
            if words:
                name = legal(f"{letter}_{'_'.join([*words, *numbered])}")
                if name:
                    names[id(x)] = name
                    continue
        own = legal(getattr(x, "name", None)) or from_path(path)
        if own:
            names[id(x)] = own
    return names


@lru_cache(maxsize=4096)
def assigned(code: Any, instruction: int) -> str | None:
    """Give the variable that the result of an instruction is put into at once: x of ``x = f(...)``."""
    steps = dis.get_instructions(code)
    for step in steps:
        if step.offset == instruction:
            after = next(steps, None)
            if after is not None and after.opname in ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF"):
                return legal(after.argval)
            return None
    return None


class Names:
    """A unique name for each value of a program."""

    def __init__(self, program: Program, given: dict[Any, str], hidden: Any = ()) -> None:
        self.taken: set[str] = {"np", "math"}
        self.names: dict[Value, str] = {}
        self._next: dict[str, int] = {}
        #: Values that the user gave a name.
        self.users: set[Value] = set()
        for v, name in given.items():
            self._give(v, name)
        end = min([v.number for v in program.body if v.hint is not None], default=1 << 62)
        last: dict[Any, Any] = {}
        for x in program.body:
            if x.where is not None and x.hint is None:
                last[x.where] = x
        body = [m for v in program.body for m in (v.data.gives if v.kind == "fused" else (v,))]
        for v in body:
            if v in self.names or v in hidden or (v.kind == "effect" and v.dtype is None):
                continue
            if v.hint is not None:
                self._give(v, f"d_{self.names.get(v.hint) or 'x'}")
                continue
            where: Any = v.where
            own = assigned(*where) if where is not None and last.get(v.where) is v else None
            if own is not None:
                self.users.add(v)
                self._give(v, own)
            elif v in program.outputs and v.number < end:
                self._give(v, "loss" if v.size == 1 else "result")
            else:
                self._usual(v)

    def _usual(self, v: Value) -> None:
        word = _USUAL.get(v.name or "")
        if word == "loss":
            self._give(v, word)
        else:
            self._numbered(v, word or "t")

    def _numbered(self, v: Value, base: str) -> None:
        i = self._next.get(base, 1)
        while f"{base}{i}" in self.taken:
            i += 1
        self._next[base] = i + 1
        self._give(v, f"{base}{i}")

    def _give(self, v: Value, wanted: str) -> None:
        name, i = wanted, 2
        if name in self.taken:
            i = self._next.get(wanted, 2)
            while (name := f"{wanted}_{i}") in self.taken:
                i += 1
            self._next[wanted] = i + 1
        self.taken.add(name)
        self.names[v] = name

    def __getitem__(self, v: Value) -> str:
        return self.names[v]
