"""The workloads in PyTorch, eager."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .data import chain_data, elementwise_data, hvp_data, mlp_data


def set_threads(n: int) -> None:
    torch.set_num_threads(n)


def mlp(sizes: tuple[int, ...], batch: int) -> Callable[[], float]:
    x, labels, weights, biases = mlp_data(sizes, batch)
    layers: list[torch.nn.Module] = []
    for w, b in zip(weights, biases, strict=True):
        layer = torch.nn.Linear(*w.shape)
        layer.weight.data = torch.tensor(w.T.copy())
        layer.bias.data = torch.tensor(b)
        layers += [layer, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    xt, yt = torch.tensor(x), torch.tensor(labels)

    def step() -> float:
        loss = torch.nn.functional.cross_entropy(model(xt), yt)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def elementwise(n: int) -> Callable[[], float]:
    x = torch.tensor(elementwise_data(n), requires_grad=True)

    def step() -> float:
        x.grad = None
        y = (torch.sigmoid(x) * torch.tanh(x) + torch.exp(-x * x)).sum()
        y.backward()
        return (y + x.grad[0]).detach()

    return step


def chain(n: int) -> Callable[[], float]:
    x, w = (torch.tensor(a, requires_grad=True) for a in chain_data())
    one = torch.ones_like(x)

    def step() -> float:
        x.grad = w.grad = None
        h = x
        for _ in range(n // 2):
            h = (h * w).tanh()
        h.backward(one)
        return w.grad.sum() + x.grad.sum()

    return step


def scalars(n: int) -> Callable[[], float]:
    x = torch.tensor(1.5, requires_grad=True, dtype=torch.float64)

    def step() -> float:
        x.grad = None
        h = x
        for _ in range(n // 2):
            h = h * 0.999 + 0.001
        h.backward()
        return x.grad

    return step


def reuse(n: int) -> Callable[[], float]:
    x = torch.tensor(1.5, requires_grad=True, dtype=torch.float64)

    def step() -> float:
        x.grad = None
        h = x
        for _ in range(n):
            h = h * 0.5 + x
        h.backward()
        return x.grad

    return step


def hvp(n: int) -> Callable[[], float]:
    x, v, w, u = (torch.tensor(a) for a in hvp_data(n))

    def f(x: torch.Tensor) -> torch.Tensor:
        return u @ torch.tanh(w @ x)

    return lambda: torch.autograd.functional.hvp(f, x, v)[1].sum()
