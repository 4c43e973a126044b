"""Drawings read by processes of their own, one for each core: Python runs one thread at a time."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from byhand.app import readings
from byhand.app.problems import Problem
from byhand.reader import Reader

_reader: Reader | None = None  # of a reading process


class Readers:
    """The processes that read drawings.

    Args:
        processes: how many.
        waiting: drawings that may wait; more are refused with 503.
        seconds: after which a drawing is given up with 504.
        model: a reader's model; None for the one in the package.
    """

    def __init__(self, processes: int, waiting: int, seconds: float, model: Path | None) -> None:
        self._processes, self._model = processes, model
        self._most, self._seconds, self._begun = processes + waiting, seconds, 0
        self._pool = self._started()

    async def read(self, file: bytes) -> dict[str, Any]:
        """What `readings.read_drawing` gives.

        Raises:
            Problem: there is too much to read, or it took too long.
            DataError, InputError: it is no picture.
        """
        if self._begun >= self._most:
            raise Problem(
                503, "there is too much to read just now; try again", {"retry-after": "1"}
            )
        self._begun += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(self._submit(file))
        except BrokenProcessPool:
            raise Problem(
                503, "a reading process has ended; try again", {"retry-after": "1"}
            ) from None
        except TimeoutError:
            raise Problem(504, f"this took more than {self._seconds:g} seconds") from None
        finally:
            self._begun -= 1

    def warm(self) -> None:
        """Start the processes before they are needed."""
        with _uninterrupted():
            for _ in range(self._processes):
                self._pool.submit(_wait, 0.2)

    def close(self) -> None:
        """End the processes; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, file: bytes) -> Future[dict[str, Any]]:
        with _uninterrupted():
            try:
                return self._pool.submit(_read, file)
            except BrokenProcessPool:  # one was killed: they all begin anew
                self._pool = self._started()
                return self._pool.submit(_read, file)

    def _started(self) -> ProcessPoolExecutor:
        # Started anew, not forked: the threads of the compiled core do not survive a fork.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            self._processes, context, initializer=_begin, initargs=(self._model,)
        )


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


def _wait(seconds: float) -> None:
    time.sleep(seconds)


def _read(file: bytes) -> dict[str, Any]:
    assert _reader is not None
    return readings.read_drawing(_reader, file)
