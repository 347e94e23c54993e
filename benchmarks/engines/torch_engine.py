"""The workloads in PyTorch: eager, or with the loss under torch.compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..workloads import NotMeasured, Work
from .data import RATE, chain_data, changes, conv_data, elementwise_data, hvp_data, hvp_weights_data, mlp_data


class Engine:
    def __init__(self, variant: str, cores: int) -> None:
        torch.set_num_threads(cores)
        self.compiled = variant == "compile"
        self.made: Callable[[Any], Any] = torch.compile if self.compiled else lambda f: f

    def mlp(self, sizes: tuple[int, ...], batch: int) -> Work:
        x, labels, weights, biases = mlp_data(sizes, batch)
        dense = [torch.nn.Linear(*w.shape) for w in weights]
        layers = [part for layer in dense for part in (layer, torch.nn.ReLU())]
        return self._training(torch.nn.Sequential(*layers[:-1]), dense, x, labels, weights, biases)

    def conv(self, batch: int) -> Work:
        x, labels, weights, biases = conv_data(batch)
        nn = torch.nn
        one, two, dense = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1), nn.Linear(64, 10)
        model = nn.Sequential(one, nn.ReLU(), nn.MaxPool2d(2), two, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), dense)
        return self._training(model, [one, two, dense], x, labels, weights, biases)

    def _training(self, model: Any, layers: Any, x: Any, labels: Any, weights: Any, biases: Any) -> Work:
        with torch.no_grad():
            for layer, w, b in zip(layers, weights, biases, strict=True):
                layer.weight.copy_(torch.tensor(w.T if w.ndim == 2 else w))
                layer.bias.copy_(torch.tensor(b))
        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        xt, yt = torch.tensor(x), torch.tensor(labels)
        loss_of = self.made(lambda x, y: torch.nn.functional.cross_entropy(model(x), y))

        def step() -> Any:
            loss = loss_of(xt, yt)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.detach()

        def results(loss: Any) -> list[Any]:
            trained = [layer.weight.detach() for layer in layers]
            now = [(w.T if w.ndim == 2 else w).numpy() for w in trained]
            now += [layer.bias.detach().numpy() for layer in layers]
            return [loss.numpy(), *changes(now, [*weights, *biases])]

        return Work(step, results)

    def elementwise(self, n: int) -> Work:
        x = torch.tensor(elementwise_data(n), requires_grad=True)
        f = self.made(lambda x: (torch.sigmoid(x) * torch.tanh(x) + torch.exp(-x * x)).sum())

        def step() -> Any:
            x.grad = None
            y = f(x)
            y.backward()
            return y.detach()

        return Work(step, lambda y: [y.numpy(), x.grad.numpy()])

    def chain(self, n: int) -> Work:
        self._eager_only()
        x, w = (torch.tensor(a, requires_grad=True) for a in chain_data())
        one = torch.ones_like(x)

        def step() -> Any:
            x.grad = w.grad = None
            h = x
            for _ in range(n // 2):
                h = (h * w).tanh()
            h.backward(one)

        return Work(step, lambda _: [x.grad.numpy(), w.grad.numpy()])

    def scalars(self, n: int) -> Work:
        self._eager_only()
        x = torch.tensor(1.5, requires_grad=True, dtype=torch.float64)

        def step() -> Any:
            x.grad = None
            h = x
            for _ in range(n // 2):
                h = h * 0.999 + 0.001
            h.backward()
            return h.detach()

        return Work(step, lambda h: [h.numpy(), x.grad.numpy()])

    def reuse(self, n: int) -> Work:
        self._eager_only()
        x = torch.tensor(1.5, requires_grad=True, dtype=torch.float64)

        def step() -> Any:
            x.grad = None
            h = x
            for _ in range(n):
                h = h * 0.5 + x
            h.backward()
            return h.detach()

        return Work(step, lambda h: [h.numpy(), x.grad.numpy()])

    def _eager_only(self) -> None:
        if self.compiled:
            raise NotMeasured("its compiler takes minutes for a graph of thousands of operations")

    def hvp(self, n: int) -> Work:
        self._no_second_order()
        x, v, w, u = (torch.tensor(a) for a in hvp_data(n))
        f = lambda x: u @ torch.tanh(w @ x)  # noqa: E731
        return Work(lambda: torch.autograd.functional.hvp(f, x, v)[1], lambda y: [y.numpy()])

    def hvp_weights(self, n: int, batch: int) -> Work:
        self._no_second_order()
        xa, ta, weights, direction = hvp_weights_data(n, batch)
        x, t = torch.tensor(xa), torch.tensor(ta)
        p, v = (tuple(torch.tensor(a) for a in pair) for pair in (weights, direction))
        f = lambda w, u: 0.5 * ((torch.tanh(x @ w) @ u - t) ** 2).mean()  # noqa: E731
        return Work(lambda: torch.autograd.functional.hvp(f, p, v)[1], lambda ys: [y.numpy() for y in ys])

    def _no_second_order(self) -> None:
        if self.compiled:
            raise NotMeasured("it has no derivative of a compiled derivative")
