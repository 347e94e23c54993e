"""Plot how a training went: its history, the flow of gradients, the confusion of classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.draw.labels import visible
from tinygrad_nn.plots._figure import ABOVE, COLORS, MARKERS, legend, new_axes, panels, values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMES = {"lr": "learning rate"}


def history(
    history: Mapping[str, Sequence[float]], keys: Iterable[str] | None = None, ax: Axes | Iterable[Axes] | None = None
) -> list[Axes]:
    """Plot numbers that were recorded once per epoch, one panel for each quantity.

    "loss" and "val_loss" share a panel, as all do that differ in ``"val_"`` only; single parameters ("0.weight[2, 3]")
    share one. `keys` picks some. Returns a list of axes; one pair of axes as `ax` takes all the lines. The lines of
    the validation data are dashed; the legend gives the last value of each.

    >>> loss, accuracy = history({"loss": [2.0, 1.0], "val_loss": [2.1, 1.5], "accuracy": [0.5, 0.75]})
    >>> [text.get_text() for text in loss.get_legend().get_texts()], accuracy.get_ylabel()
    (['loss (last 1)', 'val_loss (last 1.5)'], 'accuracy')
    """
    known = list(history.keys())
    chosen = known if keys is None else list(keys)
    if not chosen:
        raise ValueError("history: nothing was recorded, there is nothing to plot")
    if unknown := [key for key in chosen if key not in known]:
        raise ValueError(f"history: no {unknown[0]!r} was recorded; choose among {', '.join(map(repr, known))}")
    groups: dict[str, list[str]] = {}
    numbers = {key: values(history[key]) for key in chosen}
    for key, y in numbers.items():
        if y.ndim != 1 or y.dtype.kind not in "biuf":
            raise ValueError(f"history: {key!r} is no list of numbers, one per epoch: {y.dtype} {y.shape}")
        groups.setdefault(_quantity(key), []).append(key)
    axes = panels("history", ax, len(groups), 6.0, 2.3 * len(groups) + 0.5)
    if ax is None:
        for each in axes[1:]:
            each.sharex(axes[0])
    shared = len(groups) > 1 and all(each is axes[0] for each in axes)
    from matplotlib.ticker import MaxNLocator

    longest = 1
    for each, (quantity, group) in zip(axes, groups.items(), strict=True):
        lines, names = [], []
        alone = not each.lines and len({key.removeprefix("val_") for key in group}) == 1
        for key in group:
            y = numbers[key]
            longest = max(longest, len(y))
            last = f" (last {y[-1]:.4g})" if len(y) else " (none)"
            i, validation = len(each.lines), key.startswith("val_")
            # One colour for the training data in every panel, and another for the validation data.
            color = COLORS[validation] if alone else COLORS[i % len(COLORS)]
            lines += each.plot(
                np.arange(1, len(y) + 1),
                y.astype(float),
                color=color,
                linestyle=(0, (4, 1.5)) if validation else "-",
                marker=MARKERS[i % len(MARKERS)],
                markersize=4,
                markevery=max(1, len(y) // 25),
            )
            names.append(f"{key}{last}")
        each.set_ylabel("value" if shared else visible(quantity), parse_math=False)
        legend(each, lines, names, **(ABOVE if ax is None else {}))
        each.grid(color="0.9")
        each.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for each in axes:
        if longest == 1:
            each.set_xlim(0.5, 1.5)
    axes[-1].set_xlabel("epoch")
    return list(dict.fromkeys(axes))


def _quantity(key: str) -> str:
    if "[" in key:
        return "parameter"
    name = key.removeprefix("val_")
    return _NAMES.get(name, name)


def gradient_flow(gradients: Mapping[str, Any] | Iterable[tuple[str, Any]], ax: Axes | None = None) -> Axes:
    """Plot how large the gradient of each parameter is: the mean and the maximum of ``|g|``, on a logarithmic scale.

    `gradients` is a mapping or pairs of a name and a gradient: an array, None, or something with a `grad`, so that
    `model.named_parameters()` will do. The first stands at the top. What has no place on the scale is said in words:
    no gradient, all zero, or how many are NaN or infinite (the rest is drawn).

    >>> ax = gradient_flow({"0.weight": np.array([[1.0, -3.0]]), "0.bias": None})
    >>> [text.get_text() for text in ax.texts]
    ['no gradient']
    """
    pairs = list(gradients.items() if isinstance(gradients, Mapping) else gradients)
    if not pairs:
        raise ValueError("gradient_flow: no parameters given")
    rows = [_magnitudes(name, given) for name, given in pairs]
    place = ABOVE if ax is None else {}
    ax = ax or new_axes(1, 6.5, 0.3 * len(pairs) + 1.3)[0]
    drawn: list[tuple[int, float, float]] = []
    for row, (g, remark) in enumerate(rows):
        if len(g) and g.max() > 0:
            drawn.append((row, float(g.mean()), float(g.max())))
        if remark:
            # Inside where the row is empty, else to the right of the axes.
            marked = bool(drawn) and drawn[-1][0] == row
            left = 1.01 if marked else 0.01
            ax.text(left, row, remark, va="center", fontsize=8, transform=ax.get_yaxis_transform())
    if drawn:
        ax.set_xscale("log")
        at, means, tops = map(np.array, zip(*drawn, strict=True))
        ax.hlines(at, means, tops, color="0.75", zorder=1)
        marks = ax.plot(means, at, MARKERS[0], color=COLORS[0]) + ax.plot(tops, at, MARKERS[2], color=COLORS[1])
        legend(ax, marks, ["mean |g|", "max |g|"], **place)
    else:
        ax.set_xticks([])
    ax.set_yticks(range(len(pairs)), [visible(str(name)) for name, _ in pairs], parse_math=False)
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    ax.set_xlabel("absolute gradient |g|")
    ax.grid(axis="x", color="0.9")
    return ax


def _magnitudes(name: str, given: Any) -> tuple[np.ndarray, str]:
    """Return the finite absolute values and a remark for what is left out."""
    if given is not None and not isinstance(given, np.ndarray) and hasattr(given, "grad"):
        given = given.grad
    if given is None:
        return np.empty(0), "no gradient"
    g = values(given)
    if g.dtype.kind not in "iuf":
        raise TypeError(f"gradient_flow: the gradient of {name!r} has dtype {g.dtype}; expected real numbers")
    g = np.abs(g.astype(np.float64)).ravel()
    finite = g[np.isfinite(g)]
    if len(finite) < len(g):
        return finite, f"{len(g) - len(finite)} of {len(g)} NaN or infinite"
    if not len(g):
        return g, "empty"
    return g, "" if g.max() > 0 else "all zero"


def confusion_matrix(matrix: Any, labels: Any = None, ax: Axes | None = None) -> Axes:
    """Show how often each true class (rows) was taken for each class (columns).

    `matrix` is (C, C) counts or shares, `labels` names the classes. Each cell has its number; its shade is its share
    of the row, so that classes of different size compare. The diagonal, where both agree, is framed.

    >>> ax = confusion_matrix([[8, 2], [0, 10]])
    >>> ax.get_title(), [text.get_text() for text in ax.texts]
    ('90% right (18 of 20)', ['8', '2', '0', '10'])
    """
    counts = values(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(f"confusion_matrix: expected a square matrix, got shape {counts.shape}")
    if counts.dtype.kind not in "iuf" or not np.isfinite(counts).all() or counts.min() < 0:
        raise ValueError("confusion_matrix: expected counts or shares, finite numbers that are not negative")
    n = len(counts)
    names = [str(i) for i in range(n)] if labels is None else [visible(str(name)) for name in labels]
    if len(names) != n:
        raise ValueError(f"confusion_matrix: {len(names)} labels for {n} classes")
    if ax is None:
        (ax,) = new_axes(1, 0.42 * max(n, 5) + 2.4, 0.42 * max(n, 5) + 1.3)
    rows = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, rows, out=np.zeros(counts.shape), where=rows > 0)
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    ax.figure.colorbar(image, ax=ax, label="share of the true class", shrink=0.8)
    whole = counts.dtype.kind != "f"
    size = 9 if n <= 12 else max(3, 100 / n)
    from matplotlib.patches import Rectangle

    for (row, column), number in np.ndenumerate(counts):
        color = "white" if share[row, column] > 0.55 else "black"
        text = f"{number}" if whole else f"{number:.2g}"
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=color)
        if row == column:
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=1.2))
    ax.set_xticks(range(n), names, rotation=90 if max(map(len, names)) > 3 else 0, parse_math=False)
    ax.set_yticks(range(n), names, parse_math=False)
    ax.set(xlabel="predicted class", ylabel="true class")
    total, right = counts.sum(), np.trace(counts)
    if total > 0:
        ax.set_title(f"{100 * right / total:.3g}% right" + (f" ({right} of {total})" if whole else ""))
    return ax
