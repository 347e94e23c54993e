"""Functions of networks."""

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn.op import OPS

from .says import says

F = tg.nn.functional


@says("softmax", "nn.functional.softmax", "_safe_softmax")
def _softmax(x, dim, dtype=None):
    return F.softmax(x, axis=dim) if x.ndim else x * 0.0 + 1.0


@says("log_softmax", "nn.functional.log_softmax")
def _log_softmax(x, dim, dtype=None):
    return F.log_softmax(x, axis=dim) if x.ndim else x * 0.0


@says("nn.functional.softmin")
def _softmin(x, dim, dtype=None):
    return F.softmax(-x, axis=dim) if x.ndim else x * 0.0 + 1.0


@says("nn.functional.relu")
def _relu(x, inplace=False):
    return F.relu(x)


@says("nn.functional.relu6")
def _relu6(x, inplace=False):
    return np.clip(x, 0.0, 6.0)


@says("nn.functional.hardtanh")
def _hardtanh(x, min_val=-1.0, max_val=1.0):
    return np.clip(x, min_val, max_val)


@says("nn.functional.logsigmoid")
def _logsigmoid(x):
    return F.logsigmoid(x)


@says("nn.functional.softsign")
def _softsign(x):
    return x / (1.0 + np.abs(x))


@says("nn.functional.tanhshrink")
def _tanhshrink(x):
    return x - np.tanh(x)


@says("nn.functional.softplus")
def _softplus(x, beta=1.0, threshold=20.0):
    return np.where(beta * x > threshold, x, F.softplus(beta * x) / beta)


@says("nn.functional.gelu")
def _gelu(x, approximate="none"):
    return F.gelu(x, approximate=approximate)


@says("nn.functional.linear")
def _linear(x, weight, bias=None):
    y = np.matmul(x, np.transpose(weight))
    return y if bias is None else y + bias


@says("nn.functional.mse_loss")
def _mse(x, y, reduction="mean"):
    d = (x - y) ** 2
    return {"mean": np.mean, "sum": np.sum, "none": lambda v: v}[reduction](d)


@says("nn.functional.l1_loss")
def _l1(x, y, reduction="mean"):
    d = np.abs(x - y)
    return {"mean": np.mean, "sum": np.sum, "none": lambda v: v}[reduction](d)


@says("nn.functional.cosine_similarity")
def _cosine_similarity(x, y, dim=1, eps=1e-8):
    x, y = np.broadcast_arrays(x, y)
    nx = np.maximum(np.linalg.vector_norm(x, axis=dim, keepdims=True), eps)
    ny = np.maximum(np.linalg.vector_norm(y, axis=dim, keepdims=True), eps)
    return np.sum(x / nx * (y / ny), axis=dim)


@says("nn.functional.normalize")
def _normalize(x, p=2.0, dim=1, eps=1e-12, out=None):
    return x / np.maximum(np.linalg.vector_norm(x, ord=p, axis=dim, keepdims=True), eps)


@says("nn.functional.silu")
def _silu(x, inplace=False):
    return x * OPS["sigmoid"](x)


@says("nn.functional.mish")
def _mish(x, inplace=False):
    return x * np.tanh(F.softplus(x))


@says("nn.functional.leaky_relu")
def _leaky_relu(x, negative_slope=0.01, inplace=False):
    return np.where(x > 0, x, negative_slope * x)


@says("to", "contiguous", "alias_copy", "resolve_conj", "resolve_neg", "double", "view_as_real")
def _same(x, *rest, **how):
    return x * 1.0
