"""The pictures of a run's report: drawn to files, and inline for the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from byhand.evaluation import Evaluation, Look
from byhand.plots import curves, style
from byhand.plots.confusion import confusion_matrix
from byhand.plots.gallery import gallery_size, mistakes_gallery, percent
from byhand.plots.html import png_uri
from byhand.plots.layers import feature_maps, feature_maps_size, filters, filters_size
from byhand.plots.reliability import reliability_diagram
from byhand.plots.words import finite, say_percent
from byhand.training.records import EpochRecord

PICTURES = "pictures"
_MISTAKES = 48  # shown in the page


@dataclass(frozen=True)
class Picture:
    """A drawn file, inline for the page."""

    file: str
    alt: str
    caption: str
    uri: str
    width: int  # in CSS pixels, as drawn
    height: int
    wide: bool  # too fine to be shrunk to a phone's width: scrolls there


def draw_run(
    folder: Path, epochs: list[EpochRecord], evaluation: Evaluation | None, look: Look | None
) -> dict[str, Picture]:
    """Draw what there is of a run into `folder`; the pictures by name."""
    pictures: dict[str, Picture] = {}

    def keep(name: str, figure: Any, alt: str, caption: str = "", wide: bool = False) -> None:
        path = style.save(figure, folder / f"{name}.png")
        width, height = figure.get_size_inches()
        pictures[name] = Picture(
            f"{PICTURES}/{path.name}", alt, caption, png_uri(path.read_bytes()),
            round(96 * width), round(96 * height), wide,
        )  # fmt: skip

    if epochs:
        skip = len(epochs) > 2
        for name, draw, caption in _CURVES:
            ax = style.new_axes(6.6 if name.endswith("norms") else 5.8, 3.9)
            if draw in (curves.loss_curves, curves.accuracy_curves):
                draw(epochs, ax, skip_first=skip and _steep(epochs))
            else:
                draw(epochs, ax)
            keep(name, ax.figure, _alt_of_curve(name, epochs), caption)
    if evaluation is not None:
        k = len(evaluation.classes)
        side = min(12.0, max(5.2, 0.52 * k + 1.4))
        ax = style.new_axes(side, side)
        confusion_matrix(evaluation.confusion, evaluation.classes, ax)
        pairs = evaluation.most_confused(3)
        kinds = "; ".join(f"{p.count} × {p.label} read as {p.prediction}" for p in pairs)
        keep(
            "confusion", ax.figure,
            f"Confusion matrix of {evaluation.n:,} pictures: {evaluation.hits:,} on the diagonal"
            + (f". Most frequent mistakes: {kinds}." if kinds else ", none beside it."),
            "Rows are labels, columns what was read. Blue: hits; orange: errors.", wide=k > 12,
        )  # fmt: skip
        ax = style.new_axes(5.6, 5.2)
        reliability_diagram(evaluation.reliability, ax)
        keep(
            "reliability", ax.figure,
            f"Accuracy by confidence; expected calibration error {say_percent(evaluation.ece)}.",
            "On the dashed line the model is as right as it is sure.",
        )  # fmt: skip
        if len(evaluation.mistake_indices):
            shown = min(40, len(evaluation.mistake_indices))
            figure = style.new_figure(*gallery_size(shown))
            keep("mistakes", mistakes_gallery(evaluation, figure, 40), f"{shown} mistakes.")
    if look is not None:
        if look.filters is not None:
            figure = style.new_figure(*filters_size(len(look.filters)))
            keep(
                "filters", filters(look.filters, figure),
                f"The {len(look.filters)} first filters of layer {look.filters_name} as pictures.",
                f"Weights of layer {look.filters_name}: red above zero, blue below.",
            )  # fmt: skip
        figure = style.new_figure(*feature_maps_size(look))
        keep(
            "feature_maps", feature_maps(look, figure),
            "One picture and what each layer makes of it, a row a layer: "
            + ", ".join(f"{layer.name} {layer.kind}" for layer in look.layers) + ".",
            "A column is a channel, its filter above what it finds. Each row has a scale of its "
            "own.", wide=True,
        )  # fmt: skip
    return pictures


_CURVES: tuple[tuple[str, Callable[..., Any], str], ...] = (
    ("loss", curves.loss_curves, ""),
    ("accuracy", curves.accuracy_curves, ""),
    ("learning_rate", curves.learning_rate_curve, ""),
    ("gradient_norms", curves.gradient_norms, ""),
    ("weight_norms", curves.weight_norms, ""),
)


def _steep(epochs: list[EpochRecord]) -> bool:
    # The first epoch is left out where it would take more than half of the axis for itself.
    losses = [finite(e.train_loss) for e in epochs]
    return losses[0] - losses[1] > losses[1] - min(losses)


def _alt_of_curve(name: str, epochs: list[EpochRecord]) -> str:
    first, last = epochs[0], epochs[-1]
    span = f"epoch {first.epoch}" + (f" to {last.epoch}" if len(epochs) > 1 else "")
    if name == "learning_rate":
        return f"Learning rate, {span}: {first.learning_rate:g} to {last.learning_rate:g}."
    if name in ("loss", "accuracy"):
        parts = []
        for part in ("train", "validation", "test"):
            a, b = getattr(first, f"{part}_{name}"), getattr(last, f"{part}_{name}")
            if a is not None and b is not None:
                parts.append(f"{part} {a:.4f} to {b:.4f}")
        return f"{name.capitalize()}, {span}: " + ", ".join(parts) + "."
    return f"{name.replace('_', ' ').capitalize()} on a log axis, {span}."


def mistakes_of(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The first mistakes with their pictures inline."""
    return [
        {
            "index": m.index,
            "label": evaluation.classes[m.label],
            "prediction": evaluation.classes[m.prediction],
            "confidence": percent(m.confidence),
            "of_label": percent(float(m.probabilities[m.label])),
            "uri": png_uri(_encode(m.image)),
        }
        for m in evaluation.mistakes[:_MISTAKES]
    ]


def _encode(image: Any) -> bytes:
    from PIL import Image

    # Ink on paper, as in the gallery.
    drawn = Image.fromarray(255 - image[0] if len(image) == 1 else image[:3].transpose(1, 2, 0))
    file = BytesIO()
    drawn.save(file, format="PNG", optimize=True)
    return file.getvalue()
