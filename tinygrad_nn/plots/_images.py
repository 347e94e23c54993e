"""Show digits and weights as images, many in one pair of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_nn.draw.labels import visible
from tinygrad_nn.plots._figure import COLORS, new_axes, values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP = 0.12  # between tiles, as a share of their width
_CAPTION = 0.30  # room above a tile for a line of text, as a share of its height
_INCHES = 0.95  # the width of a tile in a figure of our own


def digits(
    images: Any,
    labels: Any = None,
    predictions: Any = None,
    probabilities: Any = None,
    columns: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Show images of digits, and what they are and were taken for.

    `images` is (N, H, W), (N, 1, H, W) or (N, H*W) with H = W. `labels` and `predictions` have N entries,
    `probabilities` N, or (N, C) of which the predicted class's counts (the most probable, without `predictions`).
    A caption reads "7" (label or prediction alone), "✓ 7" or "✗ 1, is 7"; wrong ones have a dashed frame as well.

    >>> ax = digits(np.zeros((3, 8, 8)), labels=[0, 1, 2], predictions=[0, 1, 7])
    >>> [text.get_text() for text in ax.texts]
    ['✓ 0', '✓ 1', '✗ 7, is 2']
    """
    _check_columns("digits", columns)
    stack = _image_stack(values(images))
    n = len(stack)
    truth, guess = _column("labels", labels, n), _column("predictions", predictions, n)
    share = None
    if probabilities is not None:
        table = values(probabilities)
        if table.ndim == 2 and table.shape[1] > 1:
            guess = table.argmax(axis=1) if guess is None else guess
            table = table[np.arange(len(table)), guess] if len(table) == n else table
        share = _column("probabilities", table, n)
    captions = [_caption(*(None if c is None else c[i] for c in (truth, guess, share))) for i in range(n)]
    ax = _tiles(stack, captions, columns, ax, 0, cmap="gray_r", vmin=min(0.0, stack.min()), vmax=stack.max() or 1.0)
    if truth is not None and guess is not None:
        wrong = np.flatnonzero(truth != guess)
        _frame(ax, stack.shape, wrong, columns)
        ax.set_title(f"{n - len(wrong)} of {n} right")
    return ax


def weights(
    weight: Any, shape: tuple[int, int] | None = None, columns: int | None = None, ax: Axes | None = None
) -> Axes:
    """Show weights as images on one scale, symmetric about zero: the darker the more negative.

    `weight` is an array, a Tensor or a layer that has a `weight`. (out, in): the matrix itself, with its numbers if
    they are few, or with `shape=(H, W)`, where the inputs are H*W pixels, one image per output unit.
    (out, in, H, W): one image per pair, a row of images per output channel. (n,) counts as (1, n).

    >>> ax = weights(np.eye(3))
    >>> ax.get_xlabel(), ax.get_ylabel(), ax.texts[0].get_text()
    ('input', 'output unit', '1')
    """
    _check_columns("weights", columns)
    array = values(getattr(weight, "weight", weight))
    if array.ndim == 1:
        array = array[None]
    if array.ndim not in (2, 4) or not array.size:
        raise ValueError(f"weights: expected (out, in) or (out, in, height, width), got shape {array.shape}")
    array = _real("weights", array)
    limit = float(np.abs(array).max()) or 1.0
    scale = {"cmap": "gray", "vmin": -limit, "vmax": limit}
    if array.ndim == 4:
        if shape is not None:
            raise ValueError(f"weights: shape={shape} is for (out, in) weights, got shape {array.shape}")
        out, inputs = array.shape[:2]
        names = [f"{o} ← {i}" for o in range(out) for i in range(inputs)]
        ax = _tiles(array.reshape(-1, *array.shape[2:]), names, columns or inputs, ax, 1.2, **scale)
    elif shape is not None:
        height, width = shape
        if height * width != array.shape[1]:
            raise ValueError(f"weights: shape={shape} has {height * width} pixels, the weights {array.shape[1]} inputs")
        names = [f"unit {i}" for i in range(len(array))]
        ax = _tiles(array.reshape(-1, height, width), names, columns, ax, 1.2, **scale)
    else:
        ax = _matrix(array, ax, **scale)
    ax.figure.colorbar(ax.images[-1], ax=ax, label="weight", shrink=0.7)
    return ax


def _image_stack(images: np.ndarray) -> np.ndarray:
    given = images.shape
    if images.ndim == 4 and given[1] == 1:
        images = images[:, 0]
    elif images.ndim == 2 and math.isqrt(given[1]) ** 2 == given[1]:
        images = images.reshape(given[0], math.isqrt(given[1]), -1)
    if images.ndim != 3 or not images.size:
        hint = "; for a single image give images[None]" if images.ndim == 2 else ""
        raise ValueError(
            f"digits: expected images of shape (N, H, W), (N, 1, H, W) or (N, H*W) with H = W, got {given}{hint}"
        )
    return _real("digits", images)


def _real(operation: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{operation}: expected real numbers, got dtype {array.dtype}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{operation}: {(~np.isfinite(array)).sum()} of {array.size} numbers are NaN or infinite")
    return array


def _check_columns(operation: str, columns: int | None) -> None:
    if columns is not None and columns < 1:
        raise ValueError(f"{operation}: columns must be at least 1, got {columns}")


def _column(name: str, given: Any, n: int) -> np.ndarray | None:
    if given is None:
        return None
    column = values(given)
    if column.shape not in ((n,), (n, 1)):
        raise ValueError(f"digits: {n} images need {name} of shape ({n},), got {column.shape}")
    return column.reshape(n)


def _caption(truth: Any, guess: Any, share: Any) -> str:
    percent = "" if share is None else f" ({share:.0%})"
    if truth is None or guess is None:
        shown = guess if truth is None else truth
        return f"{'' if shown is None else shown}{percent}".strip()
    return f"✓ {guess}{percent}" if truth == guess else f"✗ {guess}{percent}, is {truth}"


def _grid(shape: tuple[int, ...], columns: int | None) -> tuple[int, int]:
    """Return (rows, columns) for that many tiles: a little wider than high."""
    columns = min(columns or max(math.ceil(math.sqrt(1.6 * shape[0])), 1), shape[0])
    return -(-shape[0] // columns), columns


def _corner(i: int, shape: tuple[int, ...], columns: int) -> tuple[float, float]:
    """Return the left and upper edge of a tile; a pixel is one unit, y points down."""
    _, height, width = shape
    return (i % columns) * width * (1 + _GAP), (i // columns) * height * (1 + _GAP + _CAPTION)


def _tiles(
    stack: np.ndarray, captions: Sequence[str], columns: int | None, ax: Axes | None, aside: float, **scale: Any
) -> Axes:
    _, height, width = stack.shape
    rows, columns = _grid(stack.shape, columns)
    if ax is None:
        high = rows * _INCHES * height / width * (1 + _GAP + _CAPTION) + 0.5
        (ax,) = new_axes(1, max(columns * _INCHES * (1 + _GAP) + 0.3, 2.4) + aside, high)
    for i, (image, caption) in enumerate(zip(stack, captions, strict=True)):
        x, y = _corner(i, stack.shape, columns)
        ax.imshow(image, extent=(x, x + width, y + height, y), interpolation="nearest", **scale)
        ax.text(
            x + width / 2, y - 0.04 * height, visible(caption), ha="center", va="bottom", fontsize=8, parse_math=False
        )
        _rectangle(ax, x, y, width, height, edgecolor="0.6", linewidth=0.8)
    ax.set_xlim(-_GAP * width, columns * width * (1 + _GAP))
    ax.set_ylim(rows * height * (1 + _GAP + _CAPTION) - _CAPTION * height, -_CAPTION * height)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax


def _rectangle(ax: Axes, x: float, y: float, width: float, height: float, **style: Any) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x, y), width, height, fill=False, clip_on=False, **style))


def _frame(ax: Axes, shape: tuple[int, ...], wrong: np.ndarray, columns: int | None) -> None:
    _, height, width = shape
    _, columns = _grid(shape, columns)
    for i in wrong:
        x, y = _corner(int(i), shape, columns)
        _rectangle(ax, x, y, width, height, edgecolor=COLORS[1], linewidth=2.2, linestyle=(0, (3, 1)))


def _matrix(array: np.ndarray, ax: Axes | None, **scale: Any) -> Axes:
    rows, columns = array.shape
    if ax is None:
        (ax,) = new_axes(1, min(max(columns * 0.45, 2.0), 12) + 1.8, min(max(rows * 0.4, 1.4), 9) + 0.9)
    ax.imshow(array, interpolation="nearest", aspect="auto", **scale)
    ax.set(xlabel="input", ylabel="output unit")
    from matplotlib.ticker import MaxNLocator

    for axis, count in ((ax.xaxis, columns), (ax.yaxis, rows)):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if count <= 20:
            axis.set_ticks(range(count))
    if array.size <= 150 and columns <= 20:
        for (row, column), number in np.ndenumerate(array):
            color = "black" if number > 0 else "white"
            ax.text(column, row, f"{number:.2g}", ha="center", va="center", fontsize=8, color=color)
    return ax
