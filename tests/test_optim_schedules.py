"""Schedules: the rates of many steps against PyTorch and against plain formulas."""

import json
import math

import numpy as np
import pytest

from tinygrad_nn import Tensor, optim
from tinygrad_nn.optim import schedules


def sgd(lr=0.4, **options):
    return optim.SGD([Tensor([1.0], requires_grad=True)], lr=lr, **options)


def rates(schedule, steps):
    found = [schedule.optimizer.lr]
    for _ in range(steps):
        schedule.step()
        found.append(schedule.optimizer.lr)
    return found


@pytest.mark.parametrize(
    ("make", "formula"),
    [
        (lambda o: schedules.StepLR(o, 3, 0.5), lambda t: 0.4 * 0.5 ** (t // 3)),
        (lambda o: schedules.MultiStepLR(o, [7, 2, 2]), lambda t: 0.4 * 0.1 ** (2 * (t >= 2) + (t >= 7))),
        (lambda o: schedules.ExponentialLR(o, 0.9), lambda t: 0.4 * 0.9**t),
        (lambda o: schedules.InverseTimeLR(o, 0.3), lambda t: 0.4 / (1 + 0.3 * t)),
        (lambda o: schedules.CosineAnnealingLR(o, 5, 0.1), lambda t: 0.1 + 0.15 * (1 + math.cos(math.pi * t / 5))),
        (lambda o: schedules.LambdaLR(o, lambda t: 1 / (t + 1)), lambda t: 0.4 / (t + 1)),
        (lambda o: schedules.LinearLR(o, 0.25, 0.75, 4), lambda t: 0.4 * (0.25 + 0.5 * min(t, 4) / 4)),
        (lambda o: schedules.WarmupLR(o, 4), lambda t: 0.4 * min(1, (t + 1) / 5)),
    ],
)
def test_the_formula(make, formula):
    np.testing.assert_allclose(rates(make(sgd()), 12), [formula(t) for t in range(13)], rtol=1e-12)


SAME = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("StepLR", {"step_size": 2}),
    ("MultiStepLR", {"milestones": [2, 5, 5], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.8}),
    ("CosineAnnealingLR", {"T_max": 5, "eta_min": 0.01}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 7}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 13}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 13, "anneal_strategy": "linear", "three_phase": True}),
    ("OneCycleLR", {"max_lr": 2.0, "total_steps": 13, "pct_start": 0.5, "div_factor": 10.0, "final_div_factor": 50.0}),
]


@pytest.mark.parametrize(("name", "options"), SAME, ids=[f"{n}-{'-'.join(o)}" for n, o in SAME])
def test_twelve_steps_as_in_torch(name, options):
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4, momentum=0.9)
    ours = sgd(momentum=0.9)
    a, b = getattr(schedules, name)(ours, **options), getattr(torch.optim.lr_scheduler, name)(theirs, **options)
    for _ in range(12):
        for option in ("lr", "momentum"):
            assert ours.param_groups[0][option] == pytest.approx(theirs.param_groups[0][option], rel=1e-9)
        theirs.step()
        a.step()
        b.step()


PLATEAUS = [
    {},
    {"patience": 1, "factor": 0.5},
    {"mode": "max", "patience": 2, "threshold": 0.1},
    {"patience": 0, "threshold_mode": "abs", "threshold": 0.2, "min_lr": 0.05},
    {"patience": 1, "factor": 0.7, "cooldown": 3},
    {"patience": 0, "factor": 0.9, "cooldown": 1},
    {"mode": "max", "patience": 0, "threshold_mode": "abs", "threshold": 0.2},
    {"patience": 0, "eps": 0.1},
]


@pytest.mark.parametrize("options", PLATEAUS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_plateau_as_in_torch(options, sign):
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    ours = sgd()
    a = schedules.ReduceLROnPlateau(ours, **options)
    b = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for metric in sign * (np.random.default_rng(0).standard_normal(40).cumsum() + 3.0):
        a.step(metric)
        b.step(metric)
        assert ours.lr == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-12)
    a.step(float("nan"))


def test_plateau_counts_nan_as_bad():
    optimizer = sgd()
    schedule = schedules.ReduceLROnPlateau(optimizer, patience=0)
    schedule.step(1.0)
    schedule.step(math.nan)
    assert optimizer.lr == pytest.approx(0.04)
    with pytest.raises(TypeError, match=r"step\(val_loss\)"):
        schedule.step()


def test_sequential_as_in_torch():
    torch = pytest.importorskip("torch")
    t = torch.optim.lr_scheduler
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    ours = sgd()
    b = t.SequentialLR(
        theirs, [t.LinearLR(theirs, 0.1, total_iters=3), t.ExponentialLR(theirs, 0.5), t.StepLR(theirs, 2)], [3, 6]
    )
    parts = [
        schedules.LinearLR(ours, 0.1, total_iters=3),
        schedules.ExponentialLR(ours, 0.5),
        schedules.StepLR(ours, 2),
    ]
    a = schedules.SequentialLR(ours, parts, [3, 6])
    for _ in range(12):
        assert ours.lr == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-9)
        theirs.step()
        a.step()
        b.step()


def test_every_group_moves_from_its_own_rate():
    params = [Tensor([1.0], requires_grad=True) for _ in range(2)]
    optimizer = optim.SGD([{"params": [params[0]]}, {"params": [params[1]], "lr": 0.2}], lr=0.4)
    schedules.ExponentialLR(optimizer, 0.5).step()
    assert [g["lr"] for g in optimizer.param_groups] == [0.2, 0.1]
    schedule = schedules.LambdaLR(optimizer, [lambda t: 1.0, lambda t: 0.5])
    assert [g["lr"] for g in optimizer.param_groups] == [0.4, 0.1]
    optimizer.add_param_group({"params": [Tensor([1.0], requires_grad=True)]})
    with pytest.raises(ValueError, match="3 groups now and had 2"):
        schedule.step()


def test_a_rate_that_is_set_is_where_later_schedules_start():
    optimizer = sgd()
    schedules.ExponentialLR(optimizer, 0.5).step()
    assert optimizer.lr == 0.2
    optimizer.lr = 1.0
    schedules.ExponentialLR(optimizer, 0.5).step()
    assert optimizer.lr == 0.5


def makers():
    return {
        "StepLR": lambda o: schedules.StepLR(o, 2),
        "MultiStepLR": lambda o: schedules.MultiStepLR(o, [2, 4]),
        "ExponentialLR": lambda o: schedules.ExponentialLR(o, 0.9),
        "InverseTimeLR": lambda o: schedules.InverseTimeLR(o, 0.3),
        "CosineAnnealingLR": lambda o: schedules.CosineAnnealingLR(o, 9),
        "LambdaLR": lambda o: schedules.LambdaLR(o, lambda t: 1 / (t + 1)),
        "LinearLR": lambda o: schedules.LinearLR(o),
        "WarmupLR": lambda o: schedules.WarmupLR(o),
        "OneCycleLR": lambda o: schedules.OneCycleLR(o, 1.0, 20),
        "ReduceLROnPlateau": lambda o: schedules.ReduceLROnPlateau(o, patience=1),
        "SequentialLR": lambda o: schedules.SequentialLR(
            o, [schedules.WarmupLR(o, 2), schedules.CosineAnnealingLR(o, 9)], [3]
        ),
    }


@pytest.mark.parametrize("name", sorted(set(schedules.__all__) - {"Schedule"}))
def test_state_goes_through_json_and_on_with_the_same_bits(name):
    make = makers()[name]
    metrics = [3.0, 3.0, 2.0, 2.5, 2.5, 2.5, 1.0, 1.0, 1.0, 1.0]

    def steps(schedule, begin, end):
        found = []
        for metric in metrics[begin:end]:
            schedule.step(*[metric] * schedule.needs_metric)
            found.append(schedule.lr)
        return found

    first = sgd(momentum=0.9)
    schedule = make(first)
    steps(schedule, 0, 4)
    state = json.loads(json.dumps([first.state_dict()["param_groups"], schedule.state_dict()]))
    second = sgd(momentum=0.9)
    resumed = make(second)
    optimizer_state = second.state_dict()
    optimizer_state["param_groups"] = state[0]
    second.load_state_dict(optimizer_state)
    resumed.load_state_dict(state[1])
    assert second.lr == first.lr
    assert steps(resumed, 4, 10) == steps(schedule, 4, 10)
    assert name in repr(schedule)


def test_a_state_that_does_not_fit_changes_nothing():
    schedule = schedules.StepLR(sgd(), 2)
    schedule.step()
    before = schedule.state_dict()
    for bad, message in [
        ({}, "that of None"),
        ({**before, "kind": "ExponentialLR"}, "needs the state of StepLR, got that of 'ExponentialLR'"),
        ({**before, "base_lrs": [1.0, 2.0]}, "has 2 groups, the optimizer has 1"),
        ({"kind": "StepLR", "count": 3}, "lacks 'base_lrs'"),
        ([1], "that of 'list'"),
    ]:
        with pytest.raises(ValueError, match=message):
            schedule.load_state_dict(bad)
        assert schedule.state_dict() == before
    optimizer = sgd()
    parts = [schedules.WarmupLR(optimizer, 2), schedules.StepLR(optimizer, 2)]
    sequence = schedules.SequentialLR(optimizer, parts, [2])
    before = sequence.state_dict()
    broken = sequence.state_dict()
    broken["parts"][0]["count"] = 9
    broken["parts"][1]["kind"] = "WarmupLR"
    with pytest.raises(ValueError, match="needs the state of StepLR"):
        sequence.load_state_dict(broken)
    assert sequence.state_dict() == before
    with pytest.raises(ValueError, match="has 0 schedules, this one 2"):
        sequence.load_state_dict({**before, "parts": []})


S = schedules
REFUSED = [
    (lambda o: S.StepLR(o, 0), "StepLR: step_size must be at least 1, got 0"),
    (lambda o: S.StepLR(o, 2.5), "StepLR: step_size must be a whole number"),
    (lambda o: S.StepLR(o, 2, -0.1), "StepLR: gamma must be finite and at least 0"),
    (lambda o: S.StepLR([0.1], 2), "StepLR: takes an optimizer first, got list"),
    (lambda o: S.StepLR(o, 2, every="step"), "StepLR: every must be 'epoch' or 'batch', got 'step'"),
    (lambda o: S.MultiStepLR(o, [1, -1]), "MultiStepLR: a milestone must be at least 0"),
    (lambda o: S.ExponentialLR(o, np.nan), "ExponentialLR: gamma must be finite"),
    (lambda o: S.InverseTimeLR(o, -1), "InverseTimeLR: decay must be finite and at least 0"),
    (lambda o: S.InverseTimeLR(o, "1"), "InverseTimeLR: decay must be a number"),
    (lambda o: S.CosineAnnealingLR(o, 0), "CosineAnnealingLR: T_max"),
    (lambda o: S.LambdaLR(o, [abs, abs]), "LambdaLR: 2 functions for 1 groups"),
    (lambda o: S.LambdaLR(o, lambda t: -1.0), "LambdaLR: gives the rate -0.4 after 0 steps"),
    (lambda o: S.LambdaLR(o, lambda t: math.nan), "LambdaLR: gives the rate nan"),
    (lambda o: S.WarmupLR(o, 0), "WarmupLR: warmup"),
    (lambda o: S.OneCycleLR(o, 1.0, 10, anneal_strategy="exp"), "OneCycleLR: anneal_strategy must be"),
    (lambda o: S.OneCycleLR(o, 1.0, 10, pct_start=1.5), r"OneCycleLR: pct_start must be finite, 0 \.\.\. 1, got 1.5"),
    (lambda o: S.SequentialLR(o, [S.WarmupLR(o)], [3]), "SequentialLR: 1 schedules need 0 milestones, got 1"),
    (lambda o: S.SequentialLR(o, [S.WarmupLR(o)] * 3, [3, 3]), r"milestones \[3, 3\] must increase"),
    (lambda o: S.SequentialLR(o, [S.WarmupLR(sgd())], []), "WarmupLR belongs to another optimizer"),
    (lambda o: S.SequentialLR(o, [S.ReduceLROnPlateau(o)], []), "cannot follow a ReduceLROnPlateau"),
    (lambda o: S.ReduceLROnPlateau(o, "lowest"), "ReduceLROnPlateau: mode is 'min' or 'max'"),
    (lambda o: S.ReduceLROnPlateau(o, factor=1.0), "ReduceLROnPlateau: factor must be below 1"),
    (lambda o: S.ReduceLROnPlateau(o, patience=-1), "ReduceLROnPlateau: patience"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_bad_input_leaves_the_rate(make, message):
    optimizer = sgd()
    with pytest.raises((TypeError, ValueError), match=message):
        make(optimizer)
    # What was built inside a refused sequence is a schedule of its own and may have set its first rate.
    assert optimizer.lr == 0.4 or "equential" in message or "milestones" in message


def test_a_step_beyond_the_cycle_is_told():
    schedule = schedules.OneCycleLR(sgd(), 1.0, total_steps=2)
    schedule.step()
    last = schedule.lr
    schedule.step()  # after the last batch, as loops are written
    assert schedule.lr == last
    with pytest.raises(ValueError, match="beyond the cycle of 2 steps; give total_steps=epochs"):
        schedule.step()


def test_one_cycle_moves_the_first_beta():
    optimizer = optim.Adam([Tensor([1.0], requires_grad=True)])
    schedule = schedules.OneCycleLR(optimizer, 1.0, total_steps=10)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.999)
    for _ in range(2):
        schedule.step()
    assert optimizer.param_groups[0]["betas"] == pytest.approx((0.85, 0.999))


def test_no_schedule_for_an_optimizer_without_a_rate():
    with pytest.raises(TypeError, match="LBFGS has no learning rate to change"):
        schedules.StepLR(optim.LBFGS([Tensor([1.0], requires_grad=True)]), 1)
