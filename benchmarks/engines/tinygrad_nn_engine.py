"""The workloads in tinygrad_nn, as a user would write them: eager, or the same functions under tg.compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn

from ..workloads import NotMeasured, Work
from .data import RATE, chain_data, changes, conv_data, elementwise_data, hvp_data, hvp_weights_data, mlp_data

#: Straight-line code of more operations than this takes minutes to write and to load.
LONGEST = 10_000


class Engine:
    def __init__(self, variant: str, cores: int) -> None:
        self.compiled = variant == "compile"
        self.made: Callable[[Any], Any] = tg.compile if self.compiled else lambda f: f

    def mlp(self, sizes: tuple[int, ...], batch: int) -> Work:
        x, labels, weights, biases = mlp_data(sizes, batch)
        dense = [nn.Linear(*w.shape) for w in weights]
        layers = [part for layer in dense for part in (layer, nn.ReLU())]
        return self._training(nn.Sequential(*layers[:-1]), dense, x, labels, weights, biases)

    def conv(self, batch: int) -> Work:
        x, labels, weights, biases = conv_data(batch)
        one, two, dense = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1), nn.Linear(64, 10)
        model = nn.Sequential(one, nn.ReLU(), nn.MaxPool2d(2), two, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), dense)
        return self._training(model, [one, two, dense], x, labels, weights, biases)

    def _training(self, model: Any, layers: Any, x: Any, labels: Any, weights: Any, biases: Any) -> Work:
        for layer, w, b in zip(layers, weights, biases, strict=True):
            layer.weight.data = w.T if w.ndim == 2 else w
            layer.bias.data = b
        optimizer = tg.optim.SGD(model.parameters(), lr=RATE)

        @self.made
        def step(x: Any, labels: Any) -> Any:
            loss = nn.functional.cross_entropy(model(x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.detach()

        def results(loss: Any) -> list[Any]:
            trained = [layer.weight.numpy() for layer in layers]
            now = [*(w.T if w.ndim == 2 else w for w in trained), *(layer.bias.numpy() for layer in layers)]
            return [loss.numpy(), *changes(now, [*weights, *biases])]

        return Work(lambda: step(x, labels), results)

    def elementwise(self, n: int) -> Work:
        # Eager and compiled alike: a function of arrays.
        f = self.made(tg.value_and_grad(lambda x: (nn.functional.sigmoid(x) * np.tanh(x) + np.exp(-x * x)).sum()))
        x = elementwise_data(n)
        return Work(lambda: f(x), list)

    def chain(self, n: int) -> Work:
        x, w = (tg.Tensor(a, requires_grad=True) for a in chain_data())
        one = np.ones(x.shape)

        @self.made
        def step() -> Any:
            x.grad = w.grad = None
            h = x
            for _ in range(n // 2):
                h = (h * w).tanh()
            h.backward(one)

        return Work(step, lambda _: [x.grad, w.grad])

    def scalars(self, n: int) -> Work:
        self._refuse_long(n)
        x = tg.Tensor(1.5, requires_grad=True)

        @self.made
        def step() -> Any:
            x.grad = None
            h = x
            for _ in range(n // 2):
                h = h * 0.999 + 0.001
            h.backward()
            return h.detach()

        return Work(step, lambda h: [h.numpy(), x.grad])

    def reuse(self, n: int) -> Work:
        self._refuse_long(2 * n)
        x = tg.Tensor(1.5, requires_grad=True)

        @self.made
        def step() -> Any:
            x.grad = None
            h = x
            for _ in range(n):
                h = h * 0.5 + x
            h.backward()
            return h.detach()

        return Work(step, lambda h: [h.numpy(), x.grad])

    def _refuse_long(self, n: int) -> None:
        if self.compiled and n > LONGEST:
            raise NotMeasured(f"compiled code is measured up to {LONGEST} operations")

    def hvp(self, n: int) -> Work:
        x, v, w, u = hvp_data(n)
        product = self.made(tg.hvp(lambda x: u @ np.tanh(w @ x)))
        return Work(lambda: product(x, v), lambda y: [y])

    def hvp_weights(self, n: int, batch: int) -> Work:
        x, t, weights, direction = hvp_weights_data(n, batch)
        product = self.made(tg.hvp(lambda p: 0.5 * ((np.tanh(x @ p[0]) @ p[1] - t) ** 2).mean()))
        return Work(lambda: product(weights, direction), list)
