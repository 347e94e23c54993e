"""Compute an expression from the command line without running it as code.

The text is parsed with :mod:`ast` and walked: numbers, names, arithmetic, indexing, and calls of the functions listed
here. Every other kind of node is refused, so that nothing in a text can reach files, modules or attributes. Sizes are
bounded before anything is computed.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..tensor import Tensor
from .functions import ELEMENTWISE, FUNCTIONS, JOINED, METHODS, PRODUCTS, VIEWS
from .options import CommandError

LONGEST = 100_000
"""Characters of a text."""
DEEPEST = 100
"""Levels of nesting of an expression."""
LARGEST = 10**6
"""Elements of one array."""
MOST = 2 * 10**7
"""Elements of all arrays together: each step of a graph keeps its own."""
LARGEST_INTEGER = 2**63
TEXT = 40
"""Characters of a text that an option may be, such as ord="fro"."""

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.MatMult: operator.matmul,
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
_CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan, "newaxis": None}
_PREFIXES = {
    "np": {"linalg", "random"}, "numpy": {"linalg"}, "F": set(), "nn": {"functional"}, "functional": set(),
    "math": set(),
}  # fmt: skip


def assign(text: str, needs_gradient: bool) -> dict[str, Any]:
    """Read ``w=[[1,2]]; b=0.5``: named tensors, of floats that need a gradient, or of data as it is written.

    >>> assign("w=[[1,2]]; b=-0.5", needs_gradient=True)["w"].requires_grad
    True
    """
    option = "--let" if needs_gradient else "--data"
    found: dict[str, Any] = {}
    for statement in _parsed(text, "exec", option).body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
        if not isinstance(statement, ast.Assign) or not isinstance(target, ast.Name):
            raise CommandError(
                f"{option}: {_shown(statement, text)} is no NAME=VALUE; write {option} 'w=[[1,2]]; b=0.5'"
            )
        value = _array(Evaluation({}, text).value(statement.value), f"{option} {target.id}")
        if needs_gradient and value.dtype.kind != "f":
            value = value.astype(np.float64)
        found[target.id] = Tensor(value, requires_grad=needs_gradient, name=target.id)
    return found


def compute(text: str, names: Mapping[str, Any]) -> Any:
    """Compute an expression of named tensors; CommandError for what is not allowed, or cannot be computed.

    >>> float(compute("2 * sin(x) ** 2", {"x": Tensor(0.0)}))
    0.0
    """
    tree = _parsed(text.strip(), "eval", "-e")
    with np.errstate(all="ignore"):
        result = Evaluation(names, text.strip()).value(tree.body)
    if not isinstance(result, Tensor):
        known = f"one of {', '.join(names)}" if names else "a name, and give its value with --let"
        raise CommandError(f"-e: {_cut(text.strip())} is a plain number, which has no graph; use {known}")
    return result


def _parsed(text: str, mode: str, option: str) -> Any:
    if len(text) > LONGEST:
        raise CommandError(f"{option}: {len(text):,} characters are too many; at most {LONGEST:,}")
    try:
        tree = ast.parse(text, mode=mode)
    except SyntaxError as problem:
        at = f" at character {problem.offset}" if problem.offset else ""
        raise CommandError(f"{option}: {_cut(text)} cannot be read{at}: {problem.msg}") from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as problem:
        why = "it is nested too deeply" if isinstance(problem, RecursionError | MemoryError) else str(problem)
        raise CommandError(f"{option}: {_cut(text)} cannot be read: {why}") from None
    return tree


class Evaluation:
    """Walks one parsed text and computes it."""

    def __init__(self, names: Mapping[str, Any], text: str) -> None:
        self._names = names
        self._text = text
        self._left = MOST
        self._depth = 0

    def value(self, node: ast.AST) -> Any:
        """Give the value of a node. CommandError for a kind of node that is not allowed."""
        how = _KINDS.get(type(node))
        if how is None:
            raise self._refused(
                node, f"{type(node).__name__} is not allowed; use numbers, names, + - * / ** @, [] and ()"
            )
        self._depth += 1
        if self._depth > DEEPEST:
            raise CommandError(f"{_cut(self._text)} is nested more than {DEEPEST} deep; use sum() or fewer parentheses")
        try:
            return how(self, node)
        finally:
            self._depth -= 1

    def _refused(self, node: ast.AST, why: str) -> CommandError:
        return CommandError(f"{_shown(node, self._text)}: {why}")

    def _run(self, node: ast.AST, size: int, function: Callable[[], Any]) -> Any:
        """Run one operation whose result has at most ``size`` elements."""
        if size > LARGEST:
            raise self._refused(node, f"a result of {size:,} elements is too large; at most {LARGEST:,}")
        self._left -= max(size, 1)
        if self._left < 0:
            raise CommandError(f"{_cut(self._text)} makes more than {MOST:,} elements in all; use smaller arrays")
        try:
            result = function()
        except CommandError:
            raise
        except Exception as problem:  # whatever an operation says of its inputs is the answer
            raise self._refused(node, " ".join(str(problem).split()) or type(problem).__name__) from None
        if isinstance(result, complex) or (
            getattr(result, "dtype", None) is not None and result.dtype.kind not in "biuf"
        ):
            raise self._refused(node, "the result is not real")
        return result

    def _constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, int) and abs(node.value) >= LARGEST_INTEGER:
            raise self._refused(node, "a whole number that large is not allowed; write it as a float")
        if node.value is None or node.value is Ellipsis or type(node.value) in (int, float, bool):
            return node.value
        raise self._refused(node, f"{type(node.value).__name__} is not allowed here; use real numbers")

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._names:
            return self._names[node.id]
        if node.id in _CONSTANTS:
            return _CONSTANTS[node.id]
        if node.id in FUNCTIONS:
            raise self._refused(node, "is a function; call it with ()")
        raise self._refused(node, f"has no value; give it with --let '{node.id}=...'")

    def _list(self, node: ast.List | ast.Tuple) -> Any:
        values = [self.value(x) for x in node.elts]
        return tuple(values) if isinstance(node, ast.Tuple) else values

    def _operand(self, node: ast.expr) -> Any:
        """Give a number, an array or a Tensor; a list becomes an array, not something to be repeated."""
        value = self.value(node)
        if isinstance(value, list | tuple):
            return _array(value, _shown(node, self._text))
        if value is None or value is Ellipsis:
            raise self._refused(node, "is no number")
        return value

    def _binary(self, node: ast.BinOp) -> Any:
        function = _BINARY.get(type(node.op))
        if function is None:
            raise self._refused(node, f"{type(node.op).__name__} is not allowed; use + - * / // % ** or @")
        a, b = self._operand(node.left), self._operand(node.right)
        if isinstance(node.op, ast.MatMult):
            return self._run(node, _product_size("matmul", [a, b]), lambda: function(a, b))
        if isinstance(a, int) and isinstance(b, int):
            return self._integers(node, function, a, b)
        return self._run(node, self._broadcast(node, [a, b]), lambda: function(a, b))

    def _integers(self, node: ast.BinOp, function: Callable[[Any, Any], Any], a: int, b: int) -> Any:
        if isinstance(node.op, ast.Pow) and b > 0 and abs(a) > 1 and b * math.log2(abs(a)) >= 63:
            raise self._refused(node, "a whole number that large is not allowed; write it as a float")
        result = self._run(node, 1, lambda: function(a, b))
        if isinstance(result, int) and abs(result) >= LARGEST_INTEGER:
            raise self._refused(node, "a whole number that large is not allowed; write it as a float")
        return result

    def _unary(self, node: ast.UnaryOp) -> Any:
        function = _UNARY.get(type(node.op))
        if function is None:
            raise self._refused(node, f"{type(node.op).__name__} is not allowed; use + or -")
        x = self._operand(node.operand)
        return self._run(node, _size(x), lambda: function(x))

    def _compare(self, node: ast.Compare) -> Any:
        function = _COMPARE.get(type(node.ops[0]))
        if function is None or len(node.ops) > 1:
            raise self._refused(node, "only one of < <= > >= == != is allowed")
        a, b = self._operand(node.left), self._operand(node.comparators[0])
        return self._run(node, self._broadcast(node, [a, b]), lambda: function(a, b))

    def _index(self, node: ast.Subscript) -> Any:
        x, key = self._operand(node.value), self.value(node.slice)
        if isinstance(x, int | float):
            raise self._refused(node, "a number has no elements")
        keys = key if isinstance(key, tuple) else (key,)
        longer = math.prod([_size(k) for k in keys if isinstance(k, list)])
        return self._run(node, _size(x) * longer, lambda: x[key])

    def _slice(self, node: ast.Slice) -> Any:
        return slice(*[None if part is None else self.value(part) for part in (node.lower, node.upper, node.step)])

    def _attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id in _PREFIXES and node.value.id not in self._names:
            if node.attr in _CONSTANTS:
                return _CONSTANTS[node.attr]
            raise self._refused(node, "is not allowed here; call a function with ()")
        if node.attr not in VIEWS:
            raise self._refused(node, f"the attribute {node.attr} is not allowed; T and mT are, and methods with ()")
        x = self._tensor(node.value)
        return self._run(node, _size(x), lambda: getattr(x, node.attr))

    def _tensor(self, node: ast.expr) -> Any:
        x = self._operand(node)
        return x if isinstance(x, Tensor) else Tensor(x)

    def _call(self, node: ast.Call) -> Any:
        function = node.func
        method: str | None = None
        x: Any = None
        if isinstance(function, ast.Attribute) and not self._is_prefix(function):
            method = function.attr
            if method not in METHODS:
                raise self._refused(node, f"the method {method} is not allowed; the methods are {', '.join(METHODS)}")
            x = self._tensor(function.value)
            name = method
        else:
            name = self._function(function)
        if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
            raise self._refused(node, "* and ** are not allowed in a call")
        for k in node.keywords:
            if k.arg in ("out", "where", "casting", "dtype", "rng", "initial"):
                raise self._refused(node, f"{k.arg}= is not allowed")
        arguments = [self._argument(a) for a in node.args]
        options = {str(k.arg): self._argument(k.value) for k in node.keywords}
        inputs = [*([] if method is None else [x]), *arguments, *options.values()]
        size = self._result_size(node, name, inputs)
        call = FUNCTIONS[name] if method is None else getattr(x, name)
        return self._run(node, size, lambda: call(*arguments, **options))

    def _is_prefix(self, node: ast.Attribute) -> bool:
        """Tell whether it is ``np.sin``, ``np.linalg.norm`` or ``nn.functional.relu``."""
        root: ast.expr = node.value
        middle: str | None = None
        if isinstance(root, ast.Attribute):
            middle, root = root.attr, root.value
        if not isinstance(root, ast.Name) or root.id in self._names or root.id not in _PREFIXES:
            return False
        return middle is None or middle in _PREFIXES[root.id]

    def _function(self, node: ast.expr) -> str:
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
        if name in FUNCTIONS:
            assert name is not None
            return name
        near = _near(name or "")
        raise self._refused(node, f"is no function that is allowed here{near}; tinygrad-nn draw --functions lists them")

    def _argument(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= TEXT:
            return node.value
        value = self.value(node)
        if isinstance(value, int) and abs(value) > LARGEST:
            # Some of NumPy's functions count up to such a number: round(x, 10**18) would take years.
            raise self._refused(node, "a whole number that large is not allowed in a call; write it as a float")
        return value

    def _result_size(self, node: ast.AST, name: str, inputs: list[Any]) -> int:
        if name in ELEMENTWISE:
            return self._broadcast(node, inputs)
        if name in JOINED:
            return sum([_size(x) for x in inputs])
        if name in PRODUCTS:
            return _product_size(name, inputs)
        return max([_size(x) for x in inputs], default=1)

    def _broadcast(self, node: ast.AST, inputs: list[Any]) -> int:
        shapes = [np.shape(x) for x in inputs if isinstance(x, Tensor | np.ndarray)]
        shapes += [np.shape(_array(x, _shown(node, self._text))) for x in inputs if isinstance(x, list)]
        try:
            return math.prod(np.broadcast_shapes(*shapes))
        except ValueError:
            return 1  # the operation itself says better what does not fit


_KINDS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Constant: Evaluation._constant, ast.Name: Evaluation._name, ast.List: Evaluation._list,
    ast.Tuple: Evaluation._list, ast.BinOp: Evaluation._binary, ast.UnaryOp: Evaluation._unary,
    ast.Compare: Evaluation._compare, ast.Subscript: Evaluation._index, ast.Slice: Evaluation._slice,
    ast.Attribute: Evaluation._attribute, ast.Call: Evaluation._call,
}  # fmt: skip


def _size(x: Any) -> int:
    if isinstance(x, list | tuple):
        return sum([_size(v) for v in x])
    return int(np.size(x)) if isinstance(x, Tensor | np.ndarray) else 1


def _product_size(name: str, inputs: list[Any]) -> int:
    shapes = [np.shape(x) for x in inputs if isinstance(x, Tensor | np.ndarray)]
    if len(shapes) != 2:
        return 1
    a, b = shapes
    if name == "outer":
        return math.prod(a) * math.prod(b)
    if name in ("dot", "inner", "vdot"):
        return math.prod(a[:-1]) * math.prod(b) // max(1, b[-1] if len(b) == 1 or name != "dot" else b[-2])
    try:
        stacked = math.prod(np.broadcast_shapes(a[:-2], b[:-2]))
    except ValueError:
        return 1
    return stacked * (a[-2] if len(a) > 1 else 1) * (b[-1] if len(b) > 1 else 1)


def _array(value: Any, what: str) -> np.ndarray:
    """Turn a number or nested lists of numbers into an array."""
    try:
        array = np.array(value)
    except (ValueError, TypeError, OverflowError):
        raise CommandError(
            f"{what}: its rows differ in length, or are no numbers; write lists such as [[1,2],[3,4]]"
        ) from None
    if array.dtype.kind not in "biuf":
        raise CommandError(f"{what} is no number; write numbers, or lists such as [[1,2],[3,4]]")
    return array


def _near(name: str) -> str:
    import difflib

    found = difflib.get_close_matches(name[:TEXT], FUNCTIONS, 1)
    return f" (did you mean {found[0]}?)" if found else ""


def _shown(node: ast.AST, text: str) -> str:
    return _cut(ast.get_source_segment(text, node) or type(node).__name__)


def _cut(text: str, n: int = 60) -> str:
    return text if len(text) <= n else f"{text[: n - 1]}…"
