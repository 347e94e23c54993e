"""Turn DOT text into a picture with the Graphviz that is at hand: `dot` on the PATH, or else the pygraphviz wheel.

Both run in a child process with a time limit. For `dot` that is the only way; pygraphviz could be imported, but its C
code cannot be interrupted (3000 nodes with labels on the edges: 80 s) and takes the process down with it when it
crashes (Graphviz 14: an edge label that begins with a line break). The child costs 30 ms for 20 nodes, 8 of them to
start Python. Other measurements, one core: 0.16 s for 200 nodes, 0.5 s for 1000, 57 MB; a chain of 5000, 0.3 s.
"""

import importlib.util
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .fonts import lend_fonts
from .labels import visible

# What complete output of each format begins and ends with, whitespace aside: a renderer may fail and still report
# success, and half a picture is never handed out.
_FRAMES = {
    "svg": (b"<?xml", b"</svg>"),
    "png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    "pdf": (b"%PDF-", b"%%EOF"),
    "json": (b"{", b"}"),
}
FORMATS = tuple(_FRAMES)

# Cairo writes the present time into a PDF. Graphviz asks it for SOURCE_DATE_EPOCH instead, which the cairo in the
# wheel ignores. The time that takes its place is of the same length, so that the offsets in the file stay true.
_DATE = re.compile(rb"(/CreationDate \(D:)\d{14}")

# How to get each renderer, in the order in which they are tried.
_REMEDIES = {"dot": "apt install graphviz", "pygraphviz": 'pip install "tinygrad_nn[pictures]"'}
BACKENDS = tuple(_REMEDIES)

# Said on stderr whatever happens: the fontconfig in the wheel reads newer configuration files than it knows, and
# pygraphviz warns that a graph of more than 1000 nodes may take long.
_NOISE = ("Fontconfig warning:", "Warning: graph has ")

_CHILD = Path(__file__).with_name("_render_child.py")


class RendererNotFound(RuntimeError):
    """Say that no Graphviz is at hand, and how to get one."""


class RenderError(RuntimeError):
    """Say that a renderer failed, with the first line of its complaint, or took too long."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Hold a picture, the renderer that drew it ("dot" or "pygraphviz"), and what that renderer had to say."""

    data: bytes
    format: str
    backend: str
    messages: tuple[str, ...] = ()


def available(backend: str | None = None) -> list[str]:
    """List the renderers that are at hand, in the order in which they are tried; with `backend`, that one or none.

    ValueError for a renderer that does not exist at all. Nothing is imported or started to find out.

    >>> set(available()) <= {"dot", "pygraphviz"}
    True
    """
    return [name for name, _ in _commands(backend)]


def render(dot: str, format: str = "svg", backend: str | None = None, timeout: float = 60) -> Rendered:
    """Draw DOT text as "svg", "png", "pdf" or "json" (the layout: Graphviz's JSON with its xdot drawing operations).

    `backend` picks "dot" or "pygraphviz"; None takes the first at hand. A renderer that fails is never silently
    replaced by the next, and what it complains about while it succeeds (a PNG scaled down to fit) is in `messages`.
    Characters that XML cannot hold are drawn as their control pictures (see `visible`). The same text gives the same
    bytes from the same renderer with the same fonts.

    `timeout` is in seconds. Raises ValueError or TypeError for arguments that make no sense, RendererNotFound where
    there is no renderer, and RenderError where it fails or takes longer than `timeout`; then its whole process group
    is ended.

    >>> render("digraph { a -> b }", format="bmp")
    Traceback (most recent call last):
    ValueError: render: unknown format 'bmp'; choose one of svg, png, pdf, json
    """
    if not isinstance(dot, str):
        raise TypeError(f"render: expected DOT text as a str, got {type(dot).__name__}; a Drawing has it as .source")
    if format not in FORMATS:
        raise ValueError(f"render: unknown format {format!r}; choose one of {', '.join(FORMATS)}")
    if not (isinstance(timeout, int | float) and 0 < timeout < math.inf):
        raise ValueError(f"render: timeout must be a positive, finite number of seconds, got {timeout!r}")
    timeout = min(timeout, 1e6)  # a little more and the timers of the system overflow
    commands = _commands(backend)
    if not commands:
        raise RendererNotFound(_advice(format, backend))
    name, command = commands[0]
    command += [f"-T{format}"] if name == "dot" else [format, str(math.ceil(timeout) + 1)]
    with lend_fonts() as (variables, notes):
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", **variables}
        data, messages = _run(name, command, visible(dot).encode(), timeout, environment)
    _check(name, format, data, messages)
    if format == "pdf":
        data = _DATE.sub(rb"\g<1>19700101000000", data)
    return Rendered(data, format, name, (*notes, *messages))


def _commands(backend: str | None) -> list[tuple[str, list[str]]]:
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f"render: unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}, or None for any")
    found = []
    if backend in (None, "dot") and (path := shutil.which("dot")):
        found.append(("dot", [path]))
    if backend in (None, "pygraphviz") and sys.executable and (folder := _folder_of("pygraphviz")):
        # -I and -S: no variable, no site-packages and no .pth file changes what the child runs, and it starts in a
        # third of the time. It is told the one folder to import from, wherever this process has found it.
        found.append(("pygraphviz", [sys.executable, "-I", "-S", str(_CHILD), folder]))
    return found


def _folder_of(module: str) -> str | None:
    """Return the folder that holds a top-level package, without importing it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # ValueError: something without a __spec__ stands in sys.modules
        return None
    return str(Path(spec.origin).parents[1]) if spec and spec.origin else None


def _advice(format: str, backend: str | None) -> str:
    if backend is None:
        return f"render: no Graphviz found to draw {format}; " + " or ".join(reversed(_REMEDIES.values()))
    others = "".join(f", or choose backend={name!r}" for name in available())
    return f"render: backend {backend!r} not found to draw {format}; {_REMEDIES[backend]}{others}"


def _run(
    name: str, command: Sequence[str], data: bytes, timeout: float, environment: Mapping[str, str]
) -> tuple[bytes, tuple[str, ...]]:
    """Run a renderer; return what it drew and the lines of its complaints."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # a process group of its own, so that it can be ended with its children
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as problem:
        raise RenderError(f"render: {name} cannot be started: {problem.strerror}{_alternative(name)}") from None
    try:
        output, errors = process.communicate(data, timeout=timeout)
    except subprocess.TimeoutExpired as late:
        said = "".join(f" ({line})" for line in _lines(late.stderr or b"")[:1])
        raise RenderError(
            f"render: {name} took more than {timeout:g} s{said}; draw less of the graph or give a larger timeout="
        ) from None
    finally:
        _end(process)
    messages = _lines(errors)
    if process.returncode:
        raise RenderError(_failure(name, _status(process.returncode), messages))
    return output, messages


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children if it still runs, and give back its pipes."""
    if process.returncode is None:
        if sys.platform == "win32":
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        else:
            # It has not been waited for, so the number cannot belong to anybody else yet.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        with suppress(OSError):  # closing flushes what nobody will read any more
            assert pipe is not None
            pipe.close()


def _check(name: str, format: str, data: bytes, messages: Sequence[str]) -> None:
    head, tail = _FRAMES[format]
    if not (data.startswith(head) and data.rstrip().endswith(tail)):
        raise RenderError(_failure(name, f"its {len(data)} bytes are no complete {format}", messages))


def _failure(name: str, reason: str, messages: Sequence[str]) -> str:
    said = "".join(f": {line}" for line in messages[:1])
    # Another Graphviz would refuse the same text.
    return f"render: {name} failed ({reason}){said}" + ("" if "syntax error" in said else _alternative(name))


def _alternative(name: str) -> str:
    return "".join(f"; backend={other!r} is at hand, too" for other in available() if other != name)


def _status(code: int) -> str:
    if code > 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"ended by {signal.Signals(-code).name}"
    return f"ended by signal {-code}"


def _lines(errors: bytes) -> tuple[str, ...]:
    lines = (line.strip() for line in errors.decode(errors="replace").splitlines())
    return tuple(visible(line)[:300] for line in lines if line and not line.startswith(_NOISE))
