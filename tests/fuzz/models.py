"""Model files: spoilt, loaded, described, asked about one picture, saved again, served."""

from __future__ import annotations

import math

import numpy as np

import byhand
from byhand import evaluation, models, nn
from byhand.data import Standardisation
from byhand.reader import Reader
from fuzz import odd_files

MANY = 20  # pictures, which are computed in another way than one


def networks():
    """Small networks that hold every layer and container between them, and their pictures' side."""
    yield (
        12,
        nn.Sequential(
            nn.Conv2d(1, 4, 3, padding="same", weight_init=nn.He()),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Concat(
                nn.Sequential(nn.Conv2d(4, 2, 1, stride=(1, 1)), nn.Dropout(0.3), nn.Tanh()),
                nn.AvgPool2d(3, 1, 1),
                nn.Residual(nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.BatchNorm2d(4))),
            ),
            nn.MaxPool2d(2),
            nn.LeakyReLU(0.1),
            nn.Conv2d(10, 3, 3, stride=2, padding=(1, 0)),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(3 * 3 * 2, 5),
            nn.BatchNorm1d(5),
            nn.Sigmoid(),
            nn.Linear(5, 10),
        ),
    )
    yield (
        6,
        nn.Sequential(
            nn.MaxPool2d((3, 2), (2, 1), (1, 0)), nn.ReLU(), nn.GlobalAvgPool(), nn.Linear(1, 10)
        ),
    )
    yield 4, nn.Sequential(
        nn.Conv2d(1, 2, 1, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2, 1, 1),
        nn.GlobalAvgPool(), nn.Linear(2, 10),
    )  # fmt: skip
    shared = nn.Linear(9, 9, use_bias=False)
    yield 3, nn.Sequential(
        nn.AvgPool2d(3, padding="same", stride=1), nn.Flatten(), nn.Residual(shared, nn.Tanh()),
        shared, nn.Softmax(), nn.Linear(9, 10), nn.LogSoftmax(),
    )  # fmt: skip


class Models:
    """Through every door that a model file goes by."""

    def __init__(self, folder):
        self.folder, self.files = folder, []
        path = folder / "model.safetensors"
        for side, model in networks():
            model.init(np.random.default_rng(side))
            model.card = nn.ModelCard(
                name="small", image_shape=(1, side, side),
                standardisation=Standardisation((0.3,), (0.2,)) if side == 12 else None,
                recipe={"name": "x", "epochs": 3}, figures={"test_accuracy": 0.5},
            )  # fmt: skip
            nn.save(model, path)
            self.files.append(path.read_bytes())
        nn.save(models.build("tiny", np.random.default_rng(0), image_shape=(1, 12, 12)), path)
        self.files.append(path.read_bytes())

    def close(self):
        """Nothing is left."""

    def case(self, rng):
        return {"model.safetensors": odd_files.tensors(odd_files.pick(self.files, rng), rng)}

    def doors(self, case):
        path = self.folder / "model.safetensors"
        path.write_bytes(case["model.safetensors"])
        yield lambda: Reader.load(path)
        model = yield lambda: nn.load(path)
        if model is None:
            return
        shape = model.card.image_shape
        yield lambda: nn.summary(model, shape).as_dicts()
        if math.prod(shape) > 1e6:
            return
        for n in (1, MANY):
            yield lambda n=n: _check_read(model, np.full((n, *shape), 100, np.uint8))
        yield lambda: evaluation.look(model, np.full(shape, 100, np.uint8))
        yield lambda: evaluation.predict(nn.fold_batch_norm(model), np.zeros((1, *shape), np.uint8))
        yield lambda: _check_saved(model, path)


def _check_read(model, pictures):
    read = evaluation.predict(model, pictures)
    assert read.shape == (len(pictures), len(model.card.classes))
    assert np.allclose(read.sum(axis=1), 1, atol=1e-3)


def _check_saved(model, path):
    byhand.save(model, path)
    again = byhand.load(path)
    assert nn.describe(again) == nn.describe(model)
    assert again.card.as_dict() == model.card.as_dict()
