"""Verification: gradients against differences that know their own error."""

from .gradcheck import gradcheck
from .report import GradcheckReport, GradientError

__all__ = ["GradcheckReport", "GradientError", "gradcheck"]
