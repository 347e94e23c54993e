"""Sample calls of every registered operation, drawn from its declared domain and cases: what the registry tests run."""

import math
import zlib
from dataclasses import dataclass

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import Tensor
from tinygrad_nn.op import OPS, Op, case
from tinygrad_nn.ops import bessel, special
from tinygrad_nn.ops.complex import Complex
from tinygrad_nn.tensor import apply

__all__ = ["bessel", "special"]  # imported for the operations that they register

UNARY = [case((3, 4)), case(()), case((0,)), case((5,))]
BINARY = [
    case((3, 4), (3, 4)),
    case((3, 4), (4,)),
    case((2, 1, 3), (4, 1)),
    case((), (3,)),
    case((), ()),
    case((0, 3), (1, 3)),
]
TERNARY = [case((3, 4), (3, 4), (3, 4)), case((4,), (3, 1), ()), case((), (3,), ())]
DEFAULT = {1: UNARY, 2: BINARY, 3: TERNARY}


def cases_of(op: Op):
    if op.cases:
        return op.cases
    if op.family == "elementwise" or op.name == "clip":
        return DEFAULT[op.arity]
    return ()


def domain_of(op: Op, i: int):
    d = op.domain
    if d is None:
        return (-math.inf, math.inf)
    if isinstance(d, tuple) and not isinstance(d[0], (int, float)):
        return d[i] if i < len(d) else (-math.inf, math.inf)
    return d


def draw(shape, domain, rng):
    """Give distinct numbers in a domain, away from each other, from its ends and from multiples of a half."""
    n = math.prod(shape)
    if domain == "bool":
        return rng.random(shape) < 0.5
    if domain == "int":
        return rng.integers(-2, 4, shape)
    if domain in ("spd", "symmetric"):
        a = rng.uniform(-1, 1, shape)
        if domain == "spd":
            return a @ np.matrix_transpose(a) + 0.5 * np.eye(shape[-1])
        return a + np.matrix_transpose(a) + np.diag(np.linspace(0.0, 3.0, shape[-1]))
    if domain == "invertible":
        return rng.uniform(-0.6, 0.6, shape) + 1.5 * np.eye(shape[-2], shape[-1])
    low, high = (-math.inf, math.inf) if domain == "nonzero" else domain
    low = (-2.2 if high == math.inf else high - 3.0) if low == -math.inf else low
    high = low + (4.5 if low < 0 else 3.0) if high == math.inf else high
    margin = 0.06 * (high - low)
    width = (high - low - 2 * margin) / max(n, 1)
    x = low + margin + width * (np.arange(n) + rng.uniform(0.2, 0.8, n))
    off = 2 * x - np.rint(2 * x)
    x = x + (np.abs(off) < 0.06) * np.copysign(0.031, off)
    return rng.permutation(x).reshape(shape)


@dataclass
class Sample:
    """One call: ``inputs`` (a tuple, perhaps with lists in it) and ``params``, arrays in float64."""

    op: Op
    number: int
    inputs: tuple
    params: dict
    varies: list  # paths of the inputs that are differentiated
    domains: dict  # path -> domain

    def __str__(self):
        return f"{self.op.name}[{self.number}]"

    def leaves(self, dtype=np.float64):
        return [np.array(_get(self.inputs, p), dtype) for p in self.varies]

    def with_leaves(self, xs, dtype=np.float64):
        new = self.inputs
        for p, x in zip(self.varies, xs, strict=True):
            new = _put(new, p, x)
        return _cast(new, dtype, set())

    def call(self, xs, dtype=np.float64):
        """Run the operation on tensors or arrays for the differentiated inputs; give a list of the float results."""
        inputs = self.with_leaves(xs, dtype)
        if any(isinstance(x, Tensor) for x in xs):
            y = apply(self.op, inputs, self.params)
        else:
            y = self.op.fn(*inputs, **self.params)
            if self.op.family != "composite" and self.op.residual:
                y = y[0]
        return [v for v in flat(y) if v.dtype.kind == "f"]

    def tangents(self, rng, dtype=np.float64):
        out = []
        for p, x in zip(self.varies, self.leaves(), strict=True):
            t = rng.uniform(-1, 1, x.shape) * np.isfinite(x)
            if self.domains[p] in ("spd", "symmetric"):
                t = t + np.matrix_transpose(t)
            out.append(np.array(t, dtype))
        return out


def flat(y):
    if isinstance(y, (list, tuple)):
        return [v for part in y for v in flat(part)]
    if isinstance(y, Complex) or np.iscomplexobj(y):
        return [y.real, y.imag]
    return [y if hasattr(y, "dtype") else np.asarray(y)]


def _get(tree, path):
    for i in path:
        tree = tree[i]
    return tree


def _put(tree, path, x):
    if not path:
        return x
    new = [_put(v, path[1:], x) if i == path[0] else v for i, v in enumerate(tree)]
    return type(tree)(new)


def _cast(tree, dtype, seen):
    if isinstance(tree, (list, tuple)):
        return type(tree)([_cast(v, dtype, seen) for v in tree])
    return tree.astype(dtype) if isinstance(tree, np.ndarray) and tree.dtype == np.float64 else tree


def _is_shape(x):
    return isinstance(x, tuple) and all(isinstance(n, int) for n in x)


#: Random cotangents of these are refused; they have tests of their own.
REFUSES = {"svd_full_packed"}


def differentiable(name: str, attempt: int = 0):
    """Give the samples that have something to differentiate."""
    return [] if name in REFUSES else [x for x in samples(name, attempt) if x.varies]


def samples(name: str, attempt: int = 0):
    op = OPS[name]
    out = []
    for number, c in enumerate(cases_of(op)):
        rng = np.random.default_rng([zlib.crc32(name.encode()), number, attempt])
        varies, domains = [], {}

        def fill(x, path, i, rng=rng, varies=varies, domains=domains):
            if isinstance(x, list) and not all(isinstance(v, (int, float)) for v in x):
                return [fill(v, (*path, j), i) for j, v in enumerate(x)]
            if _is_shape(x):
                domains[path] = domain_of(op, i)
                x = draw(x, domains[path], rng)
            if isinstance(x, np.ndarray) and x.dtype.kind == "f" and _differentiable(op, i):
                domains.setdefault(path, None)
                varies.append(path)
            return x

        inputs = tuple([fill(x, (i,), i) for i, x in enumerate(c.inputs)])
        out.append(Sample(op, number, inputs, c.params, varies, domains))
    return out


def _differentiable(op, i):
    return op.family == "composite" or op.variadic or op.rules[i] is not None


def tensors(arrays):
    """Give leaves whose arrays are frozen: a rule that writes to them explodes."""
    out = []
    for a in arrays:
        t = Tensor(a, requires_grad=True)
        t._data.setflags(write=False)
        out.append(t)
    return out


def freeze(ys):
    for y in ys:
        if isinstance(y, Tensor) and isinstance(y._data, np.ndarray):
            y._data.setflags(write=False)


def dot(us, vs):
    return sum(float(np.sum(np.asarray(u, np.float64) * v)) for u, v in zip(us, vs, strict=True))


def weighted(ys, cotangents):
    """Give the sum of the results times the cotangents, as a tensor; a result that is not finite counts for nothing."""
    total = 0.0
    for y, v in zip(ys, cotangents, strict=True):
        total = total + (np.where(v == 0, 0.0, y) * v).sum()
    return total


def cotangents(ys, rng):
    out = []
    for y in ys:
        value = y._data if isinstance(y, Tensor) else y
        out.append(np.array(rng.uniform(-1, 1, np.shape(value)) * np.isfinite(value), np.asarray(value).dtype))
    return out


def too_large(xs):
    """Tell whether a step of differences would vanish in the rounding of these numbers."""
    return any(np.any(np.isfinite(x) & (np.abs(x) > 1e6)) for x in xs)


def richardson(f, h=2e-3):
    """Give (df/ds at 0, an estimate of its error) from central differences at h, h/2, h/4."""
    d = [(f(k) - f(-k)) / (2 * k) for k in (h, h / 2, h / 4)]
    first = [(4 * d[1] - d[0]) / 3, (4 * d[2] - d[1]) / 3]
    best = (16 * first[1] - first[0]) / 15
    return best, abs(best - first[1])


def pulled(ys, cs, xs, create_graph=False):
    """Give the gradients of sum <y, c> in xs, zeros where there is no path."""
    total = weighted(ys, cs)
    if not isinstance(total, Tensor) or not total.requires_grad:
        return [Tensor(np.zeros(x.shape, x.dtype)) for x in xs]
    return tg.gradients(total, xs, create_graph=create_graph, allow_unused=True)
