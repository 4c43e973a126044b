"""The report of a run: all its pictures and figures in one page that needs nothing else."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from byhand import checks
from byhand.errors import DataError
from byhand.evaluation import Evaluation, Look
from byhand.files import write_text
from byhand.plots.html import render
from byhand.plots.report_pictures import PICTURES, draw_run, mistakes_of
from byhand.plots.words import NBSP, duration, finite, say_percent
from byhand.training.diagnose import told_once
from byhand.training.records import Diagnosis, EpochRecord

PAGE = "report.html"
_DATA_SETS = {"mnist": "MNIST", "digits": "scikit-learn’s digits"}


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
        "notes": [*(dataset.get("notes") or ()), *(run.get("notes") or ())],
        "recipe": [
            (k, _say(v))
            for k, v in recipe.items()
            if k not in ("name", "summary") and v is not None
        ],
        "settings": _settings(run),
        "layers": [_layer(row) for row in run.get("layers") or ()],
        "parameters": run.get("parameters"),
        "operations": run.get("operations"),
        "diagnoses": _diagnoses(run, epochs),
        "epochs": epochs,
        "evaluation": evaluation,
        "look": look,
        "mistakes": [] if evaluation is None else mistakes_of(evaluation),
        "command": command(run),
        "versions": _pairs(run.get("versions")),
        "machine": _pairs(run.get("machine")),
        "run": run,
        "pictures": draw_run(folder / PICTURES, epochs, evaluation, look),
    }
    page = folder / PAGE
    write_text(page, render("report.html.j2", context))
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
    if run.get("from_model"):
        words += ["--from", str(run["from_model"])]
    if run.get("track_test"):
        words.append("--track-test")
    return shlex.join(words)


@dataclass(frozen=True)
class _Row:
    """A layer, in a run's record."""

    name: str = ""
    layer: str = ""
    output_shape: tuple[int, ...] | None = None
    parameters: int | None = None
    operations: int | None = None


@dataclass(frozen=True)
class _Data:
    """The data, in a run's record."""

    name: str | None = None
    n_train: int | None = None
    notes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class _Run:
    """What a report needs of a run's record, where it is there."""

    recipe: dict[str, Any] | None = None
    dataset: _Data | None = None
    epochs: tuple[dict[str, Any], ...] | None = None
    layers: tuple[_Row, ...] | None = None
    diagnoses: tuple[Diagnosis, ...] | None = None
    notes: tuple[str, ...] | None = None
    settings: dict[str, Any] | tuple[str | tuple[str, Any], ...] | None = None
    command: str | tuple[Any, ...] | None = None
    parameters: int | None = None
    operations: int | None = None


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
    checks.record(_Run, run, str(path))
    return dict(run)


def _epochs(run: dict[str, Any], folder: Path) -> list[EpochRecord]:
    try:
        return [EpochRecord.from_dict(values) for values in run.get("epochs") or ()]
    except (TypeError, DataError) as error:
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
    if epochs and (run.get("recipe") or {}).get("steps"):
        learned += f" for {epochs[-1].step:,} steps"  # maybe a part of an epoch
    elif epochs:
        count = epochs[-1].epoch
        learned += f" for {count} epoch{'s' if count != 1 else ''}"
    if evaluation is None:
        ended = "it was not evaluated" if run.get("result") else "the run did not come to its end"
        return f"{name} {learned}; {ended}, so there is no result on test pictures."
    low, high = evaluation.accuracy_interval
    return (
        f"{name} {learned} and reads {evaluation.hits:,} of {evaluation.n:,} test pictures right: "
        f"{say_percent(evaluation.accuracy)} "
        f"(95{NBSP}% interval {100 * low:.2f} to{NBSP}{say_percent(high)})."
    )


def _data_set(dataset: dict[str, Any]) -> str:
    name = str(dataset.get("name") or "a data set")
    return _DATA_SETS.get(name, name)


def _tiles(
    run: dict[str, Any], epochs: list[EpochRecord], evaluation: Evaluation | None
) -> list[tuple[str, str]]:
    tiles = []
    if evaluation is not None:
        tiles.append((say_percent(evaluation.accuracy), "test accuracy"))
        tiles.append((f"{evaluation.loss:.4f}", "test loss"))
        tiles.append((say_percent(evaluation.ece), "calibration error"))
    elif epochs:
        tiles.append((say_percent(epochs[-1].train_accuracy), "training accuracy"))
    if run.get("parameters") is not None:
        tiles.append((f"{run['parameters']:,}", "parameters"))
    seconds = sum(finite(e.seconds) for e in epochs)
    if seconds:
        tiles.append((duration(seconds), "training time"))
    return tiles


def _diagnoses(run: dict[str, Any], epochs: list[EpochRecord]) -> list[Diagnosis]:
    whole = [
        Diagnosis(d["kind"], d["symptom"], tuple((c[0], c[1]) for c in d.get("causes", ())))
        for d in run.get("diagnoses") or ()
    ]
    # A run of an earlier version has those of its epochs beside the epochs only.
    kinds = {d.kind for d in whole}
    return whole + [d for d in told_once(epochs) if d.kind not in kinds]


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
