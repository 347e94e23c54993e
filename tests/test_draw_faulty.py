"""The picture paints what check_graph found wrong: in DOT text, with words beside the colour."""

import re

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import GradientError, check_graph, draw

X = np.arange(6.0).reshape(2, 3) + 0.5


@pytest.fixture
def bad():
    return tg.op.elementwise(np.sin, lambda g, y, x: -g * np.cos(x), name="bad_sin", register=False)


def red(source):
    """Give the labels of the nodes that are painted, without the legend."""
    lines = re.findall(r"^\t+(\S+) \[label=(.*?)(?=^\t+\S)", source, re.M | re.S)
    return [text for name, text in lines if 'fillcolor="#f8b4ae"' in text and not name.startswith("legend")]


def test_the_faulty_operation_is_red_with_words(bad):
    x = tg.Tensor(X, requires_grad=True)
    y = (bad(np.exp(x / 9.0)) * 2.0).sum()
    report = check_graph(y, raise_error=False)
    source = draw(y, faulty=report).source
    painted = red(source)
    assert len(painted) == 1
    assert "bad_sin" in painted[0]
    assert "wrong derivative" in painted[0]
    assert "it has the wrong sign" in source  # the tooltip
    assert "legend_faulty" in source
    with pytest.raises(GradientError) as e:
        check_graph(y)
    assert draw(y, faulty=e.value).source == source


def test_without_a_fault_nothing_is_painted(bad):
    x = tg.Tensor(X, requires_grad=True)
    y = np.sin(x).sum()
    plain = draw(y).source
    assert draw(y, faulty=check_graph(y)).source == plain
    assert not red(plain)
    assert "legend_faulty" not in plain


def test_a_fault_used_twice_inside_a_checkpoint_or_a_folded_module(bad):
    x = tg.Tensor(X, requires_grad=True)
    y = (bad(bad(x)) * 1.0).sum()
    assert len(red(draw(y, faulty=check_graph(y, raise_error=False)).source)) == 2
    y = tg.checkpoint(lambda t: bad(t) * t)(x).sum()
    assert len(red(draw(y, faulty=check_graph(y, raise_error=False)).source)) == 1

    class Wave(tg.nn.Module):
        def forward(self, x):
            return bad(x) * 2.0

    model = tg.nn.Sequential(tg.nn.Linear(3, 3, rng=0), Wave())
    y = model(X).sum()
    report = check_graph(y, raise_error=False)
    assert len(red(draw(y, faulty=report, depth=1).source)) == 1
    assert "#7a1a14" in draw(y, faulty=report, theme="dark").source


def test_tensors_may_be_given_and_bad_arguments_are_named(bad):
    x = tg.Tensor(X, requires_grad=True)
    h = np.sin(x)
    y = h.sum()
    assert len(red(draw(y, faulty=h).source)) == 1
    assert len(red(draw(y, faulty=[h, y]).source)) == 2
    other = check_graph(bad(x), raise_error=False)
    with pytest.raises(ValueError, match="none of the faulty operations is in this graph"):
        draw(y, faulty=other)
    with pytest.raises(TypeError, match=r"draw: faulty takes the report of check_graph, .* got str"):
        draw(y, faulty="sin")
    with pytest.raises(TypeError, match="got GradcheckReport"):
        draw(y, faulty=tg.gradcheck(np.sin, 1.0))
