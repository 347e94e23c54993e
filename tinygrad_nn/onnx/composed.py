"""Operations that ONNX has under another form: padding, spread, norms, sums of products, gathering."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .builder import Builder, ExportError, writes

MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


@writes("pad_linear")
def _pad(b: Builder, t: Any) -> str:
    (x,) = t._inputs
    options = {k: v for k, v in t._params.items() if k not in ("pad_width", "mode", "residual")}
    mode = MODES.get(t._params.get("mode", "constant"))
    fill = options.pop("constant_values", 0.0)
    even = options.pop("reflect_type", "even") == "even"
    if mode is None or np.ndim(fill) or options or not even:
        raise ExportError(
            f"export_onnx: pad with mode {t._params.get('mode')!r} and {options or fill!r} has no ONNX operator here; "
            f"use one of {', '.join(MODES)} with one fill value"
        )
    widths = np.broadcast_to(np.asarray(t._params["pad_width"]), (x.ndim, 2)).tolist()
    if mode in ("reflect", "wrap") and any(
        max(w) > n - (mode == "reflect") for w, n in zip(widths, x.shape, strict=True)
    ):
        raise ExportError(f"export_onnx: pad with mode {mode!r} by more than the length {x.shape} has no ONNX operator")
    if x in b.moving and any(widths[axis] != [0, 0] for axis in b.moving[x]):
        raise ExportError("export_onnx: pad along the batch needs one batch size: dynamic_batch=False")
    name = b.value(x, t.dtype)
    if mode == "wrap":
        return _wrapped(b, x, name, widths)
    ends = b.whole(*[before for before, _ in widths], *[after for _, after in widths])
    return b.add("Pad", name, ends, b.constant(np.array(fill, t.dtype)), mode=mode)


def _wrapped(b: Builder, x: Any, name: str, widths: list[list[int]]) -> str:
    """Pad by slices: runtimes have the mode "wrap" for few dtypes."""
    for axis, (before, after) in enumerate(widths):
        n = x.shape[axis]
        parts = [name]
        if before:
            parts.insert(0, b.add("Slice", name, b.whole(n - before), b.whole(n), b.whole(axis)))
        if after:
            parts.append(b.add("Slice", name, b.whole(0), b.whole(after), b.whole(axis)))
        name = b.add("Concat", *parts, axis=axis) if len(parts) > 1 else name
    return name


def _spread(b: Builder, t: Any) -> str:
    (x,) = t._inputs
    params = {k: v for k, v in t._params.items() if k != "residual"}
    axis, keep = params.pop("axis", None), bool(params.pop("keepdims", False))
    ddof = params.pop("ddof", 0) + params.pop("correction", 0)
    if any(v is not None and v is not True for v in params.values()):
        raise ExportError(f"export_onnx: {t.op.name} with {', '.join(params)} has no ONNX operator here")
    axes = [int(a) % x.ndim for a in (range(x.ndim) if axis is None else np.atleast_1d(axis))]
    moving = [a for a in axes if a in b.moving.get(x, ())]
    if ddof and moving:
        raise ExportError(
            f"export_onnx: {t.op.name} with ddof over the batch needs one batch size: dynamic_batch=False"
        )
    name = b.value(x, t.dtype)
    centred = b.add("Sub", name, b.add("ReduceMean", name, b.whole(*axes), keepdims=1))
    var = b.add("ReduceMean", b.add("Mul", centred, centred), b.whole(*axes), keepdims=int(keep))
    if ddof:
        n = math.prod(x.shape[a] for a in axes)
        var = b.add("Mul", var, b.constant(np.array(n / (n - ddof), t.dtype)))
    return b.add("Sqrt", var) if t.op.name == "std" else var


writes("var", "std")(_spread)


@writes("euclidean_norm")
def _norm(b: Builder, t: Any) -> str:
    (x,) = t._inputs
    axis = t._params.get("axis")
    axes = b.whole(*[int(a) % x.ndim for a in (range(x.ndim) if axis is None else np.atleast_1d(axis))])
    name = b.value(x, t.dtype)
    total = b.add("ReduceSum", b.add("Mul", name, name), axes, keepdims=int(bool(t._params.get("keepdims", False))))
    return b.add("Sqrt", total)


@writes("einsum_one", "einsum_pair", "einsum_many")
def _einsum(b: Builder, t: Any) -> str:
    subscripts = t._params["subscripts"]
    if not isinstance(subscripts, str):
        raise ExportError("export_onnx: einsum needs its subscripts as text")
    return b.add("Einsum", *b.operands(t), equation=subscripts)


@writes("exp2")
def _exp2(b: Builder, t: Any) -> str:
    return b.add("Pow", b.constant(np.array(2.0, t.dtype)), *b.operands(t))


@writes("log2", "log10")
def _log_to_a_base(b: Builder, t: Any) -> str:
    base = 2.0 if t.op.name == "log2" else 10.0
    return b.add("Mul", b.add("Log", *b.operands(t)), b.constant(np.array(1.0 / math.log(base), t.dtype)))


@writes("hypot")
def _hypot(b: Builder, t: Any) -> str:
    x, y = b.operands(t)
    return b.add("Sqrt", b.add("Add", b.add("Mul", x, x), b.add("Mul", y, y)))


@writes("tile")
def _tile(b: Builder, t: Any) -> str:
    (x,) = t._inputs
    reps = [int(n) for n in np.atleast_1d(t._params["reps"])]
    if len(reps) > x.ndim:
        raise ExportError("export_onnx: tile with more repeats than axes has no ONNX operator here; reshape before")
    return b.add("Tile", b.value(x, t.dtype), b.whole(*[1] * (x.ndim - len(reps)), *reps))
