"""Every rule prints a formula, and the formula evaluates to the numbers that the rule computes on arrays."""

import importlib.util

import numpy as np
import op_samples as s
import pytest

from tinygrad_nn.op import OPS
from tinygrad_nn.symbol import Symbol, applied, formula, input_names, namespace

if importlib.util.find_spec("scipy") is not None:
    import tinygrad_nn.ops.bessel
    import tinygrad_nn.ops.special  # noqa: F401

NAMES = sorted(name for name, op in OPS.items() if any(rule is not None for rule in op.rules))
# Rules that look at values before they compute: a formula cannot be printed.
# Arguments of special functions in which the derivative is not elementary.
_PARAMETRIC = ["gammainc", "gammaincc", "betainc", "expn", "jv", "yv", "iv", "kv", "ive", "kve"]
REFUSED = {
    name: range(len(OPS[name].rules) - 1) for name in [*_PARAMETRIC, "hyp0f1", "hyp1f1", "hyp2f1"] if name in OPS
}
LOOKS_AT_VALUES = {"svd_full_packed": "the cotangent must not touch the vectors that are not unique"}


def arguments(sample):
    """Give the result, the inputs and the parameters of a sample as the rules get them."""
    op = sample.op
    xs = [np.asarray(x) for x in sample.with_leaves(sample.leaves())]
    y = op.fn(*xs, **sample.params)
    return (y[0] if op.residual else y), xs, sample.params


def evaluated(printed, names):
    """Evaluate a formula line by line, as one would type it in."""
    if not isinstance(printed, Symbol):
        return eval(str(printed), names)
    named, text = printed.steps()
    for name, part in named:
        names[name] = eval(part, names)
    return eval(text, names)


@pytest.mark.parametrize("name", NAMES)
def test_formula_evaluates_to_the_same_numbers(name):
    op = OPS[name]
    compared = 0
    for sample in s.samples(name):
        y, xs, params = arguments(sample)
        rng = np.random.default_rng(sample.number)
        g = np.asarray(rng.uniform(-1, 1, np.shape(y)))
        n = len(xs)
        called = list(input_names(op)) or [f"x{k}" for k in range(n)]
        for i in range(n):
            if xs[i].dtype.kind != "f" or (not op.variadic and op.rules[i] is None):
                continue
            shapes, dtypes, bound = [x.shape for x in xs], [x.dtype for x in xs], {}
            if name in LOOKS_AT_VALUES:
                with pytest.raises(TypeError, match="not on the value"):
                    formula(op, i, shapes, params, called, np.shape(y), dtypes)
                compared += 1
                continue
            if i in REFUSED.get(name, ()):
                with pytest.raises(TypeError, match="no derivative rule in the argument"):
                    op.rules[i](g, y, *xs, **params)
                continue
            want = op.rules[0](g, y, *xs, **params)[i] if op.variadic else op.rules[i](g, y, *xs, **params)
            printed = applied(op, i, shapes, params, called, np.shape(y), dtypes, bound)
            names = namespace() | {"g": g, "y": y} | dict(zip(called, xs, strict=True))
            names |= dict(bound.values())
            with np.errstate(all="ignore"):
                got = evaluated(printed, names)
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12, err_msg=f"{sample} {i}: {printed}")
            assert np.shape(got) == np.shape(want), (str(sample), str(printed))
            compared += 1
    assert compared, f"{name}: no sample has an input with a rule"


def test_a_rule_that_prints_wrongly_would_be_found():
    """The comparison sees a formula that is off, and a part that is named wrongly."""
    x = Symbol("x", (2,))
    part = np.sin(x) * np.cos(x) + 1.0
    names = namespace() | {"x": np.array([0.3, 0.5])}
    right = evaluated(part * part, dict(names))
    assert (part * part).steps() == ([("t1", "sin(x) * cos(x) + 1.0")], "t1 * t1")
    np.testing.assert_allclose(right, (np.sin(names["x"]) * np.cos(names["x"]) + 1.0) ** 2)
    assert not np.allclose(evaluated(part * np.sin(x), dict(names)), right)
