"""The workloads in MyGrad."""

from __future__ import annotations

from typing import Any

import mygrad as mg
import numpy as np
from mygrad.nnet.activations import sigmoid
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from ..workloads import NotMeasured, Work
from .data import RATE, chain_data, changes, conv_data, elementwise_data, mlp_data


class Engine:
    def __init__(self, variant: str, cores: int) -> None:
        pass

    def mlp(self, sizes: tuple[int, ...], batch: int) -> Work:
        x, labels, *parameters = mlp_data(sizes, batch)
        weights, biases = ([mg.tensor(a) for a in part] for part in parameters)

        def model(h: Any) -> Any:
            for w, b in zip(weights[:-1], biases[:-1], strict=True):
                h = mg.nnet.activations.relu(h @ w + b)
            return h @ weights[-1] + biases[-1]

        return self._training(model, x, labels, weights, biases)

    def conv(self, batch: int) -> Work:
        x, labels, *parameters = conv_data(batch)
        weights, biases = ([mg.tensor(a) for a in part] for part in parameters)

        def model(h: Any) -> Any:
            for w, b in zip(weights[:2], biases[:2], strict=True):
                h = mg.nnet.activations.relu(conv_nd(h, w, stride=1, padding=1) + b.reshape(1, -1, 1, 1))
                h = max_pool(h, (2, 2), 2)
            return h.reshape(batch, -1) @ weights[2] + biases[2]

        return self._training(model, x, labels, weights, biases)

    def _training(self, model: Any, x: Any, labels: Any, weights: Any, biases: Any) -> Work:
        start = [p.data.copy() for p in (*weights, *biases)]

        def step() -> Any:
            loss = softmax_crossentropy(model(x), labels)
            loss.backward()
            for p in (*weights, *biases):
                p.data -= RATE * p.grad
            return loss

        return Work(step, lambda loss: [loss.data, *changes([p.data for p in (*weights, *biases)], start)])

    def elementwise(self, n: int) -> Work:
        x = mg.tensor(elementwise_data(n))

        def step() -> Any:
            y = (sigmoid(x) * mg.tanh(x) + mg.exp(-x * x)).sum()
            y.backward()
            return y

        return Work(step, lambda y: [y.data, x.grad])

    def chain(self, n: int) -> Work:
        x, w = (mg.tensor(a) for a in chain_data())
        one = np.ones(x.shape)

        def step() -> Any:
            h = x
            for _ in range(n // 2):
                h = mg.tanh(h * w)
            h.backward(one)

        return Work(step, lambda _: [x.grad, w.grad])

    def scalars(self, n: int) -> Work:
        x = mg.tensor(1.5)

        def step() -> Any:
            h = x
            for _ in range(n // 2):
                h = h * 0.999 + 0.001
            h.backward()
            return h

        return Work(step, lambda h: [h.data, x.grad])

    def reuse(self, n: int) -> Work:
        x = mg.tensor(1.5)

        def step() -> Any:
            h = x
            for _ in range(n):
                h = h * 0.5 + x
            h.backward()
            return h

        return Work(step, lambda h: [h.data, x.grad])

    def hvp(self, n: int) -> Work:
        raise NotMeasured("it has no second derivatives")

    def hvp_weights(self, n: int, batch: int) -> Work:
        raise NotMeasured("it has no second derivatives")
