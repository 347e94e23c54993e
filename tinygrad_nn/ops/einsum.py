"""Einstein summation in every form of NumPy's: implicit, with an ellipsis, interleaved, with repeated indices."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from ..convert import copied, zeros
from ..op import Op, case, composite, linear, multilinear
from .indexing import is_tensor

_LETTERS = string.ascii_letters


def _shape(x: Any) -> tuple[int, ...]:
    return x.shape if hasattr(x, "shape") else np.shape(x)


def _spelled(subscripts: str, shapes: list[tuple[int, ...]]) -> str:
    """Give subscripts with an explicit result and letters in place of every ellipsis."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {subscripts!r} names {len(terms)} operands, got {len(shapes)}")
    named = set(text)
    unused = [c for c in _LETTERS if c not in named]
    broadcast = 0
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        letters = term.replace("...", "")
        if not all(c in _LETTERS for c in letters):
            raise ValueError(f"einsum: {subscripts!r} may hold letters, commas, '->' and '...', got {term!r}")
        extra = len(shape) - len(letters)
        if extra < 0 or (extra and "..." not in term):
            raise ValueError(f"einsum: operand {i} of shape {shape} does not fit {term!r} in {subscripts!r}")
        if "..." in term:
            broadcast = max(broadcast, extra)
    if broadcast > len(unused):
        raise ValueError(f"einsum: {subscripts!r} needs more letters than there are")
    dots = "".join(unused[:broadcast])
    full = []
    for term, shape in zip(terms, shapes, strict=True):
        extra = len(shape) - len(term.replace("...", ""))
        full.append(term.replace("...", dots[broadcast - extra :]))
    if arrow:
        result = right.replace("...", dots)
    else:
        # Letters that occur once, in alphabetical order, after the broadcast axes.
        result = dots + "".join(sorted(c for c in set(left) - set(",.") if left.count(c) == 1))
    return ",".join(full) + "->" + result


def _interleaved(args: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Turn (a, [0, 1], b, [1, 2], [0, 2]) into subscripts and operands."""
    operands = list(args[0 : len(args) - len(args) % 2 : 2])
    lists = list(args[1 : len(args) - len(args) % 2 : 2])
    output = args[-1] if len(args) % 2 else None
    numbers = sorted({k for part in [*lists, output or []] for k in part if k is not Ellipsis})
    if len(numbers) > len(_LETTERS):
        raise ValueError(f"einsum: {len(numbers)} different indices are more than there are letters")
    letter = {k: _LETTERS[i] for i, k in enumerate(numbers)}

    def spell(part: Any) -> str:
        return "".join(["..." if k is Ellipsis else letter[k] for k in part])

    text = ",".join([spell(part) for part in lists])
    return (text if output is None else f"{text}->{spell(output)}"), operands


def _once(term: str) -> str:
    return "".join(dict.fromkeys(term))


def _product(terms: list[str], arrays: list[Any], want: str) -> Any:
    """Contract arrays to the wanted letters, which each occur in some term; big products go through BLAS."""
    text = ",".join(terms) + "->" + want
    return np.einsum(text, *arrays, optimize=len(arrays) > 1)


def _pull(g: Any, subscripts: str, i: int, shape: tuple[int, ...], others: list[Any]) -> Any:
    """Give the cotangent of operand number i: g contracted with the others, put where its own letters are."""
    left, _, result = subscripts.partition("->")
    terms = left.split(",")
    mine = _once(terms[i])
    rest = terms[:i] + terms[i + 1 :]
    known = set(result).union(*rest)
    there = "".join([c for c in mine if c in known])
    out = _product([result, *rest], [g, *others], there)
    # A letter of this operand alone was summed over: every place along it counts alike.
    size: dict[str, int] = {}
    for c, n in zip(terms[i], shape, strict=True):
        size[c] = max(size.get(c, 1), n)
    out = np.reshape(out, tuple([out.shape[there.index(c)] if c in there else 1 for c in mine]))
    if mine == terms[i]:
        return np.broadcast_to(out, tuple([n if k == 1 else k for k, n in zip(out.shape, shape, strict=True)]))
    out = np.broadcast_to(out, tuple([size[c] if k == 1 else k for k, c in zip(out.shape, mine, strict=True)]))
    return put_diagonal(out, term=terms[i], shape=shape)


def _put_diagonal(x: Any, term: str = "", shape: tuple[int, ...] = ()) -> Any:
    letters = _once(term)
    out = zeros(tuple([x.shape[letters.index(c)] for c in term]), x.dtype, x)
    index = [np.arange(n).reshape([-1 if j == k else 1 for j in range(x.ndim)]) for k, n in enumerate(x.shape)]
    out[tuple([index[letters.index(c)] for c in term])] = x
    return out


put_diagonal: Op = linear(
    _put_diagonal,
    lambda g, y, x, term="", shape=(): np.einsum(f"{term}->{_once(term)}", g),
    name="put_diagonal",
    bind=lambda x, term, shape: ((x,), {"term": term, "shape": shape}),
    formula="zeros, with x where the indices of the same letter are equal",
    cases=[case((3,), term="ii", shape=(3, 3)), case((3, 2), term="iji", shape=(3, 2, 3))],
)


def _compute(*xs: Any, subscripts: str = "", optimize: Any = False) -> Any:
    # A view of an operand would let an operation give its input back under another name.
    return copied(np.einsum(subscripts, *xs, optimize=optimize))[()]


einsum_one = linear(
    _compute,
    lambda g, y, x, subscripts="", optimize=False: _pull(g, subscripts, 0, x.shape, []),
    name="einsum_one",
    bind=lambda x, subscripts, optimize=False: ((x,), {"subscripts": subscripts, "optimize": optimize}),
    formula="einsum(subscripts, x)",
    cases=[case((3, 3), subscripts="ii->i"), case((3, 4), subscripts="ij->j")],
)
einsum_pair = multilinear(
    _compute,
    lambda g, y, a, b, subscripts="", optimize=False: _pull(g, subscripts, 0, a.shape, [b]),
    lambda g, y, a, b, subscripts="", optimize=False: _pull(g, subscripts, 1, b.shape, [a]),
    name="einsum_pair",
    bind=lambda a, b, subscripts, optimize=False: ((a, b), {"subscripts": subscripts, "optimize": optimize}),
    analytic=True,
    formula="einsum(subscripts, a, b)",
    cases=[case((2, 3), (3, 4), subscripts="ij,jk->ik"), case((3, 3), (3,), subscripts="ii,k->k")],
)
einsum_many = multilinear(
    _compute,
    lambda g, y, *xs, subscripts="", optimize=False: [
        _pull(g, subscripts, i, x.shape, [*xs[:i], *xs[i + 1 :]]) for i, x in enumerate(xs)
    ],
    name="einsum_many",
    variadic=True,
    bind=lambda *xs, subscripts, optimize=False: (xs, {"subscripts": subscripts, "optimize": optimize}),
    formula="einsum(subscripts, *xs)",
    cases=[
        case((2, 3), (3, 4), (4, 2), subscripts="ij,jk,kl->il"),
        case((2,), (2,), (2,), (2,), subscripts="i,i,i,j->j"),
    ],
)


def _einsum(*args: Any, optimize: Any = False) -> Any:
    if not args:
        raise ValueError("einsum: give subscripts and operands")
    if isinstance(args[0], str):
        subscripts, operands = args[0], list(args[1:])
    else:
        subscripts, operands = _interleaved(args)
    if not operands:
        raise ValueError(f"einsum: {subscripts!r} needs operands")
    operands = [x if is_tensor(x) or hasattr(x, "dtype") else np.asarray(x) for x in operands]
    text = _spelled(subscripts, [_shape(x) for x in operands])
    if len(operands) == 1:
        return einsum_one(operands[0], text, optimize)
    if len(operands) == 2:
        return einsum_pair(*operands, text, optimize)
    return einsum_many(*operands, subscripts=text, optimize=optimize)


def _bind(*args: Any, optimize: Any = False, **unknown: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    for k, v in unknown.items():
        if v is not None:
            raise TypeError(f"einsum: argument {k}={v!r} has no derivative rule; leave it out")
    return args, {"optimize": optimize}


einsum = composite(
    _einsum,
    name="einsum",
    numpy=np.einsum,
    variadic=True,
    bind=_bind,
    cases=[
        case("ij,jk->ik", (2, 3), (3, 4)),
        case("ij,jk", (2, 3), (3, 4)),
        case("ba,cb", (2, 3), (4, 2)),
        case("ii", (3, 3)),
        case("ii->i", (3, 3)),
        case("ij->ji", (2, 3)),
        case("ij->", (2, 3)),
        case("iij->j", (2, 2, 3)),
        case("i,i->", (3,), (3,)),
        case("i,j->ij", (3,), (2,)),
        case("...ij,...jk->...ik", (2, 1, 2, 3), (4, 3, 2)),
        case("i...,i...->...", (3, 2), (3, 2, 2)),
        case("...i", (2, 3)),
        case("...,...", (2, 3), ()),
        case("bij,bjk,bk->bi", (2, 2, 3), (2, 3, 4), (2, 4)),
        case("bij,bjk,bk->bi", (2, 2, 3), (2, 3, 4), (2, 4), optimize=True),
        case("ij,ij,ij->ij", (2, 3), (2, 3), (1, 3)),
        case("ijkj,kl->il", (2, 3, 4, 3), (4, 5)),
        case("ij,kl->k", (2, 3), (4, 5)),
        case((2, 3), [0, 1], (3, 4), [1, 2], [0, 2]),
        case((2, 3), [0, 1], (3, 4), [1, 2]),
        case((2, 3), [Ellipsis, 1], [Ellipsis]),
        case(",i->i", (), (3,)),
    ],
)
