"""`byhand train`: a recipe, with a progress bar, into a run's folder."""

from __future__ import annotations

import os
import shlex
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from byhand.cli.options import Data, Json, Range, argument, option, path_option
from byhand.cli.output import find_model, needed, note, open_splits, print_json, program

if TYPE_CHECKING:
    from byhand.recipes.engine.run import Finished, Plan

DEFAULT = "lenet5"  # what serves a first run best: over 99 % in seconds
WITHOUT_MNIST = "digits"  # likewise, where there is no MNIST


def train(
    context: typer.Context,
    recipe: Annotated[
        str | None,
        argument(
            f"What to train (default: {DEFAULT}, and where there is no MNIST "
            f"{WITHOUT_MNIST}); byhand train --list says what there is."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        option(
            "Replace a field of the recipe; may be given again. "
            "Examples: epochs=3, schedule.rate=0.02, optimiser='SGD(momentum=0.9)', "
            "model.kernel_size=7.",
            "--set",
            metavar="FIELD=VALUE",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        option("Of weights, split, batches and dropout (default: 0).", min=0, max=2**32 - 1),
    ] = None,
    data: Data = None,
    range: Range = None,
    out: Annotated[
        Path | None, path_option("The run's folder (default: runs/RECIPE-seedN-TIME).")
    ] = None,
    resume: Annotated[
        Path | None,
        path_option("Go on with the run in this folder; recipe, settings and seed are that run's."),
    ] = None,
    from_model: Annotated[
        Path | None, path_option("Start from this model's weights.", "--from")
    ] = None,
    threads: Annotated[
        int | None,
        option(
            "Threads to use (default: BYHAND_THREADS, or all cores; under mpiexec this rank's "
            "share of them).",
            min=1,
        ),
    ] = None,
    layout: Annotated[
        str | None,
        option(
            "The arithmetic: lanes, the compiled core; reference, NumPy; or auto, the "
            "fastest there is (default: auto)."
        ),
    ] = None,
    track_test: Annotated[
        bool,
        typer.Option("--track-test", help="Score the test set each epoch too, for the curves."),
    ] = False,
    list_recipes: Annotated[
        bool, typer.Option("--list", help="List the recipes and what they reach.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a network on handwritten digits, evaluate it, and write a report with pictures.

    mpiexec -n 4 byhand train RECIPE shares the work among four processes.
    """
    from byhand import kernels, recipes, training
    from byhand.errors import InputError
    from byhand.recipes.engine import run as runs

    if list_recipes:
        pages = [recipes.get(name) for name in recipes.names()]
        if json:
            print_json({"recipes": [page.as_dict() for page in pages]})
        for page in () if json else pages:
            claim = f": {page.expect}" if page.expect else ""
            print(f"{page.name:16s} {page.summary}{claim}")
        return
    group: training.Group = context.obj or training.ALONE
    if resume is not None:
        fixed = {"RECIPE": recipe, "--set": settings, "--seed": seed, "--from": from_model,
                 "--out": out, "--range": range, "--layout": layout,
                 "--track-test": track_test or None}  # fmt: skip
        given = [name for name, value in fixed.items() if value is not None]
        if given:
            raise InputError(f"--resume goes on with a run as it was; leave out {', '.join(given)}")
        plan, _ = runs.resumed(resume)
        plan = replace(
            plan,
            # What the run began with need not be a rank's share of this machine.
            threads=threads or (plan.threads if group.size == 1 else None),
            data=plan.data if data is None else str(data.absolute()),
        )
    else:
        chosen = DEFAULT if recipe is None else recipe
        plan = runs.Plan(
            recipe=recipes.apply(recipes.get(chosen), settings or ()),
            seed=seed or 0,
            settings=tuple(settings or ()),
            track_test=track_test,
            from_model=None if from_model is None else str(find_model(from_model)),
            layout="auto" if layout is None else layout,
            threads=threads,
            data=None if data is None else str(data.absolute()),
            range=range,
        )
    kernels.resolve_layout(plan.layout)
    kernels.set_threads(plan.threads or kernels.available_threads(group.cores))
    folder = out if resume is None else resume
    splits = open_splits(
        None if plan.data is None else Path(plan.data),
        plan.recipe.dataset,
        allow_bundled=plan.data is None,
        range=plan.range,
    )
    if splits.name == "digits" and plan.recipe.dataset != "digits" and resume is None:
        plan = _for_digits(plan, recipe)
    events = runs.run(plan, splits, folder, resume=resume is not None, group=group)
    with needed(), closing(events):
        finished = _follow(events, splits, plan.layout, group.size)
    if json:
        print_json(finished.result)
    else:
        _conclude(finished)
    if finished.failure is not None:
        raise finished.failure


def _for_digits(plan: Plan, asked: str | None) -> Plan:
    """The plan where scikit-learn's digits stand in for MNIST: its record says so, and redoes it.

    Nothing `asked` for, the recipe is the one that suits so few pictures.
    """
    from byhand import recipes

    if asked is None:
        recipe = recipes.apply(recipes.get(WITHOUT_MNIST), plan.settings)
        return replace(plan, recipe=recipe)
    note(f"{asked} is made for MNIST's 60,000 pictures: byhand train {WITHOUT_MNIST} suits these")
    settings = (*plan.settings, "dataset=digits")
    return replace(plan, recipe=recipes.apply(plan.recipe, settings[-1:]), settings=settings)


def _follow(events: Any, splits: Any, layout: str, ranks: int) -> Finished:
    """Show progress while the run runs; give its end. Interrupted, say how to go on."""
    from byhand import training
    from byhand.cli.progress import new_display
    from byhand.recipes.engine.run import CHECKPOINT, Finished

    started = next(events)
    display = new_display(started.prepared, splits, layout, ranks)
    warned: set[str] = set()
    try:
        for event in events:
            if isinstance(event, training.StepRecord):
                display.step(event)
            elif isinstance(event, training.EpochRecord):
                display.epoch(event)
                for diagnosis in event.diagnoses:
                    if diagnosis.kind not in warned:  # once is enough; the report has them all
                        warned.add(diagnosis.kind)
                        display.say(str(diagnosis))
            elif isinstance(event, Finished):
                for diagnosis in event.diagnoses:
                    display.say(str(diagnosis))
                return event
    except training.Diverged as error:
        display.say(str(error.diagnosis))
        display.say(f"report  {started.folder / 'report.html'}")
        raise
    except KeyboardInterrupt:
        if (started.folder / CHECKPOINT).is_file():
            display.say(f"stopped; go on with: byhand train --resume {started.folder}")
        raise
    finally:
        display.close()
    raise RuntimeError("the run ended without a result")


def _conclude(finished: Finished) -> None:
    """The result for people."""
    from byhand.data import DIGITS
    from byhand.reader.examples.sample import PAGE

    result, test = finished.result, finished.test
    byhand = program()
    low, high = test.accuracy_interval
    print(
        f"{result['recipe']} reads {test.accuracy:.2%} of {test.n:,} test pictures correctly "
        f"(95 % interval {low:.2%} to {high:.2%}), loss {test.loss:.4f}"
    )
    ranks = f"{result['ranks']} ranks with " if result["ranks"] > 1 else ""
    print(
        f"trained in {result['train_seconds']:.0f} s at {result['images_per_second']:,.0f} "
        f"images/s ({result['layout']} arithmetic, {ranks}{result['threads']} threads)"
    )
    for what, path in (("model", finished.model), ("report", finished.report)):
        if path.is_file():
            print(f"{what:6s}  {path}")
    draw = "draw a digit" if set(DIGITS) <= set(test.classes) else "draw"
    print(f"look    {byhand} serve opens a page: {draw}, and see what the network makes of it")
    print(f"read    {byhand} read {_shortest(PAGE)} reads a page of digits, as a photograph of one")


def _shortest(path: Path) -> str:
    """The path as it is shortest from here."""
    return shlex.quote(min(str(path), os.path.relpath(path), key=len))
