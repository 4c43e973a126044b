"""The reports of runs and experiments on this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response

from byhand import checks
from byhand.app.folders import Entry, entries, is_there, quoted, read_bounded, within
from byhand.app.problems import Problem
from byhand.errors import ByhandError, DataError
from byhand.recipes.engine.run import MODEL, RECORD

REPORT, PICTURES, EXPERIMENTS = "report.html", "pictures", "experiments"
KINDS = {".html": "text/html; charset=utf-8", ".png": "image/png", ".svg": "image/svg+xml",
         ".json": "application/json", ".csv": "text/csv; charset=utf-8"}  # fmt: skip
MOST, MOST_PICTURES = 200, 12  # runs that are listed, and pictures of one
RECORD_BYTES = 32 * 2**20
# A report has its styles and pictures in itself, and no scripts.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox; "
    "frame-ancestors 'self'"
)


@dataclass(frozen=True)
class Named:
    """What has a name: a recipe, a data set."""

    name: str | None = None


@dataclass(frozen=True)
class Result:
    """What a run has reached."""

    test_accuracy: float | None = None


@dataclass(frozen=True)
class Record:
    """What the page shows of a run's record."""

    recipe: Named | None = None
    dataset: Named | None = None
    result: Result | None = None
    epochs: list[Any] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Record:
        """The record in a file; an empty one where there is no such file.

        Raises:
            DataError: it is none.
        """
        if not is_there(path):
            return cls()
        record = checks.record(
            cls, checks.parse_json(read_bounded(path, RECORD_BYTES), path.name), path.name
        )
        if record.result is not None and record.result.test_accuracy is not None:
            checks.number(f"{path.name}: test_accuracy", record.result.test_accuracy, 0, 1)
        return record


def listed(runs: Path) -> tuple[list[dict[str, Any]], int]:
    """Runs and experiments, latest first, and how many older ones are left out.

    What cannot be shown is listed with the reason as its `problem`.

    Raises:
        DataError: the folder of runs is there and cannot be looked into.
    """
    listing = [(entry, "") for entry in entries(runs)]
    for entry, _ in listing:
        if entry.folder.name == EXPERIMENTS and not entry.problem:
            listing = listing + [(inner, f"{EXPERIMENTS}/") for inner in entries(entry.folder)]
    told = (RECORD, REPORT, MODEL)
    listing = [
        (entry, before)
        for entry, before in listing
        if entry.problem or any(is_there(entry.folder / name) for name in told)
    ]
    listing.sort(key=lambda one: -one[0].time)
    return [_described(*one) for one in listing[:MOST]], max(0, len(listing) - MOST)


def file(runs: Path, run: str, name: str) -> Response:
    """A file in a run's folder.

    Raises:
        Problem: there is none that may be seen.
    """
    missing = Problem(404, f"there is no {name} of a run {run}")
    # Nothing but names of what is in the folder is looked for, on any system.
    if run in ("", ".", "..") or Path(run).name != run or Path(name).anchor or "\0" in run + name:
        raise missing
    folder = runs / run
    path = folder / name
    try:
        seen = path.suffix in KINDS and within(runs, folder) and within(folder, path)
        if not seen or not path.is_file():
            raise missing
    except OSError:  # a name that no file can have
        raise missing from None
    headers = {"content-security-policy": POLICY} if path.suffix in (".html", ".svg") else {}
    return FileResponse(path, media_type=KINDS[path.suffix], headers=headers)


def _described(entry: Entry, before: str) -> dict[str, Any]:
    record, problem = Record(), entry.problem
    report: Path | None = None
    pictures: list[Path] = []
    if not problem:
        try:
            report = _shown(entry.folder, entry.folder / REPORT)
            if report is None and is_there(entry.folder / REPORT):
                raise DataError(f"{REPORT} is no file of this folder")
            inside = entry.folder / PICTURES
            if _shown(entry.folder, inside, folder=True):
                pictures = sorted(path for path in inside.glob("*.png") if _shown(inside, path))
            record = _record(entry.folder / RECORD, _version(entry.folder / RECORD))
        except ByhandError as error:
            problem = str(error)
        except OSError as error:
            problem = f"it cannot be looked into: {error.strerror}"
    recipe = record.recipe
    trained = recipe is not None or is_there(entry.folder / MODEL)
    address = f"/runs/{before}{entry.id}"
    return {
        "name": before + entry.name,
        "kind": "training" if trained else "experiment",
        "title": (recipe and recipe.name) or entry.name,
        "time": entry.time,
        "dataset": record.dataset and record.dataset.name,
        "epochs": len(record.epochs),
        "accuracy": record.result and record.result.test_accuracy,
        "finished": bool(problem) or record.result is not None or recipe is None,
        "model": f"runs/{entry.id}" if not before and is_there(entry.folder / MODEL) else None,
        "report": f"{address}/{REPORT}" if report else None,
        "pictures": [
            f"{address}/{PICTURES}/{quoted(path.name)}" for path in pictures[:MOST_PICTURES]
        ],
        "problem": problem or None,
    }


def _shown(parent: Path, path: Path, folder: bool = False) -> Path | None:
    """The path, if `file` shows it."""
    there = path.is_dir() if folder else path.is_file()
    return path if there and within(parent, path) else None


def _version(path: Path) -> tuple[int, int]:
    """What changes with a file's content: its time and size; zeros of what is not there."""
    if not is_there(path):
        return 0, 0
    seen = path.lstat()
    return seen.st_mtime_ns, seen.st_size


@lru_cache(2 * MOST)
def _record(path: Path, version: tuple[int, int]) -> Record:
    return Record.read(path)
