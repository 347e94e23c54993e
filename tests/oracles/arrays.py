"""Recipes for shapes, indices, joining and sorting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .program import LARGEST, Draw, SkipRecipe


def reshape(d: Draw) -> str:
    x = d.slot("x")
    n = d.last.size
    shape: list[int] = []
    while n > 1:
        k = int(d.choice([k for k in range(2, n + 1) if n % k == 0]))
        shape.append(k)
        n //= k
    for _ in range(d.integer(0, 2)):
        shape.insert(d.integer(0, len(shape) + 1), 1)
    if shape and d.chance(0.4):
        shape[d.integer(0, len(shape))] = -1
    order = ", order='F'" if d.chance(0.2) else ""
    form = d.choice(["np.reshape({x}, {s}{o})", "{x}.reshape({s}{o})"])
    return str(form).format(x=x, s=tuple(shape), o=order)


def transpose(d: Draw) -> str:
    x = d.slot("x")
    axes = tuple(int(a) for a in d.rng.permutation(d.last.ndim))
    forms = ["np.transpose({x}, {axes})", "{x}.T", "np.transpose({x})"] + (["{x}.transpose({axes})"] if axes else [])
    return str(d.choice(forms)).format(x=x, axes=axes)


def two_axes(form: str) -> Any:
    def recipe(d: Draw) -> str:
        x = d.slot("x_two")
        a, b = (int(k) for k in d.rng.permutation(d.last.ndim)[:2])
        return form.format(x=x, a=a, b=b)

    return recipe


def broadcast_to(d: Draw) -> str:
    x = d.slot("x")
    shape = tuple(d.integer(1, 4) if n == 1 else n for n in d.last.shape)
    if d.chance(0.5):
        shape = (d.integer(1, 4), *shape)
    return f"np.broadcast_to({x}, {shape})"


def squeeze(d: Draw) -> str:
    x = d.operand(lambda v: 1 in v.shape)
    axis = int(d.choice([i for i, n in enumerate(d.values[x].shape) if n == 1]))
    return str(d.choice(["np.squeeze({x})", "np.squeeze({x}, axis={a})", "{x}.squeeze({a})"])).format(x=x, a=axis)


def pad(d: Draw) -> str:
    x = d.slot("x_axes")
    if d.last.ndim > 3:
        raise SkipRecipe
    widths = tuple((d.integer(0, 3), d.integer(0, 3)) for _ in range(d.last.ndim))
    width = str(widths) if d.chance(0.6) else str(d.integer(1, 3))
    modes = ["constant", "edge", "reflect", "symmetric", "wrap", "mean", "linear_ramp"]
    return f"np.pad({x}, {width}, mode='{d.choice(modes)}')"


def pad_extreme(d: Draw) -> str:
    mode = d.choice(["maximum", "minimum"])
    return d.fill("np.pad({x_distinct}, ") + f"{d.integer(1, 3) if d.last.ndim else 0}, mode='{mode}')"


def pad_number(d: Draw) -> str:
    return d.fill("np.pad({x_axes}, {count}, constant_values={num})")


def an_index(d: Draw, shape: tuple[int, ...], repeats: bool = True) -> str:
    """Give a random index into an array of the shape, as it is written between the brackets."""
    parts: list[str] = []
    arrays: tuple[int, ...] | None = None
    ellipsis = False
    i = 0
    while i < len(shape):
        n = shape[i]
        kind = int(d.choice([0, 1, 2, 3, 4, 5, 6]))
        if kind == 0:
            parts.append(str(d.integer(-n, n)))
        elif kind == 1:
            a, b = sorted(d.integer(0, n + 1) for _ in range(2))
            parts.append(f"{a}:{max(b, a + 1)}" if a < n else f"{n - 1}:")
        elif kind == 2:
            parts.append(str(d.choice(["::-1", "::2", ":", "-1:", f"{n - 1}::-2"])))
        elif kind == 3 and not ellipsis:
            ellipsis = True
            parts.append("...")
            i += d.integer(0, len(shape) - i)
            continue
        elif kind == 4:
            parts.append("None")
            continue
        elif kind == 5 and repeats:
            arrays = arrays or (d.integer(1, 4),)
            parts.append(d.constant(d.rng.integers(-n, n, arrays)))
        elif kind == 6 and repeats and arrays is None:
            m = d.rng.random(n) < 0.6
            m[d.integer(0, n)] = True
            arrays = (int(m.sum()),)
            parts.append(d.constant(m))
        else:
            parts.append(":")
        i += 1
        if d.chance(0.3):
            break
    return ", ".join(parts) or "..."


def getitem(d: Draw) -> str:
    x = d.slot("x")
    return f"{x}[{an_index(d, d.last.shape)}]"


def mask_index(d: Draw) -> str:
    x = d.slot("x_axes")
    m = d.rng.random(d.last.shape[: d.integer(1, d.last.ndim + 1)]) < 0.6
    m.flat[d.integer(0, m.size)] = True
    return f"{x}[{d.constant(m)}]"


def update(what: str) -> Any:
    def recipe(d: Draw) -> str:
        x = d.slot("x_axes")
        shape = d.last.shape
        # JAX leaves open which of several values stays in a repeated place.
        index = an_index(d, shape, repeats=what == "add")
        place = d.evaluate(f"{x}[{index}]").shape
        names = [k for k, v in d.values.items() if k[0] != "k" and _fits(v.shape, place)]
        v = d.among(names) if names and d.chance(0.8) else "0.7"
        return f"{x}.at[{index}].{what}({v})"

    return recipe


def _fits(shape: tuple[int, ...], place: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, place) == place
    except ValueError:
        return False


def take(d: Draw) -> str:
    x = d.slot("x_axes")
    axis = d.integer(0, d.last.ndim)
    indices = d.constant(d.rng.integers(0, d.last.shape[axis], (d.integer(1, 5),)))
    return str(d.choice(["np.take({x}, {i}, axis={a})", "{x}.take({i}, axis={a})"])).format(x=x, i=indices, a=axis)


def take_along_axis(d: Draw) -> str:
    x = d.slot("x_axes")
    axis = d.integer(0, d.last.ndim)
    shape = tuple(d.integer(1, 4) if i == axis else n for i, n in enumerate(d.last.shape))
    indices = d.constant(d.rng.integers(0, d.last.shape[axis], shape))
    return f"np.take_along_axis({x}, {indices}, axis={axis})"


def repeat(d: Draw) -> str:
    x = d.slot("x_axes")
    axis = d.integer(0, d.last.ndim)
    counts = d.constant(d.rng.integers(0, 3, (d.last.shape[axis],)))
    forms = [
        "np.repeat({x}, 2)",
        "np.repeat({x}, 3, axis={a})",
        "np.repeat({x}, {k}, axis={a})",
        "{x}.repeat(2, axis={a})",
    ]
    return str(d.choice(forms)).format(x=x, a=axis, k=counts)


def tile(d: Draw) -> str:
    x = d.slot("x")
    reps = d.choice([2, (2,), (1, 2), (2, 1, 1), (1, 1, 2)])
    return f"np.tile({x}, {reps})"


def roll(d: Draw) -> str:
    x = d.slot("x")
    if d.last.ndim > 1 and d.chance(0.4):
        return f"np.roll({x}, (1, -2), axis=(0, 1))"
    return f"np.roll({x}, {d.integer(-3, 4)}{d.slot('along')})"


def join(form: str, equal: bool) -> Any:
    """Join variables of one shape, or of shapes that differ along the first axis."""

    def recipe(d: Draw) -> str:
        x = d.slot("x_axes")
        shape = d.last.shape

        def fits(v: np.ndarray) -> bool:
            return v.shape == shape if equal else v.ndim == len(shape) and v.shape[1:] == shape[1:]

        parts = [x, *[d.operand(fits) for _ in range(d.integer(1, 3))]]
        return form.format(parts=", ".join(parts), axis=d.integer(-len(shape), len(shape)) if equal else 0)

    return recipe


def block(d: Draw) -> str:
    x = d.slot("x_matrix")
    y = d.operand(lambda v: v.ndim == 2 and v.shape[0] == d.values[x].shape[0])
    z = d.operand(lambda v: v.ndim == 2 and v.shape[0] == d.values[y].shape[0])
    return f"np.block([{x}, {y}, {z}])" if d.chance(0.5) else f"np.block([[{x}, {y}], [{x}, {y}]])"


def part(form: str) -> Any:
    """Split along an axis and take one of the parts."""

    def recipe(d: Draw) -> str:
        x = d.slot("x_axes")
        axis = d.integer(0, d.last.ndim)
        n = d.last.shape[axis]
        k = int(d.choice([k for k in range(1, n + 1) if n % k == 0]))
        return form.format(x=x, axis=axis, k=k, i=d.integer(0, k), m=d.integer(1, n + 1))

    return recipe


def fixed_axis_part(form: str, ndim: int, axis: int) -> Any:
    def recipe(d: Draw) -> str:
        x = d.operand(lambda v: v.ndim >= ndim)
        n = d.values[x].shape[axis]
        k = int(d.choice([k for k in range(1, n + 1) if n % k == 0]))
        return form.format(x=x, k=k, i=d.integer(0, k))

    return recipe


def diagonal(form: str) -> Any:
    def recipe(d: Draw) -> str:
        x = d.slot("x_two")
        rows, columns = d.last.shape[:2]
        return form.format(x=x, k=d.integer(1 - rows, columns))

    return recipe


def delete(d: Draw) -> str:
    x = d.operand(lambda v: v.ndim > 0 and v.shape[0] > 2)
    n = d.values[x].shape[0]
    some = d.constant(np.array([0, d.integer(1, n)]))
    return f"np.delete({x}, {some if d.chance(0.5) else d.integer(0, n)}, axis=0)"


def insert(d: Draw) -> str:
    x = d.slot("x_axes")
    i = d.integer(0, d.last.shape[0])
    return f"np.insert({x}, {i}, {d.operand(lambda v: v.ndim == 0 or v.shape == d.last.shape[1:])}, axis=0)"


def resize(d: Draw) -> str:
    return d.fill("np.resize({x}, ") + f"({d.integer(1, 5)}, {d.integer(1, 5)}))"


def pieces(form: str) -> Any:
    def recipe(d: Draw) -> str:
        x, y = d.slot("x"), d.slot("y_any")
        return form.format(x=x, y=y, i=d.integer(0, 2))

    return recipe


def meshgrid(d: Draw) -> str:
    x, y = (d.operand(lambda v: v.ndim == 1) for _ in range(2))
    indexing = d.choice(["xy", "ij"])
    return f"np.meshgrid({x}, {y}, indexing='{indexing}')[{d.integer(0, 2)}]"


def partition(d: Draw) -> str:
    x = d.slot("x_rough")
    n = d.last.shape[-1]
    # Only the element at k is in a place that all libraries agree on.
    k = d.integer(0, n)
    return f"np.partition({x}, {k})[..., {k}]"


def unstack(d: Draw) -> str:
    x = d.slot("x_axes")
    axis = d.integer(0, d.last.ndim)
    return f"np.unstack({x}, axis={axis})[{d.integer(0, d.last.shape[axis])}]"


def vander(d: Draw) -> str:
    x = d.slot("x_vector")
    if d.last.size * 3 > LARGEST:
        raise SkipRecipe
    return f"np.vander({x}, {d.integer(1, 4)}, increasing={d.chance(0.5)})"


def outer_axes(d: Draw) -> str:
    x = d.slot("x")
    axes = d.choice([0, -1, (0, 1), (0, -1)])
    return f"np.expand_dims({x}, {axes})" if math.prod(d.last.shape) else x


ARRAYS: dict[str, list[Any]] = {
    "reshape": [reshape],
    "ravel": ["np.ravel({x})", "{x}.ravel()", "{x}.flatten()"],
    "transpose": [transpose],
    "matrix_transpose": ["np.matrix_transpose({x_two})", "{x_two}.mT"],
    "moveaxis": [two_axes("np.moveaxis({x}, {a}, {b})")],
    "swapaxes": [two_axes("np.swapaxes({x}, {a}, {b})"), two_axes("{x}.swapaxes({a}, {b})")],
    "rollaxis": [two_axes("np.rollaxis({x}, {a}, {b})")],
    "broadcast_to": [broadcast_to],
    "broadcast_arrays": [pieces("np.broadcast_arrays({x}, {y})[{i}]")],
    "expand_dims": [outer_axes, "{x}[None]", "{x}[..., None]"],
    "squeeze": [squeeze],
    "atleast_1d": ["np.atleast_1d({x})"],
    "atleast_2d": ["np.atleast_2d({x})"],
    "atleast_3d": ["np.atleast_3d({x_flat})"],
    "copy": ["np.copy({x})", "{x}.copy()"],
    "meshgrid": [meshgrid],
    "flip": ["np.flip({x}{along})"],
    "fliplr": ["np.fliplr({x_two})"],
    "flipud": ["np.flipud({x_axes})"],
    "rot90": ["np.rot90({x_two}, {k})", "np.rot90({x_three}, {k}, axes=(2, 0))"],
    "roll": [roll],
    "tile": [tile],
    "repeat": [repeat],
    "resize": [resize],
    "append": ["np.append({x}, {y})"],
    "delete": [delete],
    "insert": [insert],
    "pad": [pad, pad_number, pad_extreme],
    "getitem": [getitem, getitem, mask_index],
    "index_set": [update("set")],
    "index_add": [update("add")],
    "take": [take],
    "take_along_axis": [take_along_axis],
    "concatenate": [join("np.concatenate([{parts}])", False), join("np.concatenate([{parts}], axis={axis})", True)],
    "stack": [join("np.stack([{parts}], axis={axis})", True)],
    "hstack": [join("np.hstack([{parts}])", True)],
    "vstack": [join("np.vstack([{parts}])", True)],
    "dstack": [join("np.dstack([{parts}])", True)],
    "column_stack": [join("np.column_stack([{parts}])", True)],
    "block": [block],
    "split": [part("np.split({x}, {k}, axis={axis})[{i}]"), part("np.split({x}, [{m}], axis={axis})[0]")],
    "array_split": [part("np.array_split({x}, {m}, axis={axis})[0]")],
    "hsplit": [fixed_axis_part("np.hsplit({x}, {k})[{i}]", 2, 1)],
    "vsplit": [fixed_axis_part("np.vsplit({x}, {k})[{i}]", 2, 0)],
    "dsplit": [fixed_axis_part("np.dsplit({x}, {k})[{i}]", 3, 2)],
    "unstack": [unstack],
    "diagonal": [diagonal("np.diagonal({x}, {k})"), diagonal("{x}.diagonal(offset={k})")],
    "trace": [diagonal("np.trace({x}, {k})"), "{x_two}.trace()"],
    "diag": ["np.diag({x_vector}, {k})", "np.diag({x_matrix})"],
    "diagflat": ["np.diagflat({x_flat}, {k})"],
    "linalg_diagonal": ["np.linalg.diagonal({x_two})"],
    "linalg_trace": ["np.linalg.trace({x_two})"],
    "tril": ["np.tril({x_two}, {k})"],
    "triu": ["np.triu({x_two}, {k})"],
    "vander": [vander],
    "sort": ["np.sort({x_rough}{along})", "np.sort({x_rough}, axis=None)"],
    "partition": [partition],
}
