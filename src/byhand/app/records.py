"""The reports of runs and experiments on this machine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response

from byhand.app.networks import run_record
from byhand.app.problems import Problem
from byhand.files import jsonable
from byhand.recipes.run import MODEL, RECORD

REPORT, EXPERIMENTS = "report.html", "experiments"
KINDS = {".html": "text/html; charset=utf-8", ".png": "image/png", ".svg": "image/svg+xml",
         ".json": "application/json", ".csv": "text/csv; charset=utf-8"}  # fmt: skip
MOST = 200
# A report has its styles and pictures in itself, and no scripts.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox; "
    "frame-ancestors 'self'"
)


def listed(runs: Path) -> list[dict[str, Any]]:
    """Runs and experiments, latest first."""
    folders = [
        folder
        for where in (runs, runs / EXPERIMENTS)
        if where.is_dir()
        for folder in where.iterdir()
        if any((folder / name).is_file() for name in (RECORD, REPORT))
    ]
    found = []
    for folder in folders:
        with suppress(OSError):  # it has just been deleted
            found.append(_described(folder, folder.relative_to(runs).as_posix()))
    found.sort(key=lambda one: -float(one["time"]))
    return [_object(jsonable(one)) for one in found[:MOST]]


def file(runs: Path, run: str, name: str) -> Response:
    """A file in a run's folder.

    Raises:
        Problem: there is none that may be seen.
    """
    missing = Problem(404, f"there is no {name} of a run {run}")
    if run in ("", ".", "..") or "/" in run or "\\" in run or "\0" in run + name:
        raise missing
    try:
        folder = (runs / run).resolve()
        path = (folder / name).resolve()
        inside = folder.parent == runs.resolve() and path.is_relative_to(folder)
        if not inside or path.suffix not in KINDS or not path.is_file():
            raise missing
    except OSError:  # a name that no file can have
        raise missing from None
    headers = {"content-security-policy": POLICY} if path.suffix in (".html", ".svg") else {}
    return FileResponse(path, media_type=KINDS[path.suffix], headers=headers)


def _described(folder: Path, name: str) -> dict[str, Any]:
    record = run_record(folder)
    recipe, result, dataset = (_object(record.get(k)) for k in ("recipe", "result", "dataset"))
    epochs = record.get("epochs")
    pictures = sorted((folder / "pictures").glob("*.png")) if (folder / "pictures").is_dir() else []
    return {
        "name": name,
        "kind": "training" if recipe else "experiment",
        "title": str(recipe.get("name") or folder.name),
        "time": folder.stat().st_mtime,
        "dataset": dataset.get("name"),
        "epochs": len(epochs) if isinstance(epochs, list) else 0,
        "accuracy": result.get("test_accuracy"),
        "finished": bool(result) or not recipe,
        "model": f"runs/{name}" if (folder / MODEL).is_file() else None,
        "report": f"/runs/{name}/{REPORT}" if (folder / REPORT).is_file() else None,
        "pictures": [f"/runs/{name}/pictures/{path.name}" for path in pictures[:12]],
    }


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
