"""Timing several functions in turn, so that whatever disturbs the machine disturbs all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

LEAST_CALLS = 3  # in a slice
# Before each slice its function runs untimed for so long: its code and data come back to the cache,
# and the threads of the one before, which wait busily for a few milliseconds, have gone to sleep.
WARM_SECONDS = 0.02


@dataclass(frozen=True)
class Times:
    """Seconds a call: the median over the repeats, and the quartiles, which say how they spread."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(seconds: list[float]) -> Times:
        """The summary of one figure a repeat."""
        if len(seconds) == 1:
            return Times(seconds[0], seconds[0], seconds[0])
        low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
        return Times(median, low, high)


def interleaved(
    calls: Mapping[str, Callable[[], Any]],
    repeats: int,
    seconds: float,
    *,
    latency: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Times]:
    """Time each function in a slice of `seconds` in each repeat, in an order that rotates.

    The figure of a slice is the mean of its calls, at least three; with `latency` the median, which
    is what one call takes when nothing comes between.

    Args:
        calls: the functions by name.
        repeats: how many slices each gets.
        seconds: how long a slice is at least.
        latency: see above.
        clock: what tells the time, in seconds.
    """
    slices: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    with quiet():
        for repeat in range(repeats):
            turn = repeat % len(names) if names else 0
            for name in names[turn:] + names[:turn]:
                slices[name].append(_slice(calls[name], seconds, latency, clock))
    return {name: Times.of(figures) for name, figures in slices.items()}


def medians(calls: Mapping[str, Callable[[], Any]], limit: float) -> dict[str, float]:
    """Median seconds of each call, timed in turns for about `limit` seconds together."""
    turns = 5
    each = limit / turns / max(1, len(calls))
    return {name: times.median for name, times in interleaved(calls, turns, each).items()}


def _slice(
    call: Callable[[], Any], seconds: float, latency: bool, clock: Callable[[], float]
) -> float:
    start = clock()
    call()
    while clock() - start < min(WARM_SECONDS, seconds):
        call()
    taken: list[float] = []
    start = now = clock()
    while now - start < seconds or len(taken) < LEAST_CALLS:
        call()
        before, now = now, clock()
        taken.append(now - before)
    return statistics.median(taken) if latency else (now - start) / len(taken)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Python's garbage collector from running in somebody's slice, as `timeit` does."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
