"""Element by element: NumPy's functions and the activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .builder import WRITERS, Builder, writes

SAME = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "power": "Pow", "negative": "Neg",
    "absolute": "Abs", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "reciprocal": "Reciprocal", "sign": "Sign",
    "floor": "Floor", "ceil": "Ceil", "rint": "Round", "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin",
    "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "arcsinh": "Asinh",
    "arccosh": "Acosh", "arctanh": "Atanh", "erf": "Erf", "relu": "Relu", "sigmoid": "Sigmoid", "softsign": "Softsign",
    "mish": "Mish", "hardswish": "HardSwish", "positive": "Identity", "copy": "Identity", "prelu": "PRelu",
    "maximum": "Max", "minimum": "Min",
}  # fmt: skip


def _same(kind: str) -> Any:
    def write(b: Builder, t: Any) -> str:
        return b.add(kind, *b.operands(t), name=t.op.name)

    return write


WRITERS.update({name: _same(kind) for name, kind in SAME.items()})


def _const(b: Builder, t: Any, value: float) -> str:
    return b.constant(np.array(value, t.dtype))


def _chain(b: Builder, x: str, *kinds: str) -> str:
    for kind in kinds:
        x = b.add(kind, x)
    return x


@writes("square")
def _square(b: Builder, t: Any) -> str:
    (x,) = b.operands(t)
    return b.add("Mul", x, x)


@writes("log1p")
def _log1p(b: Builder, t: Any) -> str:
    return b.add("Log", b.add("Add", *b.operands(t), _const(b, t, 1.0)))


@writes("expm1")
def _expm1(b: Builder, t: Any) -> str:
    return b.add("Sub", b.add("Exp", *b.operands(t)), _const(b, t, 1.0))


@writes("softplus")
def _softplus(b: Builder, t: Any) -> str:
    return b.add("Softplus", *b.operands(t))


@writes("logsigmoid")
def _logsigmoid(b: Builder, t: Any) -> str:
    return _chain(b, *b.operands(t), "Neg", "Softplus", "Neg")


@writes("silu")
def _silu(b: Builder, t: Any) -> str:
    (x,) = b.operands(t)
    return b.add("Mul", x, b.add("Sigmoid", x))


@writes("gelu")
def _gelu(b: Builder, t: Any) -> str:
    (x,) = b.operands(t)
    half = b.add("Mul", x, _const(b, t, 0.5))
    e = b.add("Erf", b.add("Mul", x, _const(b, t, math.sqrt(0.5))))
    return b.add("Mul", half, b.add("Add", e, _const(b, t, 1.0)))


@writes("gelu_tanh")
def _gelu_tanh(b: Builder, t: Any) -> str:
    (x,) = b.operands(t)
    cube = b.add("Mul", b.add("Mul", x, x), x)
    inner = b.add("Add", x, b.add("Mul", cube, _const(b, t, 0.044715)))
    tanh = b.add("Tanh", b.add("Mul", inner, _const(b, t, math.sqrt(2.0 / math.pi))))
    return b.add("Mul", b.add("Mul", x, _const(b, t, 0.5)), b.add("Add", tanh, _const(b, t, 1.0)))


@writes("tanhshrink")
def _tanhshrink(b: Builder, t: Any) -> str:
    (x,) = b.operands(t)
    return b.add("Sub", x, b.add("Tanh", x))


@writes("leaky_relu")
def _leaky_relu(b: Builder, t: Any) -> str:
    return b.add("LeakyRelu", *b.operands(t), alpha=float(t._params.get("negative_slope", 0.01)))


@writes("elu")
def _elu(b: Builder, t: Any) -> str:
    return b.add("Elu", *b.operands(t), alpha=float(t._params.get("alpha", 1.0)))


@writes("celu")
def _celu(b: Builder, t: Any) -> str:
    return b.add("Celu", *b.operands(t), alpha=float(t._params.get("alpha", 1.0)))


@writes("selu")
def _selu(b: Builder, t: Any) -> str:
    return b.add("Selu", *b.operands(t))


@writes("hardsigmoid")
def _hardsigmoid(b: Builder, t: Any) -> str:
    return b.add("HardSigmoid", *b.operands(t), alpha=1.0 / 6.0, beta=0.5)


@writes("hardtanh")
def _hardtanh(b: Builder, t: Any) -> str:
    low, high = t._params.get("low", -1.0), t._params.get("high", 1.0)
    return b.add("Clip", *b.operands(t), _const(b, t, low), _const(b, t, high))


@writes("softshrink", "hardshrink")
def _shrink(b: Builder, t: Any) -> str:
    (limit,) = [v for k, v in t._params.items() if k != "residual"] or [0.5]
    bias = float(limit) if t.op.name == "softshrink" else 0.0
    return b.add("Shrink", *b.operands(t), lambd=float(limit), bias=bias)


@writes("threshold")
def _threshold(b: Builder, t: Any) -> str:
    (x,) = b.operands(t)
    above = b.add("Greater", x, _const(b, t, next(v for k, v in t._params.items() if k != "value")))
    return b.add("Where", above, x, _const(b, t, t._params["value"]))


@writes("where")
def _where(b: Builder, t: Any) -> str:
    condition, x, y = t._inputs
    return b.add("Where", b.value(condition, np.bool_), b.value(x, t.dtype), b.value(y, t.dtype))


@writes("astype")
def _astype(b: Builder, t: Any) -> str:
    (x,) = t._inputs
    return b.cast(b.value(x), x.dtype, t.dtype)
