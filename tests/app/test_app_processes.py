"""Work in processes: results, what is given up is ended, what died is begun anew, none outlives."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from byhand.app.problems import Problem
from byhand.app.processes import Processes
from byhand.errors import InputError

GIB = 2**30
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.fixture(scope="module")
def processes():
    """One process, which is begun anew where a test has ended it; of 3 GiB."""
    own = Processes(1, 1, 60.0, 3 * GIB)
    yield own
    own.close()


async def problem_of(work):
    with pytest.raises(Problem) as raised:
        await work
    return raised.value


async def gone(pid):
    """Wait until a process has ended (ours are waited for by the pool, so none stays a zombie)."""
    for _ in range(600):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"process {pid} is still there")


def refuse(what):
    raise InputError(f"no {what}\nhere \ud800")


def fill(bytes_):
    return int(np.ones(bytes_, np.uint8).sum())


def test_it_gives_what_the_function_gives_and_raises_what_it_raises(processes, capfd):
    async def main():
        assert await processes.do(sum, [1, 2]) == 3
        refused = await problem_of(processes.do(refuse, "digit"))
        assert (refused.status, refused.detail) == (400, "no digit here \\ud800")
        mistake = await problem_of(processes.do(int, "the secret"))
        assert mistake.status == 500
        assert "secret" not in mistake.detail

    asyncio.run(main())
    assert "the secret" in capfd.readouterr().err  # the server's log says more


@posix
def test_what_takes_too_long_ends_with_its_process_and_the_next_is_done(processes, monkeypatch):
    async def main():
        before = await processes.do(os.getpid)
        with monkeypatch.context() as short:
            short.setattr(processes, "_seconds", 0.2)
            assert (await problem_of(processes.do(time.sleep, 600))).status == 504
        await gone(before)
        assert await processes.do(os.getpid) != before

    asyncio.run(main())


def test_what_waited_too_long_is_not_begun(processes, monkeypatch, tmp_path):
    async def main():
        await processes.do(os.getpid)
        long = asyncio.create_task(processes.do(time.sleep, 0.5))
        await asyncio.sleep(0.05)
        monkeypatch.setattr(processes, "_seconds", 0.1)
        late = await problem_of(processes.do(os.mkdir, str(tmp_path / "made")))
        assert late.status == 504
        await long

    asyncio.run(main())
    assert not (tmp_path / "made").exists()


@posix
@pytest.mark.parametrize("how", ["signal", "exit"])
def test_a_process_that_dies_takes_one_request_with_it_and_no_more(processes, how):
    async def main():
        pid = await processes.do(os.getpid)
        died = await problem_of(
            processes.do(os.kill, pid, signal.SIGSEGV)
            if how == "signal"
            else processes.do(os._exit, 3)
        )
        assert died.status == 500
        assert f"exit status {-signal.SIGSEGV if how == 'signal' else 3}" in died.detail
        assert await processes.do(os.getpid) != pid

    asyncio.run(main())


@posix
def test_a_process_that_died_while_it_waited_for_work_is_begun_anew(processes):
    async def main():
        pid = await processes.do(os.getpid)
        os.kill(pid, signal.SIGKILL)
        processes._all[0]._process.join()
        assert await processes.do(os.getpid) != pid

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts all memory on Linux only")
def test_what_takes_too_much_memory_is_refused_and_the_next_is_done(processes):
    async def main():
        full = await problem_of(processes.do(fill, 4 * GIB))
        assert full.status == 400
        assert "memory" in full.detail
        assert await processes.do(fill, 10) == 10

    asyncio.run(main())


def test_more_than_may_wait_is_refused(processes):
    async def main():
        busy = [asyncio.create_task(processes.do(time.sleep, 0.3)) for _ in range(2)]
        await asyncio.sleep(0.05)
        full = await problem_of(processes.do(sum, []))
        assert (full.status, full.headers) == (503, {"retry-after": "1"})
        await asyncio.gather(*busy)
        await asyncio.sleep(0.05)
        assert await processes.do(sum, [4]) == 4

    asyncio.run(main())


def test_after_the_end_there_is_no_process_whatever_it_did():
    async def main():
        processes = Processes(1, 1, 60.0, 3 * GIB)
        pid = await processes.do(os.getpid)
        busy = asyncio.create_task(processes.do(time.sleep, 600))
        await asyncio.sleep(0.05)
        processes.close()
        assert (await problem_of(busy)).status == 500
        await gone(pid)

    asyncio.run(main())


BUSY = """
import asyncio, time
from byhand.app.processes import Processes

async def main():
    processes = Processes(2, 4, 600, 2**32)
    await processes.do(sum, [1])
    work = [asyncio.create_task(processes.do(time.sleep, 600)) for _ in range(busy)]
    await asyncio.sleep(0.2)
    print("working", flush=True)
    await asyncio.sleep(600)

if __name__ == "__main__":
    busy = 1
    asyncio.run(main())
"""


def test_no_process_outlives_a_server_that_is_killed(tmp_path):
    # All of them hold the server's standard output: it ends when the last of them has.
    (tmp_path / "server.py").write_text(BUSY, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "server.py"], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as server:
        assert server.stdout.readline() == "working\n"
        server.kill()
        server.communicate(timeout=60)


def test_no_process_outlives_byhand_serve_that_is_killed(tmp_path):
    command = [sys.executable, "-m", "byhand", "serve", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        assert "http://127.0.0.1" in server.stdout.readline()
        time.sleep(1)  # its reading processes are starting, or have started
        server.kill()
        server.communicate(timeout=60)
