"""What a recipe is: a training run on one page, with the claim of what it reaches."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from byhand import checks
from byhand.data import DATASETS
from byhand.errors import InputError
from byhand.recipes.engine.examples import EXAMPLES
from byhand.training import Settings


@dataclass(frozen=True)
class Network:
    """A network by name with its settings, written as `one_conv(kernel_size=7)`."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.settings.items())
        return f"{self.name}({arguments})" if arguments else self.name


@dataclass(frozen=True)
class Expect:
    """What a recipe reaches: mean ± deviation of the test accuracy over n seeds, as measured.

    The deviation is the sample's (n - 1). `note` says on what machine, and what else was seen.
    """

    mean: float
    deviation: float
    seeds: int
    note: str = ""

    def __str__(self) -> str:
        note = f"; {self.note}" if self.note else ""
        return f"{self.mean:.2%} ± {self.deviation * 100:.2f} ({self.seeds} seeds{note})"


@dataclass(frozen=True, kw_only=True)
class Recipe(Settings):
    """A training run: the settings of `fit`, data, network, choice, and what it reaches.

    `--set field=value` replaces a field; `--set schedule.rate=0.02` one setting of a field.

    Raises:
        InputError: a value is none of its kind; names the field and what it may be.
    """

    name: str
    summary: str
    epochs: int | None = 10
    # Data
    dataset: str = "mnist"  # or digits: scikit-learn's 1,797; either where no data are named
    train_limit: int | None = None  # the first so many training pictures (of a sorted set, drawn)
    test_limit: int | None = None  # the first so many test pictures (likewise)
    standardise: bool = True  # to mean 0, deviation 1; otherwise pixels / 255
    validation_fraction: float = 0.1  # of the training pictures, for making choices
    examples: str = "as_found"  # or reader: what the reader learns from, made of the set's digits
    # Network
    model: Network = Network("lenet5")
    # Choice
    keep_best: bool = True  # end with the weights of the best epoch on validation
    patience: int | None = None  # stop after so many epochs without a better validation loss
    # Claim
    expect: Expect | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.one_of("dataset", self.dataset, DATASETS)
        checks.one_of("examples", self.examples, EXAMPLES)
        checks.number("validation_fraction", self.validation_fraction, 0, below=1)
        for name in ("train_limit", "test_limit", "patience"):
            if getattr(self, name) is not None:
                checks.whole(name, getattr(self, name), 1)

    def check(self) -> None:
        """See that the fields make sense together.

        Raises:
            InputError: they do not; names them.
        """
        super().check()
        if self.patience is not None and self.validation_fraction == 0:
            raise InputError("patience needs a validation set; set validation_fraction too")

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values: settings with parts as the text that --set takes."""
        values: dict[str, Any] = {"name": self.name, "summary": self.summary}
        for entry in fields(self):
            value = getattr(self, entry.name)
            plain = value is None or isinstance(value, bool | int | float | str)
            values[entry.name] = value if plain else str(value)
        return values


def names() -> tuple[str, ...]:
    """The recipes there are: the pages of the folder `recipes`."""
    folder = Path(__file__).parent.parent
    return tuple(sorted(p.stem for p in folder.glob("*.py") if p.stem != "__init__"))


def get(name: str) -> Recipe:
    """The recipe `name`.

    Raises:
        InputError: there is no such recipe; lists those there are.
    """
    if name not in names():
        raise InputError(f"there is no recipe {name!r}; there are: {', '.join(names())}")
    recipe: Recipe = importlib.import_module(f"byhand.recipes.{name}").RECIPE
    return recipe


def fingerprint(recipe: Recipe) -> str:
    """The recipe's settings without its claim, as one text: equal where runs are the same."""
    values = recipe.as_dict()
    values.pop("expect")
    return json.dumps(values, sort_keys=True)
