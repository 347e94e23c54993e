"""Functions that work element by element."""

import math

import numpy as np
import scipy.special as sp

from tinygrad_nn.op import OPS

from .says import MAP, same, says

same(
    """
    abs acos=arccos acosh=arccosh angle asin=arcsin asinh=arcsinh atan=arctan atan2=arctan2 atanh=arctanh ceil copysign
    cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 floor fmax fmin fmod hypot i0 lgamma=gammaln log log10 log1p
    log2 logaddexp logaddexp2 max:binary=maximum maximum min:binary=minimum minimum mul=multiply neg=negative positive
    pow=power float_power rad2deg real reciprocal remainder sgn=sign sign sin sinc sinh sqrt square tan tanh trunc xlogy
    true_divide=divide conj conj_physical=conj special.entr special.erfcx special.i0e special.i1 special.i1e
    special.log_ndtr special.ndtr special.ndtri special.xlog1py __radd__=add __rmul__=multiply clone=copy
    """,
    np,
    sp,
)
MAP["sigmoid"] = OPS["sigmoid"]
MAP["__rsub__"] = lambda a, b: b - a
MAP["__rdiv__"] = lambda a, b: b / a
MAP["__rmod__"] = lambda a, b: b % a
MAP["__rpow__"] = lambda a, b: b**a
MAP["where"] = lambda x, c, y: np.where(c, x, y)
MAP["ldexp"] = lambda x, i: x * 2.0**i
MAP["frac"] = lambda x: np.fmod(x, 1.0)
MAP["rsqrt"] = lambda x: 1.0 / np.sqrt(x)


@says("add")
def _add(x, y, alpha=1):
    return x + alpha * y


@says("sub")
def _sub(x, y, alpha=1):
    return x - alpha * y


@says("rsub")
def _rsub(x, y, alpha=1):
    return y - alpha * x


@says("div:no_rounding_mode")
def _div(x, y, rounding_mode=None):
    return x / y


@says("div:floor_rounding")
def _div_floor(x, y, rounding_mode=None):
    return np.floor_divide(x, y)


@says("div:trunc_rounding")
def _div_trunc(x, y, rounding_mode=None):
    return np.trunc(x / y)


@says("addcmul")
def _addcmul(x, a, b, value=1):
    return x + value * a * b


@says("addcdiv")
def _addcdiv(x, a, b, value=1):
    return x + value * a / b


@says("addmm", "addmm:decomposed", "addmv", "baddbmm")
def _addmm(x, a, b, beta=1, alpha=1):
    return beta * x + alpha * np.matmul(a, b)


@says("addr")
def _addr(x, a, b, beta=1, alpha=1):
    return beta * x + alpha * np.outer(a, b)


@says("addbmm")
def _addbmm(x, a, b, beta=1, alpha=1):
    return beta * x + alpha * np.sum(np.matmul(a, b), axis=0)


@says("lerp")
def _lerp(x, y, w):
    return x + w * (y - x)


@says("clamp")
def _clamp(x, min=None, max=None):
    return np.clip(x, min, max)


@says("clamp_max")
def _clamp_max(x, m):
    return np.minimum(x, m)


@says("clamp_min")
def _clamp_min(x, m):
    return np.maximum(x, m)


@says("round", "round:decimals_0", "round:decimals_3", "round:decimals_neg_3")
def _round(x, decimals=0):
    return np.round(x, decimals)


@says("nan_to_num")
def _nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    return np.nan_to_num(x, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


@says("logit")
def _logit(x, eps=None):
    return sp.logit(x if eps is None else np.clip(x, eps, 1 - eps))


@says(*[f"polygamma:polygamma_n_{n}" for n in range(5)], "special.polygamma:special_polygamma_n_0")
def _polygamma(x, n):
    # torch.polygamma(n, x); the samples put x first.
    return sp.psi(x) if n == 0 else OPS["polygamma"](x, n=n)


@says(*[f"mvlgamma:mvlgamma_p_{p}" for p in (1, 3, 5)])
def _mvlgamma(x, p):
    total = p * (p - 1) / 4 * math.log(math.pi)
    for j in range(p):
        total = total + sp.gammaln(x - j / 2)
    return total


@says("frexp")
def _frexp(x):
    return np.frexp(x)[0]
