"""Faults planted in the rules of every operation, and how many of them gradcheck catches.

``python -m mutations --part 1/8`` in the folder tests runs a part; ``make mutations`` runs them all.
"""

import argparse
import collections
import re
import sys
import time
import warnings
import zlib

import numpy as np
from op_samples import REFUSES, samples

import tinygrad_nn as tg
from tinygrad_nn.op import OPS, Op
from tinygrad_nn.tensor import apply
from tinygrad_nn.walk import fold

REQUIRED = 0.99
#: Of each operation so many of its samples get faults.
SAMPLES = 3


def scaled(g, x, rule, rng):
    return rule(g) * 1.0005


def one_element(g, x, rule, rng):
    gx = np.array(fold(rule(g), np.shape(x)))
    gx.flat[rng.integers(gx.size)] *= 1.002
    return gx


def sign(g, x, rule, rng):
    return -rule(g)


def permuted(g, x, rule, rng):
    gx = np.array(fold(rule(g), np.shape(x)))
    return np.roll(gx.ravel(), 1).reshape(gx.shape)


def cotangent_ignored(g, x, rule, rng):
    return rule(g * 0.0 + 1.0)


def broadcast_dropped(g, x, rule, rng):
    """Take the first of what should be summed over the broadcast axes."""
    gx, shape = rule(g), np.shape(x)
    gx = gx[(0,) * (gx.ndim - len(shape))] if gx.ndim > len(shape) else gx
    return gx[tuple([slice(0, 1) if n == 1 else slice(None) for n in shape])] if shape else gx


FAULTS = {
    "x1.0005 everywhere": (scaled, 1.0),
    "one element x1.002": (one_element, 1.0),
    "sign": (sign, 1.0),
    "permuted": (permuted, 1.0),
    "cotangent ignored": (cotangent_ignored, 1.0),
    "un-broadcast dropped": (broadcast_dropped, 1.0),
    "function scaled by 1e-7": (scaled, 1e-7),
}


def mutant(op, at, fault, rng_seed):
    """Give the operation with a fault planted in one rule (for a variadic one: in one entry of what it gives)."""
    new = object.__new__(Op)
    new.__dict__.update(op.__dict__)
    new.__dict__.pop("keeps", None)

    def planted(i, rule):
        def wrong(g, y, *xs, **params):
            rng = np.random.default_rng(rng_seed)
            with np.errstate(all="ignore"):
                if op.variadic:
                    parts = list(rule(g, y, *xs, **params))
                    parts[at] = fault(g, xs[at], lambda v: rule(v, y, *xs, **params)[at], rng)
                    return parts
                return fault(g, xs[i], lambda v: rule(v, y, *xs, **params), rng)

        return wrong

    new.rules = tuple(planted(i, r) if op.variadic or i == at else r for i, r in enumerate(op.rules))
    return new


def gradients(op, s, xs, at):
    """Give the gradient in the faulty input for two cotangents: what the fault changes, if anything."""
    found = []
    for seed in (1, 2):
        tensors = [tg.Tensor(x, requires_grad=True) for x in xs]
        y = apply(op, s.with_leaves(tensors), s.params)
        if not y.requires_grad or y.dtype.kind != "f":
            return None
        c = np.random.default_rng(seed).uniform(0.5, 1.5, y.shape) * np.isfinite(y._data)
        found.append(tg.gradients(y, tensors[at], c, allow_unused=True)._data)
    return np.stack(found)


def planted_faults():
    """Give (name, sample, which input, fault) for every fault that changes a gradient of a sample that is finite."""
    for name in sorted(OPS):
        if OPS[name].family == "composite" or name in REFUSES:
            continue
        for s in samples(name)[:SAMPLES]:
            xs = s.leaves()
            if not xs or not all(np.isfinite(x).all() for x in xs):
                continue
            for k in range(len(xs)):
                if xs[k].size:
                    for fault in FAULTS:
                        yield name, s, k, fault


def run(name, s, k, fault):
    """Give whether the fault was caught, or None where it changes nothing."""
    change, factor = FAULTS[fault]
    xs = s.leaves()
    at = s.varies[k][-1] if s.op.variadic else s.varies[k][0]
    wrong = mutant(s.op, at, change, zlib.crc32(f"{s}{k}{fault}".encode()))
    with np.errstate(all="ignore"):
        right, got = gradients(s.op, s, xs, k), gradients(wrong, s, xs, k)
    if right is None or not np.isfinite(right).all():
        return None
    if np.max(np.abs(got - right), initial=0.0) <= 1e-6 * np.max(np.abs(right), initial=0.0):
        return None

    def f(*tensors):
        return factor * apply(wrong, s.with_leaves(tensors), s.params)

    return not tg.gradcheck(f, *xs, raise_error=False).passed


class Tally:
    """How many faults of each kind were planted and which were missed."""

    def __init__(self):
        self.planted = collections.Counter()
        self.missed = []

    def add(self, fault, found):
        _, s, k, kind = fault
        if found is not None:
            self.planted[kind] += 1
            if not found:
                self.missed.append((kind, f"{s} input {k}"))

    @property
    def share(self):
        return 1.0 - len(self.missed) / max(sum(self.planted.values()), 1)

    def __str__(self):
        missed = collections.Counter(kind for kind, _ in self.missed)
        rows = [f"{kind:26} {self.planted[kind]:6} planted {missed[kind]:4} missed" for kind in FAULTS]
        rows.append(f"{'together':26} {sum(self.planted.values()):6} planted {len(self.missed):4} missed")
        return "\n".join([*rows, f"caught: {100.0 * self.share:.2f} %", *[f"missed: {k}: {w}" for k, w in self.missed]])


def caught(faults):
    """Plant faults and give the tally."""
    tally = Tally()
    for fault in faults:
        tally.add(fault, run(*fault))
    return tally


def part_of(text):
    """Read ``2/8``."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no part; write 2/8 for the second of eight")
    return int(found[1]), int(found[2])


def main():
    parser = argparse.ArgumentParser(prog="python -m mutations", description=__doc__)
    parser.add_argument("--part", type=part_of, default=(1, 1), help="which of how many parts, as 2/8 (default 1/1)")
    part, parts = parser.parse_args().part
    warnings.simplefilter("ignore")
    faults = list(planted_faults())[part - 1 :: parts]
    began = time.perf_counter()
    tally = Tally()
    for i, fault in enumerate(faults):
        tally.add(fault, run(*fault))
        if i % 200 == 199:
            print(f"{i + 1} of {len(faults)}, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    print(tally)
    print(f"{len(faults) - sum(tally.planted.values())} more change no gradient, {time.perf_counter() - began:.0f} s")
    return int(tally.share < REQUIRED)


if __name__ == "__main__":
    sys.exit(main())
