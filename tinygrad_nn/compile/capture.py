"""What a function closes over: the variables of its scope and the globals that it reads, looked at from outside."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Iterator
from typing import Any

from numpy import ndarray

from ..walk import Node

#: How deep containers and objects are looked into.
DEPTH = 6


def functions(f: Any) -> Iterator[Any]:
    """Give the plain functions behind a callable: itself, what a partial, method or transform wraps, inner ones."""
    seen: set[int] = set()
    stack = [f]
    while stack:
        g = stack.pop()
        if id(g) in seen:
            continue
        seen.add(id(g))
        if isinstance(g, functools.partial):
            stack.append(g.func)
        elif isinstance(g, types.MethodType):
            stack.append(g.__func__)
        elif isinstance(g, types.FunctionType):
            yield g
            for cell in g.__closure__ or ():
                value = _content(cell)
                if isinstance(value, (types.FunctionType, types.MethodType, functools.partial)):
                    stack.append(value)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def global_names(code: Any) -> Iterator[str]:
    """Give the names of globals that a function's code and the code inside it use."""
    stack = [code]
    while stack:
        c = stack.pop()
        yield from [i.argval for i in dis.get_instructions(c) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
        stack += [k for k in c.co_consts if isinstance(k, types.CodeType)]


def attribute_names(code: Any) -> Iterator[str]:
    """Give the names of attributes (and of other things) that a function's code and the code inside it use."""
    stack = [code]
    while stack:
        c = stack.pop()
        yield from c.co_names
        stack += [k for k in c.co_consts if isinstance(k, types.CodeType)]


def variables(f: Any) -> Iterator[tuple[str, Any]]:
    """Give name and value of what a function closes over, its defaults and its object."""
    if isinstance(f, types.MethodType):
        yield "", f.__self__
    elif isinstance(f, functools.partial):
        for i, v in enumerate(f.args):
            yield f"argument_{i}", v
        for k in f.keywords:
            yield k, f.keywords[k]
    elif not isinstance(f, types.FunctionType):
        yield "", f
    for g in functions(f):
        for name, cell in zip(g.__code__.co_freevars, g.__closure__ or (), strict=True):
            yield name, _content(cell)
        space = g.__globals__
        for name in dict.fromkeys(global_names(g.__code__)):
            if name in space:
                yield name, space[name]
        for i, v in enumerate(g.__defaults__ or ()):
            yield f"default_{i}", v


def _attributes(x: Any) -> dict[str, Any]:
    """Give an object's own attributes, without running code of its class."""
    try:
        found = object.__getattribute__(x, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def holdings(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Give the tensors, arrays and modules in a value, by paths such as ``model.0.weight``."""
    stack: list[tuple[str, Any, int]] = [(name, value, 0)]
    seen: set[int] = set()
    while stack:
        path, v, depth = stack.pop()
        if isinstance(v, (Node, ndarray)):
            yield path, v
            continue
        if id(v) in seen or depth > DEPTH:
            continue
        seen.add(id(v))
        if hasattr(type(v), "named_parameters"):
            yield path, v
            for k, p in (*v.named_parameters(), *v.named_buffers()):
                yield f"{path}.{k}" if path else k, p
        elif "param_groups" in _attributes(v):
            yield path, v
            for i, group in enumerate(v.param_groups):
                stack.append((f"{path}.{i}", group["params"], depth + 1))
        elif type(v) is dict:
            stack += [(f"{path}.{k}", x, depth + 1) for k, x in reversed(list(v.items())[:1000])]
        elif type(v) in (list, tuple):
            stack += [(f"{path}.{i}", x, depth + 1) for i, x in reversed(list(enumerate(v[:1000])))]
        elif _attributes(v) and not isinstance(v, (type, types.ModuleType, types.FunctionType, types.MethodType)):
            stack += [(f"{path}.{k}", x, depth + 1) for k, x in reversed(list(_attributes(v).items())[:1000])]


def captured(f: Any) -> dict[str, Any]:
    """Give the tensors, arrays and modules that a function closes over, by paths."""
    found: dict[str, Any] = {}
    for name, value in variables(f):
        for path, v in holdings(name, value):
            found.setdefault(path, v)
    return found
