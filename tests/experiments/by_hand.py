"""Records of networks trained in several variants, made by hand, and the pages they give."""

from __future__ import annotations

from dataclasses import dataclass, field

from byhand.experiments.lab import variants
from experiments.telling import Unsaved


@dataclass
class Run:
    """As much of a training's result as a record is made of."""

    seed: int
    losses: list[float]
    test_accuracy: float = 0.9
    test_loss: float = 0.3
    diverged: str = ""
    parameters: int = 10
    operations: int = 20
    epochs: list[int] = field(init=False)

    def __post_init__(self):
        self.epochs = list(range(len(self.losses)))

    def curve(self, name):
        return self.losses


def record(accuracy, first=None, seeds=3, **more):
    """A record of three epochs: means by variant, and losses of the first epoch (1 if not given).

    Seed s has s thousandths more, so that differences between variants are the same in all seeds.
    """
    first = first or {}
    runs = {
        variant: [
            Run(s, [first.get(variant, 1.0), 0.5, 0.25], value + s / 1000) for s in range(seeds)
        ]
        for variant, value in accuracy.items()
    }
    return {**variants.measured(runs, 10, 900), **more}


def told(page_of, values, tmp_path):
    page = Unsaved(tmp_path)
    page_of.report(values, page)
    return page
