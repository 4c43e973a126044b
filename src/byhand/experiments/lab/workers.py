"""Work side by side: each task in a process of its own with one thread, its result kept.

A task is a function by its name and plain arguments, so that it can be sent to another process and
so that its result can be found again: the key is a hash of the source of the function's module, the
arguments, the data and the arithmetic. (What a task calls in other modules is not in it: where that
changes, `--fresh` does everything again.) One thread a task makes results independent of how many
run at once.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import multiprocessing
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from byhand import kernels
from byhand.data import Splits
from byhand.errors import DataError, FileWriteError
from byhand.experiments.lab import record
from byhand.experiments.lab.experiment import load_file
from byhand.files import PARTIAL, jsonable, write_json
from byhand.training import machine

# function(splits, folder, **arguments) gives plain values and arrays; the folder is the result's
# own, for files such as a model.
Function = Callable[..., dict[str, Any]]

TASK = "task.json"  # beside a result: what was asked, and how long it took

_splits: Splits | None = None  # in a worker process: the data, sent once


@dataclass(frozen=True)
class Task:
    """A function and its arguments, which JSON can say.

    A task `alone` runs while nothing else does, and may use all threads: it is timed, so that its
    result holds for one machine only.
    """

    function: Function
    arguments: Mapping[str, Any]
    alone: bool = False

    def key(self, splits: Splits) -> str:
        """Where the result is kept: the same for what gives the same result."""
        from byhand import __version__

        module = inspect.getmodule(self.function)
        asked = {
            "function": self.function.__qualname__,
            "source": inspect.getsource(self.function if module is None else module),
            "arguments": jsonable(dict(self.arguments)),
            "data": splits.sha256,
            "arithmetic": [kernels.resolve_layout("auto"), kernels.instruction_set()],
            "version": __version__,
            "alone": [machine(), kernels.available_threads()] if self.alone else [],
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:24]


class Workers:
    """Processes that do tasks, and the folder that keeps what they found; a context manager.

    Args:
        splits: the data that every task gets.
        folder: where results are kept.
        jobs: tasks at a time; 1 does them in this process.
        fresh: whether to do again what is kept.
    """

    def __init__(
        self, splits: Splits, folder: str | Path, jobs: int | None = None, fresh: bool = False
    ) -> None:
        self.splits = splits
        self.folder = Path(folder)
        self.jobs = kernels.available_threads() if jobs is None else jobs
        self.threads = kernels.available_threads()
        self.done: set[str] = set()  # keys done by this object
        self.fresh = fresh
        self._mark = secrets.token_hex(4)  # of the folders of what is being done
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)
            if kind is not None:
                for process in multiprocessing.active_children():
                    process.terminate()
                    process.join()
            self._pool = None
        for unfinished in self.folder.glob(f".*.{self._mark}{PARTIAL}"):
            shutil.rmtree(unfinished, ignore_errors=True)

    def kept(self, task: Task) -> bool:
        """Whether the result is there already."""
        key = task.key(self.splits)
        if self.fresh and key not in self.done:
            return False
        try:
            record.load(self.folder / key)
        except DataError:
            return False
        return True

    def run(self, tasks: Sequence[Task]) -> Iterator[int]:
        """Do the tasks, in about this order; yields the number of each as its result is kept."""
        waiting: dict[str, list[int]] = {}  # tasks that are the same are done once
        for i, task in enumerate(tasks):
            if self.kept(task):
                yield i
            else:
                waiting.setdefault(task.key(self.splits), []).append(i)
        beside = {key: same for key, same in waiting.items() if not tasks[same[0]].alone}
        if self.jobs > 1 and len(beside) > 1:
            yield from self._side_by_side(tasks, beside)
            waiting = {key: same for key, same in waiting.items() if key not in beside}
        for same in waiting.values():
            self._here(tasks[same[0]])
            yield from same

    def _side_by_side(
        self, tasks: Sequence[Task], waiting: Mapping[str, list[int]]
    ) -> Iterator[int]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.jobs,
                mp_context=multiprocessing.get_context("spawn"),  # a fork would copy our threads
                initializer=_begin,
                initargs=(self.splits,),
            )
        asked = {}
        for key, (first, *_) in waiting.items():
            function, arguments = tasks[first].function, tasks[first].arguments
            work = (_address(function), arguments, self.folder / key, self._mark)
            asked[self._pool.submit(_work, *work)] = key
        for future in as_completed(asked):
            future.result()
            self.done.add(asked[future])
            yield from waiting[asked[future]]

    def result(self, task: Task) -> dict[str, Any]:
        """What the task found.

        Raises:
            DataError: it was not done.
        """
        return record.load(self.place(task))

    def place(self, task: Task) -> Path:
        """The folder of its result."""
        return self.folder / task.key(self.splits)

    def seconds(self, task: Task) -> float:
        """How long it took when it was done."""
        kept = json.loads((self.place(task) / TASK).read_text(encoding="utf-8"))
        return float(kept["seconds"])

    def _here(self, task: Task) -> None:
        before = kernels.threads()
        kernels.set_threads(self.threads if task.alone else 1)
        try:
            _keep(task.function, self.splits, task.arguments, self.place(task), self._mark)
        finally:
            kernels.set_threads(before)
        self.done.add(task.key(self.splits))


def _begin(splits: Splits) -> None:
    """At the start of a worker process."""
    global _splits
    # An interrupt is the parent's to tell about; a worker leaves without a word.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    kernels.set_threads(1)
    _splits = splits


def _work(
    address: tuple[str, str, str], arguments: Mapping[str, Any], place: Path, mark: str
) -> None:
    """Do a task in a worker process."""
    assert _splits is not None
    module, file, name = address
    page = importlib.import_module(module) if module.startswith("byhand.") else load_file(file)
    _keep(getattr(page, name), _splits, arguments, place, mark)


def _address(function: Function) -> tuple[str, str, str]:
    return function.__module__, inspect.getfile(function), function.__qualname__


def _keep(
    function: Function, splits: Splits, arguments: Mapping[str, Any], place: Path, mark: str
) -> None:
    """Do a task and keep its result, whole or not at all."""
    unfinished = place.parent / f".{place.name}.{mark}{PARTIAL}"
    try:
        unfinished.mkdir(parents=True)
    except OSError as error:
        raise FileWriteError(
            f"cannot make a folder in {place.parent}: {error.strerror}; choose another with --out"
        ) from error
    began = time.perf_counter()
    try:
        record.save(unfinished, function(splits, unfinished, **arguments))
        task = {"function": f"{function.__module__}.{function.__qualname__}",
                "arguments": dict(arguments), "seconds": time.perf_counter() - began}  # fmt: skip
        write_json(unfinished / TASK, task)
        if place.exists():
            shutil.rmtree(place)
        unfinished.replace(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
