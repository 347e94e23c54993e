"""Plot functions: activations with their derivatives, and the classes that a model sees in the plane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.plots._figure import ABOVE, COLORS, MARKERS, legend, new_axes, panels, values
from tinygrad_nn.plots._named import named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

Function = Callable[[np.ndarray], Any]


def activations(
    functions: str | Iterable[str] | Mapping[str, Function | tuple[Function, Function]],
    x: Any = None,
    derivatives: bool = True,
    ax: Axes | Iterable[Axes] | None = None,
) -> list[Axes]:
    """Plot functions of one variable and their derivatives, one panel for each function.

    `functions` is a name or several ("relu", "tanh", "GELU": any elementwise function of one array in `nn.functional`,
    `nn` or NumPy, whose derivative is found by a backward pass), or it maps a name to (f, derivative), or to f alone
    where `derivatives` is False; both take an array and
    return one of the same shape, or a Tensor. `x` is by default 401 points from −5 to 5. Returns a list of axes; one
    pair of axes as `ax` takes all the curves. f is a solid line, its derivative a dashed one.

    >>> (ax,) = activations({"tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2)})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['tanh(x)', 'derivative']
    """
    if not functions:
        raise ValueError("activations: no functions given; give a dict from name to (f, derivative)")
    if isinstance(functions, str):
        functions = [functions]
    if not isinstance(functions, Mapping):
        functions = {name: named(_text(name)) for name in functions}
    points = np.linspace(-5.0, 5.0, 401) if x is None else values(x)
    if points.ndim != 1 or points.dtype.kind not in "iuf":
        raise ValueError(f"activations: expected x as a vector of real numbers, got {points.dtype} {points.shape}")
    curves = {name: _curves(name, given, points, derivatives) for name, given in functions.items()}
    n, columns = len(curves), min(len(curves), 4)
    axes = panels("activations", ax, n, 2.9 * columns + 0.2, 2.4 * -(-n // columns) + 0.2, columns)
    shared = n > 1 and all(each is axes[0] for each in axes)
    for i, (name, (y, slope)) in enumerate(curves.items()):
        color = COLORS[i % len(COLORS)] if shared else COLORS[0]
        lines, names = axes[i].plot(points, y, color=color, linewidth=2), [f"{name}(x)"]
        if slope is not None:
            color = color if shared else COLORS[1]
            lines += axes[i].plot(points, slope, color=color, linewidth=1.6, linestyle=(0, (4, 1.5)))
            names.append(f"derivative of {name}" if shared else "derivative")
        legend(axes[i], lines, names, **(ABOVE if ax is None else {}))
    for each in dict.fromkeys(axes):
        # The cross of the axes, so that zero and the sign can be seen.
        each.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        each.axvline(0, color="0.8", linewidth=0.8, zorder=0)
        each.set_xlabel("x")
    return list(dict.fromkeys(axes))


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(
            f"activations: expected names or a dict, got {type(name).__name__}; give {{name: (f, derivative)}}"
        )
    return name


def _curves(
    name: str, given: Function | tuple[Function, Function], x: np.ndarray, derivatives: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    pair = given if isinstance(given, tuple) else (given,)
    if derivatives and len(pair) != 2:
        raise ValueError(f"activations: {name!r} has no derivative; give (f, derivative), or derivatives=False")
    found = [values(f(x)) for f in pair[: 1 + derivatives]]
    for y in found:
        if y.shape != x.shape:
            raise ValueError(
                f"activations: {name!r} turned x of shape {x.shape} into {y.shape}; expected the same shape"
            )
    return found[0], found[1] if derivatives else None


def decision_boundary(
    predict: Callable[[np.ndarray], Any],
    X: Any,
    y: Any,
    threshold: float | None = None,
    resolution: int = 200,
    labels: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot where a model of two features changes its mind, with the examples (X, y) on top.

    `predict` maps an array (n, 2) to classes (n,) of integers, booleans or text; to scores (n, C), of which the
    highest wins; or to one score (n,) or (n, 1), whose boundary lies at `threshold` (None: 0.5 where all scores are
    within 0 and 1, as probabilities are, else 0, as for logits; the scale beside the plot says which). It may return
    a Tensor, so a model will do. X is (N, 2), y (N,) classes or (N, C) one-hot; `labels` names the classes.

    Each class has a marker and a colour, in the legend. The plane is asked at `resolution` x `resolution` points.

    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> ax = decision_boundary(lambda p: p.sum(axis=1) - 3, X, [0, 0, 1])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['class 0', 'class 1', 'boundary: score = 0']
    """
    points, truth = values(X), values(y)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or points.dtype.kind not in "iuf":
        raise ValueError(f"decision_boundary: expected X of shape (N, 2), got {points.dtype} {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("decision_boundary: X holds NaN or infinity; the plane cannot be drawn")
    if truth.ndim == 2:
        truth = truth.argmax(axis=1) if truth.shape[1] > 1 else truth[:, 0]
    if truth.shape != (len(points),):
        raise ValueError(f"decision_boundary: X has {len(points)} rows, y has shape {values(y).shape}")
    if resolution < 2:
        raise ValueError(f"decision_boundary: resolution must be at least 2, got {resolution}")
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.12 * np.where(high > low, high - low, 1.0)
    sides = [np.linspace(low[i] - margin[i], high[i] + margin[i], resolution) for i in range(2)]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    # A float32 model would be asked in float64 otherwise, and be drawn with other roundings than it has.
    answer = values(predict(grid.astype(points.dtype if points.dtype.kind == "f" else np.float64)))
    if len(answer.shape) not in (1, 2) or len(answer) != len(grid):
        raise ValueError(
            f"decision_boundary: predict turned {grid.shape} points into {answer.shape}; "
            f"expected ({len(grid)},) classes or scores, or ({len(grid)}, C) scores"
        )
    if answer.dtype.kind == "f" and not np.isfinite(answer).all():
        bad = (~np.isfinite(answer)).sum()
        raise ValueError(f"decision_boundary: predict returned NaN or infinity for {bad} of {answer.size} scores")
    if answer.ndim == 2:
        answer = answer.argmax(axis=1) if answer.shape[1] > 1 else answer[:, 0]
    classes = np.unique(truth)
    scored = answer.dtype.kind == "f"
    if not scored:
        if (classes.dtype.kind in "US") != (answer.dtype.kind in "US") or answer.dtype.kind not in "biuUS":
            raise ValueError(f"decision_boundary: predict gave {answer.dtype} classes, y holds {truth.dtype}")
        if threshold is not None:
            raise ValueError(
                f"decision_boundary: threshold={threshold} is for one score per point, predict gave classes"
            )
        classes = np.union1d(classes, answer)
    if labels is not None and len(labels) != len(classes):
        raise ValueError(f"decision_boundary: {len(labels)} labels for the {len(classes)} classes {classes.tolist()}")
    names = [f"class {value}" for value in classes] if labels is None else [str(name) for name in labels]
    place = ABOVE if ax is None else {}
    ax = ax or new_axes(1, 5.6, 4.2)[0]
    if scored:
        boundary = _score_plane(ax, sides, answer.reshape(resolution, resolution), threshold)
    else:
        index = np.searchsorted(classes, answer).reshape(resolution, resolution)
        boundary = _class_plane(ax, sides, index, len(classes))
    marks = []
    for i, value in enumerate(classes):
        x0, x1 = points[truth == value].T
        color, marker = COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)]
        marks.append(ax.scatter(x0, x1, s=26, color=color, marker=marker, edgecolors="white", linewidths=0.6, zorder=3))
    legend(ax, [*marks, boundary[0]], [*names, boundary[1]], **place)
    ax.set(xlabel="feature 0", ylabel="feature 1", xlim=sides[0][[0, -1]], ylim=sides[1][[0, -1]])
    return ax


def _plane(ax: Axes, sides: list[np.ndarray], colors: np.ndarray, **style: Any) -> AxesImage:
    """Show one pixel around each point of the grid."""
    extent = (
        [side[0] - (side[1] - side[0]) / 2 for side in sides],
        [side[-1] + (side[1] - side[0]) / 2 for side in sides],
    )
    (left, low), (right, high) = extent
    return ax.imshow(colors, extent=(left, right, low, high), origin="lower", aspect="auto", **style)


def _score_plane(ax: Axes, sides: list[np.ndarray], score: np.ndarray, threshold: float | None) -> tuple[Line2D, str]:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.lines import Line2D

    if threshold is None:
        threshold = 0.5 if score.min() >= 0 and score.max() <= 1 else 0.0
    # The same distance on either side of the boundary, so that the middle of the scale is the boundary.
    reach = float(np.abs(score - threshold).max()) or 1.0
    cmap = LinearSegmentedColormap.from_list("two classes", [COLORS[0], "white", COLORS[1]])
    scale = {"cmap": cmap, "vmin": threshold - reach, "vmax": threshold + reach}
    ax.figure.colorbar(_plane(ax, sides, score, alpha=0.5, interpolation="bilinear", **scale), ax=ax, label="score")
    if score.min() < threshold < score.max():
        ax.contour(*sides, score, levels=[threshold], colors="black", linewidths=1.6)
    return Line2D([], [], color="black", linewidth=1.6), f"boundary: score = {threshold:g}"


def _class_plane(ax: Axes, sides: list[np.ndarray], index: np.ndarray, count: int) -> tuple[Line2D, str]:
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D

    # Pixels, not contours: a contour between classes 0 and 2 would pass through 1.
    cmap = ListedColormap([COLORS[i % len(COLORS)] for i in range(count)])
    _plane(ax, sides, index, alpha=0.25, interpolation="nearest", cmap=cmap, vmin=-0.5, vmax=count - 0.5)
    for i in range(count):
        if 0 < (index == i).mean() < 1:
            ax.contour(*sides, (index == i).astype(float), levels=[0.5], colors="black", linewidths=1.2)
    return Line2D([], [], color="black", linewidth=1.2), "boundary"
