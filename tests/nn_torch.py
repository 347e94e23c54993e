"""Compare functions and layers with PyTorch's: values and the gradients of every input and parameter, in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, nn

torch: Any = None


def need_torch() -> Any:
    global torch
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here", exc_type=ImportError)
    return torch


def leaves(result: Any) -> list[Any]:
    """Give the arrays of a result in nested tuples."""
    if isinstance(result, tuple):
        return [leaf for part in result for leaf in leaves(part)]
    return [result]


def assert_same(
    ours: Callable[..., Any], theirs: Callable[..., Any], arrays: list[Any], rtol: float = 1e-9, atol: float = 1e-11
) -> None:
    """Run both on the arrays (floats are differentiated) and compare results and gradients for random cotangents."""
    xs = [Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    ts = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    compare(ours(*xs), theirs(*ts), list(zip(xs, ts, strict=True)), rtol, atol)


def compare(y: Any, z: Any, pairs: list[Any], rtol: float = 1e-9, atol: float = 1e-11) -> None:
    ys, zs = leaves(y), leaves(z)
    assert len(ys) == len(zs)
    rng = np.random.default_rng(3)
    total: Any = 0.0
    torch_total: Any = 0.0
    for a, b in zip(ys, zs, strict=True):
        assert a.shape == tuple(b.shape)
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=rtol, atol=atol)
        g = rng.normal(size=a.shape)
        total = total + (a * g).sum()
        torch_total = torch_total + (b * torch.tensor(g)).sum()
    total.backward()
    torch_total.backward()
    for i, (x, t) in enumerate(pairs):
        if x.requires_grad:
            want = np.zeros(x.shape) if t.grad is None else t.grad.numpy()
            assert x.grad is not None, f"input {i} has no gradient"
            np.testing.assert_allclose(x.grad, want, rtol=rtol, atol=atol, err_msg=f"gradient of input {i}")


def twins(module: nn.Module, other: Any) -> list[Any]:
    """Give a torch module this module's state (keys and shapes must be the same) and pair their parameters."""
    state = {k: torch.tensor(v) for k, v in module.state_dict().items()}
    theirs = {k: tuple(v.shape) for k, v in other.state_dict().items()}
    assert {k: tuple(v.shape) for k, v in state.items()} == theirs
    assert list(state) == list(theirs)
    other.load_state_dict(state)
    named = dict(other.named_parameters())
    assert list(named) == [k for k, _ in module.named_parameters()]
    return [(p, named[k]) for k, p in module.named_parameters()]


def assert_same_module(
    module: nn.Module, other: Any, arrays: list[Any], rtol: float = 1e-9, atol: float = 1e-11, **options: Any
) -> None:
    """Compare a module with torch's on arrays: results, gradients of the inputs and of all parameters."""
    pairs = twins(module, other.double())
    xs = [Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    ts = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    compare(module(*xs, **options), other(*ts, **options), pairs + list(zip(xs, ts, strict=True)), rtol, atol)
