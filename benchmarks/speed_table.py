"""README's table of speed, from a record that `byhand bench --out DIR` wrote.

byhand bench --out runs/bench && cp runs/bench/bench.json benchmarks/results/bench.json
python benchmarks/speed_table.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results" / "bench.json"
TRAINERS = {"torch": "PyTorch", "torch channels_last": "PyTorch, channels last", "jax": "JAX"}


def table(record: dict[str, Any]) -> str:
    """A row a network; ratios are the other's time over byhand's, in the same run."""
    lines = [
        "| network, batch | training step, ms: byhand | best of PyTorch and JAX "
        "| 1,000 images, ms: byhand | ONNX Runtime "
        "| one image, µs: byhand | PyTorch | ONNX Runtime |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for case, about in record["cases"].items():
        peers = record["networks"][case]
        ours, onnx = peers["byhand"], peers["onnxruntime"]
        trainer = min(
            (name for name in TRAINERS if name in peers), key=lambda name: peers[name]["train_ms"]
        )
        torch = min(peers[name]["one_us"] for name in TRAINERS if name.startswith("torch"))
        cells = [
            f"{case.removesuffix('_b64')}, {about['batch']}",
            f"**{ours['train_ms']:.3g}**",
            f"{peers[trainer]['train_ms']:.3g} ({TRAINERS[trainer]}), {ours['ratio_train']:.1f}×",
        ]
        if case == "tiny_b64":  # inference is that of tiny
            cells += ["", "", "", "", ""]
        else:
            cells += [
                f"**{ours['infer_ms']:.3g}**",
                f"{onnx['infer_ms']:.3g}, {ours['ratio_infer']:.1f}×",
                f"**{ours['one_us']:.0f}**",
                f"{torch:.0f}, {torch / ours['one_us']:.1f}×",
                f"{onnx['one_us']:.0f}, {onnx['one_us'] / ours['one_us']:.1f}×",
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    print(table(json.loads(RESULT.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
