"""Run the scripts of examples/, which is no package, within the tests' own process."""

import importlib.util
import io
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from threads import one_thread

import tinygrad_nn as tg

FOLDER = Path(__file__).resolve().parents[1] / "examples"


@cache
def example(name):
    """Import a script of examples/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def called(name, *arguments):
    """Call a script's main and give what it returns."""
    with redirect_stdout(io.StringIO()), one_thread():
        return example(name).main([str(a) for a in arguments])


@cache
def made(name):
    """Run a script once for all tests and give (what main returns, its pictures by name: SVG text or None)."""
    with TemporaryDirectory() as folder:
        try:
            found = called(name, "--out", folder)
        except (tg.RendererNotFound, ModuleNotFoundError):  # pictures need extras
            found = called(name)
        paths = sorted(Path(folder).iterdir())
        return found, {p.name: p.read_text(encoding="utf-8") if p.suffix == ".svg" else None for p in paths}


def result(name):
    """Give what a script's main returns."""
    return made(name)[0]
