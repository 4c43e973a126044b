"""Work side by side: each task in a process of its own with one thread, its result kept.

A task is a function by its name and plain arguments, so that it can be sent to another process and
so that its result can be found again: the key is a hash of the function's source, the arguments,
the data and the arithmetic. One thread a task makes results independent of how many run at once.
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
from byhand.errors import DataError
from byhand.experiments.lab import record
from byhand.experiments.lab.experiment import load_file
from byhand.files import PARTIAL, jsonable, write_json

# function(splits, folder, **arguments) gives plain values and arrays; the folder is the result's
# own, for files such as a model.
Function = Callable[..., dict[str, Any]]

TASK = "task.json"  # beside a result: what was asked, and how long it took

_splits: Splits | None = None  # in a worker process: the data, sent once


@dataclass(frozen=True)
class Task:
    """A function and its arguments, which JSON can say."""

    function: Function
    arguments: Mapping[str, Any]

    def key(self, splits: Splits) -> str:
        """Where the result is kept: the same for what gives the same result."""
        from byhand import __version__

        said = {
            "function": self.function.__qualname__,
            "source": inspect.getsource(self.function),
            "arguments": jsonable(dict(self.arguments)),
            "data": splits.sha256,
            "arithmetic": [kernels.resolve_layout("auto"), kernels.instruction_set()],
            "version": __version__,
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]


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
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)
            if kind is not None:
                for process in multiprocessing.active_children():
                    process.terminate()
            self._pool = None

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

    def run(self, tasks: Sequence[Task], alone: bool = False) -> Iterator[int]:
        """Do the tasks, in about this order; yields the number of each as its result is kept.

        With `alone` nothing else runs at the same time, and a task may use all threads: for what
        is timed.
        """
        waiting: dict[str, list[int]] = {}  # tasks that are the same are done once
        for i, task in enumerate(tasks):
            if self.kept(task):
                yield i
            else:
                waiting.setdefault(task.key(self.splits), []).append(i)
        if alone or self.jobs == 1 or len(waiting) == 1:
            for same in waiting.values():
                self._here(tasks[same[0]], None if alone else 1)
                yield from same
            return
        if waiting and self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.jobs,
                mp_context=multiprocessing.get_context("spawn"),  # a fork would copy our threads
                initializer=_begin,
                initargs=(self.splits,),
            )
        asked = {}
        for key, (first, *_) in waiting.items():
            assert self._pool is not None
            function, arguments = tasks[first].function, tasks[first].arguments
            work = (_address(function), arguments, self.folder / key)
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
        said = json.loads((self.place(task) / TASK).read_text(encoding="utf-8"))
        return float(said["seconds"])

    def _here(self, task: Task, threads: int | None) -> None:
        before = kernels.threads()
        kernels.set_threads(self.threads if threads is None else threads)
        try:
            _keep(task.function, self.splits, task.arguments, self.place(task))
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


def _work(address: tuple[str, str, str], arguments: Mapping[str, Any], place: Path) -> None:
    """Do a task in a worker process."""
    assert _splits is not None
    module, file, name = address
    found = importlib.import_module(module) if module.startswith("byhand.") else load_file(file)
    _keep(getattr(found, name), _splits, arguments, place)


def _address(function: Function) -> tuple[str, str, str]:
    return function.__module__, inspect.getfile(function), function.__qualname__


def _keep(function: Function, splits: Splits, arguments: Mapping[str, Any], place: Path) -> None:
    """Do a task and keep its result, whole or not at all."""
    unfinished = place.parent / f".{place.name}.{secrets.token_hex(4)}{PARTIAL}"
    unfinished.mkdir(parents=True)
    began = time.perf_counter()
    try:
        record.save(unfinished, function(splits, unfinished, **arguments))
        said = {"function": f"{function.__module__}.{function.__qualname__}"}
        seconds = time.perf_counter() - began
        write_json(unfinished / TASK, {**said, "arguments": dict(arguments), "seconds": seconds})
        if place.exists():
            shutil.rmtree(place)
        unfinished.replace(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
