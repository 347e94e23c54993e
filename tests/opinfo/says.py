"""The table, and what its entries share."""

import numpy as np

MAP = {}


def says(*names):
    """Enter a function into the table under torch's names."""

    def take(f):
        for n in names:
            MAP[n] = f
        return f

    return take


def same(names, *modules):
    """Enter functions that take the same arguments in NumPy (or SciPy): ``torch_name`` or ``torch_name=numpy_name``."""
    for name in names.split():
        theirs, _, ours = name.partition("=")
        ours = ours or theirs.rpartition(".")[2]
        MAP[theirs] = next(getattr(m, ours) for m in modules if hasattr(m, ours))


def axis_of(dim):
    return tuple(dim) if isinstance(dim, (list, tuple)) else dim


def sizes_of(args):
    return tuple(args[0]) if len(args) == 1 and isinstance(args[0], (list, tuple)) else tuple(args)


def float_of(dtype):
    return None if dtype is None else np.dtype(str(dtype).removeprefix("torch."))
