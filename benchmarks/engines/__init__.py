"""The engines that are measured: which module each needs, and why one is left out here."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass


@dataclass(frozen=True)
class EngineSpec:
    """An engine of the tables: the file ``<file>_engine.py`` and the form of it."""

    file: str
    needs: str
    variant: str = ""
    about: str = ""
    growth: bool = True
    """Whether the growth tables have it."""


ENGINES = {
    "numpy": EngineSpec("numpy", "numpy", about="written by hand as a good programmer would, backward pass included"),
    "tinygrad_nn": EngineSpec("tinygrad_nn", "tinygrad_nn", about="eager"),
    "tinygrad_nn.compile": EngineSpec("tinygrad_nn", "tinygrad_nn", "compile", "the whole step under tg.compile"),
    "torch": EngineSpec("torch", "torch", about="eager"),
    "torch.compile": EngineSpec("torch", "torch", "compile", "the loss under torch.compile", growth=False),
    "jax": EngineSpec("jax", "jax", about="the whole step under jit; W5 to W7 are loops of lax.scan"),
    "autograd": EngineSpec("autograd", "autograd"),
    "mygrad": EngineSpec("mygrad", "mygrad"),
}

BASE = "numpy"


def why_not(name: str) -> str | None:
    """Give the reason why an engine cannot be measured here, or None."""
    spec = ENGINES[name]
    if importlib.util.find_spec(spec.needs) is None:
        return f'{spec.needs} is not installed; pip install "tinygrad_nn[bench]"'
    if name == "torch.compile":
        compiler = os.environ.get("CXX") or ("cl" if platform.system() == "Windows" else "g++")
        if not any(shutil.which(c) for c in (compiler, "clang++")):
            return f"it needs a C++ compiler, and neither {compiler} nor clang++ is there"
    return None
