"""Compare what pictures say of the way back with backward() itself."""

import re

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.draw.derivative import differentiate, formula_text, numbers_text
from tinygrad_nn.draw.names import find_names
from tinygrad_nn.draw.summary import summarize
from tinygrad_nn.draw.trace import take


def model():
    a = tg.Tensor(2.0, requires_grad=True)
    b = tg.Tensor(-3.0, requires_grad=True)
    w = tg.Tensor(np.arange(12.0).reshape(3, 4) / 10, requires_grad=True)
    k = tg.Tensor([1.0, 2.0, 3.0, 4.0])
    row = tg.Tensor([1.0, -1.0, 0.5, 0.0], requires_grad=True)
    h = a * b + (w * row + row).sum()  # row and a are broadcast
    h = h + (w * a).mean()
    y = np.tanh(h / b) * np.exp(a) - b**2 + (np.concatenate([w, w]) @ k).sum() + w[:, [0, 0, 1]].sum(axis=1).mean() + h
    return (a, b, w, row), h, y


def test_gradients_are_those_of_backward_and_touch_nothing():
    leaves, _, y = model()
    trace = take([y], find_names(0))
    back = differentiate(trace)
    assert all(t.grad is None for t in leaves)
    y.backward()
    for t in leaves:
        np.testing.assert_allclose(back.cotangents[trace.index[t._number]], t.grad, rtol=1e-14)
    assert back.cotangents[trace.index[y._number]] == 1.0


def test_the_contributions_of_all_uses_add_up_to_the_gradient():
    _, _, y = model()
    trace = take([y], find_names(0))
    back = differentiate(trace)
    total = {}
    for r in trace.records:
        for k, o in enumerate(r.operands):
            if o.source is not None and trace.nodes[o.source]._tracked:
                part = back.contribution(r, k)
                total[o.source] = total.get(o.source, 0) + part
    assert total.keys() | set(trace.roots) == back.cotangents.keys()
    for index, g in total.items():
        np.testing.assert_allclose(g, back.cotangents[index], rtol=1e-14)


def test_the_numbers_on_an_edge_are_the_formula_s():
    _, _, y = model()
    trace = take([y], find_names(0))
    back = differentiate(trace)
    seen = 0
    for r in trace.records:
        for k, o in enumerate(r.operands):
            if o.source is None or not trace.nodes[o.source]._tracked:
                continue
            text = numbers_text(trace, r, k, back.cotangents[r.index])
            if text is not None:
                value = eval(text, {"log": np.log, "where": np.where, "cos": np.cos})
                assert value == pytest.approx(float(back.contribution(r, k)), rel=1e-14)
                seen += 1
    assert seen > 8


def test_formulas_speak_of_names_and_numbers_of_nodes():
    a = tg.Tensor(2.0, requires_grad=True)
    b = tg.Tensor(3.0, requires_grad=True, name="b")
    odd = tg.Tensor(3.0, requires_grad=True, name="not a name; (")
    y = np.sin(a * b) * odd
    trace = take([y], find_names(0))
    texts = [formula_text(trace, r, k) for r in trace.records for k in range(len(r.operands))]
    assert texts == ["g * b", "g * a", "g * cos(#3)", "g * #2", "g * #4"]


@pytest.mark.parametrize("direction", ["backward", "both"])
def test_edges_carry_the_formula_and_its_numbers(direction):
    a = tg.Tensor(2.0, requires_grad=True)
    b = tg.Tensor(-3.0, requires_grad=True)
    c = tg.Tensor(10.0)
    y = (a * b + c) * 2.0
    source = tg.draw(y, direction=direction).source.replace("\u00a0", "")
    assert 'label="g * b\n= 2 * (-3) = -6"' in source
    assert 'label="g * a\n= 2 * 2 = 4"' in source
    assert "grad of a += g * b" in source
    backward = re.findall(r"(\w+) -> (\w+)[^\n]* \[.*?dir=back", source, re.DOTALL)
    assert len(re.findall("dir=back", source)) == 4
    assert backward
    # A constant gets no gradient; what it gives is still to be seen.
    assert len(re.findall(r"n2 -> ", source)) == 1
    assert len(re.findall(r" -> ", source.partition("subgraph")[0])) == (5 if direction == "backward" else 9)
    assert "g is the gradient that arrives" in source
    assert a.grad is None


def test_a_freed_graph_keeps_the_way_back_of_small_values():
    a = tg.Tensor(2.0, requires_grad=True)
    b = tg.Tensor(-3.0, requires_grad=True)
    y = a * b * a
    y.backward()
    y2 = a * 5.0
    y2.backward()
    source = tg.draw(y, direction="both").source
    assert "= 2 * (-3) = -6" in source  # g of a*b is 2
    assert "grad -12.0" in source
    assert ".grad has -7.0" in source
    a.data[...] = 7.0
    changed = tg.draw(y, direction="both").source
    assert "maybe written to since" in changed
    assert "= 2 * (-3) = -6" not in changed


def test_large_values_of_a_freed_graph_leave_the_formula():
    w = tg.Tensor(np.ones((100, 100)), requires_grad=True)
    y = (np.sin(w) * 2.0).sum()
    y.backward()
    source = tg.draw(y, direction="both").source
    assert "g * cos(w)" in source
    assert "value freed" in source


def test_a_rule_that_cannot_be_printed_is_called_by_its_operation():
    from tinygrad_nn import op

    def rule(g, y, x):
        return g * float(x)

    odd = op.elementwise(lambda x: x * 1.0, rule, name="odd", register=False)
    a = tg.Tensor(2.0, requires_grad=True)
    source = tg.draw(odd(a), direction="both").source
    assert "rule of odd" in source
    assert "= 2" in source


def test_gradients_of_gradients_are_drawn_like_any_graph():
    x = tg.Tensor(2.0, requires_grad=True)
    y = x**3
    (dy,) = tg.gradients(y, [x], create_graph=True)
    drawing = tg.draw(dy, direction="both")
    trace = drawing._view.trace
    assert trace.records[-1].value.number == pytest.approx(12.0)
    back = differentiate(trace)
    assert float(back.cotangents[trace.index[x._number]]) == pytest.approx(12.0)


def test_several_results_give_the_gradient_of_their_sum():
    a = tg.Tensor(2.0, requires_grad=True)
    trace = take([a * 3.0, a * 4.0], find_names(0))
    assert differentiate(trace).cotangents[0] == 7.0


@pytest.mark.parametrize(
    ("color", "text"), [("gradient", "gradient's rms 2"), ("time", "time "), ("bytes", "saves 16 B")]
)
def test_colours_are_said_in_words_too(color, text):
    a = tg.Tensor(2.0, requires_grad=True)
    y = a * a * a
    source = tg.draw(y, color=color).source
    assert text in source
    assert "(pale)" in source
    assert "logarithmic" in source


def test_a_colour_that_is_not_known_is_said_so():
    a = tg.Tensor(2.0, requires_grad=True)
    y = a * a
    y.backward()
    for color in ("time", "bytes"):
        assert "not known: a backward pass freed the graph" in tg.draw(y, color=color).source


def test_summaries():
    assert summarize(np.array([1.0, np.nan, np.inf, 2, 3, 4, 5])).text == "min 1  mean 3  max 5  1 nan  1 inf"
    assert summarize(np.full(9, np.nan)).text == "9 nan"
    assert summarize(np.zeros((0, 3))).text == "empty"
    assert summarize(np.array([True, False] * 5)).text == "min 0  mean 0.5  max 1"
    assert summarize(np.float32(0.1)).text == summarize(np.array(0.1, "f")).text == "0.1"
    assert summarize(np.array([[7.0]])).text == "7.0"
    big = summarize(np.full(10, 60000, np.float16))
    assert big.text == "min 6e+04  mean 6e+04  max 6e+04"
    assert summarize(np.full(10, 1e300)).text == "min 1e+300  mean 1e+300  max 1e+300"


def test_a_long_formula_is_cut_everywhere():
    inputs = np.random.default_rng(0).random((400, 1, 3), dtype=np.float32)
    output, _ = tg.nn.LSTM(3, 4, rng=0)(inputs)
    picture = tg.draw(output.sum(), direction="both")
    assert len(picture.source) < 50_000
    for quoted in re.findall(r'"(?:[^"\\]|\\.)*"', picture.source):
        assert len(quoted) < 16_384  # Graphviz reads no longer ones
    picture = tg.draw(output.sum(), title="t" * 100_000)
    assert len(picture.source) < 20_000


def test_a_freed_value_keeps_the_name_it_was_given():
    w = tg.Tensor(np.ones((100, 100)), requires_grad=True)

    def hidden():
        h = np.tanh(w)
        h.name = "the hidden layer"
        return (h * h).sum()

    y = hidden()
    y.backward()
    assert "the hidden layer = tanh" in tg.draw(y).source
    assert "the hidden layer" in str(tg.table(y))


def test_an_array_that_is_no_tensor_is_called_by_its_field():
    w = tg.Tensor(np.ones((3, 2)), requires_grad=True)
    y = w @ np.ones((2, 4))
    source = tg.draw(y, direction="both").source
    assert "g @ right.T" in source


def test_a_power_with_a_plain_exponent_has_a_short_formula():
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    assert "grad of x += g * (3 * x ** 2)" in tg.draw(x**3, direction="both").source
    assert "grad of x += g * (-1.5 * x ** -2.5)" in tg.draw(x**-1.5, direction="both").source
    assert " * log(2))" in tg.draw(2.0**x, direction="both").source
    assert "where" in tg.draw(np.power(x, np.array([2.0, 3.0])), direction="both").source
