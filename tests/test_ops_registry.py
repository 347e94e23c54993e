"""Every registered operation, from its declared domain and cases: value, derivatives of both modes, dtypes, memory."""

import inspect

import numpy as np
import op_samples as s
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor
from tinygrad_nn.op import NUMPY, OPS
from tinygrad_nn.tensor import apply

NAMES = sorted(OPS)
# These jump where their (deliberately equal) elements are told apart: differences there say nothing.
JUMPS = {"intersect1d", "setdiff1d", "setxor1d", "trim_zeros", "union1d", "unique"} | {
    f"unique_{kind}" for kind in ("all", "counts", "inverse", "values")
}
# The number of results depends on rounding.
ROUNDING = {"polydiv"}
every_op = pytest.mark.parametrize("name", NAMES)


def rng_of(name):
    return np.random.default_rng(len(name))


def numpy_call(sample, xs, dtype=np.float64, f=None):
    """Run NumPy's own function on the sample's arrays, or on tensors."""
    op = sample.op
    f = f or op.numpy[0]
    inputs = sample.with_leaves(xs, dtype)
    if op.name in SPELLED:
        return SPELLED[op.name](f, inputs, dict(sample.params))
    if op.variadic and op.name in ("concatenate", "stack"):
        inputs = (list(inputs),)
    return f(*inputs, **sample.params)


# Functions whose call in NumPy is spelled otherwise than the operation's.
SPELLED = {
    "astype": lambda f, inputs, params: f(*inputs, params["dtype"]),
}


@every_op
def test_C150_every_operation_has_a_rule_and_samples(name):
    op = OPS[name]
    assert s.cases_of(op), f"{name}: give cases= at the declaration"
    assert op.family == "composite" or any(r is not None for r in op.rules) or name in WITHOUT_DERIVATIVE
    for f in op.numpy:
        assert NUMPY[f] is op


WITHOUT_DERIVATIVE = {"cast", "first_place", "keep_mask"}


def test_there_are_at_least_180_operations():
    assert len(OPS) >= 180


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@every_op
def test_value_is_numpys_own_to_the_last_bit(name, dtype):
    for sample in s.samples(name):
        op = sample.op
        xs = sample.leaves(dtype)
        got = s.flat(op.fn(*sample.with_leaves(xs, dtype), **sample.params))
        if op.family != "composite" and op.residual:
            got = got[:1]
        ts = s.tensors(xs)
        taped = s.flat(apply(op, sample.with_leaves(ts, dtype), sample.params))
        wanted = s.flat(numpy_call(sample, xs, dtype)) if op.numpy else got
        for want, results in ((wanted, got), (wanted, taped)):
            for w, y in zip(want, results, strict=True):
                value = y._data if isinstance(y, Tensor) else y
                np.testing.assert_array_equal(value, w, err_msg=str(sample))
                assert value.dtype == w.dtype, (str(sample), value.dtype, w.dtype)
                assert value.shape == w.shape, str(sample)


@every_op
def test_numpys_functions_record(name):
    """NumPy's own function on tensors that need a gradient is this operation, under each of its names."""
    for f in OPS[name].numpy:
        for sample in s.differentiable(name):
            ys = s.flat(numpy_call(sample, s.tensors(sample.leaves()), f=f))
            wanted = s.flat(apply(sample.op, sample.with_leaves(s.tensors(sample.leaves())), sample.params))
            for y, w in zip(ys, wanted, strict=True):
                assert isinstance(y, Tensor) == isinstance(w, Tensor)
                if isinstance(y, Tensor):
                    assert y.requires_grad == w.requires_grad
                    np.testing.assert_array_equal(y._data, w._data)


@every_op
def test_forward_and_reverse_are_adjoint(name):
    rng = rng_of(name)
    for sample in s.differentiable(name):
        xs, ts = sample.leaves(), sample.tangents(rng)
        leaves = s.tensors(xs)
        ys = sample.call(leaves)
        s.freeze(ys)
        cs = s.cotangents(ys, rng)
        gs = [g.data for g in s.pulled(ys, cs, leaves)]
        _, pushed = tg.jvp(lambda *v, sample=sample: sample.call(list(v)), tuple(xs), tuple(ts))
        pushed = [np.where(c == 0, 0.0, p) for p, c in zip(pushed, cs, strict=True)]
        left, right = s.dot(pushed, cs), s.dot(gs, ts)
        scale = sum(np.abs(np.asarray(p) * c).sum() for p, c in zip(pushed, cs, strict=True))
        fine = 1e-12 if all(y.dtype == np.float64 for y in ys) else 1e-6
        assert abs(left - right) <= fine * max(scale, 1.0), (str(sample), left, right)


def conclusive(name, compare, resolution):
    """Compare every sample with differences, drawn anew (a few times) where these are too near to a kink to tell."""
    pending = {x.number for x in s.differentiable(name)}
    for attempt in range(6):
        for sample in s.differentiable(name, attempt):
            if sample.number not in pending or s.too_large(sample.leaves()):
                pending.discard(sample.number)
                continue
            got, want, error = compare(sample)
            if error > resolution * max(1.0, abs(want)):
                continue
            pending.discard(sample.number)
            assert abs(got - want) <= resolution * max(1.0, abs(want)) + 10 * error, (str(sample), got, want, error)
    assert not pending, f"{name}: samples {pending} are near to kinks however they are drawn"


@every_op
def test_gradient_agrees_with_differences(name):
    if name in JUMPS:
        pytest.skip("jumps at its samples")
    rng = rng_of(name)

    def compare(sample):
        xs, ts = sample.leaves(), sample.tangents(rng)
        leaves = s.tensors(xs)
        ys = sample.call(leaves)
        cs = s.cotangents(ys, rng)
        got = s.dot([g.data for g in s.pulled(ys, cs, leaves)], ts)

        def along(h):
            moved = sample.call([x + h * t for x, t in zip(xs, ts, strict=True)])
            return s.dot([np.where(c == 0, 0.0, y) for y, c in zip(moved, cs, strict=True)], cs)

        return got, *s.richardson(along)

    conclusive(name, compare, 1e-4 if name == "astype" else 1e-7)


@every_op
def test_gradient_agrees_with_a_complex_step(name):
    op = OPS[name]
    if not op.analytic:
        pytest.skip("not analytic")
    rng = rng_of(name)
    for sample in s.differentiable(name):
        xs, ts = sample.leaves(), sample.tangents(rng)
        leaves = s.tensors(xs)
        ys = sample.call(leaves)
        cs = s.cotangents(ys, rng)
        got = s.dot([g.data for g in s.pulled(ys, cs, leaves)], ts)
        moved = op.fn(*sample.with_leaves([x + 1e-30j * t for x, t in zip(xs, ts, strict=True)]), **sample.params)
        if op.family != "composite" and op.residual:
            moved = moved[0]
        want = s.dot([np.imag(y) / 1e-30 for y in (moved if isinstance(moved, tuple) else [moved])], cs)
        assert abs(got - want) <= 1e-13 * max(1.0, abs(want)) * 10, (str(sample), got, want)


@every_op
def test_second_order(name):
    """Reverse over reverse against differences of the gradient, and forward over reverse against both."""
    if name in JUMPS:
        pytest.skip("jumps at its samples")
    rng = rng_of(name)

    def compare(sample):
        xs, ts, us = sample.leaves(), sample.tangents(rng), sample.tangents(rng)
        leaves = s.tensors(xs)
        ys = sample.call(leaves)
        cs = s.cotangents(ys, rng)
        gs = s.pulled(ys, cs, leaves, create_graph=True)
        got = s.dot([g.data for g in s.pulled(gs, us, leaves)], ts)

        def gradient(*xs):
            return tuple(s.pulled(sample.call(list(xs)), cs, list(xs), create_graph=True))

        def along(h):
            moved = s.tensors([x + h * t for x, t in zip(xs, ts, strict=True)])
            return s.dot([g.data for g in gradient(*moved)], us)

        _, pushed = tg.jvp(gradient, tuple(xs), tuple(ts))
        assert abs(s.dot(pushed, us) - got) <= 1e-10 * max(1.0, abs(got)), (str(sample), s.dot(pushed, us), got)
        return got, *s.richardson(along)

    conclusive(name, compare, 1e-4 if name == "astype" else 1e-6)


@every_op
def test_float32_stays_float32(name):
    rng = rng_of(name)
    for sample in s.differentiable(name):
        x64, x32 = sample.leaves(), sample.leaves(np.float32)
        if "dtype" in sample.params or name in ROUNDING:
            continue
        plain = sample.call(x32, np.float32)
        leaves = s.tensors(x32)
        ys = sample.call(leaves, np.float32)
        for y, p in zip(ys, plain, strict=True):
            assert y.dtype == p.dtype
        cs = s.cotangents(ys, rng)
        gs = s.pulled(ys, cs, leaves)
        wide = s.tensors(x64)
        want = s.pulled(sample.call(wide), cs, wide)
        for g, w, x in zip(gs, want, x32, strict=True):
            assert g.dtype == np.float32
            assert g.shape == x.shape
            np.testing.assert_allclose(g.data, w.data, rtol=2e-3, atol=2e-3, err_msg=str(sample))


@every_op
def test_layout_in_memory_does_not_matter(name):
    rng = rng_of(name)
    for sample in s.differentiable(name):
        xs = sample.leaves()
        strided = [
            np.repeat(x[..., np.newaxis], 2, -1)[..., 0] if x.ndim < 2 else np.array(x, order="F")[..., ::-1][..., ::-1]
            for x in xs
        ]
        results = []
        for arrays in (xs, strided):
            leaves = [tg.tensor.constant(a) for a in arrays]
            for t in leaves:
                t.requires_grad = True
            ys = sample.call(leaves)
            rng_c = np.random.default_rng(0)
            cs = s.cotangents(ys, rng_c)
            results.append(([y.data for y in ys], [g.data for g in s.pulled(ys, cs, leaves)]))
        for a, b in zip(results[0][1], results[1][1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12, err_msg=str(sample))
    del rng


@every_op
def test_gradients_are_writable_and_share_no_memory(name):
    rng = rng_of(name)
    for sample in s.differentiable(name):
        leaves = s.tensors(sample.leaves())
        ys = sample.call(leaves)
        s.freeze(ys)
        cs = s.cotangents(ys, rng)
        total = s.weighted(ys, cs)
        if not isinstance(total, Tensor) or not total.requires_grad:
            continue
        total.backward()
        grads = [t.grad for t in leaves if t.grad is not None]
        for i, g in enumerate(grads):
            assert g.flags.writeable
            assert not any(np.may_share_memory(g, h) for h in grads[:i]), str(sample)
            assert not any(np.may_share_memory(g, t._data) for t in leaves), str(sample)
            assert not any(np.may_share_memory(g, c) for c in cs), str(sample)


def rule_calls(name):
    """Give (sample, rule, which input, g, y, inputs) for each rule of an operation that is not a composite."""
    op = OPS[name]
    if op.family == "composite":
        return
    for sample in s.differentiable(name):
        values = [x[()] if isinstance(x, np.ndarray) and not x.ndim else x for x in sample.with_leaves(sample.leaves())]
        y = op.fn(*values, **sample.params)
        y = y[0] if op.residual else y
        g = np.random.default_rng(sample.number).uniform(-1, 1, np.shape(y))[()]
        for i, rule in enumerate(op.rules):
            if rule is not None and (op.variadic or _varies(sample, i)):
                yield sample, rule, i, g, y, values


def _varies(sample, i):
    return any(p[0] == i for p in sample.varies)


def arrays_of(result):
    return [np.asarray(v) for v in (result if isinstance(result, list) else [result])]


@every_op
def test_rules_write_to_nothing(name):
    for sample, rule, _, g, y, values in rule_calls(name):
        given = [v for v in (g, y, *values) if isinstance(v, np.ndarray)]
        before = [v.copy() for v in given]
        for v in given:
            v.setflags(write=False)
        rule(g, y, *values, **sample.params)
        for v, b in zip(given, before, strict=True):
            np.testing.assert_array_equal(v, b)


@every_op
def test_rules_read_only_what_keeps_says(name):
    """What is not kept may be gone or changed when the rule runs: poison must not reach the gradient."""
    op = OPS[name]
    for sample, rule, _, g, y, values in rule_calls(name):
        keeps = op.keeps if not op.variadic else (op.keeps[0], *[op.keeps[1]] * len(values))
        poisoned = [
            v if kept or not hasattr(v, "dtype") or v.dtype.kind != "f" else np.full_like(v, np.nan)[()]
            for v, kept in zip((y, *values), keeps, strict=True)
        ]
        want = arrays_of(rule(g, y, *values, **sample.params))
        got = arrays_of(rule(g, *poisoned, **sample.params))
        for a, b in zip(got, want, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=str(sample))


@every_op
def test_unknown_arguments_are_refused(name):
    op = OPS[name]
    for f in op.numpy:
        if isinstance(f, np.ufunc) or op.variadic:
            continue
        try:
            parameters = inspect.signature(f).parameters
        except ValueError:
            continue
        if "out" not in parameters:
            continue
        sample = s.differentiable(name)[0]
        leaves = s.tensors(sample.leaves())
        with pytest.raises(TypeError, match="out"):
            f(*sample.with_leaves(leaves), **sample.params, out=np.zeros(3))
