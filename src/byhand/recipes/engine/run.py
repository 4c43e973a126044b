"""A training run in a folder that holds all it takes to know and redo it.

run.json                 recipe, settings, seed, versions, machine, data, records, result
log.jsonl                a line an epoch, as it happens
checkpoint.safetensors   to go on from
model.safetensors        the trained model
evaluation.json, .npz    how it reads the test set
look.npz                 what it sees of one picture
pictures/, report.html   all that, drawn
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from byhand import checks, evaluation, kernels, nn, training
from byhand.data import Splits
from byhand.errors import DataError, InputError
from byhand.files import append_text, jsonable, remove_partials, write_json, write_text
from byhand.recipes.engine.examples import EXAMPLES
from byhand.recipes.engine.folder import alone_in, new_folder
from byhand.recipes.engine.prepare import Prepared, prepare, train
from byhand.recipes.engine.recipe import Recipe, get
from byhand.recipes.engine.set_option import from_dict

CHECKPOINT = "checkpoint.safetensors"
MODEL = "model.safetensors"
RECORD = "run.json"
LOG = "log.jsonl"
REPORT = "report.html"


@dataclass(frozen=True)
class Started:
    """The beginning of a run: what was prepared, and the folder that it goes to."""

    prepared: Prepared
    folder: Path


@dataclass(frozen=True)
class Finished:
    """The end of a run: the result as `--json` prints it, the folder, and what looked wrong.

    `failure` is why a file of the folder (a full disk, the report) could not be written; the first
    such error, which is for the caller to raise once the result is told.
    """

    result: dict[str, Any]
    folder: Path
    model: Path
    report: Path
    test: evaluation.Evaluation
    diagnoses: tuple[training.Diagnosis, ...]
    failure: Exception | None = None


@dataclass(frozen=True)
class Plan:
    """What to run: a recipe with its settings, a seed, and how."""

    recipe: Recipe
    seed: int = 0
    settings: tuple[str, ...] = ()  # the --set pairs, already applied to the recipe
    track_test: bool = False
    from_model: str | None = None
    layout: str = "auto"
    threads: int | None = None  # None: as `kernels.set_threads` chooses
    data: str | None = None  # as given to --data
    range: str | None = None  # as given to --range

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for the checkpoint."""
        return {**asdict(self), "recipe": self.recipe.as_dict(), "settings": list(self.settings)}


@dataclass(frozen=True)
class Saved:
    """The settings in a run's checkpoint: the plan as plain values, and what it was run on."""

    recipe: dict[str, Any]
    seed: int
    settings: list[str]
    track_test: bool
    from_model: str | None
    layout: str
    threads: int | None
    data: str | None
    sha256: str  # of the data
    arithmetic: list[dict[str, Any]]  # one after another, where it was resumed with another
    range: str | None = None


@dataclass(frozen=True)
class Task:
    """What rank 0 tells the other ranks to train along with it."""

    plan: Plan
    prepared: Prepared
    state: training.TrainingState


def resumed(folder: str | Path) -> tuple[Plan, str]:
    """The plan of the run in `folder`, from its checkpoint, and the hash of its data.

    Raises:
        DataError: the folder holds no checkpoint, or one that is broken or of a recipe that is not
            known here.
    """
    folder = Path(folder)
    if not (folder / CHECKPOINT).is_file():
        raise DataError(f"{folder} holds no {CHECKPOINT} to resume from; give a run's folder")
    path = folder / CHECKPOINT
    saved = checks.record(Saved, training.read_metadata(path), f"the settings in {path}")
    try:
        checks.whole("the seed", saved.seed, 0, training.SEEDS - 1)
        if saved.threads is not None:
            checks.whole("threads", saved.threads, 1)
        kernels.resolve_layout(saved.layout)
        name = checks.word("the recipe's name", saved.recipe.get("name"))
        values = {field.name: getattr(saved, field.name) for field in fields(Plan)}
        values |= {"recipe": from_dict(get(name), saved.recipe), "settings": tuple(saved.settings)}
        plan = Plan(**values)
    except InputError as error:
        raise DataError(f"{path} holds the settings of a run that cannot go on: {error}") from error
    return plan, saved.sha256


def run(
    plan: Plan,
    splits: Splits,
    folder: str | Path | None = None,
    *,
    resume: bool = False,
    group: training.Group = training.ALONE,
) -> Generator[Started | training.EpochRecord | training.StepRecord | Finished, None, None]:
    """Train into `folder`: yields `Started`, step and epoch records, and `Finished`.

    Without a folder it makes one in runs/, once all is ready to train.

    Stopped at any point, the folder holds the last checkpoint; `resume=True` goes on from it and
    comes to the same bits as a run that was never stopped, or says why not: where threads or
    anything else of the arithmetic are others.

    In a group of several ranks this is what rank 0 does, and the others call `assist`: rank 0 reads
    and writes all files, so that the others need none.

    Raises:
        training.Diverged: the loss is not finite; the folder's report says more.
        FileWriteError: the folder cannot be written; the last checkpoint stays.
    """
    # A checkpoint holds the weights already: the file they started from may be gone by now.
    start = None if resume else plan.from_model
    prepared = prepare(plan.recipe, splits, plan.seed, start)
    folder = new_folder(plan.recipe.name, plan.seed) if folder is None else Path(folder)
    with alone_in(folder):
        yield from _run(plan, splits, prepared, folder, resume, group)


def _run(
    plan: Plan,
    splits: Splits,
    prepared: Prepared,
    folder: Path,
    resume: bool,
    group: training.Group,
) -> Generator[Started | training.EpochRecord | training.StepRecord | Finished, None, None]:
    """`run`, in a folder that no other process trains in."""
    path = folder / CHECKPOINT
    computed = [training.arithmetic(kernels.resolve_layout(plan.layout), group.size)]
    if resume:
        if resumed(folder)[1] != prepared.sha256:
            raise InputError(
                f"the run in {folder} was trained on other data than {prepared.source}; "
                "name the same data to resume"
            )
        state = training.load_checkpoint(path, prepared.model, plan.recipe.optimiser)
        if (state.average is None) != (plan.recipe.average is None):
            raise DataError(f"{path} and the recipe differ in whether weights are averaged")
        before = training.read_metadata(path)["arithmetic"]
        computed = before if before[-1:] == computed else before + computed
        if len(computed) > 1:
            prepared = replace(prepared, notes=(*prepared.notes, _parted(computed)))
    elif path.exists():
        raise InputError(f"{folder} holds a run already; resume it, or choose another folder")
    else:
        state = prepared.new_state()
    remove_partials(folder)
    about = {**_about(plan, prepared, splits, group), "arithmetic": computed}
    write_text(folder / LOG, "".join(_line(record) for record in state.records))
    _write_record(folder, about, state.records, (), None)
    group.broadcast(Task(plan, prepared, state))
    yield Started(prepared, folder)
    try:
        for record in train(
            prepared,
            track_test=plan.track_test,
            state=state,
            checkpoint=path,
            metadata={**plan.as_dict(), "sha256": prepared.sha256, "arithmetic": computed},
            step_records=True,
            layout=plan.layout,
            group=group,
        ):
            if isinstance(record, training.EpochRecord):
                append_text(folder / LOG, _line(record))
            yield record
    except training.Diverged as error:
        _write_record(folder, about, state.records, (error.diagnosis,), None)
        _report(folder)
        raise
    yield _finish(plan, prepared, splits, state, folder, about)


def assist(group: training.Group) -> int:
    """Train along with rank 0, as a rank from 1 up; writes nothing. Gives the exit status.

    Whatever goes wrong for all ranks alike is told by rank 0.
    """
    task: Task | None = group.broadcast(None)
    if task is None:
        return 0
    plan = task.plan
    kernels.set_threads(plan.threads or kernels.available_threads(group.cores))
    with suppress(training.Diverged):
        for _ in train(
            task.prepared,
            track_test=plan.track_test,
            state=task.state,
            layout=plan.layout,
            group=group,
        ):
            pass
    return 0


def _finish(
    plan: Plan,
    prepared: Prepared,
    splits: Splits,
    state: training.TrainingState,
    folder: Path,
    about: dict[str, Any],
) -> Finished:
    """Evaluate, save and draw."""
    model, records = prepared.model, state.records
    test = evaluation.evaluate(model, prepared.test, layout=plan.layout)
    kept = records[-1]
    if plan.recipe.keep_best and state.best_epoch is not None:
        kept = records[state.best_epoch - 1]
    seconds = sum(r.seconds for r in records)
    images = sum(r.seconds * r.images_per_second for r in records)
    result = {
        "recipe": plan.recipe.name,
        "dataset": splits.name,
        "n_train": len(prepared.train),
        "n_test": len(prepared.test),
        "seed": plan.seed,
        "layout": about["layout"],
        "threads": about["threads"],
        "ranks": about["ranks"],
        "parameters": about["parameters"],
        "epochs": len(records),
        "train_loss": records[-1].train_loss,
        "validation_accuracy": kept.validation_accuracy,
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "train_seconds": seconds,
        "images_per_second": images / max(seconds, 1e-9),
        "run": str(folder),
        "model": str(folder / MODEL),
    }
    result |= EXAMPLES[plan.recipe.examples].finish(model, prepared.validation)
    # A model goes to other machines, where the run's folder means nothing.
    figures = {name: value for name, value in result.items() if name not in ("run", "model")}
    model.card = replace(model.card, recipe=plan.recipe.as_dict(), figures=figures)
    diagnoses = training.run_diagnoses(model, records)
    writing: tuple[Callable[[], object], ...] = (
        lambda: nn.save(model, folder / MODEL),
        lambda: _write_record(folder, about, records, diagnoses, result),
        lambda: test.save(folder),
        lambda: evaluation.look(model, prepared.test.images[0]).save(folder),
        lambda: _report(folder),
    )
    failure: Exception | None = None
    for write in writing:  # whatever one of them meets, the others are worth having
        try:
            write()
        except Exception as error:
            failure = failure or error
    return Finished(result, folder, folder / MODEL, folder / REPORT, test, diagnoses, failure)


def _parted(computed: Sequence[dict[str, Any]]) -> str:
    """What to say of a run whose parts were computed in different ways."""
    names = [name for name in computed[0] if len({str(c.get(name)) for c in computed}) > 1]
    changes = ", ".join(f"{n} {', then '.join(str(c.get(n)) for c in computed)}" for n in names)
    return (
        "the run was stopped and went on with another arithmetic "
        f"({changes.replace('_', ' ')}): its "
        "bits are not those of a run that was never stopped"
    )


def _about(plan: Plan, prepared: Prepared, splits: Splits, group: training.Group) -> dict[str, Any]:
    """What is known before the first step."""
    table = nn.summary(prepared.model, prepared.train.image_shape)
    return {
        "recipe": plan.recipe.as_dict(),
        "settings": list(plan.settings),
        "seed": plan.seed,
        "track_test": plan.track_test,
        "from_model": plan.from_model,
        "versions": training.versions(),
        "machine": training.machine(),
        "threads": kernels.threads(),  # of each rank
        "ranks": group.size,
        "layout": kernels.resolve_layout(plan.layout),
        "instruction_set": kernels.instruction_set(),
        "dataset": {
            "name": splits.name,
            "source": prepared.source,
            "sha256": prepared.sha256,
            "n_train": len(prepared.train),
            "n_validation": 0 if prepared.validation is None else len(prepared.validation),
            "n_test": len(prepared.test),
            "notes": list(splits.notes),
        },
        "notes": list(prepared.notes),
        "parameters": table.parameters,
        "operations": table.operations,
        "layers": table.as_dicts(),
    }


def _write_record(
    folder: Path,
    about: dict[str, Any],
    records: Sequence[training.EpochRecord],
    diagnoses: Sequence[training.Diagnosis],
    result: dict[str, Any] | None,
) -> None:
    write_json(
        folder / RECORD,
        {
            **about,
            "epochs": [r.as_dict() for r in records],
            "diagnoses": [asdict(d) for d in (*diagnoses, *training.told_once(records))],
            "result": result,
        },
    )


def _report(folder: Path) -> Path:
    from byhand.plots import write_report  # matplotlib only when there is something to draw

    return write_report(folder)


def _line(record: training.EpochRecord) -> str:
    return json.dumps(jsonable(record.as_dict()), allow_nan=False) + "\n"
