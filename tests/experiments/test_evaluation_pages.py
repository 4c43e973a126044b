"""What the pages on mistakes, reports and views compute and conclude where the answer is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import blobs
from byhand.data import Dataset
from byhand.evaluation import mean_cross_entropy
from byhand.experiments import Workers, classification_report, confusion, many_views, mistakes
from byhand.experiments.lab import readings
from experiments.telling import Unsaved, verdict


def reading(predictions, classes=3, sure=0.9):
    """Probabilities (S, N, K) of networks that read `predictions` (S, N), as sure as told."""
    rest = (1 - sure) / (classes - 1)
    return np.where(
        np.arange(classes) == np.asarray(predictions)[..., None], sure, rest
    ).astype(np.float32)  # fmt: skip


def digits(labels, classes=3):
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4))
    return Dataset(images.astype(np.uint8), np.array(labels), tuple("0123456789"[:classes]))


# mistakes

LABELS = [0, 1, 2, 0, 1, 2]
READ = [[0, 2, 2, 1, 1, 0], [0, 2, 1, 1, 1, 2], [0, 0, 2, 1, 1, 2]]  # three networks


def test_mistakes_are_counted_by_how_many_networks_make_them():
    found = mistakes.mistaken(reading(READ), digits(LABELS))
    assert found["wrong"] == [3, 3, 2]
    assert found["misread_by"] == [2, 2, 0, 2]  # pictures 0 and 4; 2 and 5; none; 1 and 3
    # Of network 0's three mistakes two are made by either other one; by chance 3/6 and 2/6.
    assert found["again"][0] == pytest.approx(2 / 3)
    assert found["anyway"][0] == pytest.approx((3 / 6 + 2 / 6) / 2)
    assert found["first_pairs"][0] == [["1", "2"], ["0", "1"], ["2", "0"]]


def test_the_galleries_are_the_first_the_surest_and_the_shared_mistakes():
    p = reading(READ)
    p[0, 5] = [0.98, 0.01, 0.01]  # network 0 is surest of its last mistake
    found = mistakes.mistaken(p, digits(LABELS))
    assert found["first_images"][:, 0, 0, 0].tolist() == [1, 3, 5]
    assert found["surest_images"][0, 0, 0, 0] == 5
    assert found["surest_sure"][0] == pytest.approx(0.98)
    assert found["shared_images"][:, 0, 0, 0].tolist() == [1, 3]
    assert found["shared_read"].tolist() == [2, 1]  # picture 1 is a 2 to two of three networks
    assert found["shared_labels"].tolist() == [1, 0]


def test_what_all_misread_is_never_shown_as_its_own_label():
    # On average the label is the most probable, though no network reads it.
    p = np.array([[[0.4, 0.6, 0.0]], [[0.4, 0.0, 0.6]]], np.float32)
    found = mistakes.mistaken(p, digits([0]))
    assert found["shared_read"].tolist() != found["shared_labels"].tolist()


def mistakes_page(tmp_path, predictions, labels, **changes):
    classes = 10
    found = mistakes.mistaken(reading(predictions, classes), digits(labels, classes))
    record = {"seeds": list(range(len(predictions))), "classes": list("0123456789"), **found}
    page = Unsaved(tmp_path)
    mistakes.report({**record, **changes}, page)
    return page


def test_shared_mistakes_make_hard_pictures_and_unrelated_ones_do_not(tmp_path):
    labels = np.zeros(60, int)
    shared = np.zeros((3, 60), int)
    shared[:, :5] = 1
    apart = np.zeros((3, 60), int)
    for s in range(3):
        apart[s, 5 * s : 5 * s + 5] = 1
    assert verdict(mistakes_page(tmp_path, shared, labels), "hard pictures") is True
    assert verdict(mistakes_page(tmp_path, apart, labels), "hard pictures") is False
    assert verdict(mistakes_page(tmp_path, shared[:1], labels), "hard pictures") is None


def test_the_study_s_ten_are_looked_for_in_every_seed(tmp_path):
    labels = np.array([9, 5, 5, 1])
    like, unlike = [4, 3, 3, 1], [4, 3, 5, 1]
    for predictions, holds in (([like, like], True), ([like, unlike], None), ([unlike], False)):
        assert verdict(mistakes_page(tmp_path, predictions, labels), "9 read as 4") is holds


def test_a_network_without_mistakes_is_told_too(tmp_path):
    page = mistakes_page(tmp_path, [[0, 1], [0, 1]], [0, 1])
    assert "misreads 0 ± 0 of 2" in page.conclusions[0].replace("\u00a0", " ")
    assert not hasattr(page, "figures")


# confusion


def matrices(counts, n_seeds=5):
    """Confusion matrices of ten classes with these errors by pair, one count a seed."""
    made = np.zeros((n_seeds, 10, 10), int)
    made[:, range(10), range(10)] = 90 + np.arange(10)
    for (label, read), of in counts.items():
        made[:, int(label), int(read)] = of
    return made


def confusion_page(tmp_path, counts, n_seeds=5):
    page = Unsaved(tmp_path)
    classes = list("0123456789")
    record = {"seeds": list(range(n_seeds)), "classes": classes}
    confusion.report({**record, "confusion": matrices(counts, n_seeds)}, page)
    return page


def test_a_pair_is_the_most_frequent_where_every_seed_says_so(tmp_path):
    page = confusion_page(
        tmp_path, {("9", "4"): [11, 12, 10, 11, 12], ("7", "2"): [6, 5, 7, 6, 5], ("7", "3"): 1}
    )
    assert verdict(page, "9 read as 4") is True
    assert verdict(page, "7 read as 3") is False  # two others are ahead with every seed
    assert page.conclusions[0].startswith("The most frequent mistake is 9 read as 4")


def test_a_pair_is_not_the_most_frequent_where_another_is_ahead_in_every_seed(tmp_path):
    page = confusion_page(tmp_path, {("9", "4"): [6, 5, 7, 6, 5], ("7", "2"): [11, 12, 10, 11, 12]})
    assert verdict(page, "9 read as 4") is False


def test_which_pair_is_ahead_cannot_be_told_where_the_seeds_disagree(tmp_path):
    counts = {("9", "4"): [6, 12, 7, 11, 5], ("7", "2"): [11, 5, 10, 6, 9]}
    assert verdict(confusion_page(tmp_path, counts), "9 read as 4") is None
    alone = confusion_page(tmp_path, {("9", "4"): [6], ("7", "2"): [1]}, n_seeds=1)
    assert verdict(alone, "9 read as 4") is None


def test_pairs_of_every_seed_are_counted(tmp_path):
    page = confusion_page(
        tmp_path, {("9", "4"): [1, 1, 2, 1, 1], ("7", "2"): [0, 3, 3, 3, 3], ("5", "3"): 2}
    )
    assert "Of 90 ways" in page.conclusions[1]
    assert " 3 occur over 5 seeds, 2 of them with every seed" in page.conclusions[1]
    assert verdict(page, "not equally frequent") is True


# classification_report


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_study_s_table_agrees_with_itself(part):
    # A wrong digit in the copy would show: F1 follows from the others, the accuracy from recall.
    rows = np.array(classification_report.STUDY[part])
    precision, recall, f1, pictures = rows.T
    np.testing.assert_allclose(2 * precision * recall / (precision + recall), f1, atol=1.01e-4)
    hits = np.round(recall * pictures)
    np.testing.assert_allclose(hits / pictures, recall, atol=0.51e-4)
    assert hits.sum() / pictures.sum() == classification_report.STUDY_ACCURACY[part]
    assert f1.mean() == pytest.approx(classification_report.STUDY_F1[part], abs=1e-4)


def report_of(seed, left, accuracy=0.9):
    classes = [
        {"class": str(k), "precision": accuracy, "recall": accuracy, "f1": accuracy, "support": 50}
        for k in range(10)
    ]
    figures = {"accuracy": accuracy, "loss": 0.4, "f1": accuracy, "per_class": classes}
    curve = [5.0, 2.0, 1.0, 0.4]
    return {"seed": seed, "left": left, "train": figures, "test": figures,
            "curves": {"train": curve, "test": curve}}  # fmt: skip


def test_a_seed_that_does_not_leave_chance_is_told_and_the_next_that_does_beside_it(tmp_path):
    runs = [report_of(1234, False, 0.11), report_of(1235, False, 0.11), report_of(1236, True)]
    page = Unsaved(tmp_path)
    classification_report.report({"runs": runs}, page)
    said = " ".join(page.conclusions)
    assert "Seed 1234 does not leave chance in 4 epochs" in said
    assert "number 2, seed 1236, is the first that leaves chance" in said
    headings = [block.values["text"] for block in page.blocks if block.kind == "heading"]
    assert headings == ["Seed 1234", "Seed 1236"]


def test_the_report_s_table_has_ours_beside_the_study_s(tmp_path):
    page = Unsaved(tmp_path)
    classification_report.report({"runs": [report_of(1234, True)]}, page)
    train, test = [block.values for block in page.blocks if block.kind == "table"]
    assert train["rows"][0] == ["0", "0.9000", "0.9970", "0.9000", "0.9900", "0.9000", "0.9935",
                                "50", "999"]  # fmt: skip
    assert test["rows"][-1][-4:] == ["0.9000", "0.9466", "500", "5,000"]


# many_views


def test_the_first_view_is_the_picture_itself_and_the_others_differ_and_repeat():
    images = np.zeros((3, 1, 12, 12), np.uint8)
    images[:, :, 3:9, 4:8] = 200
    seen = list(many_views.views_of(images, 1.0, 4, seed=5))
    again = list(many_views.views_of(images, 1.0, 4, seed=5))
    other = list(many_views.views_of(images, 1.0, 4, seed=6))
    assert len(seen) == 4
    np.testing.assert_array_equal(seen[0], images)
    for i in range(1, 4):
        assert (seen[i] != images).any()
        assert (seen[i] != seen[i - 1]).any()
        assert (seen[i] != other[i]).any()
        np.testing.assert_array_equal(seen[i], again[i])
    assert len(list(many_views.views_of(images, 1.0, 1, seed=5))) == 1
    unmoved = list(many_views.views_of(images, 0.0, 2, seed=5))
    np.testing.assert_array_equal(unmoved[1], images)


def test_views_are_averaged_as_probabilities_and_as_logits():
    rng = np.random.default_rng(0)
    outputs = 3 * rng.standard_normal((4, 50, 5))
    labels = rng.integers(0, 5, 50)
    found = many_views.averaged(iter(outputs), labels, [1, 2, 4])

    def softmax(x):
        return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)

    for i, n in enumerate((1, 2, 4)):
        p = softmax(outputs[:n]).mean(axis=0)
        q = outputs[:n].mean(axis=0)
        assert found["probabilities"]["accuracy"][i] == (p.argmax(axis=1) == labels).mean()
        assert found["logits"]["accuracy"][i] == (q.argmax(axis=1) == labels).mean()
        hit = p[np.arange(50), labels]
        assert found["probabilities"]["loss"][i] == pytest.approx(-np.log(hit).mean())
        assert found["logits"]["loss"][i] == pytest.approx(mean_cross_entropy(q, labels))
    assert found["probabilities"]["ece"][0] == pytest.approx(found["logits"]["ece"][0])
    assert found["probabilities"]["loss"][2] != pytest.approx(found["logits"]["loss"][2])


def test_a_view_that_is_certain_and_wrong_has_a_finite_loss():
    found = many_views.averaged(iter([np.array([[2000.0, 0.0]])]), np.array([1]), [1])
    assert math.isfinite(found["probabilities"]["loss"][0])


def test_the_amount_is_the_one_of_least_validation_loss_over_the_seeds_and_never_none():
    losses = [[0.01, 0.3, 0.2, 0.5], [0.01, 0.1, 0.15, 0.5]]
    assert many_views.best_amount(losses, [0.0, 0.5, 1.0, 2.0]) == 1.0


def test_readings_are_found_again_where_the_folder_was_moved(lab, tmp_path):
    splits = blobs.splits(120, 40, size=28)  # lenet5 needs pictures of MNIST's size
    here, there = tmp_path / "here", tmp_path / "there"
    many_views.measure(replace(lab, splits=splits, workers=Workers(splits, here, jobs=1)))
    here.rename(there)
    again = Workers(splits, there, jobs=1)
    many_views.measure(replace(lab, splits=splits, workers=again))
    assert again.done == set()


def test_what_views_gain_is_said_by_the_seeds(tmp_path):
    def model(first, last):
        of = {"accuracy": [first, last], "loss": [0.04, 0.03], "ece": [0.01, 0.005]}
        return {"probabilities": of, "logits": of}

    record = {
        "views": [1, 8], "amounts": [0.0, 1.0], "tried": 8, "seeds": [0, 1, 2],
        "validation_loss": {name: [[0.04, 0.03]] * 3
                            for name in (many_views.PLAIN, many_views.MOVED)},
        "chosen": {many_views.PLAIN: 1.0, many_views.MOVED: 1.0},
        "test": {
            many_views.PLAIN: [model(0.980, 0.985), model(0.981, 0.987), model(0.979, 0.984)],
            many_views.MOVED: [model(0.990, 0.985), model(0.991, 0.987), model(0.989, 0.984)],
        },
        "examples": np.zeros((3, 8, 28, 28), np.uint8),
    }  # fmt: skip
    page = Unsaved(tmp_path)
    many_views.report(record, page)
    assert f"{many_views.PLAIN} reads more with 8 views" in page.conclusions[0]
    assert f"{many_views.MOVED} reads less with 8 views" in page.conclusions[1]


# readings


def test_a_diverged_training_has_no_figures():
    class Diverged:
        diverged = "the loss is not finite"

    found = readings.totals(Diverged(), digits([0, 1]))
    assert all(math.isnan(value) for value in found.values())
    assert readings.by_class(Diverged(), digits([0, 1])) == []


def test_what_is_read_is_what_the_test_figures_are_of(lab):
    runs = readings.one_conv(lab)
    test = readings.test_set(lab, runs[0])
    found = mistakes.mistaken(readings.probabilities(runs, test), test)
    assert len(runs) == len(found["wrong"]) == 2
    for run, wrong in zip(runs, found["wrong"], strict=True):
        assert 1 - wrong / len(test) == pytest.approx(run.test_accuracy)
        assert readings.totals(run, test)["accuracy"] == pytest.approx(run.test_accuracy)
        assert len(readings.by_class(run, test)) == len(test.classes)
