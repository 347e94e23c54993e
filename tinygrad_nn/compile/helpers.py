"""The source of operations that are more than one NumPy call, with what they use, so that a program stands alone."""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from .. import convert
from ..op import Op
from .literals import literal
from .traced import TraceError


def _paths() -> dict[Any, str]:
    names: dict[Any, str] = {}
    tricks, utilities = np.lib.stride_tricks, np.lib.array_utils
    modules = {"np.lib.array_utils": utilities, "np.lib.stride_tricks": tricks, "np.fft": np.fft}
    for prefix, module in {**modules, "np.linalg": np.linalg, "np": np}.items():
        for k in getattr(module, "__all__", dir(module)):
            f = getattr(module, k)
            if callable(f) and not isinstance(f, type) and not k.startswith("_"):
                names[f] = f"{prefix}.{k}"
    return names


#: NumPy's functions and what a program calls them.
NUMPY_NAMES = _paths()


#: What the helpers for arrays of other libraries come to on NumPy's, for which programs are written.
_ON_NUMPY = {
    convert.Foreign: "()",  # no kinds: isinstance says False
    convert.kept: "np.asarray",
    convert.copied: "np.array",
    convert.contiguous: "np.ascontiguousarray",
}
_SHORT = {
    convert.zeros: "(shape, dtype, like):\n    return np.zeros(shape, dtype)",
    convert.ones: "(shape, dtype, like):\n    return np.ones(shape, dtype)",
    convert.empty: "(shape, dtype, like):\n    return np.empty(shape, dtype)",
    convert.full: "(shape, value, dtype, like):\n    return np.full(shape, value, dtype)",
    convert.beside: "(x, like):\n    return x",
    convert.together: "(*xs):\n    return [np.asarray(x) for x in xs]",
}


class Unprintable(TraceError):
    """Raised for a function whose source cannot be had or uses what text cannot name."""


class Helpers:
    """The helper functions of one program, each once, by names that nothing else has."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken
        self.names: dict[Any, str] = {}
        self.texts: list[str] = []
        self.modules: set[str] = set()
        self._objects: dict[int, tuple[Any, str]] = {}
        self._looked: set[Any] = set()

    def name(self, f: Any, wanted: str) -> str:
        """Give the name of a function in the program, its source added with all that it uses."""
        if f in NUMPY_NAMES:
            return NUMPY_NAMES[f]
        if f in _ON_NUMPY:
            return _ON_NUMPY[f]
        if f in _SHORT:
            if f not in self.names:
                self.names[f] = self._free(f.__name__)
                self.texts.append(f"def {self.names[f]}{_SHORT[f]}")
            return self.names[f]
        if f not in self.names:
            path = self._imported(f)
            if path is not None:
                self.names[f] = path
            elif type(f) is FunctionType:
                self._locals(f)
                self._add(f, wanted)
            elif isinstance(f, Op):
                self.names[f] = self._operation(f)
            elif isinstance(f, type):
                self.names[f] = self._class(f, wanted)
            else:
                wrapped = getattr(f, "__wrapped__", None)
                if type(wrapped) is not FunctionType:
                    raise Unprintable(f"to_source: the source of {wanted} is not to be had, so it cannot be written")
                self.names[f] = self.name(wrapped, wanted)
        return self.names[f]

    def _imported(self, f: Any) -> str | None:
        """Give the path of a function or class of the standard library or SciPy."""
        called = getattr(f, "__name__", "")
        home = getattr(f, "__module__", None) or ""
        if isinstance(f, np.ufunc):
            home = "scipy.special"
        if home == "builtins" and getattr(builtins, called, None) is f:
            return called
        if isinstance(f, type) and issubclass(f, np.generic):
            return f"np.{called}"
        if f is np.ndarray or f is np.dtype:
            return f"np.{called}"
        top = home.partition(".")[0]
        if top == "scipy" or (top in sys.stdlib_module_names and top not in ("builtins", "__main__")):
            public = [home, home.replace("_", "", 1) if home.startswith("_") else home]
            public += ["scipy.special"] if home.startswith("scipy.special") else []
            for module in reversed(public):
                if getattr(sys.modules.get(module), called, None) is f:
                    self.modules.add(module)
                    return f"{module}.{called}"
        return None

    def _operation(self, op: Op) -> str:
        """Give the name of an operation that a helper calls as a function."""
        inner = self.name(op.fn, op.name)
        if not op.residual:
            return inner
        name = self._free(f"{op.name}_alone")
        self.texts.append(f"def {name}(*inputs, **parameters):\n    return {inner}(*inputs, **parameters)[0]")
        return name

    def _class(self, c: Any, wanted: str) -> str:
        """Give the name of a named tuple, defined anew."""
        if not (issubclass(c, tuple) and hasattr(c, "_fields")):
            raise Unprintable(f"to_source: {wanted} is a class, which cannot be written")
        name = self._free(c.__name__)
        self.modules.add("collections")
        self.texts.append(f"{name} = collections.namedtuple({c.__name__!r}, {list(c._fields)!r})")
        return name

    def _free(self, wanted: str) -> str:
        base = name = wanted.lstrip("_") if wanted.lstrip("_").isidentifier() else "helper"
        i = 2
        while name in self.taken:
            name, i = f"{base}_{i}", i + 1
        self.taken.add(name)
        return name

    def _locals(self, f: FunctionType) -> None:
        """Keep the local variables' names of a function, and of those that it calls, from being given to others."""
        stack: list[Any] = [f]
        while stack:
            g = stack.pop()
            if isinstance(g, Op):
                g = g.fn
            if type(g) is not FunctionType or g in self._looked or g in NUMPY_NAMES:
                continue
            self._looked.add(g)
            for code in _codes(g.__code__):
                self.taken.update(code.co_varnames)
                self.taken.update(code.co_cellvars)
            stack += _used(g).values()

    def _add(self, f: FunctionType, wanted: str) -> None:
        name = self.names[f] = self._free(wanted)
        tree = _parsed(f)
        rename = {k: self._object(v, k, wanted) for k, v in _used(f).items()}
        for d in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            if literal(d) is None:
                raise Unprintable(f"to_source: a default of {wanted} cannot be written")
        self.texts.append(_renamed(tree, name, rename))

    def _object(self, v: Any, k: str, wanted: str) -> str:
        """Give the name of what a helper uses by the name k."""
        if v is np:
            return "np"
        if isinstance(v, ModuleType):
            if v.__name__.partition(".")[0] not in (*sys.stdlib_module_names, "scipy"):
                raise Unprintable(f"to_source: {wanted} uses the module {v.__name__}, which a program cannot import")
            self.modules.add(v.__name__)
            return v.__name__
        if callable(v) and not isinstance(v, (np.dtype, np.generic)):
            return self.name(v, k)
        if id(v) not in self._objects:
            text = self._constant(v, wanted)
            name = self._free(k)
            self.texts.append(f"{name} = {text}")
            self._objects[id(v)] = v, name
        return self._objects[id(v)][1]

    def _constant(self, v: Any, wanted: str) -> str:
        """Give a constant as text, containers and functions in them included."""
        text = literal(v)
        if text is not None:
            return text
        if type(v) is dict:
            parts = [f"{self._constant(k, wanted)}: {self._constant(x, wanted)}" for k, x in v.items()]
            return "{" + ", ".join(parts) + "}"
        if type(v) in (set, frozenset, list, tuple):
            inside = [self._constant(x, wanted) for x in v]
            if type(v) is tuple:
                return f"({', '.join(inside)}{',' if len(v) == 1 else ''})"
            joined = f"[{', '.join(sorted(inside) if type(v) is not list else inside)}]"
            return joined if type(v) is list else f"{type(v).__name__}({joined})"
        if callable(v):
            return self.name(v, getattr(v, "__name__", "helper"))
        raise Unprintable(f"to_source: {wanted} uses an object of type {type(v).__name__}, which cannot be written")


def _codes(code: Any) -> Iterator[Any]:
    """Give a code object and those inside it."""
    stack = [code]
    while stack:
        c = stack.pop()
        yield c
        stack += [k for k in c.co_consts if isinstance(k, CodeType)]


def _used(f: FunctionType) -> dict[str, Any]:
    """Give what a function takes from outside: its globals (not attributes of the same names) and closed-over names."""
    found: dict[str, Any] = {}
    for code in _codes(f.__code__):
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval in f.__globals__:
                found[step.argval] = f.__globals__[step.argval]
    for k, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        found[k] = cell.cell_contents
    return found


def _parsed(f: FunctionType) -> ast.FunctionDef | ast.Lambda:
    """Give the syntax tree of a function or lambda."""
    code = f.__code__
    try:
        lines, _ = inspect.getsourcelines(code)
        if f.__name__ != "<lambda>":
            tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
            if isinstance(tree, ast.FunctionDef):
                return tree
            raise Unprintable(f"to_source: {f.__name__} is no plain function, so it cannot be written")
        source = inspect.getsource(inspect.getmodule(f))  # type: ignore[arg-type]
        # Entering and leaving have empty places; the others lie in the lambda's body.
        spots = [p for p in code.co_positions() if p[0] is not None and p[2] is not None and p[3] is not None]
        places = [p for p in spots if (p[0], p[2]) != (p[1], p[3])]
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
                body = node.body
                inside = [
                    (body.lineno, body.col_offset) <= (p[0], p[2]) <= (body.end_lineno, body.end_col_offset)
                    for p in places
                ]
                if (
                    inside
                    and all(inside)
                    and [a.arg for a in node.args.args] == list(code.co_varnames[: code.co_argcount])
                ):
                    return node
    except (OSError, TypeError, SyntaxError, IndexError) as e:
        raise Unprintable(f"to_source: the source of {f.__name__} is not to be had ({e})") from None
    raise Unprintable(f"to_source: the source of {f.__name__} is not to be had")


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        new = self.names.get(node.id)
        return node if new is None else ast.copy_location(ast.parse(new, mode="eval").body, node)


class _Bare(ast.NodeTransformer):
    """Leave out annotations."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            return ast.Pass()
        return self.generic_visit(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        return self.generic_visit(node)


def _renamed(tree: Any, name: str, rename: dict[str, str]) -> str:
    tree = _Bare().visit(tree)
    if isinstance(tree, ast.Lambda):
        body = ast.unparse(_Rename(rename).visit(tree.body))
        return f"def {name}({ast.unparse(tree.args)}):\n    return {body}"
    tree.name = name
    tree.decorator_list = []
    return ast.unparse(ast.fix_missing_locations(_Rename(rename).visit(tree)))


def into(fn: Callable[..., Any], name: str) -> str:
    """Write the argument that gives a call the array for its result: by position, which is faster, where NumPy lets.

    >>> into(np.add, "t"), into(np.maximum, "t")
    ('t', 'out=t')
    """
    return f"out={name}" if fn in (np.maximum, np.minimum) else name
