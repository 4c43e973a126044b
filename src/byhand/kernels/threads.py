"""How many threads the arithmetic may use."""

from __future__ import annotations

import os
from typing import Any

from byhand.checks import whole
from byhand.kernels.compiled import core

MOST_THREADS = 4096  # beyond any machine; so many could not even be started on most
_limit: Any = None  # keeps threadpoolctl's limit alive
_threads: int | None = None


def available_threads(share: int | None = None) -> int:
    """BYHAND_THREADS where it is set, else the cores that this process may use.

    `share` is how many of them it should, where other processes compute along with it.

    Raises:
        InputError: BYHAND_THREADS is no positive number.
    """
    given = os.environ.get("BYHAND_THREADS", "")
    if given:
        count = int(given) if given.isascii() and given.isdecimal() and len(given) < 9 else given
        return whole("BYHAND_THREADS", count, 1, MOST_THREADS)
    return cores() if share is None else share


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_threads(threads: int | None = None) -> int:
    """Let the compiled core and NumPy's matrix products use `threads` threads; gives the number.

    None means `available_threads()`.

    Raises:
        InputError: threads, or BYHAND_THREADS, is no such number.
    """
    from threadpoolctl import threadpool_limits

    global _limit, _threads
    known = available_threads() if threads is None else whole("threads", threads, 1, MOST_THREADS)
    _threads = known
    if core is not None:
        core.set_threads(_threads)
    _limit = threadpool_limits(limits=_threads, user_api="blas")
    return _threads


if core is not None:
    # What BYHAND_THREADS says is read, and complained of, where a command begins.
    core.set_threads(cores())


def threads() -> int:
    """The number of threads in use: what `set_threads` was told, else `available_threads()`."""
    return available_threads() if _threads is None else _threads
