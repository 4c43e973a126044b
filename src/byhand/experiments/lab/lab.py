"""The lab: what an experiment works with: data, seeds, trainings done side by side and kept.

A full run takes what the experiment asks for. `quick` and `smoke` make everything smaller in one
place, here, so that the pages need to know little of it: fewer seeds, epochs and pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from byhand.data import Splits
from byhand.errors import InputError
from byhand.experiments.lab import train as training_task
from byhand.experiments.lab.train import Trained
from byhand.experiments.lab.workers import Function, Task, Workers
from byhand.recipes import Recipe, get

T = TypeVar("T")


@dataclass(frozen=True)
class Scale:
    """How much of an experiment is done.

    Args:
        name: "full", "quick" or "smoke".
        seeds: at most so many.
        epochs: this share of a recipe's, rounded up.
        most_epochs: and no more than so many.
        steps: no more than so many.
        train: no more training pictures than so many.
        test: no more test pictures than so many.
        warning: for the report.
    """

    name: str
    seeds: int | None = None
    epochs: float = 1.0
    most_epochs: int | None = None
    steps: int | None = None
    train: int | None = None
    test: int | None = None
    warning: str = ""


FULL = Scale("full")
QUICK = Scale(
    "quick", seeds=2, epochs=0.2, most_epochs=20, train=10_000,
    warning="A quick run: a fifth of the epochs, 10,000 training pictures, and 2 seeds unless "
    "others were asked for. Its figures show what the experiment does and are too rough to "
    "conclude from.",
)  # fmt: skip
SMOKE = Scale(
    "smoke", seeds=2, epochs=0.01, most_epochs=1, steps=20, train=300, test=200,
    warning="A smoke run, to see that the code works: its figures mean nothing.",
)  # fmt: skip
SCALES = {scale.name: scale for scale in (FULL, QUICK, SMOKE)}


@dataclass
class Lab:
    """What `measure` is given.

    Args:
        splits: the data.
        workers: where tasks are done and kept.
        folder: the experiment's own, for files it keeps (a data base).
        scale: how much of it is done.
        settings: the experiment's, with what the user set.
        asked_seeds: how many seeds the user wants, or None.
        progress: told (what, done, total) as tasks are done.
    """

    splits: Splits
    workers: Workers
    folder: Path
    scale: Scale = FULL
    settings: Mapping[str, Any] | None = None
    asked_seeds: int | None = None
    progress: Callable[[str, int, int], None] = lambda what, done, total: None
    tasks: list[Task] = field(default_factory=list)  # all that were asked for

    def seeds(self, n: int) -> range:
        """The seeds to train with: 0 to n - 1, or as many as the scale or the user allows."""
        if self.asked_seeds is not None:
            return range(self.asked_seeds)
        return range(n if self.scale.seeds is None else min(n, self.scale.seeds))

    def pick(self, full: T, quick: T, smoke: T | None = None) -> T:
        """What fits the scale: settings to go through, a number of repetitions."""
        if self.scale.name == "full":
            return full
        return smoke if self.scale.name == "smoke" and smoke is not None else quick

    def recipe(self, name: str, **changes: Any) -> Recipe:
        """The recipe `name` with fields replaced, cut down to the scale.

        Raises:
            InputError: no such recipe or field, or a value that does not fit.
        """
        recipe = replace(get(name), expect=None, **changes)
        scale = self.scale
        if recipe.epochs is not None:
            epochs = max(1, -int(-recipe.epochs * scale.epochs // 1))
            recipe = replace(recipe, epochs=_least(epochs, scale.most_epochs))
        if scale.steps is not None:
            recipe = replace(recipe, steps=_least(scale.steps, recipe.steps))
        if scale.train is not None:
            recipe = replace(recipe, train_limit=_least(scale.train, recipe.train_limit))
        if scale.test is not None:
            recipe = replace(recipe, test_limit=_least(scale.test, recipe.test_limit))
        recipe.check()
        return recipe

    def train(
        self,
        recipes: Recipe | Iterable[Recipe],
        seeds: int | Sequence[int] = 5,
        track_test: bool = False,
    ) -> list[list[Trained]]:
        """Train each recipe with each seed, side by side; what was trained before is not redone.

        Args:
            recipes: from `recipe`.
            seeds: how many (see `seeds`), or which.
            track_test: whether to score the test set each epoch, for curves.

        Returns:
            A list a recipe, a `Trained` a seed.
        """
        wanted = [recipes] if isinstance(recipes, Recipe) else list(recipes)
        chosen = self.seeds(seeds) if isinstance(seeds, int) else seeds
        tasks = [training_task.task(r, seed, track_test) for r in wanted for seed in chosen]
        costs = [training_task.cost(r, self.splits) for r in wanted]
        done = self._do("trainings", tasks, [cost for cost in costs for _ in chosen])
        runs = [
            training_task.trained(task, values, self.workers.place(task))
            for task, values in zip(tasks, done, strict=True)
        ]
        n = len(chosen)
        return [runs[i * n : (i + 1) * n] for i in range(len(wanted))]

    def each(
        self,
        function: Function,
        arguments: Iterable[Mapping[str, Any]],
        *,
        what: str = "tasks",
        alone: bool = False,
    ) -> list[dict[str, Any]]:
        """Do `function(splits, folder, **arguments)` for each, side by side; results are kept.

        Args:
            function: of a module (not a lambda, not inside another); gives plain values and arrays.
                It draws from generators whose seed is among its arguments.
            arguments: plain values only.
            what: the word for these tasks, for the progress bar.
            alone: one after the other, with all threads: for what is timed.
        """
        return self._do(what, [Task(function, given, alone) for given in arguments])

    def each_model(
        self, function: Function, runs: Iterable[Trained], *, what: str = "models", **arguments: Any
    ) -> list[dict[str, Any]]:
        """The same with the model of each run, as `kept_model(folder, training)` in the function.

        It is called as `function(splits, folder, recipe, seed, training, **arguments)`.
        """
        return self.each(function, [{**r.as_argument(), **arguments} for r in runs], what=what)

    def _do(
        self, what: str, tasks: Sequence[Task], costs: Sequence[float] | None = None
    ) -> list[dict[str, Any]]:
        # The longest first, so that no core waits for one that began last.
        order = list(range(len(tasks)))
        if costs is not None:
            order.sort(key=lambda i: -costs[i])
        self.tasks += tasks
        self.progress(what, 0, len(tasks))
        for done, _ in enumerate(self.workers.run([tasks[i] for i in order]), 1):
            self.progress(what, done, len(tasks))
        return [self.workers.result(task) for task in tasks]


def _least(number: int, other: int | None) -> int:
    return number if other is None else min(number, other)


def check_seeds(seeds: int | None) -> None:
    """See that the number of seeds is one.

    Raises:
        InputError: it is below 1.
    """
    if seeds is not None and seeds < 1:
        raise InputError(f"seeds is {seeds}, but it must be at least 1")
