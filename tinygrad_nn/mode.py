"""Whether operations are being recorded: a stack kept per thread and per asynchronous task (contextvars)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

__all__ = ["enable_grad", "is_grad_enabled", "no_grad", "set_grad_enabled"]

#: The entries in force, the newest first: (record at once, who made it, the entries below, enabled). The first differs
#: from the last only in a trace, where everything goes by way of the tracer.
_entries: ContextVar[tuple[bool, Any, Any, bool]] = ContextVar("tinygrad_nn.mode", default=(True, None, None, True))
current = _entries.get
_tracer: ContextVar[Any] = ContextVar("tinygrad_nn.tracer", default=None)

#: Gives what records every operation here and now, for the compiler; None outside a trace.
tracing = _tracer.get


def is_grad_enabled() -> bool:
    """Tell whether operations on tensors that need a gradient are recorded here and now.

    >>> is_grad_enabled()
    True
    """
    return current()[3]


class trace:
    """Hand every operation in a ``with`` block to a tracer."""

    def __init__(self, tracer: Any) -> None:
        self._new = tracer

    def __enter__(self) -> Any:
        self._token = _tracer.set(self._new)
        _entries.set(_entry(current()[3], self, current()))
        return self._new

    def __exit__(self, *_: object) -> None:
        _tracer.reset(self._token)
        _entries.set(_without(current(), self))


def effect(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function that changes state (an optimizer's step): compiled code calls it again at every run."""

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        tracer = tracing()
        return f(*args, **kwargs) if tracer is None else tracer.effect(f, args, kwargs)

    return wrapped


def _entry(enabled: bool, owner: Any, below: Any) -> tuple[bool, Any, Any, bool]:
    return enabled and tracing() is None, owner, below, enabled


def _without(entries: tuple[bool, Any, Any, bool], owner: Any) -> tuple[bool, Any, Any, bool]:
    """Take out the newest entry of an owner, wherever it lies: two generators may leave in any order."""
    above = []
    rest = entries
    while rest[1] is not owner:
        if rest[2] is None:
            return entries
        above.append(rest)
        rest = rest[2]
    rest = rest[2]
    for _, who, _, enabled in reversed(above):
        rest = _entry(enabled, who, rest)
    return rest


class set_grad_enabled:
    """Switch recording on or off: at once as a call, for a block as a context manager, or as a decorator.

    >>> with set_grad_enabled(False):
    ...     is_grad_enabled()
    False
    """

    def __init__(self, enabled: bool) -> None:
        if not isinstance(enabled, bool):
            raise TypeError(f"set_grad_enabled: takes True or False, got {enabled!r}")
        self._enabled = enabled
        self._called = True
        _entries.set(_entry(enabled, self, current()))

    def __enter__(self) -> set_grad_enabled:
        if self._called:
            self._called = False
        else:
            _entries.set(_entry(self._enabled, self, current()))
        return self

    def __exit__(self, *_: object) -> None:
        _entries.set(_without(current(), self))

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        if self._called:
            self._called = False
            self.__exit__()
        return _decorate(f, self._enabled)


class _Block:
    """A context manager and decorator, re-entrant, safe to share between threads and generators."""

    _enabled = True

    def __enter__(self) -> _Block:
        _entries.set(_entry(self._enabled, self, current()))
        return self

    def __exit__(self, *_: object) -> None:
        _entries.set(_without(current(), self))

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        return _decorate(f, self._enabled)


class no_grad(_Block):
    """Record nothing in a ``with`` block or a decorated function.

    >>> with no_grad():
    ...     is_grad_enabled()
    False
    """

    _enabled = False

    def __new__(cls, f: Callable[..., Any] | None = None) -> Any:
        """Allow ``@no_grad`` beside ``@no_grad()``."""
        block = super().__new__(cls)
        return block if f is None else block(f)


class enable_grad(_Block):
    """Record again inside a ``no_grad`` block.

    >>> with no_grad(), enable_grad():
    ...     is_grad_enabled()
    True
    """

    def __new__(cls, f: Callable[..., Any] | None = None) -> Any:
        """Allow ``@enable_grad`` beside ``@enable_grad()``."""
        block = super().__new__(cls)
        return block if f is None else block(f)


def _decorate(f: Callable[..., Any], enabled: bool) -> Callable[..., Any]:
    block = no_grad if not enabled else enable_grad
    if inspect.isgeneratorfunction(f):

        @functools.wraps(f)
        def generator(*args: Any, **kwargs: Any) -> Any:
            # The mode is the generator's own: it holds while its body runs, not while its consumer's does.
            source = f(*args, **kwargs)
            send, value = source.send, None
            try:
                while True:
                    with block():
                        try:
                            item = send(value)
                        except StopIteration as stop:
                            return stop.value
                    try:
                        value = yield item
                        send = source.send
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        send, value = source.throw, error
            finally:
                source.close()

        return generator

    if inspect.iscoroutinefunction(f):

        @functools.wraps(f)
        async def task(*args: Any, **kwargs: Any) -> Any:
            with block():
                return await f(*args, **kwargs)

        return task
    if inspect.isasyncgenfunction(f):
        raise TypeError(
            f"{block.__name__}: cannot decorate {f.__name__}, an asynchronous generator; write the with block inside it"
        )

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with block():
            return f(*args, **kwargs)

    return wrapped
