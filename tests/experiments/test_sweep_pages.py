"""What pages say that vary one setting, and how they count runs that diverged."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from byhand.experiments import channels
from byhand.experiments.lab import sweep
from byhand.experiments.parts import readings
from experiments.telling import Unsaved, verdict


@pytest.mark.parametrize(
    ("eight", "gain", "holds"), [(0.985, 0.001, True), (0.985, 0.01, False), (0.97, 0.001, None)]
)
def test_more_kernels_bring_little_only_from_98_percent_on(tmp_path, eight, gain, holds):
    page = Unsaved(tmp_path)
    means = {2: 0.9, 8: eight, 24: eight + gain}
    accuracy = [[mean + seed / 1000 for seed in range(3)] for mean in means.values()]
    channels.report({
        "values": list(means), "seeds": [0, 1, 2], "parameters": [1] * 3, "operations": [1] * 3,
        "test_accuracy": accuracy, "test_loss": [[0.1, 0.2, 0.3]] * 3,
        "train_accuracy": accuracy, "diverged": [0] * 3,
    }, page)  # fmt: skip
    assert verdict(page, "Once at") is holds


def test_a_sweep_counts_a_run_that_diverged_as_a_guess_and_says_so(lab, tmp_path):
    (run,) = readings.one_conv(lab, 1)[:1]
    broken = replace(run, test_accuracy=math.nan, test_loss=math.nan, diverged="NaN")
    found = sweep.measured([8, 12], [[run], [broken]], classes=4)
    assert found["test_accuracy"] == [[run.test_accuracy], [0.25]]
    page = Unsaved(tmp_path)
    sweep.table(found, page, "kernels", ["8", "12"], {})
    said = page.blocks[-1].values["text"]
    assert "over 1 seed." in said
    assert "Runs of 12 diverged" in said
    sweep.table(sweep.measured([8], [[run]], 4), page, "kernels", ["8"], {})
    assert "diverged" not in page.blocks[-1].values["text"]
