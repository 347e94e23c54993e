"""Optimizers and bad input: one clear error each, and nothing has changed."""

import numpy as np
import pytest

from tinygrad_nn import Tensor, optim

NAMES = ["SGD", "Adam", "AdamW", "NAdam", "RMSprop", "Adagrad", "Adadelta", "Lion"]


def leaf(shape=(2,)):
    return Tensor(np.ones(shape), requires_grad=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lr", [-1.0, -1e-300, np.nan, np.inf, -np.inf, np.float32(np.nan)])
def test_C151_rates_that_are_refused(name, lr):
    with pytest.raises(ValueError, match=rf"{name}: lr must be finite and at least 0, got"):
        getattr(optim, name)([leaf()], lr=lr)
    optimizer = getattr(optim, name)([leaf()], lr=0.1)
    with pytest.raises(ValueError, match="lr must be finite"):
        optimizer.lr = lr
    assert optimizer.lr == 0.1


@pytest.mark.parametrize("lr", ["0.1", None, True, [0.1, 0.2], b"1"])
def test_rates_that_are_no_numbers(lr):
    with pytest.raises(TypeError, match="SGD: lr must be a number"):
        optim.SGD([leaf()], lr=lr)


@pytest.mark.parametrize("lr", [np.float32(0.5), np.array(0.5), 1, Tensor(0.5)])
def test_rates_that_are_numbers_of_other_types(lr):
    assert type(optim.SGD([leaf()], lr=lr).lr) is float


def test_C151_a_rate_that_became_bad_stops_the_step_before_anything_changes():
    a, b = leaf(), leaf()
    optimizer = optim.SGD([{"params": [a]}, {"params": [b]}], lr=0.1)
    a.grad = b.grad = np.ones(2)
    optimizer.param_groups[1]["lr"] = float("nan")
    with pytest.raises(ValueError, match="SGD: lr must be finite"):
        optimizer.step()
    assert a.data.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", NAMES)
def test_C152_no_parameters(name):
    for empty in ([], (), iter([]), {}.values()):
        with pytest.raises(ValueError, match=f"{name}: no parameters given; an iterator"):
            getattr(optim, name)(empty, lr=0.1)


def test_C152_an_iterator_is_used_up_by_the_first_optimizer():
    params = iter([leaf()])
    optim.SGD(params, lr=0.1)
    with pytest.raises(ValueError, match="can be used only once"):
        optim.SGD(params, lr=0.1)


def test_C152_the_same_parameter_twice():
    p = leaf()
    p.name = "w"
    with pytest.raises(ValueError, match=r"parameter 1 \('w'\) of shape \(2,\) is given twice"):
        optim.SGD([p, p], lr=0.1)
    with pytest.raises(ValueError, match="is given twice"):
        optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1)
    optimizer = optim.SGD([p], lr=0.1)
    with pytest.raises(ValueError, match="is given twice"):
        optimizer.add_param_group({"params": [p]})
    assert len(optimizer.param_groups) == 1


def test_what_is_no_leaf_or_needs_no_gradient():
    p = leaf()
    with pytest.raises(
        ValueError, match=r"SGD: parameter 1 of shape \(2,\) is not a leaf but the result of 'multiply'"
    ):
        optim.SGD([p, p * 2.0], lr=0.1)
    with pytest.raises(ValueError, match=r"parameter 0 \('frozen'\) .* does not require a gradient; leave it out"):
        optim.SGD([Tensor([1.0], name="frozen")], lr=0.1)


class Model:
    def parameters(self):
        return iter([leaf()])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (leaf(), r"params is one Tensor, not a list of them; write \[w\]"),
        (Model(), r"params is a Model; give its parameters: model.parameters\(\)"),
        ({"w": leaf()}, r"params is a dict; give model.parameters\(\), list\(d.values\(\)\)"),
        ("weights", "params must be an iterable of tensors, got str"),
        (np.ones(3), "params must be an iterable of tensors, got ndarray"),
        (None, "params must be an iterable of tensors, got NoneType"),
        (3, "params must be an iterable of tensors, got int"),
        ([np.ones(3)], "item 0 is ndarray, not a Tensor"),
        ([leaf(), "w"], "item 1 is str, not a Tensor"),
        ([("0.weight", leaf())], r"item 0 is a pair \('0.weight', Tensor\); give model.parameters\(\)"),
        ([leaf(), {"params": [leaf()]}], "tensors and groups are mixed"),
        ([{"lr": 0.1}], "group 0 has no 'params'; it holds 'lr'"),
        ([{"params": []}], "group 0 has no parameters"),
        ([{"params": [leaf()], "learning_rate": 1.0}], "unknown option 'learning_rate' in a group; known: lr, "),
        ([{"params": [leaf()], "lr": -1.0}], "lr must be finite and at least 0, got -1.0"),
    ],
)
def test_parameters_that_are_refused_with_advice(params, message):
    with pytest.raises((TypeError, ValueError), match=f"^SGD: .*{message}") as caught:
        optim.SGD(params, lr=0.1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("SGD", {"momentum": -0.1}, "momentum must be finite and at least 0"),
        ("SGD", {"momentum": np.nan}, "momentum must be finite"),
        ("SGD", {"weight_decay": -1}, "weight_decay must be finite and at least 0"),
        ("SGD", {"nesterov": True}, "nesterov needs a momentum above 0 and no dampening"),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov needs"),
        ("SGD", {"nesterov": 1, "momentum": 0.9}, "nesterov must be True or False"),
        ("Adam", {"betas": (0.9, 1.0)}, r"betas\[1\] must be at least 0 and below 1, got 1.0"),
        ("Adam", {"betas": (-0.1, 0.9)}, r"betas\[0\] must be"),
        ("Adam", {"betas": 0.9}, "betas must be two numbers"),
        ("Adam", {"betas": ("a", 0.9)}, r"betas\[0\] must be a number"),
        ("Adam", {"eps": -1e-8}, "eps must be"),
        ("AdamW", {"weight_decay": np.inf}, "weight_decay must be finite"),
        ("NAdam", {"momentum_decay": -1.0}, "momentum_decay must be"),
        ("RMSprop", {"alpha": 1.0}, "alpha must be at least 0 and below 1"),
        ("RMSprop", {"centered": "yes"}, "centered must be True or False"),
        ("Adagrad", {"lr_decay": -1.0}, "lr_decay must be"),
        ("Adadelta", {"rho": 1.5}, "rho must be"),
        ("Lion", {"betas": (0.9, 0.99, 0.5)}, "betas must be two numbers"),
        ("LBFGS", {"max_iter": 0}, "max_iter must be at least 1, got 0"),
        ("LBFGS", {"history_size": 1.5}, "history_size must be a whole number"),
    ],
)
def test_options_that_are_refused(name, options, message):
    with pytest.raises((TypeError, ValueError), match=f"^{name}: .*{message}"):
        getattr(optim, name)([leaf()], **({} if name == "LBFGS" else {"lr": 0.1}), **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.clear(), "no state of an optimizer"),
        (lambda s: s.update(kind="Adam"), "state of 'Adam'; make that optimizer"),
        (lambda s: s["param_groups"].append(s["param_groups"][0]), r"groups of \[2, 2\] parameters, .* has \[2\]"),
        (lambda s: s["param_groups"][0].update(params=[0]), r"groups of \[1\] parameters"),
        (lambda s: s["param_groups"][0].update(lr=-1.0), "lr must be finite"),
        (lambda s: s["state"][0].update(momentum=np.ones(3)), r"parameter 0 .*has shape \(3,\), needs \(2,\)"),
        (lambda s: s["state"][1].update(momentum=np.array(["x", "y"])), "parameter 1 .*needs numbers"),
        (lambda s: s["state"][0].pop("momentum"), "lacks 'momentum'"),
        (lambda s: s["state"][0].update(step=np.ones(2)), "'step' has shape"),
        (lambda s: s["state"].update({7: s["state"][0]}), "has a parameter 7, this optimizer has 2"),
        (lambda s: s.update(state=[1, 2]), "no state of an optimizer"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    params = [leaf(), leaf()]
    optimizer = optim.SGD(params, lr=0.1, momentum=0.9)
    for p in params:
        p.grad = np.ones(2)
    optimizer.step()
    before = optimizer.state_dict()
    broken = optimizer.state_dict()
    broken["param_groups"][0]["lr"] = 0.7
    broken["state"][0]["momentum"] += 1.0
    change(broken)
    with pytest.raises(ValueError, match=rf"SGD(\.load_state_dict)?: .*{message}"):
        optimizer.load_state_dict(broken)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for i in (0, 1):
        np.testing.assert_array_equal(after["state"][i]["momentum"], before["state"][i]["momentum"])


# Clipping ----------------------------------------------------------------------------------------------------------


def with_gradients(*gradients):
    params = [Tensor(np.zeros(np.shape(g)), requires_grad=True) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = np.array(g, float)
    return params


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, 0.5, float("inf")])
@pytest.mark.parametrize("limit", [0.0, 0.1, 1.0, 1e6, float("inf")])
def test_clip_grad_norm_as_in_torch(order, limit):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    gradients = [rng.standard_normal(shape) for shape in [(3, 4), (5,), ()]]
    params = with_gradients(*gradients)
    theirs = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in gradients]
    for p, g in zip(theirs, gradients, strict=True):
        p.grad = torch.tensor(g)
    total = optim.clip_grad_norm(params, limit, order)
    assert total == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, limit, order).item(), rel=1e-12)
    for p, q in zip(params, theirs, strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12)


def test_clip_grad_norm_of_huge_and_tiny_gradients():
    params = [Tensor(np.zeros(2, np.float32), requires_grad=True)]
    for size in (1e30, 1e-30):
        params[0].grad = np.array([3.0, 4.0]) * size
        assert optim.clip_grad_norm(params, float("inf")) == pytest.approx(5.0 * size, rel=1e-6)
    params[0].grad = np.array([3.0, 4.0]) * 1e30
    assert optim.clip_grad_norm(params, 1.0) == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(params[0].grad, [0.6, 0.8], rtol=1e-5)
    assert params[0].grad.dtype == np.float32


def test_clip_grad_norm_leaves_small_gradients_bitwise():
    (p,) = with_gradients([0.3, -0.0])
    before = p.grad.tobytes()
    assert optim.clip_grad_norm([p], 1.0) == pytest.approx(0.3)
    assert p.grad.tobytes() == before


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_clip_grad_norm_hides_nothing(bad):
    params = with_gradients([bad, 1.0], [2.0])
    with np.errstate(invalid="ignore"):
        total = optim.clip_grad_norm(params, 1.0)
    assert not np.isfinite(total)
    assert not np.isfinite(params[0].grad[0])


def test_clip_scales_shared_arrays_once_and_leaves_the_holder_alone():
    a, b = Tensor([0.0, 0.0], requires_grad=True), Tensor([0.0, 0.0], requires_grad=True)
    shared = np.array([3.0, 4.0])
    a.grad = b.grad = shared
    assert optim.clip_grad_norm([a, b], 1.0) == pytest.approx(50**0.5)
    np.testing.assert_allclose(a.grad, shared / 50**0.5, rtol=1e-6)
    np.testing.assert_allclose(b.grad, a.grad, rtol=1e-15)
    assert shared.tolist() == [3.0, 4.0]


def test_clip_takes_one_tensor_none_and_the_same_one_twice():
    a, b = with_gradients([3.0, 4.0], [1.0])
    b.grad = None
    assert optim.clip_grad_norm(a, 10.0) == 5.0
    assert optim.clip_grad_norm([a, b, a], 10.0) == 5.0
    assert optim.clip_grad_norm([b], 10.0) == 0.0
    optim.clip_grad_value([a, b], 3.5)
    assert a.grad.tolist() == [3.0, 3.5]


def test_clip_grad_value_keeps_nan():
    (p,) = with_gradients([np.nan, np.inf, -7.0])
    optim.clip_grad_value([p], 2.0)
    np.testing.assert_array_equal(p.grad, [np.nan, 2.0, -2.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: optim.clip_grad_norm(p, -1.0), "clip_grad_norm: max_norm must be finite and at least 0, got -1.0"),
        (lambda p: optim.clip_grad_norm(p, np.nan), "clip_grad_norm: max_norm"),
        (lambda p: optim.clip_grad_norm(p, "1"), "clip_grad_norm: max_norm must be a number"),
        (lambda p: optim.clip_grad_norm(p, 1.0, 0), "clip_grad_norm: norm_type must be above 0"),
        (lambda p: optim.clip_grad_norm(p, 1.0, -2), "clip_grad_norm: norm_type"),
        (lambda p: optim.clip_grad_norm(Model(), 1.0), r"clip_grad_norm: params is a Model; give its parameters"),
        (lambda p: optim.clip_grad_norm([np.ones(2)], 1.0), "clip_grad_norm: takes tensors, got ndarray"),
        (lambda p: optim.clip_grad_value(p, -1.0), "clip_grad_value: clip_value"),
        (lambda p: optim.clip_grad_value(p, np.inf), "clip_grad_value: clip_value must be finite"),
    ],
)
def test_clip_refuses(call, message):
    params = with_gradients([3.0, 4.0])
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        call(params)
    assert params[0].grad.tolist() == [3.0, 4.0]
