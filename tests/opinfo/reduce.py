"""Reductions, running and sorted values."""

import numpy as np

from tinygrad_nn.op import OPS

from .says import MAP, axis_of, float_of, says


def scalars_too(f):
    """torch lets a 0-d tensor have an axis 0."""

    def g(x, *args, **kwargs):
        if x.ndim or kwargs.get("dim", args[0] if args else None) in (None, ()):
            return f(x, *args, **kwargs)
        kwargs.pop("dim", None)
        kwargs.pop("keepdim", None)
        return np.reshape(f(np.reshape(x, (1,)), **kwargs), ())

    return g


def reduction(name, f):
    def g(x, dim=None, keepdim=False, dtype=None):
        kwargs = {} if dtype is None else {"dtype": float_of(dtype)}
        dim = axis_of(dim)
        if dim == ():
            dim = None
        return f(x, axis=dim, keepdims=keepdim, **kwargs)

    MAP[name] = scalars_too(g)


for _n, _f in (
    ("sum", np.sum), ("mean", np.mean), ("amax", np.max), ("amin", np.min), ("nansum", np.nansum), ("prod", np.prod),
    ("nanmean", np.nanmean), ("logsumexp", lambda x, axis, keepdims: OPS["logsumexp"](x, axis=axis, keepdims=keepdims)),
):  # fmt: skip
    reduction(_n, _f)


@says("aminmax")
def _aminmax(x, dim=None, keepdim=False):
    if not x.ndim:
        return x * 1.0, x * 1.0
    return np.min(x, axis=dim, keepdims=keepdim), np.max(x, axis=dim, keepdims=keepdim)


@says("max:reduction_no_dim", "max:reduction_with_dim")
def _max(x, dim=None, keepdim=False):
    return np.max(x, axis=dim, keepdims=keepdim)


@says("min:reduction_no_dim", "min:reduction_with_dim")
def _min(x, dim=None, keepdim=False):
    return np.min(x, axis=dim, keepdims=keepdim)


def _moments(x, args, kwargs):
    dim, correction, keepdim = None, 1, False
    if args and isinstance(args[0], bool):
        correction = int(args[0])
    elif args:
        dim = args[0]
        if len(args) > 1:
            correction = int(args[1])
        if len(args) > 2:
            keepdim = args[2]
    dim = kwargs.get("dim", dim)
    if "unbiased" in kwargs:
        correction = int(kwargs["unbiased"])
    if kwargs.get("correction", correction) is not None:
        correction = kwargs.get("correction", correction)
    dim = axis_of(dim)
    return (None if dim == () else dim), correction, kwargs.get("keepdim", keepdim)


@says("var", "var:unbiased")
def _var(x, *args, **kwargs):
    dim, correction, keepdim = _moments(x, args, kwargs)
    return np.var(x, axis=dim, ddof=correction, keepdims=keepdim)


@says("std", "std:unbiased")
def _std(x, *args, **kwargs):
    dim, correction, keepdim = _moments(x, args, kwargs)
    return np.std(x, axis=dim, ddof=correction, keepdims=keepdim)


@says("var_mean", "var_mean:unbiased")
def _var_mean(x, *args, **kwargs):
    dim, _, keepdim = _moments(x, args, kwargs)
    return _var(x, *args, **kwargs), np.mean(x, axis=dim, keepdims=keepdim)


@says("std_mean", "std_mean:unbiased")
def _std_mean(x, *args, **kwargs):
    dim, _, keepdim = _moments(x, args, kwargs)
    return _std(x, *args, **kwargs), np.mean(x, axis=dim, keepdims=keepdim)


@says("quantile")
def _quantile(x, q, dim=None, keepdim=False, interpolation="linear"):
    if not x.ndim:
        return np.reshape(np.quantile(np.reshape(x, (1,)), q, method=interpolation), np.shape(q))
    return np.quantile(x, q, axis=dim, keepdims=keepdim, method=interpolation)


@says("nanquantile")
def _nanquantile(x, q, dim=None, keepdim=False, interpolation="linear"):
    if not x.ndim:
        return np.reshape(np.nanquantile(np.reshape(x, (1,)), q, method=interpolation), np.shape(q))
    return np.nanquantile(x, q, axis=dim, keepdims=keepdim, method=interpolation)


@says("median")
def _median(x, dim=None, keepdim=False):
    # torch takes the lower of the two in the middle.
    return np.quantile(x, 0.5, axis=dim, keepdims=keepdim, method="lower")


@says("nanmedian")
def _nanmedian(x, dim=None, keepdim=False):
    return np.nanquantile(x, 0.5, axis=dim, keepdims=keepdim, method="lower")


@says("kthvalue")
def _kthvalue(x, k, dim=-1, keepdim=False):
    if x.ndim == 0:
        return x * 1.0
    y = np.take(np.sort(x, axis=dim), k - 1, axis=dim)
    return np.expand_dims(y, dim) if keepdim else y


@says("cumsum")
def _cumsum(x, dim, dtype=None):
    return np.cumsum(x, axis=dim) if x.ndim else x * 1.0


@says("cumprod")
def _cumprod(x, dim, dtype=None):
    return np.cumprod(x, axis=dim) if x.ndim else x * 1.0


@says("cummax")
def _cummax(x, dim):
    return OPS["cummax"](x, axis=dim) if x.ndim else x * 1.0


@says("cummin")
def _cummin(x, dim):
    return OPS["cummin"](x, axis=dim) if x.ndim else x * 1.0


@says("logcumsumexp")
def _logcumsumexp(x, dim):
    if not x.ndim:
        return x * 1.0
    top = np.max(x, axis=dim, keepdims=True)
    return np.log(np.cumsum(np.exp(x - top), axis=dim)) + top


@says("norm", "norm:fro", "norm:inf", "norm:nuc")
def _norm(x, p="fro", dim=None, keepdim=False, dtype=None):
    if p == "nuc":
        return np.linalg.norm(x, "nuc", axis=axis_of(dim) if dim is not None else (0, 1), keepdims=keepdim)
    p = 2 if p == "fro" else p
    return np.linalg.vector_norm(x, ord=p, axis=axis_of(dim), keepdims=keepdim)


@says("dist")
def _dist(x, y, p=2):
    return np.linalg.vector_norm(x - y, ord=p)


for _n in ("median", "nanmedian", "linalg.vector_norm", "max:reduction_with_dim", "min:reduction_with_dim"):
    MAP[_n] = scalars_too(MAP[_n])


@says("sort")
def _sort(x, dim=-1, descending=False, stable=None):
    if not x.ndim:
        return x * 1.0
    y = np.sort(x, axis=dim)
    return np.flip(y, dim) if descending else y


@says("topk")
def _topk(x, k, dim=-1, largest=True, sorted=True):
    if not x.ndim:
        return x * 1.0
    y = np.sort(x, axis=dim)
    y = np.flip(y, dim) if largest else y
    return np.take(y, np.arange(k), axis=dim)
