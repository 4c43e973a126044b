"""Checkpoints: all that training needs to go on as if it had never stopped."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from byhand import nn
from byhand.errors import DataError, InputError
from byhand.files import jsonable
from byhand.nn.files import FORMAT, read_tensors, write_tensors
from byhand.optim import Optimiser
from byhand.training.records import EpochRecord
from byhand.training.state import EpochSums, TrainingState

Array = NDArray[Any]

# What a checkpoint's header holds besides its format and kind.
HEADER = ("architecture", "settings", "epoch", "step", "batch", "optimiser_step", "generator",
          "sums", "records", "best_epoch")  # fmt: skip

LIKE = {"average": "parameters", "best.parameters": "parameters", "best.buffers": "buffers"}


def save_checkpoint(
    path: str | Path, model: nn.Layer, state: TrainingState, settings: dict[str, Any]
) -> None:
    """Write model and state to `path`, atomically; `settings` say what run it belongs to.

    Raises:
        FileWriteError: it cannot be written; the checkpoint before it stays.
    """
    state.settle()
    tensors = {"parameters": model.flat, "buffers": model.flat_buffers}
    tensors |= {f"optimiser.{k}": v for k, v in state.optimiser.arrays.items()}
    optional = {
        "average": state.average,
        "best.parameters": state.best_flat,
        "best.buffers": state.best_buffers,
    }
    tensors |= {name: value for name, value in optional.items() if value is not None}
    header = {
        "format": FORMAT,
        "kind": "checkpoint",
        "architecture": nn.describe(model),
        "settings": settings,
        "epoch": state.epoch,
        "step": state.step,
        "batch": state.batch,
        "optimiser_step": state.optimiser.step,
        "generator": state.generator,
        "sums": asdict(state.sums),
        "records": [r.as_dict() for r in state.records],
        "best_epoch": state.best_epoch,
    }
    write_tensors(path, tensors, header)


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings that `save_checkpoint` was given, without loading the rest into a model."""
    _, header = _read(path)
    return dict(header["settings"])


def load_checkpoint(path: str | Path, model: nn.Layer, optimiser: Optimiser) -> TrainingState:
    """Put a checkpoint's weights into `model` and give the state to go on from.

    Raises:
        DataError: there is no such file, it is broken, or of another architecture or optimiser.
    """
    tensors, header = _read(path)
    ours = json.loads(json.dumps(jsonable(nn.describe(model))))
    if header["architecture"] != ours or (
        tensors["parameters"].shape != model.flat.shape
        or tensors["buffers"].shape != model.flat_buffers.shape
    ):
        raise DataError(
            f"{path} is a checkpoint of another architecture "
            f"({_sketch(header['architecture'])}, not {_sketch(ours)}); "
            "resume with the settings that the run began with"
        )
    saved = {
        name.removeprefix("optimiser."): value
        for name, value in tensors.items()
        if name.startswith("optimiser.")
    }
    try:
        restored = optimiser.restored(model.flat, saved, header["optimiser_step"])
    except InputError as error:
        raise DataError(
            f"{path}: {error}; resume with the settings that the run began with"
        ) from error
    model.flat[...] = tensors["parameters"]
    model.flat_buffers[...] = tensors["buffers"]
    return TrainingState(
        optimiser=restored,
        generator=header["generator"],
        epoch=header["epoch"],
        step=header["step"],
        batch=header["batch"],
        sums=EpochSums(**header["sums"]),
        records=[EpochRecord.from_dict(r) for r in header["records"]],
        average=tensors.get("average"),
        best_epoch=header["best_epoch"],
        best_flat=tensors.get("best.parameters"),
        best_buffers=tensors.get("best.buffers"),
    )


def _read(path: str | Path) -> tuple[dict[str, Array], dict[str, Any]]:
    tensors, header = read_tensors(path, "checkpoint")
    if header.get("kind") != "checkpoint":
        raise DataError(
            f"{path} is not a checkpoint; it may be a finished model (model.safetensors)"
        )
    missing = [name for name in HEADER if name not in header]
    for name, like in LIKE.items():
        if name in tensors and like in tensors and tensors[name].shape != tensors[like].shape:
            missing.append(f"a whole {name}")
    missing += [name for name in ("parameters", "buffers") if name not in tensors]
    if missing:
        raise DataError(f"{path} is a broken checkpoint: it lacks {', '.join(missing)}")
    return tensors, header


def _sketch(architecture: dict[str, Any]) -> str:
    """The layers' names and main sizes, in one line."""
    layers = architecture.get("arguments", {}).get("layers", [])
    said = []
    for layer in layers if isinstance(layers, list) else []:
        given = layer.get("arguments", {})
        size = given.get("out_channels", given.get("out_features"))
        said.append(layer.get("layer", "?") + ("" if size is None else f" {size}"))
    return "-".join(said) or str(architecture.get("layer", "?"))
