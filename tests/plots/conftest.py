"""Records by hand for the pictures to be drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import nn
from byhand.data import Dataset
from byhand.evaluation import evaluate, look
from byhand.files import write_json
from byhand.training.records import Diagnosis, EpochRecord

CHANCE = Diagnosis("chance", "Accuracy is at chance.", (("too slow", "try a larger rate"),))
CLASSES = tuple("0123456789")


def epoch(number, **changes):
    """The record of an epoch; losses fall, norms are of two layers."""
    values = {
        "epoch": number,
        "step": 10 * number,
        "train_loss": 2.0 / number,
        "train_accuracy": 1 - 0.5 / number,
        "validation_loss": 2.2 / number,
        "validation_accuracy": 1 - 0.6 / number,
        "test_loss": None,
        "test_accuracy": None,
        "learning_rate": 0.1 / number,
        "gradient_norms": {"0.weight": 0.01 / number, "0.bias": 1.0, "4.weight": 1.0 / number},
        "weight_norms": {"0.weight": 3.0, "0.bias": 0.1, "4.weight": 5.0 + number},
        "seconds": 1.5,
        "images_per_second": 1000.0,
    }
    return EpochRecord(**{**values, **changes})


@pytest.fixture
def epochs():
    return [epoch(n) for n in range(1, 6)]


@pytest.fixture(scope="session")
def model():
    made = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(75, 10)
    ).init(np.random.default_rng(0))
    made.card = nn.ModelCard(name="small", image_shape=(1, 12, 12), classes=CLASSES)
    return made


@pytest.fixture(scope="session")
def evaluation(model):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (80, 1, 12, 12), dtype=np.uint8)
    return evaluate(model, Dataset(images, rng.integers(0, 10, 80), CLASSES))


@pytest.fixture(scope="session")
def seen(model):
    return look(model, np.random.default_rng(2).random((12, 12)))


@pytest.fixture
def run(epochs):
    """What run.json of a whole run holds."""
    return {
        "recipe": {"name": "small", "summary": "a small one", "batch_size": 8, "steps": None},
        "settings": ["batch_size=8", "schedule.rate=0.1"],
        "seed": 3,
        "versions": {"byhand": "0.1.0"},
        "machine": {"processor": "an abacus", "cores": 2},
        "threads": 2,
        "layout": "reference",
        "dataset": {
            "name": "mnist", "source": "a folder", "sha256": "ab12", "n_train": 1000,
            "n_validation": 100, "n_test": 80, "notes": ["A note on the data."],
        },
        "notes": ["A note on the run."],
        "parameters": 790,
        "operations": 12345,
        "layers": [
            {"name": "0", "layer": "Conv2d", "output_shape": [3, 10, 10], "parameters": 30,
             "operations": 5400}
        ],
        "epochs": [e.as_dict() for e in epochs],
        "diagnoses": [vars(CHANCE)],
        "result": {"recipe": "small"},
    }  # fmt: skip


@pytest.fixture
def run_folder(tmp_path, run, evaluation, seen):
    """A run's folder with all its records."""
    write_json(tmp_path / "run.json", run)
    evaluation.save(tmp_path)
    seen.save(tmp_path)
    return tmp_path
