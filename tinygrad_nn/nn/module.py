"""The module: an object whose attributes are parameters, buffers and further modules, and whose call computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy import ndarray

from ..convert import copied, kept
from ..draw.calls import note
from ..walk import next_number
from .parts import Parts
from .state import load_state, state_of
from .summary import Summary

M = TypeVar("M", bound="Module")


class Module(Parts):
    """A part of a model: subclass it, make parameters and modules its attributes, and write ``forward``.

    Parameters and modules are found where they are attributes, or lie in a list, tuple or dict that is one. There is
    nothing to register, and no ``super().__init__()`` to forget.

    >>> from tinygrad_nn import Parameter
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Parameter(2.0)
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()([1.0, 2.0])
    Tensor([2., 4.], op=multiply)
    """

    training: bool = True
    """Whether layers that differ in training and use (Dropout, BatchNorm) are to train: see ``train`` and ``eval``."""
    _before: tuple[Callable[..., Any], ...] = ()
    _after: tuple[Callable[..., Any], ...] = ()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result: every module writes its own."""
        raise NotImplementedError(f"{type(self).__name__}: write its forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        start = next_number()
        y = self._hooked(args, kwargs) if self._before or self._after else self.forward(*args, **kwargs)
        note(start, self)  # for the boxes in pictures
        return y

    # -- its state ----------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, ndarray[Any, Any]]:
        """Give a copy of every parameter and buffer by its path, with PyTorch's names for the same layers."""
        return {path: copied(place.get()) for path, place in state_of(self)}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Take over the values of a ``state_dict``, in this module's dtypes.

        Raises one ValueError that lists every missing, every extra and every mismatched key, and leaves the module as
        it was. With ``strict=False`` missing and extra keys are no error.
        """
        load_state(self, state, strict)

    # -- what is done with all of it -------------------------------------------------------------------------------

    def train(self: M, mode: bool = True) -> M:
        """Set this module and all modules in it to train (or, with False, to be used)."""
        if not isinstance(mode, bool | np.bool_):
            raise TypeError(f"train: takes True or False, got {mode!r}")
        for m in self.modules():
            m.training = bool(mode)
        return self

    def eval(self: M) -> M:
        """Set this module and all in it to be used: Dropout does nothing, BatchNorm takes its running statistics."""
        return self.train(False)

    def apply(self: M, f: Callable[[Module], Any]) -> M:
        """Call ``f`` with every module in this one, inner modules first, and with this module last."""
        for m in reversed(list(self.modules())):
            f(m)
        return self

    def freeze(self: M, frozen: bool = True) -> M:
        """Stop (or with False resume) asking for gradients of all parameters."""
        for p in list(self.parameters()):
            p.requires_grad = not frozen
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            p.grad = None

    def astype(self: M, dtype: Any) -> M:
        """Convert all parameters and floating buffers to another float dtype in place; gradients are forgotten.

        An optimizer made before must be made anew only if it keeps arrays of its own.
        """
        target = np.dtype(dtype)
        if target.kind != "f":
            raise TypeError(f"astype: parameters need a float dtype, got {target}")
        for p in self.parameters():
            p._grad = None
            p._data = p._own().astype(target)
        for m in self.modules():
            for name in m._buffers:
                b = getattr(m, name)
                if b is not None and b.dtype.kind == "f":
                    setattr(m, name, b.astype(target))
        return self

    def move(self: M, f: Callable[[Any], Any]) -> M:
        """Give every parameter and every array buffer to a function and keep what it returns; gradients are forgotten.

        ``model.move(cupy.asarray)`` takes a model to a GPU, ``model.move(cupy.asnumpy)`` back. An optimizer
        keeps arrays of its own: make it afterwards. Raises ValueError where a shape or dtype would change.

        >>> from tinygrad_nn.nn import Linear
        >>> Linear(2, 1, rng=0).move(np.array)
        Linear(2, 1)
        """
        places: list[tuple[Any, str]] = [(p, "_data") for p in self.parameters()]
        places += [(m, n) for m in self.modules() for n in m._buffers if getattr(m, n) is not None]
        new = []
        for holder, name in places:
            old = getattr(holder, name)
            if not old.ndim and name != "_data":
                continue  # counters stay at hand
            a = kept(f(copied(old)))
            if a.shape != old.shape or a.dtype != old.dtype:
                raise ValueError(
                    f"move: the function made {a.dtype} of shape {a.shape} from {old.dtype} of shape {old.shape}; "
                    f"give one that only changes the place, such as cupy.asarray"
                )
            new.append((holder, name, a))
        for holder, name, a in new:
            setattr(holder, name, a)
        for p in self.parameters():
            p._grad = None
            p._exposed = True  # the function may have kept the array
        return self

    # -- hooks --------------------------------------------------------------------------------------------------

    def register_forward_hook(self, hook: Callable[[Any, tuple[Any, ...], Any], Any]) -> Callable[[], None]:
        """Call ``hook(module, arguments, result)`` after every call; what it returns, if not None, is the result.

        Gives a function that removes the hook.
        """
        self._after = (*self._after, hook)

        def remove() -> None:
            self._after = tuple([h for h in self._after if h is not hook])

        return remove

    def register_forward_pre_hook(self, hook: Callable[[Any, tuple[Any, ...]], Any]) -> Callable[[], None]:
        """Call ``hook(module, arguments)`` before every call; what it returns, if not None, are the arguments.

        Gives a function that removes the hook.
        """
        self._before = (*self._before, hook)

        def remove() -> None:
            self._before = tuple([h for h in self._before if h is not hook])

        return remove

    def _hooked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for hook in self._before:
            new = hook(self, args)
            if new is not None:
                args = new if isinstance(new, tuple) else (new,)
        y = self.forward(*args, **kwargs)
        for hook in self._after:
            new = hook(self, args, y)
            if new is not None:
                y = new
        return y

    # -- what it looks like ---------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Give what stands between the parentheses of ``repr``: the options of the layer."""
        return ""

    def __repr__(self) -> str:
        lines: list[str] = []
        stack: list[tuple[int, str, Module | None]] = [(0, "", self)]
        open_: set[int] = set()
        while stack:
            depth, name, m = stack.pop()
            pad = "  " * depth
            if m is None:
                lines.append(f"{pad})")
                open_.discard(int(name))
                continue
            head = f"{pad}({name}): " if name else pad
            children = [] if id(m) in open_ else list(m.named_children())
            if not children:
                lines.append(f"{head}{type(m).__name__}({m.extra_repr()})")
                continue
            open_.add(id(m))
            lines.append(f"{head}{type(m).__name__}({m.extra_repr()}")
            stack.append((depth, str(id(m)), None))
            stack.extend([(depth + 1, n, child) for n, child in children][::-1])
        return "\n".join(lines)

    def summary(self, input_shape: tuple[int, ...] | None = None) -> Summary:
        """Give a table of the modules with their parameters and, given an input's shape, the shapes of their results.

        ``input_shape`` includes the batch; a tuple of shapes stands for several inputs.
        """
        return Summary(self, input_shape)
