"""Schedules of the learning rate: each wraps an optimizer, and moves on at ``step()``."""

from .decay import CosineAnnealingLR, ExponentialLR, InverseTimeLR, LambdaLR, MultiStepLR, StepLR
from .plateau import ReduceLROnPlateau
from .schedule import Schedule
from .warmup import LinearLR, OneCycleLR, SequentialLR, WarmupLR

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "InverseTimeLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "Schedule",
    "SequentialLR",
    "StepLR",
    "WarmupLR",
]
