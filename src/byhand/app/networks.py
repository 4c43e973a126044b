"""The networks that the page offers: the package's, the reader's, and those of runs."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from byhand import checks, models, nn
from byhand.app.folders import entries, is_there
from byhand.app.problems import Problem
from byhand.app.processes import Processes
from byhand.app.threads import ThreadPool
from byhand.reader.recognise import MODEL as READER
from byhand.recipes.engine.run import MODEL

KEPT, MOST = 8, 200  # networks that a process keeps in memory, and runs that are listed


@dataclass(frozen=True)
class Place:
    """Where a network is, in which version.

    Args:
        id: by which the page asks for it: a name, or runs/NAME, percent-encoded.
        name: what it is called where its file does not say.
        source: "package" or "run".
        path: of its file.
        version: the file's time and size.
        problem: why it cannot be looked into; "" where it may be tried.
    """

    id: str
    name: str
    source: str
    path: Path
    version: tuple[int, int] = (0, 0)
    problem: str = ""


class Networks:
    """The list of networks.

    A network is had by its name in the list only, so that no request can name a file. A file is
    opened by a process of `processes` only, which it may take with it: it is then listed with what
    happened, and the others are listed as they were.

    Args:
        runs: the folder of training runs; it need not exist.
        reader: the reader's model file; None for the one in the package.
        memory: bytes that a network may take for one picture.
        processes: open the files.
        files: looks for them.
    """

    def __init__(
        self, runs: Path, reader: Path | None, memory: int, processes: Processes, files: ThreadPool
    ) -> None:
        self._runs, self._reader, self._memory = runs, reader or READER, memory
        self._processes, self._files = processes, files
        self._described: dict[Place, dict[str, Any]] = {}
        self._one_by_one = asyncio.Lock()

    async def listed(self) -> tuple[list[dict[str, Any]], int]:
        """What the page shows of each, and how many older runs are left out.

        What cannot be used is there with the reason as its `problem`.

        Raises:
            Problem: there is too much to do just now.
            DataError: the folder of runs is there and cannot be looked into.
        """
        places = await self._files.do(self._places)
        shown = places[:MOST]
        async with self._one_by_one:
            known = {place: await self._about(place) for place in shown}
            self._described = known
        described = [{"id": p.id, "source": p.source, **about} for p, about in known.items()]
        return described, len(places) - len(shown)

    async def get(self, name: object) -> Place:
        """The place of the network with this id.

        Raises:
            Problem: there is none.
        """
        places = {place.id: place for place in await self._files.do(self._places)}
        place = places.get(name) if isinstance(name, str) else None
        if place is None:
            raise Problem(
                404, f"there is no network {checks.quoted(name)}; GET /api/models lists them"
            )
        if place.problem:
            raise Problem(400, f"{place.name}: {place.problem}")
        return place

    async def _about(self, place: Place) -> dict[str, Any]:
        problem = place.problem
        if not problem:
            if place in self._described:
                return self._described[place]
            try:
                return await self._processes.do(describe, place.path, self._memory)
            except Problem as refused:
                if "retry-after" in refused.headers:  # there is too much to do
                    raise
                problem = refused.detail
        return {
            "name": place.name, "parameters": 0, "classes": [], "image_shape": [],
            "accuracy": None, "dataset": None, "summary": "", "problem": problem,
        }  # fmt: skip

    def _places(self) -> list[Place]:
        """All there are: the package's, then runs, latest first."""
        package = {**models.trained_files(), "reader": self._reader}
        places = [_place(name, name, "package", path) for name, path in package.items()]
        for entry in entries(self._runs):
            path, called = entry.folder / MODEL, (f"runs/{entry.id}", entry.name, "run")
            if entry.problem:
                places.append(Place(*called, path, problem=entry.problem))
            elif is_there(path):
                places.append(_place(*called, path))
        return places


def _place(name: str, called: str, source: str, path: Path) -> Place:
    try:
        seen = path.stat()
    except OSError as error:
        problem = f"{path.name} cannot be read: {error.strerror}"
        return Place(name, called, source, path, problem=problem)
    problem = "" if stat.S_ISREG(seen.st_mode) else f"{path.name} is no file"
    return Place(name, called, source, path, (seen.st_mtime_ns, seen.st_size), problem)


@dataclass(frozen=True)
class About:
    """What the page shows of a network, from its card."""

    name: str
    classes: list[str]
    image_shape: list[int]
    accuracy: float | None
    dataset: str | None
    summary: str


def describe(path: Path, memory: int) -> dict[str, Any]:
    """What the page shows of the network in a file; no picture goes through it.

    Raises:
        DataError: the file is broken, or the network takes more than `memory` bytes for a picture.
    """
    model = nn.load(path, memory)
    card = model.card
    values = {
        "name": card.recipe.get("name") or card.name,
        "classes": list(card.classes),
        "image_shape": list(card.image_shape),
        "accuracy": card.figures.get("test_accuracy"),
        "dataset": card.figures.get("dataset"),
        "summary": card.recipe.get("summary", ""),
    }
    about = checks.record(About, values, f"{path}: its card")
    for name in (about.name, about.dataset or "", about.summary, *about.classes):
        checks.word(f"{path}: a text of its card", name)
    if about.accuracy is not None:
        checks.number(f"{path}: its card's test_accuracy", about.accuracy, 0, 1)
    return {**asdict(about), "parameters": int(model.flat.size), "problem": None}


@dataclass(frozen=True)
class Network:
    """A network as it is looked into: nobody may change it.

    Args:
        model: with batch norm folded in, so that there is a layer less to explain.
        places: where each of its layers stands in the file's own, from 0.
    """

    model: nn.Layer
    places: tuple[int, ...]

    def own_name(self, name: str) -> str:
        """A layer's name as its parameters have it in the file, of its name in `model`."""
        first, dot, rest = name.partition(".")
        return f"{self.places[int(first)]}{dot}{rest}" if self.places else name


@lru_cache(KEPT)
def opened(path: Path, version: tuple[int, int], memory: int) -> Network:
    """The network in a file.

    Raises:
        DataError: as `describe`.
    """
    own = nn.load(path, memory)
    folded = nn.fold_batch_norm(own)
    if not isinstance(own, nn.Sequential) or not isinstance(folded, nn.Sequential):
        return Network(folded, ())
    # Folding leaves layers out and changes the order of none.
    left = [type(layer) for layer in folded.layers]
    places: list[int] = []
    for i, layer in enumerate(own.layers):
        if len(places) < len(left) and type(layer) is left[len(places)]:
            places.append(i)
    return Network(folded, tuple(places))
