"""Work on what others gave (pictures, model files), done by processes that can be ended.

A picture or a network may take far too long, more memory than there is, or the process with it.
So such work is done in a process of its own, which is ended when its time is up, and begun anew
when it has died; the server itself only waits. They also end when the server does, even killed.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from byhand import kernels
from byhand.app.problems import Problem
from byhand.app.threads import ThreadPool
from byhand.errors import ByhandError

P = ParamSpec("P")
T = TypeVar("T")


class Processes:
    """Some processes and a queue before them.

    Args:
        count: pieces of work that are done at a time, each in a process.
        waiting: pieces that may wait; more are refused with 503.
        seconds: after which a piece, its waiting included, is given up with 504, and its process
            ended.
        memory: bytes that a process may take, where the system can hold it to that.
        first: what a process does before its first task.
    """

    def __init__(
        self,
        count: int,
        waiting: int,
        seconds: float,
        memory: int,
        first: Callable[[], object] | None = None,
    ) -> None:
        self._threads, self._seconds = ThreadPool(count, waiting, seconds), seconds
        self._all = [_Process(memory, first) for _ in range(count)]
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        for process in self._all:
            self._idle.put(process)

    async def do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` gives in a process: a function of a module, with values that pickle.

        Raises:
            Problem: there is too much to do, it took too long, the process has ended, or the
                function has refused what it was given.
        """
        ends = time.monotonic() + self._seconds
        return await self._threads.do(self._through, ends, (function, args, kwargs))

    def warm(self) -> None:
        """Start the processes before they are needed."""
        for process in self._all:
            process.start()

    def close(self) -> None:
        """End the processes with whatever they do; what waits is dropped."""
        self._threads.close()
        for process in self._all:
            process.end()

    def _through(self, ends: float, task: tuple[Any, ...]) -> Any:
        process = self._idle.get()  # there are as many as threads
        try:
            return process.do(task, ends)
        finally:
            self._idle.put(process)


class _Process:
    """One process and the pipe to it; begun when it is needed."""

    def __init__(self, memory: int, first: Callable[[], object] | None) -> None:
        self._given = memory, first
        self._process: Any = None
        self._pipe: Connection | None = None
        self._lock = threading.Lock()
        self._closed = False

    def do(self, task: tuple[Any, ...], ends: float) -> Any:
        """What the task gives; a process that is not done at `ends` is ended."""
        left = ends - time.monotonic()
        if left <= 0:  # nobody waits any more
            raise Problem(504, "this waited too long")
        pipe = self.start()
        try:
            pipe.send(task)
            if not pipe.poll(max(0.0, ends - time.monotonic())):
                self._stop()
                raise Problem(504, "this took too long")
            answer, problem = pipe.recv()
        except (EOFError, OSError):
            status = self._stop(patience=1)
            raise Problem(
                500,
                f"the process that worked on this has ended (exit status {status}): this is too "
                "much for it, or it was killed",
            ) from None
        if problem is not None:
            raise problem
        return answer

    def start(self) -> Connection:
        """The pipe to a process that lives."""
        with self._lock:
            if self._closed:
                raise Problem(503, "the server ends")
            if self._pipe is not None and self._process.is_alive():
                return self._pipe
            # Started anew, not forked: the threads of the compiled core do not survive a fork.
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, *self._given), daemon=True)
            with _uninterrupted():
                process.start()
            theirs.close()
            self._process, self._pipe = process, ours
            return ours

    def end(self) -> None:
        """End it for good."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def _stop(self, patience: float = 0) -> int | None:
        """End it now, memory and all; another is begun with the next task. Gives its status.

        Where its pipe has just ended, its status comes in a moment: so much `patience`.
        """
        with self._lock:
            process, self._pipe = self._process, None
        process.join(patience)
        process.kill()
        process.join()
        status: int | None = process.exitcode
        return status


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


def _serve(pipe: Connection, memory: int, first: Callable[[], object] | None) -> None:
    """What a process does: one task after another, until the server is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's to answer
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _bound_memory(memory)
    kernels.set_threads(1)  # several processes work side by side, each on a core
    if first is not None:
        _done(first, (), {})
    with suppress(EOFError, OSError):
        while True:
            function, args, kwargs = pipe.recv()
            pipe.send(_done(function, args, kwargs))


def _done(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, Problem | None]:
    try:
        return function(*args, **kwargs), None
    except Problem as problem:
        return None, problem
    except ByhandError as error:
        return None, Problem.refusal(error)
    except MemoryError:
        return None, Problem(400, "this takes more memory than the server gives to one request")
    except Exception as error:
        traceback.print_exc()
        return None, Problem.mistake(error)


def _end_with_parent() -> None:
    """Whatever this process does, it ends when the server has."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _bound_memory(most: int) -> None:
    """Let an allocation beyond it fail in this process, where the system can do so."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
