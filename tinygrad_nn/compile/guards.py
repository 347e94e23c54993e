"""Guards: what a recorded program took for granted about the world around its function, checked at each call."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..tensor import Tensor
from .capture import _attributes, _content, attribute_names, functions, global_names
from .names import legal

#: What is compared by value; everything else by identity.
SCALARS = (bool, int, float, complex, str, bytes, type(None), np.generic, tuple)
#: Stop looking into objects beyond this many guards.
LIMIT = 5000
_OURS = __name__.partition(".")[0]


def _foreign(f: Any) -> bool:
    """Tell whether a function is the user's."""
    home = (getattr(f, "__module__", None) or "").partition(".")[0]
    return home not in (_OURS, "numpy", "builtins", "math", "functools", "itertools")


class Guards:
    """A quick check, written as code, that variables, attributes and containers hold what they held."""

    def __init__(self, f: Callable[..., Any], arguments: Any = ()) -> None:
        self.tests: list[str] = []
        #: The objects on the way to what a test looks at.
        self.owners: list[tuple[int, ...]] = []
        self._way: tuple[int, ...] = ()
        self.space: dict[str, Any] = {}
        self.seen: set[int] = set()
        self.arrays: dict[int, ndarray[Any, Any]] = {}
        #: Arrays that belong to the state of modules: object, attribute, array.
        self.buffers: list[tuple[Any, str, Any]] = []
        self.tensors: dict[Any, None] = {}
        self.keep: list[Any] = []
        self._whole(f)
        # Objects among the arguments (a method's own, a model) are told apart by identity; what they hold is tested.
        for x in arguments:
            if isinstance(x, types.FunctionType) or (self._is_object(x) and not isinstance(x, Tensor)):
                self._inside(x, self._name(x))
            if not isinstance(x, (Tensor, ndarray, *SCALARS)):
                self._class_attributes(f, x)
        self.check = self._compiled()

    def _compiled(self) -> Callable[[], bool]:
        # In pieces, since a very long expression would not compile.
        lines = ["def check():"]
        for start in range(0, len(self.tests), 20):
            lines.append(f"    if not ({' and '.join(self.tests[start : start + 20])}):\n        return False")
        lines.append("    return True")
        exec("\n".join(lines), self.space)
        made: Callable[[], bool] = self.space["check"]

        def check() -> bool:
            try:
                return made()
            except (AttributeError, ValueError, IndexError, KeyError):
                return False

        return made if not self.tests else check

    def leave_out(self, objects: Any) -> None:
        """Stop looking into objects whose state compiled code changes as eager code does."""
        # What an effect does to a tensor is to write to it: whether it needs a gradient stays as it was.
        ids = {id(x) for x in objects if not isinstance(x, Tensor)}
        self.left = ids
        kept = [(t, w) for t, w in zip(self.tests, self.owners, strict=True) if ids.isdisjoint(w)]
        if len(kept) < len(self.tests):
            self.tests, self.owners = [t for t, _ in kept], [w for _, w in kept]
            self.check = self._compiled()

    def hold(self, used: set[int]) -> None:
        """Test that modules still hold the arrays of their state that code uses by reference."""
        for owner, name, array in self.buffers:
            if id(array) in used:
                self._way = ()
                self._add(f"{self._name(owner)}.{name} is {self._name(array)}")
        self.check = self._compiled()

    def _add(self, test: str) -> None:
        self.tests.append(test)
        self.owners.append(self._way)

    def _name(self, x: Any) -> str:
        name = f"o{len(self.space)}"
        self.space[name] = x
        return name

    def _test(self, where: str, value: Any) -> None:
        """Test that an expression gives this value, and look into it."""
        if len(self.tests) > LIMIT:
            return
        want = self._name(value)
        if isinstance(value, SCALARS) and not (isinstance(value, tuple) and not _plain_tuple(value)):
            self._add(f"({where} is {want} or (type({where}) is type({want}) and {where} == {want}))")
            return
        if isinstance(value, ndarray):
            self.arrays[id(value)] = value
        self._add(f"{where} is {want}")
        self._inside(value, want)

    def _inside(self, value: Any, name: str) -> None:
        if id(value) in self.seen or len(self.tests) > LIMIT:
            return
        self.seen.add(id(value))
        self.keep.append(value)
        before, self._way = self._way, (*self._way, id(value))
        self._attributes(value, name)
        self._way = before

    def _attributes(self, value: Any, name: str) -> None:
        if isinstance(value, Tensor):
            self.tensors[value] = None
            if value.op is None:
                self._add(f"{name}._tracked is {value._tracked} and {name}._data.dtype == {self._name(value.dtype)}")
        elif isinstance(value, (types.FunctionType, types.MethodType)):
            self._whole(value)
        elif type(value) in (list, tuple):
            self._add(f"len({name}) == {len(value)}")
            for i, v in enumerate(value[:1000]):
                self._test(f"{name}[{i}]", v)
        elif type(value) is dict:
            self._add(f"len({name}) == {len(value)}")
            for k, v in list(value.items())[:1000]:
                self._test(f"{name}[{self._name(k)}]", v)
        elif type(value).__module__.startswith(__package__) and hasattr(value, "__wrapped__"):
            # Another compiled function: what it closes over, not what it has recorded.
            self._whole(value.__wrapped__)
        elif self._is_object(value):
            for k, v in list(_attributes(value).items()):
                if k in _attributes(value).get("_buffers", getattr(type(value), "_buffers", ())):
                    if isinstance(v, ndarray):
                        self.buffers.append((value, k, v))
                elif legal(k.lstrip("_")) and k.isascii() and not k.startswith("__"):
                    self._test(f"{name}.{k}", v)
            if hasattr(type(value), "training") and "training" not in _attributes(value):
                self._add(f"{name}.training is {value.training}")

    def _class_attributes(self, f: Any, x: Any) -> None:
        """Guard the numbers and words that f's code names and that an object has from its class."""
        for k in dict.fromkeys([n for g in functions(f) for n in attribute_names(g.__code__)]):
            value = inspect.getattr_static(type(x), k, None)
            if value is not None and isinstance(value, SCALARS) and k not in _attributes(x) and legal(k):
                self._test(f"{self._name(x)}.{k}", value)

    @staticmethod
    def _is_object(value: Any) -> bool:
        if isinstance(value, (type, types.ModuleType)) or "param_groups" in _attributes(value):
            return False
        if type(value).__module__.startswith(__package__):
            return False
        home = type(value).__module__.partition(".")[0]
        return bool(_attributes(value)) and home not in ("numpy", "builtins")

    def _whole(self, f: Any) -> None:
        """Guard what a callable closes over."""
        if isinstance(f, types.MethodType):
            self._inside(f.__self__, self._name(f.__self__))
        elif not isinstance(f, types.FunctionType):
            self._inside(f, self._name(f))
        for g in functions(f):
            if id(g) in self.seen and g is not f:
                continue
            self.seen.add(id(g))
            for cell in g.__closure__ or ():
                self._test(f"{self._name(cell)}.cell_contents", _content(cell))
            space = g.__globals__
            if not _foreign(g):
                continue
            for name in dict.fromkeys(global_names(g.__code__)):
                value = space.get(name)
                if name in space and not isinstance(value, (types.ModuleType, type)):
                    self._test(f"{self._name(space)}[{name!r}]", value)
            for i, v in enumerate(g.__defaults__ or ()):
                self._test(f"{self._name(g)}.__defaults__[{i}]", v)
            for k, v in (g.__kwdefaults__ or {}).items():
                self._test(f"{self._name(g)}.__kwdefaults__[{k!r}]", v)


def _plain_tuple(value: tuple[Any, ...]) -> bool:
    return all(isinstance(v, (bool, int, float, str, type(None))) for v in value)
