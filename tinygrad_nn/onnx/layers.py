"""Convolution, pooling, normalization, recurrence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from .builder import Builder, ExportError, writes


def _pads(padding: Sequence[tuple[int, int]]) -> list[int]:
    return [int(before) for before, _ in padding] + [int(after) for _, after in padding]


def _window(t: Any, size: Sequence[int]) -> dict[str, Any]:
    p = t._params
    return {
        "kernel_shape": [int(n) for n in size],
        "strides": [int(n) for n in p["stride"]],
        "dilations": [int(n) for n in p["dilation"]],
    }


@writes("conv", "conv_affine")
def _conv(b: Builder, t: Any) -> str:
    p = t._params
    attributes = _window(t, t._inputs[1].shape[2:])
    return b.add("Conv", *b.operands(t), pads=_pads(p["padding"]), group=int(p["groups"]), **attributes)


@writes("conv_input")
def _conv_input(b: Builder, t: Any) -> str:
    x, weight = t._inputs
    p = t._params
    attributes = _window(t, weight.shape[2:])
    extra = [
        int(n - ((m - 1) * s + d * (k - 1) + 1 - sum(pad)))
        for n, m, s, d, k, pad in zip(
            t.shape[2:], x.shape[2:], p["stride"], p["dilation"], weight.shape[2:], p["padding"], strict=True
        )
    ]
    return b.add(
        "ConvTranspose",
        *b.operands(t),
        pads=_pads(p["padding"]),
        group=int(p["groups"]),
        output_padding=extra,
        **attributes,
    )


def _framed(b: Builder, t: Any, fill: float) -> str:
    """Pad as the operation does; the windows of ONNX's own pools see no padding at the far end that is not used."""
    padding = t._params["padding"]
    (x,) = b.operands(t)
    if not any(n for pair in padding for n in pair):
        return x
    return b.add("Pad", x, b.whole(*_pads([(0, 0), (0, 0), *padding])), b.constant(np.array(fill, t.dtype)))


@writes("max_pool")
def _max_pool(b: Builder, t: Any) -> str:
    return b.add("MaxPool", _framed(b, t, -math.inf), **_window(t, t._params["size"]))


@writes("sum_pool")
def _sum_pool(b: Builder, t: Any) -> str:
    size = t._params["size"]
    mean = b.add("AveragePool", _framed(b, t, 0.0), count_include_pad=1, **_window(t, size))
    factor = math.prod(size) * float(t._params.get("scale", 1.0))
    return mean if factor == 1.0 else b.add("Mul", mean, b.constant(np.array(factor, t.dtype)))


@writes("standardize", "rms_normalize")
def _normalized(b: Builder, t: Any) -> str:
    (x,) = b.operands(t)
    axes = b.whole(*[int(a) for a in t._params["axis"]])
    if t.op.name == "standardize":
        x = b.add("Sub", x, b.add("ReduceMean", x, axes, keepdims=1))
    square = b.add("ReduceMean", b.add("Mul", x, x), axes, keepdims=1)
    root = b.add("Sqrt", b.add("Add", square, b.constant(np.array(t._params["eps"], t.dtype))))
    return b.add("Div", x, root)


def _gates(b: Builder, t: Any) -> tuple[str, Any, Any]:
    """Give what a recurrence reads, its input weights and its input bias: gates = input @ weight.T + bias."""
    gates = t._inputs[0]
    if isinstance(gates, Tensor) and gates.op is not None and gates.op.name == "affine":
        x, weight, bias = gates._inputs
        if not {x for x in (weight, bias) if b.twins.get(x) is not None and b.twins[x].shape != x.shape}:
            return b.value(x, t.dtype), np.asarray(weight._data), np.asarray(bias._data)
    size = gates.shape[-1]
    return b.value(gates, t.dtype), np.eye(size, dtype=t.dtype), np.zeros(size, t.dtype)


def _ordered(a: Any, order: Sequence[int]) -> Any:
    """Put the gates, equal parts of the first axis, into another order."""
    parts = np.split(np.asarray(a), len(order))
    return np.concatenate([parts[i] for i in order])


def _state(b: Builder, h: Any, t: Any) -> str:
    """Give an initial state as ONNX takes it, (1, batch, hidden); '' for zeros, which are the default."""
    value = np.asarray(h._data if isinstance(h, Tensor) else h)
    if not isinstance(h, Tensor) or h.op is None:
        if not value.any():
            return ""
        if b.twins:
            raise ExportError("export_onnx: an initial state that is not 0 needs one batch size: dynamic_batch=False")
    return b.add("Unsqueeze", b.value(h, t.dtype), b.whole(0))


def _recurrence(b: Builder, t: Any, kind: str, order: Sequence[int], outputs: int, **more: Any) -> Any:
    x, weight, bias = _gates(b, t)
    states = t._inputs[1:3] if kind == "LSTM" else t._inputs[1:2]
    across = t._inputs[1 + len(states)]
    own = np.zeros_like(bias) if kind != "GRU" else np.asarray(t._inputs[3]._data)
    size = across.shape[1]
    parts = [
        b.constant(_ordered(weight, order).astype(t.dtype)[None]),
        b.constant(_ordered(across._data, order).astype(t.dtype)[None]),
        b.constant(np.concatenate([_ordered(bias, order), _ordered(own, order)]).astype(t.dtype)[None]),
    ]
    given = ["", *[_state(b, s, t) for s in states]]
    while given and not given[-1]:
        given.pop()
    return b.add(kind, x, *parts, *given, outputs=outputs, hidden_size=int(size), **more)


@writes("rnn")
def _rnn(b: Builder, t: Any) -> str:
    kind = "Tanh" if t._params.get("nonlinearity", "tanh") == "tanh" else "Relu"
    return b.add("Squeeze", _recurrence(b, t, "RNN", [0], 1, activations=[kind]), b.whole(1))


@writes("gru")
def _gru(b: Builder, t: Any) -> str:
    return b.add("Squeeze", _recurrence(b, t, "GRU", [1, 0, 2], 1, linear_before_reset=1), b.whole(1))


@writes("lstm")
def _lstm(b: Builder, t: Any) -> str:
    """The result holds hidden states and cell states of all times; ONNX has the cell state of the last time only."""
    y, _, cell = _recurrence(b, t, "LSTM", [0, 3, 1, 2], 3)
    hidden = b.add("Squeeze", y, b.whole(1))
    # Cell states of earlier times are NaN: nothing of a module reads them, and nothing can use them unseen.
    blank = b.add("Mul", b.add("Slice", hidden, b.whole(0), b.whole(-1), b.whole(0)), _nan(b, t))
    cells = b.add("Concat", blank, cell, axis=0)
    return b.add("Concat", hidden, cells, axis=2)


def _nan(b: Builder, t: Any) -> str:
    return b.constant(np.array(math.nan, t.dtype))
