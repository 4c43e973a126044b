"""`byhand doctor`: what byhand runs on here."""

from __future__ import annotations

import os
from typing import Any

from byhand.cli.options import Json
from byhand.cli.output import print_json

EXTRAS = ("torch", "onnx", "onnxruntime", "jax", "mpi4py")


def doctor(json: Json = False) -> None:
    """Version, arithmetic, threads, where the data is, and which optional packages are there."""
    values = examine()
    if json:
        print_json(values)
        return
    for name, value in values.items():
        text = value
        if isinstance(value, dict):
            text = ", ".join(f"{k} {v}" for k, v in value.items()) or "none"
        elif isinstance(value, list):
            text = ", ".join(value) or "none"
        print(f"{name:16s} {'none' if value is None else text}")


def examine() -> dict[str, Any]:
    """The findings, as plain values."""
    from importlib.util import find_spec

    import byhand
    from byhand import data, kernels, training

    source = data.find_data()
    arithmetic, reason = kernels.arithmetic()
    return {
        "version": byhand.__version__,
        "arithmetic": arithmetic,
        "reason": reason,
        "instruction_set": kernels.instruction_set(),
        "lane_width": kernels.LANES if arithmetic == "lanes" else None,
        "threads": kernels.available_threads(),
        "machine": training.machine(),
        "versions": training.versions(),
        "data": None if source is None else str(source),
        "data_problem": _data_problem(source),
        "cache": str(data.cache_folder()),
        "extras": [name for name in EXTRAS if find_spec(name) is not None],
    }


def _data_problem(source: Any) -> str | None:
    """Why the data that BYHAND_DATA names cannot be used."""
    named = os.environ.get("BYHAND_DATA")
    if not named or source is not None:
        return None
    return f"BYHAND_DATA is {named}, which holds no MNIST"
