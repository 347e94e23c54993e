"""The workloads in autograd."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
from autograd import elementwise_grad, hessian_vector_product, value_and_grad
from autograd.extend import vspace
from autograd.tracer import getval

from ..workloads import NotMeasured, Work
from .data import RATE, chain_data, changes, elementwise_data, hvp_data, hvp_weights_data, mlp_data


class Engine:
    def __init__(self, variant: str, cores: int) -> None:
        pass

    def mlp(self, sizes: tuple[int, ...], batch: int) -> Work:
        x, labels, weights, biases = mlp_data(sizes, batch)
        start = [a.copy() for a in (*weights, *biases)]
        rows = anp.arange(batch)

        def loss_of(parameters: Any) -> Any:
            weights, biases = parameters
            h = x
            for w, b in zip(weights[:-1], biases[:-1], strict=True):
                h = anp.maximum(anp.dot(h, w) + b, 0.0)
            h = anp.dot(h, weights[-1]) + biases[-1]
            h = h - getval(h).max(axis=1, keepdims=True)
            return -anp.mean(h[rows, labels] - anp.log(anp.sum(anp.exp(h), axis=1)))

        f = value_and_grad(loss_of)

        def step() -> Any:
            loss, gradients = f((weights, biases))
            for ps, gs in zip((weights, biases), gradients, strict=True):
                for p, g in zip(ps, gs, strict=True):
                    p -= RATE * g
            return loss

        return Work(step, lambda loss: [loss, *changes([*weights, *biases], start)])

    def elementwise(self, n: int) -> Work:
        x = elementwise_data(n)
        f = value_and_grad(lambda x: anp.sum(1 / (1 + anp.exp(-x)) * anp.tanh(x) + anp.exp(-x * x)))
        return Work(lambda: f(x), list)

    def chain(self, n: int) -> Work:
        def f(inputs: Any) -> Any:
            h, w = inputs
            for _ in range(n // 2):
                h = anp.tanh(h * w)
            return h

        g, inputs = elementwise_grad(f), chain_data()
        return Work(lambda: g(inputs), list)

    def scalars(self, n: int) -> Work:
        def f(x: Any) -> Any:
            h = x
            for _ in range(n // 2):
                h = h * 0.999 + 0.001
            return h

        g = value_and_grad(f)
        return Work(lambda: g(1.5), list)

    def reuse(self, n: int) -> Work:
        def f(x: Any) -> Any:
            h = x
            for _ in range(n):
                h = h * 0.5 + x
            return h

        g = value_and_grad(f)
        return Work(lambda: g(1.5), list)

    def hvp(self, n: int) -> Work:
        x, v, w, u = hvp_data(n)
        product = hessian_vector_product(lambda x: anp.dot(u, anp.tanh(anp.dot(w, x))))
        return Work(lambda: product(x, v), lambda y: [y])

    def hvp_weights(self, n: int, batch: int) -> Work:
        x, t, p, v = hvp_weights_data(n, batch)
        gradient = value_and_grad(lambda p: 0.5 * anp.mean((anp.dot(anp.tanh(anp.dot(x, p[0])), p[1]) - t) ** 2))
        space = vspace(p)
        product = value_and_grad(lambda p: space.inner_prod(gradient(p)[1], v))
        return Work(lambda: product(p)[1], list)

    def conv(self, batch: int) -> Work:
        raise NotMeasured("it has no convolution of networks and no pooling")
