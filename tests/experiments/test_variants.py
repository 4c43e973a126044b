"""What pages have in common that train one network several variants."""

from __future__ import annotations

import math

import numpy as np
import pytest

from byhand.experiments.lab import variants
from experiments.by_hand import Run
from experiments.telling import Unsaved


def test_a_run_that_diverged_counts_as_a_guess_and_ends_the_curve_early():
    found = variants.measured(
        {
            "good": [Run(0, [0.5, 0.4]), Run(1, [0.6, 0.5])],
            "bad": [Run(0, [0.9], math.nan, math.nan, "NaN"), Run(1, [0.7, 0.6], 0.8)],
        },
        classes=4,
        pictures=900,
    )
    assert found["test_accuracy"] == {"good": [0.9, 0.9], "bad": [0.25, 0.8]}
    assert found["diverged"] == {"good": 0, "bad": 1}
    assert found["epochs"] == [1, 2]
    assert variants.at_epoch(found, "train_loss", "bad", 1) == [0.9, 0.7]
    assert np.isnan(variants.at_epoch(found, "train_loss", "bad", 2)).tolist() == [True, False]
    assert variants.at_epoch(found, "train_loss", "bad", -1) == [0.9, 0.6]  # as far as each came
    assert variants.ended(found, "bad") == "1 of 2 diverged"
    assert variants.ended(found, "good") == "none"


def test_a_record_of_runs_that_all_diverged_at_once_can_be_told(tmp_path):
    broken = Run(0, [], math.nan, math.nan, "NaN")
    found = variants.measured({"a": [broken], "b": [broken]}, classes=10, pictures=9)
    page = Unsaved(tmp_path)
    variants.conclude(found, page)
    variants.table(found, page, "variant")
    variants.curves(found, page, "train_loss")
    variants.compared(found, page)
    variants.against(found, page, "a")
    assert [name for name, _ in page.figures] == ["test_accuracy"]
    assert variants.ended(found, "a") == "1 of 1 diverged"


def test_a_run_that_reads_no_better_than_a_guess_is_at_chance():
    found = variants.measured({"a": [Run(0, [2.3], 0.11), Run(1, [0.1], 0.97)]}, 10, 900)
    assert variants.ended(found, "a") == "1 of 2 at chance"


def test_of_fewer_classes_more_must_be_read_to_leave_chance():
    runs = {"a": [Run(0, [0.3], 0.9), Run(1, [0.3], 0.96)]}
    assert variants.measured(runs, 2, 9)["at_chance"] == {"a": 2}  # guessing reads the half of them
    assert variants.measured(runs, 3, 9)["at_chance"] == {"a": 0}


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [([True, True], True), ([True, None], None), ([None, False], False), ([True, False], False)],
)
def test_all_of_several_verdicts_hold_or_one_does_not(verdicts, together):
    assert variants.all_of(verdicts) is together


@pytest.mark.parametrize(
    ("accuracy", "said"),
    [
        ({"a": [0.9, 0.91, 0.92], "b": [0.8, 0.81, 0.821]}, "tell it from every other"),
        ({"a": [0.9, 0.92, 0.91], "b": [0.92, 0.9, 0.9]}, "tell it from none of the others"),
        (
            {"a": [0.9, 0.92, 0.91], "b": [0.92, 0.9, 0.9], "c": [0.1, 0.12, 0.11]},
            "do not tell it from b.",
        ),
        (
            {"a": [0.9, 0.92, 0.91], "b": [0.92, 0.9, 0.9], "c": [0.92, 0.9, 0.89],
             "d": [0.1, 0.12, 0.11]},
            "tell it only from d.",
        ),
    ],
)  # fmt: skip
def test_the_conclusion_names_the_variants_that_are_not_told_apart(accuracy, said, tmp_path):
    found = {"variants": list(reversed(accuracy)), "seeds": [0, 1, 2], "test_accuracy": accuracy}
    page = Unsaved(tmp_path)
    variants.conclude(found, page)
    (text,) = page.conclusions
    assert said in text
    assert text.startswith("The highest mean test accuracy is that of a, ")
    assert f"The lowest is that of {list(accuracy)[-1]}, " in text


def test_the_table_against_a_variant_has_a_row_for_each_other_and_says_what_the_seeds_tell(
    tmp_path,
):
    found = {
        "variants": ["base", "more", "less", "same"],
        "test_accuracy": {"base": [0.5, 0.6, 0.7], "more": [0.6, 0.7, 0.81],
                          "less": [0.4, 0.5, 0.61], "same": [0.6, 0.5, 0.7]},
    }  # fmt: skip
    page = Unsaved(tmp_path)
    variants.against(found, page, "base")
    rows = page.blocks[-1].values["rows"]
    assert [(row[0], row[-1]) for row in rows] == [
        ("more", "more"), ("less", "less"), ("same", "cannot be told"),
    ]  # fmt: skip
