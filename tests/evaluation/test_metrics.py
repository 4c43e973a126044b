"""Each figure against a case worked by hand, scikit-learn, or a published value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from byhand.errors import DataError, InputError, ShapeError
from byhand.evaluation import (
    Reliability,
    accuracy,
    classification_report,
    confusion_matrix,
    mean_cross_entropy,
    most_confused,
    per_class,
    reliability,
    wilson_interval,
)

LABELS = np.array([0, 0, 1, 1, 1, 2])
READ = np.array([0, 1, 1, 1, 2, 2])
CLASSES = ("a", "b", "c")


def drawn(n=300, k=5, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)).astype(np.float32)
    return logits, rng.integers(0, k, n)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_accuracy_by_hand():
    assert accuracy(LABELS, READ) == 4 / 6


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe, Statistics in Medicine 17 (1998), table I
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_interval_has_the_published_values(hits, n, low, high):
    assert wilson_interval(hits, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_at_its_ends_and_other_levels():
    assert wilson_interval(0, 10)[0] == 0.0
    assert wilson_interval(10, 10)[1] == 1.0
    narrow, wide = wilson_interval(50, 100, 0.8), wilson_interval(50, 100, 0.99)
    assert wide[0] < narrow[0] < 0.5 < narrow[1] < wide[1]
    for bad in ((1, 0), (-1, 3), (4, 3)):
        with pytest.raises(InputError, match="there is no interval"):
            wilson_interval(*bad)


def test_cross_entropy_by_hand_and_against_scikit_learn():
    even = np.zeros((3, 4), np.float32)
    assert mean_cross_entropy(even, np.array([0, 1, 3])) == pytest.approx(math.log(4))
    logits, labels = drawn()
    expected = sk.log_loss(labels, softmax(logits.astype(np.float64)), labels=range(5))
    assert mean_cross_entropy(logits, labels) == pytest.approx(expected, rel=1e-9)
    assert mean_cross_entropy(np.log(softmax(logits)), labels) == pytest.approx(expected, rel=1e-6)


def test_cross_entropy_of_a_certain_mistake_is_finite():
    logits = np.array([[1000.0, 0.0]], np.float32)
    assert mean_cross_entropy(logits, np.array([1])) == pytest.approx(1000)


def test_confusion_rows_are_labels():
    np.testing.assert_array_equal(
        confusion_matrix(LABELS, READ, 3), [[1, 1, 0], [0, 2, 1], [0, 0, 1]]
    )
    assert confusion_matrix(LABELS, READ, 4).shape == (4, 4)


def test_figures_by_class_by_hand_with_a_class_never_seen():
    a, b, c, d = per_class(LABELS, READ, (*CLASSES, "d"))
    assert (a.precision, a.recall, a.support) == (1, 0.5, 2)
    assert (b.precision, b.recall, b.support) == (2 / 3, 2 / 3, 3)
    assert (c.precision, c.recall, c.support) == (0.5, 1, 1)
    assert c.f1 == pytest.approx(2 / 3)
    assert d.as_dict() == {"class": "d", "precision": 0, "recall": 0, "f1": 0, "support": 0}


def test_the_report_is_scikit_learns():
    text = classification_report(LABELS, READ, CLASSES)
    assert text == sk.classification_report(LABELS, READ, target_names=CLASSES, digits=4)
    assert "0.6667" in text


def test_most_confused_pairs_in_order():
    confusion = np.array([[5, 0, 2], [3, 4, 1], [2, 0, 6]])
    pairs = most_confused(confusion, CLASSES)
    assert [(p.label, p.prediction, p.count) for p in pairs] == [
        ("b", "a", 3), ("a", "c", 2), ("c", "a", 2), ("b", "c", 1),
    ]  # fmt: skip
    assert pairs[0].share == 3 / 8
    assert len(most_confused(confusion, CLASSES, 2)) == 2
    assert most_confused(np.diag([1, 2, 3]), CLASSES) == ()
    assert confusion[0, 0] == 5


def test_calibration_error_by_hand():
    # Confidence 0.9, 0.9, 0.6, 0.6: right, right, right, wrong. With five bins:
    # (0.8, 1]: |1 - 0.9| for 2; (0.4, 0.6]: |0.5 - 0.6| for 2.
    p = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.4, 0.6]])
    bins = reliability(p, np.array([0, 1, 0, 0]), bins=5)
    assert bins.counts == (0, 0, 2, 0, 2)
    assert bins.accuracy[2] == 0.5
    assert bins.confidence[4] == pytest.approx(0.9)
    assert math.isnan(bins.accuracy[0])
    assert bins.ece == pytest.approx(0.1)


def test_calibration_error_against_a_loop():
    logits, labels = drawn(1000)
    p = softmax(3 * logits)
    total = 0.0
    for m in range(15):
        inside = [
            i for i in range(1000) if m / 15 < p[i].max() <= (m + 1) / 15
        ]  # fmt: skip
        if inside:
            right = np.mean([p[i].argmax() == labels[i] for i in inside])
            total += len(inside) / 1000 * abs(right - np.mean([p[i].max() for i in inside]))
    assert reliability(p, labels).ece == pytest.approx(total, abs=1e-6)


def test_certainty_falls_into_the_last_bin():
    p = np.array([[1.0000001, 0.0]], np.float32)
    bins = reliability(p, np.array([0]))
    assert bins.counts[-1] == 1
    assert bins.ece == 0


def test_reliability_comes_back_from_json():
    bins = reliability(np.array([[0.7, 0.3]]), np.array([0]), bins=3)
    values = bins.as_dict()
    values["accuracy"] = [None if math.isnan(v) else v for v in values["accuracy"]]
    back = Reliability.from_dict(values)
    assert back.counts == bins.counts
    assert back.ece == bins.ece


def test_what_does_not_fit_is_told():
    with pytest.raises(ShapeError, match="cannot be compared"):
        accuracy(LABELS, READ[:-1])
    with pytest.raises(DataError, match="no pictures"):
        accuracy(LABELS[:0], READ[:0])
    with pytest.raises(ShapeError, match=r"give \(N, classes\) and \(N,\)"):
        mean_cross_entropy(np.zeros((2, 3)), LABELS)
    with pytest.raises(DataError, match="labels from 0 to 2 do not fit 2 classes"):
        reliability(np.full((6, 2), 0.5), LABELS)
