"""Discrete Fourier transforms of real tensors, and back to real tensors.

The operations are real: a complex array is one more axis of length 2 behind, its real and imaginary parts. The
functions around them are ``np.fft``'s, which take and give :class:`~tinygrad_nn.ops.complex.Complex` numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..convert import Foreign, beside, contiguous, zeros
from ..op import Op, case, composite, linear
from .complex import Complex, takes_complex
from .cumulative import cut
from .indexing import is_tensor


def _pair(z: Any) -> Any:
    return np.stack([z.real, z.imag], axis=-1)


def _joined(p: Any) -> Any:
    if isinstance(p, Foreign):
        return contiguous(p).view(np.result_type(p, np.complex64))[..., 0]
    z = np.empty(p.shape[:-1], np.result_type(p, np.complex64))
    z.real, z.imag = p[..., 0], p[..., 1]
    return z


def _factor(n: int, norm: Any, inverse: bool) -> float:
    """Give what a transform of length n is multiplied with."""
    if norm == "ortho":
        return 1.0 / math.sqrt(n)
    return 1.0 / n if (norm == "forward") != inverse else 1.0


def _fitted(x: Any, n: int, axis: int) -> Any:
    """Cut an axis to length n, or fill it up with zeros: the adjoint of what a transform does with its input."""
    have = x.shape[axis]
    if have > n:
        return x[cut(x.ndim, axis, slice(0, n))]
    if have < n:
        shape = tuple([n - have if i == axis % x.ndim else k for i, k in enumerate(x.shape)])
        return np.concatenate([x, zeros(shape, x.dtype, x)], axis=axis)
    return x


def _at(axis: int, ndim: int) -> int:
    """Give an axis of a complex array of ndim axes as an axis of its pair, which has one more behind."""
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim, "fft")
    return axis % ndim


def _edge_weights(n: int, axis: int, ndim: int, dtype: Any) -> Any:
    """Give 1 for the frequencies that stand for themselves (0 and, for even n, n/2) and 2 for those of a pair."""
    w = np.full(n // 2 + 1, 2.0, dtype)
    w[0] = 1.0
    if n % 2 == 0:
        w[-1] = 1.0
    return w.reshape([-1 if i == axis else 1 for i in range(ndim)])


# Each adjoint is a transform the other way without its factor, times the factor of this one.
def _rfft_adjoint(g: Any, x_shape: tuple[int, ...], n: int, axis: int, norm: Any) -> Any:
    w = beside(_edge_weights(n, axis, g.ndim, g.dtype), g)
    x = irfft_packed(g / w, n=n, axis=axis, norm="forward") * _factor(n, norm, False)
    return _fitted(x, x_shape[axis], axis)


def _irfft_adjoint(g: Any, p_shape: tuple[int, ...], n: int, axis: int, norm: Any) -> Any:
    p = rfft_packed(g, n=n, axis=axis, norm="backward") * _factor(n, norm, True)
    return _fitted(p * beside(_edge_weights(n, axis, p.ndim, p.dtype), p), p_shape[axis], axis)


rfft_packed: Op = linear(
    lambda x, n=1, axis=0, norm=None: _pair(np.fft.rfft(x, n, axis, norm)),
    lambda g, y, x, n=1, axis=0, norm=None: _rfft_adjoint(g, x.shape, n, axis, norm),
    name="rfft_packed",
    bind=lambda x, **how: ((x,), how),
    formula="fft.rfft(x, n, axis, norm), real and imaginary part behind",
    cases=[case((6,), n=6, axis=0), case((5,), n=5, axis=0, norm="ortho"), case((3, 4), n=7, axis=1, norm="forward")],
)
irfft_packed: Op = linear(
    lambda p, n=1, axis=0, norm=None: np.fft.irfft(_joined(p), n, axis, norm),
    lambda g, y, p, n=1, axis=0, norm=None: _irfft_adjoint(g, p.shape, n, axis, norm),
    name="irfft_packed",
    bind=lambda p, **how: ((p,), how),
    formula="fft.irfft(p, n, axis, norm) of real and imaginary part behind",
    cases=[case((4, 2), n=6, axis=0), case((3, 2), n=5, axis=0, norm="ortho"), case((3, 4, 2), n=4, axis=1)],
)

irfft_real: Op = linear(
    lambda x, n=1, axis=0, norm=None: np.fft.irfft(x, n, axis, norm),
    lambda g, y, x, n=1, axis=0, norm=None: _irfft_adjoint(g, (*x.shape, 2), n, axis, norm)[..., 0],
    name="irfft_real",
    bind=lambda x, **how: ((x,), how),
    formula="fft.irfft(x, n, axis, norm)",
    cases=[case((4,), n=6, axis=0), case((3, 4), n=5, axis=1, norm="ortho")],
)


def _fft_adjoint(g: Any, p_shape: tuple[int, ...], n: int, axis: int, norm: Any, inverse: bool) -> Any:
    plain = "backward" if inverse else "forward"
    p = fft_packed(g, n=n, axis=axis, norm=plain, inverse=not inverse) * _factor(n, norm, inverse)
    return _fitted(p, p_shape[axis], axis)


fft_packed: Op = linear(
    lambda p, n=1, axis=0, norm=None, inverse=False: _pair(
        (np.fft.ifft if inverse else np.fft.fft)(_joined(p), n, axis, norm)
    ),
    lambda g, y, p, n=1, axis=0, norm=None, inverse=False: _fft_adjoint(g, p.shape, n, axis, norm, inverse),
    name="fft_packed",
    bind=lambda p, **how: ((p,), how),
    formula="fft.fft(p, n, axis, norm), real and imaginary part behind",
    cases=[
        case((5, 2), n=5, axis=0),
        case((3, 4, 2), n=6, axis=1, norm="ortho"),
        case((3, 4, 2), n=2, axis=0, norm="forward", inverse=True),
        case((5, 2), n=5, axis=0, inverse=True),
    ],
)


def _real_adjoint(g: Any, x_shape: tuple[int, ...], n: int, axis: int, norm: Any, inverse: bool) -> Any:
    return _fft_adjoint(g, (*x_shape, 2), n, axis, norm, inverse)[..., 0]


fft_real: Op = linear(
    lambda x, n=1, axis=0, norm=None, inverse=False: _pair((np.fft.ifft if inverse else np.fft.fft)(x, n, axis, norm)),
    lambda g, y, x, n=1, axis=0, norm=None, inverse=False: _real_adjoint(g, x.shape, n, axis, norm, inverse),
    name="fft_real",
    bind=lambda x, **how: ((x,), how),
    formula="fft.fft(x, n, axis, norm), real and imaginary part behind",
    cases=[case((5,), n=5, axis=0), case((3, 4), n=6, axis=1, norm="ortho", inverse=True)],
)


def _length(n: Any, have: int) -> int:
    n = have if n is None else int(n)
    if n < 1:
        raise ValueError(f"fft: the number of points must be at least 1, got {n}")
    return n


def _complex(p: Any) -> Complex:
    return Complex(p[..., 0], p[..., 1])


def _plain(x: Any) -> bool:
    """Tell whether x is data, for NumPy's own function."""
    return not isinstance(x, Complex) and not is_tensor(x)


def _rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    if _plain(a):
        return np.fft.rfft(a, n, axis, norm)
    axis = _at(axis, a.ndim)
    return _complex(rfft_packed(a, n=_length(n, a.shape[axis]), axis=axis, norm=norm))


def _irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    if _plain(a):
        return np.fft.irfft(a, n, axis, norm)
    axis = _at(axis, a.ndim)
    n = _length(n, 2 * (a.shape[axis] - 1))
    if isinstance(a, Complex):
        return irfft_packed(np.stack([a.real, a.imag], axis=-1), n=n, axis=axis, norm=norm)
    return irfft_real(a, n=n, axis=axis, norm=norm)


def _one(a: Any, n: Any, axis: int, norm: Any, inverse: bool) -> Any:
    if _plain(a):
        return (np.fft.ifft if inverse else np.fft.fft)(a, n, axis, norm)
    axis = _at(axis, a.ndim)
    n = _length(n, a.shape[axis])
    if isinstance(a, Complex):
        return _complex(fft_packed(np.stack([a.real, a.imag], axis=-1), n=n, axis=axis, norm=norm, inverse=inverse))
    return _complex(fft_real(a, n=n, axis=axis, norm=norm, inverse=inverse))


def _sizes(a: Any, s: Any, axes: Any) -> tuple[list[Any], list[int]]:
    """Give the lengths and axes of a transform over several axes."""
    if axes is None:
        axes = list(range(a.ndim)) if s is None else list(range(-len(s), 0))
    axes = list(axes)
    lengths = [None] * len(axes) if s is None else [None if n is None or n == -1 else n for n in s]
    if len(lengths) != len(axes):
        raise ValueError(f"fft: {len(lengths)} lengths for {len(axes)} axes")
    if not axes:
        raise ValueError("fft: give at least one axis")
    return lengths, axes


def _several(a: Any, s: Any, axes: Any, norm: Any, inverse: bool) -> Any:
    lengths, axes = _sizes(a, s, axes)
    for n, axis in reversed(list(zip(lengths, axes, strict=True))):
        a = _one(a, n, axis, norm, inverse)
    return a


def _rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    lengths, axes = _sizes(a, s, axes)
    a = _rfft(a, lengths[-1], axes[-1], norm)
    for n, axis in reversed(list(zip(lengths[:-1], axes[:-1], strict=True))):
        a = _one(a, n, axis, norm, False)
    return a


def _irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    lengths, axes = _sizes(a, s, axes)
    for n, axis in zip(lengths[:-1], axes[:-1], strict=True):
        a = _one(a, n, axis, norm, True)
    return _irfft(a, lengths[-1], axes[-1], norm)


_TURNED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    if not _plain(a):
        n = 2 * (a.shape[axis] - 1) if n is None else n
        return _irfft(a.conj() if isinstance(a, Complex) else a, n, axis, _TURNED[norm])
    return np.fft.hfft(a, n, axis, norm)


def _ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    return np.fft.ihfft(a, n, axis, norm) if _plain(a) else _rfft(a, n, axis, _TURNED[norm]).conj()


def _declare(name: str, fn: Any, cases: list[Any]) -> Op:
    return takes_complex(composite(fn, name=name, numpy=getattr(np.fft, name), cases=cases))


_LINES = [case((6,)), case((5,), 8), case((3, 4), 3, axis=0, norm="ortho"), case((4,), norm="forward")]
_PLANES = [case((3, 4)), case((2, 3, 4), [3, 5], axes=[1, 2], norm="ortho"), case((2, 3, 4), axes=[0, 2])]
rfft = _declare("rfft", _rfft, _LINES)
irfft = _declare("irfft", _irfft, [case((4,)), case((4,), 5), case((3, 4), 6, axis=0, norm="ortho")])
fft = _declare("fft", lambda a, n=None, axis=-1, norm=None: _one(a, n, axis, norm, False), _LINES)
ifft = _declare("ifft", lambda a, n=None, axis=-1, norm=None: _one(a, n, axis, norm, True), _LINES)
hfft = _declare("hfft", _hfft, [case((4,)), case((4,), 5), case((3, 4), 6, axis=0, norm="ortho")])
ihfft = _declare("ihfft", _ihfft, _LINES)
rfftn = _declare("rfftn", _rfftn, _PLANES)
irfftn = _declare("irfftn", _irfftn, _PLANES)
rfft2 = _declare("rfft2", lambda a, s=None, axes=(-2, -1), norm=None: _rfftn(a, s, axes, norm), _PLANES)
irfft2 = _declare("irfft2", lambda a, s=None, axes=(-2, -1), norm=None: _irfftn(a, s, axes, norm), _PLANES)
fftn = _declare("fftn", lambda a, s=None, axes=None, norm=None: _several(a, s, axes, norm, False), _PLANES)
ifftn = _declare("ifftn", lambda a, s=None, axes=None, norm=None: _several(a, s, axes, norm, True), _PLANES)
fft2 = _declare("fft2", lambda a, s=None, axes=(-2, -1), norm=None: _several(a, s, axes, norm, False), _PLANES)
ifft2 = _declare("ifft2", lambda a, s=None, axes=(-2, -1), norm=None: _several(a, s, axes, norm, True), _PLANES)


def _shift(x: Any, axes: Any, sign: int) -> Any:
    axes = tuple(range(x.ndim)) if axes is None else tuple(axes) if np.ndim(axes) else (axes,)
    return np.roll(x, tuple([x.shape[a] // 2 if sign > 0 else -(x.shape[a] // 2) for a in axes]), axes)


fftshift = _declare(
    "fftshift", lambda x, axes=None: _shift(x, axes, 1), [case((5,)), case((3, 4)), case((3, 4), axes=1)]
)
ifftshift = _declare("ifftshift", lambda x, axes=None: _shift(x, axes, -1), [case((5,)), case((3, 4), axes=[0])])
