"""The command ``course``: list the chapters, open the built pages, or run a chapter in the terminal."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path
from typing import Any

from .chapters import chapters, folder, parts, run, title
from .options import CommandError


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "course",
        help="learn automatic differentiation, chapter by chapter",
        description="List the chapters of the course, or run one in the terminal: its text, its code and what it says.",
        epilog="tinygrad-nn course 1 runs the first chapter; Enter goes on, and exercises show their answers last.",
    )
    parser.add_argument("chapter", nargs="?", type=int, help="the number of the chapter to run")
    parser.add_argument("--open", action="store_true", help="open the pages that `make docs` built in the browser")
    parser.add_argument("--no-pause", action="store_true", help="do not wait for Enter before each piece of code")
    parser.set_defaults(command="course", run=course)


def course(options: argparse.Namespace) -> int:
    """Run the command with its options."""
    found = chapters()
    if options.open:
        page = folder().parent / "_build" / "html" / "course" / "index.html"
        if not page.is_file():
            raise CommandError(f"there are no built pages at {page}: run `make docs` in a checkout first")
        webbrowser.open(page.as_uri())
        print(page)
        return 0
    if options.chapter is None:
        for path in found.values():
            print(title(path))
        print("\ntinygrad-nn course NUMBER runs a chapter here; --open shows the built pages in the browser.")
        return 0
    if options.chapter not in found:
        raise CommandError(f"there is no chapter {options.chapter}; the chapters are {min(found)} to {max(found)}")
    show(found[options.chapter], pause=sys.stdin.isatty() and not options.no_pause)
    return 0


def show(path: Path, pause: bool) -> None:
    """Write a chapter to the terminal and run its code on the way."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, part in enumerate(parts(path.read_text(encoding="utf-8"))):
        if part.kind == "prose":
            print(part.text, end="\n\n")
            continue
        if pause:
            input("[Enter: the answer] " if part.hidden else "[Enter] ")
        for line in part.text.splitlines():
            print("    " + line)
        print()
        value = run(part.text, names, f"{path.name}, cell {number}")
        if value is not None:
            pictured = hasattr(value, "_repr_mimebundle_") or hasattr(value, "_repr_html_")
            print(str(value) if pictured else repr(value), end="\n\n")
