"""How long the reader takes, and how much memory: a large photograph, one digit, 50 megapixels.

    BYHAND_DATA=... python benchmarks/reader_speed.py [--json benchmarks/results/reader_speed.json]

A photograph of 12 megapixels (JPEG) with 40 of MNIST's test digits; one digit drawn on 28×28 and on
280×280 pixels, in processor time; peak memory of a process of its own that reads 50 megapixels.
Medians; threads as `byhand read` sets them, but for single digits one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import byhand
from byhand import data, kernels
from byhand.training import machine

DIGITS, LINES = 40, 8
TIMES = 9


def photograph(images, width: int, height: int) -> Image.Image:
    """A page with `DIGITS` digits in `LINES` lines, in uneven light, with grain."""
    rng = np.random.default_rng(0)
    ink = np.zeros((height, width), np.float32)
    across, size = DIGITS // LINES, height // 18
    for i in range(DIGITS):
        digit = Image.fromarray(images[i]).resize((size, size), Image.Resampling.BICUBIC)
        x = int(width * (0.15 + 0.12 * (i % across)) + rng.integers(-size // 8, size // 8))
        y = int(height * (0.08 + 0.11 * (i // across)) + rng.integers(-size // 12, size // 12))
        ink[y : y + size, x : x + size] = np.asarray(digit, np.float32) / 255
    light = np.linspace(235, 170, width, dtype=np.float32)[None, :]
    page = light * (1 - 0.75 * ink) + rng.normal(0, 3, (height, width)).astype(np.float32)
    colours = [np.clip(page * tint, 0, 255).astype(np.uint8) for tint in (1.0, 0.98, 0.93)]
    return Image.fromarray(np.stack(colours, axis=-1))


def wall_and_processor(work) -> tuple[float, float]:
    """Seconds by the clock and of the processor, medians of `TIMES`."""
    work()
    taken = []
    for _ in range(TIMES):
        clock, processor = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - clock, time.process_time() - processor))
    return tuple(statistics.median(column) for column in zip(*taken, strict=True))


PEAK = """
import sys, byhand
page = byhand.Reader.load().read(sys.argv[1])
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) * 1024, sum(len(line.text) for line in page.lines))
"""


def measure() -> dict:
    """All figures, as plain values."""
    kernels.set_threads()
    test = data.open_data(None).test
    images = test.images[:, 0]
    reader = byhand.Reader.load()
    found = {"machine": machine(), "threads": kernels.threads()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.jpg"
        photograph(images, 4000, 3000).save(path, quality=90)
        page = reader.read(path)
        found["photograph_digits_read"] = sum(len(line.text) for line in page.lines)
        clock, processor = wall_and_processor(lambda: reader.read(path))
        found["photograph_seconds"], found["photograph_processor_seconds"] = clock, processor
        kernels.set_threads(1)  # one digit is too little to share: a second thread only waits
        for side in (28, 280):
            drawn = [np.asarray(Image.fromarray(255 - i).resize((side, side))) for i in images[:50]]
            for name, read in (
                ("read", reader.read),
                ("read_digits", lambda picture: reader.read_digits([picture])),
            ):
                _, processor = wall_and_processor(lambda d=drawn, r=read: [r(one) for one in d])
                found[f"{name}_{side}_processor_ms"] = processor / len(drawn) * 1e3
        large = Path(folder) / "large.png"
        photograph(images, 8170, 6120).save(large, compress_level=1)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(large)], capture_output=True, text=True, check=True
        )
        peak, digits = done.stdout.split()
        found["peak_megabytes_50_megapixels"] = int(peak) / 1e6
        found["digits_read_of_50_megapixels"] = int(digits)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args()
    found = measure()
    for name, value in found.items():
        print(f"{name:36s} {value if not isinstance(value, float) else round(value, 3)}")
    if args.json is not None:
        args.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
