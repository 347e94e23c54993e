"""Taking and putting elements."""

import numpy as np

from tinygrad_nn.op import OPS

from .says import says


@says("narrow", "narrow_copy")
def _narrow(x, dim, start, length):
    start = int(start)
    return np.take(x, np.arange(start, start + length), axis=dim)


@says("select")
def _select(x, dim, index):
    return np.take(x, index, axis=dim)


@says("slice")
def _slice(x, dim=0, start=None, end=None, step=1):
    return x[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)]


@says("gather")
def _gather(x, dim, index, sparse_grad=False):
    if not x.ndim:
        return np.take(np.reshape(x, (1,)), index)
    if not index.ndim or not index.size:
        return np.take(x, index)
    x = x[tuple(slice(0, n) if i != dim % x.ndim else slice(None) for i, n in enumerate(index.shape))]
    return np.take_along_axis(x, index, dim)


@says("take_along_dim")
def _take_along_dim(x, index, dim=None):
    index = np.ravel(index) if dim is None else index
    return np.take_along_axis(x, index, dim)


@says("take")
def _take(x, index):
    return np.take(x, index)


@says("index_select")
def _index_select(x, dim, index):
    return np.take(np.atleast_1d(x), index, axis=dim) if x.ndim else np.take(np.reshape(x, (1,)), index)[0]


@says("masked_select")
def _masked_select(x, mask):
    shape = np.broadcast_shapes(x.shape, mask.shape)
    return np.extract(np.broadcast_to(mask, shape), np.broadcast_to(x, shape))


@says("masked_fill")
def _masked_fill(x, mask, value):
    return np.where(mask, value, x)


@says("masked_scatter")
def _masked_scatter(x, mask, source):
    shape = np.broadcast_shapes(x.shape, mask.shape)
    mask = np.broadcast_to(mask, shape)
    wide = np.broadcast_to(x, shape)
    return wide.at[mask].set(np.ravel(source)[: int(mask.sum())])


@says("index_fill")
def _index_fill(x, dim, index, value):
    if not x.ndim:
        return x * 0.0 + value
    return x.at[(slice(None),) * (dim % x.ndim) + (index,)].set(value)


@says("index_add")
def _index_add(x, dim, index, source, alpha=1):
    if not x.ndim:
        return x + alpha * np.sum(source)
    return x.at[(slice(None),) * (dim % x.ndim) + (index,)].add(alpha * source)


@says("index_copy")
def _index_copy(x, dim, index, source):
    if not x.ndim:
        return np.reshape(source, ()) * 1.0
    return x.at[(slice(None),) * (dim % x.ndim) + (index,)].set(source)


@says("index_put")
def _index_put(x, index, values, accumulate=False):
    place = x.at[tuple(index)]
    return place.add(values) if accumulate else place.set(values)


@says("scatter_add")
def _scatter_add(x, dim, index, source):
    if not x.ndim:
        return x + source
    dim = dim % x.ndim
    source = source[tuple(slice(0, n) for n in index.shape)]
    grid = list(np.meshgrid(*[np.arange(n) for n in index.shape], indexing="ij"))
    grid[dim] = index
    return x.at[tuple(grid)].add(source)


@says("select_scatter")
def _select_scatter(x, source, dim, index):
    return x.at[(slice(None),) * (dim % x.ndim) + (index,)].set(source)


@says("slice_scatter")
def _slice_scatter(x, source, dim=0, start=None, end=None, step=1):
    return x.at[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)].set(source)


@says("diagonal_scatter")
def _diagonal_scatter(x, source, offset=0, dim1=0, dim2=1):
    hole = np.ones(x.shape)
    np.einsum("...", hole)
    view = np.diagonal(hole, offset, dim1, dim2)
    view.flags.writeable = True
    view[...] = 0.0
    return x * hole + OPS["embed_diagonal"](source, shape=x.shape, offset=offset, axis1=dim1, axis2=dim2)
