"""`byhand experiment`: redoes a study's table or figure, and writes its report."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from byhand.cli.options import Data, Json, option, path_option
from byhand.cli.output import needed, note, open_splits, print_json

ALL = "all"
LIST = "list"


def experiment(
    name: Annotated[
        str,
        typer.Argument(
            help="An experiment; `list` names them, `all` does every one; or a Python file that "
            "defines EXPERIMENT.",
            metavar="NAME",
        ),
    ] = LIST,
    data: Data = None,
    out: Annotated[
        Path | None,
        path_option(
            "The folder of all experiments (default: runs/experiments). Each has a folder in "
            "it; finished trainings are kept there and not redone."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer seeds, epochs and pictures: to see what it does.")
    ] = False,
    smoke: Annotated[bool, typer.Option("--smoke", hidden=True)] = False,
    seeds: Annotated[int | None, option("How many seeds to train with.", min=1)] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace a setting of the experiment, name=value."),
    ] = None,
    jobs: Annotated[
        int | None, option("Trainings at a time (default: as many as cores).", min=1)
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do again what was kept from before.")
    ] = False,
    redraw: Annotated[
        bool, typer.Option("--redraw", help="Only draw the records that are there.")
    ] = False,
    json: Json = False,
) -> None:
    """Redo a study's table or figure; its record, pictures and report go into a folder."""
    from byhand import experiments, kernels
    from byhand.errors import ByhandError, InputError
    from byhand.experiments.lab.run import KEPT

    if name == LIST:
        _list(json)
        return
    if quick and smoke:
        raise InputError("--quick and --smoke are two sizes; give one")
    if name == ALL and settings:
        raise InputError("--set is for one experiment; name it instead of all")
    scale = experiments.SMOKE if smoke else experiments.QUICK if quick else experiments.FULL
    chosen = [experiments.get(n) for n in (experiments.names() if name == ALL else (name,))]
    home = Path("runs") / "experiments" if out is None else out
    place = home if scale is experiments.FULL else home / scale.name
    done: list[Any] = []
    failed: dict[str, str] = {}

    def each(work: Callable[[Any], Any]) -> None:
        for e in chosen:
            began = time.monotonic()
            try:
                done.append(work(e))
            except ByhandError as error:
                if name != ALL:
                    raise
                failed[e.name] = str(error)  # the others are worth having
                note(f"{e.name}: {error}")
                continue
            if name == ALL:
                note(f"{e.name}: done in {time.monotonic() - began:.0f} s")

    if redraw:
        each(lambda e: experiments.redrawn(e, place / e.name))
    else:
        kernels.set_threads(jobs)
        splits = open_splits(data, allow_bundled=data is None)
        called = "" if name == ALL else name
        with needed(), experiments.Workers(splits, home / KEPT, jobs, fresh) as workers:

            def do(e: Any) -> Any:
                with _Progress(e.name) as progress:
                    return experiments.run(
                        e, splits, workers, place / e.name, scale=scale, seeds=seeds,
                        settings=settings or (), called=called,
                        data=None if data is None else str(data), progress=progress,
                    )  # fmt: skip

            each(do)
    _tell(done, failed, place, name == ALL, json)
    if failed:
        raise typer.Exit(1)


def _tell(done: list[Any], failed: dict[str, str], place: Path, together: bool, json: bool) -> None:
    """What came out, for people or programs, and where the report is."""
    from byhand import experiments
    from byhand.experiments.lab.run import REPORT

    report = experiments.write_all(done, place / REPORT) if together else done[0].report
    if json:
        several = {
            "report": report,
            "folder": place,
            "experiments": {f.experiment.name: _plain(f) for f in done},
            "failed": failed,
        }
        print_json(several if together else _plain(done[0]))
        return
    for finished in done:
        print(finished.experiment.name if together else finished.experiment.question)
        for conclusion in finished.page.conclusions:
            print(f"  {conclusion}")
    print(f"report  {report}")


def _list(json: bool) -> None:
    from byhand import experiments

    pages = [experiments.get(name) for name in experiments.names()]
    if json:
        print_json(
            {
                "experiments": [
                    {"name": e.name, "question": e.question, "study": e.study,
                     "settings": dict(e.settings)}
                    for e in pages
                ]
            }
        )  # fmt: skip
        return
    for e in pages:
        print(f"{e.name:22s} {e.question}")


def _plain(finished: Any) -> dict[str, Any]:
    """The record without its arrays, and where everything is."""
    import numpy as np

    plain = {k: v for k, v in finished.record.items() if not isinstance(v, np.ndarray)}
    return {
        "experiment": finished.experiment.name,
        "folder": finished.folder,
        "report": finished.report,
        "conclusions": finished.page.conclusions,
        "claims": [
            {"said": c.statement, "holds": c.holds, "evidence": c.evidence}
            for c in finished.page.claims
        ],
        "record": plain,
    }


class _Progress:
    """A bar on a terminal, now and then a line elsewhere; a context manager and the callback."""

    EVERY = 20.0  # seconds between lines

    def __init__(self, name: str) -> None:
        self._name = name
        self._bars: Any = None
        self._task: Any = None
        self._last = self._began = time.monotonic()

    def __enter__(self) -> Callable[[str, int, int], None]:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
            from rich.progress import TimeRemainingColumn as Remaining

            self._bars = Progress(
                TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(),
                Remaining(), console=Console(stderr=True), expand=True, transient=True,
            )  # fmt: skip
            self._task = self._bars.add_task(self._name, total=None)
            self._bars.start()
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            sys.stderr.flush()

    def _tell(self, what: str, done: int, total: int) -> None:
        if self._bars is not None:
            if done == 0:
                self._bars.reset(self._task, description=f"{self._name}: {what}", total=total)
            self._bars.update(self._task, completed=done)
            return
        now = time.monotonic()
        if now - self._last > self.EVERY:
            self._last = now
            note(f"{self._name}: {done} of {total} {what}, {now - self._began:.0f} s")
