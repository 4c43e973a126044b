"""Each setting of each part, with values that make no sense: refused in one sentence, or finite."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest

import settings_cases as cases
from byhand import losses, nn, optim
from byhand.errors import DataError, InputError, ShapeError
from byhand.nn.files import write_tensors

TABLES = {**cases.LAYERS, **cases.INITIALISERS, **cases.LOSSES, **cases.OPTIMISERS,
          **cases.SCHEDULES}  # fmt: skip


def name(case):
    return f"{case[0].__name__}.{case[2]}"


def test_the_tables_are_whole():
    containers = {nn.Sequential, nn.Concat}
    own = {c for c in nn.registered().values() if c.__module__.startswith("byhand.")}
    assert own - containers == set(cases.LAYERS)
    assert set(losses.LOSSES.values()) == set(cases.LOSSES)
    assert set(optim.OPTIMISERS.values()) == set(cases.OPTIMISERS)
    assert set(optim.SCHEDULES.values()) == set(cases.SCHEDULES)
    for kind, good in TABLES.items():
        # nn.Constant and optim.Constant are two classes.
        known = [p for p in inspect.signature(kind).parameters if p not in ("args", "kwargs")]
        assert list(good) == known, kind
        assert cases.works(kind, kind(**good)), kind


def refusal(kinds, call):
    """What an error of these kinds says, or None and what the call gave."""
    try:
        return None, call()
    except kinds as error:
        return str(error), None


@pytest.mark.parametrize("case", cases.settings(TABLES), ids=name)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_a_constructor_refuses_or_what_it_makes_is_finite(case):
    kind, good, setting = case
    refused = 0
    for odd in cases.ODD:
        said, made = refusal(InputError, lambda odd=odd: kind(**{**good, setting: odd}))
        if said is not None:
            assert "\n" not in said
            refused += 1
            continue
        misfit, finite = refusal(ShapeError, lambda made=made: cases.works(kind, made))
        # A size may be another than that of the pictures here.
        assert finite or (misfit and kind in cases.LAYERS), (setting, odd)
    assert refused > 20


@pytest.mark.parametrize("case", cases.settings(cases.LAYERS), ids=name)
def test_a_model_file_refuses_what_the_constructor_does(case, tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)  # the files are many and live shortly
    kind, good, setting = case
    model = nn.Sequential(kind(**good)).init(np.random.default_rng(0))
    model.card = nn.ModelCard(image_shape=cases.PICTURE)
    path = tmp_path / "model"
    refused = 0
    for odd in cases.PLAIN:
        architecture = json.loads(json.dumps(nn.describe(model)))
        architecture["arguments"]["layers"][0]["arguments"][setting] = odd
        header = {"format": 1, "architecture": architecture, "card": model.card.as_dict()}
        write_tensors(path, model.state_dict(), header)
        plain = tuple(odd) if isinstance(odd, list) else odd
        built, _ = refusal(InputError, lambda plain=plain: kind(**{**good, setting: plain}))
        loaded, _ = refusal((DataError, ShapeError), lambda: nn.load(path))
        if built is not None:
            assert loaded is not None, (setting, odd)
            assert str(path) in loaded
            assert "\n" not in loaded
            refused += 1
    assert refused > 15


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(2**40, 1),
        lambda: nn.Linear(2**31 - 1, 2**31 - 1),
        lambda: nn.Conv2d(1, 2**31, 3),
        lambda: nn.Conv2d(2**20, 2**20, 3),
        lambda: nn.BatchNorm1d(2**31 - 1),
        lambda: nn.Param((2**20, 2**20), nn.Zeros()),
        lambda: nn.Sequential(*[nn.Linear(2**14, 2**13) for _ in range(3)]).init(
            np.random.default_rng(0)
        ),
    ],
)
def test_parameters_that_no_memory_holds_are_refused_before_any_is_taken(make):
    with pytest.raises(InputError, match=r"2,147,483,647|numbers|parameters"):
        make()
