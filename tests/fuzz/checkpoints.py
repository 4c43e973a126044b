"""Checkpoints: spoilt, and the run that they belong to gone on with for a step."""

from __future__ import annotations

import shutil
from contextlib import closing
from unittest import mock

import blobs
from byhand import recipes
from byhand.recipes.engine import run as runs
from byhand.training import StepRecord
from fuzz import odd_files
from fuzz.odd_values import pick

# Recipes that keep different things in their checkpoints.
PLANS = (
    ("tiny", "steps=60", "epochs=None", "batch_size=8"),
    (
        "mlp",
        "epochs=2",
        "average=ExponentialMovingAverage(0.9)",
        "patience=3",
        "augment=Augmentation(shift=1.0)",
    ),
    ("deep_convnet_tuned", "epochs=2", "clip_norm=1.0"),
)


def begun(folder, name, settings):
    """The folder of a run that was stopped after its first epoch."""
    plan = runs.Plan(recipes.apply(recipes.get(name), settings), 1, tuple(settings))
    with closing(runs.run(plan, blobs.splits(60, 20), folder)) as events:
        while not isinstance(next(events), runs.training.EpochRecord):
            pass
    return folder


class Checkpoints:
    """Gone on with as `byhand train --resume` does."""

    def __init__(self, folder):
        self.folder, self.files = folder / "run", []
        # A report takes seconds to draw; `records` has them drawn.
        self.undrawn = mock.patch.object(runs, "_report", lambda folder: folder)
        self.undrawn.start()
        for name, *settings in PLANS:
            run = begun(folder / name, name, settings)
            self.files.append((run / runs.CHECKPOINT).read_bytes())

    def close(self):
        """Let reports be drawn again."""
        self.undrawn.stop()

    def case(self, rng):
        return {runs.CHECKPOINT: odd_files.tensors(pick(self.files, rng), rng)}

    def doors(self, case):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        (self.folder / runs.CHECKPOINT).write_bytes(case[runs.CHECKPOINT])
        yield self._go_on

    def _go_on(self):
        plan, _ = runs.resumed(self.folder)
        with closing(runs.run(plan, blobs.splits(60, 20), self.folder, resume=True)) as events:
            while not isinstance(next(events), StepRecord | runs.Finished):
                pass
