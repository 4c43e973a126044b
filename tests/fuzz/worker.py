"""The process in which cases are tried, each told of as it begins and as it ends.

    python worker.py MODULE:CLASS SEED FIRST END SECONDS BYTES FOLDER

With FIRST = END the files of that case are written into FOLDER, and nothing is tried. The class is
made once, of a folder to work in. `case(rng)` draws a case, files by name as in `trees`.
`doors(case)` yields functions, each judged on its own, and is sent what they give (None where they
raise; a text is the end that is counted). `close()` ends what was started.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import sys
import traceback
import warnings
import zlib
from pathlib import Path

sys.path[0] = str(Path(__file__).parent.parent)  # and not this folder, whose names are common
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402

import byhand  # noqa: E402
from byhand.errors import ByhandError  # noqa: E402
from fuzz import trees  # noqa: E402

ADDRESSES = 8 << 30  # after which the system itself refuses
LONGEST = 600  # characters of an error's sentence, but for the folder and the longest names
SOURCE = str(Path(byhand.__file__).parent)


def main(place, seed, first, end, seconds, memory, folder):
    """Try cases; what they say to the console goes to a file, and is a fault."""
    folder, first, end = Path(folder), int(first), int(end)
    trees.clear(folder / "work")
    module, _, name = place.partition(":")
    kind = getattr(importlib.import_module(module), name)(folder / "work")
    if first == end:
        trees.write(folder / "case", kind.case(generator(place, seed, first)))
    said = os.fdopen(os.dup(1), "w")
    with (folder / "said.txt").open("w+") as console, (folder / "trace.txt").open("w") as trace:
        os.dup2(console.fileno(), 1)
        os.dup2(console.fileno(), 2)
        faulthandler.enable(trace)
        warnings.simplefilter("error")
        # Starlette leaves the files of a broken form to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        _limit_addresses()
        for number in range(first, end):
            print(json.dumps({"begin": number}), file=said, flush=True)
            case = kind.case(generator(place, seed, number))
            faulthandler.dump_traceback_later(float(seconds), exit=True, file=trace)
            ends, faults = tried(kind.doors(case), int(memory), str(folder))
            faulthandler.cancel_dump_traceback_later()
            if text := _taken(console):
                faults.append(("console", "?", text))
            print(
                json.dumps({"end": number, "ends": ends, "faults": faults}), file=said, flush=True
            )
        faulthandler.dump_traceback_later(60, exit=True, file=trace)
        kind.close()


def generator(place, seed, number):
    """What a case is drawn from: the same whichever cases are drawn before it."""
    return np.random.default_rng([int(seed), zlib.crc32(place.encode()), number])


def _taken(console):
    """What was written to the console, which is empty then."""
    sys.stdout.flush()
    sys.stderr.flush()
    if not os.fstat(console.fileno()).st_size:
        return ""
    console.seek(0)
    text = console.buffer.read().decode("utf-8", "replace")
    os.truncate(console.fileno(), 0)
    console.seek(0)
    return text[:500]


def tried(doors, memory, folder):
    """How each door ended, and the faults: (what, file and line, what was said)."""
    ends, faults, given = [], [], None
    try:
        while True:
            door = doors.send(given)
            given = None
            before = _memory(reset=True)
            try:
                given = door()
                ends.append(given if isinstance(given, str) else "fine")
            except ByhandError as error:
                ends.append(type(error).__name__)
                if fault := _unclear(error, folder):
                    faults.append((fault, _place(error), _short(error)))
            except BaseException as error:  # that is what is looked for
                ends.append("unexpected")
                faults.append((type(error).__name__, _place(error), _short(error)))
                if "BYHAND_FUZZ_TRACE" in os.environ:
                    traceback.print_exception(error)
            if (taken := _memory() - before) > memory:
                faults.append(("memory", "?", f"{taken >> 20} MiB in {door}"))
    except StopIteration:
        return ends, faults


def _unclear(error, folder):
    """What is wrong with the sentence of one of byhand's errors, or nothing."""
    text = str(error).replace(folder, "").replace(trees.LONG, "")
    if not text.strip() or "\n" in text or "\r" in text:
        return f"{type(error).__name__} of no line, or of several"
    return f"{type(error).__name__} too long" if len(text) > LONGEST else ""


def _place(error):
    """The innermost line of byhand's on the way of an error, else the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(SOURCE)] or frames
    name = ours[-1].filename.removeprefix(SOURCE + os.sep)
    return f"{name}:{ours[-1].lineno}"


def _short(error):
    text = " ".join(str(error).split())
    return text.encode("utf-8", "backslashreplace").decode()[:200]


def _limit_addresses():
    try:
        import resource
    except ImportError:  # Windows
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc").is_dir() else 0
    most = pages * resource.getpagesize() + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _memory(reset=False):
    """The most memory that this process has had since `reset`, in bytes; 0 where none tells."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


if __name__ == "__main__":
    main(*sys.argv[1:])
