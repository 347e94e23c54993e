"""Verification: gradients against differences that know their own error, and the operation at fault by name."""

from .anomaly import AnomalyError, detect_anomaly
from .broadcasts import Broadcast, BroadcastError, BroadcastWarning, lint, lint_broadcasts
from .gradcheck import gradcheck
from .graph import GraphReport, check_graph
from .report import GradcheckReport, GradientError
from .why import Explanation, why

__all__ = [
    "AnomalyError",
    "Broadcast",
    "BroadcastError",
    "BroadcastWarning",
    "Explanation",
    "GradcheckReport",
    "GradientError",
    "GraphReport",
    "check_graph",
    "detect_anomaly",
    "gradcheck",
    "lint",
    "lint_broadcasts",
    "why",
]
