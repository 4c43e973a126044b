"""Work in threads: results, refusal when there is too much, giving up what takes too long."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from byhand.app.problems import Problem
from byhand.app.threads import ThreadPool


def test_it_gives_what_the_function_gives_and_raises_what_it_raises():
    async def main():
        pool = ThreadPool(2, 4, 5)
        assert await pool.do(sum, [1, 2]) == 3
        with pytest.raises(ZeroDivisionError):
            await pool.do(lambda: 1 / 0)
        pool.close()

    asyncio.run(main())


def test_more_than_may_wait_is_refused_and_there_is_room_again_afterwards():
    async def main():
        pool, go = ThreadPool(1, 2, 5), threading.Event()
        busy = [asyncio.create_task(pool.do(go.wait)) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(Problem) as refused:
            await pool.do(sum, [])
        assert refused.value.status == 503
        assert refused.value.headers["retry-after"] == "1"
        go.set()
        await asyncio.gather(*busy)
        await asyncio.sleep(0.05)
        assert await pool.do(sum, [4]) == 4
        pool.close()

    asyncio.run(main())


def test_what_takes_too_long_is_given_up_and_still_counts_until_it_ends():
    async def main():
        pool, go = ThreadPool(1, 0, 0.05), threading.Event()
        with pytest.raises(Problem) as late:
            await pool.do(go.wait)
        assert late.value.status == 504
        with pytest.raises(Problem) as full:
            await pool.do(sum, [])
        assert full.value.status == 503
        go.set()
        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                assert await pool.do(sum, [1]) == 1
                break
            except Problem:
                await asyncio.sleep(0.01)
        else:
            raise AssertionError("there was no room again")
        pool.close()

    asyncio.run(main())
