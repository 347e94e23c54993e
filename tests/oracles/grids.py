"""Recipes for signals, statistics, interpolation, polynomials and choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from .program import LARGEST, Draw, SkipRecipe


def vectors(form: str, most: int = 12, least: int = 1) -> Any:
    """Give a recipe for two variables of one axis."""

    def recipe(d: Draw) -> str:
        def fits(v: np.ndarray) -> bool:
            # NumPy drops leading zeros of polynomials, JAX does not.
            return v.ndim == 1 and least <= v.size <= most and v[0] != 0

        a, b = d.operand(fits), d.operand(fits)
        mode = d.choice(["full", "same", "valid"])
        return form.format(a=a, b=b, mode=mode, n=d.integer(1, 3))

    return recipe


def windows(d: Draw) -> str:
    x = d.slot("x_vector")
    return f"np.lib.stride_tricks.sliding_window_view({x}, {d.integer(1, d.last.size + 1)})"


def gradient(d: Draw) -> str:
    x = d.operand(lambda v: v.ndim > 0 and v.shape[0] > 1)
    if d.values[x].shape[0] > 2 and d.chance(0.3):
        steps = d.constant(np.cumsum(np.abs(d.numbers((d.values[x].shape[0],))) + 0.2))
        return f"np.gradient({x}, {steps}, axis=0)"
    return f"np.gradient({x}, {d.choice(['0.5', '1.7'])}, axis=0)"


def observations(form: str) -> Any:
    """Give a recipe for a statistic of rows that all vary."""

    def recipe(d: Draw) -> str:
        x = d.operand(lambda v: v.ndim == 2 and v.shape[1] > 2)
        if np.var(d.values[x], axis=1).min() < 0.05:
            raise SkipRecipe
        return form.format(x=x)

    return recipe


def interp(d: Draw) -> str:
    """Interpolate with points that are constants, at places away from them."""
    f = d.operand(lambda v: v.ndim == 1 and v.size > 1)
    points = np.sort(d.numbers((d.values[f].size,), -1.5, 1.5))
    if np.diff(points).min() < 0.2:
        raise SkipRecipe
    x = d.moved(d.operand(), lambda v: float(np.abs(v[..., None] - points).min()) > 0.02)
    return f"np.interp({x}, {d.constant(points)}, {f})"


def only_jax(name: str, n: int) -> str:
    """Give an argument that JAX needs to know the shape of a result when it compiles."""
    return f"**({{'{name}': {n}}} if np.__name__ == 'jax.numpy' else {{}})"


def bincount(d: Draw) -> str:
    x = d.slot("x_vector")
    places = d.rng.integers(0, 4, d.last.shape)
    return f"np.bincount({d.constant(places)}, {x}, {only_jax('length', int(places.max()) + 1)})"


def bits(d: Draw, shape: tuple[int, ...]) -> np.ndarray:
    b = d.rng.random(shape) < 0.5
    b.flat[0] = True
    return b


def select(d: Draw) -> str:
    x, y = d.slot("x"), d.slot("y_any")
    first, second = d.constant(bits(d, d.shape)), d.constant(bits(d, d.shape))
    return f"np.select([{first}, {second}], [{x}, {y}], 0.3)"


def choose(d: Draw) -> str:
    x, y = d.slot("x_axes"), d.slot("y_any")
    return f"np.choose({d.constant(d.rng.integers(0, 2, d.shape))}, [{x}, {y}], mode='clip')"


def compress(d: Draw) -> str:
    x = d.slot("x_axes")
    m = bits(d, d.last.shape[:1])
    # JAX needs the number of elements when it compiles.
    return f"np.compress({d.constant(m)}, {x}, axis=0, {only_jax('size', int(m.sum()))})"


def extract(d: Draw) -> str:
    x = d.slot("x_axes")
    m = bits(d, d.last.shape)
    return f"np.extract({d.constant(m)}, {x}, {only_jax('size', int(m.sum()))})"


def piecewise(d: Draw) -> str:
    x = d.slot("x_axes")
    m = d.constant(bits(d, d.last.shape))
    return f"np.piecewise({x}, [{m}, ~{m}], [np.sin, lambda v: v * v])"


def along_axis(d: Draw) -> str:
    x = d.slot("x_axes")
    f = d.choice(["np.sum", "np.cumsum", "np.sin"])
    return f"np.apply_along_axis({f}, {d.integer(0, d.last.ndim)}, {x})"


def ends(form: str, kind: str = "any") -> Any:
    """Give a recipe for points between two variables that broadcast."""

    def recipe(d: Draw) -> str:
        a, b = d.slot(f"x_{kind}"), d.slot(f"y_{kind}")
        n = d.integer(1, 5)
        if n * int(np.prod(d.shape)) > LARGEST:
            raise SkipRecipe
        return form.format(a=a, b=b, n=n, end=d.chance(0.7))

    return recipe


def polyfit(d: Draw) -> str:
    x = d.slot("x_vector")
    x = d.moved(x, lambda v: v.size > 2 and float(np.diff(np.sort(v)).min()) > 0.3)
    y = d.operand(lambda v: v.ndim == 1 and v.shape == d.values[x].shape)
    return f"np.polyfit({x}, {y}, {d.integer(1, 3)})"


def fft_arguments(d: Draw, any_axis: bool) -> str:
    """Give length, axis and norm of a transform, with the comma that comes before."""
    axis = d.integer(0, d.last.ndim) if any_axis and d.chance(0.5) else -1
    parts = [f"axis={axis}"] if axis >= 0 else []
    if d.last.shape[axis] == 1 or d.chance(0.3):
        parts.append(f"n={d.integer(2, 6)}")
    if d.chance(0.4):
        parts.append(f"norm='{d.choice(['ortho', 'forward', 'backward'])}'")
    return "".join([f", {p}" for p in parts])


def transform(name: str, ndim: int = 1, real: bool = False) -> Any:
    """Give a recipe for a Fourier transform of a real variable; of a complex result the parts are taken."""

    def recipe(d: Draw) -> str:
        x = d.operand(lambda v: v.ndim >= ndim and (not real or v.shape[-1] > 1))
        d.picked.append(x)
        # XLA fails on transforms of real or to real numbers along another axis than the last.
        arguments = fft_arguments(d, name in ("fft", "ifft")) if ndim == 1 else d.choice(["", ", norm='ortho'"])
        return f"np.fft.{name}({x}{arguments})" + ("" if real else f".{d.choice(['real', 'imag'])}")

    return recipe


def filtered(d: Draw) -> str:
    """Work on a spectrum between two transforms."""
    x = d.operand(lambda v: v.ndim > 0 and v.shape[-1] > 1)
    y = d.operand(lambda v: v.shape == d.values[x].shape)
    n = d.values[x].shape[-1]
    form = d.choice(["np.fft.rfft({x}) * np.fft.rfft({y})", "np.fft.rfft({x}) * 1.3 - np.conj(np.fft.rfft({y}))"])
    return f"np.fft.irfft({form.format(x=x, y=y)}, {n})"


def quotient(d: Draw) -> str:
    b = d.operand(lambda v: v.ndim == 1 and v.size < 4 and abs(float(v[0])) > 0.5)
    a = d.operand(lambda v: v.ndim == 1 and v.size > d.values[b].size and v[0] != 0)
    return f"np.polydiv({a}, {b})[0]"


GRIDS: dict[str, list[Any]] = {
    "convolve": [vectors("np.convolve({a}, {b}, '{mode}')")],
    "correlate": [vectors("np.correlate({a}, {b}, '{mode}')")],
    "gradient": [gradient],
    "cov": [observations("np.cov({x})"), observations("np.cov({x}, bias=True)")],
    "corrcoef": [observations("np.corrcoef({x})")],
    "bincount": [bincount],
    "interp": [interp],
    "linspace": [ends("np.linspace({a}, {b}, {n}, endpoint={end})")],
    "logspace": [ends("np.logspace({a}, {b}, {n}, base=1.5)")],
    "geomspace": [ends("np.geomspace({a}, {b}, {n})", "positive")],
    "polyval": [vectors("np.polyval({a}, {b})", 5)],
    "polyadd": [vectors("np.polyadd({a}, {b})")],
    "polysub": [vectors("np.polysub({a}, {b})")],
    "polymul": [vectors("np.polymul({a}, {b})")],
    "polyder": [vectors("np.polyder({a})", least=2)],
    "polyint": [vectors("np.polyint({a}, {n})")],
    "polyfit": [polyfit],
    "poly": ["np.poly({x_vector})"],
    "polydiv": [quotient],
    "rfft": [transform("rfft"), filtered],
    "irfft": [transform("irfft", real=True), filtered],
    "fft": [transform("fft")],
    "ifft": [transform("ifft")],
    "hfft": [transform("hfft", real=True)],
    "ihfft": [transform("ihfft")],
    "rfft2": [transform("rfft2", 2)],
    "irfft2": [transform("irfft2", 2, real=True)],
    "fft2": [transform("fft2", 2)],
    "ifft2": [transform("ifft2", 2)],
    "rfftn": [transform("rfftn", 2)],
    "irfftn": [transform("irfftn", 2, real=True)],
    "fftn": [transform("fftn", 2)],
    "ifftn": [transform("ifftn", 2)],
    "fftshift": ["np.fft.fftshift({x_axes})"],
    "ifftshift": ["np.fft.ifftshift({x_axes}, axes=({axis},))"],
    "apply_over_axes": ["np.apply_over_axes(np.sum, {x_axes}, ({axis},))"],
    "select": [select],
    "choose": [choose],
    "compress": [compress],
    "extract": [extract],
    "piecewise": [piecewise],
    "apply_along_axis": [along_axis],
    "full_like": ["np.full_like({x}, 0.0) + {0}"],
}

GRIDS_NOT_DRAWN: dict[str, str] = {
    "sliding_window_view": "JAX has no such function",
    "real_if_close": "JAX has no such function",
    "histogram": "its counts are steps",
    "tensorsolve": "its arrays are made for it, not drawn",
    "tensorinv": "its arrays are made for it, not drawn",
}
