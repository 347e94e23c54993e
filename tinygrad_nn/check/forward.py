"""Forward mode against reverse mode: the adjoint identity <c, J t> = <J' c, t>, which holds to the last digits."""

from __future__ import annotations

import numpy as np

from ..transforms.gradients import push
from .differences import Array
from .inputs import place
from .level import REFUSALS, Level, signed

#: Derivatives that are nothing but rounding change wholly when the inputs move by this part.
JITTER = 1e-12


def compare_modes(level: Level) -> tuple[str, str]:
    """Compare both modes along a random direction and give (what to note, what is wrong): one of them is empty."""
    tangents = [signed(level.rng, leaf.value.shape) for leaf in level.leaves]
    try:
        pushed = push(level.outputs, [leaf.tensor for leaf in level.leaves], tangents, False)
    except Exception as e:
        return f"forward mode does not work here: {type(e).__name__}: {e}", ""
    parts = [np.ravel(np.zeros(s) if d is None else d) for d, s in zip(pushed, level.shapes, strict=True)]
    forward = level.weights * np.concatenate(parts).astype(np.float64)
    size = np.abs(forward).sum(axis=1)
    back = np.zeros(len(level.weights))
    for claims, t in zip(level.claims, tangents, strict=True):
        if claims is not None:
            products = claims * t.ravel()
            back, size = back + products.sum(axis=1), size + np.abs(products).sum(axis=1)
    off = np.abs(forward.sum(axis=1) - back)
    if not np.isfinite(off).all():
        return "forward mode was not compared: a derivative is not finite", ""
    relative = float(np.max(off / np.where(size > 0, size, 1.0)))
    limit = max(1e-12, 100.0 * level.eps)
    room = np.zeros(len(level.weights))
    if relative > limit:
        # What the rounding of the claims themselves accounts for, measured by moving the inputs by their last digit.
        room = np.sum([level.uncertain(k) @ np.abs(t.ravel()) for k, t in enumerate(tangents)], axis=0)
    if np.any(off > limit * size + 10.0 * room):
        room = room + 10.0 * _noise(level, tangents, back)
    if np.all(off <= limit * size + 10.0 * room):
        if relative > max(limit, 1e-9):
            return "forward mode agrees with reverse mode within the rounding of both", ""
        return f"forward mode agrees with reverse mode to {relative:.0e}", ""
    r = int(np.argmax(off - 10.0 * room))
    ratios = forward.sum(axis=1) / back if np.all(back) else np.array([0.0, 1.0])
    same = abs(ratios[0] - ratios[1]) <= 1e-9 * abs(ratios[0])
    return "", (
        f"forward and reverse mode differ: the derivative along a random direction is {forward[r].sum():.17g} "
        f"by forward mode, {back[r]:.17g} by reverse mode" + (f" (a factor {ratios[0]:.6g})" if same else "")
    )


def _noise(level: Level, tangents: list[Array], back: Array) -> Array:
    """Give how far the derivatives along the tangents move with the inputs' last digits: all of a zero that cancels."""
    most = np.zeros(len(back))
    for _ in range(4):
        try:
            for leaf in level.leaves:
                place(leaf, leaf.value * (1.0 + JITTER * level.rng.choice([-1.0, 1.0], leaf.value.shape)))
            moved = level.reverse(level.call(), level.weights)
        except REFUSALS:
            continue
        finally:
            for leaf in level.leaves:
                place(leaf, leaf.value)
        products = [(m * t.ravel()).sum(axis=1) for m, t in zip(moved, tangents, strict=True) if m is not None]
        most = np.maximum(most, np.nan_to_num(np.abs(sum(products, np.zeros(len(back))) - back)))
    return most
