"""Checkpoints: all that training needs to go on as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.random import BitGenerator
from numpy.typing import NDArray

from byhand import checks, nn
from byhand.errors import DataError, InputError
from byhand.files import jsonable
from byhand.nn.files import FORMAT, read_tensors, write_tensors
from byhand.optim import Optimiser
from byhand.training.records import EpochRecord
from byhand.training.state import EpochSums, TrainingState

Array = NDArray[Any]

Count = Annotated[int, Meta(ge=0, le=checks.MOST)]


@dataclass(frozen=True)
class Header:
    """What a checkpoint's header holds besides its format and kind."""

    architecture: dict[str, Any]
    settings: dict[str, Any]  # the metadata of `save_checkpoint`, by its name in the file
    epoch: Count
    step: Count
    batch: Count
    optimiser_step: Count
    generator: dict[str, Any]
    sums: EpochSums
    records: list[EpochRecord]
    best_epoch: Count | None


def save_checkpoint(
    path: str | Path, model: nn.Layer, state: TrainingState, metadata: dict[str, Any]
) -> None:
    """Write model and state to `path`, atomically; `metadata` says what run it is of.

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
        "settings": metadata,
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


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata that `save_checkpoint` was given, without loading the rest into a model.

    Raises:
        DataError: there is no such file, or it is broken.
    """
    return _read(path)[1].settings


def load_checkpoint(path: str | Path, model: nn.Layer, optimiser: Optimiser) -> TrainingState:
    """Put a checkpoint's weights into `model` and give the state to go on from.

    Raises:
        DataError: there is no such file, it is broken, or of another architecture or optimiser;
            the model is then as it was.
    """
    tensors, header = _read(path)
    ours = json.loads(json.dumps(jsonable(nn.describe(model))))
    if header.architecture != ours or (
        tensors["parameters"].shape != model.flat.shape
        or tensors["buffers"].shape != model.flat_buffers.shape
    ):
        raise DataError(
            f"{path} is a checkpoint of another architecture "
            f"({_sketch(header.architecture)}, not {_sketch(ours)}); "
            "resume with the settings that the run began with"
        )
    saved = {
        name.removeprefix("optimiser."): value
        for name, value in tensors.items()
        if name.startswith("optimiser.")
    }
    try:
        restored = optimiser.restored(model.flat, saved, header.optimiser_step)
    except InputError as error:
        raise DataError(
            f"{path}: {error}; resume with the settings that the run began with"
        ) from error
    for wrong in _contradictions(tensors, header, model):
        raise DataError(f"{path} is a broken checkpoint: {wrong}; take an earlier copy")
    model.flat[...] = tensors["parameters"]
    model.flat_buffers[...] = tensors["buffers"]
    return TrainingState(
        optimiser=restored,
        generator=header.generator,
        epoch=header.epoch,
        step=header.step,
        batch=header.batch,
        sums=header.sums,
        records=header.records,
        average=tensors.get("average"),
        best_epoch=header.best_epoch,
        best_flat=tensors.get("best.parameters"),
        best_buffers=tensors.get("best.buffers"),
    )


def _read(path: str | Path) -> tuple[dict[str, Array], Header]:
    tensors, values = read_tensors(path, "checkpoint")
    if values.get("kind") != "checkpoint":
        raise DataError(
            f"{path} is not a checkpoint; it may be a finished model (model.safetensors)"
        )
    header = checks.record(Header, values, f"the checkpoint {path}")
    missing = [name for name in ("parameters", "buffers") if name not in tensors]
    if missing:
        raise DataError(f"{path} is a broken checkpoint: it lacks {', '.join(missing)}")
    return tensors, header


def _contradictions(tensors: Mapping[str, Array], header: Header, model: nn.Layer) -> Iterator[str]:
    """What in a checkpoint of this model contradicts something else in it, said in words."""
    like = {"parameters": model.flat, "buffers": model.flat_buffers}
    like |= {"average": model.flat, "best.parameters": model.flat}
    like |= {"best.buffers": model.flat_buffers}
    for name, array in tensors.items():
        wanted = model.flat if name.startswith("optimiser.") else like.get(name)
        if wanted is None:
            yield f"it holds {checks.quoted(name)}, which no checkpoint has"
        elif (array.shape, array.dtype) != (wanted.shape, wanted.dtype):
            yield (
                f"its {name} are {array.dtype} {array.shape} and not {wanted.dtype} {wanted.shape}"
            )
        elif not np.isfinite(array).all():
            yield f"its {name} are not all finite"
    sums, records, names = header.sums, header.records, set(model.parameters())
    begun = records[-1].step if records else 0  # updates before this epoch
    if len(records) != header.epoch or any(r.epoch != i for i, r in enumerate(records, 1)):
        yield f"after {header.epoch} epochs it has the records of {len(records)}"
    if header.step != begun + header.batch or header.step != header.optimiser_step:
        yield f"its step {header.step} is not that of its records and its optimiser"
    summed = names if header.batch else set()
    if (
        sums.steps != header.batch
        or not header.batch <= sums.images
        or not 0 <= sums.correct <= sums.images
        or set(sums.gradient_squares) != summed
    ):
        yield f"its sums are not of {header.batch} batches"
    if any(square < 0 for square in sums.gradient_squares.values()) or sums.seconds < 0:
        yield "a sum of squares or of seconds is negative"
    if any(set(r.gradient_norms) != names or set(r.weight_norms) != names for r in records):
        yield "its records are of other parameters"
    kept = {"best.parameters", "best.buffers"} & set(tensors)
    if (header.best_epoch is None) != (not kept) or len(kept) == 1:
        yield "of the best epoch it has a part only"
    elif header.best_epoch is not None and not 1 <= header.best_epoch <= header.epoch:
        yield f"the best of {header.epoch} epochs cannot be {header.best_epoch}"
    if not _is_generator(header.generator):
        yield "the state of its random generator is none"


def _is_generator(values: dict[str, Any]) -> bool:
    """Whether NumPy takes these values as a generator's state, and gives them back."""
    kinds: dict[Any, Any] = {kind.__name__: kind for kind in BitGenerator.__subclasses__()}
    try:
        generator = kinds[values["bit_generator"]]()
        generator.state = values
    except (TypeError, ValueError, KeyError, OverflowError):
        return False
    return bool(jsonable(generator.state) == values)


def _sketch(architecture: dict[str, Any]) -> str:
    """The layers' names and main sizes, in one line."""
    match architecture:
        case {"arguments": {"layers": [*layers]}} if layers:
            return "-".join(map(_name, layers[:20]))
    return _name(architecture)


def _name(layer: Any) -> str:
    match layer:
        case {"layer": str(name), "arguments": {"out_channels": int(size)}}:
            return f"{name[:40]} {size}"
        case {"layer": str(name), "arguments": {"out_features": int(size)}}:
            return f"{name[:40]} {size}"
        case {"layer": str(name)}:
            return name[:40]
    return "?"
