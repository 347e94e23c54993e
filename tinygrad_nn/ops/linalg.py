"""Products of vectors, matrices and stacks of them, each with its derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..convert import beside, kept
from ..op import case, composite, multilinear


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return g * b if a.ndim == 1 else np.expand_dims(g, -1) * b
    if a.ndim == 1:
        return np.squeeze(np.matmul(b, np.expand_dims(g, -1)), -1)
    return np.dot(g, b.T) if g.ndim == b.ndim == 2 else np.matmul(g, b.mT)


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return g * a if b.ndim == 1 else np.expand_dims(a, -1) * np.expand_dims(g, -2)
    if b.ndim == 1:
        return np.squeeze(np.matmul(a.mT, np.expand_dims(g, -1)), -1)
    return np.dot(a.T, g) if a.ndim == g.ndim == 2 else np.matmul(a.mT, g)


matmul = multilinear(
    np.matmul,
    _matmul_left,
    _matmul_right,
    numpy=(np.matmul, np.linalg.matmul),
    analytic=True,
    cases=[
        case((3,), (3,)),
        case((2, 3), (3,)),
        case((3,), (3, 2)),
        case((2, 3), (3, 4)),
        case((2, 2, 3), (3,)),
        case((3,), (2, 3, 4)),
        case((2, 1, 3, 4), (5, 4, 2)),
        case((0, 3), (3, 2)),
        case((2, 0), (0, 3)),
    ],
)


def _normal_axes(axes: Any, a_ndim: int, b_ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Give the contracted axes of a and of b as non-negative numbers, from tensordot's argument."""
    if np.ndim(axes) == 0 and not isinstance(axes, (tuple, list)):
        return tuple(range(a_ndim - axes, a_ndim)), tuple(range(axes))
    left, right = [(x,) if isinstance(x, (int, np.integer)) else tuple(x) for x in axes]
    return tuple([i % a_ndim for i in left]), tuple([i % b_ndim for i in right])


def _contract_back(g: Any, other: Any, mine: Sequence[int], its: Sequence[int], ndim: int, first: bool) -> Any:
    """Give the cotangent of one factor of a tensordot: g contracted with the other factor's free axes."""
    free = [i for i in range(other.ndim) if i not in its]
    stay = [i for i in range(ndim) if i not in mine]
    k = len(stay)
    in_g = list(range(k, k + len(free))) if first else list(range(len(free)))
    # The axes of this product: mine that stay, then mine that were contracted, in the order of the other's axes.
    product = np.tensordot(g, other, axes=(in_g, free))
    order = [*stay, *[m for _, m in sorted(zip(its, mine, strict=True))]]
    return np.transpose(product, np.argsort(order).tolist()) if ndim else product


def _tensordot_left(g: Any, a_ndim: int, b: Any, axes: Any) -> Any:
    mine, its = _normal_axes(axes, a_ndim, b.ndim)
    return _contract_back(g, b, mine, its, a_ndim, True)


def _tensordot_right(g: Any, a: Any, b_ndim: int, axes: Any) -> Any:
    its, mine = _normal_axes(axes, a.ndim, b_ndim)
    return _contract_back(g, a, mine, its, b_ndim, False)


tensordot = multilinear(
    np.tensordot,
    lambda g, y, a, b, axes=2: _tensordot_left(g, a.ndim, b, axes),
    lambda g, y, a, b, axes=2: _tensordot_right(g, a, b.ndim, axes),
    numpy=(np.tensordot, np.linalg.tensordot),
    analytic=True,
    cases=[
        case((2, 3, 4), (3, 4, 5)),
        case((2, 3), (4,), axes=0),
        case((2, 3, 4), (5, 4, 2), axes=([0, 2], [2, 1])),
        case((2, 3), (3, 5), axes=1),
        case((2, 3), (5, 3), axes=(-1, -1)),
        case((2, 3), (2, 3)),
    ],
)


def _dot_axes(a_ndim: int, b_ndim: int) -> Any:
    return 0 if not a_ndim or not b_ndim else ((a_ndim - 1,), (max(b_ndim - 2, 0),))


def _dot_left(g: Any, a_ndim: int, b: Any) -> Any:
    if a_ndim == 2 and np.ndim(b) == 2:
        return np.matmul(g, np.transpose(b))
    b = b if hasattr(b, "ndim") else beside(np.asarray(b), g)
    return _tensordot_left(g, a_ndim, b, _dot_axes(a_ndim, b.ndim))


def _dot_right(g: Any, a: Any, b_ndim: int) -> Any:
    if b_ndim == 2 and np.ndim(a) == 2:
        return np.matmul(np.transpose(a), g)
    a = a if hasattr(a, "ndim") else beside(np.asarray(a), g)
    return _tensordot_right(g, a, b_ndim, _dot_axes(a.ndim, b_ndim))


dot = multilinear(
    np.dot,
    lambda g, y, a, b: _dot_left(g, a.ndim, b),
    lambda g, y, a, b: _dot_right(g, a, b.ndim),
    analytic=True,
    cases=[
        case((3,), (3,)),
        case((2, 3), (3,)),
        case((3,), (3, 2)),
        case((2, 3), (3, 4)),
        case((2, 3, 4), (4,)),
        case((4,), (2, 4, 3)),
        case((2, 3, 4), (5, 4, 2)),
        case((), (3, 2)),
        case((3,), ()),
        case((0, 3), (3, 2)),
        case(2.0, (3,)),
    ],
)
vdot = composite(
    lambda a, b: np.dot(np.ravel(a), np.ravel(b)),
    name="vdot",
    numpy=np.vdot,
    cases=[case((3,), (3,)), case((2, 3), (3, 2))],
)


def _inner_axes(a_ndim: int, b_ndim: int) -> Any:
    return ((a_ndim - 1,), (b_ndim - 1,)) if a_ndim and b_ndim else 0


inner = multilinear(
    np.inner,
    lambda g, y, a, b: _tensordot_left(g, a.ndim, b, _inner_axes(a.ndim, b.ndim)),
    lambda g, y, a, b: _tensordot_right(g, a, b.ndim, _inner_axes(a.ndim, b.ndim)),
    analytic=True,
    cases=[case((3,), (3,)), case((2, 3), (3,)), case((2, 3), (4, 5, 3)), case((), (3,))],
)
outer = multilinear(
    np.outer,
    lambda g, y, a, b: np.reshape(np.dot(g, np.ravel(b)), a.shape),
    lambda g, y, a, b: np.reshape(np.dot(np.ravel(a), g), b.shape),
    numpy=(np.outer, np.linalg.outer),
    analytic=True,
    cases=[case((3,), (4,)), case((2, 3), (2,)), case((), (3,))],
)


def _kron(a: Any, b: Any) -> Any:
    a, b = [x if hasattr(x, "ndim") else np.asanyarray(x) for x in (a, b)]
    n = max(a.ndim, b.ndim)
    a_shape, b_shape = (1,) * (n - a.ndim) + a.shape, (1,) * (n - b.ndim) + b.shape
    left = np.reshape(a, tuple([k for m in a_shape for k in (m, 1)]))
    right = np.reshape(b, tuple([k for m in b_shape for k in (1, m)]))
    return np.reshape(np.multiply(left, right), tuple([p * q for p, q in zip(a_shape, b_shape, strict=True)]))


kron = composite(
    _kron,
    name="kron",
    numpy=np.kron,
    analytic=True,
    cases=[case((2,), (3,)), case((2, 3), (3, 2)), case((2,), (2, 3)), case((2, 1, 3), (2, 2)), case((), (3,))],
)


def _check_cross(a_length: int, b_length: int) -> None:
    if a_length != 3 or b_length != 3:
        raise ValueError(
            f"cross: takes vectors of length 3, got {a_length} and {b_length}; give plane vectors a third 0"
        )


def _cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    _check_cross(a.shape[axisa if axis is None else axis], b.shape[axisb if axis is None else axis])
    return np.cross(a, b, axisa, axisb, axisc, axis)


cross = multilinear(
    _cross,
    # g . (a x b) = a . (b x g) = b . (g x a)
    lambda g, y, a, b, axisa=-1, axisb=-1, axisc=-1, axis=None: (
        np.cross(b, g, axisb, axisc, axisa) if axis is None else np.cross(b, g, axis=axis)
    ),
    lambda g, y, a, b, axisa=-1, axisb=-1, axisc=-1, axis=None: (
        np.cross(g, a, axisc, axisa, axisb) if axis is None else np.cross(g, a, axis=axis)
    ),
    name="cross",
    numpy=np.cross,
    analytic=True,
    cases=[
        case((3,), (3,)),
        case((4, 3), (3,)),
        case((3, 4), (3, 4), axis=0),
        case((3, 4), (4, 3), axisa=0, axisb=1, axisc=0),
    ],
)
linalg_cross = composite(
    lambda x1, x2, /, *, axis=-1: np.cross(x1, x2, axis=axis),
    name="linalg_cross",
    numpy=np.linalg.cross,
    cases=[case((4, 3), (4, 3)), case((3, 4), (3, 4), axis=0)],
)
# NumPy conjugates the first factor of these. Undone (at no cost for real numbers) they stay analytic functions, so that
# a complex step through them is right.
vecdot = multilinear(
    lambda a, b: np.vecdot(kept(a).conj(), b),
    lambda g, y, a, b: np.expand_dims(g, -1) * b,
    lambda g, y, a, b: np.expand_dims(g, -1) * a,
    name="vecdot",
    numpy=np.vecdot,
    analytic=True,
    cases=[case((3,), (3,)), case((2, 3), (3,)), case((2, 1, 3), (4, 3)), case((0, 3), (0, 3))],
)
linalg_vecdot = composite(
    lambda x1, x2, /, *, axis=-1: np.vecdot(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)),
    name="linalg_vecdot",
    numpy=np.linalg.vecdot,
    cases=[case((2, 3), (2, 3)), case((3, 4), (3, 4), axis=0)],
)
if hasattr(np, "matvec"):
    matvec = multilinear(
        np.matvec,
        lambda g, y, a, b: np.expand_dims(g, -1) * np.expand_dims(b, -2),
        lambda g, y, a, b: np.vecmat(g, a),
        analytic=True,
        cases=[case((2, 3), (3,)), case((4, 2, 3), (3,)), case((2, 3), (4, 3))],
    )
    vecmat = multilinear(
        lambda a, b: np.vecmat(kept(a).conj(), b),
        lambda g, y, a, b: np.matvec(b, g),
        lambda g, y, a, b: np.expand_dims(a, -1) * np.expand_dims(g, -2),
        name="vecmat",
        numpy=np.vecmat,
        analytic=True,
        cases=[case((2,), (2, 3)), case((4, 2), (2, 3)), case((2,), (4, 2, 3))],
    )


def _matrix_power(a: Any, n: int) -> Any:
    a = a if hasattr(a, "ndim") else np.asanyarray(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"matrix_power: needs square matrices, got shape {a.shape}")
    n = int(n)
    if n == 0:
        return np.broadcast_to(beside(np.eye(a.shape[-1], dtype=a.dtype), a), a.shape)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 1:
        return np.positive(a)
    if n == 3:
        return np.matmul(np.matmul(a, a), a)
    # Squares of squares, multiplied where n has a binary digit, as NumPy does it.
    power: Any = None
    result: Any = None
    while n:
        power = a if power is None else np.matmul(power, power)
        n, digit = divmod(n, 2)
        if digit:
            result = power if result is None else np.matmul(result, power)
    return result


matrix_power = composite(
    _matrix_power,
    name="matrix_power",
    numpy=np.linalg.matrix_power,
    domain="invertible",
    cases=[case((3, 3), n) for n in (-2, -1, 0, 1, 2, 3, 6)] + [case((2, 3, 3), 5)],
)


def _best_order(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Give where to split each stretch of a chain of matrices for the fewest multiplications (Cormen, section 15.2)."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i, j] = min(options)
            split[i, j] = i + options.index(cost[i, j])
    return split


def _multi_dot(arrays: Sequence[Any]) -> Any:
    xs = [x if hasattr(x, "ndim") else np.asanyarray(x) for x in arrays]
    n = len(xs)
    if n < 2:
        raise ValueError(f"multi_dot: needs at least two arrays, got {n}")
    if n == 2:
        return np.dot(*xs)
    ndims = [x.ndim for x in xs]
    xs[0], xs[-1] = np.atleast_2d(xs[0]), np.reshape(xs[-1], (-1, 1)) if ndims[-1] == 1 else xs[-1]
    for x in xs:
        if x.ndim != 2:
            raise np.linalg.LinAlgError(f"multi_dot: the arrays between the ends must have 2 axes, got shape {x.shape}")
    if n == 3:
        (p, q), (r, s) = xs[0].shape, xs[2].shape
        first = p * r * (q + s) < q * s * (p + r)
        y = np.dot(np.dot(xs[0], xs[1]), xs[2]) if first else np.dot(xs[0], np.dot(xs[1], xs[2]))
    else:
        split = _best_order([xs[0].shape[0], *[x.shape[1] for x in xs]])

        def product(i: int, j: int) -> Any:
            return xs[i] if i == j else np.dot(product(i, split[i, j]), product(split[i, j] + 1, j))

        y = product(0, n - 1)
    if ndims[0] == 1 and ndims[-1] == 1:
        return y[0, 0]
    return np.ravel(y) if 1 in (ndims[0], ndims[-1]) else y


multi_dot = composite(
    _multi_dot,
    name="multi_dot",
    numpy=np.linalg.multi_dot,
    cases=[
        case([(2, 3), (3, 4)]),
        case([(2, 3), (3, 4), (4, 2)]),
        case([(3,), (3, 4), (4,)]),
        case([(3,), (3, 4), (4, 2), (2, 5)]),
        case([(5, 1), (1, 4), (4, 2), (2, 3), (3,)]),
    ],
)
