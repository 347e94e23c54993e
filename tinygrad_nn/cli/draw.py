"""``tinygrad-nn draw``: draw the graph of an expression, or of what a script computes."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from .. import draw, nn
from ..draw import Drawing, RendererNotFound, RenderError
from ..draw.drawing import FORMATS, MAX_NODES
from ..draw.look import COLORS, DIRECTIONS, RANKDIRS
from ..draw.render import BACKENDS
from ..draw.rows import SHOWN
from ..draw.style import THEMES
from ..draw.table import COLUMNS, plain, table
from ..files import write_atomically
from ..mode import enable_grad
from ..tensor import Tensor
from .expression import assign, compute
from .functions import FUNCTIONS
from .options import CommandError, real, whole
from .target import Target, complaint

EPILOG = """examples:
  tinygrad-nn draw -e "sigmoid(w @ x + b)" --let "w=[[1,2]]; x=[3,4]; b=0.5"
      prints the graph as a table.
  tinygrad-nn draw -e "sigmoid(w @ x + b)" --let "w=[[1,2]]; x=[3,4]; b=0.5" --direction both -o step.svg
      draws it: values, gradients, and the rule on each edge.
  tinygrad-nn draw model.py:loss --backward -o loss.html
      runs model.py, calls loss() and backward(), and writes a page on which both passes can be played.
  tinygrad-nn draw model.py:network --input-shape 8,2 --depth 1 -o network.png
      calls the module `network` with random numbers of that shape.

An expression is parsed and walked, never run as code: it has numbers, the names given with --let and --data,
+ - * / // % ** @, comparisons, indexing, and the functions that --functions lists (np.sin and sin are the same).
A script is run, as `python FILE.py` would, but under another name than __main__.

exit code: 0; 2 for bad input, or where there is no renderer for the picture."""
TEXT = "txt"


def add(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "draw",
        help="draw the graph of an expression or of a script's tensor",
        description="Draw the graph of an expression, of a tensor in a script, of what a function gives, or of a "
        "module: as svg, png, pdf, dot, json, mmd (Mermaid), html (a page to explore) or txt, else as a table here.",
        epilog=EPILOG,
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "target", nargs="?", metavar="SCRIPT_OR_MODULE:NAME",
        help="a Tensor, a function without arguments that gives one, or a module (with --input-shape)",
    )  # fmt: skip
    parser.add_argument("-e", "--expression", metavar="EXPRESSION", help="draw this instead of a target")
    parser.add_argument(
        "--let", action="append", default=[], metavar="ASSIGNMENTS",
        help='names in the expression, floats that need a gradient: "w=[[1,2]]; b=0.5"',
    )  # fmt: skip
    parser.add_argument(
        "--data", action="append", default=[], metavar="ASSIGNMENTS",
        help='names that need no gradient, whole numbers stay whole: "labels=[0,1]"',
    )  # fmt: skip
    parser.add_argument("--functions", action="store_true", help="list what an expression may call, and stop")
    parser.add_argument(
        "-o", "--output", action="append", default=[], metavar="FILE",
        help=f"write to FILE, whose ending is one of {', '.join((*FORMATS, TEXT))}; may be given several times",
    )  # fmt: skip
    parser.add_argument("--input-shape", metavar="SIZES", type=_shape, help="call a module with random numbers: 8,2")
    parser.add_argument("--seed", type=whole(0), default=0, help="seed of these numbers (default: 0)")
    parser.add_argument("--backward", action="store_true", help="run backward() first, so that gradients are shown")
    parser.add_argument(
        "--direction", choices=DIRECTIONS, default="forward", help="which way edges are drawn (default: forward)"
    )
    parser.add_argument("--depth", type=whole(0), help="fold the calls of modules at this level to one node each")
    parser.add_argument("--fold", action=argparse.BooleanOptionalAction, help="fold loops (default: in large graphs)")
    parser.add_argument("--color-by", choices=COLORS, default="kind", help="what colours say (default: kind)")
    parser.add_argument("--show", action="append", default=[], choices=SHOWN, help="add to each node; may be repeated")
    parser.add_argument("--limit", type=whole(1), default=MAX_NODES, help=f"nodes in a picture (default: {MAX_NODES})")
    parser.add_argument("--theme", choices=THEMES, default="light", help="(default: light)")
    parser.add_argument("--rankdir", choices=RANKDIRS, default="TB", help="direction of the flow (default: TB)")
    parser.add_argument("--title", default="", help="a line above the picture")
    parser.add_argument("--backend", choices=BACKENDS, help="the renderer (default: the first at hand)")
    parser.add_argument("--timeout", type=real(0), default=60.0, help="seconds for the renderer (default: 60)")
    parser.add_argument("--sort", choices=tuple(COLUMNS), default="number", help="order of the table (default: number)")
    parser.set_defaults(run=run, command="draw")


def run(options: argparse.Namespace) -> int:
    """Draw, write the files, and say what was written; without a file print the table."""
    if options.functions:
        _say(", ".join(sorted(FUNCTIONS)))
        return 0
    kinds = [_kind(path) for path in options.output]
    found = _Found(options)
    if options.backward:
        found.backward()
    if not kinds:
        _say(found.table(options.sort))
        return 0
    picture = found.picture(options)
    for path, kind in zip(options.output, kinds, strict=True):
        if kind == TEXT:
            write_atomically(path, [f"{found.table(options.sort)}\n".encode()], "draw", OSError)
            _say(f"written to {plain(path)}")
            continue
        try:
            saved = picture.save(path)
        except RendererNotFound as problem:
            raise CommandError(f"{problem}; .dot, .html, .json, .mmd and .txt need no renderer") from None
        except (RenderError, RuntimeError) as problem:
            raise CommandError(str(problem)) from None
        by = f", drawn by {saved.backend}" if saved.backend else ""
        _say(f"written to {plain(path)}{by}")
        for message in saved.messages:
            _say(plain(message))
    if picture.left_out:
        _say(f"{picture.left_out}; give a larger --limit, or --depth, to see more")
    return 0


class _Found:
    """What is to be drawn, and what its tensors are called.

    It is no local variable of a function: those would give the picture their names.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._names: Any = None
        given = (options.target is not None) + (options.expression is not None)
        if given != 1:
            both = "both are given" if given else "there is neither"
            raise CommandError(f"write SCRIPT.py:NAME or -e EXPRESSION; {both}")
        if options.expression is not None:
            if options.input_shape is not None:
                raise CommandError("--input-shape is for a module of a script; give the expression's names with --let")
            values: dict[str, Any] = {}
            for needs_gradient, texts in ((True, options.let), (False, options.data)):
                for text in texts:
                    values |= assign(text, needs_gradient)
            self._roots = compute(options.expression, values)
        else:
            if options.let or options.data:
                raise CommandError("--let and --data are for -e EXPRESSION")
            self._roots = self._from_script(options)

    def _from_script(self, options: argparse.Namespace) -> Any:
        target = Target(options.target)
        found, module = target.find()
        self._names = _names(module)
        if not isinstance(found, nn.Module) and options.input_shape is not None:
            raise CommandError(f"--input-shape is for a module; {target.name} is {_article(found)}")
        if isinstance(found, nn.Module):
            if options.input_shape is None:
                raise CommandError(f"{target.name} is a module: say what goes in, for example --input-shape 8,2")
            self._names = found
            x = np.random.default_rng(options.seed).standard_normal(options.input_shape).astype(_dtype(found))
            call = lambda: found(Tensor(x, name="input"))  # noqa: E731
        elif callable(found) and not isinstance(found, Tensor):
            _check_callable(found, target.name)
            call = found
        else:
            call = lambda: found  # noqa: E731
        try:
            with enable_grad(), np.errstate(all="ignore"):
                result = call()
        except CommandError:
            raise
        except (Exception, SystemExit) as error:
            raise CommandError(complaint(target.name, error)) from error
        if isinstance(result, Drawing):
            raise CommandError(f"{target.name} gives a Drawing; give the Tensor that was drawn")
        parts = list(result.values()) if isinstance(result, Mapping) else result
        several = list(parts) if isinstance(parts, list | tuple) else [parts]
        if not several or not all(isinstance(t, Tensor) for t in several):
            wrong = next((t for t in several if not isinstance(t, Tensor)), result)
            raise CommandError(f"{target.name} gives {_article(wrong)}; give a Tensor, or a list or dict of Tensors")
        return parts

    def backward(self) -> None:
        """Run the backward pass of everything that needs a gradient, and keep the graph."""
        roots = self._roots if isinstance(self._roots, list | tuple) else [self._roots]
        tracked = [t for t in roots if t.requires_grad]
        if not tracked:
            raise CommandError("--backward: nothing here needs a gradient; make a Tensor with requires_grad=True")
        try:
            for t in tracked:
                t.backward(np.ones_like(t.data), retain_graph=True)
        except Exception as error:
            raise CommandError(complaint("--backward", error)) from error

    def table(self, sort: str) -> str:
        """Give the table as text."""
        return str(table(self._roots, sort, names=self._names))

    def picture(self, options: argparse.Namespace) -> Drawing:
        """Give the picture."""
        return draw(
            self._roots,
            direction=options.direction,
            names=self._names,
            depth=options.depth,
            fold=options.fold,
            max_nodes=options.limit,
            color=options.color_by,
            show=options.show,
            theme=options.theme,
            rankdir=options.rankdir,
            title=options.title,
            backend=options.backend,
            timeout=options.timeout,
        )


def _names(module: ModuleType) -> dict[str, Any]:
    return {k: v for k, v in vars(module).items() if not k.startswith("_")}


def _dtype(module: nn.Module) -> Any:
    return next((p.dtype for p in module.parameters() if p.dtype.kind == "f"), np.dtype(np.float32))


def _check_callable(found: Any, name: str) -> None:
    if inspect.isclass(found):
        raise CommandError(f"{name} is a class; name a Tensor, a function, or a module made from it")
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if needed:
        raise CommandError(f"{name} takes {', '.join(needed)}; name a function without arguments that gives a Tensor")


def _article(x: Any) -> str:
    return "nothing (None)" if x is None else f"a value of type {type(x).__name__}"


def _kind(path: str) -> str:
    kind = os.path.splitext(path)[1].removeprefix(".").lower()
    if kind not in (*FORMATS, "gv", TEXT):
        what = f"unknown format {kind!r}" if kind else f"{path!r} has no ending that tells the format"
        raise CommandError(f"-o: {what}; choose one of {', '.join((*FORMATS, TEXT))}")
    return kind


def _shape(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple([int(n) for n in text.strip("() ").split(",") if n.strip()])
    except ValueError:
        sizes = (-1,)
    if not sizes or min(sizes) < 1 or np.prod([float(n) for n in sizes]) > 1e8:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is no shape; write whole numbers with commas, such as 8,2")
    return sizes


def _say(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
