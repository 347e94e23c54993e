"""Random programs: a text of NumPy calls on arrays, drawn line by line, away from kinks and singular points.

The text is plain Python with the names ``np`` (NumPy or another library of that API), ``fn`` (functions that NumPy does
not have), ``special`` (SciPy's) and ``k0, k1, ...`` (constant arrays). The same text runs in every engine, and by hand.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn.op import OPS

LARGEST = 72  # elements of an intermediate result


class Functions:
    """Operations by name, as attributes."""

    def __getattr__(self, name: str) -> Any:
        return OPS[name]


class Special:
    """SciPy's special functions, imported when one is used."""

    def __getattr__(self, name: str) -> Any:
        import scipy.special

        return getattr(scipy.special, name)


class OURS:
    """The names that programs use, for the engine under test."""

    np = np
    fn = Functions()
    special = Special()


class SkipRecipe(Exception):
    """Raised when a recipe finds no operand: another one is drawn."""


class BrokenProgram(Exception):
    """Raised when the engine under test refuses a line of a program."""


@dataclass
class Program:
    """A function of arrays as text, with the values at which it is differentiated."""

    seed: int
    inputs: dict[str, np.ndarray]
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)

    def source(self) -> str:
        """Give the text of the function."""
        body = "".join(f"    {name} = {text}\n" for name, text in self.lines)
        return f"def f({', '.join(self.inputs)}):\n{body}    return [{', '.join(self.results)}]\n"

    def function(self, engine: Any) -> Callable[..., Any]:
        """Give the function in an engine, which has ``np``, ``fn`` and ``special``."""
        names: dict[str, Any] = {"np": engine.np, "fn": engine.fn, "special": engine.special, **self.constants}
        exec(self.source(), names)
        return names["f"]

    def script(self) -> str:
        """Give the whole program, to be run by hand."""
        arrays = {**self.inputs, **self.constants}
        given = "".join(f"{k} = np.array({v.tolist()!r}, dtype={v.dtype.name!r})\n" for k, v in arrays.items())
        special = "from scipy import special\n" if "special." in self.source() else ""
        start = f"from types import SimpleNamespace\n\nimport numpy as np\n{special}\nimport tinygrad_nn as tg\n\n"
        return f"{start}fn = SimpleNamespace(**tg.op.OPS)\n{given}\n\n{self.source()}"


class Draw:
    """The hand that draws a program: it picks operands, keeps them in range, and writes lines."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.values: dict[str, np.ndarray] = {}
        self.used: set[str] = set()
        self.program = Program(seed, {})
        self.count = 0
        self.picked: list[str] = []
        self.shape: tuple[int, ...] = ()
        for i in range(self.rng.integers(1, 4)):
            shape = tuple(int(n) for n in self.rng.choice([1, 2, 3, 4], self.rng.choice(4, p=[0.1, 0.25, 0.45, 0.2])))
            name = f"x{i}"
            self.program.inputs[name] = self.values[name] = self.numbers(shape)

    # -- raw material -------------------------------------------------------------------------------------------------

    def numbers(self, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> np.ndarray:
        """Give numbers of a range with few digits, away from multiples of a half."""
        x = self.rng.uniform(low, high, shape)
        near = np.abs(2 * x - np.rint(2 * x)) < 0.1
        return np.round(np.asarray(x + near * 0.07 * np.sign(high - x)), 3)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high))

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def choice(self, options: Any) -> Any:
        return options[self.integer(0, len(options))]

    def constant(self, array: Any) -> str:
        """Write down a constant array and give its name."""
        name = f"k{len(self.program.constants)}"
        self.program.constants[name] = self.values[name] = np.asarray(array)
        return name

    def evaluate(self, text: str) -> np.ndarray:
        """Give the value of an expression, without a graph."""
        tensors = {k: tg.Tensor(v) for k, v in self.values.items()}
        names = {"np": np, "fn": OURS.fn, "special": OURS.special, **tensors, **self.program.constants}
        try:
            with np.errstate(all="ignore"):
                y = eval(text, names)
        except Exception as e:
            given = {k: v.shape for k, v in self.values.items() if k in text}
            raise BrokenProgram(f"seed {self.program.seed}: {text} with {given}: {type(e).__name__}: {e}") from e
        return np.array(y.data if isinstance(y, tg.Tensor) else y)

    def line(self, text: str) -> str:
        """Write a line and give the name of its result; skip where the result is not an array of moderate numbers."""
        value = self.evaluate(text)
        if value.dtype != np.float64 or not 0 < value.size <= LARGEST or not np.isfinite(value).all():
            raise SkipRecipe
        if np.abs(value).max() > 1e3 or (np.abs(value).max() < 1e-3 and value.any()):
            raise SkipRecipe
        name = f"v{len(self.program.lines)}"
        self.program.lines.append((name, text))
        self.values[name] = value
        self.used |= set(re.findall(r"\b[xv]\d+\b", text))
        return name

    # -- operands -----------------------------------------------------------------------------------------------------

    def among(self, names: list[str]) -> str:
        """Pick one of some variables: a late one, or one not used yet, more often."""
        if not names:
            raise SkipRecipe
        weights = np.array([1.0 + 4.0 * (k not in self.used) + 5.0 * i / len(names) for i, k in enumerate(names)])
        return names[int(self.rng.choice(len(names), p=weights / weights.sum()))]

    def operand(self, where: Callable[[np.ndarray], bool] = lambda a: True) -> str:
        """Pick a variable whose value fits."""
        return self.among([k for k, v in self.values.items() if k[0] != "k" and where(v)])

    def mate(self, shape: tuple[int, ...], constants: bool = False) -> str:
        """Give an operand that broadcasts with a shape: a variable or, if allowed, sometimes a constant array."""

        def fits(v: np.ndarray) -> bool:
            try:
                return int(np.prod(np.broadcast_shapes(v.shape, shape))) <= LARGEST
            except ValueError:
                return False

        if constants and self.chance(0.2):
            mine = tuple(1 if self.chance(0.25) else n for n in shape[self.integer(0, len(shape) + 1) :])
            return self.constant(self.numbers(mine))
        return self.operand(fits)

    def moved(self, name: str, ok: Callable[[np.ndarray], bool]) -> str:
        """Give the variable if its value is as wanted, or else a new line: its sum with a constant array."""
        for _ in range(4):
            if ok(self.values[name]):
                return name
            shape = self.values[name].shape
            name = self.line(f"{name} + {self.constant(self.numbers(shape))}")
        raise SkipRecipe

    def within(self, name: str, low: float, high: float) -> str:
        """Give the variable if it lies in a range, or else a new line that brings it there."""
        v = self.values[name]
        if low < v.min() and v.max() < high:
            return name
        if high == np.inf:
            forms = [f"{round(low + 0.2, 3)} + np.square({name})", f"{round(low + 0.1, 3)} + np.exp(0.3 * {name})"]
        else:
            middle, half = (low + high) / 2, round(0.45 * (high - low), 3)
            plus = f"{middle} + " if middle else ""
            forms = [f"{plus}{half} * np.tanh({name})", f"{plus}{half} * np.sin({name})"]
        return self.line(str(self.choice(forms)))

    # -- what templates may name --------------------------------------------------------------------------------------

    def fill(self, template: str) -> str:
        """Give an expression from a template such as ``np.arctan2({x_nonzero}, {y})``: see KINDS and the slots here."""
        self.picked, self.shape = [], ()
        out = []
        for text, slot, _, _ in string.Formatter().parse(template):
            out.append(text)
            if slot is not None:
                out.append(self.picked[int(slot)] if slot.isdigit() else self.slot(slot))
        return "".join(out)

    def slot(self, slot: str) -> str:
        from .recipes import KINDS, SLOTS

        if slot in SLOTS:
            return SLOTS[slot](self)
        which, _, kind = slot.partition("_")
        find, fit = KINDS[kind or "any"]
        if which == "y":
            name = self.mate(self.shape, constants=not kind)
            if not find(self.values[name]):
                raise SkipRecipe
        else:
            name = self.operand(find)
        name = fit(self, name)
        self.picked.append(name)
        self.shape = (
            np.broadcast_shapes(self.shape, self.values[name].shape) if which == "y" else self.values[name].shape
        )
        return name

    def fitted(self, name: str, kind: str) -> str:
        """Bring a variable into a kind."""
        from .recipes import KINDS

        name = KINDS[kind][1](self, name)
        self.picked.append(name)
        return name

    @property
    def last(self) -> np.ndarray:
        """The value of the operand that was picked last."""
        return self.values[self.picked[-1]]

    # -- drawing ------------------------------------------------------------------------------------------------------

    def step(self, name: str, recipe: Any) -> bool:
        """Add what a recipe gives to the program, or nothing if it finds no operands."""
        lines, values, constants = len(self.program.lines), dict(self.values), dict(self.program.constants)
        used = set(self.used)
        try:
            text = self.fill(recipe) if isinstance(recipe, str) else recipe(self)
            result = self.line(text)
            size = np.abs(self.values[result]).max()
            if size > 6.0:
                forms = [f"{round(3.0 / size, 5)} * {result}", f"np.arctan({result})", f"2.0 * np.tanh(0.1 * {result})"]
                self.line(str(self.choice(forms)))
        except SkipRecipe:
            self.program.lines[lines:] = []
            self.values, self.program.constants, self.used = values, constants, used
            return False
        self.program.drawn.append(name)
        return True


def generate(seed: int, names: list[str], recipes: dict[str, list[Any]]) -> Program:
    """Draw the program of a seed from the recipes of some operations."""
    draw = Draw(seed)
    wanted = draw.integer(4, 16)
    for _ in range(8 * wanted):
        name = draw.choice(names)
        draw.step(name, draw.choice(recipes[name]))
        if len(draw.program.drawn) >= wanted:
            break
    made = [k for k, _ in draw.program.lines]
    program = draw.program
    program.results = [k for k in made if k not in draw.used] or made[-1:]
    return program
