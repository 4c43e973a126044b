"""Model files: data, never code. safetensors with the architecture and the card as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.errors import DataError
from byhand.files import atomic_write, jsonable
from byhand.nn.card import ModelCard
from byhand.nn.layer import Layer, check_state
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
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path} is not a {what}, or it is cut short ({error}); take another copy"
        ) from error
    try:
        header = json.loads(metadata["byhand"])
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{path} is a safetensors file but not a {what} of byhand: it has no header"
        ) from error
    if not isinstance(header, dict) or header.get("format", 0) > FORMAT:
        raise DataError(f"{path} was written by a newer byhand; upgrade with pip install -U byhand")
    return tensors, header


@dataclass(frozen=True)
class _Sized:
    shape: tuple[int, ...]


def save(model: Layer, path: str | Path) -> None:
    """Write `model` with its card to `path` (safetensors), atomically.

    Raises:
        DataError: a layer's class is not registered.
        FileWriteError: the file cannot be written; what was there stays.
    """
    header = {"format": FORMAT, "architecture": describe(model), "card": model.card.as_dict()}
    # Of two names of one parameter only the first is stored.
    stored: dict[int, str] = {}
    tensors = {}
    for name, param in (*model.named_params(), *model.named_buffers()):
        if stored.setdefault(id(param), name) == name:
            tensors[name] = param.value
    write_tensors(path, tensors, header)


def load(path: str | Path) -> Layer:
    """Build the model that `save` wrote, with its card.

    Raises:
        DataError: the file is absent, broken, of a newer format, or uses an unknown layer.
        ShapeError: its weights do not fit its architecture; names which.
    """
    tensors, header = read_tensors(path, "model file")
    try:
        model = build(header["architecture"])
        model.card = ModelCard.from_dict(header["card"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise DataError(f"{path}: {error}") from error
        raise DataError(f"{path} has a broken header ({error}); take another copy") from error
    first_names: dict[int, str] = {}
    for name, param in (*model.named_params(), *model.named_buffers()):
        first_names.setdefault(id(param), name)
    own = {
        name: param
        for name, param in (*model.named_params(), *model.named_buffers())
        if first_names[id(param)] == name
    }
    check_state({name: _Sized(param.shape) for name, param in own.items()}, tensors)
    dtype = next((t.dtype for t in tensors.values()), np.dtype(np.float32))
    model.allocate(dtype)
    for name, param in own.items():
        param.value[...] = tensors[name]
    return model
