"""Says which rank died: a process beside the ranks, which outlives them.

mpiexec ends all ranks within a millisecond of one's death, and names only a process number. So each
rank holds a connection to this process, tells it its rank, and says a word before it leaves: a
connection that ends without one is a rank that died. The first to end is told of, as those after it
were ended by mpiexec; where that does not end them, the word that the watch sends does. So it is
after a rank that ends all by itself, and says so.

mpi.py starts this file by itself, so that it imports the standard library only:

    python watch.py SIZE HOST        prints its port, and reads the word that connections begin with
"""

from __future__ import annotations

import selectors
import socket
import sys
from contextlib import ExitStack, suppress

STARTED = "started"  # from a rank that knows that all have come
DONE, FAILED = "done", "failed"  # a rank that leaves well, or has said itself why it does not
WELCOME, END = b"!", b"end"  # to a rank that has come; to those that are left
PATIENCE = 60.0  # seconds without any rank, after which nobody will come
GRACE = 5.0  # seconds in which mpiexec is to end the others of a rank that failed


def watch(server: socket.socket, size: int, word: str) -> str | None:
    """Listen until all ranks have left, or one has died; gives the sentence that says which.

    A rank's first line is the word, its number, its process and its host, and is answered.
    """
    selector = selectors.DefaultSelector()
    selector.register(server, selectors.EVENT_READ)
    heard: dict[socket.socket, str] = {}  # what came over each connection
    ranks: dict[socket.socket, tuple[int, str]] = {}  # whose it is: the rank, and where it runs
    here: set[socket.socket] = set()  # the ranks' that are open
    started = failed = False  # whether any rank has said so
    with ExitStack() as lines:
        lines.enter_context(selector)
        while here or not ranks:
            events = selector.select(GRACE if failed else None if ranks else PATIENCE)
            if not events:
                end(here)
                return None
            # Linux and macOS give events in the order in which they happened.
            for key, _ in events:
                line = key.fileobj
                assert isinstance(line, socket.socket)
                if line is server:
                    line = lines.enter_context(server.accept()[0])
                    selector.register(line, selectors.EVENT_READ)
                    heard[line] = ""
                    continue
                data = b""
                with suppress(OSError):  # reset by a rank that died
                    data = line.recv(4096)
                heard[line] += data.decode("utf-8", "replace")
                first, *later = heard[line].split("\n")
                words = first.split()
                if later and line not in ranks and len(words) == 4 and words[0] == word:
                    ranks[line] = (int(words[1]), f"process {words[2]} on {words[3]}")
                    here.add(line)
                    send(line, WELCOME)
                if line in ranks:
                    started |= STARTED in later
                    failed |= FAILED in later  # its status is the run's: mpiexec is to end it first
                if data:
                    continue
                selector.unregister(line)
                here.discard(line)
                if line in ranks and DONE not in later and not failed:
                    end(here)
                    return died(ranks[line], {rank for rank, _ in ranks.values()}, size, started)
    return None


def end(lines: set[socket.socket]) -> None:
    """Tell the ranks that are left to end."""
    for line in lines:
        send(line, END)


def send(line: socket.socket, message: bytes) -> None:
    """Say a word to a rank, which may have gone."""
    with suppress(OSError):
        line.sendall(message)


def died(rank: tuple[int, str], known: set[int], size: int, started: bool) -> str:
    """What to say of a rank whose connection ended, when `known` ones had come."""
    missing = ", ".join(map(str, sorted(set(range(size)) - known)))
    if missing and not started:  # one of these died first, before it could be watched
        return f"rank {missing} of {size} did not come to the start, and the run is over"
    number, where = rank
    # All had come, but those that the watch does not see may have died before this one.
    unwatched = f" (or rank {missing}, which was not watched)" if missing else ""
    return (
        f"rank {number} of {size} ({where}) died{unwatched}, and the run is over; "
        "the last checkpoint is kept"
    )


def main() -> None:
    """The process."""
    with socket.create_server((sys.argv[2], 0)) as server:
        print(server.getsockname()[1], flush=True)
        sentence = watch(server, int(sys.argv[1]), sys.stdin.readline().strip())
    if sentence is not None:
        print(f"byhand: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
