"""The workloads in JAX, each as one function under jit; long chains are loops of lax.scan, no graph of n operations."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..workloads import Work
from .data import RATE, chain_data, changes, conv_data, elementwise_data, hvp_data, hvp_weights_data, mlp_data

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def arrays(tree: Any) -> list[Any]:
    return [np.asarray(a) for a in jax.tree.leaves(tree)]


def cross_entropy(h: Any, labels: Any) -> Any:
    logs = jax.nn.log_softmax(h)
    return -jnp.take_along_axis(logs, labels[:, None], axis=1).mean()


class Engine:
    def __init__(self, variant: str, cores: int) -> None:
        pass  # XLA makes as many threads as the process may use cores

    def mlp(self, sizes: tuple[int, ...], batch: int) -> Work:
        x, labels, weights, biases = mlp_data(sizes, batch)

        def model(parameters: Any, h: Any) -> Any:
            weights, biases = parameters
            for w, b in zip(weights[:-1], biases[:-1], strict=True):
                h = jax.nn.relu(h @ w + b)
            return h @ weights[-1] + biases[-1]

        return self._training(model, x, labels, weights, biases)

    def conv(self, batch: int) -> Work:
        x, labels, weights, biases = conv_data(batch)

        def model(parameters: Any, h: Any) -> Any:
            weights, biases = parameters
            for w, b in zip(weights[:2], biases[:2], strict=True):
                h = jax.lax.conv_general_dilated(h, w, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))
                h = jax.nn.relu(h + b[:, None, None])
                h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
            return h.reshape(len(h), -1) @ weights[2] + biases[2]

        return self._training(model, x, labels, weights, biases)

    def _training(self, model: Any, x: Any, labels: Any, weights: Any, biases: Any) -> Work:
        state = [jax.tree.map(jnp.asarray, (weights, biases))]
        xj, yj = jnp.asarray(x), jnp.asarray(labels)

        @jax.jit
        def update(parameters: Any, x: Any, labels: Any) -> Any:
            loss, g = jax.value_and_grad(lambda p: cross_entropy(model(p, x), labels))(parameters)
            return loss, jax.tree.map(lambda p, d: p - RATE * d, parameters, g)

        def step() -> Any:
            loss, state[0] = jax.block_until_ready(update(state[0], xj, yj))
            return loss

        return Work(step, lambda loss: [np.asarray(loss), *changes(arrays(state[0]), [*weights, *biases])])

    def elementwise(self, n: int) -> Work:
        x = jnp.asarray(elementwise_data(n))
        f = jax.jit(jax.value_and_grad(lambda x: (jax.nn.sigmoid(x) * jnp.tanh(x) + jnp.exp(-x * x)).sum()))
        return Work(lambda: jax.block_until_ready(f(x)), arrays)

    def chain(self, n: int) -> Work:
        x, w = (jnp.asarray(a) for a in chain_data())

        def f(x: Any, w: Any) -> Any:
            return jax.lax.scan(lambda h, _: (jnp.tanh(h * w), None), x, length=n // 2)[0].sum()

        return self._gradient(f, (x, w))

    def scalars(self, n: int) -> Work:
        def f(x: Any) -> Any:
            return jax.lax.scan(lambda h, _: (h * 0.999 + 0.001, None), x, length=n // 2)[0]

        return self._gradient(f, (jnp.float64(1.5),), value=True)

    def reuse(self, n: int) -> Work:
        def f(x: Any) -> Any:
            return jax.lax.scan(lambda h, _: (h * 0.5 + x, None), x, length=n)[0]

        return self._gradient(f, (jnp.float64(1.5),), value=True)

    def _gradient(self, f: Any, inputs: Any, value: bool = False) -> Work:
        g = jax.jit(jax.value_and_grad(f, tuple(range(len(inputs)))))
        return Work(lambda: jax.block_until_ready(g(*inputs)), lambda y: arrays(y if value else y[1]))

    def hvp(self, n: int) -> Work:
        x, v, w, u = (jnp.asarray(a) for a in hvp_data(n))
        gradient = jax.grad(lambda x: u @ jnp.tanh(w @ x))
        product = jax.jit(lambda x, v: jax.jvp(gradient, (x,), (v,))[1])
        return Work(lambda: product(x, v).block_until_ready(), arrays)

    def hvp_weights(self, n: int, batch: int) -> Work:
        x, t, p, v = jax.tree.map(jnp.asarray, hvp_weights_data(n, batch))
        gradient = jax.grad(lambda p: 0.5 * ((jnp.tanh(x @ p[0]) @ p[1] - t) ** 2).mean())
        product = jax.jit(lambda p, v: jax.jvp(gradient, (p,), (v,))[1])
        return Work(lambda: jax.block_until_ready(product(p, v)), arrays)
