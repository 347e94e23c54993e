"""The chapters of the course: where they are, their cells, and how one runs."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```[ \t]*$", re.M | re.S)
_OPTION = re.compile(r"\A(?::[\w-]+:.*\n)+\n?")
_TAGS = re.compile(r"^:tags: \[(.*)\]$", re.M)
_HEAD = re.compile(r"\A---\n.*?^---\n", re.M | re.S)


def folder() -> Path:
    """Give the folder of the chapters: in an installed package beside the modules, in a checkout under docs."""
    with as_file(files("tinygrad_nn")) as package:
        for place in (package / "course", package.parent / "docs" / "course"):
            if place.is_dir():
                return place
    raise FileNotFoundError("the chapters of the course are not installed; they are in docs/course of the project")


def chapters() -> dict[int, Path]:
    """Give the file of every chapter by its number."""
    return {int(path.name[:2]): path for path in sorted(folder().glob("[0-9][0-9]-*.md"))}


@dataclass(frozen=True)
class Part:
    """A stretch of a chapter: ``prose``, or a cell: ``code``, the ``answer`` of an exercise, or its ``check``.

    An exercise asks for names. Its answer sets them, and its check asserts of them what is true of every right answer.
    """

    kind: str
    text: str


def parts(text: str) -> Iterator[Part]:
    """Give the prose and the cells of a chapter in their order."""
    text = _HEAD.sub("", text, count=1)
    place = 0
    for found in _CELL.finditer(text):
        if prose := text[place : found.start()].strip():
            yield Part("prose", prose)
        code = found[1]
        options = _OPTION.match(code)
        tags = _TAGS.search(options[0]) if options else None
        kind = "code"
        if tags and "hide-cell" in tags[1]:
            kind = "check" if "check" in tags[1] else "answer"
        yield Part(kind, code[options.end() :] if options else code)
        place = found.end()
    if prose := text[place:].strip():
        yield Part("prose", prose)


def title(path: Path) -> str:
    """Give the heading of a chapter."""
    found = re.search(r"^# (.*)$", path.read_text(encoding="utf-8"), re.M)
    return found[1] if found else path.stem


def run(code: str, names: dict[str, Any], where: str) -> Any:
    """Run a cell in a namespace and give the value of its last line, if that is an expression, otherwise None."""
    tree = ast.parse(code, where)
    # So that pictures and messages can show the source line of an operation.
    linecache.cache[where] = (len(code), None, code.splitlines(keepends=True), where)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, where, "exec"), names)
    if not isinstance(last, ast.Expr):
        return None
    value = eval(compile(ast.Expression(last.value), where, "eval"), names)
    return None if code.rstrip().endswith(";") else value


def flaw(check: str, names: dict[str, Any], where: str) -> str | None:
    """Say what is wrong with the answers in a namespace, or None if the check of the exercise holds of them.

    >>> flaw("assert n == 3, 'count the leaves'", {"n": 2}, "check"), flaw("assert n == 3", {"n": 3}, "check")
    ('count the leaves', None)
    """
    try:
        run(check, dict(names), where)
    except NameError as problem:
        return f"there is no {problem.name} yet"
    except AssertionError as problem:
        return str(problem) or "not so"
    except Exception as problem:  # whatever a wrong kind of answer leads to
        return f"{type(problem).__name__}: {problem}".splitlines()[0]
    return None
