"""Architectures as plain values: described, built again, refused where they name the unknown."""

from __future__ import annotations

import json

import numpy as np
import pytest

from byhand import nn
from byhand.errors import DataError, InputError, ShapeError
from nn.contract_cases import CASES


def through_json(layer):
    return nn.build(json.loads(json.dumps(nn.describe(layer))))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_layer_is_built_again_from_its_description(case):
    layer = case.make()
    again = through_json(layer)
    assert type(again) is type(layer)
    assert repr(again) == repr(layer)
    assert nn.describe(again) == nn.describe(layer)
    # The same start from the same seed: the initialisers came along.
    flat = layer.init(np.random.default_rng(0)).flat
    assert np.array_equal(again.init(np.random.default_rng(0)).flat, flat)


INITIALISERS = [nn.He(), nn.He(uniform=True), nn.Xavier(), nn.Xavier(uniform=True), nn.Normal(0.01),
                nn.Uniform(-1, 1), nn.Zeros(), nn.Constant(0.5)]  # fmt: skip


@pytest.mark.parametrize("init", INITIALISERS, ids=repr)
def test_every_initialiser_comes_along(init):
    layer = nn.Linear(3, 2, weight_init=init)
    again = through_json(layer)
    assert again.weight_init == init
    assert again.weight.initialiser == init


def test_every_public_initialiser_is_in_the_table_above():
    public = {getattr(nn, name) for name in nn.__all__}
    kinds = {c for c in public if isinstance(c, type) and issubclass(c, nn.Initialiser)}
    assert {type(i) for i in INITIALISERS} == kinds - {nn.Initialiser}


def test_a_layer_used_twice_is_described_once_and_shared_again_when_built():
    inner = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    model = nn.Sequential(
        nn.Tanh(), inner, nn.Residual(inner, shortcut=inner[0]), nn.Concat(inner, inner)
    )
    again = through_json(model)
    assert again[1] is again[2].body is again[3][0] is again[3][1]
    assert again[2].shortcut is again[1][0]
    assert again[0] is not again[1][1]
    assert json.dumps(nn.describe(model)).count("Linear") == 1
    assert again.init(np.random.default_rng(0)).flat.size == 12


def test_pairs_are_pairs_again_after_json():
    again = through_json(nn.Conv2d(1, 2, (3, 2), stride=(1, 2), padding=(1, 0)))
    assert (again.kernel_size, again.stride, again.padding) == ((3, 2), (1, 2), (1, 0))


def test_a_registered_name_cannot_be_taken_by_another_class(own_registry):
    with pytest.raises(ValueError, match=r"a layer named Linear is registered already, by byhand"):

        @nn.register
        class Linear(nn.Layer):
            pass

    assert nn.registered()["Linear"] is nn.Linear


def test_the_same_class_may_be_registered_again_as_a_notebook_does(own_registry):
    def define():
        @nn.register
        class Again(nn.Layer):
            pass

        return Again

    first, second = define(), define()
    assert nn.registered()["Again"] is second is not first


def test_what_registered_gives_is_a_copy():
    nn.registered().clear()
    assert nn.registered()["Linear"] is nn.Linear


def test_a_layer_that_is_not_registered_cannot_be_described():
    class Unknown(nn.Layer):
        pass

    with pytest.raises(DataError, match=r"the layer Unknown cannot be saved; put @nn\.register"):
        nn.describe(nn.Sequential(nn.ReLU(), Unknown()))


def test_a_class_that_only_bears_a_registered_name_cannot_be_described():
    ReLU = type("ReLU", (nn.Layer,), {})
    with pytest.raises(DataError, match="the layer ReLU cannot be saved"):
        nn.describe(ReLU())


def test_a_layer_that_does_not_keep_an_argument_is_named_with_it(own_registry):
    @nn.register
    class Forgetful(nn.Layer):
        def __init__(self, factor):
            self.doubled = 2 * factor

    with pytest.raises(DataError, match=r"Forgetful.*factor"):
        nn.describe(Forgetful(3))
    assert "Forgetful" in repr(Forgetful(3))


BROKEN = {
    "unknown layer": ({"layer": "Warp", "arguments": {}}, r"layer 'Warp' .* import the module"),
    "unknown argument": ({"layer": "LeakyReLU", "arguments": {"speed": 3}}, "speed"),
    "argument missing": ({"layer": "Linear", "arguments": {"in_features": 3}}, "out_features"),
    "no arguments at all": ({"layer": "Linear"}, "arguments"),
    "no layer": ({"arguments": {}}, "layer"),
    "unknown initialiser": (
        {"layer": "Linear", "arguments": {"in_features": 1, "out_features": 1,
                                          "weight_init": {"initialiser": "Best",
                                                          "arguments": {}}}},
        "Best",
    ),
    "shared before it is there": ({"layer": "Sequential", "arguments": {"layers": [{"shared": 5}]}},
                                  "layer 5 is shared before"),
    "a list": ([], "no layer"),
    "a number": (3, "no layer"),
    "nothing": (None, "no layer"),
    "an initialiser": ({"initialiser": "He", "arguments": {"uniform": False}}, "no layer"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_description_that_makes_no_sense_is_refused(name):
    description, said = BROKEN[name]
    with pytest.raises(DataError, match=said):
        nn.build(description)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: nn.Dropout(1.0),
            r"rate is 1\.0, but it must be a number of at least 0 and less than 1",
        ),
        (lambda: nn.Dropout(-0.1), r"rate is -0\.1"),
        (lambda: nn.Dropout(float("nan")), r"rate is nan"),
        (lambda: nn.Conv2d(1, 2, 0), "kernel size is 0"),
        (lambda: nn.Conv2d(1, 2, 3, stride=0), "stride is 0"),
        (lambda: nn.Conv2d(1, 2, 3, padding=-1), "padding is -1"),
        (lambda: nn.Conv2d(1, 2, 3, 2, "same"), '"same" needs stride 1'),
        (lambda: nn.Conv2d(1, 2, 3, padding="full"), 'the only word for it is "same"'),
        (lambda: nn.Conv1d(1, 2, (1, 3)), "in one dimension"),
        (lambda: nn.MaxPool2d((2, 2, 2)), r"kernel size is \(2, 2, 2\)"),
        (lambda: nn.MaxPool1d(2, stride=0), r"stride is (\(1, )?0"),
        (lambda: nn.AvgPool1d("2"), "kernel size is '2'"),
        (lambda: nn.Conv2d(0, 2, 3), "channels"),
        (lambda: nn.Conv2d(1, 0, 3), "channels"),
        (lambda: nn.Conv1d(1, -2, 3), "channels"),
        (lambda: nn.Linear(0, 3), "features"),
        (lambda: nn.Linear(3, 2.5), "features"),
        (lambda: nn.BatchNorm2d(0), "features"),
    ],
)
def test_an_argument_that_a_layer_cannot_have_is_named(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_dropout_in_training_without_a_key_says_what_to_pass():
    layer = nn.Dropout(0.5)
    x = np.ones((2, 3))
    with pytest.raises(InputError, match=r"pass key=nn\.Key\(seed, step\)"):
        nn.Sequential(layer).forward(x, train=True)
    assert np.array_equal(layer.forward(x)[0], x)
    assert np.array_equal(nn.Dropout(0).forward(x, train=True)[0], x)


def test_dropout_used_twice_draws_a_mask_for_each_place():
    layer = nn.Dropout(0.5)
    x = np.ones((20, 30))
    model = nn.Concat(layer, layer, nn.Sequential(layer))
    y, _ = model.forward(x, train=True, key=nn.Key(0))
    masks = np.split(y != 0, 3, axis=1)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert 0.4 < (masks[i] == masks[j]).mean() < 0.6
    both = nn.Residual(layer, layer).forward(x, train=True, key=nn.Key(0))[0]
    assert set(np.unique(both)) == {0, 2, 4}


CHANNELS = np.zeros((2, 3, 4, 4))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: nn.Concat(nn.MaxPool2d(2), nn.ReLU()), r"\(2, 3, 2, 2\), \(2, 3, 4, 4\)"),
        (lambda: nn.Residual(nn.Conv2d(3, 5, 1)), r"\(2, 5, 4, 4\) .* \(2, 3, 4, 4\)"),
        (lambda: nn.Residual(nn.ReLU(), nn.MaxPool2d(2)), r"\(2, 3, 4, 4\) .* \(2, 3, 2, 2\)"),
        (lambda: nn.Residual(nn.Conv2d(3, 1, 1)), r"\(2, 1, 4, 4\) .* \(2, 3, 4, 4\)"),
    ],
)
def test_branches_that_do_not_join_are_named_by_forward_and_refused_by_output_shape(make, said):
    model = make().init(np.random.default_rng(0), np.float64)
    with pytest.raises(ShapeError, match=said):
        model.forward(CHANNELS)
    with pytest.raises(ShapeError, match=r"\(3, 4, 4\)|\(3, 2, 2\)"):
        model.output_shape(CHANNELS.shape[1:])


def test_a_container_without_layers_is_named_where_it_cannot_be():
    with pytest.raises(InputError, match="Concat"):
        nn.Concat().init(np.random.default_rng(0)).forward(CHANNELS)


def test_output_shape_names_the_layer_also_inside_containers():
    model = nn.Sequential(nn.ReLU(), nn.Concat(nn.Sequential(nn.ReLU(), nn.MaxPool2d(5))))
    with pytest.raises(ShapeError, match=r"layer 1 \(Concat\): layer 1 \(MaxPool2d\): .*5×5.*4×4"):
        model.output_shape((3, 4, 4))
