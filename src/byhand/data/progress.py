"""How a download tells how far it is: a function that is called, or a bar on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Called with the file's name, the bytes so far, and the bytes in all (0 where nobody knows); first
# with no bytes, when a mirror is asked.
Progress = Callable[[str, int, int], None]


@contextmanager
def reporting(progress: Progress | bool | None) -> Iterator[Progress]:
    """What to call: `progress` itself, a bar on standard error for True, nothing for the rest."""
    if callable(progress):
        yield progress
    elif progress:
        with _bar() as report:
            yield report
    else:
        yield lambda name, done, total: None


@contextmanager
def _bar() -> Iterator[Progress]:
    import sys

    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    tasks: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
               TransferSpeedColumn(), TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
    console = Console(stderr=True)
    with Bars(*columns, console=console) as bars:

        def report(name: str, done: int, total: int) -> None:
            label = name if done else f"{name} (waiting for an answer)"
            if not done and not console.is_terminal:  # where no bar is drawn
                print(label, file=sys.stderr, flush=True)
            if name not in tasks:
                tasks[name] = bars.add_task(label, total=None)
            bars.update(tasks[name], description=label, completed=done, total=total or None)

        yield report
