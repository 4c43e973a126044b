"""What byhand's speed is to reach: the project's own targets, and whether a measurement meets them.

byhand bench --out runs/bench && python benchmarks/targets.py runs/bench/bench.json

Ends with status 1 where one that was measured is not met. Without a record it judges the one in
benchmarks/results.

Ratios are a peer's time over ours, both measured in turn in one process on the same threads. A must
is the least that the project promises of itself, an aim what it would like to reach. They were set
on one machine (two cores, AVX-512); ratios carry over to others roughly, absolute times do not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from byhand.bench.table import columns

RESULT = Path(__file__).parent / "results" / "bench.json"

# Case: must, aim.
TRAINING = {  # the best of PyTorch's two layouts and JAX / ours
    "one_conv": (4.0, 6.0),
    "two_conv": (4.0, 6.0),
    "tiny": (2.5, 5.0),
    "tiny_b64": (5.0, 8.0),
    "lenet5": (3.5, 5.0),
    "deep_convnet": (1.1, 1.8),
}
INFERENCE = {  # of 1,000 images, ONNX Runtime / ours
    "one_conv": (2.0, 3.0),
    "two_conv": (2.0, 3.0),
    "tiny": (2.0, 4.0),
    "lenet5": (1.5, 2.0),
    "deep_convnet": (0.9, 1.3),
}
ONE_IMAGE = {  # the best of PyTorch's two layouts / ours; the aim is 1 against ONNX Runtime
    "one_conv": 1.0,
    "two_conv": 1.0,
    "tiny": 1.0,
    "lenet5": 1.0,
    "deep_convnet": 0.5,
}
NETWORK_SHARE = (0.8, 0.9)  # of the FMA peak: all convolutions of a network, tiny's aside
KERNEL_SHARE = 0.6  # each direction of each convolution with
FEWEST_CHANNELS = 4  # or more output channels
MEMORY = 0.5  # byhand's peak memory in training / PyTorch's, at most
IMPORT_SECONDS = 0.25  # of `import byhand`, at most
REFERENCE_MS = 150.0  # a training step of deep_convnet in the NumPy arithmetic, float32, at most


class Target(NamedTuple):
    """One target: `measured` is None where this run says nothing about it."""

    name: str
    must: float
    measured: float | None
    at_most: bool = False
    aim: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the must is met."""
        if self.measured is None:
            return None
        return self.measured <= self.must if self.at_most else self.measured >= self.must


def judge(record: dict[str, Any]) -> list[Target]:
    """Each target beside what a record of `bench.Suite` holds about it."""
    ours = {case: peers.get("byhand", {}) for case, peers in record["networks"].items()}

    def figure(case: str, name: str, rivals: str = "") -> float | None:
        # A ratio to somebody else than the target means does not count.
        rival = record["against"].get(case, {}).get(name) or ""
        value: float | None = ours.get(case, {}).get(name) if rival.startswith(rivals) else None
        return value

    found = [
        Target(f"{case}: training, ratio", must, figure(case, "ratio_train"), aim=aim)
        for case, (must, aim) in TRAINING.items()
    ]
    found += [
        Target(
            f"{case}: inference of 1,000, ratio", must, figure(case, "ratio_infer", "onnx"), aim=aim
        )
        for case, (must, aim) in INFERENCE.items()
    ]
    found += [
        Target(f"{case}: one image, ratio", must, figure(case, "ratio_one", "torch"))
        for case, must in ONE_IMAGE.items()
    ]
    found += _kernels(record)
    for case in TRAINING:
        mine, theirs = (
            record["networks"].get(case, {}).get(who, {}).get("peak_rss_mb")
            for who in ("byhand", "torch")
        )
        measured = mine / theirs if mine and theirs else None
        found.append(Target(f"{case}: peak memory / PyTorch's", MEMORY, measured, at_most=True))
    found.append(
        Target("import byhand, seconds", IMPORT_SECONDS, record.get("import_seconds"), True)
    )
    found.append(
        Target(
            "deep_convnet: NumPy training step, ms", REFERENCE_MS, record.get("reference_ms"), True
        )
    )
    return found


def _kernels(record: dict[str, Any]) -> list[Target]:
    # A share of another peak than that of multiply-adds says nothing here.
    rows = record["kernels"] if record["fma_peak_method"] == "fma" else []
    by_network = record["kernel_shares"] if rows else {}
    must, aim = NETWORK_SHARE
    found = [
        Target(f"{case}: convolutions, share of the peak", must, by_network.get(case), aim=aim)
        for case in TRAINING
        if not case.startswith("tiny")
    ]
    wide = [row["peak_fraction"] for row in rows if row["out_channels"] >= FEWEST_CHANNELS]
    name = f"slowest convolution of {FEWEST_CHANNELS} or more channels, share of the peak"
    found.append(Target(name, KERNEL_SHARE, min(wide, default=None)))
    return found


def table(targets: list[Target], quiet: bool) -> str:
    """Those that were measured, a row each; a question mark where the machine was not quiet."""
    measured = [target for target in targets if target.measured is not None]
    rows = [["targets of the project", "must", "aim", "measured", ""]]
    rows += [
        [
            f"  {target.name}",
            f"{'≤' if target.at_most else '≥'} {target.must:g}",
            "-" if target.aim is None else f"{target.aim:g}",
            f"{target.measured:.3g}",
            ("met" if target.met else "NOT MET") + ("" if quiet else "?"),
        ]
        for target in measured
    ]
    met, left = sum(bool(target.met) for target in measured), len(targets) - len(measured)
    return f"{columns(rows)}\n  {met} of {len(measured)} met; {left} not measured in this run"


def main() -> int:
    """Print the table; 1 where a must is lost."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULT
    record = json.loads(path.read_text(encoding="utf-8"))
    targets = judge(record)
    print(table(targets, record["quiet"]))
    return int(any(target.met is False for target in targets))


if __name__ == "__main__":
    sys.exit(main())
