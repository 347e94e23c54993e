"""Steps: rounding, signs, remainders and whole parts, each with its derivative (0 for a step, where it exists)."""

from __future__ import annotations

import numpy as np

from ..op import case, composite, elementwise
from .domains import POSITIVE, REAL
from .indexing import values

_A = np.array([[5.3, -4.1, 7.7, 2.2], [-6.4, 0.3, -0.9, 9.5]])
_B = np.array([2.0, 1.5, -3.1, 0.7])
_REMAINDERS = [case(_A, _B), case(_A, 1.7), case(9.5, _B), case(np.array(4.3), np.array(1.1)), case((0, 3), (3,))]
_STEP = "0 everywhere, at the steps too"

floor = elementwise(np.floor, lambda g, y, x: g * 0.0, kinks=_STEP)
ceil = elementwise(np.ceil, lambda g, y, x: g * 0.0, kinks=_STEP)
trunc = elementwise(np.trunc, lambda g, y, x: g * 0.0, numpy=(np.trunc, np.fix), kinks=_STEP)
rint = elementwise(np.rint, lambda g, y, x: g * 0.0, kinks=_STEP)
round = elementwise(
    np.round,
    lambda g, y, x, decimals=0: g * 0.0,
    numpy=(np.round, np.around),
    cases=[case((3, 4)), case((3, 4), decimals=1), case(())],
    kinks=_STEP,
)
sign = elementwise(np.sign, lambda g, y, x: g * 0.0, kinks=_STEP)
heaviside = elementwise(
    np.heaviside,
    lambda g, y, a, b: g * 0.0,
    lambda g, y, a, b: g * (a == 0),
    cases=[case((3, 4), (3, 4)), case(np.array([0, 1, -1, 0]), (2, 4)), case((), ())],
    kinks="0 in the first input everywhere",
)
copysign = elementwise(
    np.copysign,
    lambda g, y, a, b: g * (np.sign(a) * np.copysign(1.0, b)),
    lambda g, y, a, b: g * 0.0,
    domain=("nonzero", "nonzero"),
    kinks="0 where the first input is 0; 0 in the second",
)
floor_divide = elementwise(
    np.floor_divide,
    lambda g, y, a, b: g * 0.0,
    lambda g, y, a, b: g * 0.0,
    cases=_REMAINDERS,
    domain=(REAL, "nonzero"),
    kinks=_STEP,
)
remainder = elementwise(
    np.remainder,
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g * np.floor_divide(a, b),
    cases=_REMAINDERS,
    domain=(REAL, "nonzero"),
    kinks="at a multiple of b: as just above it",
)
fmod = elementwise(
    np.fmod,
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g * np.rint((a - y) / b),
    cases=_REMAINDERS,
    domain=(REAL, "nonzero"),
    kinks="at a multiple of b: as just above it",
)
divmod = composite(
    lambda a, b: (np.floor_divide(a, b), np.remainder(a, b)),
    name="divmod",
    numpy=np.divmod,
    domain=(REAL, "nonzero"),
    cases=_REMAINDERS,
)
fraction = elementwise(
    lambda x: np.modf(x)[0],
    lambda g, y, x: g,
    name="fraction",
    formula="modf(x)[0]",
    kinks="at whole numbers: 1",
)
modf = composite(lambda x: (fraction(x), np.trunc(x)), name="modf", numpy=np.modf, cases=[case((3, 4)), case(())])
ldexp = elementwise(
    np.ldexp, lambda g, y, x, i: np.ldexp(g, i), None, domain=(REAL, "int"), cases=[case((3, 4), (4,)), case((), ())]
)


mantissa = elementwise(
    lambda x: np.frexp(x)[0],
    # The mantissa is x times a power of two that does not change.
    lambda g, y, x: g * (y / x),
    name="mantissa",
    domain="nonzero",
    formula="frexp(x)[0]",
    kinks="nan at 0; at powers of two: as just above",
)
frexp = composite(
    lambda x: (mantissa(x), np.frexp(values(x))[1]),
    name="frexp",
    numpy=np.frexp,
    domain="nonzero",
    cases=[case((3, 4)), case(())],
)
nan_to_num = elementwise(
    np.nan_to_num,
    lambda g, y, x, nan=0.0, posinf=None, neginf=None: g * np.isfinite(x),
    kinks="0 where the value was replaced",
    cases=[case((3, 4)), case(np.array([1.0, np.nan, np.inf, -np.inf]), nan=2.0, posinf=3.0, neginf=-4.0)],
)
real = elementwise(np.real, lambda g, y, x: g)
real_if_close = elementwise(
    lambda x: np.real_if_close(x), lambda g, y, x: g, name="real_if_close", numpy=np.real_if_close
)
imag = elementwise(np.zeros_like, lambda g, y, x: g * 0.0, name="imag", numpy=np.imag, kinks="0: the tensors are real")
conjugate = elementwise(np.conjugate, lambda g, y, x: g)
angle = elementwise(
    np.angle,
    lambda g, y, x, deg=False: g * 0.0,
    domain=POSITIVE,
    kinks=_STEP,
    cases=[case((3, 4)), case((3,), deg=True)],
)
# An ndarray has these two as attributes, not as methods.
real.method = imag.method = False
