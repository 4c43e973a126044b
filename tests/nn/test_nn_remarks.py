"""Remarks speak up where a model goes against the advice, and only there."""

from __future__ import annotations

import re

import numpy as np
import pytest

from byhand import models, nn

ADVISED = [
    nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                  nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3)),
    nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(4, 5)),
    nn.Sequential(nn.Flatten(), nn.Linear(9, 3)),
    nn.Sequential(nn.Conv2d(1, 4, 3),
                  nn.Residual(nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 1), nn.ReLU())),
                  nn.Flatten(), nn.Linear(4, 3)),
    nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 3)),
    nn.Linear(3, 3),
]  # fmt: skip

AGAINST = {
    "batch norm after ReLU": (
        nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.BatchNorm1d(3), nn.Linear(3, 2)),
        [r"^layer 2: batch norm stands after ReLU, .*put it before$"],
    ),
    "batch norm after dropout": (
        nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Dropout(), nn.BatchNorm1d(3), nn.Linear(3, 2)),
        [r"^layer 3: batch norm stands after dropout"],
    ),
    "dropout among convolutions": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Dropout(), nn.Conv2d(2, 2, 3)),
        [r"^layer 2: dropout stands among convolutions"],
    ),
    "dropout of logits": (
        nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2), nn.Dropout()),
        [r"^layer 3: dropout drops logits"],
    ),
    "two linear layers in a row": (
        nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)),
        [r"^layer 0: no activation comes between it and the next layer with weights"],
    ),
    "softmax last": (
        nn.Sequential(nn.Linear(3, 2), nn.Softmax()),
        [r"^layer 1: Softmax stands last"],
    ),
    "log-softmax last": (
        nn.Sequential(nn.Linear(3, 2), nn.LogSoftmax()),
        [r"^layer 1: LogSoftmax stands last"],
    ),
    "inside a branch": (
        nn.Sequential(
            nn.Concat(
                nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.ReLU()),
                nn.Residual(nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.BatchNorm1d(3))),
            ),
            nn.Linear(6, 2),
        ),
        [r"^layer 0\.0\.0: no activation", r"^layer 0\.1\.body\.2: batch norm stands after ReLU"],
    ),
    "two at once": (
        nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2), nn.Softmax()),
        [r"^layer 0: no activation", r"^layer 2: Softmax"],
    ),
}


@pytest.mark.parametrize("model", ADVISED, ids=range(len(ADVISED)))
def test_a_model_that_follows_the_advice_gets_no_remark(model):
    assert nn.remarks(model) == ()


@pytest.mark.parametrize("name", AGAINST)
def test_a_place_against_the_advice_is_named_with_the_reason(name):
    model, expected = AGAINST[name]
    found = nn.remarks(model)
    assert len(found) == len(expected)
    for remark, pattern in zip(found, expected, strict=True):
        assert re.search(pattern, remark), remark
        assert not remark.endswith(".")


def test_of_the_networks_by_name_only_the_one_that_drops_logits_gets_a_remark():
    said = {name: nn.remarks(models.build(name, np.random.default_rng(0)))
            for name in models.names()}  # fmt: skip
    assert [name for name, found in said.items() if found] == ["deep_convnet"]
    (remark,) = said["deep_convnet"]
    assert remark.startswith("layer 20: dropout drops logits")
