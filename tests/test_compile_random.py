"""Random programs, eager against compiled: to the bit with ``exact=True`` and as source, else within a bound."""

import warnings

import numpy as np
import pytest
from oracles.program import OURS, generate
from oracles.recipes import RECIPES

import tinygrad_nn as tg

NAMES = sorted(RECIPES)
#: Units in the last place of the result's scale that the default may differ by: docs/compiler.md.
UNITS = 64
#: Operations that look at values before they decide what to compute: refused, with an explanation.
REFUSED = {"linspace", "logspace", "geomspace", "lstsq", "poly", "polymul", "polydiv"}


def loss_of(program, dtype):
    """Give the program as a function with one number as its value, its constants in a dtype."""
    constants = {k: v.astype(dtype) if v.dtype.kind == "f" else v for k, v in program.constants.items()}
    names = {"np": np, "fn": OURS.fn, "special": OURS.special, **constants}
    exec(program.source(), names)
    results = names["f"]

    def loss(*xs):
        parts = [np.sin(y).sum() for y in results(*xs)]
        total = parts[0]
        for p in parts[1:]:
            total = total + p
        return total

    return loss


def by_backward(f, arrays):
    leaves = [tg.Tensor(a, requires_grad=True) for a in arrays]
    y = f(*leaves)
    y.backward()
    return [y.data, *[t.grad for t in leaves]]


def by_transform(f, arrays):
    y, grads = f(*arrays)
    return [y, *grads]


def ways(f, n, **options):
    """Give for each way its eager run and its compiled one."""
    every = tuple(range(n))
    eager = tg.value_and_grad(f, argnums=every)
    c = tg.compile(f, **options)
    outer = tg.compile(tg.value_and_grad(f, argnums=every), **options)
    inner = tg.value_and_grad(tg.compile(f, **options), argnums=every)
    return {
        "compile(f), backward": (lambda a: by_backward(f, a), lambda a: by_backward(c, a)),
        "compile(value_and_grad(f))": (lambda a: by_transform(eager, a), lambda a: by_transform(outer, a)),
        "value_and_grad(compile(f))": (lambda a: by_transform(eager, a), lambda a: by_transform(inner, a)),
    }


def outcome(run, arrays):
    """Give the results, or the kind of error."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [None if a is None else np.asarray(a) for a in run(arrays)]
    except Exception as e:
        return e


def differs(want, got, exact, eps=0.0):
    """Give what differs between two outcomes, or None."""
    if isinstance(want, Exception) or isinstance(got, Exception):
        return None if type(want) is type(got) else f"{want!r} against {got!r}"
    for i, (a, b) in enumerate(zip(want, got, strict=True)):
        if a is None or b is None:
            if a is not b:
                return f"result {i}: {a} against {b}"
            continue
        if a.shape != b.shape or a.dtype != b.dtype:
            return f"result {i}: {a.dtype} {a.shape} against {b.dtype} {b.shape}"
        if exact:
            same = a.tobytes() == b.tobytes()
        else:
            finite = np.abs(a[np.isfinite(a)])
            room = UNITS * eps * max(1.0, float(finite.max(initial=0.0)))
            same = np.allclose(a, b, rtol=0.0, atol=room, equal_nan=True)
        if not same:
            return f"result {i}: {a!r} against {b!r}"
    return None


def inputs_of(program, dtype):
    """Give the inputs, other values in the same shapes, views laid out otherwise, and other shapes."""
    first = [np.asarray(a, dtype) for a in program.inputs.values()]
    rng = np.random.default_rng(program.seed)
    second = [np.asarray(a + rng.uniform(-0.3, 0.3, a.shape), dtype) for a in first]
    turned = [np.asarray(a, order="F") for a in second]
    longer = [np.concatenate([a, a], axis=0) if a.ndim else a for a in second]
    return [first, second, turned, longer, first]


def check(seed, dtype, exact):
    """Raise AssertionError with the program where a compiled run differs from an eager one."""
    program = generate(seed, NAMES, RECIPES)
    f = loss_of(program, dtype)
    for way, (eager, compiled) in ways(f, len(program.inputs), exact=exact).items():
        for k, arrays in enumerate(inputs_of(program, dtype)):
            want, got = outcome(eager, arrays), outcome(compiled, arrays)
            if isinstance(got, tg.TraceError) and REFUSED & {str(got).split(":")[0], *program.drawn}:
                break
            found = differs(want, got, exact, np.finfo(dtype).eps)
            assert found is None, f"seed {seed}, {np.dtype(dtype)}, {way}, call {k}: {found}\n{program.script()}"


def check_source(seed, dtype):
    program = generate(seed, NAMES, RECIPES)
    f = loss_of(program, dtype)
    arrays = [np.asarray(a, dtype) for a in program.inputs.values()]
    leaves = [tg.Tensor(a, requires_grad=True, name=k) for k, a in zip(program.inputs, arrays, strict=True)]
    want = outcome(lambda a: by_backward(f, a), arrays)
    if isinstance(want, Exception):
        return

    def run(_):
        y, grads = tg.to_source(f, *leaves).run()
        return [y, *[grads.get(k) for k in program.inputs]]

    got = outcome(run, arrays)
    if isinstance(got, tg.TraceError) and REFUSED & {str(got).split(":")[0], *program.drawn}:
        return
    found = differs(want, got, True)
    assert found is None, f"seed {seed}, {np.dtype(dtype)}, to_source: {found}\n{program.script()}"


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "default"])
def test_random_programs_compiled(dtype, exact):
    for seed in range(100, 125):
        check(seed, dtype, exact)


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_random_programs_as_source(dtype):
    for seed in range(200, 250):
        check_source(seed, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "default"])
def test_thousands_of_random_programs(dtype, exact):
    for seed in range(1000, 2000):
        check(seed, dtype, exact)
        check_source(seed, dtype)
