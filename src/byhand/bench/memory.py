"""The most memory that a training run takes, and the time that `import byhand` takes.

Each is measured in a fresh process: `python -m byhand.bench.memory CONTESTANT CASE THREADS STEPS`
trains on 60,000 random pictures of MNIST's size, held as uint8, and prints one JSON object.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import byhand
from byhand.errors import ByhandError

PICTURES = 60_000
STEPS = 200
MOST_SECONDS = 20.0  # of training; memory has reached its peak long before
MB = 1e6


def peak_of_training(
    contestant: str, case: str, threads: int, steps: int = STEPS
) -> dict[str, Any]:
    """Train in a process of its own.

    Returns:
        `peak_rss_mb`, and `import_rss_mb`, the peak when everything was imported and nothing made.

    Raises:
        ByhandError: the process failed; the last thing that it said.
    """
    arguments = ("-m", "byhand.bench.memory", contestant, case, str(threads), str(steps))
    answer: dict[str, Any] = json.loads(_fresh(*arguments).splitlines()[-1])
    return answer


def import_seconds(module: str = "byhand", repeats: int = 7) -> float:
    """The median time that importing `module` takes in a Python that has just started."""
    code = (
        f"import time; start = time.perf_counter(); import {module}; "
        "print(time.perf_counter() - start)"
    )
    return statistics.median(float(_fresh("-c", code)) for _ in range(repeats))


def _fresh(*arguments: str) -> str:
    # The child finds byhand where this process found it.
    here = str(Path(byhand.__file__).parent.parent)
    path = os.pathsep.join(p for p in (here, os.environ.get("PYTHONPATH")) if p)
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    if done.returncode:
        message = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise ByhandError(f"a process started to be measured failed: {message}")
    return done.stdout


def train(contestant: str, case: str, threads: int, steps: int) -> dict[str, Any]:
    """Train in this process, which has done nothing else, and look at its memory."""
    import numpy as np

    from byhand.bench import cases, peers
    from byhand.bench.contestant import CHECK_RATES

    kind = peers.contestant(contestant)
    chosen = next(c for c in cases.CASES if c.name == case)
    model = chosen.model()
    # Training one step of two pictures imports all that a library brings.
    small, labels = chosen.data(2)
    trained = kind(chosen, model, threads, CHECK_RATES[chosen.optimiser])
    trained.step(trained.batch(small, labels))
    at_start = peak_rss()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (PICTURES, *cases.IMAGE), np.uint8)
    labels = rng.integers(0, cases.CLASSES, PICTURES)
    started = time.monotonic()
    done = 0
    while done < steps and time.monotonic() - started < MOST_SECONDS:
        for batch in islice(trained.epoch(images, labels, rng), steps - done):
            trained.step(batch)
            done += 1
            if time.monotonic() - started > MOST_SECONDS:
                break
    at_end = peak_rss()
    return {
        "peak_rss_mb": None if at_end is None else at_end / MB,
        "import_rss_mb": None if at_start is None else at_start / MB,
        "steps": done,
    }


def peak_rss() -> int | None:
    """The largest resident memory of this process so far, in bytes."""
    # Linux's ru_maxrss is at least what the parent had when it started this process.
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


if __name__ == "__main__":
    print(json.dumps(train(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
