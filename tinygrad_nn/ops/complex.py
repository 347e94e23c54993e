"""Complex numbers as two real tensors, so that a spectrum can be worked with between two transforms.

``np.fft.rfft(t)`` of a tensor gives a :class:`Complex`. NumPy's arithmetic, ``np.abs``, ``np.angle``, ``.real``,
``.imag``, indexing and the functions that move or add elements work on it; each step is recorded as operations on real
tensors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import NUMPY, Op
from .indexing import is_tensor

#: NumPy to the type checker, which does not know that its functions take and give Complex.
_numpy: Any = np
_NUMBERS = (int, float, complex)


class Complex:
    """A complex array that is made of two real tensors of one shape, ``real`` and ``imag``."""

    __slots__ = ("imag", "real")
    __array_priority__ = 3000
    __hash__ = object.__hash__

    def __init__(self, real: Any, imag: Any) -> None:
        self.real = real
        self.imag = imag

    shape = property(lambda self: self.real.shape, doc="The lengths of the axes.")
    ndim = property(lambda self: self.real.ndim, doc="The number of axes.")
    size = property(lambda self: self.real.size, doc="The number of elements.")
    dtype = property(lambda self: np.result_type(self.real.dtype, np.complex64), doc="The dtype of the elements.")
    T = property(lambda self: np.transpose(self), doc="The transpose.")

    def __repr__(self) -> str:
        return f"Complex({numbers(self)})"

    def __len__(self) -> int:
        return len(self.real)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if getattr(self.real, "requires_grad", False) or getattr(self.imag, "requires_grad", False):
            raise TypeError(
                "Complex: turning it into an array would cut the graph; use NumPy functions, or .real and .imag"
            )
        return np.asarray(numbers(self), dtype)

    def __getitem__(self, index: Any) -> Complex:
        return Complex(self.real[index], self.imag[index])

    def conj(self) -> Complex:
        """Give the complex conjugate."""
        return Complex(self.real, -self.imag)

    conjugate = conj

    def sum(self, axis: Any = None, keepdims: bool = False) -> Complex:
        """Sum over axes."""
        result: Complex = _numpy.sum(self, axis=axis, keepdims=keepdims)
        return result

    def reshape(self, *shape: Any) -> Complex:
        """Give the elements in another shape."""
        result: Complex = _numpy.reshape(self, shape[0] if len(shape) == 1 else shape)
        return result

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        rule = _RULES.get(ufunc)
        if rule is None or method != "__call__" or kwargs:
            raise TypeError(
                f"{ufunc.__name__}: not defined for complex tensors here; work on .real and .imag, "
                f"which are tensors, and put the results together with Complex(real, imag)"
            )
        return rule(*[_parts(x) for x in inputs])

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        op = NUMPY.get(func)
        if func in _FUNCTIONS:
            return _FUNCTIONS[func](*args, **kwargs)
        if op is not None and op.name in _OF_COMPLEX:
            return op.fn(*args, **kwargs)
        if op is not None and op.family == "linear":
            return _on_both(op, args, kwargs)
        raise TypeError(f"{func.__name__}: not defined for complex tensors here; work on .real and .imag")

    __add__ = lambda a, b: np.add(a, b)  # noqa: E731
    __radd__ = lambda a, b: np.add(b, a)  # noqa: E731
    __sub__ = lambda a, b: np.subtract(a, b)  # noqa: E731
    __rsub__ = lambda a, b: np.subtract(b, a)  # noqa: E731
    __mul__ = lambda a, b: np.multiply(a, b)  # noqa: E731
    __rmul__ = lambda a, b: np.multiply(b, a)  # noqa: E731
    __truediv__ = lambda a, b: np.divide(a, b)  # noqa: E731
    __rtruediv__ = lambda a, b: np.divide(b, a)  # noqa: E731
    __matmul__ = lambda a, b: np.matmul(a, b)  # noqa: E731
    __rmatmul__ = lambda a, b: np.matmul(b, a)  # noqa: E731
    __neg__ = lambda a: np.negative(a)  # noqa: E731
    __pos__ = lambda a: a  # noqa: E731
    __abs__ = lambda a: np.absolute(a)  # noqa: E731

    def __pow__(self, n: Any) -> Any:
        if type(n) is int and n > 0:
            y = self
            for _ in range(n - 1):
                y = y * self
            return y
        raise TypeError(f"Complex: only powers 1, 2, 3, ... are defined here, got {n!r}; use abs and angle")


def numbers(z: Complex) -> Any:
    """Give the plain complex array."""
    real, imag = [getattr(p, "_data", p) for p in (z.real, z.imag)]
    out = np.empty(np.shape(real), np.result_type(real, np.complex64))
    out.real, out.imag = real, imag
    return out


def _parts(x: Any) -> tuple[Any, Any]:
    """Give (real part, imaginary part) of an operand; 0.0 for the imaginary part of real ones."""
    if isinstance(x, Complex):
        return x.real, x.imag
    if isinstance(x, _NUMBERS):
        return x.real, x.imag
    if is_tensor(x):
        return x, 0.0
    x = np.asarray(x)
    return (x.real, x.imag) if x.dtype.kind == "c" else (x, 0.0)


def _zero(x: Any) -> bool:
    return type(x) in _NUMBERS and x == 0


def _times(a: Any, b: Any) -> Any:
    return 0.0 if _zero(a) or _zero(b) else a * b


def _minus(a: Any, b: Any) -> Any:
    return a if _zero(b) else a - b


def _plus(a: Any, b: Any) -> Any:
    return a if _zero(b) else b if _zero(a) else a + b


def made(real: Any, imag: Any) -> Complex:
    """Give a Complex of two parts that broadcast against each other."""
    shape = np.broadcast_shapes(np.shape(real), np.shape(imag))
    real, imag = [np.broadcast_to(p, shape) if np.shape(p) != shape else p for p in (real, imag)]
    return Complex(real, imag)


def _multiply(a: tuple[Any, Any], b: tuple[Any, Any]) -> Complex:
    return made(_minus(_times(a[0], b[0]), _times(a[1], b[1])), _plus(_times(a[0], b[1]), _times(a[1], b[0])))


def _divide(a: tuple[Any, Any], b: tuple[Any, Any]) -> Complex:
    if _zero(b[1]):
        return made(a[0] / b[0], 0.0 if _zero(a[1]) else a[1] / b[0])
    size = np.hypot(*b)
    # Scaled, so that the squares of large or small numbers do not leave the range.
    unit = (b[0] / size, -b[1] / size)
    z = _multiply(a, unit)
    return Complex(z.real / size, z.imag / size)


def _exp(a: tuple[Any, Any]) -> Complex:
    size = np.exp(a[0])
    return made(size * np.cos(a[1]), size * np.sin(a[1]))


def _log(a: tuple[Any, Any]) -> Complex:
    return made(np.log(np.hypot(*a)), np.arctan2(a[1], a[0]))


def _matmul(a: tuple[Any, Any], b: tuple[Any, Any]) -> Complex:
    def product(x: Any, y: Any) -> Any:
        return 0.0 if _zero(x) or _zero(y) else np.matmul(x, y)

    return made(_minus(product(a[0], b[0]), product(a[1], b[1])), _plus(product(a[0], b[1]), product(a[1], b[0])))


_RULES: dict[Any, Any] = {
    np.add: lambda a, b: made(a[0] + b[0], _plus(a[1], b[1])),
    np.subtract: lambda a, b: made(a[0] - b[0], -b[1] if _zero(a[1]) else _minus(a[1], b[1])),
    np.multiply: _multiply,
    np.divide: _divide,
    np.negative: lambda a: Complex(-a[0], -a[1]),
    np.positive: lambda a: Complex(a[0], a[1]),
    np.conjugate: lambda a: Complex(a[0], -a[1]),
    np.square: lambda a: _multiply(a, a),
    np.reciprocal: lambda a: _divide((1.0, 0.0), a),
    np.absolute: lambda a: np.hypot(*a),
    np.exp: _exp,
    np.log: _log,
    np.matmul: _matmul,
}


def _angle(z: Complex, deg: bool = False) -> Any:
    a = np.arctan2(z.imag, z.real)
    return a * (180.0 / math.pi) if deg else a


def _where(condition: Any, x: Any, y: Any) -> Complex:
    a, b = _parts(x), _parts(y)
    return made(np.where(condition, a[0], b[0]), np.where(condition, a[1], b[1]))


_FUNCTIONS: dict[Any, Any] = {
    np.real: lambda z: z.real,
    np.imag: lambda z: z.imag,
    np.angle: _angle,
    np.where: _where,
    np.shape: lambda z: z.shape,
    np.ndim: lambda z: z.ndim,
    np.size: lambda z: z.size,
}
#: The operations that take complex tensors themselves: Fourier transforms, which ops/fft.py adds.
_OF_COMPLEX: set[str] = set()


def takes_complex(op: Op) -> Op:
    """Mark an operation whose function knows Complex."""
    _OF_COMPLEX.add(op.name)
    return op


def _on_both(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Complex:
    """Run a linear operation on the real parts and on the imaginary parts."""

    def part(x: Any, i: int) -> Any:
        if isinstance(x, Complex):
            return (x.real, x.imag)[i]
        if isinstance(x, (list, tuple)) and any(isinstance(v, Complex) for v in x):
            return [(v.real, v.imag)[i] if isinstance(v, Complex) else (v if i == 0 else np.zeros_like(v)) for v in x]
        return x

    real, imag = [op(*[part(x, i) for x in args], **{k: part(v, i) for k, v in kwargs.items()}) for i in (0, 1)]
    return Complex(real, imag)
