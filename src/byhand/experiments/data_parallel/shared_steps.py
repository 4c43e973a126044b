"""Some steps of training in processes of their own: on so many threads, or on so many MPI ranks.

`train_apart` writes a job into a folder and starts a Python with `main` on it, under mpiexec
where it is for several ranks. It is the training of `mpiexec -n 4 byhand train`, without the
evaluation and the report.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand import kernels, recipes, training
from byhand.data import Dataset, Splits
from byhand.errors import ByhandError
from byhand.experiments.lab import record
from byhand.experiments.lab.statistics import counted
from byhand.experiments.lab.train import from_plain

JOB, PICTURES, RESULTS = "job.json", "pictures.npz", "results"
LIMIT = 600.0  # seconds for one job
WARM = 3  # first steps that are not timed


def mpiexec() -> str:
    """The mpiexec beside this Python, or that of the system.

    Raises:
        ByhandError: there is none, or no mpi4py.
    """
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    program = shutil.which("mpiexec", path=os.pathsep.join(places))
    if importlib.util.find_spec("mpi4py") is None:
        raise ByhandError("mpi4py is not installed; pip install byhand[mpi]")
    if program is None:
        raise ByhandError("there is no mpiexec; pip install byhand[mpi]")
    return program


def train_apart(
    splits: Splits, folder: Path, jobs: Sequence[Mapping[str, Any]], seed: int, repeats: int,
    threads: int, ranks: int,
) -> dict[str, Any]:  # fmt: skip
    """Train each recipe of `jobs`, `repeats` times the same, on threads or ranks.

    Args:
        splits: the data; as many of its first training pictures are used as the recipes take.
        folder: where the job is put, and removed again.
        jobs: recipes as plain values, with `steps` and `train_limit`.
        seed: of all of them.
        repeats: how many times.
        threads: of each process.
        ranks: processes; 1 is without MPI.

    Returns:
        `seconds`: for each job the median step of each repetition, its first steps left out;
        `losses`: for each job that of each step; `same`: whether all repetitions ended with the
        same bits; and by job the weights after the first step, `first_0`, `first_1`, ..., and
        at the end, `last_0`, `last_1`, ...

    Raises:
        ByhandError: mpiexec is not there, or the processes failed.
    """
    n = max(int(job["train_limit"]) for job in jobs)
    train = splits.train.first(n)
    np.savez(folder / PICTURES, images=train.images, labels=train.labels)
    job = {"jobs": list(jobs), "seed": seed, "repeats": repeats, "threads": threads,
           "ranks": ranks, "classes": list(train.classes), "sha256": splits.sha256}  # fmt: skip
    (folder / JOB).write_text(json.dumps(job), encoding="utf-8")
    program = f"import sys; from {__name__} import main; main(sys.argv[1])"
    command = [sys.executable, "-c", program, str(folder.absolute())]
    if ranks > 1:
        command = [mpiexec(), "-n", str(ranks), *command]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT, check=False, cwd=folder
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ByhandError(f"{_who(ranks, threads)} did not train: {error}") from error
    if done.returncode != 0:
        raise ByhandError(f"{_who(ranks, threads)} did not train: {last_words(done.stderr)}")
    results = record.load(folder / RESULTS)
    shutil.rmtree(folder / RESULTS)
    (folder / PICTURES).unlink()
    (folder / JOB).unlink()
    return results


def last_words(errors: str) -> str:
    """The last line of a program's errors that has a letter: some end with a rule of dashes."""
    lines = [line.strip() for line in errors.splitlines() if any(map(str.isalpha, line))]
    return lines[-1].rstrip(".") if lines else "it said nothing"


def run_job(folder: Path, group: training.Group) -> None:
    """In each of the processes: do the job in `folder`; rank 0 writes what came out."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    with np.load(folder / PICTURES) as arrays:
        train = Dataset(arrays["images"], arrays["labels"], tuple(job["classes"]))
    splits = Splits("job", train, train.first(1), None, str(folder), job["sha256"])
    kernels.set_threads(job["threads"])
    results: dict[str, Any] = {"seconds": [], "losses": [], "same": []}
    for number, plain in enumerate(job["jobs"]):
        done = [_train(plain, splits, job["seed"], group) for _ in range(job["repeats"])]
        results["seconds"].append([of.seconds for of in done])
        results["losses"].append(done[0].losses)
        results["same"].append(all(np.array_equal(of.last, done[0].last) for of in done))
        results[f"first_{number}"], results[f"last_{number}"] = done[0].first, done[0].last
    if group.rank == 0:
        record.save(folder / RESULTS, results)


def _who(ranks: int, threads: int) -> str:
    return f"{'1 process' if ranks == 1 else f'{ranks} ranks'} of {counted(threads, 'thread')}"


class Trained(NamedTuple):
    """The median time of a step, the losses, the weights after the first step and at the end."""

    seconds: float
    losses: list[float]
    first: NDArray[np.float32]
    last: NDArray[np.float32]


def _train(plain: Mapping[str, Any], splits: Splits, seed: int, group: training.Group) -> Trained:
    prepared = recipes.prepare(from_plain(plain), splits, seed)
    at: list[float] = []
    losses: list[float] = []
    first = prepared.model.flat.copy()
    for step in recipes.train(prepared, step_records=True, group=group):
        if isinstance(step, training.StepRecord):
            at.append(time.perf_counter())
            losses.append(step.loss)
            if len(losses) == 1:
                first = prepared.model.flat.copy()
    between = [b - a for a, b in pairwise(at)]
    return Trained(float(np.median(between[WARM:])), losses, first, prepared.model.flat.copy())


def main(place: str) -> None:
    """Do the job in the folder `place` alone, or as one of the ranks that mpiexec started."""
    folder = Path(place)
    ranks = json.loads((folder / JOB).read_text(encoding="utf-8"))["ranks"]
    if ranks == 1:
        run_job(folder, training.ALONE)
        return
    from byhand.training.mpi import MPIGroup

    with MPIGroup(ranks) as group:
        run_job(folder, group)
