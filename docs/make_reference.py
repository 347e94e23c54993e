"""Write docs/reference/ops.md from the registry of operations: ``make reference``.

What the page says of an operation is what the engine knows of it: its declaration, and its rule as symbols print it.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "ops.md"
sys.path.insert(0, str(ROOT))

from tinygrad_nn.op import OPS, Case, Op, case  # noqa: E402
from tinygrad_nn.symbol import Symbol, applied, input_names  # noqa: E402

INTRO = """# Operations

Written from the registry by `make reference`; `tests/test_reference.py` holds it to be current. {number} operations:
{families}.

An operation is called by the NumPy functions that stand behind its name, by the operator or array method of that
meaning, or as `tg.op.OPS["name"]`. For each the page gives, from its declaration:

- **derivative**: what the gradient of an input gets, as the rule prints itself. `g` is the cotangent of the result, `y`
  the result; the other names are the inputs'. A part that is used more than once is called `t1`, `t2`, ... The engine
  sums a gradient over the axes along which its input was broadcast. Where shapes matter the formula is printed for the
  arrays named beside it. Every formula here is evaluated by a test, which compares it with what the rule computes.
- **domain**: the numbers for which the operation is checked; all real numbers where none is given.
- **at kinks**: the derivative where mathematics leaves a choice.

The family says how forward mode and higher orders follow: see
[how a derivative is found](../how-a-derivative-is-found.md). A *composite* is written with other
operations, shown where that is short, so that its derivative follows from theirs.

## Conventions at kinks

What the rules, the checker and this documentation say where a function is not differentiable.

{kinks}

NaN and infinities are kept as IEEE arithmetic gives them: `0 * inf` is not masked. `tg.select(cond, x, f, g)` evaluates
each branch on its own elements only, so that the branch not taken cannot spoil a gradient.
"""
#: Headings of modules whose names are short forms.
TITLES = {
    "fft": "Fourier transforms",
    "gelu": "GELU",
    "linalg": "Linear algebra",
    "nan": "NaN left out",
    "trig": "Trigonometry",
}
#: What a composite is made of is shown up to this length.
LONGEST = 200
# The rule compares values before it computes.
UNPRINTABLE = "`{}` compares values first and cannot be printed"


def spaces() -> list[tuple[str, Any]]:
    """Give the modules whose functions have rules, with the names by which one calls them."""
    import scipy.special

    windows = np.lib.stride_tricks
    return [
        ("np", np),
        ("np.linalg", np.linalg),
        ("np.fft", np.fft),
        ("np.lib.stride_tricks", windows),
        ("scipy.special", scipy.special),
    ]


def public_names(op: Op) -> list[str]:
    """Give the names under which users call the functions of an operation."""
    found = []
    for f in op.numpy:
        found += [f"{where}.{f.__name__}" for where, m in spaces() if getattr(m, f.__name__, None) is f][:1]
    return list(dict.fromkeys(found))


def call(op: Op) -> str:
    """Give the call of an operation with its inputs and parameters."""
    names = arguments(op)
    return f"{(public_names(op) or [op.name])[0]}({', '.join([*names, *[f'{p}=' for p in op.parameters]])})"


def arguments(op: Op) -> list[str]:
    if op.variadic:
        return ["*arrays"]
    names = list(input_names(op))
    if not names:
        signature = inspect.signature(op.fn).parameters.values()
        names = [p.name for p in signature if p.default is p.empty and p.kind in (0, 1)][: max(op.arity, 0)]
    return [n for n in names if n not in op.parameters]


# -- the sample that a formula is printed for -------------------------------------------------------------------------


def sample(op: Op) -> Case:
    """Give the sample call to print for: the first with two axes each or, without one, the first."""
    n = len(op.rules)
    cases = op.cases or [case(*[(3, 4)] * n)]
    plain = [c for c in cases if all(not is_shape(x) or (len(x) == 2 and 0 not in x) for x in c.inputs)]
    full = [c for c in cases if all(not is_shape(x) or 0 not in x for x in c.inputs)]
    return (plain or full or cases)[0]


def is_shape(x: Any) -> bool:
    return isinstance(x, tuple) and all(isinstance(n, int) for n in x)


def array(op: Op, x: Any, i: int) -> Any:
    """Give an array for an input of a sample, inside the domain."""
    if not is_shape(x):
        return np.asarray(x)
    rng = np.random.default_rng([zlib.crc32(op.name.encode()), i])
    d: Any = domain(op, i)
    a = rng.uniform(0.2, 0.8, x)
    if d == "int":
        return rng.integers(0, 2, x)
    if d == "bool":
        return a < 0.5
    if isinstance(d, str) and d != "nonzero":
        return np.broadcast_to(np.diag(np.arange(1.0, x[-1] + 1)), x)
    low, high = (0.0, 1.0) if d in (None, "nonzero") else d
    low = high - 1 if low == -math.inf else low
    return low + (min(high, low + 1) - low) * a


def domain(op: Op, i: int) -> Any:
    d = op.domain
    return (d[i] if i < len(d) else None) if isinstance(d, tuple) and not isinstance(d[0], (int, float)) else d


def formulas(op: Op) -> tuple[list[tuple[str, str]], str]:
    """Give (input, printed derivative) for every input with a rule, and what arrays they are printed for."""
    c = sample(op)
    xs = [array(op, x, i) for i, x in enumerate(c.inputs)]
    params = {k: v for k, v in c.params.items() if k != "residual"}
    names = list(input_names(op)) or [f"x{k}" for k in range(len(xs))]
    with np.errstate(all="ignore"):
        y = op.fn(*xs, **params)
    y = y[0] if op.residual else y
    found = []
    for i, x in enumerate(xs):
        if x.dtype.kind != "f" or (not op.variadic and op.rules[i] is None):
            continue
        try:
            text = printed(
                applied(op, i, [v.shape for v in xs], params, names, np.shape(y), [v.dtype for v in xs]),
            )
        except TypeError as e:
            text = "refused, with a `TypeError`" if "no derivative rule" in str(e) else UNPRINTABLE.format(op.name)
        found.append((names[i], text))
    outlines = [f"`{n}` {x.shape}" for n, x in zip(names, xs, strict=True)]
    given = [f"`{k}={v!r}`" if not isinstance(v, np.ndarray) else f"`{k}` {v.shape}" for k, v in params.items()]
    return found, ", ".join([*outlines, *given])


def printed(formula: Any) -> str:
    if not isinstance(formula, Symbol):
        return f"`{formula}`"
    named, text = formula.steps()
    return f"`{text}`" + "".join([f"  \n  `{name} = {part}`" for name, part in named])


def made_of(op: Op) -> str:
    """Give what a composite does with other operations, for its sample; nothing where that is long or no formula."""
    c = sample(op)
    if op.variadic or any(callable(x) for x in c.inputs):
        return ""
    names = [p.name for p in inspect.signature(op.fn).parameters.values()]
    names = [n if i < len(names) else f"x{i}" for i, n in enumerate([*names, *[""] * len(c.inputs)])][: len(c.inputs)]
    xs = [Symbol(n, x) if is_shape(x) else x for n, x in zip(names, c.inputs, strict=True)]
    try:
        y = op.fn(*xs, **c.params)
    except (TypeError, ValueError, AttributeError):  # it reads values, or takes its arrays in lists
        return ""
    text = printed(y) if isinstance(y, Symbol) and all(y is not x for x in xs) else ""
    given = [f"`{n}` {x}" if is_shape(x) else f"`{n}={x!r}`" for n, x in zip(names, c.inputs, strict=True)]
    given += [f"`{k}={v!r}`" for k, v in c.params.items()]
    line = f"- of {', '.join(given)}: {text}"
    return line if text and len(line) < LONGEST and "\n" not in line else ""


# -- the page ---------------------------------------------------------------------------------------------------------


def domain_words(op: Op) -> str:
    names = arguments(op)
    d = op.domain
    if d is None:
        return ""
    several = isinstance(d, tuple) and not isinstance(d[0], (int, float))
    parts = []
    for i, one in enumerate(d if several else [d]):
        name = names[i] if i < len(names) else "x"
        if isinstance(one, str):
            words = {"nonzero": f"{name} ≠ 0", "spd": f"{name} symmetric positive definite", "int": f"{name} whole"}
            parts.append(words.get(one, f"{name} of bool" if one == "bool" else f"{name} {one}"))
        else:
            low, high = one
            if (low, high) != (-math.inf, math.inf):
                left = f"{low:g} < " if low > -math.inf else ""
                parts.append(f"{left}{name}" + (f" < {high:g}" if high < math.inf else ""))
    return ", ".join(parts)


def entry(op: Op) -> str:
    lines = [f"### {op.name}", ""]
    also = public_names(op)[1:]
    start = f"`{call(op)}`" + (f", also {', '.join([f'`{n}`' for n in also])}" if also else "") + f" · {op.family}"
    lines.append(start + (f" · `{op.formula}`" if op.formula else ""))
    lines.append("")
    if op.family == "composite":
        lines += [line for line in [made_of(op)] if line]
    else:
        found, outline = formulas(op)
        shaped = op.family != "elementwise" or op.parameters
        lines += [f"- derivative in {name}: {text}" for name, text in found]
        if not found:
            lines.append("- no derivative")
        elif shaped and any(c.isdigit() for _, t in found for c in t):
            lines.append(f"- printed for {outline}")
    words = domain_words(op)
    if words:
        lines.append(f"- domain: {words}")
    if op.kinks:
        lines.append(f"- at kinks: {powers(op.kinks)}")
    return "\n".join(lines).rstrip() + "\n"


def powers(words: str) -> str:
    """Mark x**0 as code: two stars are bold type otherwise."""
    return re.sub(r"\w+\*\*\w+", r"`\g<0>`", words)


def module_of(op: Op) -> str:
    rule = next((r for r in op.rules if r is not None), op.fn)
    return str(rule.__module__)


def kinks_table() -> str:
    by_words: dict[str, list[str]] = defaultdict(list)
    for op in OPS.values():
        if op.kinks:
            by_words[op.kinks].append(op.name)
    rows = sorted([f"| {', '.join(sorted(names))} | {powers(words)} |" for words, names in by_words.items()])
    return "\n".join(["| operations | derivative there |", "|---|---|", *rows])


def page() -> str:
    """Give the text of the page."""
    import tinygrad_nn.ops.bessel
    import tinygrad_nn.ops.special  # noqa: F401

    own = [op for op in OPS.values() if module_of(op).startswith("tinygrad_nn.ops.")]
    by_module: dict[str, list[Op]] = defaultdict(list)
    for op in own:
        by_module[module_of(op)].append(op)
    families = ["elementwise", "linear", "multilinear", "general", "composite"]
    counts = ", ".join([f"{sum(op.family == f for op in own)} {f}" for f in families])
    parts = [INTRO.format(number=len(own), families=counts, kinks=kinks_table())]
    for module in sorted(by_module):
        what = (sys.modules[module].__doc__ or "").strip().splitlines()[0]
        name = module.rpartition(".")[2]
        parts.append(f"## {TITLES.get(name, name.replace('_', ' ').capitalize())}\n\n{what}\n")
        parts += [entry(op) for op in sorted(by_module[module], key=lambda op: op.name)]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
