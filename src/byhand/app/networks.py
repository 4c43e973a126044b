"""The networks that the page offers: the package's, the reader's, and those of runs."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from byhand import models, nn
from byhand.app.problems import Problem
from byhand.errors import ByhandError
from byhand.files import jsonable
from byhand.reader.recognise import MODEL as READER
from byhand.recipes.run import MODEL, RECORD

KEPT, MOST = 8, 200  # networks that stay in memory, and runs that are listed


@dataclass(frozen=True)
class Place:
    """Where a network is.

    Args:
        id: by which the page asks for it: a name, or runs/NAME.
        path: of its file.
        source: "package" or "run".
    """

    id: str
    path: Path
    source: str


class Networks:
    """The list of networks, and those that were asked for.

    A network is had by its name in the list only, so that no request can name a file.

    Args:
        runs: the folder of training runs; it need not exist.
        reader: the reader's model file; None for the one in the package.
    """

    def __init__(self, runs: Path, reader: Path | None = None) -> None:
        self._runs, self._reader = runs, reader or READER
        self._described: dict[tuple[Path, int], dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._loaded: dict[tuple[Path, int], nn.Layer] = {}

    def places(self) -> dict[str, Place]:
        """All there are, by id: the package's, then runs, latest first."""
        places = [Place(name, path, "package") for name, path in models.trained_files().items()]
        places.append(Place("reader", self._reader, "package"))
        runs = [path for path in self._runs.glob(f"*/{MODEL}") if path.is_file()]
        runs = sorted(runs, key=lambda path: -path.stat().st_mtime)[:MOST]
        places += [Place(f"runs/{path.parent.name}", path, "run") for path in runs]
        return {place.id: place for place in places}

    def listed(self) -> list[dict[str, Any]]:
        """What the page shows of each, without those whose file is broken."""
        found = []
        for place in self.places().values():
            with suppress(ByhandError, OSError):
                key = place.path, place.path.stat().st_mtime_ns
                if key not in self._described:
                    self._described[key] = _description(nn.fold_batch_norm(nn.load(place.path)))
                found.append({"id": place.id, "source": place.source, **self._described[key]})
        return found

    def get(self, name: object) -> nn.Layer:
        """The network with this id, shared: nobody may change it.

        Raises:
            Problem: there is none.
            DataError: its file is broken.
        """
        place = self.places().get(name) if isinstance(name, str) else None
        if place is None:
            raise Problem(404, f"there is no network {name!r}; GET /api/models lists them")
        return self._load(place)

    def _load(self, place: Place) -> nn.Layer:
        key = place.path, place.path.stat().st_mtime_ns
        with self._lock:
            model = self._loaded.pop(key, None)
            if model is None:
                # With batch norm folded in there is a layer less to explain.
                model = nn.fold_batch_norm(nn.load(place.path))
            self._loaded[key] = model  # the latest asked for last
            while len(self._loaded) > KEPT:
                self._loaded.pop(next(iter(self._loaded)))
        return model


def _description(model: nn.Layer) -> dict[str, Any]:
    card = model.card
    values = {
        "name": card.recipe.get("name") or card.name,
        "parameters": int(model.flat.size),
        "classes": list(card.classes),
        "image_shape": list(card.image_shape),
        "accuracy": card.figures.get("test_accuracy"),
        "dataset": card.figures.get("dataset"),
        "summary": card.recipe.get("summary", ""),
    }
    plain: dict[str, Any] = jsonable(values)
    return plain


def run_record(folder: Path) -> dict[str, Any]:
    """A run's record; {} where it cannot be read."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
