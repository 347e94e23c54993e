"""Special functions from SciPy: error functions, gamma functions, entropies and logarithms, each with its derivative.

Importing this module needs SciPy. ``scipy.special``'s own functions then work on tensors and record; the package
imports it when the first of them meets a tensor. Derivatives are those of the NIST Digital Library of Mathematical
Functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..convert import kept
from ..op import NUMPY, OPS, Op, case, elementwise
from .domains import INF, POSITIVE, REAL, UNIT


def _load() -> Any:
    try:
        import scipy.special
    except ImportError:
        raise ModuleNotFoundError(
            'special functions need SciPy, which is not installed; pip install "tinygrad_nn[all]"', name="scipy"
        ) from None
    return scipy.special


scipy_special = sp = _load()
_ROOT_PI = math.sqrt(math.pi)
_ROOT_2PI = math.sqrt(2.0 * math.pi)
_LN10 = math.log(10.0)


def no_rule(name: str, argument: str) -> Callable[..., Any]:
    """Give the rule of an argument in which the derivative is not elementary: a clear error."""

    def rule(g: Any, *rest: Any) -> Any:
        raise TypeError(f"{name}: no derivative rule in the argument {argument}; pass a number or detach the tensor")

    return rule


erf = elementwise(sp.erf, lambda g, y, x: g * (2.0 / _ROOT_PI * np.exp(-x * x)), numpy=sp.erf)
erfc = elementwise(sp.erfc, lambda g, y, x: g * (-2.0 / _ROOT_PI * np.exp(-x * x)), numpy=sp.erfc)
erfcx = elementwise(sp.erfcx, lambda g, y, x: g * (2.0 * x * y - 2.0 / _ROOT_PI), numpy=sp.erfcx)
erfi = elementwise(sp.erfi, lambda g, y, x: g * (2.0 / _ROOT_PI * np.exp(x * x)), numpy=sp.erfi)
erfinv = elementwise(
    sp.erfinv,
    lambda g, y, x: g * (0.5 * _ROOT_PI * np.exp(y * y)),
    numpy=sp.erfinv,
    domain=UNIT,
    kinks="infinite at -1, 1",
)
erfcinv = elementwise(
    sp.erfcinv,
    lambda g, y, x: g * (-0.5 * _ROOT_PI * np.exp(y * y)),
    numpy=sp.erfcinv,
    domain=(0.0, 2.0),
    kinks="infinite at 0, 2",
)
ndtr = elementwise(sp.ndtr, lambda g, y, x: g * (np.exp(-0.5 * x * x) / _ROOT_2PI), numpy=sp.ndtr)
ndtri = elementwise(
    sp.ndtri,
    lambda g, y, x: g * (_ROOT_2PI * np.exp(0.5 * y * y)),
    numpy=sp.ndtri,
    domain=(0.0, 1.0),
    kinks="infinite at 0, 1",
)
# The ratio of density and distribution, by the scaled function: exp(-x*x/2 - y) has no digits for very negative x.
log_ndtr = elementwise(
    sp.log_ndtr, lambda g, y, x: g * (math.sqrt(2.0 / math.pi) / sp.erfcx(x * -math.sqrt(0.5))), numpy=sp.log_ndtr
)
ndtri_exp = elementwise(
    sp.ndtri_exp, lambda g, y, x: g * (_ROOT_2PI * np.exp(x + 0.5 * y * y)), numpy=sp.ndtri_exp, domain=(-INF, 0.0)
)
dawsn = elementwise(sp.dawsn, lambda g, y, x: g * (1.0 - 2.0 * x * y), numpy=sp.dawsn)

gamma = elementwise(sp.gamma, lambda g, y, x: g * (y * sp.psi(x)), numpy=sp.gamma, domain=POSITIVE)
gammaln = elementwise(sp.gammaln, lambda g, y, x: g * sp.psi(x), numpy=(sp.gammaln, sp.loggamma), domain=POSITIVE)
rgamma = elementwise(sp.rgamma, lambda g, y, x: -g * (y * sp.psi(x)), numpy=sp.rgamma, domain=POSITIVE)
digamma = elementwise(
    sp.psi, lambda g, y, x: g * polygamma(x, n=1), name="digamma", numpy=tuple({sp.psi, sp.digamma}), domain=POSITIVE
)


def _polygamma(x: Any, n: int = 1) -> Any:
    x = kept(x)
    return sp.polygamma(n, x).astype(np.result_type(x, np.float16))[()]


polygamma: Op = elementwise(
    _polygamma,
    lambda g, y, x, n=1: g * polygamma(x, n=n + 1),
    name="polygamma",
    domain=POSITIVE,
    formula="the n-th derivative of digamma at x",
    cases=[case((3, 4)), case((), n=2), case((0,))],
)
beta = elementwise(
    sp.beta,
    lambda g, y, a, b: g * (y * (sp.psi(a) - sp.psi(a + b))),
    lambda g, y, a, b: g * (y * (sp.psi(b) - sp.psi(a + b))),
    numpy=sp.beta,
    domain=(POSITIVE, POSITIVE),
)
betaln = elementwise(
    sp.betaln,
    lambda g, y, a, b: g * (sp.psi(a) - sp.psi(a + b)),
    lambda g, y, a, b: g * (sp.psi(b) - sp.psi(a + b)),
    numpy=sp.betaln,
    domain=(POSITIVE, POSITIVE),
)
binom = elementwise(
    sp.binom,
    lambda g, y, n, k: g * (y * (sp.psi(n + 1.0) - sp.psi(n - k + 1.0))),
    lambda g, y, n, k: g * (y * (sp.psi(n - k + 1.0) - sp.psi(k + 1.0))),
    numpy=sp.binom,
    domain=((4.0, 7.0), (0.5, 3.0)),
)
poch = elementwise(
    sp.poch,
    lambda g, y, z, m: g * (y * (sp.psi(z + m) - sp.psi(z))),
    lambda g, y, z, m: g * (y * sp.psi(z + m)),
    numpy=sp.poch,
    domain=(POSITIVE, POSITIVE),
)
gammainc = elementwise(
    sp.gammainc,
    no_rule("gammainc", "a"),
    lambda g, y, a, x: g * np.exp(sp.xlogy(a - 1.0, x) - x - sp.gammaln(a)),
    numpy=sp.gammainc,
    domain=(POSITIVE, POSITIVE),
    cases=[case(1.7, (3, 4)), case(0.6, ())],
)
gammaincc = elementwise(
    sp.gammaincc,
    no_rule("gammaincc", "a"),
    lambda g, y, a, x: -g * np.exp(sp.xlogy(a - 1.0, x) - x - sp.gammaln(a)),
    numpy=sp.gammaincc,
    domain=(POSITIVE, POSITIVE),
    cases=[case(1.7, (3, 4)), case(0.6, ())],
)
betainc = elementwise(
    sp.betainc,
    no_rule("betainc", "a"),
    no_rule("betainc", "b"),
    lambda g, y, a, b, x: g * np.exp(sp.xlogy(a - 1.0, x) + sp.xlog1py(b - 1.0, -x) - sp.betaln(a, b)),
    numpy=sp.betainc,
    domain=(POSITIVE, POSITIVE, (0.0, 1.0)),
    cases=[case(1.7, 2.2, (3, 4)), case(0.6, 1.3, ())],
)


def _xlogy_slope(x: Any, y: Any) -> Any:
    """Give log(y), and 0 where x = 0 and the logarithm is not finite: xlogy is 0 along x = 0."""
    return np.log(np.where((x == 0) & (y <= 0), 1.0, y))


xlogy = elementwise(
    sp.xlogy,
    lambda g, y, a, b: g * _xlogy_slope(a, b),
    lambda g, y, a, b: g * (a / np.where((a == 0) & (b == 0), 1.0, b)),
    numpy=sp.xlogy,
    domain=(REAL, POSITIVE),
    kinks="0 at (0, 0)",
)
xlog1py = elementwise(
    sp.xlog1py,
    lambda g, y, a, b: g * np.log1p(np.where((a == 0) & (b <= -1), 0.0, b)),
    lambda g, y, a, b: g * (a / np.where((a == 0) & (b == -1), 1.0, 1.0 + b)),
    numpy=sp.xlog1py,
    domain=(REAL, (-1.0, INF)),
    kinks="0 at (0, -1)",
)
entr = elementwise(
    sp.entr, lambda g, y, x: g * (-1.0 - np.log(x)), numpy=sp.entr, domain=POSITIVE, kinks="infinite at 0"
)
rel_entr = elementwise(
    sp.rel_entr,
    lambda g, y, a, b: g * (np.log(a / b) + 1.0),
    lambda g, y, a, b: g * (-a / b),
    numpy=sp.rel_entr,
    domain=(POSITIVE, POSITIVE),
    kinks="infinite in the first input at 0",
)
kl_div = elementwise(
    sp.kl_div,
    lambda g, y, a, b: g * np.log(a / b),
    lambda g, y, a, b: g * (1.0 - a / b),
    numpy=sp.kl_div,
    domain=(POSITIVE, POSITIVE),
    kinks="infinite in the first input at 0",
)
expit = elementwise(sp.expit, lambda g, y, x: g * (y * (1.0 - y)), numpy=sp.expit)
logit = elementwise(
    sp.logit, lambda g, y, x: g / (x * (1.0 - x)), numpy=sp.logit, domain=(0.0, 1.0), kinks="infinite at 0, 1"
)
log_expit = elementwise(sp.log_expit, lambda g, y, x: g * sp.expit(-x), numpy=sp.log_expit)
exp10 = elementwise(sp.exp10, lambda g, y, x: g * (y * _LN10), numpy=sp.exp10)
# 1/2 M(2, 3, x) is the derivative of exprel = M(1, 2, x), smooth at 0 (DLMF 13.3.15).
exprel = elementwise(sp.exprel, lambda g, y, x: g * (0.5 * sp.hyp1f1(2.0, 3.0, x)), numpy=sp.exprel)
cosm1 = elementwise(sp.cosm1, lambda g, y, x: -g * np.sin(x), numpy=sp.cosm1)
sindg = elementwise(sp.sindg, lambda g, y, x: np.deg2rad(g * sp.cosdg(x)), numpy=sp.sindg)
cosdg = elementwise(sp.cosdg, lambda g, y, x: -np.deg2rad(g * sp.sindg(x)), numpy=sp.cosdg)
tandg = elementwise(sp.tandg, lambda g, y, x: np.deg2rad(g * (1.0 + y * y)), numpy=sp.tandg)
expi = elementwise(sp.expi, lambda g, y, x: g * (np.exp(x) / x), numpy=sp.expi, domain="nonzero")
exp1 = elementwise(sp.exp1, lambda g, y, x: -g * (np.exp(-x) / x), numpy=sp.exp1, domain=POSITIVE)
expn = elementwise(
    sp.expn,
    no_rule("expn", "n"),
    lambda g, y, n, x: -g * sp.expn(n - 1, x),
    numpy=sp.expn,
    domain=("int", POSITIVE),
    cases=[case(3, (3, 4)), case(2, ())],
)
# log(x) / (1 - x) = -1 / exprel(log(x)), smooth at 1.
spence = elementwise(sp.spence, lambda g, y, x: -g / sp.exprel(np.log(x)), numpy=sp.spence, domain=POSITIVE)
powm1 = elementwise(
    sp.powm1,
    lambda g, y, a, b: g * (b * a ** (b - 1.0)),
    lambda g, y, a, b: g * ((y + 1.0) * np.log(a)),
    numpy=sp.powm1,
    domain=(POSITIVE, REAL),
)


def _boxcox_growth(log: Any, b: Any) -> Any:
    """Give the derivative of (exp(b log) - 1) / b in b, smooth at 0."""
    return 0.5 * log * log * sp.hyp1f1(2.0, 3.0, b * log)


boxcox = elementwise(
    sp.boxcox,
    lambda g, y, a, b: g * a ** (b - 1.0),
    lambda g, y, a, b: g * _boxcox_growth(np.log(a), b),
    numpy=sp.boxcox,
    domain=(POSITIVE, REAL),
)
boxcox1p = elementwise(
    sp.boxcox1p,
    lambda g, y, a, b: g * (1.0 + a) ** (b - 1.0),
    lambda g, y, a, b: g * _boxcox_growth(np.log1p(a), b),
    numpy=sp.boxcox1p,
    domain=((-1.0, INF), REAL),
)
huber = elementwise(
    sp.huber,
    lambda g, y, d, r: g * ((np.absolute(r) - d) * (np.absolute(r) > d)),
    lambda g, y, d, r: g * np.clip(r, -d, d),
    numpy=sp.huber,
    domain=(POSITIVE, REAL),
)
pseudo_huber = elementwise(
    sp.pseudo_huber,
    lambda g, y, d, r: g * (2.0 * y / d - np.square(r / np.hypot(1.0, r / d)) / d * np.hypot(1.0, r / d)),
    lambda g, y, d, r: g * (r / np.hypot(1.0, r / d)),
    numpy=sp.pseudo_huber,
    domain=(POSITIVE, REAL),
)
# These exist without SciPy, with the same values to the last digit or two.
for _f, _name in ((sp.expm1, "expm1"), (sp.log1p, "log1p"), (sp.exp2, "exp2"), (sp.cbrt, "cbrt")):
    NUMPY[_f] = OPS[_name]
