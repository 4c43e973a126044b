"""Threads for what keeps a core busy: so many tasks at a time, none for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from byhand.app.problems import Problem

P = ParamSpec("P")
T = TypeVar("T")


class ThreadPool:
    """A few threads and a queue before them.

    Args:
        at_once: pieces of work that are done at a time.
        waiting: pieces that may wait; more are refused with 503.
        seconds: after which a piece, its waiting included, is given up with 504. A thread that is
            at it still ends it, but nobody waits any more.
    """

    def __init__(self, at_once: int, waiting: int, seconds: float) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="byhand-work")
        self._most, self._seconds, self._begun = at_once + waiting, seconds, 0

    async def do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` gives.

        Raises:
            Problem: there is too much to do, or it took too long.
        """
        if self._begun >= self._most:
            raise Problem(503, "there is too much to do just now; try again", {"retry-after": "1"})
        self._begun += 1
        future = self._threads.submit(function, *args, **kwargs)
        # Counted until it has ended, not until nobody waits: given up, it still takes its time.
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: self._tell(loop))
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise Problem(504, f"this took more than {self._seconds:g} seconds") from None

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the server has ended before its work
            loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        self._begun -= 1

    def close(self) -> None:
        """Take no more; what waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
