"""Directives of the reference pages: ``api`` lists and documents public names, ``command`` shows the help of a command.

``api`` names each thing once; the table of one-line summaries and the entries come from the docstrings::

    .. api:: tinygrad_nn

       grad
       hessian

``:members:`` documents the methods of the classes too. With ``:table:`` there are no entries, and the words of the
table stand in the page, as ``name: words``: for numbers, and for other names of the same thing.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import re
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from sphinx.util.parsing import nested_parse_to_nodes

#: Python documents the members of these.
OUTSIDE = "object, Exception, Warning, str, dict, list, tuple, Mapping, Sequence"


class Api(SphinxDirective):
    """Document public names of one module."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"members": directives.flag, "table": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Give the table of summaries, then an entry for each name."""
        module = self.arguments[0]
        named = [line.strip().partition(": ") for line in self.content if line.strip()]
        if not named:
            raise self.error(f"api: name what to document of {module}, one name a line")
        lines = [f".. currentmodule:: {module}", ""]
        if "table" in self.options:
            lines += [".. list-table::", ""]
            for name, _, words in named:
                lines += [f"   * - ``{name}``", f"     - {words}"]
        else:
            lines += [".. autosummary::", "   :nosignatures:", "", *[f"   {name}" for name, _, _ in named]]
            for name, _, _ in named:
                lines += ["", *self.entry(module, name)]
        where = self.get_source_info()[0]
        return nested_parse_to_nodes(self.state, StringList(lines, source=where), source=where, offset=0)

    def entry(self, module: str, name: str) -> list[str]:
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as problem:
            raise self.error(f"api: {problem}") from None
        if isinstance(found, type):
            members = ["   :members:", f"   :inherited-members: {OUTSIDE}"]
            return [f".. autoclass:: {name}", *(members if "members" in self.options else [])]
        return [f".. autofunction:: {name}"] if callable(found) else [f".. autodata:: {name}", "   :no-value:"]


class Command(SphinxDirective):
    """Show what ``tinygrad-nn COMMAND --help`` says."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Give the help as a block of text."""
        text = help_of(*self.arguments)
        block = nodes.literal_block(text, text, language="none")
        return [block]


def help_of(*command: str) -> str:
    """Give the help of a command, or of the program, for lines of 82 characters."""
    from tinygrad_nn.cli import main

    said = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "84"
    try:
        with contextlib.redirect_stdout(said):
            code = main([*command, "--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    if code:
        raise ValueError(f"tinygrad-nn {' '.join(command)} --help ended with {code}")
    return inspect.cleandoc(said.getvalue())


def is_foreign(app: Any, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the methods that a class has from scikit-learn, whose manual documents them."""
    return True if (getattr(member, "__module__", None) or "").startswith("sklearn.") else None


def without_environment(
    app: Any, what: str, name: str, thing: Any, options: Any, signature: str | None, result: str | None
) -> tuple[str | None, str | None]:
    """Write a default as os.environ, not as what the environment holds where the pages are built."""
    return re.sub(r"environ\(\{.*\}\)", "os.environ", signature or "", flags=re.S) or signature, result


def setup(app: Any) -> dict[str, bool]:
    """Register the directives with Sphinx."""
    app.add_directive("api", Api)
    app.add_directive("command", Command)
    app.connect("autodoc-skip-member", is_foreign)
    app.connect("autodoc-process-signature", without_environment)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
