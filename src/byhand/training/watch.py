"""Says which rank died: a process beside the ranks, which outlives them.

mpiexec ends all ranks within a millisecond of one's death, and names only a process number. So each
rank holds a connection to this process, tells it its rank, and says a word before it leaves: a
connection that ends without one is a rank that died. The first to end is told of, as those after it
were ended by mpiexec; where that does not end them, the word that the watch sends does.

mpi.py starts this file by itself, so that it imports the standard library only:

    python watch.py SIZE HOST        prints its port, and reads the word that connections begin with
"""

from __future__ import annotations

import selectors
import socket
import sys
from contextlib import ExitStack, suppress

DONE, FAILED = "done", "failed"  # a rank that leaves well, or has said itself why it does not
WELCOME, END = b"!", b"end"  # to a rank that has come; to those that are left
PATIENCE = 60.0  # seconds without any rank, after which nobody will come


def watch(server: socket.socket, size: int, word: str) -> str | None:
    """Listen until all ranks have left, or one has died; gives the sentence that says which.

    A rank's first line is the word, its number, its process and its host, and is answered.
    """
    selector = selectors.DefaultSelector()
    selector.register(server, selectors.EVENT_READ)
    heard: dict[socket.socket, str] = {}  # what came over each connection
    ranks: dict[socket.socket, tuple[int, str]] = {}  # whose it is: the rank, and where it runs
    here: set[socket.socket] = set()  # the ranks' that are open
    with ExitStack() as lines:
        lines.enter_context(selector)
        while here or not ranks:
            events = selector.select(None if ranks else PATIENCE)
            if not events:
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
                said = first.split()
                if later and line not in ranks and len(said) == 4 and said[0] == word:
                    ranks[line] = (int(said[1]), f"process {said[2]} on {said[3]}")
                    here.add(line)
                    send(line, WELCOME)
                if line in ranks and FAILED in later:
                    return None
                if data:
                    continue
                selector.unregister(line)
                here.discard(line)
                if line in ranks and DONE not in later:
                    for other in here:
                        send(other, END)
                    return died(ranks[line], {rank for rank, _ in ranks.values()}, size)
    return None


def send(line: socket.socket, said: bytes) -> None:
    """Say a word to a rank, which may have gone."""
    with suppress(OSError):
        line.sendall(said)


def died(rank: tuple[int, str], known: set[int], size: int) -> str:
    """What to say of a rank whose connection ended, when `known` ones had come."""
    missing = sorted(set(range(size)) - known)
    if missing:  # one of these died first, before it could be watched
        said = ", ".join(map(str, missing))
        return f"rank {said} of {size} did not come to the start, and the run is over"
    number, where = rank
    return (
        f"rank {number} of {size} ({where}) died, and the run is over; the last checkpoint is kept"
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
