"""Declaring operations as a user would: every family in one line, with all that follows, and clear refusals."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.op import NUMPY, OPS
from tinygrad_nn.ops import late

X = np.array([0.5, -1.5, 2.0])


@pytest.fixture(autouse=True)
def registry():
    """Take out again what a test declares."""
    late(len)  # what comes with SciPy is declared once, and stays
    ops, numpy = dict(OPS), dict(NUMPY)
    yield
    OPS.clear()
    OPS.update(ops)
    NUMPY.clear()
    NUMPY.update(numpy)


def test_elementwise_in_one_line():
    cube = tg.op.elementwise(lambda x: x**3, lambda g, y, x: 3.0 * g * x**2, name="cube")
    assert cube(X).tolist() == (X**3).tolist()
    t = tg.Tensor(X, requires_grad=True)
    cube(t).sum().backward()
    np.testing.assert_allclose(t.grad, 3 * X**2)
    np.testing.assert_allclose(tg.hessian(lambda x: cube(x).sum())(X), np.diag(6 * X))
    np.testing.assert_allclose(tg.jvp(cube, (X,), (np.ones(3),))[1], 3 * X**2)


def test_two_inputs_broadcast_and_fold():
    scale = tg.op.elementwise(lambda a, b: a * b, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, name="scale")
    a, b = tg.Tensor(np.ones((4, 3)), requires_grad=True), tg.Tensor(X, requires_grad=True)
    scale(a, b).sum().backward()
    assert b.grad.tolist() == [4.0, 4.0, 4.0]


def test_linear_with_a_parameter():
    shift = tg.op.linear(
        lambda x, steps=1: np.roll(x, steps), lambda g, y, x, steps=1: np.roll(g, -steps), name="shift"
    )
    w = np.array([1.0, 2.0, 3.0])
    for call in (lambda x: shift(x, 2), lambda x: shift(x, steps=2)):
        np.testing.assert_array_equal(tg.grad(lambda x, call=call: (call(x) * w).sum())(X), np.roll(w, -2))
    np.testing.assert_array_equal(tg.jvp(shift, (X,), (w,))[1], np.roll(w, 1))


def test_multilinear_and_general():
    dot3 = tg.op.multilinear(
        lambda a, b, c: (a * b * c).sum(),
        lambda g, y, a, b, c: g * b * c,
        lambda g, y, a, b, c: g * a * c,
        lambda g, y, a, b, c: g * a * b,
        name="dot3",
    )
    value, tangent = tg.jvp(dot3, (X, X, X), (np.ones(3), np.zeros(3), np.zeros(3)))
    assert abs(value - (X**3).sum()) < 1e-12
    assert abs(tangent - (X**2).sum()) < 1e-12
    # without a jvp, forward mode is derived from the pullback
    sumsq = tg.op.general(lambda x: (x * x).sum(), lambda g, y, x: g * 2.0 * x, name="sumsq")
    assert abs(tg.jvp(sumsq, (X,), (np.ones(3),))[1] - 2 * X.sum()) < 1e-12
    np.testing.assert_allclose(tg.hessian(sumsq)(X), 2 * np.eye(3))


def test_variadic():
    total = tg.op.linear(lambda *xs: sum(xs), lambda g, y, *xs: [g for _ in xs], name="total", variadic=True)
    ts = [tg.Tensor(X, requires_grad=True) for _ in range(3)]
    total(*ts).sum().backward()
    assert all(t.grad.tolist() == [1.0, 1.0, 1.0] for t in ts)


def test_residual():
    def forward(x):
        e = np.exp(x)
        return e.sum(), e

    sumexp = tg.op.general(
        forward,
        lambda g, y, x, residual=None: g * (np.exp(x) if residual is None else residual),
        name="sumexp",
        residual=True,
    )
    assert sumexp(X) == np.exp(X).sum()
    np.testing.assert_allclose(tg.grad(sumexp)(X), np.exp(X))
    np.testing.assert_allclose(tg.hessian(sumexp)(X), np.diag(np.exp(X)))


def test_a_users_function_on_numpys_own_does_not_take_it_over():
    wrong = tg.op.elementwise(np.sin, lambda g, y, x: g * np.sin(x), name="wrong_sin")
    np.testing.assert_array_equal(tg.grad(lambda x: np.sin(x).sum())(X), np.cos(X))
    np.testing.assert_array_equal(tg.grad(lambda x: wrong(x).sum())(X), np.sin(X))


def test_a_numpy_function_without_a_rule_gets_one():
    t = tg.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match="spacing: no derivative rule"):
        np.spacing(t)
    tg.op.elementwise(np.spacing, lambda g, y, x: g * 0.0)
    np.spacing(t).sum().backward()
    assert t.grad.tolist() == [0.0, 0.0, 0.0]


def test_names():
    a = tg.op.elementwise(lambda x: x, lambda g, y, x: g)
    b = tg.op.elementwise(lambda x: x, lambda g, y, x: g)
    assert a.name != b.name
    tg.op.elementwise(lambda x: x, lambda g, y, x: g, name="mine")
    again = tg.op.elementwise(lambda x: 2 * x, lambda g, y, x: 2 * g, name="mine")  # a notebook cell run twice
    assert OPS["mine"] is again
    with pytest.raises(ValueError, match="sin: the library has an operation of this name"):
        tg.op.elementwise(lambda x: x, lambda g, y, x: g, name="sin")


def test_declarations_that_do_not_fit_are_refused():
    with pytest.raises(TypeError, match=r"takes 2 inputs, but 1 rule"):
        tg.op.elementwise(lambda a, b: a * b, lambda g, y, a, b: g, name="few")
    with pytest.raises(TypeError, match=r"rule 0 takes \(g, x\), but is called with \(g, y, x0\)"):
        tg.op.elementwise(lambda x: x, lambda g, x: g, name="short")
    with pytest.raises(TypeError, match="fn must be a function"):
        tg.op.elementwise(3, lambda g, y, x: g)
    with pytest.raises(TypeError, match="one derivative rule per input"):
        tg.op.elementwise(lambda x: x, name="none")
    assert not {"few", "short", "none"} & set(OPS)


def test_calls_that_do_not_fit_are_refused():
    t = tg.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match=r"at most|got|takes"):
        OPS["sigmoid"](t, t)
    only = tg.op.elementwise(lambda x, k=1.0: k * x, lambda g, y, x: g, name="only")
    with pytest.raises(TypeError, match=r"argument k=3.0 has no derivative rule \(parameters with one: none\)"):
        only(t, k=3.0)


def test_keeps_tells_which_values_rules_read():
    assert OPS["add"].keeps == (False, False, False)
    assert OPS["multiply"].keeps == (False, True, True)
    assert OPS["exp"].keeps == (True, False)
    assert OPS["reshape"].keeps == (False, False)


def test_a_function_from_executed_text_has_no_module():
    names: dict[str, object] = {"tg": tg}
    exec("own = tg.op.elementwise(lambda x: x + x, lambda g, y, x: g + g, name='own')", names)
    assert tg.grad(lambda x: names["own"](x).sum())(X).tolist() == [2.0, 2.0, 2.0]


def leaf():
    return tg.Tensor([1.0, 2.0], requires_grad=True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda g: None, r"gave None \(is a return missing\?\), needed an array of the input's shape \(2,\)"),
        (lambda g: 2.0, r"gave 2.0, needed an array"),
        (lambda g: [2.0, 2.0], r"gave a list of 2, needed an array"),
        (lambda g: (g,), r"gave a tuple of 1, needed an array"),
        (lambda g: "ab", r"gave a str, needed an array"),
        (lambda g: g * 1j, r"gave dtype complex128"),
        (lambda g: np.array([1, None]), r"gave dtype object"),
        (lambda g: np.ones(3), r"gave shape \(3,\), which does not fit the input's shape \(2,\)"),
        (lambda g: np.ones((5, 2)), r"gave shape \(5, 2\), which does not fit"),
        (lambda g: g.nothing, r"failed with AttributeError: "),
        (lambda g: {}["key"], r"key"),
        (lambda g: 1 / 0, r"failed with ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_rule_may_not_give_is_named(given, words):
    op = tg.op.elementwise(lambda x: x * 2.0, lambda g, y, x: given(g), name="own")
    with pytest.raises(Exception, match=words) as e:
        op(leaf()).sum().backward()
    assert "\n" not in str(e.value)
    if e.type is not KeyError:
        assert str(e.value).startswith("own: the rule of input 0 ")


@pytest.mark.parametrize("given", [lambda t: None, lambda t: t[0][:1], lambda t: [1.0, 2.0], lambda t: "ab"])
def test_what_a_jvp_may_not_give_is_named(given):
    op = tg.op.general(lambda x: np.sum(x), lambda g, y, x: g * np.ones(2), jvp=lambda t, y, x: given(t), name="own")
    with pytest.raises((TypeError, ValueError), match=r"^own: forward mode gave"):
        tg.jvp(op, (X[:2],), (X[:2],))


@pytest.mark.parametrize(
    "result", [lambda x: None, lambda x: (x, x), lambda x: {"y": x}, lambda x: "y", lambda x: x * 1j, lambda x: x > "a"]
)
def test_what_a_function_may_not_give_is_named(result):
    op = tg.op.general(result, lambda g, y, x: g, name="own")
    for x in (leaf(), leaf().detach()):
        with pytest.raises((TypeError, ValueError), match=r"^own: "):
            op(x)


def test_numbers_are_arrays_without_axes_and_lists_are_arrays():
    total = tg.op.general(lambda x: float(np.sum(x)), lambda g, y, x: g * np.ones(x.shape), name="total")
    assert total(leaf()).data.shape == ()
    double = tg.op.elementwise(
        lambda x: 2.0 * float(x), lambda g, y, x: 2.0 * float(g), name="own", cases=[tg.op.case(())]
    )
    t = tg.Tensor(3.0, requires_grad=True)
    double(t).backward()
    assert t.grad == 2.0
    listed = tg.op.linear(lambda x: list(x), lambda g, y, x: g, name="listed")
    assert listed(leaf()).data.tolist() == [1.0, 2.0]


def test_whole_numbers_cut_the_gradient():
    cells = tg.op.elementwise(lambda x: np.floor(x).astype(int), lambda g, y, x: g, name="cells")
    x = leaf()
    y = cells(x)
    assert not y.requires_grad
    assert y.dtype == int
    (y * x).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_rules_cannot_write_to_what_they_are_given():
    def spoil(g, y, x):
        g *= 2.0
        return g

    op = tg.op.elementwise(lambda x: 2.0 * x, spoil, name="own")
    for order in (lambda x: op(x) + x * 1.0, lambda x: x * 1.0 + op(x)):
        with pytest.raises(ValueError, match=r"^own: the rule of input 0 .*read-only \(a rule may not write"):
            order(leaf()).sum().backward()


def test_a_result_that_is_a_view_of_its_input():
    op = tg.op.linear(lambda x: x[::-1], lambda g, y, x: g[::-1], name="own")
    x = leaf()
    y = op(x)
    y.data[0] = 99.0
    assert x.data.tolist() == [1.0, 2.0]
    y.backward([1.0, 10.0])
    assert x.grad.tolist() == [10.0, 1.0]
    x.grad += 1.0  # writable


def test_any_number_of_inputs_needs_as_many_gradients():
    op = tg.op.general(lambda *xs: sum(xs), lambda g, y, *xs: [g], variadic=True, name="own")
    with pytest.raises(TypeError, match=r"^own: the rule gave a list of 1, needed a list of 2 gradients"):
        op(leaf(), leaf()).sum().backward()


def test_a_residual_needs_a_pair():
    op = tg.op.general(lambda x: x, lambda g, y, x, residual=None: g, residual=True, name="own")
    with pytest.raises(TypeError, match=r"^own: with residual=True the function must give \(result, residual\)"):
        op(leaf())


def test_parameters_by_keyword_only_need_no_default():
    power = tg.op.elementwise(lambda x, *, n: x**n, lambda g, y, x, *, n: g * n * x ** (n - 1), name="own")
    assert tg.gradcheck(lambda x: power(x, n=3), X, order=2).passed
    with pytest.raises(TypeError, match=r"own: .*'n'"):
        power(leaf())


def test_declarations_that_cannot_work():
    with pytest.raises(TypeError, match=r"rule 0 must be a function rule\(g, y, \*inputs\), got 3"):
        tg.op.elementwise(lambda x: x, 3, name="own")
    with pytest.raises(TypeError, match="name must be text, got 3"):
        tg.op.elementwise(lambda x: x, lambda g, y, x: g, name=3)
    with pytest.raises(ValueError, match=r"own: np\.sin is the library's own operation already"):
        tg.op.elementwise(lambda x: x, lambda g, y, x: g, name="own", numpy=np.sin)
    assert NUMPY[np.sin].built_in
    assert "own" not in OPS


def test_an_array_as_a_parameter_without_a_rule_is_refused_in_one_line():
    with pytest.raises(TypeError, match=r"weights=an array of shape \(3, 4\) has no derivative rule") as e:
        np.quantile(tg.Tensor(np.ones((3, 4))), 0.5, weights=np.ones((3, 4)), method="inverted_cdf")
    assert "\n" not in str(e.value)
