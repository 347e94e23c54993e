"""why: the cause of a missing, zero, tiny, doubled or unusable gradient, in words and with the line."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.check import why
from tinygrad_nn.op import OPS


def leaf(*values, name=None):
    return tg.Tensor(np.array(values), requires_grad=True, name=name)


def test_backward_has_not_run():
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    answer = why(w)
    assert answer.kind == "none"
    assert answer.node is loss
    assert str(answer).startswith("w: its gradient is None because backward() has not run")
    assert "sum (loss) at " in str(answer)
    assert "test_why.py" in str(answer)


def test_cleared_since():
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    loss.backward()
    w.zero_grad()
    assert "it was cleared since" in str(why(w))


def test_never_used():
    w = leaf(1.0, 2.0, name="unused")
    assert str(why(w)).startswith("unused: its gradient is None because nothing recorded depends on it")


def test_not_asked_for():
    w = tg.Tensor([1.0])
    assert "made without requires_grad=True" in str(why(w))
    with tg.no_grad():
        assert "switched off here" in str(why(w))
    assert "whole numbers" in str(why(tg.Tensor([1, 2])))


def test_not_a_leaf():
    w = leaf(1.0, 2.0)
    h = w * 2.0
    loss = (h * h).sum()
    loss.backward()
    answer = why(h)
    assert "only leaves keep theirs, and multiply made it; call retain_grad()" in str(answer)
    assert "size 8" in str(answer)


def test_cut_by_detach():
    w = leaf(1.0, 2.0)
    h = np.sin(w)
    cut = h.detach()
    b = leaf(0.5)
    loss = (cut * b).sum()
    loss.backward()
    for answer in (why(w, loss), why(h.detach())):
        assert answer.kind == "none"
        assert "cut = h.detach()" in str(answer) or "h.detach()" in str(answer)
    answer = why(w, loss)
    assert "no recorded path leads from it to sum (loss)" in str(answer)
    assert "the path is cut at input 0 of multiply at" in str(answer)
    assert "it has the values of sin (h)" in str(answer)
    assert "cut = h.detach()" in str(answer)


def test_cut_by_no_grad():
    w = leaf(1.0, 2.0)
    b = leaf(0.5)
    with tg.no_grad():
        h = np.exp(w)
    loss = (h * b).sum()
    answer = why(w, loss)
    assert "input 0 of multiply" in str(answer)
    assert "h = np.exp(w)" in str(answer)
    assert "h = np.exp(w)" in str(why(h))


def test_cut_by_plain_data():
    w = leaf(1.0, 2.0)
    b = leaf(0.5)
    loss = (b * w.data).sum()
    answer = why(w, loss)
    assert "the path is cut at input 1 of multiply" in str(answer)
    assert "it has the values of w" in str(answer)
    b = leaf(0.5)
    y = (b * np.tanh(w.data)).sum()
    assert "can be cut at input 1 of multiply" in str(why(w, y))
    assert "a plain array or number" in str(why(w, y))


def test_detached_copy_is_found_without_the_result():
    w = leaf(1.0, 2.0)
    b = leaf(0.5)
    loss = (w.detach() * b).sum()
    assert "a detached copy of it was made at" in str(why(w))
    assert loss.requires_grad


def test_computed_without_it():
    w, b = leaf(1.0), leaf(2.0)
    y = np.sin(b)
    assert "sin (y)" in str(why(w, y))
    assert "was computed without it" in str(why(w, y))


def test_dead_relu():
    w = leaf(-1.0, -2.0)
    loss = (OPS["relu"](w * 1.0) * 3.0).sum()
    for retain in (True, False):
        w.zero_grad()
        loss.backward(retain_graph=retain)
        answer = why(w)
        assert answer.kind == "zero"
        assert answer.node.op.name == "relu"
        assert "relu at" in str(answer)
        assert "2 of its 2 results are 0" in str(answer)
        assert "dead ReLU" in str(answer)
        assert "size 3 arrives" in str(answer)


@pytest.mark.parametrize(
    ("f", "op", "words"),
    [
        (lambda w: np.floor(w) * 2.0, "floor", "0 everywhere"),
        (lambda w: w * np.zeros(2), "multiply", "its other factor is zero everywhere"),
        (lambda w: np.maximum(w, 10.0), "maximum", "chooses another input"),
        (lambda w: np.where(np.array([False, False]), w, 1.0), "where", "chooses another input"),
        (lambda w: np.concatenate([w, np.ones(2)])[2:], "concatenate", "not used further on"),
        (lambda w: np.diagonal(np.reshape(np.append(w, [1.0, 2.0]), (2, 2)) * np.eye(2)[::-1]), "multiply", "factor"),
        (lambda w: np.tanh(w * 1000.0), "tanh", "where it is flat"),
    ],
)
def test_zero_names_the_operation(f, op, words):
    w = leaf(1.2, 2.3)
    loss = f(w).sum()
    loss.backward()
    answer = why(w)
    assert answer.kind == "zero"
    assert answer.node.op.name == op
    assert words in str(answer)


def test_zero_from_the_start():
    w = leaf(1.0)
    y = np.sin(w)
    y.backward([0.0], retain_graph=True)
    assert "began with zeros" in str(why(w))


def test_saturated_sigmoid_makes_it_tiny():
    w = leaf(1.0, 2.0)
    loss = OPS["sigmoid"](w * 20.0 + 5.0).sum()
    loss.backward()
    answer = why(w)
    assert answer.kind == "tiny"
    assert answer.node.op.name == "sigmoid"
    assert "inputs lie between 25 and 45" in str(answer)


def test_many_small_steps_make_it_tiny():
    w = leaf(0.5, 0.2)
    h = w
    for _ in range(40):
        h = OPS["sigmoid"](h)
    loss = h.sum()
    loss.backward()
    answer = why(w)
    assert answer.kind == "tiny"
    assert "shrank a little at many steps: 40 of 41 operations, 0.2" in str(answer)
    assert "most often sigmoid" in str(answer)


def test_the_newest_result_counts():
    b = leaf(0.5)
    old = (b * 2.0).sum()
    old.backward()
    b.zero_grad()
    h = b
    for _ in range(40):
        h = OPS["sigmoid"](h)
    h.sum().backward()
    assert "40 of 40 operations" in str(why(b))


def test_large_values_of_a_freed_graph_are_not_missed_silently():
    w = tg.Tensor(-np.ones(5000), requires_grad=True)
    loss = OPS["relu"](w * 1.0).sum()
    loss.backward()
    answer = why(w)
    assert answer.kind == "zero"
    assert "freed by backward()" in str(answer) or "relu" in str(answer)
    w.zero_grad()
    loss = OPS["relu"](w * 1.0).sum()
    loss.backward(retain_graph=True)
    assert "5000 of its 5000 results are 0" in str(why(w))


def test_doubled():
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    assert why(w).kind == "fine"
    loss.backward(retain_graph=True)
    answer = why(w)
    assert answer.kind == "doubled"
    assert "the sum of 2 backward passes: backward() ran twice" in str(answer)
    loss.backward()
    assert "3 backward passes" in str(why(w))
    w.zero_grad()
    (w * w).sum().backward()
    assert why(w).kind == "fine"


def test_doubled_of_a_number():
    w = tg.Tensor(3.0, requires_grad=True)
    for _ in range(4):
        (w * w).backward()
    assert "ran 4 times" in str(why(w))


def test_not_finite():
    w = leaf(0.0, 1.0)
    loss = np.sqrt(w * 1.0).sum()
    with np.errstate(all="ignore"):
        loss.backward(retain_graph=True)
    answer = why(w)
    assert answer.kind == "not finite"
    assert answer.node.op.name == "sqrt"
    assert "under the root" in str(answer)


def test_healthy():
    w = leaf(1.0, 2.0)
    loss = (w * np.sin(w)).sum()
    loss.backward()
    answer = why(w)
    assert answer.kind == "fine"
    assert "2 operations use it" in str(answer)


def test_no_gradient_through_a_condition():
    w = leaf(1.0, 0.0)
    loss = np.where(w, 1.0, leaf(2.0, 3.0)).sum()
    loss.backward()
    assert "no gradient goes through where" in str(why(w))


def test_parameters_of_a_model():
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    model[0].bias.data[:] = -100.0
    loss = nn.functional.mse_loss(model(np.ones((5, 3), np.float32)), np.ones((5, 2), np.float32))
    loss.backward()
    assert "dead ReLU" in str(why(model[0].weight))
    assert why(model[2].bias).kind == "fine"


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="why: takes a Tensor, got ndarray"):
        why(np.ones(2))
    with pytest.raises(TypeError, match="why: y must be a Tensor"):
        why(leaf(1.0), 3.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda w: w[:, None] * np.zeros((2, 5000)),
        lambda w: np.broadcast_to(w, (5000, 2)) @ np.zeros((2, 3)),
        lambda w: np.tanh(np.broadcast_to(w * 1000.0, (5000, 2)) + 3000.0),
        lambda w: np.broadcast_to(w * 1e-9, (5000, 2)) * (np.ones((5000, 2)) * 1e-9),
        lambda w: (np.broadcast_to(w, (5000, 2)) * 1e-6) * (np.broadcast_to(w, (5000, 2)) * 1e-6),
        lambda w: np.square(np.broadcast_to(w, (5000, 2)) * 1e-9),
        lambda w: w[:0],
        lambda w: w * np.nan_to_num(np.full(2, np.nan)),
    ],
)
@pytest.mark.parametrize("retain", [True, False])
def test_no_range_without_numbers(f, retain):
    w = leaf(1.2, 2.3)
    loss = f(w).sum()
    loss.backward(retain_graph=retain)
    text = str(why(w))
    assert "between  " not in text
    assert "unknown values" not in text
    assert text.endswith(")") or text[-1].isalnum()


def test_elements_that_nobody_takes():
    w = leaf(1.0, 2.0)
    loss = w[:0].sum()
    loss.backward()
    assert "sum (loss)" in str(why(w))
    assert "that input of it has no elements" in str(why(w))


def test_tensors_that_are_only_half_made_do_not_matter():
    from tinygrad_nn.tensor import Tensor as Kind

    half = Kind.__new__(Kind)  # as others are while they are copied, compiled or unpickled
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    y = (x * 0.0).sum()
    y.backward()
    assert "multiply" in str(tg.why(x))
    del half
