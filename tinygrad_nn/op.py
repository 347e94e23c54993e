"""The operation record, its four families, and the registry.

An operation is a NumPy function together with the rule of its derivative, and a rule is plain NumPy too::

    sin = elementwise(np.sin, lambda g, y, x: g * np.cos(x))

``g`` is the cotangent of the result ``y``; then come the inputs, then parameters with their defaults. What flows
through a rule decides what happens: arrays compute it, Tensors record it, Symbols print it. One declaration gives
reverse mode, forward mode, higher orders, the checks, the drawing and the reference page.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

__all__ = [
    "NUMPY",
    "OPS",
    "PLAIN",
    "Case",
    "Op",
    "case",
    "composite",
    "elementwise",
    "general",
    "linear",
    "multilinear",
]

Rule = Callable[..., Any]

OPS: dict[str, Op] = {}
"""Every operation by its name."""
NUMPY: dict[Callable[..., Any], Op] = {}
"""Every NumPy function that has a rule, with its operation."""
PLAIN: set[Callable[..., Any]] = set()
"""NumPy functions without a derivative by nature (comparisons, argmax, shape, ...): they give plain arrays."""

#: Reading only these attributes of an input does not need its values.
_OUTLINE = frozenset(["shape", "ndim", "dtype", "size"])


class Case:
    """One sample call of an operation for the registry-driven tests: see :func:`case`."""

    def __init__(self, inputs: tuple[Any, ...], params: dict[str, Any]) -> None:
        self.inputs = inputs
        self.params = params

    def __repr__(self) -> str:
        parts = [repr(x) for x in self.inputs] + [f"{k}={v!r}" for k, v in self.params.items()]
        return f"case({', '.join(parts)})"


def case(*inputs: Any, **params: Any) -> Case:
    """Describe one sample call: a tuple is the shape of an input drawn from the domain, anything else is itself.

    >>> case((3, 4), axis=0)
    case((3, 4), axis=0)
    """
    return Case(inputs, params)


class Op:
    """One operation: a NumPy function, its family and its derivative. Call it on arrays, Tensors or Symbols.

    Made by :func:`elementwise`, :func:`linear`, :func:`multilinear`, :func:`general` or :func:`composite`, never
    directly. Calling it with arrays computes; an argument that is a Tensor (or Symbol) takes over and records (prints).
    """

    #: Whether each call draws new random numbers: compiled code neither merges nor repeats such calls.
    random = False

    def __init__(
        self,
        family: str,
        fn: Callable[..., Any],
        rules: Sequence[Rule | None],
        *,
        name: str | None = None,
        numpy: Callable[..., Any] | Iterable[Callable[..., Any]] | None = None,
        bind: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None = None,
        jvp: Rule | None = None,
        variadic: bool = False,
        residual: bool = False,
        method: bool = False,
        analytic: bool = False,
        domain: Any = None,
        cases: Sequence[Case] = (),
        kinks: str = "",
        formula: str = "",
        register: bool = True,
    ) -> None:
        if not callable(fn):
            raise TypeError(f"{family}: fn must be a function of arrays, got {type(fn).__name__}")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{family}: name must be text, got {name!r}")
        for i, rule in enumerate(rules):
            if rule is not None and not callable(rule):
                raise TypeError(f"{family}: rule {i} must be a function rule(g, y, *inputs), got {rule!r}")
        self.name = name or _name_of(fn)
        self.family = family
        self.fn = fn
        self.rules = tuple(rules)
        self.jvp = jvp
        self.variadic = variadic
        self.residual = residual
        self.analytic = analytic
        self.domain = domain
        self.cases = tuple(cases)
        self.kinks = kinks
        self.formula = formula
        self.method = method or hasattr(np.ndarray, self.name)
        self.__doc__ = fn.__doc__
        self.__name__ = self.name
        if bind is not None:
            self.bind = bind  # type: ignore[method-assign]
        if family != "composite":
            self._check_rules()
        #: Whether the library itself declares it; only a user's own may be declared anew.
        self.built_in = _is_ours(fn) or any(_is_ours(r) for r in self.rules)
        #: Whether the walkers may call its rules as they are, one for each input.
        self.plain = self.built_in and not variadic
        if register and self.name in OPS and OPS[self.name].built_in:
            raise ValueError(f"{self.name}: the library has an operation of this name; give name= another")
        if numpy is None:
            # Another operation on a NumPy function that has one is called by its own name only.
            numpy = (fn,) if _is_numpy(fn) and fn not in NUMPY else ()
        elif callable(numpy):
            numpy = (numpy,)
        self.numpy = tuple(numpy)
        if not self.built_in:
            for f in self.numpy:
                if f in NUMPY and NUMPY[f].built_in:
                    raise ValueError(
                        f"{self.name}: np.{f.__name__} is the library's own operation already; leave numpy= out"
                    )
        if register:
            OPS[self.name] = self
            for f in self.numpy:
                NUMPY[f] = self

    def _check_rules(self) -> None:
        """Raise TypeError where the rules do not fit the function: their number, or what they take."""
        if not self.rules:
            raise TypeError(f"{self.name}: give one derivative rule per input (None for an input without one)")
        names = [] if self.variadic else _required(self.fn)
        if any(name not in self.parameters for name in names[len(self.rules) :]):
            raise TypeError(
                f"{self.name}: the function takes {len(names)} inputs, but {len(self.rules)} rule(s) are given; "
                f"give one per input (None for an input without a derivative)"
            )
        for i, rule in enumerate(self.rules):
            if rule is None:
                continue
            try:
                signature = inspect.signature(rule)
            except (TypeError, ValueError):
                continue
            try:
                # Parameters of the rule without a default, by keyword only, come with the call.
                given = {p.name: None for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY}
                signature.bind(*[None] * (2 + (1 if self.variadic else len(self.rules))), **given)
            except TypeError:
                inputs = "*inputs" if self.variadic else ", ".join(f"x{k}" for k in range(len(self.rules)))
                raise TypeError(
                    f"{self.name}: rule {i} takes {signature}, but is called with (g, y, {inputs}): the cotangent, "
                    f"the result, the inputs"
                ) from None

    def __repr__(self) -> str:
        return f"<op {self.name} ({self.family})>"

    def __reduce__(self) -> tuple[Any, ...]:
        return OPS.__getitem__, (self.name,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inputs, params = self.bind(*args, **kwargs)
        for x in inputs:
            reader = getattr(type(x), "__read_op__", None)
            if reader is not None:
                return reader(self, inputs, params)
        if self.family != "composite" and self.residual:
            return self.fn(*inputs, **params)[0]
        return self.fn(*inputs, **params)

    @cached_property
    def arity(self) -> int:
        """The number of inputs (arrays that the operation is a function of); -1 where it takes any number."""
        if self.variadic:
            return -1
        if self.family == "composite":
            return len(_required(self.fn))
        return len(self.rules)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the keyword parameters that the rules know."""
        rule = next((r for r in self.rules if r is not None), self.fn)
        parameters = inspect.signature(rule).parameters.values()
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            parameters = inspect.signature(self.fn).parameters.values()
        names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY or p.default is not p.empty]
        return tuple(n for n in names if n not in ("residual",))

    @cached_property
    def _positions(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Names and defaults of the NumPy function's own parameters, in order."""
        fn = self.numpy[0] if self.numpy and not isinstance(self.numpy[0], np.ufunc) else self.fn
        if isinstance(fn, np.ufunc):
            return {}, tuple(f"x{i}" for i in range(fn.nin))
        signature = inspect.signature(fn).parameters.values()
        return {p.name: p.default for p in signature}, tuple(p.name for p in signature)

    def bind(self, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split a call in NumPy's manner into (inputs, parameters), or raise TypeError naming what has no rule."""
        n = self.arity
        if n < 0 or (len(args) == n and not kwargs):
            return args, kwargs
        defaults, names = self._positions
        if len(args) > len(names):
            raise TypeError(f"{self.name}: takes at most {len(names)} arguments, got {len(args)}")
        given = dict(zip(names, args, strict=False))
        for k, v in kwargs.items():
            if k in given:
                raise TypeError(f"{self.name}: got two values for argument {k!r}")
            given[k] = v
        inputs: list[Any] = []
        for name in names[:n]:
            if name not in given:
                if defaults.get(name, inspect.Parameter.empty) is inspect.Parameter.empty:
                    raise TypeError(f"{self.name}: takes {n} input{'s' * (n != 1)}, got {len(inputs)}")
                given[name] = defaults[name]
            inputs.append(given.pop(name))
        params = {}
        for k, v in given.items():
            if k in self.parameters:
                if v is not np._NoValue:
                    params[k] = v
            elif k not in defaults or v is not defaults[k]:
                known = ", ".join(self.parameters) or "none"
                shown = f"an array of shape {v.shape}" if hasattr(v, "shape") else repr(v)
                raise TypeError(
                    f"{self.name}: argument {k}={shown} has no derivative rule (parameters with one: {known}); "
                    f"leave it out, or detach the tensor first"
                )
        return tuple(inputs), params

    @cached_property
    def keeps(self) -> tuple[bool, ...]:
        """Whether the rules read the values (not only the shape) of: the result, each input.

        A variadic operation has two entries: the result, and all inputs together.
        """
        n = 1 if self.variadic else len(self.rules)
        used = [False] * (n + 1)
        for rule in (*self.rules, self.jvp):
            if rule is not None:
                used = [a or b for a, b in zip(used, _reads(rule, n), strict=True)]
        return tuple(used)


def _name_of(fn: Callable[..., Any]) -> str:
    """Give a function's name, or for a lambda the first free one of lambda_1, lambda_2, ..."""
    name = getattr(fn, "__name__", type(fn).__name__)
    if name != "<lambda>":
        return name
    i = 1
    while f"lambda_{i}" in OPS:
        i += 1
    return f"lambda_{i}"


def _is_ours(f: Any) -> bool:
    return (getattr(f, "__module__", None) or "").startswith(f"{__package__}.")


def _required(fn: Callable[..., Any]) -> list[str]:
    if isinstance(fn, np.ufunc):
        return [f"x{i}" for i in range(fn.nin)]
    ps = inspect.signature(fn).parameters.values()
    return [p.name for p in ps if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _reads(rule: Rule, n: int) -> list[bool]:
    """Whether the rule reads the values of y and of its n inputs, told from its byte code (True when in doubt)."""
    code = getattr(rule, "__code__", None)
    if code is None or code.co_cellvars:
        return [True] * (n + 1)
    names = code.co_varnames[1 : code.co_argcount]
    star = code.co_varnames[code.co_argcount + code.co_kwonlyargcount] if code.co_flags & inspect.CO_VARARGS else None
    if star is not None:
        names = (*names, star)
    if len(names) < n + 1:
        return [True] * (n + 1)
    used = dict.fromkeys(names, False)
    steps = list(dis.get_instructions(rule))
    for now, after in zip(steps, [*steps[1:], None], strict=True):
        if now.opname.startswith("LOAD_FAST"):
            loaded = now.argval if isinstance(now.argval, tuple) else (now.argval,)
            outline = after is not None and after.opname == "LOAD_ATTR" and after.argval in _OUTLINE
            for name in loaded[:-1] if outline else loaded:
                if name in used:
                    used[name] = True
    return [used[name] for name in names[: n + 1]]


def _is_numpy(fn: Callable[..., Any]) -> bool:
    return isinstance(fn, np.ufunc) or (getattr(fn, "__module__", None) or "").partition(".")[0] == "numpy"


def elementwise(fn: Callable[..., Any], *rules: Rule | None, **options: Any) -> Op:
    """Declare an operation that works element by element (its Jacobian is diagonal, plus broadcasting).

    One rule per input, ``rule(g, y, *inputs)``: the cotangent ``g`` times the local derivative; None for an input
    without one. The engine folds a broadcast input's gradient to its shape, and forward mode is the same rule
    on the tangent.

    >>> double = elementwise(lambda x: 2.0 * x, lambda g, y, x: 2.0 * g, name="double")
    >>> double(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return Op("elementwise", fn, rules, **options)


def linear(fn: Callable[..., Any], *rules: Rule | None, **options: Any) -> Op:
    """Declare an operation that is linear in all its inputs together (its Jacobian is the operation itself).

    One adjoint per input, ``rule(g, y, *inputs, **parameters)``; with ``variadic=True`` one rule that gives the list of
    all of them. Forward mode is the operation on the tangents.
    """
    return Op("linear", fn, rules, **options)


def multilinear(fn: Callable[..., Any], *rules: Rule | None, **options: Any) -> Op:
    """Declare an operation that is linear in each of its inputs (a product): one adjoint per input.

    Forward mode is the product rule: one run per input with the tangent in its place.
    """
    return Op("multilinear", fn, rules, **options)


def general(fn: Callable[..., Any], *rules: Rule | None, **options: Any) -> Op:
    """Declare any other differentiable operation: one rule per input, ``rule(g, y, *inputs, **parameters)``.

    ``jvp(tangents, y, *inputs, **parameters)`` (a tangent may be None) gives forward mode; without it forward mode is
    derived by differentiating the pullback. With ``residual=True`` fn returns ``(y, residual)`` and the rules take
    ``residual=None``: what forward worked out already, or None where the rule itself is being recorded.
    """
    return Op("general", fn, rules, **options)


def composite(fn: Callable[..., Any], **options: Any) -> Op:
    """Declare a function that is written with other operations, so that its derivative follows from theirs."""
    return Op("composite", fn, (), **options)
