"""Plot what people would rather look at than read; each function returns the matplotlib axes and takes `ax=`.

matplotlib is imported on use. Without `ax=` a figure of its own is made, without pyplot and its global state, so that
it works without a display: `save(axes, "x.svg")` writes it, in a notebook `axes.figure` shows it. For a window, hand
in axes of `matplotlib.pyplot`.
"""

from tinygrad_nn.plots._figure import save, svg
from tinygrad_nn.plots._functions import activations, decision_boundary
from tinygrad_nn.plots._images import digits, weights
from tinygrad_nn.plots._training import confusion_matrix, gradient_flow, history

__all__ = [
    "activations",
    "confusion_matrix",
    "decision_boundary",
    "digits",
    "gradient_flow",
    "history",
    "save",
    "svg",
    "weights",
]
