"""detect_anomaly: the operation that produced the first NaN or infinity, and no trace of it when it is off."""

import threading

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn, record, walk
from tinygrad_nn.check import AnomalyError, detect_anomaly
from tinygrad_nn.op import OPS

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def leaf(*values, **options):
    return tg.Tensor(np.array(values), requires_grad=True, **options)


FORWARD = [
    (
        lambda x: np.log(x - 1.0),
        "log at .*gave -inf at element (0,) .* from input 0 = 0.0",
        "keep the argument positive",
    ),
    (lambda x: np.exp(x * 1000.0), "exp .*gave inf at element (1,) .* from input 0 = 2000.0", "subtract the largest"),
    (lambda x: 1.0 / (x - 2.0), "divide .*gave inf at element (1,) .* from input 0 = 1.0, input 1 = 0.0", "tg.select"),
    (lambda x: (x - 1.5) ** 0.7, "power .*gave nan at element (0,) .* from input 0 = -0.5, input 1 = 0.7", "base"),
    (lambda x: np.arcsin(x), "arcsin .*gave nan at element (1,) .* from input 0 = 2.0", "inside (-1, 1)"),
    (lambda x: (x * 1e200) @ (x * 1e200), "matmul .*gave inf at element () .*between", "grew too large"),
    (lambda x: np.sqrt(x - 1.5).sum() * 2.0, "sqrt .*gave nan at element (0,) .* input 0 = -0.5", "under the root"),
]


@pytest.mark.parametrize(("f", "words", "advice"), FORWARD)
def test_the_operation_that_produced_it_is_named_forward(f, words, advice):
    x = leaf(1.0, 2.0)
    f(x)  # nothing happens while the mode is off
    with detect_anomaly(), pytest.raises(AnomalyError) as e:
        np.tanh(f(x) * 1.0)
    text = str(e.value)
    assert text.startswith("detect_anomaly: ")
    for part in words.split(".*"):
        assert part.strip() in text, text
    assert "test_anomaly.py:" in text
    assert f"{advice}" in text
    assert "usual cure" in text
    assert e.value.node.op.name == words.split(" ")[0]


BACKWARD = [
    (
        lambda x: np.sqrt(x - 1.0),
        "sqrt",
        "gave inf at element (0,) of the gradient of its input 0 from the cotangent = 3",
    ),
    (lambda x: np.cbrt(x - 2.0), "cbrt", "gave inf at element (1,)"),
    (lambda x: np.where(x > 1.5, np.sqrt(x - 1.5), x), "sqrt", "gave nan at element (0,)"),
    (lambda x: np.arcsin(x / 2.0), "arcsin", "gave inf at element (1,)"),
    (lambda x: (x * 1e-309) / (x * 1e-309), "divide", "gave inf at element (0,)"),
]


@pytest.mark.parametrize(("f", "name", "words"), BACKWARD)
def test_the_rule_that_produced_it_is_named_backward(f, name, words):
    x = leaf(1.0, 2.0)
    y = (np.sin(f(x * 1.0)) * 0.0 + f(x * 1.0) * 3.0).sum() if name != "sqrt" else (f(x * 1.0) * 3.0).sum()
    with detect_anomaly():
        if not np.isfinite(y._data):
            pytest.skip("not finite before the backward pass")
        with pytest.raises(AnomalyError) as e:
            y.backward()
    assert str(e.value).startswith(f"detect_anomaly: the backward rule of {name} at ")
    assert words in str(e.value)
    assert e.value.node.op.name == name
    assert x.grad is None


def test_where_keeps_the_nan_of_the_branch_that_is_not_taken():
    x = leaf(-1.0, 4.0)
    with np.errstate(all="ignore"):
        y = np.where(x > 0, np.sqrt(x), x).sum()
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"backward rule of sqrt .*input 0 = -1.0"):
        y.backward()


def test_nan_from_outside_is_said_to_come_from_outside():
    x = leaf(1.0, np.nan, name="measured")
    with (
        detect_anomaly(),
        pytest.raises(AnomalyError, match=r"input 0 of sin .*tensor 'measured'.* \(1,\)"),
    ):
        np.sin(x)
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"input 1 of multiply .*a plain array or number"):
        leaf(1.0, 2.0) * np.array([np.nan, 1.0])
    with detect_anomaly(), pytest.raises(AnomalyError, match="cotangent handed to the backward pass of sin"):
        np.sin(leaf(1.0)).backward([np.nan])


def test_an_infinity_put_in_on_purpose_may_pass():
    x = leaf(1.0, 2.0, 3.0)
    with detect_anomaly():
        y = OPS["softmax"](np.where(np.array([True, False, True]), x, -np.inf), axis=-1)
        y.sum().backward()
    assert np.isfinite(x.grad).all()


def test_gradients_that_overflow_where_they_meet():
    x = leaf(1.0)
    with np.errstate(all="ignore"):
        y = (x * 1e308 + x * 1e308).sum() * 1.0
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"gradients that meet at tensor .* add up"):
        y.backward()


def test_healthy_training_is_untouched_and_graphs_are_freed():
    model = nn.Sequential(nn.Linear(4, 8, rng=0), nn.Tanh(), nn.Linear(8, 3, rng=1))
    x, t = np.ones((5, 4), np.float32), np.array([0, 1, 2, 0, 1])
    grads = []
    for block in (detect_anomaly(), np.errstate()):
        with block:
            loss = nn.functional.cross_entropy(model(x), t)
            loss.backward()
        with pytest.raises(walk.GraphFreedError):
            loss.backward()
        grads.append([p.grad for p in model.parameters()])
        for p in model.parameters():
            p.zero_grad()
    for a, b in zip(*grads, strict=True):
        np.testing.assert_array_equal(a, b)


def test_higher_order_and_retained_graphs():
    x = leaf(0.5, 1.0)
    with detect_anomaly():
        y = np.sin(x).sum()
        (g,) = tg.gradients(y, [x], create_graph=True)
        g.sum().backward(retain_graph=True)
        g.sum().backward()
    np.testing.assert_allclose(x.grad, -2 * np.sin([0.5, 1.0]))
    with np.errstate(all="ignore"):
        y = (leaf(0.0) ** 1.5).sum()
    with detect_anomaly():
        (g,) = tg.gradients(y, [y._inputs[0]._inputs[0]], create_graph=True)
        with pytest.raises(AnomalyError, match="backward rule of"):
            g.backward([1.0])


@pytest.mark.parametrize("how", ["no_grad", "no gradient needed", "detached", "module"])
def test_operations_that_are_not_recorded_are_watched_too(how):
    x = leaf(0.0, 1.0)
    if how == "module":
        model = nn.Sequential(nn.Linear(2, 2, rng=0))
        model[0].weight.data[0, 0] = np.inf
        model[0].weight.data[0, 1] = -np.inf

    def work():
        if how == "no_grad":
            with tg.no_grad():
                np.tanh(np.log(x) * 2.0)
        elif how == "no gradient needed":
            np.tanh(np.log(tg.Tensor([0.0, 1.0])) * 2.0)
        elif how == "detached":
            np.log(x.detach())
        else:
            with tg.no_grad():
                model(np.array([[1.0, 1.0]], np.float32))

    with detect_anomaly(), pytest.raises(AnomalyError) as e:
        work()
    text = str(e.value)
    if how == "module":
        assert "gave nan at element (0, 0)" in text
        return
    assert "log at " in text
    assert "test_anomaly.py:" in text
    assert "gave -inf at element (0,) of its result from input 0 = 0.0; usual cure: keep the argument positive" in text
    assert e.value.node.op.name == "log"


def test_not_recorded_nan_from_outside_and_masks():
    with detect_anomaly(), tg.no_grad():
        with pytest.raises(AnomalyError, match=r"nan came in from outside: input 0 of sin at .*\(a leaf\)"):
            np.sin(tg.Tensor([np.nan]))
        assert np.isneginf((tg.Tensor([1.0, -np.inf]) * 2.0).data[1])
        assert np.where(np.isnan(tg.Tensor([np.nan, 1.0])), 0.0, 1.0).sum() == 1.0
        assert np.nan_to_num(tg.Tensor([np.nan])).data[0] == 0.0
        tg.Tensor([np.nan])  # no operation
        assert (tg.Tensor([1, 0]) + 1).data[0] == 2


def test_off_means_off():
    assert record._recorded.__module__ == "tinygrad_nn.record"
    with detect_anomaly():
        assert record.constant.__module__ == "tinygrad_nn.check.anomaly"
    assert record.constant.__module__ == "tinygrad_nn.record"
    with detect_anomaly():
        with detect_anomaly():
            assert record._recorded.__module__ == "tinygrad_nn.check.anomaly"
        assert record._recorded.__module__ == "tinygrad_nn.check.anomaly"
    assert record._recorded.__module__ == "tinygrad_nn.record"
    assert walk.reverse.__module__ == "tinygrad_nn.walk"
    with pytest.raises(ZeroDivisionError), detect_anomaly():
        1 // 0  # noqa: B018
    assert record._recorded.__module__ == "tinygrad_nn.record"


def test_other_threads_are_not_watched():
    seen = []

    def work():
        with np.errstate(all="ignore"):
            seen.append(np.log(leaf(0.0)).sum())
            seen[-1].backward()

    with detect_anomaly():
        t = threading.Thread(target=work)
        t.start()
        t.join()
    assert len(seen) == 1


def test_as_a_decorator():
    @detect_anomaly()
    def f(x):
        return np.log(x)

    with pytest.raises(AnomalyError, match="log"):
        f(leaf(0.0))
    f(leaf(1.0))
