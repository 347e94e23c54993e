"""Operations that a user declares: what their functions and rules may give back, and errors that name them.

The library's own operations are tested to keep to this; of anybody else's the walkers ask here.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy import ndarray

#: What a rule may stumble over. Raised again in the same type, with the operation's name.
_KINDS = (np.linalg.LinAlgError, OverflowError, ZeroDivisionError, IndexError, ValueError, TypeError, AttributeError)


def frozen(values: Any) -> list[Any]:
    """Give arrays as views that cannot be written to, and anything else as it is."""
    out = []
    for v in values:
        if type(v) is ndarray:
            v = v.view()
            v.flags.writeable = False
        out.append(v)
    return out


def computed(op: Any, values: list[Any], params: dict[str, Any]) -> Any:
    """Run an operation's function on arrays that it cannot write to, and check that it gives one array of numbers."""
    try:
        y = op.fn(*frozen(values), **params)
    except ValueError as e:
        if "read-only" in str(e):
            raise ValueError("the function writes to one of its inputs; let it work on a copy") from None
        raise
    if not op.residual:
        return _numbers(y)
    if not isinstance(y, tuple) or len(y) != 2:
        raise TypeError(f"with residual=True the function must give (result, residual), it gave {_kind(y)}")
    return _numbers(y[0]), y[1]


def _elsewhere(x: Any) -> bool:
    """Tell whether x is an array of another library (or a tensor) rather than NumPy's."""
    return not isinstance(x, (ndarray, np.generic)) and hasattr(type(x), "__array_function__") and hasattr(x, "dtype")


def _numbers(y: Any) -> Any:
    if y is None or isinstance(y, (tuple, dict, set, str)):
        raise TypeError(f"the function gave {_kind(y)}, needed one array; several results go into one, to be sliced")
    a = y if isinstance(y, (ndarray, np.generic)) or _elsewhere(y) else np.asarray(y)
    if a.dtype.kind not in "fiub":
        raise TypeError(f"the function gave dtype {a.dtype}, needed real numbers")
    return a


def gradient(op: Any, which: int, g: Any, saved: tuple[Any, ...]) -> Any:
    """Give what a rule returned for an input as an array, or raise TypeError or ValueError where it cannot be one.

    Its shape may be that of the input broadcast, as the walkers fold it back. A number fits an input without axes.
    """
    shape = saved[1 + which].shape
    if isinstance(g, (float, int)) and shape == ():
        return np.full_like(saved[1 + which], g) if _elsewhere(saved[1 + which]) else np.asarray(g, float)
    if not hasattr(g, "shape"):
        raise TypeError(
            f"{op.name}: the rule of input {which} gave {_kind(g)}, needed an array of the input's shape {shape}: "
            f"the cotangent g times the derivative"
        )
    if _elsewhere(saved[1 + which]) and not _elsewhere(g):
        raise TypeError(
            f"{op.name}: the rule of input {which} gave a {type(g).__name__} for data in a "
            f"{type(saved[1 + which]).__name__}; make it from the inputs, for example with np.ones_like"
        )
    given = g.shape
    if given != shape:
        most = max([v.ndim for v in saved if hasattr(v, "ndim")])
        pairs = zip(reversed(given), reversed(shape), strict=False)
        if len(given) > most or not all(n == m or m == 1 or n == 1 for n, m in pairs):
            raise ValueError(
                f"{op.name}: the rule of input {which} gave shape {given}, which does not fit the input's shape {shape}"
            )
    if g.dtype.kind not in "fiub":
        raise TypeError(f"{op.name}: the rule of input {which} gave dtype {g.dtype}, needed real numbers")
    if type(g) is ndarray and g.base is None and not g.flags.writeable:
        g = g.copy()  # it may become a leaf's grad, which is its owner's to write to
    return g


def guarded(
    op: Any, g: Any, args: Any, params: dict[str, Any], saved: tuple[Any, ...], record: bool
) -> tuple[Any, Any, list[Any]]:
    """Give the cotangent, the arguments and one rule per input of an operation that is not plain.

    That of any number of inputs has one rule for all, which is run here. A user's own rules get arrays that they cannot
    write to (unless they are being recorded), and what they give is checked.
    """
    if not (op.built_in or record):
        g, *args = frozen((g, *args))
    rules: list[Any] = list(op.rules)
    if op.variadic:
        parts = rules[0](g, *args, **params)
        if not op.built_in:
            gradients(op, parts, len(saved) - 1)
        rules = [_giving(part) for part in parts]
    if not op.built_in:
        rules = [rule and _checked(op, i, rule, saved) for i, rule in enumerate(rules)]
    return g, args, rules


def _giving(part: Any) -> Any:
    return lambda *_, **__: part


def _checked(op: Any, which: int, rule: Any, saved: tuple[Any, ...]) -> Any:
    return lambda *args, **params: gradient(op, which, rule(*args, **params), saved)


def gradients(op: Any, parts: Any, n: int) -> None:
    """Check that the rule of an operation of any number of inputs gives one gradient for each."""
    if not isinstance(parts, (list, tuple)) or len(parts) != n:
        raise TypeError(f"{op.name}: the rule gave {_kind(parts)}, needed a list of {n} gradients, one per input")


def tangent(op: Any, t: Any, shape: tuple[int, ...]) -> Any:
    """Give what forward mode found as an array, or raise TypeError or ValueError naming the operation.

    None, for no tangent at all, stays None where no rule had one to give.
    """
    if t is None and op.jvp is None:
        return None
    if isinstance(t, (float, int)) and shape == ():
        return np.asarray(t, float)
    if not hasattr(t, "shape"):
        raise TypeError(
            f"{op.name}: forward mode gave {_kind(t)}, needed an array of the result's shape {shape}; "
            f"a zero tangent is np.zeros_like(y)"
        )
    given = t.shape
    pairs = zip(reversed(given), reversed(shape), strict=False)
    if len(given) > len(shape) or not all(n in (1, m) for n, m in pairs):
        raise ValueError(f"{op.name}: forward mode gave shape {given}, needed the result's shape {shape}")
    return t


def failed(op: Any, e: Exception, what: str, advice: str = "") -> NoReturn:
    """Raise what a rule raised again, with the operation's name; in the same type where that can be.

    ``advice`` is for rules that meet the arrays of another library.
    """
    kind = type(e)
    if advice and kind in _KINDS and not str(e).startswith(f"{op.name}: "):
        raise kind(f"{op.name}: {what}: {str(e).rstrip('.')}{advice}") from e
    if op.built_in and kind is np.linalg.LinAlgError:
        name = op.name.removesuffix("_packed")
        raise kind(f"{name}: {e}: the derivative needs the inverse of the matrix, which does not exist") from e
    if op.built_in or kind not in _KINDS or str(e).startswith(f"{op.name}: "):
        raise e
    text = str(e)
    if "read-only" in text:
        text += " (a rule may not write to g, y or its inputs: let it work on a copy)"
    raise kind(f"{op.name}: {what} failed with {kind.__name__}: {text}") from e


def _kind(x: Any) -> str:
    if x is None:
        return "None (is a return missing?)"
    if isinstance(x, (tuple, list)):
        return f"a {type(x).__name__} of {len(x)}"
    return f"{x!r}" if isinstance(x, (float, int)) else f"a {type(x).__name__}"
