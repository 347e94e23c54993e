"""Shapes, joining and splitting."""

import itertools
import math

import numpy as np

from tinygrad_nn.op import OPS

from .says import MAP, axis_of, same, says, sizes_of

same("ravel fliplr flipud T=transpose t=transpose H=transpose mH=matrix_transpose mT=matrix_transpose broadcast_to", np)
same("vstack dstack hsplit vsplit dsplit", np)
MAP["diagflat"] = lambda x, offset=0: np.diagflat(x, offset)
MAP["column_stack"] = lambda xs: np.column_stack(xs)
for _n, _f in (("atleast_1d", np.atleast_1d), ("atleast_2d", np.atleast_2d), ("atleast_3d", np.atleast_3d)):
    MAP[_n] = lambda x, *rest, _f=_f: _f(*(x if isinstance(x, (list, tuple)) else (x, *rest)))


@says("reshape", "view", "view_copy", "unsafe_view")
def _reshape(x, *shape):
    return np.reshape(x, sizes_of(shape))


@says("reshape_as", "view_as")
def _reshape_as(x, other):
    return np.reshape(x, other.shape)


@says("expand", "expand_copy")
def _expand(x, *shape):
    shape = sizes_of(shape)
    n = len(shape) - x.ndim
    full = tuple(x.shape[i - n] if k == -1 else k for i, k in enumerate(shape))
    return np.broadcast_to(x, full)


@says("expand_as")
def _expand_as(x, other):
    return np.broadcast_to(x, other.shape)


@says("permute", "permute_copy")
def _permute(x, *dims):
    return np.transpose(x, sizes_of(dims))


@says("transpose", "transpose_copy", "swapaxes")
def _transpose(x, a, b):
    return np.swapaxes(x, a, b) if x.ndim else x * 1.0


@says("movedim")
def _movedim(x, a, b):
    return np.moveaxis(x, a, b)


@says("squeeze", "squeeze:multiple", "squeeze_copy")
def _squeeze(x, dim=None):
    if dim is None:
        return np.squeeze(x)
    dims = tuple(d for d in np.atleast_1d(np.array(dim, int)).tolist() if x.ndim and x.shape[d] == 1)
    return np.squeeze(x, axis=dims) if dims else x * 1.0


@says("unsqueeze", "unsqueeze_copy")
def _unsqueeze(x, dim):
    return np.expand_dims(x, dim)


@says("flatten")
def _flatten(x, start_dim=0, end_dim=-1):
    if not x.ndim:
        return np.reshape(x, (1,))
    a, b = start_dim % x.ndim, end_dim % x.ndim
    return np.reshape(x, (*x.shape[:a], math.prod(x.shape[a : b + 1]), *x.shape[b + 1 :]))


@says("unflatten")
def _unflatten(x, dim, sizes):
    dim = dim % x.ndim
    sizes = list(sizes)
    if -1 in sizes:
        sizes[sizes.index(-1)] = x.shape[dim] // -math.prod(sizes)
    return np.reshape(x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


@says("flip")
def _flip(x, dims):
    return np.flip(x, axis_of(dims))


@says("roll")
def _roll(x, shifts, dims=None):
    return np.roll(x, axis_of(shifts), axis_of(dims))


@says("rot90")
def _rot90(x, k=1, dims=(0, 1)):
    return np.rot90(x, k, tuple(dims))


@says("tile", "repeat")
def _tile(x, *reps):
    return np.tile(x, sizes_of(reps))


@says("repeat_interleave")
def _repeat_interleave(x, repeats, dim=None, output_size=None):
    return np.repeat(np.atleast_1d(x) if dim is not None else x, repeats, axis=dim)


@says("cat", "concat")
def _cat(xs, dim=0):
    ndim = max(x.ndim for x in xs)
    return np.concatenate([x for x in xs if x.ndim == ndim], axis=dim)


@says("stack")
def _stack(xs, dim=0):
    return np.stack(xs, axis=dim)


@says("hstack")
def _hstack(xs):
    return np.hstack(xs)


@says("chunk", "unsafe_chunk")
def _chunk(x, chunks, dim=0):
    n = x.shape[dim]
    size = -(-n // chunks)
    return np.split(x, list(range(size, n, size)), axis=dim)


@says("split", "unsafe_split", "split:list_args", "split_with_sizes", "split_with_sizes_copy")
def _split(x, size, dim=0):
    n = x.shape[dim]
    at = list(range(size, n, size)) if isinstance(size, int) else np.cumsum(size)[:-1].tolist()
    return np.split(x, at, axis=dim)


@says("tensor_split")
def _tensor_split(x, sections, dim=0):
    return np.array_split(x, np.asarray(sections).tolist(), axis=dim)


@says("unbind", "unbind_copy")
def _unbind(x, dim=0):
    return list(np.moveaxis(x, dim, 0))


@says("broadcast_tensors")
def _broadcast_tensors(*xs):
    return np.broadcast_arrays(*xs)


@says("meshgrid:list_of_tensors", "meshgrid:variadic_tensors")
def _meshgrid(*xs, indexing="ij"):
    xs = xs[0] if isinstance(xs[0], (list, tuple)) else xs
    return np.meshgrid(*xs, indexing=indexing)


@says("diag")
def _diag(x, diagonal=0):
    return np.diag(x, diagonal)


@says("diagonal", "diagonal_copy")
def _diagonal(x, offset=0, dim1=0, dim2=1):
    return np.diagonal(x, offset, dim1, dim2)


@says("linalg.diagonal")
def _linalg_diagonal(x, offset=0, dim1=-2, dim2=-1):
    return np.diagonal(x, offset, dim1, dim2)


@says("diag_embed")
def _diag_embed(x, offset=0, dim1=-2, dim2=-1):
    n = x.ndim + 1
    dim1, dim2 = dim1 % n, dim2 % n
    shape = list(x.shape[:-1])
    k = x.shape[-1] + abs(offset)
    for d in sorted((dim1, dim2)):
        shape.insert(d, k)
    return OPS["embed_diagonal"](x, shape=tuple(shape), offset=offset, axis1=dim1, axis2=dim2)


@says("trace")
def _trace(x):
    return np.trace(x)


@says("tril")
def _tril(x, diagonal=0):
    return np.tril(x, diagonal)


@says("triu")
def _triu(x, diagonal=0):
    return np.triu(x, diagonal)


@says("block_diag")
def _block_diag(*xs):
    xs = [np.atleast_2d(x) for x in xs]
    rows, total = [], sum(x.shape[1] for x in xs)
    start = 0
    for x in xs:
        k = x.shape[1]
        rows.append(np.pad(x, ((0, 0), (start, total - start - k))))
        start += k
    return np.concatenate(rows, axis=0)


@says("linalg.vander")
def _vander(x, N=None):
    rows = [np.vander(r, N, increasing=True) for r in np.reshape(x, (-1, x.shape[-1]))]
    y = np.stack(rows)
    return np.reshape(y, (*x.shape[:-1], *y.shape[1:]))


@says("nn.functional.pad:constant", "constant_pad_nd")
def _pad(x, pad, mode="constant", value=0.0):
    if not isinstance(mode, str):
        mode, value = "constant", mode
    widths = [(0, 0)] * x.ndim
    for i in range(len(pad) // 2):
        widths[-1 - i] = (pad[2 * i], pad[2 * i + 1])
    index = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, x.shape, strict=True))
    widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    kwargs = {"constant_values": value or 0.0} if mode == "constant" else {}
    names = {"constant": "constant", "replicate": "edge", "reflect": "reflect", "circular": "wrap"}
    return np.pad(x[index], widths, mode=names[mode], **kwargs)


for _m in ("reflect", "replicate", "circular", "replicate_negative"):
    MAP[f"nn.functional.pad:{_m}"] = _pad


@says("unfold", "unfold_copy")
def _unfold(x, dim, size, step):
    if not x.ndim:
        return np.reshape(x, (1,))
    dim = dim % x.ndim
    y = np.lib.stride_tricks.sliding_window_view(x, size, axis=dim)
    return y[(slice(None),) * dim + (slice(None, None, step),)]


@says("diff")
def _diff(x, n=1, dim=-1, prepend=None, append=None):
    kwargs = {k: v for k, v in (("prepend", prepend), ("append", append)) if v is not None}
    return np.diff(x, n=n, axis=dim, **kwargs)


@says("gradient")
def _gradient(x, spacing=None, dim=None, edge_order=1):
    varargs = () if spacing is None else tuple(spacing) if isinstance(spacing, (list, tuple)) else (spacing,)
    y = np.gradient(x, *varargs, axis=axis_of(dim), edge_order=edge_order)
    return y if isinstance(y, tuple) else (y,)


@says("trapezoid", "trapz")
def _trapezoid(y, x=None, dx=1.0, dim=-1):
    return np.trapezoid(y, x, dx, axis=dim)


@says("cov")
def _cov(x, correction=1, fweights=None, aweights=None):
    return np.cov(x, ddof=correction, fweights=fweights, aweights=aweights)


@says("corrcoef")
def _corrcoef(x):
    return np.corrcoef(x)


@says("combinations")
def _combinations(x, r=2, with_replacement=False):
    pick = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    index = np.array(list(pick(range(len(x)), r)), int).reshape(-1, r)
    return x[index]


@says("cartesian_prod")
def _cartesian_prod(*xs):
    if len(xs) == 1:
        return xs[0] * 1.0
    return np.stack([np.ravel(g) for g in np.meshgrid(*xs, indexing="ij")], axis=-1)
