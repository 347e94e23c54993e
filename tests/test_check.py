"""gradcheck: right functions pass, planted faults fail with the right words, kinks are told apart from faults."""

import math

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import GradientError, gradcheck
from tinygrad_nn.op import OPS


def wrong(rule, fn=np.sin, name="wrong_sin", make=tg.op.elementwise):
    return make(fn, rule, name=name, register=False)


SIN = {
    "scaled everywhere": lambda g, y, x: g * np.cos(x) * 1.0005,
    "sign": lambda g, y, x: -g * np.cos(x),
    "zero": lambda g, y, x: g * 0.0,
    "cotangent ignored": lambda g, y, x: np.cos(x) * 1.0,
    "another function": lambda g, y, x: g * np.sin(x),
    "one element": lambda g, y, x: g * np.cos(x) * (1.0 + 0.002 * (np.arange(x.size).reshape(x.shape) == 2)),
    "reversed": lambda g, y, x: np.flip(g * np.cos(x)),
    "squared cotangent": lambda g, y, x: g * g * np.cos(x),
}


@pytest.mark.parametrize("fault", SIN)
@pytest.mark.parametrize("factor", [1.0, 1e-7, 1e7])
def test_planted_fault_is_found(fault, factor, rng):
    op = wrong(SIN[fault])
    with pytest.raises(GradientError, match=r"^gradcheck: input 0, "):
        gradcheck(lambda x: factor * op(x), rng.uniform(0.2, 1.2, 5))


def test_the_message_names_input_element_and_both_numbers():
    op = wrong(SIN["one element"])
    w = tg.Tensor([0.1, 0.2, 0.3], requires_grad=True, name="weight")
    with pytest.raises(GradientError) as caught:
        gradcheck(lambda a, d: a * op(d["w"]), np.array([1.0, 2.0, 3.0]), {"w": w})
    first = str(caught.value).splitlines()[0]
    assert first.startswith("gradcheck: input 1['w'] 'weight', element (2,)")
    assert f"{3 * math.cos(0.3) * 1.002:.6f}" in first
    assert f"{3 * math.cos(0.3):.6f}" in first
    report = caught.value.report
    assert not report.passed
    assert [i.passed for i in report.inputs] == [True, False]
    assert report.inputs[1].failures[0].index == (2,)
    assert "only 1 of 3 elements is wrong: (2,) by a factor 1.002" in first
    assert "wrong_sin at" in first
    assert "test_check.py" in first
    assert str(report.inputs[1]).splitlines()[0] in str(caught.value)


def test_report_without_raising():
    report = gradcheck(wrong(SIN["sign"]), np.ones(3), raise_error=False)
    assert not report.passed
    assert "FAILED" in str(report)
    assert report.max_error == pytest.approx(2.0, rel=1e-6)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def test_agreement_and_resolution_are_small(rng):
    report = gradcheck(lambda a, b: np.exp(a @ b) / np.sum(a), rng.uniform(size=(2, 3)), rng.uniform(size=(3, 4)))
    assert report.passed
    assert report.max_error < 1e-11
    assert report.max_error < report.resolution < 1e-9
    assert [i.elements for i in report.inputs] == [6, 12]
    assert "agrees to" in str(report)
    assert "forward mode agrees with reverse mode" in str(report)


def test_inputs_in_containers_and_of_other_kinds():
    def f(pair, options, n, label):
        assert isinstance(pair[0], tg.Tensor)
        assert label == "as it is"
        return {"y": pair[0] * pair[1]["b"] ** n, "z": [np.sin(options)[[0, 2]], 3]}

    report = gradcheck(f, (np.ones(3), {"b": 2.0}), tg.Tensor([1.0, 2.0, 3.0]), np.array(2), "as it is")
    assert [i.label for i in report.inputs] == ["input 0[0]", "input 0[1]['b']", "input 1"]


def test_whole_numbers_are_handed_over_and_complex_results_are_two():
    def power(x, n, axis):
        assert type(n) is int
        return np.sum(x**n, axis=axis)

    report = gradcheck(power, np.array([[1.0, -2.0]]), 3, -1)
    assert [i.label for i in report.inputs] == ["input 0"]
    assert gradcheck(np.fft.fft, np.array([1.0, 3.0, 2.0]), order=2).passed
    with pytest.raises(TypeError, match=r"give one \(1.0, not 1: whole numbers have no derivative\)"):
        gradcheck(np.sin, 1)


def test_many_kinks_end_soon(rng):
    report = gradcheck(lambda x: np.sum(np.abs(x) * np.arange(3000.0)), np.zeros(3000), samples=3000)
    assert report.evaluations < 20_000
    assert "elements took 6000 runs of the function: the rest was compared along directions only" in str(report)


def test_nothing_to_check_is_an_error():
    with pytest.raises(TypeError, match="none of the 1 inputs is a float array"):
        gradcheck(np.sin, np.array([1, 2]))
    with pytest.raises(TypeError, match="must give a Tensor of floats"):
        gradcheck(lambda x: None, 1.0)
    with pytest.raises(ValueError, match="order=0"):
        gradcheck(np.sin, 1.0, order=0)
    with pytest.raises(ValueError, match="samples=0"):
        gradcheck(np.sin, 1.0, samples=0)


def test_leaf_tensors_that_the_function_closes_over(rng):
    w = tg.Parameter(rng.normal(size=(3, 4)).astype(np.float32))
    b = tg.Parameter(rng.normal(size=3).astype(np.float32))
    w.grad = np.ones((3, 4))
    before, data, grad = w.numpy().copy(), w._data, w.grad
    x = rng.normal(size=(5, 4)).astype(np.float32)
    report = gradcheck(lambda *_: np.tanh(x @ w.T + b).sum(), w, b)
    assert report.max_error < 1e-9
    assert [i.dtype for i in report.inputs] == ["float32", "float32"]
    assert w._data is data
    assert w.grad is grad
    np.testing.assert_array_equal(w.numpy(), before)
    with pytest.raises(ZeroDivisionError):
        gradcheck(lambda *_: w.sum() / 0 if w.dtype == np.float64 else 1 // 0, w, raise_error=1 // 0)
    with pytest.raises(RuntimeError, match="inside"):
        gradcheck(lambda *_: (_ for _ in ()).throw(RuntimeError("inside")), w)
    assert w._data is data


def test_a_tensor_given_twice_is_checked_once():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    report = gradcheck(lambda a, b: a * b, w, w)
    assert len(report.inputs) == 1


def test_a_large_input_is_sampled_and_moved_along_directions(rng):
    x = rng.normal(size=(100, 30))
    report = gradcheck(lambda t: np.sin(t).sum(), x, samples=10)
    assert report.inputs[0].elements <= 12
    assert report.inputs[0].directions >= 2
    assert "of 3000 elements" in str(report)
    # One wrong element among 3000, which no sample meets, shows in the directions.
    spot = np.zeros(x.shape)
    spot[71, 13] = 0.002
    op = wrong(lambda g, y, x: g * np.cos(x) * (1.0 + spot))
    with pytest.raises(GradientError, match=r"input 0, element \(71, 13\)"):
        gradcheck(lambda t: op(t).sum(), x, samples=10)


@pytest.mark.parametrize(
    ("f", "x", "status", "slopes"),
    [
        (np.abs, [0.0, 1.0], "kink", (-1.0, 1.0)),
        (OPS["relu"], [0.0, -1.0], "kink", (0.0, 1.0)),
        (lambda x: np.maximum(x, 0.0), [0.0, 2.0], "kink", (0.0, 1.0)),
        (lambda x: np.max(x), [1.0, 1.0], "kink", (0.0, 1.0)),
        (lambda x: np.abs(x) + 100.0 * x, [0.0], "kink", (99.0, 101.0)),
        (lambda x: OPS["relu"](x) - np.maximum(x, 0.0) * 3.0, [0.0], "kink", (0.0, -2.0)),
        (np.floor, [1.0, 0.5], "jump", None),
        (np.sqrt, [0.0, 1.0], "infinite", None),
        (np.arcsin, [1.0, 0.5], "infinite", None),
        (lambda x: np.sqrt(x * x), [0.0], "agrees", None),
    ],
)
def test_kinks_jumps_and_infinite_slopes_are_reported_as_such(f, x, status, slopes):
    if status == "agrees":  # sqrt(x * x) at 0: the chain rule gives 0 * inf
        with pytest.raises(GradientError, match="nan"):
            gradcheck(f, np.array(x))
        return
    report = gradcheck(f, np.array(x))
    verdict = report.inputs[0].findings[0].verdict
    assert verdict.status == status
    assert f"{status} at element" in str(report)
    if slopes is not None:
        assert verdict.slopes == pytest.approx(slopes, abs=1e-6)


def test_a_claim_outside_the_slopes_of_a_kink_is_a_fault():
    op = wrong(lambda g, y, x: g * np.sign(x) + 2.0 * g * (x == 0), np.absolute, "wrong_abs")
    with pytest.raises(GradientError, match="slopes -1 below and 1 above"):
        gradcheck(op, np.array([0.0, 1.0]))


def test_an_input_that_is_ignored_is_no_fault_but_a_cut_path_is():
    report = gradcheck(lambda a, b: a * 2.0, 1.0, np.ones(2))
    assert "gradient is None" in str(report)
    with pytest.raises(GradientError, match="input 1, element"):
        gradcheck(lambda a, b: a * b.data, 1.0, np.ones(2))
    with pytest.raises(GradientError, match="input 0, element"):
        gradcheck(lambda a: a.data * 2.0, 1.0)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x * x.data, "cut at multiply at .*test_check.py.*: its input 1 is a plain array or number"),
        (lambda x: x.detach() / (1.0 + x), "cut at divide .* input 0 is an untracked tensor"),
        (lambda x: np.exp(x) * float(x.sum()), "cut at multiply .* input 1 is a plain array or number"),
        (lambda x: np.sum(x * 2.0) * x.data, "input 1 is a plain array"),
        (lambda x: [x * 2.0, x.data], "result 1 changes with it but is not recorded"),
        (lambda x: x.numpy() * 2.0, "the result changes with it but is not recorded"),
    ],
)
def test_a_cut_path_is_named(f, words):
    with pytest.raises(GradientError, match=words):
        gradcheck(f, np.array([0.5, 2.0]))


def test_a_path_cut_by_no_grad_is_named():
    def f(x):
        with tg.no_grad():
            h = np.sin(x)
        return h * x

    with pytest.raises(GradientError, match=r"return h \* x: its input 0 is an untracked tensor"):
        gradcheck(f, np.ones(2))


def test_a_kink_inside_is_no_fault_where_every_operation_is_right():
    report = gradcheck(lambda x: OPS["relu"](x) - OPS["relu"](-x), np.array([0.0, 1.0]))
    assert report.inputs[0].findings[0].verdict.status == "kink"
    assert "every operation is right by itself; on the way, at a kink: relu" in str(report)


def test_random_functions_are_refused():
    draw = np.random.default_rng(0)
    with pytest.raises(GradientError, match="not deterministic"):
        gradcheck(lambda x: x * draw.normal(size=3), np.ones(3))


def test_values_that_are_not_finite_are_named():
    with pytest.raises(GradientError, match=r"gives nan as element \(1,\) of the result"):
        gradcheck(np.log, np.array([1.0, -1.0]))


def test_second_order():
    report = gradcheck(lambda x: np.exp(x) * x, np.array([0.5, -1.0]), order=2)
    assert report.higher is not None
    assert report.higher.order == 2
    # Right at first order, but the rule computes its factor outside of the graph.
    op = wrong(lambda g, y, x: g * np.cos(x.data if isinstance(x, tg.Tensor) else x))
    assert gradcheck(op, np.array([0.5, -1.0])).passed
    with pytest.raises(GradientError, match=r"derivative 2: FAILED"):
        gradcheck(op, np.array([0.5, -1.0]), order=2)


def test_third_order(rng):
    assert gradcheck(lambda x: np.sum(np.sin(x) ** 3), rng.normal(size=2), order=3).higher.higher.order == 3


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.log, [1e-8, 1.0, 1e8]),
        (np.exp, [700.0, -700.0, 0.0, 30.0]),
        (np.cos, [1e-8, 1e-3, 0.0]),
        (np.sin, [1e8, 3.0, 1e4]),
        (lambda x: (x + 1e8) - 1e8, [1.0, 1e-3]),
        (lambda x: np.sum(x) ** 3 / np.prod(x), [1e-8, 1e8, 1.0]),
        (lambda x: np.log(np.sum(np.exp(x))), [300.0, 0.0, -300.0]),
        (lambda x: x**0.5 + 1.0 / x, [1e-12, 1e12]),
        (lambda x: np.exp(-((1e6 * x) ** 2)), [1e-7, 1e-6]),
        (lambda x: np.tanh(1e6 * x), [0.0, 1e-7, 3.0]),
        (lambda x: 1e300 * np.sin(x), [1.0]),
        (lambda x: 1e-300 * np.sin(x), [1.0]),
        (lambda x: np.sin(x.astype(np.float32)), [1.0, -2.0]),
        (lambda x: np.float32(2.0) * x.astype(np.float32), [1e-3, 1e3]),
        (lambda x: OPS["sigmoid"](x), [30.0, -30.0, 1000.0, -1000.0, 0.0]),
    ],
)
def test_no_false_alarm_at_hard_points(f, x):
    assert gradcheck(f, np.array(x)).passed


def test_no_false_alarm_where_a_derivative_cancels_to_rounding():
    """The cross product of parallel vectors: forward mode gives 0, reverse mode what rounding leaves of it."""

    def f(x):
        c = np.linalg.cond(x)
        v = np.logspace(c, np.linalg.vector_norm(c, ord=3, keepdims=True), 3, base=1.5)
        return np.linalg.cross(np.log(v * np.log1p(v)), np.tanh(v.T))

    report = gradcheck(f, np.array([[-1.227, 0.872], [-1.922, -1.39], [1.301, 1.651], [-1.237, 1.773]]))
    assert "forward mode agrees with reverse mode within the rounding of both" in str(report)


def test_C40_overlapping_inputs_are_copied():
    assert gradcheck(lambda x: x * x, np.broadcast_to(np.array([1.0, 2.0]), (3, 2))).inputs[0].elements == 6
    a = np.lib.stride_tricks.as_strided(np.arange(5.0), (3, 3), (8, 8))
    a.flags.writeable = False
    assert gradcheck(lambda x: np.sin(x), a).passed


def test_empty_inputs_and_results():
    assert gradcheck(lambda x: x * 2.0, np.zeros((0, 3))).passed
    assert gradcheck(lambda x: x[:0], np.zeros(3)).passed


def test_complex_step_is_exact_where_every_operation_is_analytic(rng):
    report = gradcheck(lambda a, b: np.exp(np.sin(a) @ b / 3.0).sum(), rng.normal(size=(2, 3)), rng.normal(size=3))
    (note,) = [n for n in report.notes if "complex step agrees with reverse mode to" in n]
    assert float(note.rsplit(" ", 1)[1]) < 1e-14
    assert "no complex step: absolute is not analytic" in str(gradcheck(np.abs, np.ones(2)))


def test_complex_step_sees_what_differences_cannot():
    op = tg.op.elementwise(
        np.sin, lambda g, y, x: g * np.cos(x) * (1.0 + 1e-10), name="nearly", analytic=True, register=False
    )
    with pytest.raises(GradientError, match="a complex step gives"):
        gradcheck(op, np.array([0.3, 0.9]))


def test_an_operation_that_is_not_as_analytic_as_it_says():
    for fn in (lambda x: np.abs(x) * 1.0, lambda x: np.real(x) ** 2):
        op = tg.op.elementwise(fn, lambda g, y, x: g * 2.0 * x, name="liar", analytic=True, register=False)
        report = gradcheck(op, np.array([0.3, 0.9]), raise_error=False)
        assert "no complex step: liar does something else with complex numbers" in str(report)


@pytest.mark.parametrize(
    ("f", "xs"),
    [
        (np.vecdot, [(3,), (3,)]),
        (np.correlate, [(5,), (3,)]),
        (lambda x: np.fft.irfft(np.fft.rfft(x)), [(6,)]),
        (lambda x: x[[0, 0, 1]].reshape(3, 1).T @ np.linalg.inv(np.diag([1.0, 2.0, 3.0])), [(2,)]),
    ],
)
def test_complex_step_through_conjugates_and_linear_operations(f, xs, rng):
    report = gradcheck(f, *[rng.normal(size=s) for s in xs])
    assert "complex step agrees" in str(report)


def test_a_rule_that_fails_is_named():
    op = wrong(lambda g, y, x: g * missing)  # noqa: F821
    with pytest.raises(GradientError, match=r"NameError: name 'missing' .*the operation at fault is wrong_sin at") as e:
        gradcheck(op, np.ones(2))
    assert isinstance(e.value.__cause__, NameError)
    assert not gradcheck(op, np.ones(2), raise_error=False).passed
