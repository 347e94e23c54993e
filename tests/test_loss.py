"""Losses: hand-worked numbers, limits, options against PyTorch, shapes and labels that must be refused."""

import math
import warnings

import nn_torch
import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor, nn
from tinygrad_nn.nn import functional as F

LN2 = math.log(2.0)


def value_and_grad(loss, x, *rest, **options):
    x = Tensor(x, requires_grad=True)
    y = loss(x, *rest, **options)
    y.backward()
    return y.item(), x.grad


# -- cross entropy at the edges --------------------------------------------------------------------------------------


def test_C95_cross_entropy_of_equal_huge_logits():
    value, grad = value_and_grad(F.cross_entropy, [[1e16, 1e16]], [0])
    assert value == pytest.approx(LN2, rel=1e-15)
    np.testing.assert_array_equal(grad, [[-0.5, 0.5]])


def test_C96_cross_entropy_overflows_to_inf_without_nan():
    value, grad = value_and_grad(F.cross_entropy, [[1e308, -1e308]], [1])
    assert value == math.inf
    np.testing.assert_array_equal(grad, [[1.0, -1.0]])
    value, grad = value_and_grad(F.cross_entropy, [[1e308, -1e308]], [[0.0, 1.0]])
    assert value == math.inf
    np.testing.assert_array_equal(grad, [[1.0, -1.0]])


def test_C98_cross_entropy_is_not_clipped():
    for target in ([1], [[0.0, 1.0]]):
        value, grad = value_and_grad(F.cross_entropy, [[1000.0, 0.0]], target)
        assert value == 1000.0
        np.testing.assert_array_equal(grad, [[1.0, -1.0]])


@pytest.mark.parametrize("columns", [3, 50])
def test_infinite_logits(columns):
    x = np.zeros((1, columns))
    x[0, 1] = math.inf
    assert value_and_grad(F.cross_entropy, x, [1])[0] == 0.0
    assert (value_and_grad(F.cross_entropy, x, [1])[1] == 0.0).all()
    assert value_and_grad(F.cross_entropy, x, [0])[0] == math.inf
    x[0, 1] = -math.inf
    value, grad = value_and_grad(F.cross_entropy, x, [0])
    assert value == pytest.approx(math.log(columns - 1))
    assert grad[0, 1] == 0.0


def test_nan_logits_give_nan():
    value, grad = value_and_grad(F.cross_entropy, [[math.nan, 1.0], [0.0, 0.0]], [0, 1])
    assert math.isnan(value)
    assert np.isnan(grad[0]).all()
    np.testing.assert_array_equal(grad[1], [0.25, -0.25])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_cross_entropy_keeps_the_dtype(dtype):
    x = Tensor(np.zeros((4, 3), dtype), requires_grad=True)
    for target in (np.array([0, 1, 2, 0]), np.full((4, 3), 1 / 3, dtype)):
        x.zero_grad()
        y = F.cross_entropy(x, target)
        y.backward()
        assert (y.dtype, x.grad.dtype) == (dtype, dtype)
        assert y.item() == pytest.approx(math.log(3), rel=2e-3)


def test_half_precision_batch_does_not_overflow():
    n = 100_000
    x = Tensor(np.zeros((n, 10), np.float16), requires_grad=True)
    y = F.cross_entropy(x, np.zeros(n, int))
    y.backward()
    assert y.item() == pytest.approx(math.log(10), rel=1e-3)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64, ">i8"])
def test_labels_of_any_integer_dtype(dtype):
    labels = np.array([1, 0, 2]).astype(dtype)
    x = np.random.default_rng(0).normal(size=(3, 3))
    assert F.cross_entropy(x, labels).item() == F.cross_entropy(x, [1, 0, 2]).item()
    with pytest.raises(ValueError, match="label 3 at position 2"):
        F.cross_entropy(x, np.array([1, 0, 3]).astype(dtype))


def test_labels_from_tensors_and_views():
    x = np.random.default_rng(0).normal(size=(3, 3))
    want = F.cross_entropy(x, [2, 1, 0]).item()
    labels = np.array([0, 9, 1, 9, 2])[::-2]
    assert F.cross_entropy(Tensor(x), Tensor([2, 1, 0])).item() == want
    assert F.cross_entropy(x, labels).item() == want
    assert F.cross_entropy(x.tolist(), [2, 1, 0]).item() == want


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        ([0, -1, 1], ValueError, "label -1 at position 1 is outside 0 ... 2"),
        ([0, 1, 3], ValueError, "label 3 at position 2 is outside 0 ... 2"),
        ([0.0, 1.0, 2.0], TypeError, "labels must be integers, got dtype float64 with the value 0.0 at position 0"),
        ([0.0, math.nan, 2.0], TypeError, "with the value nan at position 1"),
        ([0.0, 1.0, 1.5], TypeError, "with the value 1.5 at position 2"),
        ([True, False, True], TypeError, "labels must be integers, got dtype bool"),
        ([[0], [1], [2]], ValueError, r"labels of shape \(3, 1\) do not fit an input of shape \(3, 3\)"),
        ([0, 1], ValueError, r"labels of shape \(2,\) do not fit"),
        (0, ValueError, r"labels of shape \(\) do not fit"),
        ([[1, 1, 0]] * 3, ValueError, "must hold one-hot rows"),
        ([[True, False, False]] * 3, TypeError, "got dtype bool"),
        ([[0.1, 0.9]] * 3, TypeError, "labels must be integers"),
        (["a", "b", "c"], TypeError, "cross_entropy"),
        ([None, 1, 2], TypeError, "cross_entropy"),
    ],
)
def test_C158_bad_labels_are_named(labels, error, text):
    x = Tensor(np.zeros((3, 3)), requires_grad=True)
    with pytest.raises(error, match=text) as e:
        F.cross_entropy(x, labels)
    assert "\n" not in str(e.value)
    assert str(e.value).startswith("cross_entropy: ")
    with pytest.raises(error):
        F.nll_loss(F.log_softmax(x), labels)


def test_C158_bad_labels_of_images():
    with pytest.raises(ValueError, match=r"label 3 at position \(1, 0\)"):
        F.cross_entropy(np.zeros((2, 3, 2)), [[0, 1], [3, 0]])


def test_an_empty_batch_is_one_clear_error():
    for loss, x, t in (
        (F.cross_entropy, np.zeros((0, 3)), np.zeros(0, int)),
        (F.nll_loss, np.zeros((0, 3)), np.zeros(0, int)),
        (F.mse_loss, np.zeros((0, 3)), np.zeros((0, 3))),
        (F.binary_cross_entropy, np.zeros(0), np.zeros(0)),
        (F.binary_cross_entropy_with_logits, np.zeros(0), np.zeros(0)),
        (F.kl_div, np.zeros(0), np.zeros(0)),
        (F.hinge_loss, np.zeros(0), np.zeros(0)),
    ):
        with pytest.raises(ValueError, match="empty"):
            loss(x, t)
    assert F.cross_entropy(np.zeros((0, 3)), np.zeros(0, int), reduction="sum").item() == 0.0
    assert F.cross_entropy(np.zeros((0, 3)), np.zeros(0, int), reduction="none").shape == (0,)
    with pytest.raises(ValueError, match="every label is ignored"):
        F.cross_entropy(np.zeros((2, 3)), [1, 1], ignore_index=1)


def test_unknown_reduction():
    for call in (
        lambda: F.cross_entropy(np.zeros((1, 2)), [0], reduction="avg"),
        lambda: F.mse_loss([1.0], [1.0], reduction="avg"),
        lambda: F.hinge_loss([1.0], [1.0], reduction="avg"),
    ):
        with pytest.raises(ValueError, match="reduction='avg' is unknown; use 'mean', 'sum' or 'none'"):
            call()


def test_bad_weights_and_smoothing():
    x = np.zeros((2, 3))
    for w in ([1.0, 2.0], [1.0, -1.0, 1.0], [1.0, math.nan, 1.0], [[1.0, 1.0, 1.0]]):
        with pytest.raises(ValueError, match="weight must hold 3 numbers >= 0, one per class"):
            F.cross_entropy(x, [0, 1], weight=w)
    for s in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="label_smoothing"):
            F.cross_entropy(x, [0, 1], label_smoothing=s)
    with pytest.raises(ValueError, match="ignore_index= needs integer labels"):
        F.cross_entropy(x, np.full((2, 3), 1 / 3), ignore_index=1)


# -- cross entropy against PyTorch and an independent formula --------------------------------------------------------


def by_definition(x, q):
    """Give the cross entropy in exact-enough long doubles, row by row."""
    x = x.astype(np.longdouble)
    p = np.exp(x - x.max(axis=1, keepdims=True))
    return -(q * np.log(p / p.sum(axis=1, keepdims=True))).sum(axis=1)


@pytest.mark.parametrize("classes", [1, 2, 10, 32, 33, 100])
def test_cross_entropy_by_definition(classes):
    rng = np.random.default_rng(classes)
    x, t = rng.normal(size=(7, classes)) * 5, rng.integers(0, classes, 7)
    want = by_definition(x, np.eye(classes)[t])
    np.testing.assert_allclose(F.cross_entropy(x, t, reduction="none").data, want.astype(float), rtol=1e-13, atol=1e-14)
    assert F.cross_entropy(x, t).item() == pytest.approx(float(want.mean()), rel=1e-13)
    q = rng.dirichlet(np.ones(classes), 7)
    want = by_definition(x, q)
    np.testing.assert_allclose(F.cross_entropy(x, q, reduction="none").data, want.astype(float), rtol=1e-13, atol=1e-14)
    one_hot = np.eye(classes, dtype=int)[t]
    assert F.cross_entropy(x, one_hot).item() == pytest.approx(F.cross_entropy(x, t).item(), rel=1e-14)


OPTIONS = [
    {"reduction": r, "weight": w, "label_smoothing": s, "ignore_index": i}
    for r in ("mean", "sum", "none")
    for w in (None, [0.5, 2.0, 0.0, 1.5])
    for s in (0.0, 0.1)
    for i in (None, 1, -100)
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", [(6, 4), (4,), (2, 4, 3), (2, 4, 3, 2)], ids=str)
def test_cross_entropy_of_labels_as_in_pytorch(shape, options):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(1)
    x = rng.normal(size=shape)
    axis = 0 if len(shape) == 1 else 1
    t = rng.integers(0, 4, shape[:axis] + shape[axis + 1 :])
    if t.ndim == 0:
        t[...] = 3
    elif options["ignore_index"] is not None:
        t.flat[0] = options["ignore_index"]
        t.flat[1] = 3
    theirs = {k: v for k, v in options.items() if v is not None}
    if "weight" in theirs:
        theirs["weight"] = torch.tensor(theirs["weight"], dtype=torch.float64)
    nn_torch.assert_same(
        lambda x, t: F.cross_entropy(x, t, **options),
        lambda x, t: torch.nn.functional.cross_entropy(x, t, **theirs),
        [x, t],
    )


@pytest.mark.parametrize("options", [o for o in OPTIONS if o["ignore_index"] is None], ids=str)
@pytest.mark.parametrize("shape", [(6, 4), (4,), (2, 4, 3)], ids=str)
def test_cross_entropy_of_probabilities_as_in_pytorch(shape, options):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(1)
    axis = 0 if len(shape) == 1 else 1
    q = np.abs(rng.normal(size=shape))
    q /= q.sum(axis=axis, keepdims=True)
    theirs = {k: v for k, v in options.items() if v is not None}
    if "weight" in theirs:
        theirs["weight"] = torch.tensor(theirs["weight"], dtype=torch.float64)
    nn_torch.assert_same(
        lambda x, q: F.cross_entropy(x, q, **options),
        lambda x, q: torch.nn.functional.cross_entropy(x, q, **theirs),
        [rng.normal(size=shape), q],
    )


@pytest.mark.parametrize("options", [o for o in OPTIONS if not o["label_smoothing"]], ids=str)
@pytest.mark.parametrize("shape", [(6, 4), (4,), (2, 4, 3)], ids=str)
def test_nll_loss_as_in_pytorch(shape, options):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(1)
    options = {k: v for k, v in options.items() if k != "label_smoothing"}
    axis = 0 if len(shape) == 1 else 1
    t = rng.integers(0, 4, shape[:axis] + shape[axis + 1 :])
    if t.ndim == 0:
        t[...] = 3
    elif options["ignore_index"] is not None:
        t.flat[0] = options["ignore_index"]
        t.flat[1] = 3
    theirs = {k: v for k, v in options.items() if v is not None}
    if "weight" in theirs:
        theirs["weight"] = torch.tensor(theirs["weight"], dtype=torch.float64)
    nn_torch.assert_same(
        lambda x, t: F.nll_loss(x, t, **options),
        lambda x, t: torch.nn.functional.nll_loss(x, t, **theirs),
        [np.log(np.abs(rng.normal(size=shape))), t],
    )


def test_ignored_rows_may_hold_anything():
    x = Tensor([[1.0, 2.0], [math.nan, math.inf]], requires_grad=True)
    y = F.cross_entropy(x, [0, -100], ignore_index=-100)
    y.backward()
    assert y.item() == pytest.approx(math.log(1 + math.e))
    assert (x.grad[1] == 0).all()
    assert np.isfinite(x.grad[0]).all()


def test_nll_of_an_impossible_label_is_inf():
    assert F.nll_loss([[0.0, -math.inf]], [1]).item() == math.inf
    assert F.nll_loss([[0.0, -math.inf]], [0]).item() == 0.0


def test_cross_entropy_derivatives_to_second_order():
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(4, 3)), np.array([0, 2, 1, 2])
    q = rng.dirichlet(np.ones(3), 4)
    for options in (
        {},
        {"reduction": "none"},
        {"weight": [1.0, 2.0, 0.5], "label_smoothing": 0.1},
        {"ignore_index": 2},
    ):
        tg.gradcheck(lambda x: F.cross_entropy(x, t, **options), x, order=2)  # noqa: B023
    tg.gradcheck(F.cross_entropy, x, q, order=2)
    tg.gradcheck(lambda x: F.nll_loss(x, t), x, order=2)


def test_composition_and_fused_form_agree():
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(5, 4)), rng.integers(0, 4, 5)
    fused = value_and_grad(F.cross_entropy, x, t)
    composed = value_and_grad(lambda x, t: F.nll_loss(F.log_softmax(x), t), x, t)
    np.testing.assert_allclose(fused[0], composed[0], rtol=1e-14)
    np.testing.assert_allclose(fused[1], composed[1], rtol=1e-12, atol=1e-16)


def test_labels_may_be_written_to_after_the_loss_was_computed():
    x, t = Tensor([[1.0, 2.0]], requires_grad=True), np.array([0])
    y = F.cross_entropy(x, t)
    want = value_and_grad(F.cross_entropy, [[1.0, 2.0]], [0])[1]
    t[0] = 1
    (g,) = tg.gradients(y, [x], create_graph=True)
    np.testing.assert_allclose(g.data, want)


# -- binary cross entropies ------------------------------------------------------------------------------------------


def test_C99_binary_cross_entropy_at_zero():
    value, grad = value_and_grad(F.binary_cross_entropy_with_logits, [0.0], [0.0])
    assert value == pytest.approx(0.693147180559945, rel=1e-14)
    assert grad.item() == 0.5


@pytest.mark.parametrize(
    ("x", "t", "value", "grad"),
    [
        (1000.0, 0.0, 1000.0, 1.0),
        (-1000.0, 0.0, 0.0, 0.0),
        (1e308, 0.0, 1e308, 1.0),
        (-1e308, 1.0, 1e308, -1.0),
        (1e308, 1.0, 0.0, 0.0),
        (math.inf, 1.0, 0.0, 0.0),
        (math.inf, 0.0, math.inf, 1.0),
        (-math.inf, 0.0, 0.0, 0.0),
        (-math.inf, 1.0, math.inf, -1.0),
        (40.0, 1.0, math.exp(-40), -math.exp(-40)),
    ],
)
def test_C100_binary_cross_entropy_of_huge_logits(x, t, value, grad):
    got = value_and_grad(F.binary_cross_entropy_with_logits, [x], [t])
    assert got[0] == pytest.approx(value, rel=1e-14)
    assert got[1].item() == pytest.approx(grad, rel=1e-14)


def test_C102_logit_minus_50_in_float32():
    x = Tensor(np.array([-50.0], np.float32), requires_grad=True)
    F.binary_cross_entropy_with_logits(x, np.array([1.0], np.float32)).backward()
    assert x.grad.item() == -1.0
    x.zero_grad()
    F.binary_cross_entropy(F.sigmoid(x), np.array([1.0], np.float32)).backward()
    assert x.grad.item() == pytest.approx(-1.0, rel=1e-6)


def test_binary_cross_entropy_at_certainty():
    p = Tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    y = F.binary_cross_entropy(p, [0.0, 1.0, 1.0, 0.0], reduction="none")
    np.testing.assert_array_equal(y.data, [0.0, 0.0, 100.0, 100.0])  # PyTorch's limit
    y.sum().backward()
    np.testing.assert_array_equal(p.grad[:2], [1.0, -1.0])
    assert np.isfinite(p.grad).all()
    assert (p.grad[2] < -1e300, p.grad[3] > 1e300) == (True, True)


@pytest.mark.parametrize("bad", [-0.1, 1.5, math.inf, 2])
def test_what_is_no_probability_is_named(bad):
    with pytest.raises(ValueError, match=f"{float(bad)} at position 1 is not a probability.*_with_logits"):
        F.binary_cross_entropy([0.5, bad], [0.0, 1.0])
    assert math.isnan(F.binary_cross_entropy([0.5, math.nan], [0.0, 1.0]).item())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (3, 1)])
def test_binary_cross_entropies_as_in_pytorch(shape, reduction):
    torch = nn_torch.need_torch()
    TF = torch.nn.functional
    rng = np.random.default_rng(2)
    x, t, p = rng.normal(size=shape) * 3, rng.uniform(size=shape), rng.uniform(0.05, 0.95, shape)
    w, pw = rng.uniform(size=shape[-1]), rng.uniform(0.5, 3, shape[-1])
    tw, tpw = torch.tensor(w), torch.tensor(pw)
    for ours, theirs in (({}, {}), ({"weight": w}, {"weight": tw})):
        nn_torch.assert_same(
            lambda p, t: F.binary_cross_entropy(p, t, reduction=reduction, **ours),  # noqa: B023
            lambda p, t: TF.binary_cross_entropy(p, t, reduction=reduction, **theirs),  # noqa: B023
            [p, t],
        )
    for ours, theirs in (({}, {}), ({"weight": w, "pos_weight": pw}, {"weight": tw, "pos_weight": tpw})):
        nn_torch.assert_same(
            lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction, **ours),  # noqa: B023
            lambda x, t: TF.binary_cross_entropy_with_logits(x, t, reduction=reduction, **theirs),  # noqa: B023
            [x, t],
        )


def test_binary_derivatives_to_second_order():
    rng = np.random.default_rng(0)
    x, t, p = rng.normal(size=(3, 4)), rng.uniform(size=(3, 4)), rng.uniform(0.1, 0.9, (3, 4))
    tg.gradcheck(F.binary_cross_entropy_with_logits, x, t, order=2)
    tg.gradcheck(
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=3.0, weight=t.shape[0]), x, t, order=2
    )
    tg.gradcheck(F.binary_cross_entropy, p, t, order=2)


@pytest.mark.parametrize("target", [[0, 1], [False, True], np.array([0, 1], np.uint8)])
def test_whole_targets_take_the_predictions_dtype(target):
    for loss in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.mse_loss):
        y = loss(np.array([0.25, 0.75], np.float32), target)
        assert y.dtype == np.float32
        assert y.item() == pytest.approx(loss([0.25, 0.75], [0.0, 1.0]).item(), rel=1e-6)


# -- losses that compare element by element --------------------------------------------------------------------------

PAIRED = [
    F.mse_loss,
    F.l1_loss,
    F.smooth_l1_loss,
    F.huber_loss,
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
    F.kl_div,
    F.poisson_nll_loss,
    F.hinge_loss,
    F.soft_margin_loss,
    F.hinge_embedding_loss,
]


@pytest.mark.parametrize("loss", PAIRED, ids=lambda f: f.__name__)
def test_C157_shapes_that_would_broadcast_are_refused(loss):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for a, b in (((4, 1), (4,)), ((4,), (1,)), ((2, 3), (3,)), ((), (1,))):
            with pytest.raises(ValueError, match=r"the shapes .* differ") as e:
                loss(Tensor(np.full(a, 0.5), requires_grad=True), np.ones(b))
            assert "\n" not in str(e.value)
            assert str(e.value).startswith(f"{loss.__name__}: ")


def test_hand_worked_numbers():
    # The articles': y = 1.235 for a target of 0 (0.00001 off in the text) and mean squared errors.
    assert F.mse_loss([1.233212], [0.0]).item() == pytest.approx(1.520812, abs=1e-6)
    assert F.mse_loss([1.0, 2.0, 5.0], [0.0, 0.0, 3.0]).item() == 3.0
    assert F.l1_loss([1.0, -2.0], [0.0, 0.0]).item() == 1.5
    assert F.huber_loss([0.5, -3.0], [0.0, 0.0], delta=2.0).item() == pytest.approx((0.125 + 4.0) / 2)
    assert F.smooth_l1_loss([0.5, -3.0], [0.0, 0.0], beta=2.0).item() == pytest.approx((0.0625 + 2.0) / 2)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_differences_as_in_pytorch(name, reduction):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(4)
    x, t = rng.normal(size=(4, 5)) * 2, rng.normal(size=(4, 5))
    x[0, :2] = t[0, :2]
    x[1, 0], t[1, 0] = 1.5, 0.5
    variants = {"smooth_l1_loss": [{}, {"beta": 0.3}, {"beta": 0.0}], "huber_loss": [{}, {"delta": 0.3}]}
    for options in variants.get(name, [{}]):
        nn_torch.assert_same(
            lambda x, t: getattr(F, name)(x, t, reduction=reduction, **options),  # noqa: B023
            lambda x, t: getattr(torch.nn.functional, name)(x, t, reduction=reduction, **options),  # noqa: B023
            [x, t],
        )


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")  # PyTorch's advice on its own default
@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
def test_kl_div_as_in_pytorch(reduction):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(4)
    x = np.log(rng.dirichlet(np.ones(4), 3))
    t = rng.dirichlet(np.ones(4), 3)
    for log_target in (False, True):
        nn_torch.assert_same(
            lambda x, t: F.kl_div(x, t, reduction, log_target),  # noqa: B023
            lambda x, t: torch.nn.functional.kl_div(x, t, reduction=reduction, log_target=log_target),  # noqa: B023
            [x, np.log(t) if log_target else t],
        )
    # Where the target has no probability nothing counts, even log(0).
    y = F.kl_div([[0.0, -math.inf]], [[1.0, 0.0]], reduction="sum")
    assert y.item() == 0.0


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_likelihoods_as_in_pytorch(reduction):
    torch = nn_torch.need_torch()
    TF = torch.nn.functional
    rng = np.random.default_rng(4)
    x, t, v = rng.uniform(0.2, 3, (3, 4)), rng.poisson(3.0, (3, 4)).astype(float), rng.uniform(0.5, 2, (3, 4))
    for log_input in (False, True):
        for full in (False, True):
            nn_torch.assert_same(
                lambda x, t: F.poisson_nll_loss(x, t, log_input, full, reduction=reduction),  # noqa: B023
                lambda x, t: TF.poisson_nll_loss(x, t, log_input, full, reduction=reduction),  # noqa: B023
                [x, t],
            )
    for var in (v, v[:, :1], v[:, 0]):
        for full in (False, True):
            nn_torch.assert_same(
                lambda x, t, v: F.gaussian_nll_loss(x, t, v, full, reduction=reduction),  # noqa: B023
                lambda x, t, v: TF.gaussian_nll_loss(x, t, v, full=full, reduction=reduction),  # noqa: B023
                [x, t, var],
            )
    small = np.full((3, 4), 1e-9)
    nn_torch.assert_same(
        lambda x, t, v: F.gaussian_nll_loss(x, t, v, reduction=reduction),
        lambda x, t, v: TF.gaussian_nll_loss(x, t, v, reduction=reduction),
        [x, t, small],
    )
    with pytest.raises(ValueError, match="var must not be negative"):
        F.gaussian_nll_loss(x, t, -v)
    with pytest.raises(ValueError, match=r"var of shape \(4,\) does not fit"):
        F.gaussian_nll_loss(x, t, v[0])


# -- margins and distances -------------------------------------------------------------------------------------------


SIGNS = np.array([1, -1, 1, 1, -1, -1])
LABELS = np.array([0, 3, 1, 1, 2, 0])
MARGINS = [
    *[("hinge_embedding_loss", [(6,)], [SIGNS], {"margin": m}) for m in (0.0, 0.4, 1.0)],
    *[("margin_ranking_loss", [(6,), (6,)], [SIGNS], {"margin": m}) for m in (0.0, 0.4)],
    *[("cosine_embedding_loss", [(6, 4), (6, 4)], [SIGNS], {"margin": m}) for m in (0.0, 0.4)],
    *[
        ("triplet_margin_loss", [(6, 4)] * 3, [], o)
        for o in ({}, {"swap": True}, {"p": 1.0}, {"p": 3.0, "margin": 0.3})
    ],
    *[("multi_margin_loss", [(6, 4)], [LABELS], {"p": p, "margin": m}) for p in (1, 2) for m in (0.4, 1.0)],
    ("multi_margin_loss", [(6, 4)], [LABELS], {"weight": np.array([0.5, 1.0, 2.0, 0.0])}),
    ("soft_margin_loss", [(6,)], [SIGNS], {}),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "shapes", "fixed", "options"), MARGINS, ids=lambda v: v if isinstance(v, str) else "")
def test_margins_as_in_pytorch(name, shapes, fixed, options, reduction):
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(5)
    theirs = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    nn_torch.assert_same(
        lambda *xs: getattr(F, name)(*xs, *fixed, **options, reduction=reduction),
        lambda *xs: getattr(torch.nn.functional, name)(*xs, *map(torch.tensor, fixed), **theirs, reduction=reduction),
        [rng.normal(size=shape) for shape in shapes],
    )


def test_hinge_by_hand():
    x = Tensor([0.5, 2.0, -0.25], requires_grad=True)
    y = F.hinge_loss(x, [1, 1, -1], reduction="none")
    np.testing.assert_array_equal(y.data, [0.5, 0.0, 0.75])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [-1.0, 0.0, 1.0])
    assert F.soft_margin_loss([-1000.0], [1]).item() == 1000.0


@pytest.mark.parametrize("bad", [0, 2, math.nan])
def test_signs_other_than_one_are_named(bad):
    for loss in (F.hinge_loss, F.soft_margin_loss, F.hinge_embedding_loss):
        with pytest.raises(ValueError, match=f"{loss.__name__}: a target must be -1 or 1, got {bad}.* at position"):
            loss([1.0, 1.0], [1, bad])


def test_distances_as_in_pytorch():
    torch = nn_torch.need_torch()
    TF = torch.nn.functional
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 3, 4, 5))
    for axis in (0, 1, -1):
        nn_torch.assert_same(
            lambda a, b: F.cosine_similarity(a, b, axis),  # noqa: B023
            lambda a, b: TF.cosine_similarity(a, b, axis),  # noqa: B023
            [a, b],
        )
        nn_torch.assert_same(lambda a: F.normalize(a, axis=axis), lambda a: TF.normalize(a, dim=axis), [a])  # noqa: B023
    for p in (1.0, 2.0, 3.0):
        nn_torch.assert_same(
            lambda a, b: F.pairwise_distance(a[0], b[0], p),  # noqa: B023
            lambda a, b: TF.pairwise_distance(a[0], b[0], p),  # noqa: B023
            [a, b],
        )


def test_zero_vectors_have_similarity_zero_and_finite_gradients():
    x = Tensor(np.zeros((1, 3)), requires_grad=True)
    y = F.cosine_similarity(x, np.ones((1, 3)))
    y.backward(np.ones(1))
    assert y.item() == 0.0
    assert np.isfinite(x.grad).all()


# -- modules and one_hot ---------------------------------------------------------------------------------------------


def test_modules_are_the_functions():
    rng = np.random.default_rng(6)
    x, t = rng.normal(size=(4, 3)), np.array([0, 1, 2, 1])
    a, b, p, signs = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.uniform(size=(4, 3)), np.ones((4, 3))
    pairs = [
        (nn.CrossEntropyLoss(), F.cross_entropy(x, t), (x, t)),
        (
            nn.CrossEntropyLoss([1.0, 2.0, 3.0], 1, "sum", 0.1),
            F.cross_entropy(x, t, [1.0, 2.0, 3.0], 1, "sum", 0.1),
            (x, t),
        ),
        (nn.NLLLoss([1.0, 2.0, 3.0], 2), F.nll_loss(x, t, [1.0, 2.0, 3.0], 2), (x, t)),
        (nn.BCELoss(), F.binary_cross_entropy(p, signs), (p, signs)),
        (nn.BCEWithLogitsLoss(pos_weight=[2.0]), F.binary_cross_entropy_with_logits(a, p, pos_weight=[2.0]), (a, p)),
        (nn.MSELoss("sum"), F.mse_loss(a, b, "sum"), (a, b)),
        (nn.L1Loss(), F.l1_loss(a, b), (a, b)),
        (nn.SmoothL1Loss(beta=0.5), F.smooth_l1_loss(a, b, beta=0.5), (a, b)),
        (nn.HuberLoss(delta=0.5), F.huber_loss(a, b, delta=0.5), (a, b)),
        (nn.KLDivLoss("batchmean"), F.kl_div(a, p, "batchmean"), (a, p)),
        (nn.PoissonNLLLoss(), F.poisson_nll_loss(a, p), (a, p)),
        (nn.GaussianNLLLoss(True), F.gaussian_nll_loss(a, b, p, True), (a, b, p)),
        (nn.HingeLoss(0.5), F.hinge_loss(a, signs, 0.5), (a, signs)),
        (nn.SoftMarginLoss(), F.soft_margin_loss(a, signs), (a, signs)),
        (nn.HingeEmbeddingLoss(0.5), F.hinge_embedding_loss(a, signs, 0.5), (a, signs)),
        (nn.MarginRankingLoss(0.5), F.margin_ranking_loss(a, b, signs, 0.5), (a, b, signs)),
        (nn.MultiMarginLoss(2, 0.5), F.multi_margin_loss(x, t, 2, 0.5), (x, t)),
        (nn.CosineEmbeddingLoss(0.5), F.cosine_embedding_loss(a, b, signs[:, 0], 0.5), (a, b, signs[:, 0])),
        (nn.TripletMarginLoss(0.5, swap=True), F.triplet_margin_loss(a, b, p, 0.5, swap=True), (a, b, p)),
    ]
    for module, want, inputs in pairs:
        assert module(*inputs).item() == want.item(), module
        assert list(module.parameters()) == []
        assert repr(module).startswith(type(module).__name__)
    np.testing.assert_array_equal(nn.CosineSimilarity()(a, b).data, F.cosine_similarity(a, b).data)


def test_loss_state_is_pytorchs():
    torch = nn_torch.need_torch()
    assert list(nn.CrossEntropyLoss([1.0, 2.0]).state_dict()) == list(
        torch.nn.CrossEntropyLoss(torch.ones(2)).state_dict()
    )
    assert nn.CrossEntropyLoss().state_dict() == {}


def test_one_hot():
    np.testing.assert_array_equal(F.one_hot([[0, 2], [1, 1]]).data, np.eye(3)[[[0, 2], [1, 1]]])
    assert F.one_hot([0, 1], 4).shape == (2, 4)
    assert F.one_hot(np.array(2)).shape == (3,)
    with pytest.raises(ValueError, match=r"one_hot: label 3 at position 1 is outside 0 \.\.\. 2"):
        F.one_hot([0, 3], 3)
    with pytest.raises(TypeError, match="one_hot: labels must be integers"):
        F.one_hot([0.5])


def test_a_backward_pass_frees_what_the_forward_pass_kept():
    x = Tensor(np.zeros((4, 3)), requires_grad=True)
    y = F.cross_entropy(x, [0, 1, 2, 0])
    assert "residual" in y._params
    y.backward(retain_graph=True)
    assert "residual" in y._params
    y.backward()
    assert "residual" not in y._params
