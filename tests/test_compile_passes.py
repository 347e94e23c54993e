"""The compiler's passes, each alone, on programs built by hand."""

import math

import numpy as np
import pytest

from tinygrad_nn.compile.passes import cse, dead, fold, run_passes
from tinygrad_nn.compile.passes.algebra import algebra
from tinygrad_nn.compile.passes.fuse import LARGE, fuse
from tinygrad_nn.compile.passes.layout import layout
from tinygrad_nn.compile.program import Program, Value, operands, values_in
from tinygrad_nn.op import NUMPY, Op

#: Values that tell careless algebra: zeros of both signs, infinities, NaN, subnormal and large numbers.
HARD = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, 1e308, -1e308, 0.1, -3.5])


class Build:
    """A program of calls on one input x."""

    def __init__(self, x):
        self.x = Value("input", data=0, shape=x.shape, dtype=x.dtype)
        self.array = x
        self.body = []

    def constant(self, a):
        a = np.asarray(a)
        return Value("const", data=a if a.ndim else a[()], shape=a.shape, dtype=a.dtype, fixed=True)

    def call(self, fn, *args, op=None, **params):
        number = len(self.body) + 1
        v = Value("call", fn=fn, op=op or NUMPY.get(fn), args=args, params=params, number=number)
        y = run([*self.body, v], [v], {self.x: self.array})[0]
        v.shape, v.dtype = np.shape(y), y.dtype
        self.body.append(v)
        return v

    def program(self, *outputs):
        return Program(self.body, list(outputs), [self.x])


def run(body, outputs, known):
    """Interpret a program, one call after the other."""
    values = dict(known)

    def of(a):
        if isinstance(a, Value):
            return a.data if a.kind == "const" else values[a]
        return type(a)([of(v) for v in a]) if type(a) in (tuple, list) else a

    with np.errstate(all="ignore"):
        for v in body:
            values[v] = v.fn(*[of(a) for a in v.args], **{k: of(p) for k, p in v.params.items()})
    return [np.asarray(of(x)) for x in outputs]


def kept_value(b, program, before):
    """Check that a pass kept the results to the bit (of a NaN only that it is one)."""
    after = run(program.body, program.outputs, {b.x: b.array})
    for p, q in zip(before, after, strict=True):
        assert (p.dtype, p.shape) == (q.dtype, q.shape)
        nan = np.isnan(p)
        assert np.array_equal(nan, np.isnan(q))
        assert np.where(nan, 0.0, p).tobytes() == np.where(nan, 0.0, q).tobytes()


def checked(b, f, *outputs):
    program = b.program(*outputs)
    before = run(program.body, program.outputs, {b.x: b.array})
    program = f(program)
    kept_value(b, program, before)
    assert set(program.body) >= {x for v in program.body for x in operands(v) if x.kind == "call"}
    return program


def names(program):
    return [v.fn.__name__ for v in program.body]


def test_dead_code_goes_and_effects_stay():
    b = Build(HARD)
    used = b.call(np.sin, b.x)
    unused = b.call(np.cos, b.x)
    b.call(np.exp, unused)
    program = checked(b, dead, used)
    assert names(program) == ["sin"]
    effect = Value("effect", args=(unused,), number=9)
    b.body.append(effect)
    assert dead(b.program(used)).body == [used, unused, effect]


def test_repeated_calls_are_made_once():
    b = Build(HARD)
    first, second = b.call(np.exp, b.x), b.call(np.exp, b.x)
    y = b.call(np.add, b.call(np.multiply, first, 2.0), b.call(np.multiply, second, 2.0))
    program = checked(b, cse, y)
    assert names(program) == ["exp", "multiply", "add"]


@pytest.mark.parametrize(("p", "q"), [(0.0, -0.0), (1, 1.0), (1, True), (math.nan, 2.0)])
def test_numbers_that_look_alike_are_told_apart(p, q):
    b = Build(HARD)
    y = b.call(np.copysign, b.x, p), b.call(np.copysign, b.x, q)
    assert len(checked(b, cse, *y).body) == 2


def test_calls_under_other_error_states_and_random_calls_are_not_merged():
    b = Build(HARD)
    y, z = b.call(np.exp, b.x), b.call(np.exp, b.x)
    z.err = {"over": "ignore"}
    assert len(cse(b.program(y, z)).body) == 2
    draw = Op("general", np.exp, (None,), name="draw_alone", register=False)
    draw.random = True
    b = Build(HARD)
    y, z = b.call(np.exp, b.x, op=draw), b.call(np.exp, b.x, op=draw)
    assert len(cse(b.program(y, z)).body) == 2
    assert len(fold(b.program(y, z)).body) == 2


def test_constants_are_worked_out_and_identities_left_out():
    b = Build(HARD)
    c = b.call(np.exp, b.constant([0.5] * len(HARD)))
    y = b.call(np.multiply, b.call(np.divide, b.x, 1.0), b.call(np.negative, c))
    y = b.call(np.multiply, b.call(np.positive, y), b.constant(1.0))
    program = checked(b, lambda p: dead(fold(p)), y)
    assert names(program) == ["multiply"]


@pytest.mark.parametrize("number", [0.0, -0.0, 2.0])
def test_sums_with_zero_and_other_numbers_stay(number):
    # x + 0.0 is not x for x = -0.0, and 0 * x not 0 for NaN and infinities.
    b = Build(HARD)
    y = b.call(np.multiply, b.call(np.add, b.x, number), number)
    assert len(checked(b, fold, y).body) == 2


def test_signs_move_without_changing_numbers():
    b = Build(HARD)
    minus = b.call(np.negative, b.x)
    square = b.call(np.multiply, minus, b.x)
    both = b.call(np.multiply, minus, minus)
    less = b.call(np.add, b.call(np.exp, b.x), minus)
    back = b.call(np.negative, minus)
    twice = b.call(np.add, square, square)
    down = b.call(np.subtract, minus, b.x)
    program = checked(b, lambda p: dead(algebra(p)), square, both, less, back, twice, down)
    assert names(program).count("negative") <= 1
    assert program.outputs[3] is b.x
    assert [v.args[1] for v in program.body if v.fn is np.multiply and type(v.args[1]) is float] == [2.0, -2.0]


def test_elementwise_calls_on_large_arrays_become_one_loop():
    b = Build(np.linspace(-3.0, 3.0, LARGE))
    h = b.call(np.tanh, b.x)
    y = b.call(np.add, b.call(np.multiply, h, h), 1.0)
    total = b.call(np.sum, y)
    program = fuse(b.program(h, total))
    assert [v.kind for v in program.body] == ["fused"]
    group = program.body[0].data
    assert group.takes == [b.x]
    assert group.gives == [h, total]
    found = group(b.array, None)
    assert np.array_equal(found[0], np.tanh(b.array))
    assert found[1] == pytest.approx((np.tanh(b.array) ** 2 + 1).sum(), rel=1e-13)


@pytest.mark.parametrize("n", [100, LARGE - 1])
def test_small_arrays_and_short_groups_are_left(n):
    b = Build(np.ones(n))
    y = b.call(np.multiply, b.call(np.tanh, b.x), 2.0)
    assert names(fuse(b.program(y))) == ["tanh", "multiply"]


def test_gradients_of_column_major_parameters_are_column_major():
    class Leaf:
        def __init__(self, order):
            self._data = np.asarray(np.ones((3, 4)), order=order)

    for order in "CF":
        b = Build(np.ones((5, 4)))
        g = b.constant(np.ones((3, 5)))
        d = b.call(np.dot, g, b.x)
        effect = Value("effect", args=(d,), data=type("E", (), {"kind": "grad", "leaf": Leaf(order)}))
        b.body.append(effect)
        layout(b.program())
        assert d.order == order


def test_notes_count_what_was_saved():
    b = Build(np.ones(1000))
    y = b.call(np.add, b.call(np.exp, b.x), b.call(np.exp, b.x))
    b.call(np.sin, b.x)
    program, notes = run_passes(b.program(y), exact=True)
    saved = {name: (calls, size) for name, calls, size in notes}
    assert saved["dead code"] == (1, 8000)
    assert saved["common subexpressions"] == (1, 8000)
    assert len(program.body) == 2
    assert not {"signs", "layout"} & set(saved), "exact code keeps each operation and its layout"
    assert list(values_in([(y, 1), [y]])) == [y, y]
