"""`mpiexec -n 4 byhand train`: rank 0 is the program, and the other ranks train along with it."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from byhand.errors import TrainingStopped

if TYPE_CHECKING:
    from byhand.training.mpi import MPIGroup

# What MPICH (and Intel's and Microsoft's MPI), Open MPI and Slurm tell a process that they start.
TOLD = (
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMIX_RANK", "SLURM_NTASKS"),
)


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
    from byhand.recipes.run import assist
    from byhand.training.mpi import MPIGroup

    if here.rank > 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # mpiexec interrupts all: rank 0 will tell
    try:
        group = MPIGroup(here.size)
    except (Exception, KeyboardInterrupt) as error:
        failure = explain(error)
        if here.rank > 0:  # the reason is the same for all: let rank 0 tell it
            time.sleep(1)
        else:
            _say(error, failure)
        return failure.status
    status = 0
    try:
        status = lead(group) if group.rank == 0 else assist(group)
    except (Exception, KeyboardInterrupt) as error:
        failure = explain(error)
        status = failure.status if group.rank == 0 else 0
        # While the others wait to be told what to train, or stopped for the same reason.
        together = (group.rank == 0 and not group.begun) or isinstance(error, TrainingStopped)
        if isinstance(error, KeyboardInterrupt) and not together:
            _say(error, failure)
            group.abort(failure.status)
        if not together:
            if failure.traced:
                traceback.print_exception(error)
            group.fail(" ".join(failure.message.split()), failure.status)
        if group.rank == 0:
            _say(error, failure)
    if group.rank == 0 and not group.begun:
        group.broadcast(None)  # nothing to train
    group.close()
    return status


def _say(error: BaseException, failure: Failure) -> None:
    sys.stdout.flush()
    if failure.traced:
        traceback.print_exception(error)
    print("byhand: " + " ".join(failure.message.split()), file=sys.stderr, flush=True)
