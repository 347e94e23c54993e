"""Event files that TensorBoard shows, written as the training goes."""

from __future__ import annotations

import importlib
import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..convert import on_host
from ..files import Path, check_writable
from .callbacks import Callback
from .model import named_parameters

if TYPE_CHECKING:
    from .run import Run

#: Intervals in a histogram: what TensorBoard itself shows by default.
INTERVALS = 30
#: What the names of event files begin with.
PREFIX = "events.out.tfevents."


def tensorboardx() -> tuple[Any, Any]:
    """Give tensorboardX's module of messages and its checksum; ModuleNotFoundError with advice where it is missing."""
    try:
        importlib.import_module("tensorboardX")
        event_pb2 = importlib.import_module("tensorboardX.proto.event_pb2")
        checksum = importlib.import_module("tensorboardX.record_writer").masked_crc32c
    except ModuleNotFoundError as problem:
        message = f'TensorBoard: needs {problem.name or "tensorboardX"}: pip install "tinygrad_nn[tensorboard]"'
        raise ModuleNotFoundError(message, name=problem.name) from None
    return event_pb2, checksum


class TensorBoard(Callback):
    """Write the history to event files in ``folder``, which ``tensorboard --logdir`` shows as the training goes.

    Every number of the history is a scalar under its own name, with the number of the epoch as its step (and in
    float32, which is what event files hold). ``histograms=True`` adds ``weights/NAME`` and ``gradients/NAME`` of every
    parameter after every epoch, ``histograms=n`` after every n-th; gradients are those of the epoch's last step.
    Elements that are not finite are left out of a histogram and counted in ``not_finite/weights/NAME``.

    Each epoch reaches the file as soon as it is done. A resumed run goes on in a file of its own, which tells
    TensorBoard to forget the epochs after the checkpoint; likewise a run that begins anew in the same folder hides the
    earlier one, so give each run a folder of its own. Of several processes only rank 0 writes.

    ModuleNotFoundError where tensorboardX is missing (the extra ``tensorboard``); OSError where the folder cannot be
    written, before the first epoch.

    >>> callback = TensorBoard("runs/first", histograms=5)  # doctest: +SKIP
    >>> tg.fit(model, "mse_loss", (X, y), callbacks=[callback])  # doctest: +SKIP
    """

    only_watches = True

    def __init__(self, folder: Path, histograms: bool | int = False) -> None:
        if not isinstance(histograms, bool | int) or histograms < 0:
            raise ValueError(f"TensorBoard: histograms is True, False or every how many epochs, got {histograms!r:.60}")
        self.folder = folder
        self.histograms = histograms
        self._events, self._checksum = tensorboardx()
        self._path = ""

    def begin(self, run: Run) -> None:
        """Make the folder; raise OSError now rather than after the first epoch where no file can be written."""
        if run.world.rank:
            return
        folder = os.path.abspath(os.fsdecode(self.folder))
        # TensorBoard reads the files of a folder in the order of their names, and this is the order in time.
        now = time.time_ns()
        host = "".join([c if c.isalnum() or c in ".-" else "_" for c in socket.gethostname()])
        self._path = os.path.join(folder, f"{PREFIX}{now // 10**9:010d}.{host}.{now % 10**9:09d}.{os.getpid()}")
        try:
            os.makedirs(folder, exist_ok=True)
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise OSError(f"TensorBoard: cannot write to {folder!r}: {reason}; choose another folder") from None
        check_writable(self._path, "TensorBoard", OSError)

    def _write(self, *events: Any) -> None:
        """Append events as records: length, its checksum, the message, its checksum."""
        data = b""
        for event in events:
            message = event.SerializeToString()
            length = struct.pack("<Q", len(message))
            data += length + struct.pack("<I", self._checksum(length))
            data += message + struct.pack("<I", self._checksum(message))
        try:
            with open(self._path, "ab") as file:
                file.write(data)
        except OSError as problem:
            raise OSError(f"TensorBoard: cannot write {self._path!r}: {problem.strerror or problem}") from None

    def epoch(self, run: Run) -> None:
        """Write the numbers of the epoch, and the histograms if it is time to."""
        if run.world.rank:
            return
        make = self._events.Event
        first = []
        if not os.path.exists(self._path):
            log = self._events.SessionLog(status=self._events.SessionLog.START)
            first = [
                make(wall_time=time.time(), file_version="brain.Event:2"),
                make(wall_time=time.time(), step=run.epoch, session_log=log),  # forget what came from here on
            ]
        event = make(wall_time=time.time(), step=run.epoch)
        for name, number in run.row.items():
            event.summary.value.add(tag=name, simple_value=_float32(number))
        if self.histograms and run.epoch % self.histograms == 0:
            for name, values in _arrays(run):
                finite = values[np.isfinite(values)]
                if finite.size:
                    event.summary.value.add(tag=name, histo=histogram(finite))
                if finite.size < values.size:
                    event.summary.value.add(tag=f"not_finite/{name}", simple_value=values.size - finite.size)
        self._write(*first, event)

    def __repr__(self) -> str:
        return f"TensorBoard({self.folder!r}, histograms={self.histograms})"


def _float32(number: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(number))


def _arrays(run: Run) -> Iterator[tuple[str, np.ndarray]]:
    """Give weights and gradients by their names, in float64; a complex one as two."""
    named = named_parameters(run.model) or {
        p.name or str(i): p for i, p in enumerate([p for group in run.optimizer.param_groups for p in group["params"]])
    }
    for name, p in named.items():
        for kind, held in (("weights", p.data), ("gradients", p.grad)):
            if held is None:
                continue
            array = on_host(held)
            parts = {"": array} if array.dtype.kind != "c" else {".real": array.real, ".imag": array.imag}
            for suffix, part in parts.items():
                yield f"{kind}/{name}{suffix}", np.asarray(part, float).ravel()


def histogram(values: np.ndarray) -> dict[str, Any]:
    """Give what an event holds of finite numbers: sums, and counts up to each limit, the first of which is empty.

    >>> found = histogram(np.array([0.0, 1.0, 3.0]))
    >>> found["num"], found["sum"], found["bucket"][0], found["bucket"][1], found["bucket"][-1]
    (3.0, 4.0, 0.0, 1.0, 1.0)
    >>> histogram(np.array([2.0, 2.0]))["bucket_limit"]
    [2.0, 2.0]
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        counts, limits = np.array([values.size]), np.array([low, high])
    else:
        share = np.linspace(0.0, 1.0, INTERVALS + 1)
        limits = np.maximum.accumulate(low * (1.0 - share) + high * share)
        counts, _ = np.histogram(values, limits)
    with np.errstate(over="ignore"):
        squares = float(values @ values)
    return {
        "min": low,
        "max": high,
        "num": float(values.size),
        "sum": float(values.sum()),
        "sum_squares": squares,
        "bucket_limit": limits.tolist(),
        "bucket": [0.0, *counts.astype(float).tolist()],
    }
