"""Open files without surprises, and write them whole or not at all."""

import os
import secrets
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from io import BufferedReader

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def open_regular(path: Path, operation: str, error: type[Exception]) -> BufferedReader:
    """Open a regular file for reading in binary.

    A missing file, a folder, a pipe or a device (which could block or never end) raises `error`; its message starts
    with the name of the `operation`.

    >>> open_regular("nowhere.bin", "read", ValueError)
    Traceback (most recent call last):
    ValueError: read: cannot open 'nowhere.bin': No such file or directory
    """
    name = os.fsdecode(path)
    # A pipe without a writer would block for ever; a regular file does not know the flag.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(name, flags)
    except (OSError, ValueError) as problem:  # ValueError: a NUL, or characters that no file name can hold
        raise error(f"{operation}: cannot open {name!r}: {_reason(problem)}") from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
    raise error(f"{operation}: {name!r} is {kind}; give the path of a file on disk")


def write_atomically(path: Path, parts: Iterable[bytes | memoryview], operation: str, error: type[Exception]) -> None:
    """Write the `parts` one after another as the file at `path`, all of them or nothing.

    They go to a temporary file in the same folder, reach the disk, and only then take the place of the old file, so
    that a reader, a crash or a full disk meets the old content or the new, never a mixture. The path is taken as it
    is given; where it is a symbolic link, the link stays and its target is written. An existing file keeps its
    permissions. Whatever fails raises `error` and leaves no temporary file; a killed process may leave one
    (`.*.tmp`).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(f"{folder}/greeting", [b"hello, ", b"world"], "write", ValueError)
    ...     with open_regular(f"{folder}/greeting", "read", ValueError) as file:
    ...         (os.listdir(folder), file.read())
    (['greeting'], b'hello, world')
    """
    name = os.fsdecode(path)
    try:
        target, mode = _target(name)
        folder = os.path.dirname(target)
        temporary = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
        try:
            with open(temporary, "xb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                os.chmod(temporary, mode)
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except (OSError, ValueError) as problem:
        raise _refused(name, problem, operation, error) from None
    _sync_folder(folder)


def check_writable(path: Path, operation: str, error: type[Exception]) -> None:
    """Raise now what ``write_atomically`` would raise at this path later; nothing is written.

    >>> check_writable("nowhere/a", "write", ValueError)
    Traceback (most recent call last):
    ValueError: write: cannot write 'nowhere/a': No such file or directory; choose a file in a folder that is writable
    """
    name = os.fsdecode(path)
    try:
        with tempfile.TemporaryFile(dir=os.path.dirname(_target(name)[0])):
            pass
    except (OSError, ValueError) as problem:
        raise _refused(name, problem, operation, error) from None


def _refused(name: str, problem: OSError | ValueError, operation: str, error: type[Exception]) -> Exception:
    return error(f"{operation}: cannot write {name!r}: {_reason(problem)}; choose a file in a folder that is writable")


def _target(name: str) -> tuple[str, int | None]:
    """Return the file that a path leads to, through links, and the permissions that it has if it exists."""
    if not os.path.basename(name):
        raise OSError(None, "the path names a folder, not a file")
    target = os.path.realpath(name)
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return target, None
    if not stat.S_ISREG(mode):  # a file in the place of /dev/null would break the machine
        raise OSError(None, "it is a folder" if stat.S_ISDIR(mode) else "it is no regular file")
    if not os.access(target, os.W_OK):
        raise PermissionError(None, "the file that is there is write-protected")
    return target, stat.S_IMODE(mode)


def _sync_folder(folder: str) -> None:
    # The new name is durable once its folder is; systems that cannot sync a folder lose nothing but that.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _reason(problem: OSError | ValueError) -> str:
    return (problem.strerror if isinstance(problem, OSError) else None) or str(problem)
