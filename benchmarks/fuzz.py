"""Look for what ends in anything but one of byhand's own errors: many spoilt files and requests.

    python benchmarks/fuzz.py                                  # 20,000 cases of every kind, hours
    python benchmarks/fuzz.py --kind models --cases 2000 --seed 7
    python benchmarks/fuzz.py --kind models --seed 7 --first 1234 --cases 1   # one again

Each case is drawn from the seed and its number alone. Cases run in processes of their own; told are
unexpected errors, warnings, output, crashes, hangs and memory by the line where they come from, and
the files of the first case of each are kept. The kinds are the pages of tests/fuzz. The last line
is `N passed, N failed`; the exit status is 1 where something failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).parent.parent / "tests")  # where `fuzz` is not this file

from fuzz import harness  # noqa: E402


def told(number: int) -> None:
    """Say on standard error how far it is."""
    if number and number % 1000 == 0:
        print(f"  case {number:,}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kind", choices=list(harness.KINDS), action="append", help="all if none")
    parser.add_argument("--cases", type=int, default=20_000, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path("build/fuzz"), help="for cases that failed"
    )
    asked = parser.parse_args()
    passed = failed = 0
    for kind in asked.kind or harness.KINDS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            report = harness.run(kind, asked.seed, asked.first, asked.cases, folder, told=told)
            print(f"{kind}: {report}", f"  {time.monotonic() - began:.0f} s", sep="\n", flush=True)
            for numbers, _ in report.faults.values():
                kept = asked.out / f"{kind}-{asked.seed}-{numbers[0]}"
                harness.write_case(kind, asked.seed, numbers[0], kept)
                print(f"  kept {kept}", flush=True)
        bad = {number for numbers, _ in report.faults.values() for number in numbers}
        failed += len(bad)
        passed += report.cases - len(bad)
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
