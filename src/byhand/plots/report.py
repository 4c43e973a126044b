"""The report of a run: all its pictures and figures in one page that needs nothing else."""

from __future__ import annotations

import base64
import json
import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from byhand.errors import DataError
from byhand.evaluation import Evaluation, Look
from byhand.files import write_text
from byhand.plots import curves, style
from byhand.plots.confusion import confusion_matrix
from byhand.plots.gallery import gallery_size, mistakes_gallery, percent
from byhand.plots.layers import feature_maps, feature_maps_size, filters, filters_size
from byhand.plots.reliability import reliability_diagram
from byhand.training.records import Diagnosis, EpochRecord

PAGE = "report.html"
PICTURES = "pictures"
_MISTAKES = 48  # shown in the page
_NBSP = "\u00a0"  # between a number and its %, so that no line ends there
_DATA_SETS = {"mnist": "MNIST", "digits": "scikit-learn’s digits"}


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


def write_report(run_folder: str | Path) -> Path:
    """Draw the pictures of a run and write report.html.

    Args:
        run_folder: holds run.json, and as far as the run got evaluation.json, evaluation.npz and
            look.npz. What is absent is left out of the page, or the page says so.

    Returns:
        The path of report.html. The pictures are written beside it, as pictures/*.png.

    Raises:
        DataError: run.json is missing or broken, or another record is broken.
        FileWriteError: a file cannot be written.
    """
    folder = Path(run_folder)
    run = _read_run(folder)
    epochs = _epochs(run, folder)
    evaluation = Evaluation.load(folder) if (folder / "evaluation.json").exists() else None
    look = Look.load(folder) if (folder / "look.npz").exists() else None
    recipe = run.get("recipe") or {}
    dataset = run.get("dataset") or {}
    context = {
        "name": recipe.get("name") or "a model",
        "summary": recipe.get("summary") or "",
        "result": _result(run, epochs, evaluation),
        "tiles": _tiles(run, epochs, evaluation),
        "dataset": dataset,
        "recipe": [(k, _say(v)) for k, v in recipe.items() if k not in ("name", "summary")],
        "settings": _settings(run),
        "layers": [_layer(row) for row in run.get("layers") or ()],
        "parameters": run.get("parameters"),
        "operations": run.get("operations"),
        "diagnoses": _diagnoses(run, epochs),
        "epochs": epochs,
        "evaluation": evaluation,
        "look": look,
        "mistakes": [] if evaluation is None else _mistakes(evaluation),
        "command": command(run),
        "versions": _pairs(run.get("versions")),
        "machine": _pairs(run.get("machine")),
        "run": run,
        "pictures": _draw(folder / PICTURES, epochs, evaluation, look),
    }
    page = folder / PAGE
    write_text(page, _render(context))
    return page


def command(run: dict[str, Any]) -> str:
    """The command that does a run again: the run's own `command`, or made from its settings."""
    if run.get("command"):
        given = run["command"]
        return given if isinstance(given, str) else shlex.join(str(word) for word in given)
    words = ["byhand", "train"]
    name = (run.get("recipe") or {}).get("name")
    words += [str(name)] if name else []
    for key, value in _settings(run):
        words += ["--set", f"{key}={value}"]
    for option in ("seed", "threads", "layout"):
        if run.get(option) is not None:
            words += [f"--{option}", str(run[option])]
    return shlex.join(words)


# Reading -----------------------------------------------------------------------------------------


def _read_run(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}; give the folder of a training run"
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}); train again") from error
    if not isinstance(run, dict):
        raise DataError(f"{path} holds no record of a run; train again")
    return run


def _epochs(run: dict[str, Any], folder: Path) -> list[EpochRecord]:
    try:
        return [EpochRecord.from_dict(values) for values in run.get("epochs") or ()]
    except (TypeError, KeyError, IndexError) as error:
        raise DataError(
            f"the epochs in {folder / 'run.json'} are no records of this version ({error}); "
            "train again"
        ) from error


def _settings(run: dict[str, Any]) -> list[tuple[str, str]]:
    settings = run.get("settings") or {}
    if isinstance(settings, dict):
        return [(str(k), v if isinstance(v, str) else json.dumps(v)) for k, v in settings.items()]
    pairs = [pair.partition("=")[::2] if isinstance(pair, str) else pair for pair in settings]
    return [(str(k), str(v)) for k, v in pairs]


# Saying ------------------------------------------------------------------------------------------


def _result(run: dict[str, Any], epochs: list[EpochRecord], evaluation: Evaluation | None) -> str:
    name = (run.get("recipe") or {}).get("name") or "The model"
    dataset = run.get("dataset") or {}
    learned = "was trained"
    if dataset.get("n_train"):
        learned += f" on {dataset['n_train']:,} pictures of {_data_set(dataset)}"
    if epochs:
        count = epochs[-1].epoch
        learned += f" for {count} epoch{'s' if count != 1 else ''}"
    if evaluation is None:
        ended = "it was not evaluated" if run.get("result") else "the run did not come to its end"
        return f"{name} {learned}; {ended}, so there is no result on test pictures."
    low, high = evaluation.accuracy_interval
    return (
        f"{name} {learned} and reads {evaluation.hits:,} of {evaluation.n:,} test pictures right: "
        f"{_percent(evaluation.accuracy)} "
        f"(95{_NBSP}% interval {100 * low:.2f} to{_NBSP}{_percent(high)})."
    )


def _data_set(dataset: dict[str, Any]) -> str:
    name = str(dataset.get("name") or "a data set")
    return _DATA_SETS.get(name, name)


def _tiles(
    run: dict[str, Any], epochs: list[EpochRecord], evaluation: Evaluation | None
) -> list[tuple[str, str]]:
    tiles = []
    if evaluation is not None:
        tiles.append((_percent(evaluation.accuracy), "test accuracy"))
        tiles.append((f"{evaluation.loss:.4f}", "test loss"))
        tiles.append((_percent(evaluation.ece), "calibration error"))
    elif epochs:
        tiles.append((_percent(epochs[-1].train_accuracy), "training accuracy"))
    if run.get("parameters") is not None:
        tiles.append((f"{run['parameters']:,}", "parameters"))
    seconds = sum(_finite(e.seconds) for e in epochs)
    if seconds:
        tiles.append((_duration(seconds), "training time"))
    return tiles


def _diagnoses(run: dict[str, Any], epochs: list[EpochRecord]) -> list[tuple[str, Diagnosis]]:
    whole = [
        Diagnosis(d["kind"], d["symptom"], tuple((c[0], c[1]) for c in d.get("causes", ())))
        for d in run.get("diagnoses") or ()
    ]
    found = [("", d) for d in whole]
    seen = {d.symptom for d in whole}
    for e in epochs:
        for d in e.diagnoses:
            if d.symptom not in seen:
                seen.add(d.symptom)
                found.append((f"after epoch {e.epoch}", d))
    return found


def _layer(row: dict[str, Any]) -> dict[str, str]:
    return {
        "name": str(row.get("name", "")),
        "layer": str(row.get("layer", "")),
        "shape": "×".join(str(size) for size in row.get("output_shape") or ()),
        "parameters": f"{row.get('parameters') or 0:,}",
        "operations": f"{row.get('operations') or 0:,}",
    }


def _pairs(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [(str(k), _say(v)) for k, v in value.items()]
    return [("", _say(value))] if value else []


def _say(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_say(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_say(v) for v in value) or "none"
    return str(value)


def _percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f}{_NBSP}%" if _finite(share) == share else "not finite"


def _finite(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else 0.0


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


# Drawing -----------------------------------------------------------------------------------------


def _draw(
    folder: Path, epochs: list[EpochRecord], evaluation: Evaluation | None, look: Look | None
) -> dict[str, Picture]:
    pictures: dict[str, Picture] = {}

    def keep(name: str, figure: Any, alt: str, caption: str = "", wide: bool = False) -> None:
        path = style.save(figure, folder / f"{name}.png")
        width, height = figure.get_size_inches()
        pictures[name] = Picture(
            f"{PICTURES}/{path.name}", alt, caption, _png(path.read_bytes()),
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
        ax = style.new_axes(side + 0.4, side)
        confusion_matrix(evaluation.confusion, evaluation.classes, ax)
        pairs = evaluation.most_confused(3)
        said = "; ".join(f"{p.count} × {p.label} read as {p.prediction}" for p in pairs)
        keep(
            "confusion", ax.figure,
            f"Confusion matrix of {evaluation.n:,} pictures: {evaluation.hits:,} on the diagonal"
            + (f". Most frequent mistakes: {said}." if said else ", none beside it."),
            "Rows are labels, columns what was read. Blue: hits; orange: errors.", wide=k > 12,
        )  # fmt: skip
        ax = style.new_axes(5.6, 5.2)
        reliability_diagram(evaluation.reliability, ax)
        keep(
            "reliability", ax.figure,
            f"Accuracy by confidence; expected calibration error {_percent(evaluation.ece)}.",
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
                f"Weights of layer {look.filters_name}: blue above zero, brown below.",
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
    losses = [_finite(e.train_loss) for e in epochs]
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


def _mistakes(evaluation: Evaluation) -> list[dict[str, Any]]:
    return [
        {
            "index": m.index,
            "label": evaluation.classes[m.label],
            "prediction": evaluation.classes[m.prediction],
            "confidence": percent(m.confidence),
            "of_label": percent(float(m.probabilities[m.label])),
            "uri": _png(_encode(m.image)),
        }
        for m in evaluation.mistakes[:_MISTAKES]
    ]


def _encode(image: Any) -> bytes:
    from io import BytesIO

    from PIL import Image

    # Ink on paper, as in the gallery.
    drawn = Image.fromarray(255 - image[0] if len(image) == 1 else image[:3].transpose(1, 2, 0))
    file = BytesIO()
    drawn.save(file, format="PNG", optimize=True)
    return file.getvalue()


def _png(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def _render(context: dict[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = _percent
    environment.filters["thousands"] = lambda n: f"{n:,}"
    environment.filters["duration"] = _duration
    template = files("byhand.plots").joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(context)
