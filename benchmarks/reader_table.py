"""README's table of how well the reader reads, from what `byhand evaluate --reader` measured.

byhand evaluate --reader --json --out docs/pictures > benchmarks/results/reader.json
python benchmarks/reader_speed.py --json benchmarks/results/reader_speed.json
python benchmarks/reader_table.py          # the table for README, from both
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

# What was asked of the time and memory: the most, in the unit of the figure.
LIMITS = {
    "photograph_seconds": ("a photograph of 12 megapixels with 40 digits", "s", 1.5),
    "read_digits_28_processor_ms": (
        "one drawn digit, 28×28, processor time (`read_digits`)", "ms", 4,
    ),
    "read_28_processor_ms": ("the same as a page (`read`)", "ms", 4),
    "read_digits_280_processor_ms": ("one drawn digit, 280×280 (`read_digits`)", "ms", 4),
    "read_280_processor_ms": ("the same as a page (`read`)", "ms", 4),
    "peak_megabytes_50_megapixels": ("memory for 50 megapixels", "MB", 600),
}  # fmt: skip


def table() -> str:
    """Both results as one Markdown table."""
    lines = ["| what | measured | at least | aim |", "| --- | --- | --- | --- |"]
    for row in _read("reader.json")["reader"]["rows"]:
        sign = "≤" if row["lower"] else "≥"
        bounds = [
            "" if row[key] is None else f"{sign} {100 * row[key]:g} %" for key in ("least", "aim")
        ]
        lines.append(f"| {row['what']} | {_bold(row)} | {bounds[0]} | {bounds[1]} |")
    speed = _read("reader_speed.json")
    for name, (what, unit, most) in LIMITS.items():
        lines.append(f"| {what} | {speed[name]:.3g} {unit} | ≤ {most:g} {unit} | |")
    return "\n".join(lines)


def _bold(row: dict[str, Any]) -> str:
    value = f"{100 * row['value']:.2f} %"
    return value if row["met"] is None else f"**{value}**" if row["met"] else f"{value} (missed)"


def _read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    print(table())
