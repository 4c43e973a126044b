"""The reliability diagram: is a model that says 90 % right nine times in ten?"""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from byhand.evaluation import Reliability
from byhand.plots.style import BLUE, GREY, ORANGE, styled


@styled
def reliability_diagram(reliability: Reliability, ax: Axes) -> Axes:
    """Accuracy by confidence, one bar a bin, with the number of pictures in it.

    On the diagonal the model is as right as it is sure. A bar's top is joined with the diagonal at
    the bin's mean confidence: orange where it is too sure of itself, blue where it is too modest.
    Bins of fewer than 20 pictures are pale: their accuracy says little.
    """
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle="--", zorder=1)
    for m, (count, sure, right) in enumerate(
        zip(reliability.counts, reliability.confidence, reliability.accuracy, strict=True)
    ):
        left, end = reliability.edges[m], reliability.edges[m + 1]
        if not count or math.isnan(right):
            continue
        alpha = 0.85 if count >= 20 else 0.3
        ax.bar(
            left, right, width=end - left, align="edge", color="#a9cbe3", edgecolor="white",
            linewidth=1.0, alpha=alpha,
        )  # fmt: skip
        ax.plot(
            [sure, sure], [sure, right], color=ORANGE if sure > right else BLUE, linewidth=2.2,
            alpha=max(0.5, alpha), solid_capstyle="butt",
        )  # fmt: skip
        ax.text(
            (left + end) / 2, 1.015, f"{count:,}", ha="center", va="bottom", rotation=90,
            fontsize=9, color=GREY,
        )  # fmt: skip
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1.0, decimals=0, symbol=" %"))
    ax.tick_params(pad=6)
    ax.set_xlabel("confidence")
    ax.set_ylabel("accuracy")
    ax.set_title("Reliability (pictures in each bin above)", pad=46)
    ax.text(
        0.03, 0.95, f"expected calibration error {100 * reliability.ece:.2f} %", va="top",
        transform=ax.transAxes, fontsize=11,
    )  # fmt: skip
    return ax
