"""The command ``tinygrad-nn``: one file for each of its commands.

A command is a module with ``add(commands)``, which adds its parser to argparse's subparsers and sets the defaults
``command`` (its name) and ``run`` (a function of the parsed options that gives the exit code). ``run`` raises
CommandError, or any ValueError, OSError or ImportError, for what the user can mend: that is one line on standard error
and the exit code 2.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from .. import __version__
from ..parallel import launched, launched_rank
from . import bench, check, course, draw, evaluate, launch, predict, train
from .options import CommandError, Parser

COMMANDS = (train, predict, evaluate, check, draw, course, bench, launch)

BAD_INPUT = 2
INTERRUPTED = 128 + signal.SIGINT
NOBODY_READS = 141  # 128 + SIGPIPE, a signal that Windows lacks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code: 0, 2 for bad input, 130 for Ctrl-C.

    >>> main(["train", "digits", "--epochs", "0"])
    2
    """
    parser = Parser(
        prog="tinygrad-nn",
        description="Train neural networks that check and draw themselves.",
        epilog="tinygrad-nn COMMAND --help says more about a command.",
    )
    parser.add_argument("--version", action="version", version=f"tinygrad-nn {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    for command in COMMANDS:
        command.add(commands)
    who = parser.prog
    try:
        try:
            options = parser.parse_args(arguments)
            who = f"{parser.prog} {options.command}"
            with _ended_as_by_an_exception():
                code: int = options.run(options)
        finally:
            sys.stdout.flush()
    except SystemExit as end:  # argparse, after --help, --version or a wrong option
        return end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        _complain(who, "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; what is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except (CommandError, ValueError, OSError, ImportError, ArithmeticError, MemoryError) as problem:
        _complain(who, str(problem) or type(problem).__name__)
        return BAD_INPUT
    return code


def _complain(who: str, message: str) -> None:
    """Write one line to standard error, whatever the message holds."""
    rank = launched_rank()
    line = f"{who}{'' if rank is None else f' on rank {rank} of {launched()}'}: {' '.join(message.split())}\n"
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(line.encode(encoding, "backslashreplace").decode(encoding))


@contextmanager
def _ended_as_by_an_exception() -> Iterator[None]:
    """Let SIGTERM end the program as an exception does, so that nothing half-written is left."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
