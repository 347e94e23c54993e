"""Optimizers, clipping of gradients, and schedules of the learning rate."""

from . import schedules
from .adam import Adam, AdamW, NAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .clip import clip_grad_norm, clip_grad_value
from .lbfgs import LBFGS
from .lion import Lion
from .optimizer import Optimizer
from .sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm",
    "clip_grad_value",
    "schedules",
]
