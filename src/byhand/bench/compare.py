"""How many times as long the others take as byhand."""

from __future__ import annotations

from typing import Any

from byhand.bench.ours import Byhand

OURS = Byhand.name
# A figure, its ratio, and whom byhand is held against: the best of those whose name begins so, or
# where none of them was timed, the best of all.
RATIOS = (
    ("train_ms", "ratio_train", ""),
    ("infer_ms", "ratio_infer", "onnxruntime"),
    ("infer_batched_ms", "ratio_infer_batched", "onnxruntime"),
    ("one_us", "ratio_one", "torch"),
)


def compare(contestants: dict[str, dict[str, Any]]) -> dict[str, str | None]:
    """Add the ratios to the figures of one case's contestants.

    A peer's ratio is its time over ours. Ours is that of the peer that we are held against, and
    `ratio_one_onnxruntime` that of ONNX Runtime.

    Args:
        contestants: figures by name; byhand is one of them.

    Returns:
        By ratio, whom byhand's own is against; None where there was nobody.
    """
    against: dict[str, str | None] = {}
    mine = contestants[OURS]
    for figure, ratio, rivals in RATIOS:
        ratios = {
            name: figures[figure] / mine[figure]
            for name, figures in contestants.items()
            if name != OURS and figures.get(figure) is not None
        }
        for name, figures in contestants.items():
            if name != OURS:
                figures[ratio] = ratios.get(name)
        chosen = {name: r for name, r in ratios.items() if name.startswith(rivals)} or ratios
        rival = min(chosen, key=lambda name: chosen[name], default=None)
        mine[ratio] = None if rival is None else chosen[rival]
        against[ratio] = rival
    mine["ratio_one_onnxruntime"] = contestants.get("onnxruntime", {}).get("ratio_one")
    return against
