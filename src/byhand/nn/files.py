"""Model files: data, never code. safetensors with the architecture and the card as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.checks import one_line, parse_json, quoted, whole
from byhand.errors import DataError, InputError, ShapeError
from byhand.files import atomic_write, jsonable
from byhand.nn.card import ModelCard
from byhand.nn.layer import Layer
from byhand.nn.memory import GIB, memory
from byhand.nn.param import Param, check_state
from byhand.nn.registry import build, describe

FORMAT = 1  # raised when a file written now could not be read by an older version
STORED = ("float16", "float32", "float64")  # what safetensors has of a model's types


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
    from safetensors.numpy import load as deserialise

    path = Path(path)
    if not os.path.isfile(path):  # False also where a name can be no file's
        raise DataError(f"there is no {what} {path}; check the path")
    try:
        data = path.read_bytes()
        tensors = deserialise(data)
        outer = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        metadata = outer.get("__metadata__") or {}
    except MemoryError:
        raise
    except Exception as error:  # safetensors raises many kinds
        raise DataError(
            f"{path} is not a {what}, or it is cut short ({one_line(error)}); take another copy"
        ) from error
    try:
        header = parse_json(metadata["byhand"], "its header")
    except (KeyError, DataError) as error:
        reason = "it has no header" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"{path} is a safetensors file but not a {what} of byhand: {reason}"
        ) from error
    if not isinstance(header, dict):
        raise DataError(f"{path} has a broken header: it is {quoted(header)}; take another copy")
    try:
        version = whole("the format", header.get("format"), 1)
    except InputError as error:
        raise DataError(f"{path} has a broken header: {error}; take another copy") from error
    if version > FORMAT:
        raise DataError(f"{path} was written by a newer byhand; upgrade with pip install -U byhand")
    return tensors, header


def save(model: Layer, path: str | Path) -> None:
    """Write `model` with its card to `path` (safetensors), atomically.

    A layer used twice is stored once and is one layer again when loaded.

    Raises:
        DataError: a layer's class is not registered, or the model could not be loaded again.
        FileWriteError: the file cannot be written; what was there stays.
    """
    architecture = describe(model)
    values = model.state_dict()
    if str(model.flat.dtype) not in STORED:
        raise DataError(
            f"a model of {model.flat.dtype} cannot be saved; save model.copy(numpy.float64)"
        )
    header = {"format": FORMAT, "architecture": architecture, "card": model.card.as_dict()}
    # Building it here says which names the loaded model will have, and that it can be built.
    again = _built(parse_json(json.dumps(jsonable(header)), "the model's description"))
    write_tensors(path, {name: values[name] for name in _stored(again)}, header)


def load(path: str | Path, limit: int | None = GIB) -> Layer:
    """Build the model that `save` wrote, with its card.

    Args:
        path: the file.
        limit: bytes that it may take for one picture of its card's shape (see `nn.memory`), 1 GiB
            unless given; None is no limit.

    Raises:
        InputError: path or limit is none of its kind.
        DataError: the file is absent, broken, of a newer format, uses an unknown layer, or the
            model would take more memory than `limit`.
        ShapeError: its weights do not fit its architecture; names which.
    """
    if limit is not None:
        limit = whole("limit", limit, 1, 2**63 - 1)
    tensors, header = read_tensors(path, "model file")
    if header.get("kind") == "checkpoint":
        raise DataError(
            f"{path} is a training checkpoint and no model; give the run's model.safetensors, "
            "or go on with byhand train --resume"
        )
    try:
        model = _built(header)
    except DataError as error:
        raise DataError(f"{path} cannot be built into a model: {one_line(error)}") from error
    own = _stored(model)
    try:
        check_state(own, tensors)
    except ShapeError as error:
        raise ShapeError(f"{path}: {error}") from error
    types = {str(tensor.dtype) for tensor in tensors.values()} or {"float32"}
    if len(types) > 1 or not types <= set(STORED):
        raise DataError(
            f"{path} holds weights of {', '.join(sorted(types))}, "
            f"but a model's are all {' or all '.join(STORED)}"
        )
    model.allocate(np.dtype(types.pop()))
    for name, param in own.items():
        param.value = tensors[name]
    try:
        memory(model, model.card.image_shape, limit)
    except ShapeError:
        pass  # it takes something else than such pictures, and says so when it is given some
    except InputError as error:
        raise DataError(f"{path}: {error}") from error
    return model


def _built(header: Mapping[str, Any]) -> Layer:
    """The model that a header describes, without parameters.

    Raises:
        DataError: it describes none; says why.
    """
    missing = [key for key in ("architecture", "card") if key not in header]
    if missing:
        raise DataError(f"its header has no {' and no '.join(missing)}")
    model = build(header["architecture"])
    model.card = ModelCard.from_dict(header["card"])
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
