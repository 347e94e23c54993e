"""The command ``course``: list the chapters, open the built pages, or run a chapter in the terminal."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path
from typing import Any

from .chapters import chapters, folder, title
from .lesson import Lesson
from .options import CommandError


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "course",
        help="learn automatic differentiation, chapter by chapter",
        description="List the chapters of the course, or run one in the terminal: its text, its code and what it says.",
        epilog="tinygrad-nn course 1 runs chapter 1: Enter goes on, exercises take your answers and check them, "
        "Ctrl-D ends it. Where nobody types, it runs through and shows the answers.",
    )
    parser.add_argument("chapter", nargs="?", type=int, help="the number of the chapter to run")
    parser.add_argument("--open", action="store_true", help="open the page that `make docs` built in the browser")
    parser.add_argument(
        "--no-pause", action="store_true", help="run through, answers included, without waiting for you"
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="where pictures go; otherwise a temporary folder"
    )
    parser.set_defaults(command="course", run=course)


def course(options: argparse.Namespace) -> int:
    """Run the command with its options."""
    found = chapters()
    number = options.chapter
    if number is not None and number not in found:
        raise CommandError(f"there is no chapter {number}; the chapters are {min(found)} to {max(found)}")
    if options.open:
        page = built(found[number].stem if number is not None else "index")
        webbrowser.open(page.as_uri())
        print(page)
        return 0
    if number is None:
        for path in found.values():
            print(title(path))
        print("\ntinygrad-nn course NUMBER runs a chapter here; --open shows the built pages in the browser.")
        return 0
    try:
        Lesson(found[number], sys.stdin.isatty() and not options.no_pause, options.pictures).show()
    except ModuleNotFoundError as problem:
        if problem.name is None:  # the library's own, which says what to install
            raise
        raise CommandError(f'this chapter needs {problem.name}: pip install "tinygrad_nn[all]"') from None
    except EOFError:  # Ctrl-D instead of Enter
        print()
    return 0


def built(name: str) -> Path:
    """Give the file of a built page: of the checkout that the package is in, or of the one that this is run in."""
    for docs in (folder().parent, Path.cwd() / "docs"):
        page = docs / "_build" / "html" / "course" / f"{name}.html"
        if page.is_file():
            return page
    raise CommandError(
        "there are no built pages here: run `make docs` in a checkout and open them from there, or run a chapter in "
        "the terminal with `tinygrad-nn course 1`"
    )
