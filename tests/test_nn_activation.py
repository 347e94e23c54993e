"""Activations: values and gradients against PyTorch and by themselves, limits, dtypes, options."""

import math

import nn_torch
import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor, nn
from tinygrad_nn.nn import functional as F

# name -> keyword variants; PyTorch has each function under the same name.
OPTIONS = {
    "relu": [{}],
    "sigmoid": [{}],
    "tanh": [{}],
    "logsigmoid": [{}],
    "relu6": [{}],
    "selu": [{}],
    "silu": [{}],
    "mish": [{}],
    "hardswish": [{}],
    "hardsigmoid": [{}],
    "softsign": [{}],
    "tanhshrink": [{}],
    "softplus": [{}, {"beta": 2.5}],
    "leaky_relu": [{}, {"negative_slope": 0.3}],
    "elu": [{}, {"alpha": 0.4}],
    "celu": [{}, {"alpha": 2.5}],
    "gelu": [{}, {"approximate": "tanh"}],
    "hardtanh": [{}, {"min_val": -0.5, "max_val": 2.0}],
    "hardshrink": [{}, {"lambd": 1.2}],
    "softshrink": [{}, {"lambd": 1.2}],
    "threshold": [{"threshold": 0.3, "value": -2.0}],
}
SAMPLES = [(name, options) for name, variants in OPTIONS.items() for options in variants]
KINKS = [-6.0, -3.0, -1.2, -1.0, -0.5, -0.0, 0.0, 0.3, 0.5, 1.0, 1.2, 2.0, 3.0, 6.0]


def of_torch(name, torch):
    table = {"erf": torch.erf, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
    return table.get(name) or getattr(torch.nn.functional, name)


@pytest.mark.parametrize(("name", "options"), SAMPLES)
def test_as_in_pytorch_also_at_kinks(name, options):
    torch = nn_torch.need_torch()
    x = np.concatenate([np.random.default_rng(0).normal(size=200) * 3, KINKS])
    # PyTorch's softplus leaves exp(-20) out, and its hardsigmoid's slope is 1/6 rounded to float32.
    tolerance = 2e-7 if name in ("softplus", "hardsigmoid") else 1e-9
    nn_torch.assert_same(
        lambda x: getattr(F, name)(x, **options),
        lambda x: of_torch(name, torch)(x, **options),
        [x],
        rtol=tolerance,
    )


@pytest.mark.parametrize(("name", "options"), SAMPLES)
def test_gradient_agrees_with_differences(name, options):
    x = np.linspace(-4.03, 3.97, 23)
    tg.gradcheck(lambda t: getattr(F, name)(t, **options), x, order=2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), SAMPLES)
def test_dtype_is_kept(name, options, dtype):
    x = Tensor(np.array([-2.0, -0.1, 0.7, 4.0], dtype), requires_grad=True)
    y = getattr(F, name)(x, **options)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == (dtype, dtype)


@pytest.mark.parametrize(("name", "options"), [s for s in SAMPLES if s[0] not in ("silu", "mish", "gelu")])
def test_finite_far_out_and_nan_kept(name, options):
    x = Tensor([-1e307, -1000.0, 1000.0, math.nan], requires_grad=True)
    y = getattr(F, name)(x, **options)
    y.sum().backward()
    assert np.isfinite(y.data[:3]).all()
    assert np.isfinite(x.grad[:3]).all()
    if name != "threshold":
        assert math.isnan(y.data[3])


@pytest.mark.parametrize("name", ["silu", "mish", "gelu"])
def test_weighted_by_x_far_out(name):
    x = Tensor([-1000.0, 1000.0], requires_grad=True)
    y = getattr(F, name)(x)
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [0.0, 1000.0])
    np.testing.assert_array_equal(x.grad, [0.0, 1.0])


def test_C53_relu_at_zero():
    x = Tensor([0.0, -0.0], requires_grad=True)
    F.relu(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_C85_sigmoid_far_out(dtype):
    x = Tensor(np.array([-1000.0, 1000.0], dtype), requires_grad=True)
    y = F.sigmoid(x)
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [0.0, 1.0])
    np.testing.assert_array_equal(x.grad, [0.0, 0.0])


def test_C86_logsigmoid_far_left():
    x = Tensor(-1000.0, requires_grad=True)
    y = F.logsigmoid(x)
    y.backward()
    assert (y.item(), float(x.grad)) == (-1000.0, 1.0)


def test_softplus_keeps_small_values():
    assert F.softplus(-40.0).item() == pytest.approx(math.exp(-40.0), rel=1e-14)
    assert F.logsigmoid(40.0).item() == pytest.approx(-math.exp(-40.0), rel=1e-14)


def test_erf_is_the_c_librarys():
    x = np.concatenate([np.linspace(-7, 7, 2001), [0.0, 1e-300, math.inf, -math.inf, 0.84375, 1.25, 1 / 0.35, 6.0]])
    want = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(F.erf(x).data, want, rtol=3e-16, atol=0)
    assert math.isnan(F.erf(math.nan).item())
    assert math.copysign(1.0, F.erf(-0.0).item()) == -1.0
    tg.gradcheck(F.erf, np.linspace(-2, 2, 9), order=2)


def test_gelu_keeps_its_digits_far_left():
    # x * erfc(-x / sqrt(2)) / 2, with C's erfc.
    x = np.linspace(-37.0, -1.0, 100)
    want = np.array([v * math.erfc(-v / math.sqrt(2)) / 2 for v in x])
    np.testing.assert_allclose(F.gelu(x).data, want, rtol=1e-12)


def test_integers_are_promoted():
    for name, options in SAMPLES:
        want = getattr(F, name)([-3.0, 0.0, 2.0], **options).data
        np.testing.assert_array_equal(getattr(F, name)([-3, 0, 2], **options).data, want)


@pytest.mark.parametrize("axis", [0, 1, -1, 2])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmax_family_as_in_pytorch(name, axis):
    torch = nn_torch.need_torch()
    for shape in ((3, 4, 5), (3, 40, 2)):
        x = np.random.default_rng(1).normal(size=shape) * 4
        nn_torch.assert_same(
            lambda x: getattr(F, name)(x, axis), lambda x: getattr(torch.nn.functional, name)(x, dim=axis), [x]
        )


def test_softmax_default_axis_is_the_last():
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(F.softmax(x).data.sum(axis=-1), 1.0)
    np.testing.assert_allclose(F.softmax(x, axis=None).data.sum(), 1.0)
    np.testing.assert_allclose(F.softmax(x, axis=(0, 1)).data, F.softmax(x, axis=None).data)


@pytest.mark.parametrize("columns", [2, 40])
def test_softmax_at_infinities(columns):
    x = np.zeros((4, columns))
    x[0, 0] = math.inf
    x[1, :2] = math.inf
    x[2] = -math.inf
    x[3, 0] = -math.inf
    y = F.softmax(x).data
    assert y[0, 0] == 1
    np.testing.assert_array_equal(y[1, :2], [0.5, 0.5])
    np.testing.assert_allclose(y[2], 1 / columns)
    np.testing.assert_allclose(y[3, 1:], 1 / (columns - 1))
    assert y[3, 0] == 0
    np.testing.assert_allclose(np.exp(F.log_softmax(x).data), y)


def test_article_softmax_without_overflow():
    np.testing.assert_allclose(F.softmax([0.3, 2.9, 4.0]).data, [0.01821127, 0.24519181, 0.73659691], atol=5e-9)
    np.testing.assert_allclose(
        F.softmax([1010.0, 1000.0, 990.0]).data, [9.99954600e-01, 4.53978686e-05, 2.06106005e-09]
    )


def test_softmax_keeps_nan():
    assert np.isnan(F.softmax([math.nan, 1.0]).data).all()
    assert np.isnan(F.logsumexp([math.nan, 1.0]).item())


def test_C92_logsumexp_of_equal_huge_numbers():
    x = Tensor([1e16, 1e16], requires_grad=True)
    F.logsumexp(x).backward()
    np.testing.assert_array_equal(x.grad, [0.5, 0.5])


def test_logsumexp_against_scipy():
    special = pytest.importorskip("scipy.special")
    x = np.random.default_rng(0).normal(size=(3, 4, 5)) * 300
    for axis in (None, 0, -1, (0, 2)):
        for keepdims in (False, True):
            want = special.logsumexp(x, axis=axis, keepdims=keepdims)
            np.testing.assert_allclose(F.logsumexp(x, axis, keepdims).data, want, rtol=1e-13)
    assert F.logsumexp([-math.inf, -math.inf]).item() == -math.inf
    assert F.logsumexp([math.inf, 0.0]).item() == math.inf
    assert F.logsumexp(np.zeros(0)).item() == -math.inf


def test_softmax_second_order():
    x = np.random.default_rng(0).normal(size=(3, 4))
    for f in (F.softmax, F.log_softmax, lambda t: F.logsumexp(t, axis=1), lambda t: F.softmax(t, axis=0)):
        tg.gradcheck(f, x, order=2)


def test_glu_and_prelu_as_in_pytorch():
    torch = nn_torch.need_torch()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 4, 6))
    x[0, 0, 0] = 0.0
    for axis in (0, 1, 2, -1):
        if x.shape[axis] % 2 == 0:
            nn_torch.assert_same(lambda x: F.glu(x, axis), lambda x: torch.nn.functional.glu(x, axis), [x])  # noqa: B023
    for w in (rng.normal(size=1), rng.normal(size=4)):
        nn_torch.assert_same(F.prelu, torch.nn.functional.prelu, [x, w])
    with pytest.raises(ValueError, match=r"glu: axis 0 of shape \(3, 4, 6\) must have an even length"):
        F.glu(x, 0)
    with pytest.raises(ValueError, match=r"prelu: weight of shape \(5,\) does not fit the channels"):
        F.prelu(x, np.ones(5))


MODULES = [
    (nn.ReLU(), "relu", {}),
    (nn.Sigmoid(), "sigmoid", {}),
    (nn.Tanh(), "tanh", {}),
    (nn.LogSigmoid(), "logsigmoid", {}),
    (nn.ReLU6(), "relu6", {}),
    (nn.SELU(), "selu", {}),
    (nn.SiLU(), "silu", {}),
    (nn.Mish(), "mish", {}),
    (nn.Hardswish(), "hardswish", {}),
    (nn.Hardsigmoid(), "hardsigmoid", {}),
    (nn.Softsign(), "softsign", {}),
    (nn.Tanhshrink(), "tanhshrink", {}),
    (nn.Softplus(2.0), "softplus", {"beta": 2.0}),
    (nn.LeakyReLU(0.2), "leaky_relu", {"negative_slope": 0.2}),
    (nn.ELU(0.5), "elu", {"alpha": 0.5}),
    (nn.CELU(0.5), "celu", {"alpha": 0.5}),
    (nn.GELU("tanh"), "gelu", {"approximate": "tanh"}),
    (nn.Hardtanh(-2.0, 0.5), "hardtanh", {"min_val": -2.0, "max_val": 0.5}),
    (nn.Hardshrink(0.3), "hardshrink", {"lambd": 0.3}),
    (nn.Softshrink(0.3), "softshrink", {"lambd": 0.3}),
    (nn.Threshold(0.3, 7.0), "threshold", {"threshold": 0.3, "value": 7.0}),
    (nn.Softmax(0), "softmax", {"axis": 0}),
    (nn.LogSoftmax(0), "log_softmax", {"axis": 0}),
    (nn.Softmin(0), "softmin", {"axis": 0}),
    (nn.GLU(1), "glu", {"axis": 1}),
]


@pytest.mark.parametrize(("module", "name", "options"), MODULES, ids=lambda v: v if isinstance(v, str) else "")
def test_modules_are_the_functions(module, name, options):
    x = np.random.default_rng(0).normal(size=(4, 6)) * 2
    for data in (x, Tensor(x), x.tolist()):
        np.testing.assert_array_equal(module(data).data, getattr(F, name)(x, **options).data)
        assert isinstance(module(data), Tensor)
    assert repr(module).startswith(f"{type(module).__name__}(")
    assert list(module.parameters()) == []


def test_prelu_module_as_in_pytorch():
    torch = nn_torch.need_torch()
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    nn_torch.assert_same_module(nn.PReLU(dtype=float), torch.nn.PReLU(), [x])
    nn_torch.assert_same_module(nn.PReLU(4, 0.1, dtype=float), torch.nn.PReLU(4), [x])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: F.gelu(1.0, "erf"), "gelu: approximate must be 'none' or 'tanh', got 'erf'"),
        (lambda: F.hardtanh(1.0, 2.0, 1.0), "hardtanh: min_val=2.0 must be below max_val=1.0"),
        (lambda: F.softplus(1.0, beta=0.0), "softplus: beta must be above 0"),
        (lambda: F.celu(1.0, alpha=-1.0), "celu: alpha must be above 0"),
        (lambda: F.softshrink(1.0, lambd=-1.0), "softshrink: lambd must be at least 0"),
        (lambda: nn.PReLU(0), "PReLU: num_parameters must be a whole number above 0"),
    ],
)
def test_bad_options(call, text):
    with pytest.raises(ValueError, match=text):
        call()
