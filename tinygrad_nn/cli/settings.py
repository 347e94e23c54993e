"""The choices of a training: their options, and the optimizer, schedule and callbacks that they stand for."""

from __future__ import annotations

import argparse
import ast
import math
import os
import re
from shlex import quote
from typing import Any

import numpy as np

from .. import optim
from ..optim import schedules
from ..train import EarlyStopping
from ..train.metrics import BY_NAME
from .network import ACTIVATIONS, INITIALISERS
from .options import CommandError, real, whole
from .problems import PROBLEMS

OPTIMIZERS = {
    name.lower(): getattr(optim, name)
    for name in ("SGD", "Adam", "AdamW", "NAdam", "RMSprop", "Adagrad", "Adadelta", "Lion", "LBFGS")
}
#: Schedules by name, with what they are made with unless --schedule-option says otherwise.
SCHEDULES: dict[str, tuple[Any, dict[str, Any]]] = {
    "constant": (None, {}),
    "cosine": (schedules.CosineAnnealingLR, {}),
    "step": (schedules.StepLR, {"step_size": 10}),
    "exponential": (schedules.ExponentialLR, {"gamma": 0.95}),
    "inverse_time": (schedules.InverseTimeLR, {"decay": 0.1}),
    "warmup": (schedules.WarmupLR, {"warmup": 5}),
    "one_cycle": (schedules.OneCycleLR, {}),
    "plateau": (schedules.ReduceLROnPlateau, {}),
}


def pair(text: str) -> tuple[str, Any]:
    """Read ``name=value``, the value a Python literal.

    >>> pair("betas=(0.9, 0.99)")
    ('betas', (0.9, 0.99))
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r:.60} is no NAME=VALUE")
    try:
        return name.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise argparse.ArgumentTypeError(f"{value!r:.60} is no number, text or tuple") from None


def element(text: str) -> tuple[str, tuple[int, ...]]:
    """Read the name of a weight, ``0.weight[2,3]``.

    >>> element("0.weight[2, 3]")
    ('0.weight', (2, 3))
    """
    found = re.fullmatch(r"([\w.]+)\[(\s*-?\d+\s*(?:,\s*-?\d+\s*)*)\]", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r:.60} is no element of a parameter; write 0.weight[2,3]")
    return found[1], tuple([int(n) for n in found[2].split(",")])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a training; what is not given is left out of the namespace."""

    def option(name: str, field: str, help: str, **more: Any) -> None:
        defaults = {_shown(getattr(problem, field)) for problem in PROBLEMS.values()}
        for_each = ", ".join([f"{_shown(getattr(problem, field))} for {n}" for n, problem in PROBLEMS.items()])
        default = for_each if len(defaults) > 1 else defaults.pop()
        parser.add_argument(name, default=argparse.SUPPRESS, help=f"{help} (default: {default})", **more)

    option("--hidden", "hidden", "units in each hidden layer; none for a linear model", nargs="*", type=whole(1, 10**6))
    option("--epochs", "epochs", "passes over the data", type=whole(1))
    option("--batch-size", "batch_size", "samples in a step", type=whole(1))
    option("--lr", "lr", "learning rate at the beginning", type=real(0))
    option("--momentum", "momentum", "momentum of sgd", type=real(0, 1))
    option("--noise", "noise", "standard deviation of noise added to the inputs in training", type=real(0))
    option("--label-smoothing", "label_smoothing", "share of each label spread over all classes", type=real(0, 1))
    add = parser.add_argument
    add("--activation", choices=ACTIVATIONS, default="relu", help="what follows each hidden layer")
    add("--init", choices=INITIALISERS, default="default", help="how the weights are drawn")
    add("--dropout", type=real(0, 1), default=0.0, help="share of each hidden layer left out in training")
    add("--batch-norm", action="store_true", help="normalize each hidden layer by the batch")
    add("--dtype", choices=("float32", "float64"), default="float32", help="dtype of the parameters")
    add("--optimizer", choices=OPTIMIZERS, default="sgd", help="how the parameters are moved")
    add("--optimizer-option", type=pair, action="append", default=[], metavar="NAME=VALUE", help="more of its options")
    add("--weight-decay", type=real(0), default=0.0, help="decay of the weights, as the optimizer has it")
    add("--schedule", choices=SCHEDULES, default="cosine", help="how the learning rate changes")
    add("--schedule-option", type=pair, action="append", default=[], metavar="NAME=VALUE", help="options of it")
    add("--clip-norm", type=real(0), default=None, help="largest norm of all gradients together")
    add("--clip-value", type=real(0), default=None, help="largest size of each gradient's elements")
    add("--accumulate", type=whole(1), default=1, help="batches whose gradients make one step")
    add("--validation", type=real(0, 1), default=0.0, help="share of the training data to validate on; 0: the held-out")
    add("--patience", type=whole(1), default=None, help="stop after so many epochs without a better validation loss")
    add("--metric", choices=BY_NAME, action="append", default=[], help="more numbers for the history")
    add("--record", type=element, action="append", default=[], metavar="NAME[I,J]", help="a weight for the history")
    add("--compile", action="store_true", help="train with compiled code")
    add("--seed", type=whole(0), default=0, help="seed of the weights, the order of the data, the noise")


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def optimizer_of(options: argparse.Namespace, parameters: Any) -> optim.Optimizer:
    """Give the optimizer that the options ask for."""
    kind = OPTIMIZERS[options.optimizer]
    given: dict[str, Any] = {} if options.optimizer == "lbfgs" else {"lr": options.lr}
    if options.optimizer == "sgd":
        given["momentum"] = options.momentum
    if options.weight_decay:
        given["weight_decay"] = options.weight_decay
    given |= dict(options.optimizer_option)
    try:
        return kind(parameters, **given)
    except TypeError as problem:
        raise CommandError(f"--optimizer {options.optimizer}: {_plainly(problem)}") from None


def schedule_of(options: argparse.Namespace, optimizer: optim.Optimizer, steps: int) -> Any:
    """Give the schedule that the options ask for, or None; ``steps`` is how many steps an epoch has."""
    kind, given = SCHEDULES[options.schedule]
    if options.optimizer == "lbfgs":
        if options.schedule not in ("cosine", "constant") or options.schedule_option:
            raise CommandError("--schedule: lbfgs has no learning rate")
        return None
    if kind is None:
        if options.schedule_option:
            raise CommandError("--schedule-option: the constant schedule has none")
        return None
    given = dict(given)
    if options.schedule == "cosine":
        given["T_max"] = options.epochs
    if options.schedule == "one_cycle":
        given |= {"max_lr": options.lr, "total_steps": options.epochs * steps}
    try:
        return kind(optimizer, **(given | dict(options.schedule_option)))
    except TypeError as problem:
        raise CommandError(f"--schedule {options.schedule}: {_plainly(problem)}") from None


def _plainly(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    return re.sub(r"^\w+\.__init__\(\) got an unexpected keyword argument", "there is no option", text)


def callbacks_of(options: argparse.Namespace) -> list[Any]:
    """Give early stopping, if it is asked for."""
    return [EarlyStopping(patience=options.patience)] if options.patience else []


def training_text(options: argparse.Namespace) -> str:
    """Say how a model is trained."""
    name = OPTIMIZERS[options.optimizer].__name__
    parts = [f"{options.epochs} epochs, batches of {options.batch_size}"]
    if options.optimizer == "lbfgs":
        parts.append(name)
    else:
        shape = {"cosine": " falling to 0 along a cosine", "constant": ""}
        how = shape.get(options.schedule, f" with the schedule {options.schedule}")
        parts.append(f"{name} with lr {options.lr:g}{how}")
    if options.optimizer == "sgd":
        parts.append(f"momentum {options.momentum:g}")
    more = {
        "weight decay": options.weight_decay,
        "gradients clipped to norm": options.clip_norm,
        "gradients clipped to": options.clip_value,
        "batches to a step": options.accumulate if options.accumulate > 1 else None,
        "stopping after epochs without improvement": options.patience,
        "validation share": options.validation,
    }
    parts += [f"{k} {v:g}" for k, v in more.items() if v]
    parts += [f"{k} {v}" for k, v in [*options.optimizer_option, *options.schedule_option]]
    parts += ["compiled"] if options.compile else []
    return ", ".join([*parts, f"seed {options.seed}"])


def command_text(options: argparse.Namespace) -> str:
    """Give the command that makes this run: the settings that differ by data, and what is not the default."""
    words = [f"tinygrad-nn train {options.data}" if options.data != "csv" else "tinygrad-nn train"]
    if options.data == "csv":
        words.append(f"--csv {quote(options.csv)} --target {quote(options.target)}")
        words += [f"--task {options.task}"] if options.task != "auto" else []
    if options.data == "mnist":
        words.append(f"--data {quote(options.folder)}")
    words.append(" ".join(["--hidden", *map(str, options.hidden)]))
    words.append(
        f"--activation {options.activation} --epochs {options.epochs} --batch-size {options.batch_size} "
        f"--lr {options.lr:g} --momentum {options.momentum:g} --noise {options.noise:g} "
        f"--label-smoothing {options.label_smoothing:g}"
    )
    plain = argparse.ArgumentParser()
    add_options(plain)
    for action in plain._actions:
        value = getattr(options, action.dest, None)
        known = action.dest in ("hidden", "activation", "seed", "help") or action.default is argparse.SUPPRESS
        if known or value == action.default:
            continue
        flag = action.option_strings[0]
        if value is True:
            words.append(flag)
        elif isinstance(value, list):
            words += [f"{flag} {quote(_listed(action.dest, v))}" for v in value]
        else:
            words.append(f"{flag} {value}")
    return " ".join([*words, f"--seed {options.seed}"])


def _listed(name: str, value: Any) -> str:
    if name == "metric":
        return str(value)
    key, inner = value
    return f"{key}{list(inner)}" if name == "record" else f"{key}={inner!r}"


def plain(options: argparse.Namespace) -> dict[str, Any]:
    """Give the settings as JSON takes them."""
    found = {k: v for k, v in vars(options).items() if k not in ("run", "command", "quiet", "resume", "out")}
    # A run may be gone on with from another folder.
    return found | {k: os.path.abspath(found[k]) for k in ("csv", "folder") if found.get(k) is not None}


def given(options: argparse.Namespace) -> list[str]:
    """Give the options of a training that were asked for on the command line."""
    known = argparse.ArgumentParser()
    add_options(known)
    found = []
    for action in known._actions:
        if action.default is argparse.SUPPRESS:
            asked = hasattr(options, action.dest)
        else:
            asked = getattr(options, action.dest, action.default) != action.default
        if asked:
            found.append(action.option_strings[0])
    return found


def check(options: argparse.Namespace) -> None:
    """Raise ValueError where settings that were read from a file are none that the command line takes."""
    known = argparse.ArgumentParser()
    add_options(known)
    for action in known._actions:
        if action.dest == "help":
            continue
        value = getattr(options, action.dest)
        if action.choices is not None:
            fits = all(v in action.choices for v in (value if isinstance(value, list) else [value]))
            if not fits:
                raise ValueError(f"{action.dest} is {value!r:.60}")
        elif callable(action.type) and isinstance(value, int | float | str):
            try:
                action.type(str(value))
            except argparse.ArgumentTypeError as problem:
                raise ValueError(f"{action.dest}: {problem}") from None


def restored(settings: dict[str, Any]) -> argparse.Namespace:
    """Give settings back that were written as JSON, which has lists for tuples."""
    options = argparse.Namespace(**settings)
    options.hidden = list(options.hidden)
    options.record = [(name, tuple(index)) for name, index in options.record]
    for name in ("optimizer_option", "schedule_option"):
        pairs = [(k, tuple(v) if isinstance(v, list) else v) for k, v in getattr(options, name)]
        setattr(options, name, pairs)
    return options


def steps_of(options: argparse.Namespace, samples: int) -> int:
    """Give how many steps an epoch has."""
    return math.ceil(math.ceil(samples / options.batch_size) / options.accumulate)


def as_dtype(x: Any, dtype: str) -> np.ndarray:
    """Give inputs in the dtype of the parameters."""
    return np.asarray(x).astype(dtype, copy=False)
