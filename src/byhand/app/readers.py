"""Drawings read by processes of their own, one for each core: Python runs one thread at a time."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from byhand.app import readings
from byhand.app.problems import Problem
from byhand.app.work import P, T, Work
from byhand.reader import Reader

_reader: Reader | None = None  # of a reading process


class Readers(Work):
    """The processes that read drawings, and the queue before them.

    Args:
        processes: how many.
        waiting, seconds: as of `Work`.
        model: a reader's model; None for the one in the package.
    """

    def __init__(self, processes: int, waiting: int, seconds: float, model: Path | None) -> None:
        self._processes, self._model = processes, model
        super().__init__(processes, waiting, seconds)

    async def read(self, file: bytes) -> dict[str, Any]:
        """What `readings.read_drawing` gives.

        Raises:
            Problem: there is too much to read, or it took too long.
            DataError, InputError: it is no picture.
        """
        try:
            return await self.do(_read, file)
        except BrokenProcessPool:
            raise Problem(
                503, "a reading process has ended; try again", {"retry-after": "1"}
            ) from None

    def warm(self) -> None:
        """Start the processes before they are needed."""
        for _ in range(self._processes):
            self._submitted(time.sleep, 0.2)

    def _started(self, at_once: int) -> Executor:
        # Started anew, not forked: the threads of the compiled core do not survive a fork.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(at_once, context, initializer=_begin, initargs=(self._model,))

    def _submitted(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        with _uninterrupted():
            try:
                return super()._submitted(function, *args, **kwargs)
            except BrokenProcessPool:  # one was killed: they all begin anew
                self._pool = self._started(self._processes)
                return super()._submitted(function, *args, **kwargs)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes that are started in this never hear Ctrl-C, not even while they import."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(model: Path | None) -> None:
    global _reader
    from byhand import kernels

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's to answer
    kernels.set_threads(1)
    _reader = Reader.load(model)


def _read(file: bytes) -> dict[str, Any]:
    assert _reader is not None
    return readings.read_drawing(_reader, file)
