"""How a process learns that mpiexec started it, and what the watch says when a rank dies."""

from __future__ import annotations

import socket
import threading

import pytest

from byhand.cli import ranks as cli_ranks
from byhand.training import watch

# Started by mpiexec ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "environ", "expected"),
    [
        (["train", "tiny"], {"PMI_RANK": "2", "PMI_SIZE": "4"}, (2, 4)),
        (["--debug", "train"], {"PMI_RANK": "0", "PMI_SIZE": "2"}, (0, 2)),
        (["train"], {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "3"}, (1, 3)),
        (["train"], {"PMIX_RANK": "1", "SLURM_NTASKS": "8"}, (1, 8)),
        (["train"], {}, None),
        (["train"], {"PMI_RANK": "0", "PMI_SIZE": "1"}, None),
        (["train"], {"SLURM_NTASKS": "8"}, None),
        (["doctor"], {"PMI_RANK": "2", "PMI_SIZE": "4"}, None),
        ([], {"PMI_RANK": "2", "PMI_SIZE": "4"}, None),
    ],
)
def test_what_mpiexec_started_is_told_by_the_environment(given, environ, expected):
    assert cli_ranks.started(given, environ) == expected


def test_no_mpi_is_imported_where_mpiexec_did_not_start_us(monkeypatch):
    import subprocess
    import sys

    for names in cli_ranks.TOLD:
        for name in names:
            monkeypatch.delenv(name, raising=False)
    code = "import sys, byhand.cli, byhand.training; byhand.cli.main(['train', '--list']); "
    code += "assert 'mpi4py' not in sys.modules and 'byhand.training.mpi' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


# The watch ---------------------------------------------------------------------------------------


@pytest.fixture
def watched():
    """Run the watch over what `acts` do with the connections of ranks; gives what it says."""

    def run(size, acts, word="word"):
        said = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=lambda: said.append(watch.watch(server, size, word)))
            thread.start()
            lines = []

            def connect(rank, given="word"):
                line = socket.create_connection(server.getsockname())
                line.sendall(f"{given} {rank} {100 + rank} host\n".encode())
                if given == "word":
                    assert line.recv(1) == watch.WELCOME
                lines.append(line)
                return line

            acts(connect)
            thread.join(timeout=30)
            assert not thread.is_alive()
            for line in lines:
                line.close()
        return said[0]

    return run


def leave(line, word):
    line.sendall(f"{word}\n".encode())
    line.close()


def test_the_watch_says_nothing_where_all_ranks_take_their_leave(watched):
    def acts(connect):
        for line in [connect(rank) for rank in range(3)]:
            leave(line, watch.DONE)

    assert watched(3, acts) is None


def test_the_watch_names_the_first_rank_that_ends_and_ends_the_others(watched):
    told = []

    def acts(connect):
        lines = [connect(rank) for rank in range(4)]
        connect(9, given="stranger").close()
        lines[1].sendall(b"do")
        lines[2].close()
        told.append(lines[0].recv(10))

    assert watched(4, acts) == (
        "rank 2 of 4 (process 102 on host) died, and the run is over; the last checkpoint is kept"
    )
    assert told == [watch.END]


def test_the_watch_leaves_the_word_to_a_rank_that_fails_by_itself(watched):
    def acts(connect):
        lines = [connect(rank) for rank in range(2)]
        leave(lines[1], watch.FAILED)
        lines[0].close()  # ended by mpiexec

    assert watched(2, acts) is None


def test_the_watch_does_not_blame_a_rank_for_one_that_never_came(watched):
    def acts(connect):
        lines = [connect(rank) for rank in (0, 3)]
        lines[0].close()

    assert watched(4, acts) == "rank 1, 2 of 4 did not come to the start, and the run is over"


def test_where_all_had_come_a_rank_that_is_not_watched_is_not_blamed_for_another(watched):
    def acts(connect):
        lines = [connect(rank) for rank in (1, 2, 3)]
        lines[0].sendall(f"{watch.STARTED}\n".encode())
        leave(lines[0], watch.DONE)
        lines[1].close()

    assert watched(4, acts) == (
        "rank 2 of 4 (process 102 on host) died (or rank 0, which was not watched), "
        "and the run is over; the last checkpoint is kept"
    )


def test_the_watch_ends_those_that_mpiexec_leaves_running_after_a_rank_failed(watched, monkeypatch):
    monkeypatch.setattr(watch, "GRACE", 0.05)
    told = []

    def acts(connect):
        lines = [connect(rank) for rank in range(2)]
        leave(lines[1], watch.FAILED)
        lines[0].settimeout(10)
        told.append(lines[0].recv(10))

    assert watched(2, acts) is None
    assert told == [watch.END]


def test_the_watch_does_not_wait_for_ever(watched, monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE", 0.05)
    assert watched(2, lambda connect: None) is None
