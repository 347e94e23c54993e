"""The source of operations that are more than one NumPy call, with what they use, so that a program stands alone."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..op import Op
from .literals import literal


def _paths() -> dict[Any, str]:
    names: dict[Any, str] = {}
    for prefix, module in (("np.linalg", np.linalg), ("np", np)):
        for k in module.__all__:
            f = getattr(module, k)
            if callable(f) and not isinstance(f, type):
                names[f] = f"{prefix}.{k}"
    return names


#: NumPy's functions and what a program calls them.
NUMPY_NAMES = _paths()


class Unprintable(Exception):
    """Raised for a function whose source cannot be had or uses what text cannot name."""


class Helpers:
    """The helper functions of one program, each once, by names that nothing else has."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken
        self.names: dict[Any, str] = {}
        self.texts: list[str] = []
        self.modules: set[str] = set()

    def name(self, f: Any, wanted: str) -> str:
        """Give the name of a function in the program, its source added with all that it uses."""
        if f in NUMPY_NAMES:
            return NUMPY_NAMES[f]
        if f not in self.names:
            if type(f) is not FunctionType:
                wrapped = getattr(f, "__wrapped__", None)
                if type(wrapped) is not FunctionType:
                    raise Unprintable(f"{wanted}: its source is not to be had")
                self.names[f] = self.name(wrapped, wanted)
            else:
                self._add(f, wanted)
        return self.names[f]

    def _free(self, wanted: str) -> str:
        base = name = wanted.lstrip("_") if wanted.lstrip("_").isidentifier() else "helper"
        i = 2
        while name in self.taken:
            name, i = f"{base}_{i}", i + 1
        self.taken.add(name)
        return name

    def _add(self, f: FunctionType, wanted: str) -> None:
        name = self.names[f] = self._free(wanted)
        tree = _parsed(f)
        rename: dict[str, str] = {}
        values = inspect.getclosurevars(f)
        found = {**values.globals, **values.nonlocals}
        for k, v in found.items():
            if v is np:
                rename[k] = "np"
            elif isinstance(v, ModuleType):
                if v is not math and v.__name__ not in ("operator", "functools", "itertools"):
                    raise Unprintable(f"{wanted}: it uses the module {v.__name__}")
                self.modules.add(v.__name__)
                rename[k] = v.__name__
            elif isinstance(v, Op):
                if v.residual:
                    raise Unprintable(f"{wanted}: it uses the operation {v.name}")
                rename[k] = self.name(v.fn, v.name)
            elif callable(v) and not isinstance(v, type):
                rename[k] = self.name(v, k)
            elif isinstance(v, type):
                raise Unprintable(f"{wanted}: it uses the class {v.__name__}")
            else:
                text = literal(v)
                if text is None:
                    raise Unprintable(f"{wanted}: it uses {k}")
                constant = self._free(k)
                self.texts.append(f"{constant} = {text}")
                rename[k] = constant
        for d in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            if literal(d) is None:
                raise Unprintable(f"{wanted}: a default cannot be written")
        self.texts.append(_renamed(tree, name, rename))


def _parsed(f: FunctionType) -> ast.FunctionDef | ast.Lambda:
    """Give the syntax tree of a function or lambda."""
    code = f.__code__
    try:
        lines, _ = inspect.getsourcelines(code)
        if f.__name__ != "<lambda>":
            tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
            if isinstance(tree, ast.FunctionDef):
                return tree
            raise Unprintable(f"{f.__name__}: no plain function")
        source = inspect.getsource(inspect.getmodule(f))  # type: ignore[arg-type]
        places = [p for p in code.co_positions() if p[0] is not None and p[2] is not None]
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
                body = node.body
                inside = [
                    (body.lineno, body.col_offset) <= (p[0], p[2]) <= (body.end_lineno, body.end_col_offset)
                    for p in places[1:]
                ]
                if (
                    inside
                    and all(inside)
                    and [a.arg for a in node.args.args] == list(code.co_varnames[: code.co_argcount])
                ):
                    return node
    except (OSError, TypeError, SyntaxError, IndexError) as e:
        raise Unprintable(f"{f.__name__}: its source is not to be had ({e})") from None
    raise Unprintable(f"{f.__name__}: its source is not to be had")


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        new = self.names.get(node.id)
        return node if new is None else ast.copy_location(ast.parse(new, mode="eval").body, node)


def _renamed(tree: Any, name: str, rename: dict[str, str]) -> str:
    if isinstance(tree, ast.Lambda):
        body = ast.unparse(_Rename(rename).visit(tree.body))
        return f"def {name}({ast.unparse(tree.args)}):\n    return {body}"
    tree.name = name
    tree.returns = None
    tree.decorator_list = []
    for a in (*tree.args.args, *tree.args.kwonlyargs, *tree.args.posonlyargs):
        a.annotation = None
    tree = _Rename(rename).visit(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            node.annotation = ast.Name("object")
    return ast.unparse(ast.fix_missing_locations(tree))
