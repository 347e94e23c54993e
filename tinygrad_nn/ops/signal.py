"""Convolution, correlation, sliding windows and differences on a grid."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view as numpy_windows

from ..convert import zeros
from ..op import Op, case, composite, linear, multilinear
from .cumulative import cut
from .indexing import normal_axis


def _into_full(g: Any, n: int, start: int) -> Any:
    """Put g into n zeros, from a start on."""
    return np.pad(g, (start, n - start - g.shape[0]))


def _whole(g: Any, na: int, nv: int, mode: str, turned: bool) -> Any:
    """Give the cotangent of mode 'full' from that of a mode that cuts it (``turned``: correlate with a longer v)."""
    short = min(na, nv)
    n = na + nv - 1
    start = {"full": 0, "same": short - 1 - short // 2, "valid": short - 1}[mode]
    if turned:
        start = n - start - g.shape[0]
    return _into_full(g, n, start)


def _kind(mode: Any, who: str) -> str:
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{who}: mode must be 'full', 'same' or 'valid', got {mode!r}")
    return str(mode)


def _modes(shapes: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[Any]:
    return [case(a, v, mode=mode) for a, v in shapes for mode in ("full", "same", "valid")]


_SHAPES: list[Any] = [((5,), (3,)), ((5,), (4,)), ((2,), (5,)), ((4,), (4,)), ((1,), (3,))]
convolve_1d = multilinear(
    lambda a, v, mode="full": np.convolve(a, v, mode),
    lambda g, y, a, v, mode="full": np.correlate(_whole(g, a.size, v.size, mode, False), v, "valid"),
    lambda g, y, a, v, mode="full": np.correlate(_whole(g, a.size, v.size, mode, False), a, "valid"),
    name="convolve_1d",
    numpy=(),
    bind=lambda a, v, mode="full": ((a, v), {"mode": mode}),
    analytic=True,
    formula="convolve(a, v, mode)",
    cases=_modes(_SHAPES),
)
correlate_1d = multilinear(
    # NumPy conjugates v: undone (at no cost for real numbers) this stays an analytic function.
    lambda a, v, mode="valid": np.correlate(a, v.conj(), mode),
    lambda g, y, a, v, mode="valid": np.convolve(_whole(g, a.size, v.size, mode, a.size < v.size), v, "valid"),
    lambda g, y, a, v, mode="valid": np.flip(
        np.correlate(_whole(g, a.size, v.size, mode, a.size < v.size), a, "valid"), 0
    ),
    name="correlate_1d",
    numpy=(),
    bind=lambda a, v, mode="valid": ((a, v), {"mode": mode}),
    analytic=True,
    formula="correlate(a, v, mode)",
    cases=_modes(_SHAPES),
)


def _vector(x: Any, who: str) -> Any:
    x = np.atleast_1d(x)
    if x.ndim != 1 or not x.shape[0]:
        raise ValueError(f"{who}: takes arrays of one axis that is not empty, got shape {x.shape}")
    return x


convolve = composite(
    lambda a, v, mode="full": convolve_1d(_vector(a, "convolve"), _vector(v, "convolve"), _kind(mode, "convolve")),
    name="convolve",
    numpy=np.convolve,
    cases=[case((5,), (3,)), case((2,), (5,), mode="same"), case((), (3,))],
)
correlate = composite(
    lambda a, v, mode="valid": correlate_1d(_vector(a, "correlate"), _vector(v, "correlate"), _kind(mode, "correlate")),
    name="correlate",
    numpy=np.correlate,
    cases=[case((5,), (3,)), case((2,), (5,), mode="same"), case((5,), (2,), mode="full")],
)


def _axes(window_shape: Any, axis: Any, ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    sizes = tuple(window_shape) if np.ndim(window_shape) else (window_shape,)
    axes = tuple(range(ndim)) if axis is None else tuple(axis) if np.ndim(axis) else (axis,)
    return sizes, tuple([a % ndim for a in axes])


def _put_windows(g: Any, shape: tuple[int, ...], window_shape: Any = None, axis: Any = None) -> Any:
    """Add every window back to where it was taken."""
    sizes, axes = _axes(window_shape, axis, len(shape))
    out = zeros(shape, g.dtype, g)
    for offset in product(*[range(k) for k in sizes]):
        index = [slice(None)] * len(shape)
        shift = [0] * len(shape)
        for a, o in zip(axes, offset, strict=True):
            shift[a] += o
        for a in axes:
            index[a] = slice(shift[a], shift[a] + g.shape[a])
        out[tuple(index)] += g[(..., *offset)]
    return out


sliding_window_view: Op = linear(
    lambda x, window_shape=None, axis=None: numpy_windows(x, window_shape, axis),
    lambda g, y, x, window_shape=None, axis=None: put_windows(g, x.shape, window_shape, axis),
    name="sliding_window_view",
    numpy=numpy_windows,
    cases=[
        case((6,), window_shape=3),
        case((4, 5), window_shape=(2, 3)),
        case((4, 5), window_shape=2, axis=0),
        case((4, 5), window_shape=(2, 2), axis=(1, 1)),
    ],
)
put_windows: Op = linear(
    _put_windows,
    lambda g, y, x, shape=None, window_shape=None, axis=None: numpy_windows(g, window_shape, axis=axis),
    name="put_windows",
    bind=lambda x, shape, window_shape, axis=None: (
        (x,),
        {"shape": shape, "window_shape": window_shape, "axis": axis},
    ),
    formula="zeros(shape), with every window of x added where it was taken",
    cases=[case((4, 3), shape=(6,), window_shape=3), case((3, 5, 2), shape=(4, 5), window_shape=2, axis=0)],
)


def _spacings(f: Any, varargs: tuple[Any, ...], axes: tuple[int, ...]) -> list[Any]:
    """Give the step of each axis: one number, or the distances between its points."""
    if not varargs:
        return [1.0] * len(axes)
    if len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        return list(varargs) * len(axes)
    if len(varargs) != len(axes):
        raise TypeError(f"gradient: give one spacing, or one for each of the {len(axes)} axes, got {len(varargs)}")
    steps = []
    for d, axis in zip(varargs, axes, strict=True):
        if np.ndim(d) == 0:
            steps.append(d)
            continue
        d = d if hasattr(d, "ndim") else np.asarray(d)
        if d.ndim != 1 or d.shape[0] != f.shape[axis]:
            raise ValueError(f"gradient: coordinates of shape {d.shape} do not fit axis {axis} of shape {f.shape}")
        gaps = np.diff(d if d.dtype.kind == "f" else d.astype(np.float64))
        # NumPy takes equal distances as one number, unless each has a derivative of its own.
        equal = not getattr(d, "requires_grad", False) and bool(np.all(gaps == gaps[0]))
        steps.append(gaps[0] if equal else gaps)
    return steps


def _along(f: Any, axis: int, step: Any, edge_order: int) -> Any:
    def at(part: slice) -> Any:
        return f[cut(f.ndim, axis, part)]

    def coefficient(c: Any) -> Any:
        return np.reshape(c, tuple([-1 if i == axis else 1 for i in range(f.ndim)])) if np.ndim(c) else c

    uniform = np.ndim(step) == 0
    if uniform:
        middle = (at(slice(2, None)) - at(slice(None, -2))) / (2.0 * step)
    else:
        before, after = step[:-1], step[1:]
        a = coefficient(-after / (before * (before + after)))
        b = coefficient((after - before) / (before * after))
        c = coefficient(before / (after * (before + after)))
        middle = a * at(slice(None, -2)) + b * at(slice(1, -1)) + c * at(slice(2, None))
    if edge_order == 1:
        first = (at(slice(1, 2)) - at(slice(0, 1))) / (step if uniform else step[0])
        last = (at(slice(-1, None)) - at(slice(-2, -1))) / (step if uniform else step[-1])
    else:
        if uniform:
            low = (-1.5 / step, 2.0 / step, -0.5 / step)
            high = (0.5 / step, -2.0 / step, 1.5 / step)
        else:
            p, q = step[0], step[1]
            low = (-(2.0 * p + q) / (p * (p + q)), (p + q) / (p * q), -p / (q * (p + q)))
            p, q = step[-2], step[-1]
            high = (q / (p * (p + q)), -(q + p) / (p * q), (2.0 * q + p) / (q * (p + q)))
        first = low[0] * at(slice(0, 1)) + low[1] * at(slice(1, 2)) + low[2] * at(slice(2, 3))
        last = high[0] * at(slice(-3, -2)) + high[1] * at(slice(-2, -1)) + high[2] * at(slice(-1, None))
    return np.concatenate([x.astype(f.dtype) for x in (first, middle, last)], axis=axis)


def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = f if hasattr(f, "ndim") else np.asarray(f)
    if f.dtype.kind != "f":
        f = f.astype(np.float64)
    given = range(f.ndim) if axis is None else axis if np.ndim(axis) else (axis,)
    axes = tuple([normal_axis(a, f.ndim, "gradient") for a in given])
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    for a in axes:
        if f.shape[a] < edge_order + 1:
            raise ValueError(f"gradient: axis {a} of length {f.shape[a]} needs at least {edge_order + 1} points")
    out = [_along(f, a, step, edge_order) for a, step in zip(axes, _spacings(f, varargs, axes), strict=True)]
    return out[0] if len(axes) == 1 else tuple(out)


gradient = composite(
    _gradient,
    name="gradient",
    numpy=np.gradient,
    variadic=True,
    bind=lambda *args, **kwargs: (args, kwargs),
    cases=[
        case((5,)),
        case((4, 5)),
        case((4, 5), 0.5, axis=1),
        case((5,), np.array([0.0, 0.5, 1.5, 1.8, 3.0])),
        case((5,), np.array([0.0, 0.5, 1.5, 1.8, 3.0]), edge_order=2),
        case((5,), 0.3, edge_order=2),
        case((3, 4), 2.0, np.array([0.0, 1.0, 4.0, 5.0])),
        case((2,)),
    ],
)
