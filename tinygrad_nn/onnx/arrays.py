"""Shapes, pieces, reductions and products of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .builder import WRITERS, Builder, ExportError, writes

LARGE = 2**62


def _axis(t: Any, key: str = "axis", default: int = -1) -> int:
    n = t._inputs[0].ndim
    return int(t._params.get(key, default)) % n


def _whole_result(b: Builder, t: Any) -> str:
    """Write what gives its elements another shape in the same order."""
    return b.add("Reshape", b.value(t._inputs[0]), b.whole(*b.shape_of(t)), name=t.op.name)


for _name in ("reshape", "squeeze", "expand_dims", "ravel", "atleast_1d", "atleast_2d"):
    WRITERS[_name] = _whole_result


def _permuted(b: Builder, t: Any, order: list[int]) -> str:
    return b.add("Transpose", b.value(t._inputs[0]), perm=order)


@writes("transpose")
def _transpose(b: Builder, t: Any) -> str:
    n = t.ndim
    axes = t._params.get("axes")
    return _permuted(b, t, [int(a) % n for a in axes] if axes is not None else list(range(n))[::-1])


@writes("matrix_transpose")
def _matrix_transpose(b: Builder, t: Any) -> str:
    n = t.ndim
    return _permuted(b, t, [*range(n - 2), n - 1, n - 2])


@writes("swapaxes", "moveaxis")
def _moved(b: Builder, t: Any) -> str:
    # Where each axis goes, told by the operation itself from an array whose lengths are all different.
    n = t.ndim
    trial = np.empty(tuple(range(1, n + 1)), np.bool_)
    params = {k: v for k, v in t._params.items() if k != "residual"}
    return _permuted(b, t, [length - 1 for length in t.op.fn(trial, **params).shape])


@writes("flip")
def _flip(b: Builder, t: Any) -> str:
    n = t.ndim
    axis = t._params.get("axis")
    axes = range(n) if axis is None else [int(a) % n for a in np.atleast_1d(axis)]
    ends = [b.whole(*[v] * len(axes)) for v in (-1, -LARGE)]
    return b.add("Slice", b.value(t._inputs[0]), *ends, b.whole(*axes), b.whole(*[-1] * len(axes)))


@writes("concatenate", "stack")
def _joined(b: Builder, t: Any) -> str:
    axis = int(t._params.get("axis", 0)) % t.ndim
    parts = b.operands(t)
    if t.op.name == "stack":
        parts = [b.add("Unsqueeze", p, b.whole(axis)) for p in parts]
    return b.add("Concat", *parts, axis=axis)


@writes("broadcast_to")
def _broadcast_to(b: Builder, t: Any) -> str:
    if -1 in (shape := b.shape_of(t)):
        raise ExportError("export_onnx: broadcast_to along the batch needs one batch size: dynamic_batch=False")
    return b.add("Expand", b.value(t._inputs[0]), b.whole(*shape))


@writes("getitem")
def _getitem(b: Builder, t: Any) -> str:
    (x,) = t._inputs
    index = t._params["index"]
    index = index if isinstance(index, tuple) else (index,)
    used = sum([i is not None and i is not Ellipsis for i in index])
    full = [i for part in index for i in ([slice(None)] * (x.ndim - used) if part is Ellipsis else [part])]
    full += [slice(None)] * (x.ndim - sum([i is not None for i in full]))
    arrays = sum([not (i is None or i is Ellipsis or isinstance(i, slice)) for i in index])
    name, axis, dropped, added = b.value(x), 0, [], []
    for place, i in enumerate(full):
        if i is None:
            added.append(place - sum([isinstance(j, int | np.integer) for j in full[:place]]))
            continue
        if isinstance(i, slice):
            if i != slice(None):
                step = 1 if i.step is None else int(i.step)
                start = (0 if step > 0 else -1) if i.start is None else int(i.start)
                stop = (LARGE if step > 0 else -LARGE) if i.stop is None else int(i.stop)
                name = b.add("Slice", name, *[b.whole(v) for v in (start, stop, axis, step)])
        elif isinstance(i, int | np.integer):
            name = b.add("Gather", name, b.constant(np.array([i], np.int64)), axis=axis)
            dropped.append(axis)
        elif arrays == 1 and np.ndim(i) == 1 and np.asarray(i).dtype.kind in "iu":
            name = b.add("Gather", name, b.constant(np.asarray(i, np.int64)), axis=axis)
        else:
            raise ExportError(
                "export_onnx: an index with arrays, except one vector of whole numbers, has no ONNX operator here; "
                "use slices and numbers"
            )
        axis += 1
    if dropped:
        name = b.add("Squeeze", name, b.whole(*dropped))
    return b.add("Unsqueeze", name, b.whole(*added)) if added else name


@writes("take_rows")
def _take_rows(b: Builder, t: Any) -> str:
    table, rows = t._inputs
    return b.add("Gather", b.value(table), b.value(rows, np.int64), axis=0, name="embedding")


REDUCTIONS = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd",
              "logsumexp": "ReduceLogSumExp"}  # fmt: skip


def _reduction(kind: str) -> Any:
    def write(b: Builder, t: Any) -> str:
        (x,) = t._inputs
        if t._params.get("where", True) is not True:
            raise ExportError(f"export_onnx: {t.op.name} with where= has no ONNX operator; multiply with the mask")
        axis = t._params.get("axis")
        axes = range(x.ndim) if axis is None else [int(a) % x.ndim for a in np.atleast_1d(axis)]
        name = b.value(x, t.dtype)
        return b.add(kind, name, b.whole(*axes), keepdims=int(bool(t._params.get("keepdims", False))))

    return write


WRITERS.update({name: _reduction(kind) for name, kind in REDUCTIONS.items()})


@writes("softmax", "log_softmax")
def _softmax(b: Builder, t: Any) -> str:
    return b.add("Softmax" if t.op.name == "softmax" else "LogSoftmax", *b.operands(t), axis=_axis(t))


@writes("cumsum")
def _cumsum(b: Builder, t: Any) -> str:
    if t._params.get("axis") is None:
        raise ExportError("export_onnx: cumsum needs an axis")
    return b.add("CumSum", *b.operands(t), b.constant(np.array(_axis(t), np.int64)))


@writes("matmul", "dot")
def _product(b: Builder, t: Any) -> str:
    if t.op.name == "dot" and t._inputs[1].ndim > 2:
        raise ExportError("export_onnx: dot with more than two axes: use matmul or einsum")
    if not (t._inputs[0].ndim and t._inputs[1].ndim):
        return b.add("Mul", *b.operands(t))
    return b.add("MatMul", *b.operands(t))


@writes("affine")
def _affine(b: Builder, t: Any) -> str:
    x, weight, bias = b.operands(t)
    if t._inputs[0].ndim == 2:
        return b.add("Gemm", x, weight, bias, transB=1, name="linear")
    return b.add("Add", b.add("MatMul", x, b.add("Transpose", weight, perm=[1, 0])), bias, name="linear")
