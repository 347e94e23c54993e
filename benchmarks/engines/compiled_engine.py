"""The workloads in tinygrad_nn, compiled by tg.compile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import tinygrad_nn as tg

from .data import chain_data, elementwise_data, hvp_data, mlp_data


def mlp(sizes: tuple[int, ...], batch: int) -> Callable[[], float]:
    x, labels, weights, biases = mlp_data(sizes, batch)
    layers: list[tg.nn.Module] = []
    for w, b in zip(weights, biases, strict=True):
        layer = tg.nn.Linear(*w.shape)
        layer.weight.data = w.T
        layer.bias.data = b
        layers += [layer, tg.nn.ReLU()]
    model = tg.nn.Sequential(*layers[:-1])
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)

    @tg.compile
    def step(x, labels):
        loss = tg.nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return lambda: step(x, labels)


def elementwise(n: int) -> Callable[[], float]:
    x = tg.Tensor(elementwise_data(n), requires_grad=True)

    @tg.compile
    def step():
        x.grad = None
        y = (x.sigmoid() * np.tanh(x) + np.exp(-x * x)).sum()
        y.backward()
        return y + x.grad[0]

    return step


def chain(n: int) -> Callable[[], float]:
    x, w = (tg.Tensor(a, requires_grad=True) for a in chain_data())
    one = np.ones(x.shape)

    @tg.compile
    def step():
        x.grad = w.grad = None
        h = x
        for _ in range(n // 2):
            h = (h * w).tanh()
        h.backward(one)
        return w.grad.sum() + x.grad.sum()

    return step


def hvp(n: int) -> Callable[[], float]:
    x, v, w, u = hvp_data(n)
    product = tg.compile(tg.hvp(lambda x: u @ np.tanh(w @ x)))
    return lambda: product(x, v).sum()
