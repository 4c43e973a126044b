"""A network written in one line: what each word makes, and what a wrong word is told."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import models, nn, recipes
from byhand.errors import InputError, ShapeError


def built(layers, **settings):
    return models.build("stack", np.random.default_rng(0), layers=layers, **settings)


def kinds(model):
    return [type(layer).__name__ for layer in model]


def test_every_word_makes_its_layer_with_the_sizes_that_come_before():
    model = built(
        "conv 8 5, batchnorm, relu, maxpool 2, conv 4 3 same, tanh, avgpool 3, linear 16, "
        "batchnorm, gelu, dropout 0.25, linear 12, sigmoid, leakyrelu"
    )
    assert kinds(model) == [
        "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Conv2d", "Tanh", "AvgPool2d", "Flatten",
        "Linear", "BatchNorm1d", "GELU", "Dropout", "Linear", "Sigmoid", "LeakyReLU", "Linear",
    ]  # fmt: skip
    shapes = [row.output_shape for row in nn.summary(model, (1, 28, 28)).rows]
    assert shapes[:8] == [(8, 24, 24)] * 3 + [(8, 12, 12), *[(4, 12, 12)] * 2, (4, 4, 4), (64,)]
    assert shapes[-1] == (10,)
    layers = list(model)
    assert layers[4].padding == "same"
    assert layers[6].kernel_size == 3
    assert layers[11].rate == 0.25


def test_global_pooling_leaves_a_number_a_channel():
    model = built("conv 6 3, relu, globalavgpool")
    assert model.output_shape((1, 28, 28)) == (10,)
    assert list(model)[-1].in_features == 6


def test_the_default_line_is_one_conv_with_the_same_start():
    ours = built("conv 8 5, relu, maxpool 2")
    page = models.build("one_conv", np.random.default_rng(0))
    assert kinds(ours) == kinds(page)
    np.testing.assert_array_equal(ours.flat, page.flat)


def test_an_empty_line_is_a_linear_model():
    assert kinds(built("")) == ["Flatten", "Linear"]


@pytest.mark.parametrize(
    ("initialiser", "deviation"),
    [("he", (2 / 784) ** 0.5), ("xavier", (2 / 794) ** 0.5), ("normal 0.01", 0.01),
     ("uniform -1 1", 3**-0.5)],
)  # fmt: skip
def test_the_initialiser_draws_all_weights_and_leaves_biases_at_zero(initialiser, deviation):
    layer = list(built("", initialiser=initialiser))[-1]
    assert layer.weight.value.std() == pytest.approx(deviation, rel=0.05)
    assert not layer.bias.value.any()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("conv 8", r"'conv 8'.*conv takes two numbers"),
        ("conv 8 5 5", "takes two numbers"),
        ("conv 8 2.5", "whole"),
        ("conv 0 5", "at least 1"),
        ("relu 3", "relu takes no number"),
        ("maxpool", "maxpool takes one number"),
        ("linear x", "linear takes one number"),
        ("dropout 1.5", "1.5"),
        ("conv inf 5", "takes two numbers"),
        ("conv nan 5", "takes two numbers"),
        ("relux", r"'relux' is no layer.*conv, maxpool"),
    ],
)
def test_a_wrong_word_is_named(line, said):
    with pytest.raises(InputError, match=said):
        built(line)


@pytest.mark.parametrize(
    "initialiser",
    ["", "zeros", "normal", "normal x", "he 1", "uniform 1", "normal -1", "uniform 1 -1"],
)
def test_a_wrong_initialiser_is_named(initialiser):
    with pytest.raises(InputError, match=r"initialiser|takes"):
        built("relu", initialiser=initialiser)


def test_a_layer_that_does_not_fit_is_named_with_its_place():
    with pytest.raises(ShapeError, match=r"layer 0.*40×40"):
        built("conv 8 40")
    with pytest.raises(ShapeError):
        built("linear 5, conv 8 3")


def test_a_recipe_takes_a_line_and_gives_it_back_as_text():
    line = 'stack(layers="conv 4 3, relu", initialiser="normal 0.1")'
    recipe = recipes.apply(recipes.get("lenet5"), [f"model={line}"])
    assert recipe.model.settings == {"layers": "conv 4 3, relu", "initialiser": "normal 0.1"}
    again = recipes.apply(recipes.get("lenet5"), [f"model={recipe.model}"])
    assert again.model == recipe.model
    changed = recipes.apply(recipe, ["model.layers='conv 2 3'"])
    assert changed.model.settings["layers"] == "conv 2 3"
    with pytest.raises(InputError, match="layers is 3, but it takes a word"):
        recipes.apply(recipe, ["model.layers=3"])
