"""``tinygrad-nn check``: compare a function's derivatives with differences, and name the operation at fault."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import GradientError, check_graph, gradcheck
from ..mode import enable_grad
from ..tensor import Tensor, apply
from ..tree import flatten
from ..walk import Node, everything
from .inputs import drawn, given
from .options import CommandError, real, whole
from .target import Target, complaint

EPILOG = """examples:
  tinygrad-nn check model.py:loss
      loss() takes no arguments. It returns what to check: a Tensor computed from others that need a gradient (every
      operation of its graph is checked, and the derivatives in those tensors), or a function with its inputs,
      such as (f, (x, w)) or (f, x).
  tinygrad-nn check model.py:f --shape x=3,4 --shape w=4
      f(x, w) is checked at random arrays of these shapes.
  tinygrad-nn check model.py:f --input "x=[1.0, 2.0]" --input labels=[0,1] --input scale=0.5
      f is checked at these values. Whole numbers, text and True are handed over as they are.
  tinygrad-nn check package.module:f --shape x=5 --range 0.1 2 --order 2
      A module by its name; numbers between 0.1 and 2; the derivatives of the gradient too.

exit code: 0 where everything agrees; 1 where a derivative is wrong or cannot be compared, with a report that names
the operation at fault; 2 for bad usage, or where the function raises an error."""


def add(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "check",
        help="check the derivatives of a function in a script or module",
        description="Compare the derivatives of a function with differences that know their own error (gradcheck), "
        "then every operation that it used by itself (check_graph).",
        epilog=EPILOG,
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "target", metavar="SCRIPT_OR_MODULE:FUNCTION", help="a .py file or a module, and a function in it"
    )
    parser.add_argument(
        "--shape",
        dest="inputs",
        action="append",
        metavar="NAME=SIZES",
        type=drawn,
        default=[],
        help="draw an argument at random: x=3,4 is 3 by 4, x= is one number",
    )
    parser.add_argument(
        "--input",
        dest="inputs",
        action="append",
        metavar="NAME=VALUE",
        type=given,
        default=[],
        help="give an argument: a number or nested lists in Python's spelling; floats are checked",
    )
    parser.add_argument(
        "--range",
        nargs=2,
        metavar=("LOW", "HIGH"),
        type=real(-np.inf),
        default=(-1.0, 1.0),
        help="between what numbers --shape draws (default: -1 1)",
    )
    parser.add_argument("--seed", type=whole(0), default=0, help="seed of what is drawn (default: 0)")
    parser.add_argument("--order", type=whole(1, 4), default=1, help="also check derivatives up to this order")
    parser.add_argument(
        "--samples", type=whole(1), default=64, help="elements of each input compared one by one (default: 64)"
    )
    parser.set_defaults(run=run, command="check")


def run(options: argparse.Namespace) -> int:
    """Check, print the reports, and give 0, or 1 where something is wrong."""
    low, high = options.range
    if not low < high:
        raise CommandError(f"--range: {low:g} must be below {high:g}")
    target = Target(options.target)
    function = target.load()
    try:
        reports = _check(function, target.name, options)
    except GradientError as error:  # from a gradcheck of the function's own
        reports = [error.report or error]
    except CommandError:
        raise
    except (Exception, SystemExit) as error:
        raise CommandError(complaint(target.name, error)) from error
    encoding = sys.stdout.encoding or "utf-8"
    for report in reports:
        print(str(report).encode(encoding, "backslashreplace").decode(encoding))
    return int(not all(getattr(report, "passed", False) for report in reports))


def _check(function: Any, name: str, options: argparse.Namespace) -> list[Any]:
    rng = np.random.default_rng(options.seed)
    inputs = [(i.name, i.value(rng, *options.range)) for i in options.inputs]
    settings = {"order": options.order, "samples": options.samples, "raise_error": False}
    positional, keywords = _arguments(function, name, inputs)
    if positional or keywords:
        n, names = len(positional), list(keywords)
        f = lambda *xs: function(*xs[:n], **dict(zip(names, xs[n:], strict=True)))  # noqa: E731
        values = [*positional, *keywords.values()]
        named = [_named(x, next((k for k, v in inputs if v is x), None)) for x in values]
        return _check_function(f, named, settings)
    result = function()
    if hasattr(result, "passed"):
        return [result]
    if isinstance(result, tuple) and result and callable(result[0]) and not isinstance(result[0], Tensor):
        f, *rest = result
        if not rest:
            raise CommandError(f"{name} gave a function without inputs; return (function, inputs)")
        several = len(rest) == 1 and isinstance(rest[0], (tuple, list))
        return _check_function(f, list(rest[0]) if several else rest, settings)
    if not _leaves(result):
        kind = "a Tensor without a graph" if isinstance(result, Tensor) else type(result).__name__
        raise CommandError(
            f"{name}() gave {kind}; return a Tensor computed from one with requires_grad=True, or (function, inputs)"
        )
    return _check_result(function, result, settings)


def _arguments(function: Any, name: str, inputs: Sequence[tuple[str, Any]]) -> tuple[list[Any], dict[str, Any]]:
    """Give the positional and the keyword arguments, or say which ones are missing or unknown."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a function written in C, without names: in the order given
        return [value for _, value in inputs], {}
    values = dict(sorted(inputs, key=lambda i: [*parameters, i[0]].index(i[0])))
    if len(values) < len(inputs):
        twice = next(n for i, (n, _) in enumerate(inputs) if n in dict(inputs[:i]))
        raise CommandError(f"argument {twice} of {name} is given twice")
    kinds = [p.kind for p in parameters.values()]
    known = [n for n, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    unknown = [n for n in values if n not in known]
    if unknown and inspect.Parameter.VAR_KEYWORD not in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        takes = ", ".join(known) or "no arguments"
        raise CommandError(f"{name} has no argument {unknown[0]!r}; it takes {takes}")
    missing = [n for n in known if parameters[n].default is inspect.Parameter.empty and n not in values]
    if "self" in missing:
        raise CommandError(f"{name} is a method; check a function that makes the object and calls it")
    if missing:
        options = " ".join([f"--shape {n}=3,4" for n in missing])
        raise CommandError(f"{name} takes {', '.join(missing)}: give values, for example {options}")
    positional = [
        values.pop(n) for n in known if n in values and parameters[n].kind is inspect.Parameter.POSITIONAL_ONLY
    ]
    if unknown and inspect.Parameter.VAR_KEYWORD not in kinds:
        positional += [values.pop(n) for n in known if n in values]
        positional += [values.pop(n) for n in unknown]
    return positional, values


def _check_function(f: Callable[..., Any], inputs: list[Any], settings: dict[str, Any]) -> list[Any]:
    """Check a function at its inputs, in the parameters that it closes over too, and its operations."""
    with enable_grad(), np.errstate(all="ignore"):
        tensors = [_tensors(x) for x in inputs]
        results = [f(*tensors)]
    own = {id(x) for x in flatten(tensors)[0]}
    outside = [t for t in _leaves(results) if id(t) not in own]
    floats = [i for i, x in enumerate(tensors) if any(isinstance(v, Tensor) for v in flatten(x)[0])]

    def moved(*xs: Any) -> Any:
        """Call the function with new floats beside what is handed over as it is."""
        new = list(inputs)
        for i, x in zip(floats, xs, strict=False):
            new[i] = x
        return f(*new)

    checked = gradcheck(moved, *[inputs[i] for i in floats], *outside, **settings)
    graph = [check_graph(results, raise_error=False)] if _leaves(results) else []
    return [checked, *graph]


def _check_result(function: Callable[[], Any], result: Any, settings: dict[str, Any]) -> list[Any]:
    """Check a recorded result: in its leaves if the function uses them again, else by running its graph again."""
    leaves = _leaves(result)
    same = {id(t) for t in _leaves(function())}
    again: Callable[..., Any] = lambda *_: function()  # noqa: E731
    if not all(id(t) in same for t in leaves):
        again = lambda *_: _replayed(result)  # noqa: E731
    return [gradcheck(again, *leaves, **settings), check_graph([result], raise_error=False)]


def _replayed(result: Any) -> Any:
    """Compute a recorded result again, from the leaves as they are now."""
    roots, rebuild = flatten(result)
    found: dict[Node, Any] = {}
    for t in everything(roots):
        if t.op is None or not t._tracked:
            found[t] = t
        else:
            inputs = tuple([found[x] if isinstance(x, Node) else x for x in t._inputs])
            found[t] = apply(t.op, inputs, {k: v for k, v in t._params.items() if k != "residual"})
    return rebuild([found[y] if isinstance(y, Node) else y for y in roots])


def _leaves(result: Any) -> list[Any]:
    """Give the tensors that need a gradient and that a result was computed from."""
    roots = [t for t in flatten(result)[0] if isinstance(t, Tensor)]
    return [t for t in everything(roots) if t.op is None and t._tracked and t not in set(roots)]


def _tensors(x: Any) -> Any:
    """Turn floats into tensors that need a gradient, in their containers."""
    parts, rebuild = flatten(x)
    return rebuild([Tensor(v, requires_grad=True) if _is_float(v) else v for v in parts])


def _named(x: Any, name: str | None) -> Any:
    """Turn an argument of floats into a tensor with its name, for the report."""
    return Tensor(x, requires_grad=True, name=name) if _is_float(x) else x


def _is_float(x: Any) -> bool:
    return type(x) is float or (isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f")
