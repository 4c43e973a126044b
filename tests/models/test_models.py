"""The networks by name: sizes, parameters, settings, and pictures that are too small for them."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import models, nn
from byhand.errors import InputError, ShapeError

# name: (parameters, the sizes on the way, features before the first linear layer)
NETWORKS = {
    "deep_convnet": (123_552, [28, 28, 14, 14, 16, 8, 8, 8, 4], 1024),
    "lenet5": (44_426, [24, 12, 8, 4], 256),
    "mlp": (52_650, [], 784),
    "one_conv": (11_738, [24, 12], 1152),
    "stack": (11_738, [24, 12], 1152),
    "tiny": (11_540, [26, 13], 169),
    "two_conv": (4_706, [24, 12, 10, 5], 400),
}


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_networks_are_those_of_the_table():
    assert models.names() == tuple(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_the_parameters_and_sizes_that_its_page_says(name):
    parameters, sizes, features = NETWORKS[name]
    model = models.build(name, rng())
    table = nn.summary(model, (1, 28, 28))
    assert table.parameters == model.flat.size == parameters
    changing = [r.output_shape for r in table.rows if r.layer in ("Conv2d", "MaxPool2d")]
    assert [h for _, h, _ in changing] == sizes
    assert all(h == w for _, h, w in changing)
    first = next(layer for layer in model if isinstance(layer, nn.Linear))
    assert first.in_features == features
    assert table.rows[-1].output_shape == (10,)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_runs_forward_and_backward_on_its_pictures(name):
    model = models.build(name, rng())
    x = rng(1).standard_normal((3, 1, 28, 28)).astype(np.float32)
    y, cache = model.forward(x, train=True, key=nn.Key(0))
    assert y.shape == (3, 10)
    assert y.dtype == np.float32
    grads = model.new_grads()
    dx = model.backward(rng(2).standard_normal(y.shape).astype(np.float32), cache, grads)
    assert dx.shape == x.shape
    for gradient in grads.values():
        assert gradient.any()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_seed_gives_the_same_network_and_another_seed_another(name):
    first = models.build(name, rng())
    assert np.array_equal(models.build(name, rng()).flat, first.flat)
    assert not np.array_equal(models.build(name, rng(1)).flat, first.flat)
    exact = models.build(name, rng(), dtype=np.float64)
    assert exact.flat.dtype == np.float64
    assert np.array_equal(exact.flat.astype(np.float32), first.flat)


@pytest.mark.parametrize("name", NETWORKS)
def test_other_pictures_and_classes_change_the_first_and_last_layer(name):
    names = ("no", "yes", "perhaps")
    model = models.build(name, rng(), image_shape=(3, 32, 36), classes=names)
    assert model.forward(np.zeros((2, 3, 32, 36), np.float32))[0].shape == (2, 3)
    assert model.card.name == name
    assert model.card.classes == names
    assert model.card.image_shape == (3, 32, 36)
    assert model.card.standardisation is None
    assert models.build(name, rng()).card.classes == tuple("0123456789")
    assert nn.Layer.card.name == ""  # each model has a card of its own


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_back_from_a_file(name, tmp_path):
    model = models.build(name, rng())
    nn.save(model, tmp_path / "model")
    loaded = nn.load(tmp_path / "model")
    assert repr(loaded) == repr(model)
    assert loaded.card == model.card
    assert np.array_equal(loaded.flat, model.flat)


TOO_SMALL = {
    "deep_convnet": ((1, 1, 1), "layer 4 (MaxPool2d)"),
    "lenet5": ((1, 11, 11), "layer 3 (Conv2d)"),  # 11 → 7 → 3
    "one_conv": ((1, 28, 4), "layer 0 (Conv2d)"),
    "tiny": ((1, 3, 3), "layer 2 (MaxPool2d)"),
    "two_conv": ((1, 8, 8), "layer 3 (Conv2d)"),  # 8 → 4 → 2
}


@pytest.mark.parametrize("name", TOO_SMALL)
def test_pictures_too_small_name_their_size_the_network_and_the_layer(name):
    shape, layer = TOO_SMALL[name]
    with pytest.raises(ShapeError) as caught:
        models.build(name, rng(), image_shape=shape)
    message = str(caught.value)
    assert f"pictures of {shape[1]}×{shape[2]} do not fit {name}" in message
    assert layer in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["resnet", "", "build", "__init__", "one_conv.py", "../nn"])
def test_an_unknown_network_lists_those_there_are(name):
    with pytest.raises(InputError) as caught:
        models.build(name, rng())
    assert repr(name) in str(caught.value)
    assert ", ".join(NETWORKS) in str(caught.value)
    with pytest.raises(InputError):
        models.options(name)


def test_an_unknown_setting_lists_those_there_are():
    with pytest.raises(InputError, match=r"one_conv has no setting 'width'.*kernels, kernel_size"):
        models.build("one_conv", rng(), width=3)
    with pytest.raises(InputError, match="lenet5 has no setting 'kernels'; it has: none"):
        models.build("lenet5", rng(), kernels=3)


def test_a_network_without_kernels_is_refused():
    for name in ("one_conv", "tiny"):
        with pytest.raises(InputError, match="0"):
            models.build(name, rng(), kernels=0)


def test_the_settings_of_each_network_and_their_defaults():
    assert {name: models.options(name) for name in models.names()} == {
        "deep_convnet": {"hidden": 50, "dropout": 0.5},
        "lenet5": {},
        "mlp": {},
        "one_conv": {"kernels": 8, "kernel_size": 5},
        "stack": {"layers": "conv 8 5, relu, maxpool 2", "initialiser": "he"},
        "tiny": {"kernels": 1, "scale": None},
        "two_conv": {"uniform": False},
    }


def test_one_conv_with_other_kernels():
    model = models.build("one_conv", rng(), kernel_size=7)
    assert model.flat.size == 8 * 49 + 8 + 8 * 11 * 11 * 10 + 10
    model = models.build("one_conv", rng(), kernels=64, kernel_size=3)
    assert model[0].weight.shape == (64, 1, 3, 3)
    assert model.flat.size == 64 * 10 + 64 * 13 * 13 * 10 + 10


def test_tiny_starts_as_its_scale_says():
    small, he = models.build("tiny", rng(), scale=0.01), models.build("tiny", rng())
    for name in ("4.weight", "6.weight"):
        assert small.parameters()[name].std() == pytest.approx(0.01, rel=0.1)
    assert he.parameters()["4.weight"].std() == pytest.approx(np.sqrt(2 / 169), rel=0.05)
    assert not small.parameters()["4.bias"].any()
    assert models.build("tiny", rng(), kernels=4)[4].in_features == 4 * 169


def test_two_conv_starts_uniformly_or_as_he_et_al():
    uniform, he = models.build("two_conv", rng(), uniform=True), models.build("two_conv", rng())
    for name, values in uniform.parameters().items():
        assert np.abs(values).max() <= 1
        assert values.any(), name
    assert uniform.flat.std() == pytest.approx(2 / np.sqrt(12), rel=0.05)
    assert he.parameters()["7.weight"].std() == pytest.approx(np.sqrt(2 / 400), rel=0.05)
    assert not he.parameters()["0.bias"].any()


def test_deep_convnet_with_another_width_and_dropout():
    model = models.build("deep_convnet", rng(), hidden=20, dropout=0.1)
    assert model.flat.size == 71_792 + 1024 * 20 + 20 + 20 * 10 + 10
    assert [x.rate for x in model if isinstance(x, nn.Dropout)] == [0.1, 0.1]


@pytest.mark.parametrize("name", ["one_conv", "two_conv", "tiny", "lenet5", "deep_convnet"])
def test_a_trained_copy_comes_with_the_package(name):
    model = nn.load(models.trained_files()[name])
    fresh = models.build(name, np.random.default_rng(0))
    assert {k: v.shape for k, v in model.state_dict().items()} == {
        k: v.shape for k, v in fresh.state_dict().items()
    }
    assert model.card.figures["seed"] == 0
    assert model.card.recipe["name"].startswith(name)
    assert model.card.figures["test_accuracy"] > 0.85


def test_the_trained_copies_take_less_than_a_megabyte():
    assert sum(path.stat().st_size for path in models.trained_files().values()) < 1_000_000


ODD = (
    None, "x", "", -1, 2.5, float("nan"), 1e300, 2**31, 2**70, [], [1], {}, object(), "a" * 5000,
    "conv 1e300 3", "linear 1e9", "conv 99999999 3", "dropout 2", "relu," * 10_000,
)  # fmt: skip


@pytest.mark.parametrize("name", models.names())
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_an_odd_setting_is_refused_in_a_sentence_or_the_network_computes(name):
    refused = 0
    for setting in [*models.options(name), "image_shape", "classes", "dtype"]:
        for odd in ODD:
            try:
                model = models.build(name, np.random.default_rng(0), **{setting: odd})
            except InputError as error:
                refused += len(str(error)) < 500 and "\n" not in str(error)
                continue
            refused += 1
            y, _ = model.forward(np.zeros((1, 1, 28, 28), model.flat.dtype))
            assert np.isfinite(y).all(), (setting, odd)
    assert refused == len(ODD) * (len(models.options(name)) + 3)


def test_the_generator_of_a_network_is_no_number():
    with pytest.raises(InputError, match=r"default_rng\(0\), but was given 0"):
        models.build("mlp", 0)
