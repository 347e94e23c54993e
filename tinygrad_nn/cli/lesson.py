"""A chapter of the course in the terminal: its text, its code and pictures, and exercises that it checks."""

from __future__ import annotations

import codeop
import io
import os
import re
import shutil
import sys
import tempfile
import textwrap
from contextlib import chdir, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from ..draw.render import RendererNotFound
from .chapters import flaw, parts, run

YOUR_TURN = "Your turn: type Python; an empty line checks it, and with nothing typed shows the answer."
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_LISTED = re.compile(r"[-*] |\d+\. ")


class Lesson:
    """One run of a chapter: with ``pause`` it waits for Enter and lets the reader answer, otherwise it runs through.

    Pictures go into ``folder``, or into a new temporary one, and their paths are printed.
    """

    def __init__(self, path: Path, pause: bool, folder: Path | None = None) -> None:
        self.path = path
        self.pause = pause
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def show(self) -> None:
        """Go through the chapter, in the folder of the pictures: a cell may write a file."""
        os.environ.setdefault("MPLBACKEND", "agg")  # pictures go into files: no window, and no screen needed
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="tinygrad_nn-course-"))
        self.folder = self.folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with chdir(self.folder):
                self._walk()
        finally:
            if not any(self.folder.iterdir()):
                self.folder.rmdir()

    def _walk(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a superscript is not worth an error
        if self.pause:
            with suppress(ImportError):
                import readline  # noqa: F401  (input() edits lines with it)
            print("Enter goes on, Ctrl-D ends.\n")
        found = list(parts(self.path.read_text(encoding="utf-8")))
        for number, part in enumerate(found):
            where = f"{self.path.name}, cell {number}"
            if part.kind == "prose":
                print(wrapped(part.text, _columns()), end="\n\n")
            elif part.kind == "code":
                if self.pause:
                    input("[Enter] ")
                self.say(part.text)
                self.output(part.text, number)
            elif part.kind == "answer":
                if self.pause:
                    self.ask(found[number + 1].text, where)
                print("An answer:\n")
                self.say(part.text)
                self.output(part.text, number)
            else:
                run(part.text, self.names, where)

    def say(self, code: str) -> None:
        """Print the code of a cell."""
        print(textwrap.indent(code.rstrip("\n"), "    "), end="\n\n")

    def ask(self, check: str, where: str) -> None:
        """Let the reader type an answer, until the check holds of it or the reader wants to see ours."""
        print(wrapped(YOUR_TURN, _columns()))
        names, typed = dict(self.names), False
        while True:
            code = statement()
            if code is None:
                continue
            if code:
                typed = execute(code, names) or typed
                continue
            if not typed:
                break
            problem = flaw(check, names, where)
            if problem is None:
                print("Right.\n")
                break
            print(f"Not yet: {problem}")
            typed = False

    def output(self, code: str, number: int) -> None:
        """Run a cell, print what it prints and gives, and keep its pictures."""
        printed = io.StringIO()
        with redirect_stdout(printed):
            value = run(code, self.names, f"{self.path.name}, cell {number}")
        if said := printed.getvalue().rstrip("\n"):
            print(said, end="\n\n")
        for file in self._pictures(value, f"{self.path.stem[:2]}-{number}"):
            print(f"[picture: {file}]", end="\n\n")
        if value is not None and not hasattr(value, "path") and not hasattr(value, "savefig"):
            pictured = hasattr(value, "_repr_mimebundle_") or hasattr(value, "_repr_html_")
            text = str(value) if pictured else repr(value)
            print(narrowed(text, _columns()) if pictured and sys.stdout.isatty() else text, end="\n\n")

    def _pictures(self, value: Any, name: str) -> list[Path]:
        """Write the graph that a cell drew and the figures that it plotted; give the files."""
        files = [Path(value.path).resolve()] if hasattr(value, "path") else []
        if hasattr(value, "svg"):
            file = Path(f"{name}.svg").resolve()
            try:
                value.save(file)
                files.append(file)
            except RendererNotFound as problem:  # the table that is printed anyway shows the same graph
                print(wrapped(f"[no picture: {problem}]", _columns()), end="\n\n")
        if hasattr(value, "savefig"):
            files.append(Path(f"{name}-plot.svg").resolve())
            value.savefig(files[-1])
        plt: Any = sys.modules.get("matplotlib.pyplot")
        for i in plt.get_fignums() if plt is not None else ():
            files.append(Path(f"{name}-plot-{i}.svg").resolve())
            plt.figure(i).savefig(files[-1])
            plt.close(i)
        return files


def statement() -> str | None:
    """Read one statement, of several lines if it needs them: "" for an empty line, None for a faulty one."""
    lines: list[str] = []
    while True:
        lines.append(input("... " if lines else ">>> "))
        code = "\n".join(lines)
        if not code.strip():
            return ""
        try:
            if codeop.compile_command(code, "<answer>", "single") is not None:
                return code
        except (SyntaxError, ValueError, OverflowError) as problem:
            print(f"{type(problem).__name__}: {problem}")
            return None


def execute(code: str, names: dict[str, Any]) -> bool:
    """Run a statement of the reader as Python's own prompt does; say what it raises, and give whether it went well."""
    try:
        exec(compile(code, "<answer>", "single"), names)
    except SystemExit:
        raise EOFError from None  # exit() ends the chapter, as Ctrl-D does
    except (Exception, KeyboardInterrupt) as problem:
        print(f"{type(problem).__name__}: {problem}".removesuffix(": "))
        return False
    return True


def wrapped(prose: str, columns: int) -> str:
    """Set Markdown in lines of at most so many columns: tables and code stay as they are, links lose their addresses.

    >>> print(wrapped("One [two](three.md) three\\nfour.\\n\\n- five six seven", 12))
    One two
    three four.
    <BLANKLINE>
    - five six
      seven
    """
    blocks = []
    for block in re.split(r"\n\s*\n", _LINK.sub(r"\1", prose)):
        if block.lstrip().startswith(("|", "```", "#")):
            blocks.append(block)
            continue
        items: list[str] = []
        for line in block.splitlines():
            if not items or _LISTED.match(line):
                items.append(line)
            else:
                items[-1] += " " + line.strip()
        filled = []
        for item in items:
            listed = _LISTED.match(item)
            hang = " " * listed.end() if listed else ""
            filled.append(
                textwrap.fill(item, columns, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
            )
        blocks.append("\n".join(filled))
    return "\n\n".join(blocks)


def narrowed(table: str, columns: int) -> str:
    """Leave out columns of a table, those first that say least, and cut what is still too long for a terminal.

    >>> print(narrowed("name  dtype    value\\n----  -------  -----\\nx     float64  2.0\\n1 node", 12))
    name  value
    ----  -----
    x     2.0
    1 node
    """
    lines = table.splitlines()
    ruled = len(lines) > 1 and set(lines[1]) == {"-", " "}
    for name in ("dtype", "saved", "shape") if ruled else ():
        if max(map(len, lines[:-1])) <= columns:
            break
        for span in re.finditer(r"-+ *", lines[1]):
            if lines[0][slice(*span.span())].strip() == name:
                start, end = span.span()
                lines[:-1] = [(line[:start] + line[end:]).rstrip() for line in lines[:-1]]
                break
    return "\n".join([line if len(line) <= columns else line[: columns - 1] + "…" for line in lines])


def _columns() -> int:
    return max(40, min(100, shutil.get_terminal_size().columns))
