"""Libraries that only some functions need."""

import importlib
from typing import Any

DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def load(module: str, operation: str) -> Any:
    """Import a module of an optional library, or raise one ImportError that says how to install it.

    >>> load("nowhere.inside", "digits")
    Traceback (most recent call last):
    ModuleNotFoundError: digits: needs nowhere, which is not installed; pip install "tinygrad_nn[all]"
    """
    library = module.split(".")[0]
    try:
        importlib.import_module(library)
    except ModuleNotFoundError as problem:
        if problem.name != library:
            raise  # installed, but something of its own is missing: its message says more
        name = DISTRIBUTIONS.get(library, library)
        message = f'{operation}: needs {name}, which is not installed; pip install "tinygrad_nn[all]"'
        raise ModuleNotFoundError(message, name=library) from None
    return importlib.import_module(module)
