"""How long others take: a benchmark's record as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from byhand.plots.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, styled

_COLOURS = {
    "byhand": BLUE,
    "torch": ORANGE,
    "torch channels_last": "#e79a5c",
    "jax": GREEN,
    "onnxruntime": PURPLE,
}
# Panel: the figure in the record, its title, its unit.
_PANELS = (
    ("train_ms", "Training step", "ms"),
    ("infer_ms", "Inference of 1,000 images", "ms"),
    ("one_us", "Inference of one image", "µs"),
)
_HEIGHT = 0.21  # inches a bar


def speed_bars_size(networks: Mapping[str, Mapping[str, Any]]) -> tuple[float, float]:
    """Width and height in inches of a figure that `speed_bars` of these networks fit in."""
    bars = sum(len(contestants) + 1 for contestants in networks.values())
    return 15.0, max(3.0, _HEIGHT * bars + 1.6)


@styled
def speed_bars(networks: Mapping[str, Mapping[str, Any]], figure: Figure) -> Figure:
    """Each time as a multiple of byhand's: a panel for training, many images and one image.

    Args:
        networks: by network and contestant, figures such as `train_ms` (None where it was not
            timed), as `byhand bench` writes them under "networks"; byhand is one of the
            contestants of each.
        figure: an empty one.

    Bars that end at 1 take as long as byhand, longer ones longer; beside each is the time itself.
    """
    axes = figure.subplots(1, len(_PANELS), sharey=True, squeeze=False)[0]
    shown: dict[str, Any] = {}
    for ax, (key, title, unit) in zip(axes, _PANELS, strict=True):
        shown |= _panel(networks, key, unit, ax)
        ax.set_title(title)
        ax.set_xlabel("times as long as byhand")
    places, names = [], []
    top = 0.0
    for network, contestants in networks.items():
        places.append(top + (len(contestants) - 1) / 2)
        names.append(network)
        top += len(contestants) + 1
    axes[0].set_yticks(places, names)
    axes[0].invert_yaxis()  # shared by all panels
    if shown:
        order = [name for name in _COLOURS if name in shown]
        figure.legend(
            [shown[name] for name in order], order, loc="outside lower center", ncols=len(order)
        )
    return figure


def _panel(
    networks: Mapping[str, Mapping[str, Any]], key: str, unit: str, ax: Axes
) -> dict[str, Any]:
    # A bar by network and contestant; gives one of each contestant for the legend.
    drawn: dict[str, Any] = {}
    place, longest = 0, 1.0
    for contestants in networks.values():
        ours = contestants["byhand"].get(key)
        for name, figures in contestants.items():
            value = figures.get(key)
            if value is not None and ours:
                ratio = value / ours
                longest = max(longest, ratio)
                drawn[name] = ax.barh(place, ratio, height=0.9, color=_COLOURS.get(name, GREY))
                ax.text(
                    ratio, place, f" {_number(value)} {unit}", va="center", fontsize=9, color=INK
                )
            place += 1
        place += 1
    ax.axvline(1, color=INK, linewidth=1.0)
    ax.set_xlim(0, 1.22 * longest)  # room for the text beside the longest
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    return drawn


def _number(value: float) -> str:
    # Three digits that matter, and never a power of ten.
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
