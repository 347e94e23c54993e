"""The workloads in NumPy, written by hand as a good programmer would."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..workloads import Work
from .data import RATE, chain_data, changes, conv_data, elementwise_data, hvp_data, hvp_weights_data, mlp_data


class Engine:
    def __init__(self, variant: str, cores: int) -> None:
        pass

    def mlp(self, sizes: tuple[int, ...], batch: int) -> Work:
        x, labels, weights, biases = mlp_data(sizes, batch)
        start = [a.copy() for a in (*weights, *biases)]
        rows, last = np.arange(batch), len(weights) - 1

        def step() -> Any:
            h, inputs = x, []
            for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
                inputs.append(h)
                h = h @ w + b
                if i < last:
                    h = np.maximum(h, 0)
            loss, g = cross_entropy(h, labels, rows)
            for i in reversed(range(last + 1)):
                dw, db = inputs[i].T @ g, g.sum(axis=0)
                if i:
                    g = (g @ weights[i].T) * (inputs[i] > 0)
                weights[i] -= RATE * dw
                biases[i] -= RATE * db
            return loss

        return Work(step, lambda loss: [loss, *changes([*weights, *biases], start)])

    def elementwise(self, n: int) -> Work:
        x = elementwise_data(n)

        def step() -> Any:
            s = 1 / (1 + np.exp(-x))
            t = np.tanh(x)
            e = np.exp(-x * x)
            return (s * t + e).sum(), s * (1 - s) * t + s * (1 - t * t) - 2 * x * e

        return Work(step, list)

    def chain(self, n: int) -> Work:
        x, w = chain_data()

        def step() -> Any:
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
            return g, gw

        return Work(step, list)

    def scalars(self, n: int) -> Work:
        def step() -> Any:
            h = 1.5
            for _ in range(n // 2):
                h = h * 0.999 + 0.001
            g = 1.0
            for _ in range(n // 2):
                g = g * 0.999
            return h, g

        return Work(step, list)

    def reuse(self, n: int) -> Work:
        def step() -> Any:
            h = s = 1.5
            for _ in range(n):
                h = h * 0.5 + s
            g, total = 1.0, 0.0
            for _ in range(n):
                total += g
                g = g * 0.5
            return h, total + g

        return Work(step, list)

    def hvp(self, n: int) -> Work:
        x, v, w, u = hvp_data(n)

        def step() -> Any:
            # f(x) = u . tanh(w x): the gradient is w' (u (1 - y y)); this is its tangent along v.
            y = np.tanh(w @ x)
            return w.T @ (u * (-2 * y * ((1 - y * y) * (w @ v))))

        return Work(step, lambda product: [product])

    def hvp_weights(self, n: int, batch: int) -> Work:
        x, t, (w, u), (vw, vu) = hvp_weights_data(n, batch)

        def step() -> Any:
            a = np.tanh(x @ w)
            slope = 1 - a * a
            r = (a @ u - t) / batch
            da = slope * (x @ vw)
            dr = (da @ u + a @ vu) / batch
            d = (np.outer(dr, u) + np.outer(r, vu)) * slope - 2 * np.outer(r, u) * (a * da)
            return x.T @ d, da.T @ r + a.T @ dr

        return Work(step, list)

    def conv(self, batch: int) -> Work:
        images, labels, weights, biases = conv_data(batch)
        start = [a.copy() for a in (*weights, *biases)]
        # Channels last: each convolution is then one product of a matrix of windows with a matrix of filters.
        x = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        filters = [np.ascontiguousarray(w.transpose(2, 3, 1, 0)).reshape(-1, w.shape[0]) for w in weights[:2]]
        dense = np.ascontiguousarray(weights[2].reshape(16, 2, 2, 10).transpose(1, 2, 0, 3)).reshape(64, 10)
        rows = np.arange(batch)

        def step() -> Any:
            h, saved = x, []
            for f, b in zip(filters, biases, strict=False):
                columns = windows(h)
                y = np.maximum(columns @ f + b, 0).reshape(*h.shape[:3], -1)
                corners = [y[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
                pooled = np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]))
                saved.append((columns, y, corners, pooled))
                h = pooled
            flat = h.reshape(batch, -1)
            loss, g = cross_entropy(flat @ dense + biases[2], labels, rows)
            d = (g @ dense.T).reshape(h.shape)
            dense[...] -= RATE * (flat.T @ g)
            biases[2] -= RATE * g.sum(axis=0)
            for k in (1, 0):
                columns, y, corners, pooled = saved[k]
                up = np.empty_like(y)
                d = d * (pooled > 0)
                for corner, (i, j) in zip(corners, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
                    np.multiply(d, corner == pooled, out=up[:, i::2, j::2])
                g = up.reshape(-1, up.shape[-1])
                df = columns.T @ g
                if k:
                    d = fold(g @ filters[k].T, saved[k - 1][3].shape)
                filters[k] -= RATE * df
                biases[k] -= RATE * g.sum(axis=0)
            return loss

        def results(loss: Any) -> list[Any]:
            sizes = [w.shape for w in weights[:2]]
            fs = [f.reshape(3, 3, s[1], s[0]).transpose(3, 2, 0, 1) for f, s in zip(filters, sizes, strict=True)]
            last = dense.reshape(2, 2, 16, 10).transpose(2, 0, 1, 3).reshape(64, 10)
            return [loss, *changes([*fs, last, *biases], start)]

        return Work(step, results)


def cross_entropy(h: Any, labels: Any, rows: Any) -> tuple[Any, Any]:
    """Give the mean cross entropy of logits and its gradient."""
    e = np.exp(h - h.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[rows, labels]).mean()
    p[rows, labels] -= 1
    p /= len(labels)
    return loss, p


def windows(h: Any) -> Any:
    """Lay the 3 × 3 windows of images (n, rows, columns, channels), framed with zeros, out as rows of a matrix."""
    n, a, b, c = h.shape
    framed = np.zeros((n, a + 2, b + 2, c), h.dtype)
    framed[:, 1:-1, 1:-1] = h
    views = np.lib.stride_tricks.sliding_window_view(framed, (3, 3), (1, 2))
    return views.transpose(0, 1, 2, 4, 5, 3).reshape(n * a * b, 9 * c)


def fold(columns: Any, shape: tuple[int, ...]) -> Any:
    """Add the windows up to images: the adjoint of ``windows``."""
    n, a, b, c = shape
    parts = columns.reshape(n, a, b, 3, 3, c)
    framed = np.zeros((n, a + 2, b + 2, c), columns.dtype)
    for i in range(3):
        for j in range(3):
            framed[:, i : i + a, j : j + b] += parts[:, :, :, i, j]
    return framed[:, 1:-1, 1:-1]
