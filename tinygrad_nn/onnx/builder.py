"""An ONNX graph in the making: names, nodes and constants."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..check.place import place_of
from ..tensor import Tensor

#: How an operation is written: a function of the builder and the recorded tensor that gives the result's name.
Writer = Callable[["Builder", Any], str]

WRITERS: dict[str, Writer] = {}

#: Operators that runtimes compute in float32 only: a float64 model goes there and back, to a relative 1e-7.
SINGLE = frozenset([
    "AveragePool", "Celu", "Conv", "ConvTranspose", "Einsum", "Elu", "Erf", "GRU", "HardSigmoid", "HardSwish", "LSTM",
    "LeakyRelu", "Mish", "PRelu", "RNN", "Selu", "Shrink", "Softplus", "Softsign",
])  # fmt: skip


class ExportError(ValueError):
    """Raised where a model cannot be written as ONNX."""


def writes(*names: str) -> Callable[[Writer], Writer]:
    """Register a function that writes operations of these names."""

    def register(f: Writer) -> Writer:
        for name in names:
            WRITERS[name] = f
        return f

    return register


class Builder:
    """Collects nodes and constants, and knows under what name each recorded tensor stands."""

    def __init__(self, onnx: Any, twins: dict[Any, Any]) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.names: dict[Any, str] = {}
        self.twins = twins
        """For each recorded tensor the same one of a run with a larger batch."""
        self.moving: dict[Any, list[int]] = {}
        """For each recorded tensor, and the input, the axes that follow the batch."""
        self.sized: set[int] = set()
        """The ids of constants whose shape follows the batch."""
        self.dtype: Any = None
        """That of the result which is being written."""
        self._taken: set[str] = set()
        self._constants: dict[Any, str] = {}
        self._entered: dict[int, str] = {}

    def enter(self, operand: Any, name: str) -> None:
        """Let an operand, an array of whole numbers that the graph copied, stand for the graph's input."""
        self._entered[id(operand)] = name

    def name(self, wanted: str) -> str:
        """Give a name that is not taken yet."""
        name, n = wanted, 1
        while name in self._taken:
            n += 1
            name = f"{wanted}_{n}"
        self._taken.add(name)
        return name

    def add(self, kind: str, *inputs: str, outputs: int = 1, name: str | None = None, **attributes: Any) -> Any:
        """Add a node and give the name of its result, or a list of names; an output that is not needed is ''."""
        results = [self.name(f"{name or kind.lower()}") for _ in range(outputs)]
        if kind in SINGLE and self.dtype == np.float64:
            short = [self.cast(x, np.float64, np.float32) if x else "" for x in inputs]
            inner = [self.name(f"{r}_single") for r in results]
            self.nodes.append(self.onnx.helper.make_node(kind, short, inner, **attributes))
            double = self.onnx.TensorProto.DOUBLE
            self.nodes += [
                self.onnx.helper.make_node("Cast", [x], [y], to=double) for x, y in zip(inner, results, strict=True)
            ]
        else:
            self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), results, **attributes))
        return results[0] if outputs == 1 else results

    def constant(self, value: Any, name: str = "constant") -> str:
        """Give the name of a constant array; equal ones are written once."""
        a = np.ascontiguousarray(value).reshape(np.shape(value))
        key = (a.dtype.str, a.shape, a.tobytes())
        if key not in self._constants:
            self._constants[key] = self.name(name)
            self.initializers.append(self.onnx.numpy_helper.from_array(a, self._constants[key]))
        return self._constants[key]

    def whole(self, *values: int) -> str:
        """Give the name of a constant vector of whole numbers: axes, shapes."""
        return self.constant(np.array(values, np.int64), "axes")

    def value(self, x: Any, dtype: Any = None) -> str:
        """Give the name of an operand: a recorded tensor, a parameter, an array or a number of this dtype."""
        if id(x) in self._entered:
            return self.cast(self._entered[id(x)], x.dtype, dtype)
        if id(x) in self.sized:
            raise ExportError(
                f"export_onnx: an array of shape {np.shape(x)} is made for the batch size and would be frozen in the "
                f"file; make it from the input with recorded operations, or export with dynamic_batch=False"
            )
        if isinstance(x, Tensor):
            if x not in self.names:
                # No operation that depends on the input made it: a parameter or a constant.
                self.names[x] = self.constant(x._data, x.name or "constant")
            return self.cast(self.names[x], x.dtype, dtype)
        if isinstance(x, np.ndarray | np.generic):
            return self.constant(np.asarray(x, dtype))
        return self.constant(np.array(x, dtype))

    def cast(self, name: str, dtype: Any, wanted: Any) -> str:
        """Give a value in another dtype."""
        if wanted is None or dtype == wanted:
            return name
        return self.add("Cast", name, to=self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(wanted)))

    def operands(self, t: Any, dtype: Any = None) -> list[str]:
        """Give the names of all operands of a recorded tensor, in its own dtype."""
        return [self.value(x, dtype or t.dtype) for x in t._inputs]

    def shape_of(self, t: Any) -> list[int]:
        """Give the shape of a result, with -1 where it follows the batch.

        Raises ExportError where more than one axis does.
        """
        twin = self.twins.get(t)
        if twin is None or twin.shape == t.shape:
            return list(t.shape)
        shape = [n if n == m else -1 for n, m in zip(t.shape, twin.shape, strict=True)]
        if shape.count(-1) > 1:
            raise ExportError(
                f"export_onnx: {t.op.name} gives the shape {t.shape}, of which more than one axis follows the batch; "
                f"export for one batch size with dynamic_batch=False"
            )
        return shape

    def write(self, t: Any) -> None:
        """Write the operation that made a tensor."""
        self.dtype = t.dtype
        self.names[t] = WRITERS[t.op.name](self, t)


def check_known(nodes: Iterable[Any]) -> None:
    """Raise ExportError for the first operation that has no writer."""
    for t in nodes:
        if t.op.name not in WRITERS:
            place = place_of(t).partition(": ")[0]
            raise ExportError(
                f"export_onnx: {t.op.name} (result of shape {t.shape}{f', {place}' if place else ''}) has no ONNX "
                f"operator here; leave it out of the exported model, or write it with functions that have one"
            )
