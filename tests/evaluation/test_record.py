"""evaluate agrees with scikit-learn, and its record comes back from disk as it was."""

from __future__ import annotations

import json
import struct
import zipfile

import numpy as np
import pytest
from sklearn import metrics as sk

from byhand import nn
from byhand.data import Dataset
from byhand.errors import DataError, ShapeError
from byhand.evaluation import Evaluation, evaluate, predict, wilson_interval

CLASSES = ("ant", "bee", "cat", "dog")


@pytest.fixture
def model():
    made = nn.Sequential(nn.Flatten(), nn.Linear(20, 4)).init(np.random.default_rng(0))
    made.card = nn.ModelCard(image_shape=(1, 4, 5), classes=CLASSES)
    return made


@pytest.fixture
def dataset():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (60, 1, 4, 5), dtype=np.uint8)
    return Dataset(images, rng.integers(0, 4, 60), CLASSES)


def test_every_figure_is_scikit_learns(model, dataset):
    got = evaluate(model, dataset, batch_size=7)
    p = predict(model, dataset.images)
    read = p.argmax(axis=1)
    assert got.n == 60
    assert got.accuracy == sk.accuracy_score(dataset.labels, read)
    assert got.accuracy_interval == wilson_interval(got.hits, 60)
    assert got.loss == pytest.approx(sk.log_loss(dataset.labels, p), rel=1e-5)
    np.testing.assert_array_equal(got.confusion, sk.confusion_matrix(dataset.labels, read))
    figures = sk.precision_recall_fscore_support(dataset.labels, read, zero_division=0)
    for i, c in enumerate(got.per_class):
        assert (c.precision, c.recall, c.f1, c.support) == tuple(column[i] for column in figures)
    assert got.report() == sk.classification_report(
        dataset.labels, read, target_names=CLASSES, digits=4, zero_division=0
    )
    assert got.ece == got.reliability.ece
    np.testing.assert_allclose(got.probabilities, p, rtol=1e-6)


def test_mistakes_are_all_mistakes_in_order(model, dataset):
    got = evaluate(model, dataset)
    read = got.probabilities.argmax(axis=1)
    expected = [i for i in range(60) if read[i] != dataset.labels[i]]
    assert [m.index for m in got.mistakes] == expected
    assert got.hits + len(expected) == 60
    for m in got.mistakes:
        assert m.label == dataset.labels[m.index]
        assert m.prediction == read[m.index] != m.label
        assert m.confidence == m.probabilities.max() == m.probabilities[m.prediction]
        np.testing.assert_array_equal(m.image, dataset.images[m.index])


def test_the_dict_is_json_and_holds_what_is_promised(model, dataset):
    values = json.loads(json.dumps(evaluate(model, dataset).as_dict() | {"reliability": None}))
    assert {"n", "accuracy", "accuracy_interval", "loss", "per_class", "confusion", "ece"} <= set(
        values
    )
    assert values["per_class"][2]["class"] == "cat"
    assert sum(map(sum, values["confusion"])) == 60


def test_the_record_comes_back_as_it_was(model, dataset, tmp_path):
    got = evaluate(model, dataset)
    got.save(tmp_path / "new" / "run")
    back = Evaluation.load(tmp_path / "new" / "run")
    assert back.as_dict().keys() == got.as_dict().keys()
    for name in ("n", "accuracy", "accuracy_interval", "loss", "per_class", "ece", "classes"):
        assert getattr(back, name) == getattr(got, name)
    for name in ("confusion", "probabilities", "labels", "mistake_indices", "mistake_images"):
        np.testing.assert_array_equal(getattr(back, name), getattr(got, name))
        assert getattr(back, name).dtype == getattr(got, name).dtype
    assert back.reliability.ece == got.ece
    assert [m.index for m in back.mistakes] == [m.index for m in got.mistakes]


def test_the_same_record_gives_the_same_files(model, dataset, tmp_path):
    for name in ("a", "b"):
        evaluate(model, dataset).save(tmp_path / name)
    for file in ("evaluation.json", "evaluation.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_perfect_model_has_no_mistakes(dataset, tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Linear(20, 4)).init(np.random.default_rng(0))
    model.card = nn.ModelCard(image_shape=(1, 4, 5), classes=CLASSES)
    right = Dataset(dataset.images, predict(model, dataset.images).argmax(axis=1), CLASSES)
    got = evaluate(model, right)
    got.save(tmp_path)
    back = Evaluation.load(tmp_path)
    assert (back.accuracy, back.mistakes, back.most_confused()) == (1.0, (), ())
    assert back.mistake_images.shape == (0, 1, 4, 5)


def test_bad_data_sets_are_told(model, dataset):
    with pytest.raises(DataError, match="no pictures to evaluate"):
        evaluate(model, dataset.first(0))
    with pytest.raises(
        ShapeError, match=r"5 classes \(ant, .* eel\) and the model 4 \(ant, .* dog\)"
    ):
        evaluate(model, Dataset(dataset.images, dataset.labels, (*CLASSES, "eel")))
    with pytest.raises(ShapeError, match=r"\(60, 1, 5, 4\)"):
        evaluate(model, Dataset(dataset.images.reshape(60, 1, 5, 4), dataset.labels, CLASSES))


ODD = {
    "loss": "x", "accuracy": [], "accuracy_interval": [0], "classes": [1, 2, 3, 4], "ece": None,
    "per_class": [{"class": "ant"}] * 4, "confusion": [[0.5] * 4] * 4, "reliability": {},
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_figures_of_other_types_make_a_broken_record(model, dataset, tmp_path, name):
    evaluate(model, dataset).save(tmp_path)
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {name: ODD[name]}), "utf-8")
    with pytest.raises(DataError, match=r"evaluation\.json is not an evaluation"):
        Evaluation.load(tmp_path)


CHANGED = {
    "labels": lambda a: a + 3,
    "probabilities": lambda a: a * np.nan,
    "mistake_indices": lambda a: a[::-1],
    "mistake_images": lambda a: a[:, :, :0],
}


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("how", ["changed", "flat", "text"])
def test_arrays_that_do_not_fit_make_a_broken_record(model, dataset, tmp_path, name, how):
    evaluate(model, dataset).save(tmp_path)
    path = tmp_path / "evaluation.npz"
    with np.load(path) as file:
        arrays = dict(file)
    ways = {"changed": CHANGED[name], "flat": lambda a: a[None], "text": lambda a: a.astype(str)}
    arrays[name] = ways[how](arrays[name])
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=r"evaluation\.npz is not an evaluation"):
        Evaluation.load(tmp_path)


@pytest.mark.parametrize("said", ["(", "{'descr': 'f4', 'fortran_order': False, 'shape': (1e9,)}",
    "{'descr': 'f4', 'fortran_order': False, 'shape': ('" + "x" * 2000 + "',)}",
])  # fmt: skip
def test_arrays_that_are_described_oddly_make_a_broken_record(model, dataset, tmp_path, said):
    evaluate(model, dataset).save(tmp_path)
    described = said.encode() + b"\n"
    with zipfile.ZipFile(tmp_path / "evaluation.npz", "w") as file:
        file.writestr(
            "labels.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(described)) + described
        )
    with pytest.raises(DataError, match=r"evaluation\.npz is not an evaluation") as error:
        Evaluation.load(tmp_path)
    assert len(str(error.value)) < 400 + len(str(tmp_path))


@pytest.mark.parametrize("broken", ["evaluation.json", "evaluation.npz"])
@pytest.mark.parametrize("how", ["missing", "cut", "other"])
def test_a_broken_record_names_its_file(model, dataset, tmp_path, broken, how):
    evaluate(model, dataset).save(tmp_path)
    path = tmp_path / broken
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_text("[]")
    with pytest.raises(DataError, match=broken):
        Evaluation.load(tmp_path)
