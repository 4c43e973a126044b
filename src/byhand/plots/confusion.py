"""The confusion matrix, hits and errors told apart by colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from byhand.plots.alternative import note
from byhand.plots.lettering import readable_on
from byhand.plots.style import ERRORS, GREY, HITS, styled

_MOST_COUNTED = 30  # classes; with more, counts would be too small to read


@styled
def confusion_matrix(confusion: NDArray[np.int64], classes: Sequence[str], ax: Axes) -> Axes:
    """Counts (K, K) as a table of coloured cells: blue for hits, orange for errors.

    A row is a label, a column a prediction. Each colour is scaled by itself, since a model that
    reads well has a thousand hits for an error; cells of 0 stay white and say nothing.
    """
    counts = np.asarray(confusion)
    k = len(counts)
    hit = np.eye(k, dtype=bool)
    for cells, cmap in ((hit, HITS), (~hit, ERRORS)):
        shown = np.ma.masked_where(~cells | (counts == 0), counts)
        ax.imshow(shown, cmap=cmap, vmin=0, vmax=max(1, _top(shown)))
    if k <= _MOST_COUNTED:
        size = min(12.0, 130 / k)
        for i, j in np.argwhere(counts > 0):
            cmap, top = (HITS, _top(counts[hit])) if i == j else (ERRORS, _top(counts[~hit]))
            ax.text(
                j, i, str(counts[i, j]), ha="center", va="center", fontsize=size,
                color=readable_on(cmap, counts[i, j] / max(1, top)),
            )  # fmt: skip
    size = min(12.0, 200 / k, 70 / max(len(str(name)) for name in classes) + 4)
    turned = 45 if max(len(str(name)) for name in classes) > 3 else 0
    ax.set_xticks(
        range(k), [str(name) for name in classes], fontsize=size, rotation=turned,
        ha="right" if turned else "center",
    )  # fmt: skip
    ax.set_yticks(range(k), [str(name) for name in classes], fontsize=size)
    ax.set_xticks(np.arange(k + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(k + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="#eef0f2", linewidth=0.8)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("read as")
    ax.set_ylabel("label")
    errors = int(counts[~hit].sum())
    ax.set_title("Confusion matrix")
    told = f"{int(counts[hit].sum()):,} right, {errors:,} wrong"
    note(ax, f"Confusion matrix: {told}.")
    ax.text(
        1.0, 1.015, told, ha="right",
        va="bottom", transform=ax.transAxes, fontsize=11, color=GREY,
    )  # fmt: skip
    return ax


def _top(counts: Any) -> int:
    top = counts.max() if counts.size else 0
    return 0 if np.ma.is_masked(top) else int(top)
