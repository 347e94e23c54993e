"""Pooling: against PyTorch over shapes and options, ties, NaN, second order, errors."""

import itertools

import nn_torch
import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor, nn
from tinygrad_nn.nn import functional as F

GEOMETRIES = list(itertools.product((2, (3, 2)), (None, 1, (2, 3)), (0, 1), (False, True)))


@pytest.mark.parametrize(("size", "stride", "padding", "ceil_mode"), GEOMETRIES)
def test_2d_as_in_pytorch(size, stride, padding, ceil_mode):
    torch = nn_torch.need_torch()
    TF = torch.nn.functional
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 7))
    for dilation in (1, 2):
        args = (size, stride, padding, dilation, ceil_mode)
        nn_torch.assert_same(lambda x: F.max_pool2d(x, *args), lambda x: TF.max_pool2d(x, *args), [x])  # noqa: B023
    for include in (True, False):
        args = (size, stride, padding, ceil_mode, include)
        nn_torch.assert_same(lambda x: F.avg_pool2d(x, *args), lambda x: TF.avg_pool2d(x, *args), [x])  # noqa: B023
    args = (size, stride, padding, ceil_mode, True, 5)
    nn_torch.assert_same(lambda x: F.avg_pool2d(x, *args), lambda x: TF.avg_pool2d(x, *args), [x])


@pytest.mark.parametrize(
    ("size", "stride", "padding", "ceil_mode"), [(2, None, 0, False), (3, 2, 1, True), (4, 1, 2, False)]
)
def test_1d_as_in_pytorch(size, stride, padding, ceil_mode):
    torch = nn_torch.need_torch()
    TF = torch.nn.functional
    for shape in ((2, 3, 9), (3, 10)):
        x = np.random.default_rng(0).normal(size=shape)
        args = (size, stride, padding, 1, ceil_mode)
        nn_torch.assert_same(lambda x: F.max_pool1d(x, *args), lambda x: TF.max_pool1d(x, *args), [x])  # noqa: B023
        args = (size, stride, padding, ceil_mode, False)
        nn_torch.assert_same(lambda x: F.avg_pool1d(x, *args), lambda x: TF.avg_pool1d(x, *args), [x])  # noqa: B023


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, (3, 5), (None, 2), (7, None), (9, 11)])
def test_adaptive_as_in_pytorch(size):
    torch = nn_torch.need_torch()
    for shape in ((2, 3, 8, 10), (3, 7, 7)):
        x = np.random.default_rng(0).normal(size=shape)
        nn_torch.assert_same(
            lambda x: F.adaptive_avg_pool2d(x, size), lambda x: torch.nn.functional.adaptive_avg_pool2d(x, size), [x]
        )
    if isinstance(size, int):
        x = np.random.default_rng(0).normal(size=(2, 3, 10))
        nn_torch.assert_same(
            lambda x: F.adaptive_avg_pool1d(x, size), lambda x: torch.nn.functional.adaptive_avg_pool1d(x, size), [x]
        )


def test_C59_the_first_of_ties_takes_all():
    x = Tensor(np.array([[[[1.0, 3.0], [3.0, 3.0]]]]), requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    np.testing.assert_array_equal(x.grad[0, 0], [[0.0, 1.0], [0.0, 0.0]])
    zeros = Tensor(np.zeros((2, 3, 4, 4)), requires_grad=True)
    F.max_pool2d(zeros, 2).sum().backward()
    np.testing.assert_array_equal(zeros.grad[:, :, ::2, ::2], 1.0)
    assert zeros.grad.sum() == 24.0


def test_ties_as_in_pytorch():
    torch = nn_torch.need_torch()
    x = np.random.default_rng(0).integers(0, 3, (3, 2, 7, 7)).astype(float)
    nn_torch.assert_same(lambda x: F.max_pool2d(x, 3, 2, 1), lambda x: torch.nn.functional.max_pool2d(x, 3, 2, 1), [x])


def test_nan_wins_and_takes_the_gradient():
    x = Tensor([[[1.0, np.nan, 2.0, np.nan, 5.0, 0.0]]], requires_grad=True)
    y = F.max_pool1d(x, 2)
    assert np.isnan(y.data[0, 0, :2]).all()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad[0, 0], [0.0, 1.0, 0.0, 1.0, 1.0, 0.0])


def test_padding_is_never_the_largest():
    x = Tensor([[[-5.0, -3.0]]], requires_grad=True)
    y = F.max_pool1d(x, 2, 1, 1)
    np.testing.assert_array_equal(y.data, [[[-5.0, -3.0, -3.0]]])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [[[1.0, 2.0]]])
    low = Tensor([[[-np.inf, -np.inf]]], requires_grad=True)
    F.max_pool1d(low, 2, 1, 1).sum().backward()
    assert low.grad.sum() <= 3.0


def test_second_order_and_forward_mode():
    x = np.random.default_rng(0).normal(size=(2, 2, 5, 4))
    tg.gradcheck(lambda x: F.max_pool2d(x, 2, 1, 1), x, order=2)
    tg.gradcheck(lambda x: np.square(F.max_pool2d(x, (2, 3), 2)), x, order=2)
    tg.gradcheck(lambda x: np.square(F.avg_pool2d(x, 2, 1, 1, False, False)), x, order=2)
    tg.gradcheck(lambda x: np.square(F.adaptive_avg_pool2d(x, (3, 2))), x, order=2)


def test_integers():
    x = np.arange(16).reshape(1, 1, 4, 4)
    np.testing.assert_array_equal(F.max_pool2d(x, 2).data[0, 0], [[5.0, 7.0], [13.0, 15.0]])
    np.testing.assert_array_equal(F.avg_pool2d(x, 2).data[0, 0], [[2.5, 4.5], [10.5, 12.5]])
    np.testing.assert_array_equal(F.adaptive_avg_pool2d(x, 2).data[0, 0], [[2.5, 4.5], [10.5, 12.5]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_dtype_is_kept(dtype):
    x = Tensor(np.ones((1, 1, 4, 4), dtype), requires_grad=True)
    for y in (F.max_pool2d(x, 2), F.avg_pool2d(x, 3, 2, 1, False, False), F.adaptive_avg_pool2d(x, 3)):
        x.zero_grad()
        y.sum().backward()
        assert x.grad.dtype == dtype


def test_modules_are_the_functions():
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8))
    row = x[..., 0]
    for module, want, data in (
        (nn.MaxPool2d(3, 2, 1), F.max_pool2d(x, 3, 2, 1), x),
        (nn.MaxPool1d(2), F.max_pool1d(row, 2), row),
        (nn.AvgPool2d(3, 2, 1, True, False, 4), F.avg_pool2d(x, 3, 2, 1, True, False, 4), x),
        (nn.AvgPool1d(2, 1), F.avg_pool1d(row, 2, 1), row),
        (nn.AdaptiveAvgPool2d((2, 3)), F.adaptive_avg_pool2d(x, (2, 3)), x),
        (nn.AdaptiveAvgPool1d(3), F.adaptive_avg_pool1d(row, 3), row),
    ):
        np.testing.assert_array_equal(module(data).data, want.data)
    assert repr(nn.MaxPool2d(3, 2)) == "MaxPool2d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=False)"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: F.max_pool2d(np.ones((1, 1, 4, 4)), 2, padding=2), "padding 2 must be at most half of kernel_size 2"),
        (lambda: F.max_pool2d(np.ones((1, 1, 4, 4)), 5), "window of length 5 does not fit axis 2 of length 4"),
        (lambda: F.max_pool2d(np.ones((4, 4)), 2), "needs an input of 4 axes"),
        (lambda: F.avg_pool1d(np.ones((1, 1, 4)), 0), "kernel_size must be a whole number >= 1"),
        (lambda: F.avg_pool2d(np.ones((1, 1, 4, 4)), 2, divisor_override=0), "divisor_override must be"),
        (lambda: F.adaptive_avg_pool2d(np.ones((1, 1, 4, 4)), 0), "output_size must be a whole number"),
    ],
)
def test_bad_input(call, text):
    with pytest.raises(ValueError, match=text) as e:
        call()
    assert "\n" not in str(e.value)
