"""A benchmark's record as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from byhand.bench.suite import FIGURES, ONE

_RATIOS = {"train_ms": "ratio_train", "infer_ms": "ratio_infer",
           "infer_batched_ms": "ratio_infer_batched", "one_us": "ratio_one"}  # fmt: skip


def text(record: dict[str, Any]) -> str:
    """The whole record: networks, convolutions, notes."""
    parts = [_heading(record), _networks(record)]
    if record["kernels"]:
        parts.append(_kernels(record))
    parts += record["notes"]
    return "\n\n".join(part for part in parts if part)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells under each other, the first column to the left and the rest to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for first, *rest in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _heading(record: dict[str, Any]) -> str:
    machine, isa = record["machine"], record["isa"]
    kind = "FMA" if record["fma_peak_method"] == "fma" else "NumPy's matrix product, no FMA"
    return (
        f"{machine['processor']}, {record['threads']} threads, {record['layout']} arithmetic"
        f"{f' ({isa})' if isa else ''}; peak {record['fma_peak_gflops']:.0f} GFLOP/s ({kind})\n"
        f"median of {record['repeats']} repeats ±half the distance of the quartiles; "
        "in brackets how many times as long as byhand"
    )


def _networks(record: dict[str, Any]) -> str:
    blocks = []
    for case, about in record["cases"].items():
        head = [f"{case} (batch {about['batch']}, {about['optimiser']})", "step, ms",
                "1,000, ms", "in batches, ms", "one, µs", "memory, MB"]  # fmt: skip
        rows = [head]
        for name, figures in record["networks"][case].items():
            cells = [_time(figures, figure.key, figure is ONE) for figure in FIGURES]
            memory = figures.get("peak_rss_mb")
            rows.append([f"  {name}", *cells, "-" if memory is None else f"{memory:.0f}"])
        blocks.append(columns(rows))
    return "\n\n".join(blocks)


def _time(figures: dict[str, Any], key: str, whole: bool) -> str:
    value = figures.get(key)
    if value is None:
        return "-"
    low, high = figures[f"{key}_quartiles"]
    digits = 0 if whole else 2
    cell = f"{value:.{digits}f} ±{(high - low) / 2:.{digits}f}"
    ratio = figures.get(_RATIOS[key])
    return cell if ratio is None else f"{cell} ({ratio:.1f})"


def _kernels(record: dict[str, Any]) -> str:
    directions = list(dict.fromkeys(row["direction"] for row in record["kernels"]))
    rows = [["share of the peak", *(d.replace("_", " ") for d in directions)]]
    cells: dict[str, dict[str, str]] = {}
    for row in record["kernels"]:
        cell = f"{row['gflops']:.0f} GFLOP/s {row['peak_fraction']:.0%}"
        where = f"  {row['network']} {row['layer']} ({row['shape']})"
        cells.setdefault(where, {})[row["direction"]] = cell
    rows += [[where, *(by.get(d, "-") for d in directions)] for where, by in cells.items()]
    together = ", ".join(f"{name} {share:.0%}" for name, share in record["kernel_shares"].items())
    return f"{columns(rows)}\n  all of a network together: {together}"
