"""The workloads in NumPy, written by hand as a good programmer would."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .data import chain_data, elementwise_data, hvp_data, mlp_data


def mlp(sizes: tuple[int, ...], batch: int) -> Callable[[], float]:
    x, labels, weights, biases = mlp_data(sizes, batch)
    rows, lr, last = np.arange(batch), 0.1, len(weights) - 1

    def step() -> float:
        h, inputs = x, []
        for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
            inputs.append(h)
            h = h @ w + b
            if i < last:
                h = np.maximum(h, 0)
        e = np.exp(h - h.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(p[rows, labels]).mean()
        g = p
        g[rows, labels] -= 1
        g /= batch
        for i in reversed(range(last + 1)):
            dw, db = inputs[i].T @ g, g.sum(axis=0)
            if i:
                g = (g @ weights[i].T) * (inputs[i] > 0)
            weights[i] -= lr * dw
            biases[i] -= lr * db
        return float(loss)

    return step


def elementwise(n: int) -> Callable[[], float]:
    x = elementwise_data(n)

    def step() -> float:
        s = 1 / (1 + np.exp(-x))
        t = np.tanh(x)
        e = np.exp(-x * x)
        y = (s * t + e).sum()
        g = s * (1 - s) * t + s * (1 - t * t) - 2 * x * e
        return float(y + g[0])

    return step


def chain(n: int) -> Callable[[], float]:
    x, w = chain_data()

    def step() -> float:
        h, saved = x, []
        for _ in range(n // 2):
            y = np.tanh(h * w)
            saved.append((h, y))
            h = y
        g, gw = np.ones_like(x), np.zeros_like(w)
        for h, y in reversed(saved):
            g = g * (1 - y * y)
            gw += g * h
            g = g * w
        return float(gw.sum() + g.sum())

    return step


def scalars(n: int) -> Callable[[], float]:
    def step() -> float:
        h = 1.5
        for _ in range(n // 2):
            h = h * 0.999 + 0.001
        g = 1.0
        for _ in range(n // 2):
            g = g * 0.999
        return g

    return step


def reuse(n: int) -> Callable[[], float]:
    def step() -> float:
        h = s = 1.5
        for _ in range(n):
            h = h * 0.5 + s
        g, total = 1.0, 0.0
        for _ in range(n):
            total += g
            g = g * 0.5
        return total + g

    return step


def hvp(n: int) -> Callable[[], float]:
    x, v, w, u = hvp_data(n)

    def step() -> float:
        # f(x) = u . tanh(w x): gradient w' (u (1 - y y)), its tangent along v.
        y = np.tanh(w @ x)
        d = (1 - y * y) * (w @ v)
        return float((w.T @ (u * (-2 * y * d))).sum())

    return step
