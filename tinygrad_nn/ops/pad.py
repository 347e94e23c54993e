"""Padding, in every mode of NumPy's that has a value to differentiate."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convert import beside
from ..op import case, composite, general
from .cumulative import cut
from .indexing import plain, scatter

_COPIES = ("edge", "reflect", "symmetric", "wrap")
#: Of Any type: the modes come as plain strings.
_np_pad: Any = np.pad
_STATISTICS: dict[str, Any] = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}


def _widths(pad_width: Any, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Give (before, after) of every axis."""
    if isinstance(pad_width, dict):
        pairs = [(0, 0)] * len(shape)
        for axis, w in pad_width.items():
            pairs[axis] = (w, w) if np.ndim(w) == 0 else tuple(w)
        return pairs
    w = np.asarray(pad_width)
    if w.dtype.kind not in "iu":
        raise TypeError(f"pad: pad_width must be whole numbers, got {pad_width!r}")
    pairs = np.broadcast_to(w, (len(shape), 2)).tolist()
    if min([min(p) for p in pairs], default=0) < 0:
        raise ValueError(f"pad: pad_width must not be negative, got {pad_width!r}; use slicing to cut")
    return [tuple(p) for p in pairs]


def _adjoint(g: Any, shape: tuple[int, ...], pad_width: Any, mode: str, options: dict[str, Any]) -> Any:
    """Undo the padding one axis after the other, the last first, as NumPy pads the first axis first."""
    for axis, (before, after) in reversed(list(enumerate(_widths(pad_width, shape)))):
        n = shape[axis]
        if not before and not after:
            continue
        center = g[cut(g.ndim, axis, slice(before, before + n))]
        if mode == "constant":
            g = center
            continue
        if mode in _COPIES and options.get("reflect_type", "even") == "even":
            source = _np_pad(np.arange(n), (before, after), mode)
            out = tuple([n if i == axis else k for i, k in enumerate(g.shape)])
            g = scatter(g, out, (slice(None),) * axis + (source,))
            continue
        # What is padded is a linear function of the axis: its matrix is the padding of the identity.
        widths = [(0, 0), (before, after)]
        options_here = {k: _of_axis(v, axis, len(shape)) for k, v in options.items()}
        m = beside(_np_pad(np.eye(n), widths, mode, **_linear(options_here)), g)
        outer = [
            np.moveaxis(np.tensordot(g[cut(g.ndim, axis, part)], m[:, part], ((axis,), (1,))), -1, axis)
            for part in (slice(0, before), slice(before + n, None))
        ]
        g = center + outer[0] + outer[1]
    return g


def _of_axis(option: Any, axis: int, ndim: int) -> Any:
    """Give the part of an option (one value, a pair, or a pair for each axis) that belongs to one axis."""
    if isinstance(option, str) or option is None:
        return option
    pair = np.broadcast_to(option, (ndim, 2))[axis]
    return ((0, 0), tuple(pair.tolist()))


def _linear(options: dict[str, Any]) -> dict[str, Any]:
    """Leave out of the options what is added to the values: constants and end values."""
    keep = {k: v for k, v in options.items() if k not in ("constant_values", "end_values")}
    if "stat_length" in keep and keep["stat_length"] is not None:
        keep["stat_length"] = ((1, 1), keep["stat_length"][1]) if np.ndim(keep["stat_length"]) == 2 else 1
    return keep


pad_linear = general(
    lambda x, pad_width=0, mode="constant", **options: np.pad(x, pad_width, mode, **options),
    lambda g, y, x, pad_width=0, mode="constant", **options: _adjoint(g, x.shape, pad_width, mode, options),
    jvp=lambda ts, y, x, pad_width=0, mode="constant", **options: np.pad(
        ts[0], pad_width, mode, **{k: v for k, v in options.items() if k not in ("constant_values", "end_values")}
    ),
    name="pad_linear",
    bind=lambda x, pad_width, mode="constant", **options: ((x,), {"pad_width": pad_width, "mode": mode, **options}),
    formula="pad(x, pad_width, mode)",
    cases=[case((3,), pad_width=2), case((3, 4), pad_width=((1, 0), (2, 3)), mode="edge")],
)


def _by_statistic(x: Any, pad_width: Any, mode: str, stat_length: Any) -> Any:
    statistic = _STATISTICS[mode]
    for axis, (before, after) in enumerate(_widths(pad_width, x.shape)):
        n = x.shape[axis]
        lengths = (n, n) if stat_length is None else np.broadcast_to(stat_length, (x.ndim, 2))[axis]
        parts = []
        for width, part in ((before, slice(0, int(lengths[0]))), (after, slice(max(n - int(lengths[1]), 0), None))):
            value = statistic(x[cut(x.ndim, axis, part)], axis=axis, keepdims=True)
            parts.append(np.broadcast_to(value, tuple([width if i == axis else k for i, k in enumerate(x.shape)])))
        x = np.concatenate([parts[0], x, parts[1]], axis=axis)
    return x


def _pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    array = array if hasattr(array, "ndim") else np.asarray(array)
    if not isinstance(mode, str) or mode == "empty":
        raise TypeError(f"pad: mode {mode!r} has no derivative rule; name one of NumPy's modes other than 'empty'")
    options = {k: plain(v, "pad", k) for k, v in options.items()}
    if mode in ("maximum", "minimum", "median"):
        return _by_statistic(array, pad_width, mode, options.get("stat_length"))
    return pad_linear(array, pad_width, mode, **options)


pad = composite(
    _pad,
    name="pad",
    numpy=np.pad,
    bind=lambda array, pad_width, mode="constant", **options: (
        (array,),
        {"pad_width": pad_width, "mode": mode, **options},
    ),
    cases=[
        case((3, 4), pad_width=((1, 0), (2, 3)), mode="constant", constant_values=1.5),
        case((3, 4), pad_width=2, mode="edge"),
        case((3, 4), pad_width=((1, 2), (3, 0)), mode="reflect"),
        case((3,), pad_width=7, mode="reflect"),
        case((3, 4), pad_width=2, mode="reflect", reflect_type="odd"),
        case((3, 4), pad_width=((2, 3), (5, 1)), mode="symmetric"),
        case((3,), pad_width=4, mode="symmetric", reflect_type="odd"),
        case((3, 4), pad_width=5, mode="wrap"),
        case((3, 4), pad_width=2, mode="linear_ramp", end_values=0.5),
        case((3, 4), pad_width=((1, 2), (0, 3)), mode="linear_ramp", end_values=((1.0, 2.0), (3.0, 4.0))),
        case((3, 4), pad_width=2, mode="mean"),
        case((3, 4), pad_width=2, mode="mean", stat_length=2),
        case((3, 4), pad_width=((1, 2), (0, 3)), mode="maximum"),
        case((3, 4), pad_width=2, mode="minimum", stat_length=((1, 2), (3, 2))),
        case((3, 4), pad_width=2, mode="median"),
    ],
)
