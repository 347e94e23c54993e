"""``tg.export_onnx``: record one forward pass, make sure that it is the same for other data, and write it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import walk
from ..files import Path, write_atomically
from ..mode import enable_grad
from ..tensor import Tensor
from . import arrays, composed, elementwise, layers  # noqa: F401 (they register how operations are written)
from .builder import Builder, ExportError, check_known

#: What runtimes load today: newer defaults of the onnx package are refused by them.
OPSET, IR = 21, 10


def export_onnx(
    model: Any, path: Path, example: Any, *, dynamic_batch: bool = True, input_name: str = "input", name: str = "model"
) -> None:
    """Write a model as an ONNX file that runtimes load: opset 21, IR version 10.

    ``model`` is a Module, which is exported as it is in use (``eval()``), or a function of one input; it gives a Tensor
    or tuples of them, which become several outputs. ``example`` is an input, an array whose first axis is the batch;
    its values do not matter, its shape and dtype do. With ``dynamic_batch`` the file takes batches of any size.
    Parameters are in the file under their paths. Operators that runtimes have in float32 only are computed so in a
    float64 model, to a relative 1e-7. What the model computes is found by running it on several inputs: a
    model that branches on values, or reads them outside the recorded operations, is refused. Raises ExportError for
    that and for an operation that has no ONNX operator here, OSError where the file cannot be written, and then writes
    nothing.

    >>> import os, tempfile
    >>> from tinygrad_nn import nn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.onnx")
    ...     export_onnx(nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU()), path, np.ones((2, 4), np.float32))
    ...     os.path.getsize(path) > 200
    True
    """
    try:
        import onnx
    except ImportError:
        raise ModuleNotFoundError('export_onnx needs onnx: pip install "tinygrad_nn[onnx]"') from None
    x = np.asarray(example._data if isinstance(example, Tensor) else example)
    if x.dtype.kind not in "fiu" or not x.ndim or not x.shape[0]:
        raise ExportError(
            f"export_onnx: the example must be an array of numbers with a batch axis of at least 1, got shape "
            f"{x.shape}, dtype {x.dtype}"
        )
    parameters = dict(model.named_parameters()) if hasattr(model, "named_parameters") else {}
    before = {p: p.name for p in parameters.values()}
    modules = [(m, m.training) for _, m in model.named_modules()] if hasattr(model, "named_modules") else []
    try:
        for m, _ in modules:
            m.training = False
        for path_, p in parameters.items():
            p.name = path_
        first = _Run(model, x)
        check_known(first.nodes)
        for values in _others(x):
            first.same(_again(model, values, "other values"), "other values")
        twins: dict[Any, Any] = {}
        sized: set[int] = set()
        if dynamic_batch:
            larger = _again(model, np.concatenate([x, x[:1]]), "another batch size")
            sized = first.same(larger, "another batch size")
            twins = dict(zip(first.nodes, larger.nodes, strict=True))
        proto = _write(onnx, first, twins, sized, dynamic_batch, input_name, name)
    finally:
        for m, training in modules:
            m.training = training
        for p, own in before.items():
            p.name = own
    write_atomically(path, [proto.SerializeToString()], "export_onnx", OSError)


def _others(x: Any) -> list[Any]:
    """Give other inputs of the same shape: other sizes, signs, orders; whole numbers, maybe indices, moved."""
    moved = np.roll(x.reshape(-1), 1).reshape(x.shape)
    if x.dtype.kind != "f":
        return [moved]
    return [x * x.dtype.type(0.75) + x.dtype.type(0.125), -moved]


def _again(model: Any, x: Any, what: str) -> _Run:
    try:
        with np.errstate(all="ignore"):
            return _Run(model, x)
    except ExportError:
        raise
    except Exception as problem:
        raise ExportError(
            f"export_onnx: the model fails for {what} than the example's: {type(problem).__name__}: "
            f"{' '.join(str(problem).split()):.200}; one graph cannot stand for it"
            f"{', or export with dynamic_batch=False' if what.endswith('size') else ''}"
        ) from problem


def _flat(result: Any) -> list[Any]:
    """Give the tensors in nested tuples and lists, in their order."""
    if not isinstance(result, tuple | list):
        return [result]
    return [y for part in result for y in _flat(part)]


class _Run:
    """One forward pass, recorded."""

    def __init__(self, model: Any, x: Any) -> None:
        self.x = Tensor(x, requires_grad=x.dtype.kind == "f") if x.dtype.kind == "f" else x
        with enable_grad():
            result = model(self.x)
        self.results = _flat(result)
        for y in self.results:
            if not isinstance(y, Tensor) or (y.op is None and y is not self.x):
                raise ExportError(
                    f"export_onnx: the model gave {type(y).__name__} that no recorded operation made; "
                    f"it must return Tensors computed from its input"
                )
        self.nodes = [t for t in walk.everything(self.results) if t.op is not None]

    def is_input(self, operand: Any) -> bool:
        """Tell whether an operand is the input; whole numbers are told by their values, which the graph copied."""
        if operand is self.x:
            return True
        if isinstance(self.x, Tensor):
            return False
        a = operand._data if isinstance(operand, Tensor) and operand.op is None else operand
        return isinstance(a, np.ndarray) and a.shape == self.x.shape and np.array_equal(a, self.x)

    def same(self, other: _Run, what: str) -> set[int]:
        """Raise ExportError where another run did something else, or used other constants.

        Gives the ids of constants that have another shape in the other run.
        """
        if [t.op for t in self.nodes] != [t.op for t in other.nodes]:
            raise ExportError(
                f"export_onnx: the model runs other operations for {what}, so that one graph cannot stand for it; "
                f"write the branch with np.where"
            )
        sized: set[int] = set()
        for t, u in zip(self.nodes, other.nodes, strict=True):
            for a, b in zip(t._inputs, u._inputs, strict=True):
                if self.is_input(a) and other.is_input(b):
                    continue
                p, q = [v._data if isinstance(v, Tensor) and v.op is None else v for v in (a, b)]
                if isinstance(p, Tensor) or isinstance(q, Tensor):
                    continue
                if np.shape(p) != np.shape(q):
                    sized.add(id(a))
                elif not np.array_equal(p, q, equal_nan=True):
                    raise ExportError(
                        f"export_onnx: {t.op.name if t.op else ''} reads an array that was computed from the input "
                        f"outside the recorded operations; it would be frozen in the file"
                    )
        return sized


def _write(
    onnx: Any, run: _Run, twins: dict[Any, Any], sized: set[int], dynamic: bool, input_name: str, name: str
) -> Any:
    helper = onnx.helper
    b = Builder(onnx, twins)
    b.sized = sized
    b.moving = {
        t: [i for i, (n, m) in enumerate(zip(t.shape, u.shape, strict=True)) if n != m] for t, u in twins.items()
    }
    if dynamic and isinstance(run.x, Tensor):
        b.moving[run.x] = [0]
    entrance = b.name(input_name)
    b.names[run.x if isinstance(run.x, Tensor) else "input"] = entrance
    for t in run.nodes:
        if not isinstance(run.x, Tensor):
            for operand in t._inputs:
                if run.is_input(operand):
                    b.enter(operand, entrance)
        b.write(t)
    exits = []
    x = run.x
    shape = ["batch" if dynamic else x.shape[0], *x.shape[1:]]
    for i, y in enumerate(run.results):
        out = b.name("output" if len(run.results) == 1 else f"output_{i}")
        b.nodes.append(helper.make_node("Identity", [b.names[y]], [out]))
        axes = shape if y is x else _axes(y, twins)
        exits.append(helper.make_tensor_value_info(out, helper.np_dtype_to_tensor_dtype(y.dtype), axes))
    entry = helper.make_tensor_value_info(entrance, helper.np_dtype_to_tensor_dtype(x.dtype), shape)
    graph = helper.make_graph(b.nodes, name, [entry], exits, b.initializers)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="tinygrad_nn")
    proto.ir_version = IR
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _axes(y: Any, twins: dict[Any, Any]) -> list[Any]:
    """Give the shape of a result, with a name for an axis that follows the batch."""
    twin = twins.get(y)
    if twin is None:
        return list(y.shape)
    return [n if n == m else "batch" for n, m in zip(y.shape, twin.shape, strict=True)]
