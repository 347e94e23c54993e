"""The folder of a run: checked before the work, filled beside its place, and put there when everything is in it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from .options import CommandError

#: The file that marks a folder as ours, by its first word.
REPORT = "report.txt"
MARK = b"tinygrad_nn "


class RunFolder:
    """A context that gives a folder to write to, and moves its files to ``out`` at the end if nothing failed.

    ``out`` may be missing (it appears at once with all its files), empty, or the folder of an earlier run: then files
    are replaced one by one, those in ``names`` that this run has not written are removed, and others are left alone. A
    folder of somebody else is refused. CommandError, before anything was done, where ``out`` cannot be written.
    """

    def __init__(self, out: str, names: Collection[str]) -> None:
        self.out = out
        self._names = names
        self._made: list[Path] = []
        self.path = Path()

    def __enter__(self) -> Path:
        if not self.out:
            raise CommandError("cannot write to '': the path is empty; give another --out")
        try:
            self._enter()
        except (OSError, ValueError) as problem:
            self._undo()
            reason = getattr(problem, "strerror", None) or problem
            raise CommandError(f"cannot write to {self.out!r}: {reason}; give another --out") from None
        except BaseException:
            self._undo()
            raise
        return self.path

    def _enter(self) -> None:
        target = Path(self.out)
        if os.path.lexists(target):
            if not target.is_dir():
                raise OSError(None, "it is not a folder")
            _check_ours(target)
            self.path = target / f".{secrets.token_hex(8)}.tmp"
        else:
            missing = [p for p in target.absolute().parents if not p.exists()]
            for parent in reversed(missing):
                parent.mkdir()
                self._made.append(parent)
            self.path = target.absolute().parent / f".{target.name}.{secrets.token_hex(8)}.tmp"
        self.path.mkdir()
        self._made.append(self.path)

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._undo()
            return
        try:
            self._put()
        except OSError as failure:
            self._undo()
            raise CommandError(
                f"cannot write to {self.out!r}: {failure.strerror or failure}; give another --out"
            ) from None

    def _put(self) -> None:
        target = Path(self.out)
        # The run itself may have made it meanwhile, for its checkpoints.
        if not os.path.lexists(target):
            self.path.rename(target)
            return
        written = sorted(os.listdir(self.path), key=lambda name: name == REPORT)
        for name in written:
            os.replace(self.path / name, target / name)
        for name in set(self._names) - set(written):
            with suppress(FileNotFoundError):
                os.remove(target / name)
        self.path.rmdir()

    def _undo(self) -> None:
        """Remove what was begun, and the folders that were made for it."""
        for folder in reversed(self._made):
            if folder == self.path:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                with suppress(OSError):
                    folder.rmdir()


def _check_ours(folder: Path) -> None:
    """Raise CommandError where a folder holds files and no report of ours."""
    try:
        with open(folder / REPORT, "rb") as file:
            if file.read(len(MARK)) == MARK:
                return
    except (FileNotFoundError, IsADirectoryError):
        pass
    if content := sorted(os.listdir(folder)):
        raise CommandError(
            f"{str(folder)!r} holds {content[0]!r} and no run of tinygrad-nn; give another --out, or empty it first"
        )
