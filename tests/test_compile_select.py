"""tg.select in compiled code: one call that runs the branches on their own elements, and what it refuses."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import compile


def f(x):
    return tg.select(x > 0, x, np.log, lambda v: v * 0.5).sum()


@pytest.mark.parametrize("exact", [False, True])
def test_select_follows_other_masks(exact):
    c = compile(f, exact=exact)
    for x in ([1.0, -2.0, 3.0], [-1.0, -2.0, 0.5], [-1.0, -1.0, -1.0]):
        a, b = (tg.Tensor(x, requires_grad=True) for _ in range(2))
        f(a).backward()
        c(b).backward()
        assert a.grad.tobytes() == b.grad.tobytes()
        assert f(np.array(x)) == c(np.array(x))
    assert c._recordings == 2


def test_select_over_what_would_be_frozen_is_refused():
    w = tg.Tensor(2.0, requires_grad=True)
    with pytest.raises(tg.TraceError, match="no other tensor that needs a gradient"):
        compile(lambda x: tg.select(x > 0, x, lambda v: v * w, np.sin).sum())(np.ones(3))

    def inner(x):
        h = np.exp(x)
        return tg.select(x > 0, x, lambda v: v * h[0], np.sin).sum()

    with pytest.raises(tg.TraceError, match="nothing else that the compiled function computes"):
        compile(inner)(np.ones(3))
