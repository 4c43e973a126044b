"""Timing takes turns, counts calls, and sums up; the clock is made of wood."""

from __future__ import annotations

import gc

import pytest

from byhand.timing import LEAST_CALLS, Times, interleaved, medians


class Clock:
    """Time that passes only when a call takes it; calls come back in `order`."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def __call__(self):
        return self.now

    def call(self, name, *seconds):
        """A function whose calls take `seconds` in turn, again and again."""
        left = []

        def run():
            if not left:
                left.extend(seconds)
            self.now += left.pop(0)
            self.order.append(name)

        return run


def test_each_gets_its_own_time():
    clock = Clock()
    calls = {"a": clock.call("a", 2.0), "b": clock.call("b", 0.5)}
    found = interleaved(calls, 4, 10.0, clock=clock)
    assert found == {"a": Times(2.0, 2.0, 2.0), "b": Times(0.5, 0.5, 0.5)}


def test_a_slice_lasts_as_long_as_asked_and_has_three_calls_at_least():
    clock = Clock()
    interleaved({"a": clock.call("a", 1.0)}, 1, 5.0, clock=clock)
    assert len(clock.order) == 1 + 5  # the first is not timed
    clock = Clock()
    interleaved({"a": clock.call("a", 1.0)}, 1, 0.0, clock=clock)
    assert len(clock.order) == 1 + LEAST_CALLS == 4


def test_who_begins_rotates():
    clock = Clock()
    calls = {name: clock.call(name, 1.0) for name in "abc"}
    interleaved(calls, 3, 0.0, clock=clock)
    turns = clock.order[:: 1 + LEAST_CALLS]
    assert turns == list("abcbcacab")


def test_the_mean_of_a_slice_or_the_median_of_its_calls():
    def measured(latency):
        clock = Clock()
        # The untimed call, then 1, 1, 7 and, as three seconds are not over before, no more.
        calls = {"a": clock.call("a", 9.0, 1.0, 1.0, 7.0)}
        return interleaved(calls, 1, 3.0, latency=latency, clock=clock)["a"].median

    assert measured(latency=False) == 3.0
    assert measured(latency=True) == 1.0


def test_median_and_quartiles_over_the_repeats():
    assert Times.of([5.0, 1.0, 2.0, 4.0, 3.0]) == Times(3.0, 2.0, 4.0)
    assert Times.of([7.0]) == Times(7.0, 7.0, 7.0)


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_collected_afterwards_as_before(enabled):
    seen = []
    try:
        (gc.enable if enabled else gc.disable)()
        interleaved({"a": lambda: seen.append(gc.isenabled())}, 1, 0.0)
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
    assert set(seen) == {False}


def test_nobody_to_time():
    assert interleaved({}, 2, 0.1) == {}


def test_medians_come_back_for_each_call_in_turn():
    calls = []
    found = medians({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, limit=0)
    assert set(found) == set("ab")
    assert all(seconds >= 0 for seconds in found.values())
    assert calls.count("a") == calls.count("b") >= 5 * LEAST_CALLS
