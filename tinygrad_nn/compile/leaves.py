"""Gradients on leaves while a function is traced: tensors of the trace until something wants them as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..record import constant
from ..tensor import Tensor
from ..walk import next_number
from .traced import Effect, GradOf, TracedArray, TraceError


class Leaves:
    """The part of a tracer that minds the gradients of leaves."""

    start: int
    dry: bool
    entry: dict[Any, Any]
    cleared: set[Any]
    needs_none: dict[Any, bool]
    alias: dict[Any, Any]
    generators: dict[Any, Any]
    effects: list[Effect]

    def name(self, t: Any, g: Any) -> None:
        """Note whose cotangent a tensor is."""
        raise NotImplementedError

    def known(self, leaf: Any) -> None:
        """Remember a leaf's gradient as it was before the trace changes it."""
        if leaf not in self.entry:
            self.entry[leaf] = leaf._grad

    def receive(self, leaf: Any, g: Any) -> None:
        """Add a gradient to a leaf's."""
        if leaf.op is not None:
            raise TraceError(
                "backward: the compiled function's graph goes on outside of it, where it cannot be followed; "
                "return the loss and call backward() on it outside"
            )
        if leaf._hooks:
            raise TraceError(
                "backward: a leaf with hooks, or an argument that has a graph of its own, cannot be followed in "
                "compiled code; return the loss and call backward() on it outside"
            )
        self.name(leaf, g)
        self.known(leaf)
        old = self._old(leaf)
        leaf._grad = g if old is None else old + g

    def _old(self, leaf: Any) -> Any:
        old = leaf._grad
        if old is None:
            if self.entry.get(leaf) is None and leaf not in self.cleared:
                self.needs_none[leaf] = True
        elif not isinstance(old, Tensor):
            old = self.read_grad(leaf)
        return old

    def read_grad(self, leaf: Any) -> Any:
        """Give a leaf's gradient as a tensor of the trace."""
        g = leaf._grad
        if g is None:
            if leaf._number < self.start and leaf not in self.cleared:
                self.known(leaf)
                self.needs_none[leaf] = True
            return None
        if isinstance(g, Tensor):
            return g
        self.known(leaf)
        t = constant(np.asarray(g))
        t.__class__ = TracedArray
        self.alias[t] = GradOf(leaf, len(self.effects))
        leaf._grad = t
        return t

    def set_grad(self, leaf: Any, value: Any) -> None:
        """Set a leaf's gradient to a tensor of the trace or an array."""
        self.known(leaf)
        if value is None:
            self.cleared.add(leaf)
            leaf._grad = None
            return
        t = value if isinstance(value, Tensor) else constant(np.array(value))
        if t.shape != leaf.shape:
            raise ValueError(f"{leaf._label()}.grad: takes None or an array of shape {leaf.shape}, got {t.shape}")
        leaf._grad = t if t.dtype == leaf.dtype else t.detach().astype(leaf.dtype)

    def settle(self) -> None:
        """Give the leaves their gradients as arrays, as after an eager run, and note that as an effect."""
        for leaf in list(self.entry):
            g = leaf._grad
            if isinstance(g, Tensor):
                if not (g in self.alias and isinstance(self.alias[g], GradOf)):
                    self.effects.append(Effect(next_number(), "grad", None, leaf=leaf, value=g))
                    leaf._grad = np.asarray(g._data) if self.dry else np.array(g._data)
                else:
                    leaf._grad = self.entry[leaf] if self.entry[leaf] is not None else np.asarray(g._data)
            elif g is None and leaf in self.cleared:
                self.effects.append(Effect(next_number(), "grad", None, leaf=leaf, value=None))

    def restore(self) -> None:
        """Put gradients and random generators back as they were before the trace."""
        for leaf, g in self.entry.items():
            leaf._grad = g
        for rng, state in self.generators.items():
            rng.bit_generator.state = state
