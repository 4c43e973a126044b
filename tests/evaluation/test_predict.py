"""predict takes pictures in every layout to the same probabilities, and refuses what is none."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import nn
from byhand.data import Standardisation
from byhand.errors import ByhandError, InputError, ShapeError
from byhand.evaluation import as_pictures, evaluate, logits, predict


def network(image_shape=(1, 6, 5), classes="abc", seed=0, standardisation=None):
    model = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(image_shape)), len(classes)))
    model.init(np.random.default_rng(seed))
    model.card = nn.ModelCard(
        image_shape=image_shape, classes=tuple(classes), standardisation=standardisation
    )
    return model


def pictures(n=7, image_shape=(1, 6, 5), seed=1):
    return np.random.default_rng(seed).integers(0, 256, (n, *image_shape), dtype=np.uint8)


def test_probabilities_are_softmax_of_the_logits_by_hand():
    model, x = network(), pictures()
    weight, bias = model.parameters()["1.weight"], model.parameters()["1.bias"]
    z = (x.reshape(7, -1) / 255) @ weight.T + bias
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    got = predict(model, x)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, p, rtol=1e-5)
    np.testing.assert_allclose(logits(model, x), z, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "arrange",
    [
        lambda x: x,
        lambda x: x[:, 0],
        lambda x: x.transpose(0, 2, 3, 1),
        lambda x: x.reshape(len(x), -1),
        lambda x: list(x),
        lambda x: tuple(x[:, 0]),
        lambda x: list(x.reshape(len(x), -1)),
        lambda x: [x[0], *x[1:, 0]],
        lambda x: x[:, 0].tolist() and [np.uint8(p) for p in x[:, 0].tolist()],
        lambda x: np.asfortranarray(x),
        lambda x: x / 255,
        lambda x: (x / np.float32(255)).astype(np.float32)[:, 0],
    ],
)
def test_all_layouts_of_grey_pictures_are_read_alike(arrange):
    model, x = network(), pictures()
    np.testing.assert_allclose(predict(model, arrange(x)), predict(model, x), rtol=1e-5)


@pytest.mark.parametrize(
    "arrange",
    [
        lambda x: x,
        lambda x: x[0],
        lambda x: x.transpose(0, 2, 3, 1),
        lambda x: x[0].transpose(1, 2, 0),
        lambda x: x.reshape(1, -1),
        lambda x: x.ravel(),
        lambda x: [x[0]],
        lambda x: [x[0].transpose(1, 2, 0)],
    ],
)
def test_all_layouts_of_one_coloured_picture_are_read_alike(arrange):
    shape = (3, 6, 5)
    model, x = network(shape), pictures(1, shape)
    np.testing.assert_array_equal(predict(model, arrange(x)), predict(model, x))


def test_one_grey_picture_may_come_without_axes():
    model, x = network(), pictures(1)
    for arranged in (x[0, 0], x[0], x.ravel(), x[0, 0][..., None]):
        np.testing.assert_array_equal(predict(model, arranged), predict(model, x))
    floats = (x[0, 0] / 255).tolist()
    np.testing.assert_allclose(predict(model, floats), predict(model, x), rtol=1e-5)


def test_booleans_are_black_and_white():
    model, x = network(), pictures() > 128
    np.testing.assert_array_equal(predict(model, x), predict(model, x.astype(np.uint8) * 255))


def test_the_batch_size_changes_nothing():
    model, x = network(), pictures()
    np.testing.assert_allclose(predict(model, x, batch_size=2), predict(model, x), rtol=1e-6)
    with pytest.raises(InputError, match="batch_size is 0"):
        predict(model, x, batch_size=0)


def test_the_models_own_standardisation_is_applied():
    x = pictures()
    plain = network()
    shifted = network(standardisation=Standardisation((0.25,), (0.5,)))
    moved = (x / 255 - 0.25) / 0.5
    y, _ = plain.forward(moved.astype(np.float32))
    np.testing.assert_allclose(logits(shifted, x), y, rtol=1e-4, atol=1e-5)


def test_it_runs_in_evaluation_mode():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(30, 3))
    model.init(np.random.default_rng(0))
    model.card = network().card
    np.testing.assert_array_equal(predict(model, pictures()), predict(model, pictures()))


@pytest.mark.parametrize(
    "empty", [[], np.empty((0, 6, 5)), np.empty((0, 1, 6, 5), np.uint8), np.empty((0, 30))]
)
def test_no_pictures_give_no_probabilities(empty):
    assert predict(network(), empty).shape == (0, 3)


def test_input_is_untouched_and_a_view_where_possible():
    x = pictures()
    before = x.copy()
    predict(network(), x)
    np.testing.assert_array_equal(x, before)
    assert np.shares_memory(as_pictures(x[:, 0], (1, 6, 5)), x)


def test_floats_outside_0_to_1_name_the_range_and_255():
    with pytest.raises(InputError, match=r"from 0 to 255, .*within 0\.\.1.*divide .* by 255"):
        predict(network(), np.linspace(0, 255, 30).reshape(6, 5))
    with pytest.raises(InputError, match=r"from -1 to 1"):
        predict(network(), np.linspace(-1, 1, 30).reshape(6, 5))


def test_nan_is_named():
    x = np.zeros((2, 6, 5))
    x[1, 2, 3] = np.nan
    with pytest.raises(InputError, match="NaN at 1 pixels"):
        predict(network(), x)


@pytest.mark.parametrize("shape", [(28, 28), (5, 6), (7, 6, 6), (2, 2, 6, 5), (31,), (), (2, 1, 1)])
def test_a_wrong_size_names_both_shapes(shape):
    with pytest.raises(ShapeError) as error:
        predict(network(), np.zeros(shape))
    assert str(shape) in str(error.value)
    assert "(1, 6, 5)" in str(error.value)


def test_bad_lists_are_named():
    with pytest.raises(ShapeError, match="picture 1 of the list has shape"):
        predict(network(), [np.zeros((6, 5)), np.zeros((3, 6, 5))])
    with pytest.raises(ShapeError, match=r"\(4, 4\)"):
        predict(network(), [np.zeros((6, 5)), np.zeros((4, 4))])
    with pytest.raises(ShapeError, match="different lengths"):
        predict(network(), [[0.0, 1.0], [0.5]])
    with pytest.raises(ShapeError, match="mixes pictures of types float64 and uint8"):
        predict(network(), [np.zeros((6, 5)), np.zeros((6, 5), np.uint8)])


@pytest.mark.parametrize("kind", [np.int64, np.uint16, np.complex64])
def test_other_types_are_refused(kind):
    with pytest.raises(ShapeError, match=f"type {np.dtype(kind)}"):
        predict(network(), np.zeros((6, 5), kind))


def test_a_diverged_model_is_told_and_its_logits_still_given():
    model = network()
    model.flat[0] = np.nan
    x = pictures()
    assert np.isnan(logits(model, x)).any()
    with pytest.raises(ByhandError, match="not finite for 7 of 7 pictures"):
        predict(model, x)


@pytest.mark.parametrize("fill", [np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("fold", [False, True])
def test_weights_out_of_all_bounds_end_in_that_sentence_without_warnings(fill, fold):
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(24, 3)
    ).init(np.random.default_rng(0))
    model.card = network().card
    model.flat[::2] = fill
    model.flat_buffers[...] = -1  # a variance that none can have
    model = nn.fold_batch_norm(model) if fold else model
    for n in (1, 20):
        with pytest.raises(ByhandError, match="not finite"):
            predict(model, np.full((n, 1, 6, 5), 200, np.uint8))


def test_a_card_with_other_classes_than_the_model_is_told():
    model = network()
    model.card = nn.ModelCard(image_shape=(1, 6, 5), classes=("a", "b"))
    with pytest.raises(ShapeError, match="names 2 classes"):
        predict(model, pictures())


@pytest.mark.parametrize("batch_size", [0, -1, "x", 2.5, True, None])
def test_a_batch_size_that_is_none_is_named(batch_size):
    model = network()
    with pytest.raises(InputError, match="batch_size is "):
        predict(model, pictures(2), batch_size=batch_size)


def test_what_is_no_model_or_no_data_set_is_named():
    images = pictures(2)
    model = network()
    with pytest.raises(InputError, match="model is None"):
        predict(None, images)
    for given in (images, (images, [1, 2])):
        with pytest.raises(InputError, match=r"dataset is .*data.Dataset\(images, labels\)"):
            evaluate(model, given)


def test_masked_pixels_are_not_read_in_silence():
    model = network()
    masked = np.ma.masked_array(pictures(2), pictures(2) > 9)
    with pytest.raises(InputError, match="mask"):
        predict(model, masked)
