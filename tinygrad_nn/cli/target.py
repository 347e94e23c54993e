"""A function in a script or module, named on the command line: ``script.py:function`` or ``package.module:name``."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from types import ModuleType
from typing import Any

from .options import CommandError

FORM = "write SCRIPT.py:FUNCTION or MODULE:FUNCTION"


class Target:
    """The two halves of a target, around its last colon: a path may hold others (``C:\\model.py:loss``)."""

    def __init__(self, text: str) -> None:
        where, colon, name = text.rpartition(":")
        if not colon or not _is_name(name):
            if name and where.endswith(".py"):
                raise CommandError(f"{name!r} is no name of a function; {FORM}")
            # No function: an empty name, or the colon belongs to the path.
            where, name = (where, "") if colon and not name else (text, "")
        if not where:
            raise CommandError(f"{text!r} names no script or module; {FORM}")
        self.where = where
        self.name = name

    def load(self) -> Any:
        """Import the script or module and give the function."""
        found = self.find()[0]
        if not callable(found):
            raise CommandError(f"{self.where}:{self.name} is no function but {type(found).__name__}")
        return found

    def find(self) -> tuple[Any, ModuleType]:
        """Import the script or module and give what the name stands for, whatever it is, and the module."""
        module = self._module()
        if not self.name:
            names = _functions(module)
            known = f"; it has {', '.join(names)}" if names else ""
            raise CommandError(f"{self.where}: name the function after a colon, as in {self.where}:f{known}")
        found: Any = module
        for part in self.name.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                known = ", ".join(_functions(module)) or "no functions"
                raise CommandError(f"{self.where} has no {self.name!r}; it has {known}") from None
        return found, module

    def _module(self) -> ModuleType:
        path = self.where
        is_path = path.endswith(".py") or os.sep in path or "/" in path or "\\" in path or os.path.exists(path)
        if is_path and not (os.path.isdir(path) and path.isidentifier()):
            return _from_file(path)
        if not _is_name(path):
            raise CommandError(f"{path!r} is neither a .py file nor the name of a module; {FORM}")
        if "" not in sys.path and os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        return _run(path, lambda: importlib.import_module(path))


def _is_name(text: str) -> bool:
    return False not in [part.isidentifier() for part in text.split(".")]


def _from_file(path: str) -> ModuleType:
    if os.path.isdir(path):
        raise CommandError(f"{path} is a folder; give a .py file in it, or a module by its dotted name")
    if not os.path.exists(path):
        raise CommandError(f"{path}: there is no such file")
    if not path.endswith(".py"):
        raise CommandError(f"{path} is no .py file")
    folder, file = os.path.split(os.path.abspath(path))
    # A name that no import can mean, so that a script called random.py takes no other module's place.
    spec = importlib.util.spec_from_file_location(f"{file.removesuffix('.py')} (checked)", os.path.join(folder, file))
    assert spec is not None
    loader = spec.loader
    assert loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as `python script.py` does

    def execute() -> ModuleType:
        loader.exec_module(module)
        return module

    return _run(path, execute)


def _run(where: str, load: Any) -> ModuleType:
    try:
        return load()
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if where == missing or where.startswith(missing + "."):
            raise CommandError(
                f"there is no module {missing!r} here; give a .py file or a module that imports"
            ) from None
        raise CommandError(complaint(f"importing {where}", error)) from error
    except (Exception, SystemExit) as error:
        raise CommandError(complaint(f"importing {where}", error)) from error


def complaint(who: str, error: BaseException) -> str:
    """Say in one line what went wrong in the user's code, and where."""
    text = " ".join(str(error).split())
    if text.startswith(("gradcheck: ", "check_graph: ")):
        return text
    if isinstance(error, SystemExit):
        text = f"the program ended itself ({error.code})"
    else:
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if not f.filename.startswith((ours, "<")) and "importlib" not in f.filename
    ]
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{who}: {text}{place}"


def _functions(module: ModuleType) -> list[str]:
    """Give the functions that a module defines itself."""
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
