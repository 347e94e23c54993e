"""Ctrl-C during a training: the batch at hand is finished first."""

from __future__ import annotations

import signal
import threading
from typing import Any


class Interrupt:
    """A context in which the first Ctrl-C only sets ``asked``; the second raises KeyboardInterrupt at once.

    Thus no parameter is left half-updated. In threads, and where the program handles the signal itself, nothing
    changes.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def _handle(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if before is signal.default_int_handler:
                signal.signal(signal.SIGINT, self._handle)
                self._before = before
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
