"""einops on tensors, with gradients."""

import numpy as np
import pytest

from tinygrad_nn import Tensor, gradcheck

pytest.importorskip("einops", reason='einops is not installed: pip install "tinygrad_nn[all]"')
from einops.array_api import rearrange, reduce, repeat

A = np.random.default_rng(0).normal(size=(2, 4, 3))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: rearrange(x, "a (b c) d -> (a c) d b", b=2),
        lambda x: reduce(x, "a b c -> a c", "mean"),
        lambda x: reduce(x, "a (b two) c -> a b c", "max", two=2),
        lambda x: repeat(x, "a b c -> a b (c three)", three=3),
    ],
)
def test_einops_gives_tensors_of_its_own_values_with_gradients(f):
    y = f(Tensor(A, requires_grad=True))
    assert type(y) is Tensor
    assert y.requires_grad
    assert gradcheck(f, A)
