"""`mpiexec -n 4 byhand train`: rank 0 is the program, and the other ranks train along with it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from byhand.errors import TrainingStopped

if TYPE_CHECKING:
    from byhand.training.mpi import MPIGroup

# What MPICH (and Intel's and Microsoft's MPI), Open MPI and Slurm tell a process that they start.
TOLD = (
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMIX_RANK", "SLURM_NTASKS"),
)

ALIKE = 5.0  # seconds within which all ranks fail that cannot join for the same reason


class Started(NamedTuple):
    """Which rank a process is of the `size` that mpiexec started."""

    rank: int
    size: int


def started(given: Sequence[str], environ: Mapping[str, str] = os.environ) -> Started | None:
    """Which rank of a training run this is; None where it is no such run, or has one rank."""
    if next((word for word in given if not word.startswith("-")), None) != "train":
        return None
    for rank, size in TOLD:
        number, count = environ.get(rank, ""), environ.get(size, "")
        if number.isdecimal() and count.isdecimal() and int(count) > 1:
            return Started(int(number), int(count))
    return None


class Failure(NamedTuple):
    """How the program ends on an error: what it says, with which status, in debugging with more."""

    message: str
    status: int
    traced: bool


def run(
    here: Started,
    lead: Callable[[MPIGroup], int],
    explain: Callable[[BaseException], Failure],
) -> int:
    """Be one of the ranks: `lead` runs the command on rank 0. Gives the exit status."""
    from byhand.training.mpi import MPIGroup

    if here.rank > 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # mpiexec interrupts all: rank 0 will tell
    try:
        group = MPIGroup(here.size)
    except (Exception, KeyboardInterrupt) as error:
        failure = explain(error)
        _say_once(here, failure, error)
        return failure.status
    try:
        return _take_part(group, lead, explain)
    except (Exception, KeyboardInterrupt) as error:  # while the ranks take leave of each other
        failure = explain(error)
        say(failure, error, here)
        group.abort(failure.status)


def say(failure: Failure, error: BaseException, here: Started | None = None) -> None:
    """Say on standard error, which may have lost its reader, why the program (or a rank) ends."""
    name = "" if here is None else f"rank {here.rank} of {here.size}: "
    try:
        sys.stdout.flush()
    except OSError:
        forget(sys.stdout)
    try:
        if failure.traced:
            traceback.print_exception(error)
        message = " ".join(failure.message.split())
        print(f"byhand: {name}{message}", file=sys.stderr, flush=True)
    except OSError:
        forget(sys.stderr)


def forget(stream: TextIO) -> None:
    """Let what is written to a stream that nobody reads be lost, also as Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _take_part(
    group: MPIGroup,
    lead: Callable[[MPIGroup], int],
    explain: Callable[[BaseException], Failure],
) -> int:
    from byhand.recipes.engine.run import assist

    status = 0
    try:
        status = lead(group) if group.rank == 0 else assist(group)
    except (Exception, KeyboardInterrupt) as error:
        failure = explain(error)
        status = failure.status if group.rank == 0 else 0
        # While the others wait to be told what to train, or stopped for the same reason.
        together = (group.rank == 0 and not group.begun) or isinstance(error, TrainingStopped)
        if not together:
            interrupted = isinstance(error, KeyboardInterrupt)
            say(failure, error, None if interrupted else Started(group.rank, group.size))
            group.abort(failure.status)
        if group.rank == 0:
            say(failure, error)
    if group.rank == 0 and not group.begun:
        group.broadcast(None)  # nothing to train
    group.close()
    return status


def _say_once(here: Started, failure: Failure, error: BaseException) -> None:
    """Say why this rank cannot join: rank 0 for all, or the rank that is not like the others.

    There is no MPI to ask by, so ranks of one machine leave marks for each other, by the process
    that started them. Ranks that can join wait in MPI for this one, and mpiexec ends them only
    where a signal ended it.
    """
    marks = Path(tempfile.gettempdir()) / f"byhand-told-{os.getppid()}"
    alike = False
    with suppress(OSError):
        if here.rank == 0:
            say(failure, error)
            marks.mkdir(mode=0o700)
            alike = _comes(lambda: len(list(marks.iterdir())) == here.size - 1)
            shutil.rmtree(marks)
        elif _comes(marks.is_dir):
            (marks / str(here.rank)).touch()
            alike = True
    if not alike:
        if here.rank > 0:
            say(failure, error, here)
        os.kill(os.getpid(), signal.SIGTERM)


def _comes(true: Callable[[], bool]) -> bool:
    """Whether `true()` comes to be while one waits for the other ranks to fail too."""
    until = time.monotonic() + ALIKE
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
