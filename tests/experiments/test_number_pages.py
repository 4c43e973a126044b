"""What pages say that vary a number, and how they count runs that diverged."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from byhand.experiments import channels
from byhand.experiments.lab import readings, variants
from experiments.by_hand import record
from experiments.telling import Unsaved, verdict


@pytest.mark.parametrize(
    ("eight", "gain", "holds"), [(0.985, 0.001, True), (0.985, 0.01, False), (0.97, 0.001, None)]
)
def test_more_kernels_bring_little_only_from_98_percent_on(tmp_path, eight, gain, holds):
    page = Unsaved(tmp_path)
    means = {2: 0.9, 8: eight, 24: eight + gain}
    by_variant = record({str(kernels): mean for kernels, mean in means.items()})
    channels.report({"values": list(means), **by_variant}, page)
    assert verdict(page, "Once at") is holds


def test_a_sweep_counts_a_run_that_diverged_as_a_guess_and_says_so(lab, tmp_path):
    (run,) = readings.one_conv(lab, 1)[:1]
    broken = replace(run, test_accuracy=math.nan, test_loss=math.nan, diverged="NaN")
    found = variants.measured({"8": [run], "12": [broken]}, classes=4, pictures=9)
    assert found["test_accuracy"] == {"8": [run.test_accuracy], "12": [0.25]}
    page = Unsaved(tmp_path)
    variants.table(found, page, "kernels", costs=True)
    said = page.blocks[-1].values["text"]
    assert "over 1 seed, after 1 epoch on 9 training pictures." in said
    assert "Runs of 12 diverged" in said
    variants.table(variants.measured({"8": [run]}, 4, 9), page, "kernels", costs=True)
    assert "diverged" not in page.blocks[-1].values["text"]
