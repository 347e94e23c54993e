"""Fourier transforms of tensors: what stands between two transforms is complex, and computed with as NumPy does."""

import numpy as np
import op_samples as s
import pytest

import tinygrad_nn as tg
from tinygrad_nn import Tensor
from tinygrad_nn.ops.complex import Complex

A = np.random.default_rng(0).normal(size=(3, 8))
B = np.random.default_rng(1).normal(size=(3, 8))
FILTER = np.random.default_rng(2).normal(size=5) + 1j * np.random.default_rng(3).normal(size=5)


def slope_agrees(f, x):
    t = np.random.default_rng(5).uniform(-1, 1, x.shape)
    want, error = s.richardson(lambda h: float(np.sum(f(x + h * t) * np.cos(np.arange(f(x).size)).reshape(f(x).shape))))
    leaf = Tensor(x, requires_grad=True)
    y = f(leaf)
    np.testing.assert_allclose(y.data, f(x), rtol=1e-13, atol=1e-13)
    y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
    assert abs(np.sum(leaf.grad * t) - want) <= 1e-8 * max(1.0, abs(want)) + 10 * error


PIPELINES = {
    "filter": lambda x: np.fft.irfft(np.fft.rfft(x) * FILTER),
    "power": lambda x: np.abs(np.fft.rfft(x)) ** 2,
    "spectrum": lambda x: np.abs(np.fft.fft(x)),
    "phase": lambda x: np.angle(np.fft.rfft(x))[..., 1:4],
    "parts": lambda x: np.fft.fft(x).real * np.fft.fft(x).imag,
    "convolution": lambda x: np.fft.ifft(np.fft.fft(x) * np.fft.fft(B)).real,
    "autocorrelation": lambda x: np.fft.irfft(np.fft.rfft(x) * np.conj(np.fft.rfft(x))),
    "deconvolution": lambda x: np.fft.irfft(np.fft.rfft(x) / (np.fft.rfft(B) + 3.0)),
    "quotient": lambda x: np.abs(FILTER / (2.0 + np.fft.rfft(x))),
    "plane": lambda x: np.fft.irfft2(np.fft.rfft2(x) * 0.5j, s=x.shape, axes=(-2, -1)),
    "lowpass": lambda x: np.fft.irfft(np.fft.rfft(x)[:, :3], 8),
    "shifted": lambda x: np.abs(np.fft.fftshift(np.fft.fft2(x))),
    "cosine": lambda x: np.real(np.exp(np.fft.rfft(x) * 0.1) - np.log(np.fft.rfft(x) + 9.0)),
    "summed": lambda x: np.abs(np.fft.rfft(x).sum(axis=0) - np.sum(np.fft.rfft(B), axis=0)),
    "matrix": lambda x: np.abs(np.fft.rfft(x) @ np.ones((5, 2))),
    "square": lambda x: (np.fft.rfft(x) ** 2).imag,
    "stacked": lambda x: np.abs(np.concatenate([np.fft.rfft(x), np.fft.rfft(2.0 * x)], axis=1)),
    "hermitian": lambda x: np.fft.hfft(np.fft.ihfft(x)),
    "chosen": lambda x: np.where(B[:, :5] > 0, np.fft.rfft(x), 0.0).real,
}


@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines_have_numpys_value_and_slope(name):
    slope_agrees(PIPELINES[name], A)


def test_second_order_through_a_spectrum():
    f = lambda x: (np.abs(np.fft.rfft(x)) ** 4).sum()  # noqa: E731
    h = tg.hessian(f)(A[0])
    eye = np.eye(8)
    for i in range(8):
        want, _ = s.richardson(lambda k, i=i: tg.grad(f)(A[0] + k * eye[i]))
        np.testing.assert_allclose(h[i], want, rtol=1e-6, atol=1e-6)


def test_a_complex_is_not_turned_into_plain_numbers():
    z = np.fft.rfft(Tensor(A, requires_grad=True))
    assert isinstance(z, Complex)
    assert z.shape == (3, 5)
    assert z.ndim == 2
    assert len(z) == 3
    assert z.dtype == np.complex128
    assert repr(z).startswith("Complex([[")
    with pytest.raises(TypeError, match="cut the graph"):
        np.asarray(z)
    with pytest.raises(TypeError, match="sinh"):
        np.sinh(z)
    with pytest.raises(TypeError, match="sort"):
        np.sort(z)
    with pytest.raises(TypeError, match="powers"):
        z**0.5


def test_float32_stays_float32():
    x = Tensor(A.astype(np.float32), requires_grad=True)
    y = np.fft.irfft(np.fft.rfft(x) * 0.5)
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("bad", [{"n": 0}, {"axis": 5}, {"norm": "none"}])
def test_bad_arguments_are_refused(bad):
    with pytest.raises(ValueError):  # noqa: PT011 - AxisError is one, and says so itself
        np.fft.rfft(Tensor(A, requires_grad=True), **bad)
