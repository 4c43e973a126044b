"""Timing several functions in turns, for tasks that `lab.each` does with `alone=True`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

LEAST, MOST = 3, 101  # rounds


def in_turns(
    calls: Mapping[str, Callable[[], Any]],
    limit: float,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each call, once a round, so that what disturbs one disturbs all alike.

    Args:
        calls: the functions by name.
        limit: rounds go on for about so many seconds; they are 3 to 101, and one more before
            them, untimed, that brings code and data into the caches.
        clock: what tells the time, in seconds.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    end = clock() + limit
    for turn in range(MOST):
        if turn >= LEAST and clock() > end:
            break
        for name, call in calls.items():
            began = clock()
            call()
            found[name].append(clock() - began)
    return found
