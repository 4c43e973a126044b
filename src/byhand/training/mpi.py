"""The group of processes that mpiexec started, on this machine or on several."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from numpy.typing import NDArray

from byhand import kernels
from byhand.errors import InputError, TrainingStopped
from byhand.training import watch
from byhand.training.group import Group

Array = NDArray[Any]
T = TypeVar("T")

LAST_WORDS = 0.3  # seconds
PAUSE = 0.001  # seconds between two looks whether the others have come


class MPIGroup(Group):
    """All ranks of MPI's world; needs mpi4py.

        with MPIGroup() as group:
            kernels.set_threads(group.cores)  # the ranks of a machine share its cores
            for record in training.fit(model, train, rng=rng, epochs=3, group=group):
                if group.rank == 0:
                    print(record)

    What fails on one rank ends all, with a message that names the rank; only `TrainingStopped`,
    which all ranks raise at once, goes through, and so does `sys.exit()`, which all are to call. A
    rank that is killed is told of by watch.py.

    Args:
        expected: how many processes mpiexec says it started, to be held against what MPI sees.

    Raises:
        InputError: mpi4py is not installed, or belongs to another MPI than the mpiexec in use.
    """

    def __init__(self, expected: int | None = None) -> None:
        try:
            mpi: Any = import_module("mpi4py.MPI")
        except ImportError as error:
            raise InputError(
                f"training by several ranks needs mpi4py ({error}); pip install 'byhand[mpi]'"
            ) from error
        if expected is not None and mpi.COMM_WORLD.size != expected:
            library = mpi.Get_library_version().split("\n")[0].strip()
            raise InputError(
                f"mpiexec started {expected} processes, but mpi4py sees {mpi.COMM_WORLD.size}: it "
                f"was made for another MPI ({library}); use that one's mpiexec"
            )
        self._mpi, self._world = mpi, mpi.COMM_WORLD.Dup()
        self.rank, self.size = self._world.rank, self._world.size
        self.begun = False  # whether rank 0 has begun to broadcast
        self._watcher: subprocess.Popen[str] | None = None
        self._line: socket.socket | None = None
        try:
            self._cores = self._share_of_cores()
            self._be_watched()
        except BaseException as error:  # the others wait for this rank by now
            self._end_for(error)

    @property
    def cores(self) -> int:
        """The share of its machine's cores that this rank has, at least one."""
        return self._cores

    def sum(self, array: Array) -> Array:
        """Add `array` (contiguous) up over all ranks, in place; gives it back."""
        self._world.Allreduce(self._mpi.IN_PLACE, array)
        return array

    def broadcast(self, value: T) -> T:
        """What rank 0 gives as `value`; it goes through pickle, between our own processes."""
        self.begun = True  # before the wait: an interrupt in it is no longer one before the start
        self._meet()
        given: T = self._world.bcast(value if self.rank == 0 else None)
        return given

    def close(self) -> None:
        """Wait for all ranks, and leave: the end of a run that ended on all of them."""
        self._meet()
        self._last_word(watch.DONE)
        if self._watcher is not None:
            try:
                self._watcher.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._watcher.kill()

    def abort(self, status: int) -> NoReturn:
        """End all ranks now; mpiexec's exit status becomes `status`."""
        self._last_word(watch.FAILED)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # nobody reads it, or it is closed
                stream.flush()
        # What mpiexec has not passed on by then is lost when it ends all ranks.
        time.sleep(LAST_WORDS)
        self._mpi.COMM_WORLD.Abort(status)
        os._exit(status)  # MPICH's Abort comes back before mpiexec has ended this rank

    def fail(self, message: str, status: int = 1) -> NoReturn:
        """Say which rank it is that cannot go on, and why, and end all."""
        with suppress(OSError, ValueError):
            print(f"byhand: {self._name}: {message}", file=sys.stderr, flush=True)
        self.abort(status)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        left = isinstance(error, SystemExit) and not error.code
        if error is None or left or isinstance(error, TrainingStopped):
            self.close()
            return
        self._end_for(error)

    @property
    def _name(self) -> str:
        return f"rank {self.rank} of {self.size}"

    def _end_for(self, error: BaseException) -> NoReturn:
        """End all ranks for what was raised on this one, with the status that it asks for."""
        if isinstance(error, SystemExit):
            if isinstance(error.code, int):
                self.abort(error.code)
            self.fail(str(error.code))
        if isinstance(error, KeyboardInterrupt):
            self.fail("interrupted", 130)
        with suppress(OSError, ValueError):
            traceback.print_exception(error)
        self.fail(f"{type(error).__name__}: {error}")

    def _meet(self) -> None:
        """Wait until all ranks are here, without keeping a core busy as MPI's own waiting does."""
        request = self._world.Ibarrier()
        while not request.Test():
            time.sleep(PAUSE)

    def _share_of_cores(self) -> int:
        """The cores of the machine that its ranks may use, divided by those ranks.

        Whether mpiexec bound each rank to cores of its own or lets all use the same ones.
        """
        local = self._world.Split_type(self._mpi.COMM_TYPE_SHARED)
        if hasattr(os, "sched_getaffinity"):
            sets = local.allgather(os.sched_getaffinity(0))
            share = len(set().union(*sets)) // local.size
        else:
            share = kernels.cores() // local.size
        local.Free()
        return max(1, min(share, kernels.cores()))

    # The watch ----------------------------------------------------------------------------------

    def _be_watched(self) -> None:
        """Connect to the watch, which rank 0 starts. Without it only mpiexec tells of a death."""
        hosts = self._world.allgather(socket.gethostname())
        one_machine = len(set(hosts)) == 1
        started = None
        if self.rank == 0:
            try:
                started = self._start_watch("127.0.0.1" if one_machine else "")
            except OSError as error:
                self._unwatched("this run", error)
        started = self._world.bcast(started)
        if started is None:
            return
        port, word = started
        host = hosts[self.rank]
        try:
            address = "127.0.0.1" if host == hosts[0] else hosts[0]
            self._line = socket.create_connection((address, port), timeout=10)
            self._line.sendall(f"{word} {self.rank} {os.getpid()} {host}\n".encode())
            self._line.recv(len(watch.WELCOME))
            self._line.settimeout(None)
        except (OSError, ValueError) as error:  # ValueError: a host's name that is none
            self._line = None
            self._unwatched(self._name, error)
        else:
            threading.Thread(target=_end_with, args=(self._line,), daemon=True).start()
        self._meet()  # so that whoever dies from here on is known
        self._tell(watch.STARTED)

    def _unwatched(self, who: str, error: Exception) -> None:
        with suppress(OSError, ValueError):
            print(
                f"byhand: {who} is not watched ({error}): of a death mpiexec alone will tell",
                file=sys.stderr,
                flush=True,
            )

    def _start_watch(self, host: str) -> tuple[int, str]:
        """Start it, out of reach of what mpiexec ends; gives its port and the word for it.

        Raises:
            OSError: it does not start.
        """
        word = secrets.token_hex(16)
        self._watcher = subprocess.Popen(
            # Isolated: the folder that the file is in would hide modules of the standard library.
            [sys.executable, "-I", str(Path(watch.__file__)), str(self.size), host],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._watcher.stdin is not None
        assert self._watcher.stdout is not None
        with self._watcher.stdin as words, self._watcher.stdout as answers:
            words.write(word + "\n")
            words.flush()
            port = answers.readline().strip()
        if not port.isdecimal():
            raise OSError(f"{watch.__file__} ended without a word")
        return int(port), word

    def _tell(self, word: str) -> None:
        if self._line is not None:
            with suppress(OSError):  # the watch has gone
                self._line.sendall(f"{word}\n".encode())

    def _last_word(self, word: str) -> None:
        self._tell(word)
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
            self._line.close()
            self._line = None


def _end_with(line: socket.socket) -> None:
    """End this process when the watch says that another rank died and mpiexec has not yet."""
    try:
        message = line.recv(len(watch.END))
    except OSError:
        return
    if message == watch.END:
        os._exit(1)
