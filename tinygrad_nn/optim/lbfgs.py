"""L-BFGS through SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..convert import Foreign
from ..mode import effect
from ..tensor import Tensor
from .checks import at_least, whole
from .optimizer import Optimizer
from .parameters import label


class LBFGS(Optimizer):
    """L-BFGS, SciPy's implementation (Byrd, Lu, Nocedal and Zhu, https://doi.org/10.1137/0916069).

    Each ``step(closure)`` is a minimization of its own, of at most ``max_iter`` iterations: give it the whole data.
    The closure forgets the gradients, computes the loss, calls ``backward`` and gives the loss; it is called as often
    as the line search needs, and the length of the steps comes from there: there is no learning rate. ``step`` gives
    the loss before the first iteration; ``result`` holds SciPy's report. If the closure fails, the parameters are as
    before.

    >>> from tinygrad_nn import Tensor
    >>> w = Tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = LBFGS([w])
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 3.0) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item(), w.data.round(6)
    (29.0, array([3., 3.]))
    """

    _checks: ClassVar = {
        "max_iter": whole,
        "history_size": whole,
        "tolerance_grad": at_least(0),
        "tolerance_change": at_least(0),
    }
    needs_closure = True

    def __init__(
        self,
        params: Any,
        max_iter: int = 100,
        history_size: int = 10,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-12,
    ) -> None:
        super().__init__(
            params,
            max_iter=max_iter,
            history_size=history_size,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
        )
        if len(self.param_groups) > 1:
            raise ValueError("LBFGS: all parameters make one group; give one list of tensors")
        self.result: Any = None

    def add_param_group(self, group: Any) -> None:
        """Raise ValueError: there is one group only."""
        raise ValueError("LBFGS: all parameters make one group; give them all at the beginning")

    @effect
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Minimize the loss that ``closure`` computes, and give the loss before."""
        if not callable(closure):
            raise TypeError(
                "LBFGS.step: needs a function that computes the loss and calls backward; give step(closure)"
            )
        for p in self.param_groups[0]["params"]:
            if isinstance(p._data, Foreign):
                raise TypeError(
                    f"LBFGS: a parameter holds a {type(p._data).__name__}; SciPy minimizes on the host: move the data "
                    f"there with .get(), or take another optimizer"
                )
        try:
            from scipy.optimize import minimize
        except ModuleNotFoundError as problem:
            if (problem.name or "").partition(".")[0] != "scipy":
                raise
            raise ModuleNotFoundError(
                'LBFGS: scipy is not installed; pip install "tinygrad_nn[all]"', name="scipy"
            ) from None
        params = [slot.parameter for slot in self._every()]
        first: list[Any] = []

        def at(x: Any) -> tuple[float, Any]:
            _write(params, x)
            loss = closure()
            value = float(loss)
            if not first:
                first.append(loss)
            for i, p in enumerate(params):
                if p._grad is None:
                    raise ValueError(f"LBFGS: {label(p, i)} has no gradient; does the closure call backward()?")
            return value, _flat([p._grad for p in params])

        start = _flat([p._data for p in params])
        group = self.param_groups[0]
        try:
            self.result = minimize(
                at,
                start,
                jac=True,
                method="L-BFGS-B",
                options={
                    "maxiter": group["max_iter"],
                    "maxcor": group["history_size"],
                    "gtol": group["tolerance_grad"],
                    "ftol": group["tolerance_change"],
                    "maxfun": 25 * group["max_iter"],
                },
            )
        except BaseException:
            _write(params, start)
            raise
        _write(params, self.result.x)
        return first[0]


def _flat(arrays: list[Any]) -> np.ndarray:
    return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays])


def _write(params: list[Tensor], x: np.ndarray) -> None:
    i = 0
    for p in params:
        p._own()[...] = x[i : i + p.size].reshape(p.shape)
        i += p.size
