"""A loss that is NaN or infinite: find out where the first bad number comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..check.place import place_of
from ..convert import on_host
from ..tensor import Tensor
from ..walk import Node, everything


class NonFiniteLoss(FloatingPointError):
    """Raised by ``tg.fit`` for a loss that is NaN or infinite; the model is as it was before that batch.

    ``epoch`` and ``batch`` count from 1, ``history`` holds the epochs before.
    """

    def __init__(self, message: str, epoch: int, batch: int, history: Any) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.batch = batch
        self.history = history


def blame(loss: Any, inputs: Iterable[Any], target: Any, named: Iterable[tuple[str, Tensor]]) -> str:
    """Say in words where the first bad number is: in the data, in a parameter, or in an operation's result.

    >>> w = Tensor([0.0], requires_grad=True)
    >>> with np.errstate(divide="ignore"):
    ...     blame(np.log(w).sum(), [], np.zeros(1), [("w", w)]).partition(" at ")[0]
    'log gave -inf from finite inputs (shape (1,), smallest input 0, largest 0)'
    """
    for role, given in [("inputs", a) for a in inputs] + [("targets", target)]:
        bad = ~np.isfinite(_array(given))
        if bad.any():
            row = np.argwhere(bad)[0][0] if bad.ndim else 0
            return f"the {role} of this batch hold {_bad(_array(given))} (first in row {row}); clean the data"
    for name, p in named:
        if not np.isfinite(p._data).all():
            kind = _bad(on_host(p._data))
            if p._grad is not None and not np.isfinite(p._grad).all():
                return (
                    f"the parameter {name!r} is {kind} since the step before, whose gradient held {_bad(p._grad)} "
                    f"though its loss was finite: the derivative of an operation is infinite or NaN there; "
                    f"tg.detect_anomaly() around fit names it"
                )
            return f"the parameter {name!r} holds {kind}: the steps are too long; take a smaller lr, or clip_norm="
    brought = ""
    for t in everything([loss]) if isinstance(loss, Node) else ():
        if t.op is None or np.isfinite(_array(t)).all():
            continue
        arguments = [_array(x) for x in t._inputs if _array(x).size]
        if all(np.isfinite(a).all() for a in arguments):
            low, high = (f([f(a) for a in arguments]) for f in (np.min, np.max)) if arguments else (0, 0)
            advice = "; numbers this large say that the steps are too long: take a smaller lr, or clip_norm="
            return (
                f"{t.op.name} gave {_bad(_array(t))} from finite inputs (shape {_array(t).shape}, "
                f"smallest input {low:.4g}, largest {high:.4g}){_place(t)}{advice if max(-low, high) > 1e6 else ''}"
            )
        given = [_array(x) for x in t._inputs if not isinstance(x, Node) or x.op is None]
        bad = [a for a in given if not np.isfinite(a).all()]
        if bad and not brought:  # in a mask -inf is no fault, so that an operation above comes first
            brought = (
                f"{t.op.name} got an array that held {_bad(bad[0])} before anything was recorded{_place(t)}; "
                f"look at what is done to the inputs"
            )
    return brought or "it comes from the loss function itself"


def _place(t: Node) -> str:
    place = place_of(t)
    return f" at {place}" if place else ""


def _array(x: Any) -> Any:
    a = on_host(x._data if isinstance(x, Node) else x)
    return a if a.dtype.kind in "fiub" else np.zeros(0)


def _bad(a: Any) -> str:
    wrong = a[~np.isfinite(a)] if a.ndim else a.reshape(1)
    return "NaN" if np.isnan(wrong).any() else "inf" if (wrong > 0).any() else "-inf"
