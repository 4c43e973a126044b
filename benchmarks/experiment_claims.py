"""Keep what the experiments came to: the conclusions and claims that README's table is held to.

    byhand experiment all --json | python benchmarks/experiment_claims.py

reads the records of a finished run and writes benchmarks/results/experiments.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "experiments.json"
ABOUT = ("scale", "dataset", "versions", "machine", "layout", "instruction_set", "jobs", "tasks",
         "task_seconds")  # fmt: skip


def kept(found: dict) -> dict:
    """One experiment without its curves."""
    about = found["record"]["about"]
    return {
        "about": {name: about[name] for name in ABOUT},
        "conclusions": found["conclusions"],
        "claims": found["claims"],
    }


def main() -> None:
    given = json.loads(sys.stdin.read().splitlines()[-1])
    if given["failed"]:
        sys.exit(f"not kept, as some failed: {given['failed']}")
    pages = {name: kept(found) for name, found in given["experiments"].items()}
    RESULTS.write_text(json.dumps(pages, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
