"""Records: entries of runs/ spoilt, listed by the page, read back, their reports drawn again."""

from __future__ import annotations

import io
import json

import numpy as np
from starlette.testclient import TestClient

import blobs
from byhand import recipes
from byhand.app import Settings, create_app
from byhand.evaluation import Evaluation, Look
from byhand.experiments.lab import record
from byhand.plots import write_report
from byhand.recipes.engine import run as runs
from fuzz import odd_bytes, odd_files, odd_values, trees
from fuzz.odd_values import pick

GOOD = "good"  # a run that is whole, which no other may hide
DRAWN = 200  # one in so many reports is drawn again, which takes a second


def finished(folder):
    """What lies in the folder of a run that was trained to its end."""
    plan = runs.Plan(recipes.apply(recipes.get("tiny"), ("steps=4",)), 1, ("steps=4",))
    for _ in runs.run(plan, blobs.splits(60, 20), folder):
        pass
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


class Records:
    """Seen through the page's API and from Python."""

    def __init__(self, folder):
        self.run = finished(folder / "first")
        record.save(
            folder / "second", {"about": {"experiment": "x"}, "found": [1.0], "a": np.ones(3)}
        )
        self.experiment = {
            "record.json": (folder / "second" / "record.json").read_bytes(),
            "arrays.npz": (folder / "second" / "arrays.npz").read_bytes(),
            "report.html": b"<!doctype html>",
        }
        self.root = folder / "runs"
        self.root.mkdir()
        self.client = TestClient(
            create_app(Settings(runs=self.root)), base_url="http://127.0.0.1:8028"
        )
        self.client.__enter__()

    def close(self):
        """End the server."""
        self.client.__exit__(None, None, None)

    def case(self, rng):
        tree = {}
        for number in range(int(rng.integers(1, 3))):
            whole = self.experiment if rng.integers(6) == 0 else self.run
            kept = {name: data for name, data in whole.items() if not name.startswith("pictures/")}
            for name in {pick(list(kept), rng) for _ in range(int(rng.integers(1, 3)))}:
                kept[name] = self._spoilt(name, kept[name], rng)
            if rng.integers(3) == 0:
                kept = trees.disturbed(kept, rng)
            where = pick(
                (
                    f"run{number}",
                    f"run{number}",
                    f"experiments/run{number}",
                    pick(trees.NAMES, rng),
                ),
                rng,
            )
            tree |= {f"{where}/{name}": data for name, data in kept.items()}
        return trees.disturbed(tree, rng) if rng.integers(4) == 0 else tree

    def _spoilt(self, name, data, rng):
        way = rng.integers(8)
        if way == 0 or not data:
            return odd_bytes.spoilt(data or b"x", [data or b"x"], rng)
        if name.endswith(".json"):
            return odd_values.text(odd_values.spoilt(json.loads(data), rng), rng)
        if name.endswith(".jsonl"):
            lines = [json.loads(line) for line in data.splitlines()]
            return b"\n".join(odd_values.text(odd_values.spoilt(line, rng), rng) for line in lines)
        if name.endswith(".npz"):
            with np.load(io.BytesIO(data)) as arrays:
                return odd_files.npz(dict(arrays), rng)
        if name.endswith(".safetensors"):
            return odd_files.tensors(data, rng)
        return odd_bytes.spoilt(data, [data], rng)

    def doors(self, case):
        good = {f"{GOOD}/{name}": data for name, data in self.run.items() if "check" not in name}
        trees.write(self.root, {**case, **good})
        yield lambda: self._check_listed("/api/runs", "runs", "name", GOOD)
        yield lambda: self._check_listed("/api/models", "models", "id", f"runs/{GOOD}")
        drawn = sum(map(len, case)) % DRAWN == 0
        for folder in sorted({(self.root / name).parent for name in case}):
            yield lambda folder=folder: Evaluation.load(folder)
            yield lambda folder=folder: Look.load(folder)
            yield lambda folder=folder: record.load(folder)
            yield lambda folder=folder: runs.resumed(folder)
            if drawn:
                yield lambda folder=folder: write_report(folder)

    def _check_listed(self, address, what, key, name):
        answer = self.client.get(address)  # an unexpected error is raised here
        assert answer.status_code == 200, answer.text
        listed = json.loads(answer.text, parse_constant=lambda said: 1 / 0)[what]
        found = [entry for entry in listed if entry[key] == name]
        assert len(found) == 1
        for entry in listed:
            entry[key].encode()
            links = (entry.get("report"), *entry.get("pictures", ()))
            for link in links if entry[key] != name else ():
                if link is not None and "%25" not in link:  # which the client decodes twice
                    assert self.client.get(link).status_code == 200, link
