"""Time what a user waits for before anything happens: `import byhand` and `byhand --help`.

    python benchmarks/startup.py

Each runs in a fresh process, in turn with an empty Python, 21 times; medians and quartiles. Also
says which large packages `import byhand` brings with it, which should be none.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import byhand": [sys.executable, "-c", "import byhand"],
    "byhand --help": [sys.executable, "-m", "byhand", "--help"],
    "import byhand.nn": [sys.executable, "-c", "import byhand.nn"],
}
LARGE = ("matplotlib", "sklearn", "scipy", "starlette", "PIL", "numpy")


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=21)
    args = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(args.repeats):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append(time.perf_counter() - start)
    for name, taken in times.items():
        low, median, high = statistics.quantiles(taken, n=4)
        print(f"{name:18s} {median:.3f} s (quartiles {low:.3f} to {high:.3f})")
    code = f"import byhand, sys; print([m for m in {LARGE} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    print(f"large packages that import byhand brings: {found.stdout.strip()}")


if __name__ == "__main__":
    main()
