"""`byhand bench`: how fast byhand is here, beside PyTorch, JAX and ONNX Runtime."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from byhand.cli.options import Json, argument, option, path_option
from byhand.cli.output import note, print_json

RECORD, PICTURE = "bench.json", "bench.png"


def bench(
    networks: Annotated[
        list[str] | None, argument("What to time; all without a name.", metavar="[NETWORK]...")
    ] = None,
    threads: Annotated[
        int | None, option("For all contestants (default: all cores).", min=1)
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Slices that each contestant gets.")] = 7,
    seconds: Annotated[float, typer.Option(min=0, help="How long a slice is at least.")] = 0.2,
    peers: Annotated[
        str | None,
        option(
            "Of torch, jax, onnxruntime, with commas between, or none "
            "(default: those that are installed)."
        ),
    ] = None,
    kernels: Annotated[
        bool, typer.Option("--kernels/--no-kernels", help="Time each convolution by itself.")
    ] = True,
    memory: Annotated[
        bool, typer.Option("--memory/--no-memory", help="Train in fresh processes, for memory.")
    ] = True,
    out: Annotated[
        Path | None, path_option("Where bench.json and bench.png go (default: runs/bench-TIME).")
    ] = None,
    json: Json = False,
) -> None:
    """Time training steps, inference and kernels, beside peers, in turn and on the same threads."""
    from byhand import bench, plots
    from byhand.files import write_json
    from byhand.kernels import available_threads

    cases = bench.choose_cases(networks)
    named = None if peers is None else [p.strip() for p in peers.split(",") if p.strip()]
    kinds, notes = bench.choose_peers([] if named == ["none"] else named)
    plan = bench.Plan(
        cases,
        kinds,
        threads=available_threads() if threads is None else threads,
        repeats=repeats,
        seconds=seconds,
        with_kernels=kernels,
        with_memory=memory,
    )
    suite = bench.Suite(plan, notes)
    for _ in shown(suite.run(), len(suite)):
        pass
    record = suite.record
    folder = Path("runs") / time.strftime("bench-%Y%m%d-%H%M%S") if out is None else out
    write_json(folder / RECORD, record)
    figure = plots.new_figure(*plots.speed_bars_size(record["networks"]))
    plots.speed_bars(record["networks"], figure)
    picture = plots.save(figure, folder / PICTURE)
    if json:
        print_json({**record, "record": folder / RECORD, "picture": picture})
        return
    print(bench.text(record))
    print(f"\nrecord  {folder / RECORD}\npicture {picture}")


def shown(steps: Iterable[str], total: int) -> Iterator[str]:
    """The steps as they come, with a bar on a terminal and a line each elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        for number, what in enumerate(steps, 1):
            note(f"{number}/{total} {what}")
            yield what
        return
    # Drawn when a step begins and never while one runs, which would take its time.
    parts: tuple[Any, ...] = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*parts, console=console, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=total)
        for number, what in enumerate(steps):
            bar.update(task, completed=number, description=what, refresh=True)
            yield what
