"""Model files: data, never code. safetensors with the architecture and the card as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.errors import DataError, ShapeError
from byhand.files import atomic_write, jsonable
from byhand.nn.card import ModelCard
from byhand.nn.layer import Layer, check_state
from byhand.nn.param import Param
from byhand.nn.registry import build, describe

FORMAT = 1  # raised when a file written now could not be read by an older version


def write_tensors(
    path: str | Path, tensors: Mapping[str, NDArray[Any]], header: dict[str, Any]
) -> None:
    """Write arrays and a JSON header into one safetensors file, atomically."""
    from safetensors.numpy import save as serialise

    contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    data = serialise(contiguous, {"byhand": json.dumps(jsonable(header), allow_nan=False)})
    with atomic_write(path) as file:
        file.write(data)


def read_tensors(path: str | Path, what: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_tensors` wrote; `what` names the kind of file in errors.

    Raises:
        DataError: there is no such file, or it is cut short or not byhand's.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no {what} {path}; check the path")
    try:
        with safe_open(str(path), framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not a {what}, or it is cut short ({error}); take another copy"
        ) from error
    try:
        header = checks.parse_json(metadata.get("byhand", ""), "its header")
    except DataError as error:
        raise DataError(
            f"{path} is a safetensors file but not a {what} of byhand: {error}"
        ) from error
    version = header.get("format") if isinstance(header, dict) else None
    if type(version) is not int:
        raise DataError(f"{path} has a broken header: it names no format; take another copy")
    if version > FORMAT:
        raise DataError(f"{path} was written by a newer byhand; upgrade with pip install -U byhand")
    return tensors, header


def save(model: Layer, path: str | Path) -> None:
    """Write `model` with its card to `path` (safetensors), atomically.

    A layer used twice is stored once and is one layer again when loaded.

    Raises:
        DataError: a layer's class is not registered.
        FileWriteError: the file cannot be written; what was there stays.
    """
    architecture = describe(model)
    values = model.state_dict()
    # Building it here says which names the loaded model will have, and that it can be built.
    tensors = {name: values[name] for name in _stored(build(architecture))}
    header = {"format": FORMAT, "architecture": architecture, "card": model.card.as_dict()}
    write_tensors(path, tensors, header)


def load(path: str | Path) -> Layer:
    """Build the model that `save` wrote, with its card.

    Raises:
        DataError: the file is absent, broken, of a newer format, or uses an unknown layer.
        ShapeError: its weights do not fit its architecture; names which.
    """
    tensors, header = read_tensors(path, "model file")
    if header.get("kind") == "checkpoint":
        raise DataError(
            f"{path} is a training checkpoint and no model; give the run's model.safetensors, "
            "or go on with byhand train --resume"
        )
    try:
        model = build(header["architecture"])
        model.card = ModelCard.from_dict(header["card"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} cannot be built into a model: {error}") from error
    own = _stored(model)
    try:
        check_state(own, tensors)
    except ShapeError as error:
        raise ShapeError(f"{path}: {error}") from error
    types = {str(tensor.dtype) for tensor in tensors.values()} or {"float32"}
    if len(types) > 1 or not types <= {"float32", "float64"}:
        raise DataError(
            f"{path} holds weights of {', '.join(sorted(types))}, "
            "but a model's are all float32 or all float64"
        )
    model.allocate(np.dtype(types.pop()))
    for name, param in own.items():
        param.value[...] = tensors[name]
    return model


def _stored(model: Layer) -> dict[str, Param]:
    """Parameters and buffers by name; of several names of one layer used twice, the first."""
    met: set[int] = set()
    stored = {}
    for name, param in (*model.named_params(), *model.named_buffers()):
        if id(param) not in met:
            met.add(id(param))
            stored[name] = param
    return stored
