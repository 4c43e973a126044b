"""From a recipe and data to what is ready to train: splits, standardisation, generators, starts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import blobs
import support
from byhand import data, evaluation, nn, recipes
from byhand.data import Dataset, Standardisation
from byhand.errors import InputError


def recipe(*settings, name="one_conv"):
    return recipes.apply(recipes.get(name), ("keep_best=true", *settings))


def prepare(*settings, splits=None, seed=0, name="one_conv", **how):
    found = blobs.splits(200, 40) if splits is None else splits
    return recipes.prepare(recipe(*settings, name=name), found, seed, **how)


def test_a_tenth_of_every_class_is_held_out():
    prepared = prepare()
    assert len(prepared.train) == 180
    assert np.bincount(prepared.validation.labels).tolist() == [2] * 10
    together = {p.tobytes() for part in (prepared.train, prepared.validation) for p in part.images}
    assert together == {p.tobytes() for p in blobs.splits(200, 40).train.images}


def test_nothing_is_held_out_where_the_recipe_says_so():
    prepared = prepare("validation_fraction=0")
    assert prepared.validation is None
    assert len(prepared.train) == 200


def test_validation_of_the_source_is_used_as_it_is():
    splits = blobs.splits(100, 40, validation=30)
    prepared = prepare(splits=splits)
    assert prepared.validation is splits.validation
    assert len(prepared.train) == 100


def test_limits_take_the_first_pictures():
    splits = blobs.splits(200, 40)
    prepared = prepare("train_limit=50", "test_limit=20", "validation_fraction=0", splits=splits)
    assert np.array_equal(prepared.train.images, splits.train.images[:50])
    assert np.array_equal(prepared.test.labels, splits.test.labels[:20])
    assert len(prepare("train_limit=9999", splits=splits).test) == 40


def test_limits_of_a_sorted_set_draw_every_class_by_the_seed_and_say_so():
    found = blobs.splits(200, 100)
    order = [np.argsort(part.labels, kind="stable") for part in (found.train, found.test)]
    splits = replace(found, train=found.train.take(order[0]), test=found.test.take(order[1]))
    settings = ("train_limit=50", "test_limit=20", "validation_fraction=0")
    prepared = prepare(*settings, splits=splits)
    assert np.bincount(prepared.train.labels).tolist() == [5] * 10
    assert np.bincount(prepared.test.labels).tolist() == [2] * 10
    assert "training set is sorted" in prepared.notes[0]
    assert "test set is sorted" in prepared.notes[1]
    assert "20 were drawn by the seed" in prepared.notes[1]
    again, other = (prepare(*settings, splits=splits, seed=seed) for seed in (0, 1))
    assert np.array_equal(again.train.images, prepared.train.images)
    assert not np.array_equal(other.train.images, prepared.train.images)


def test_a_limit_of_a_mixed_set_draws_nothing_of_the_other_generators():
    splits = blobs.splits(200, 40)
    one, two = prepare("train_limit=50", splits=splits), prepare("train_limit=200", splits=splits)
    assert one.notes == ()
    assert np.array_equal(one.model.flat, two.model.flat)
    assert one.rng.bit_generator.state == two.rng.bit_generator.state


def of_classes(splits, classes, order=None):
    """The same pictures with other names, or the classes in another order."""
    order = np.arange(len(classes)) if order is None else np.asarray(order)
    parts = {
        name: Dataset(part.images, order[part.labels], classes)
        for name, part in (("train", splits.train), ("test", splits.test))
    }
    return replace(splits, **parts)


def test_a_start_from_a_model_with_its_classes_in_another_order_keeps_what_it_reads(trained):
    path, _ = trained
    found = blobs.splits(200, 40)
    turned = of_classes(found, tuple("9876543210"), 9 - np.arange(10))
    prepared = prepare(splits=turned, from_model=path)
    here, there = (
        evaluation.evaluate(model, part).predictions
        for model, part in ((prepared.model, turned.test), (nn.load(path), found.test))
    )
    assert np.array_equal(9 - here, there)
    assert "put into the data's order of classes, 9, 8" in prepared.notes[0]


def test_a_start_from_a_model_of_ten_other_classes_has_a_new_last_layer(trained):
    path, _ = trained
    letters = of_classes(blobs.splits(200, 40), tuple("abcdefghij"))
    prepared = prepare(splits=letters, from_model=path, seed=3)
    assert "starts anew, because the classes are a, b, c" in prepared.notes[0]
    *kept, weight, bias = prepared.model.parameters()
    fresh = prepare(splits=letters, seed=3).model.parameters()
    for name in (weight, bias):
        assert np.array_equal(prepared.model.parameters()[name], fresh[name])
    for name in kept:
        assert np.array_equal(prepared.model.parameters()[name], nn.load(path).parameters()[name])


def test_standardisation_is_fitted_on_the_training_part_alone():
    splits = blobs.splits(200, 40)
    usual = prepare(splits=splits)
    fitted = Standardisation.fit(usual.train)
    assert usual.model.card.standardisation == fitted
    # Other test pictures, and other pictures where those held out stand: the same figures.
    held = {p.tobytes() for p in usual.validation.images}
    images = splits.train.images.copy()
    changed = 0
    for i, picture in enumerate(images):
        if picture.tobytes() in held:
            images[i] = 255 - picture
            changed += 1
    assert changed == 20
    other = replace(
        splits,
        train=Dataset(images, splits.train.labels),
        test=Dataset(255 - splits.test.images, splits.test.labels),
    )
    assert prepare(splits=other).model.card.standardisation == fitted
    assert Standardisation.fit(other.train) != fitted


def test_validation_of_the_source_has_no_part_in_the_standardisation():
    splits = blobs.splits(100, 40, validation=30)
    other = replace(
        splits,
        validation=Dataset(255 - splits.validation.images, splits.validation.labels),
    )
    cards = [prepare(splits=s).model.card.standardisation for s in (splits, other)]
    assert cards[0] == cards[1] == Standardisation.fit(splits.train)


def test_without_standardisation_pixels_are_divided_by_255():
    assert prepare("standardise=false").model.card.standardisation == Standardisation.unit(1)


def test_the_card_says_what_the_model_reads():
    card = prepare().model.card
    assert (card.name, card.image_shape) == ("one_conv", (1, 12, 12))
    assert card.classes == tuple("0123456789")


def test_the_seed_decides_everything():
    a, b, c = prepare(seed=1), prepare(seed=1), prepare(seed=2)
    for one, other, same in ((a, b, True), (a, c, False)):
        assert np.array_equal(one.model.flat, other.model.flat) is same
        assert np.array_equal(one.train.images, other.train.images) is same
        assert (one.rng.random() == other.rng.random()) is same


def test_weights_split_and_batches_draw_from_generators_of_their_own():
    """More drawn for one thing does not move another."""
    usual = prepare()
    more_weights = prepare("model.kernels=20")
    unsplit = prepare("validation_fraction=0")
    assert np.array_equal(usual.validation.images, more_weights.validation.images)
    assert np.array_equal(usual.model.flat, unsplit.model.flat)
    draws = [p.rng.random() for p in (usual, more_weights, unsplit)]
    assert draws[0] == draws[1] == draws[2]


@pytest.mark.parametrize(
    "setting",
    [
        "model.kernel_size='big'",
        "model.kernel_size=0",
        "model.kernel_size=-3",
        "model.kernel_size=2.5",
        "model.kernel_size=13",
        "model.kernels=0",
        "model.kernels=-1",
        "model.kernels=1.5",
        "model.kernels=none",
        "model.kernels=[3]",
        "model=one_conv(colour=1)",
        "model=tiny(scale='a')",
    ],
)
def test_a_networks_setting_that_does_not_fit_is_an_error_of_the_users(setting):
    with pytest.raises(InputError) as error:
        prepare(setting)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["lenet5", "one_conv", "two_conv", "tiny"])
def test_pictures_too_small_are_named_with_the_network(name):
    with pytest.raises(InputError) as error:
        prepare(splits=blobs.splits(40, 10, size=2), name=name)
    assert "2×2" in str(error.value)
    assert recipes.get(name).model.name in str(error.value)


@pytest.fixture
def trained(tmp_path):
    """A model file of one_conv after a short run, and the model."""
    prepared = prepare("epochs=3", "batch_size=20")
    list(recipes.train(prepared))
    nn.save(prepared.model, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors", prepared.model


def test_a_start_from_a_model_takes_its_weights(trained):
    path, model = trained
    prepared = prepare(seed=5, from_model=path)
    assert np.array_equal(prepared.model.flat, model.flat)
    assert str(path) in prepared.notes[0]
    first = next(recipes.train(prepared))
    assert first.validation_accuracy == 1.0


def test_other_classes_start_the_last_layer_anew_and_keep_the_rest(trained):
    path, model = trained
    splits = blobs.splits(60, 20, classes=3)
    prepared = prepare(splits=splits, from_model=path)
    fresh = prepare(splits=splits)
    old, new = model.state_dict(), prepared.model.state_dict()
    for name in new:
        if name.startswith("4."):
            assert np.array_equal(new[name], fresh.model.state_dict()[name])
        else:
            assert np.array_equal(new[name], old[name])
    assert prepared.model.card.classes == ("0", "1", "2")
    assert "3 classes and not 10" in prepared.notes[0]


def test_another_network_is_no_start(trained):
    path, _ = trained
    for name in ("mlp", "tiny"):
        with pytest.raises(InputError) as error:
            prepare(name=name, from_model=path)
        assert str(path) in str(error.value)
        assert "one_conv" in str(error.value)
    with pytest.raises(InputError, match="do not fit"):
        prepare("model.kernels=4", from_model=path)


def test_a_start_from_nothing_is_an_error(tmp_path):
    with pytest.raises(InputError, match="there is no model file"):
        prepare(from_model=tmp_path / "none.safetensors")


def test_training_ends_with_the_averaged_weights_where_there_are_any():
    ends = {}
    for keep in ("true", "false"):
        prepared = prepare("epochs=3", "average=0.9", f"keep_best={keep}", "batch_size=20")
        state = prepared.new_state()
        list(recipes.train(prepared, state=state))
        ends[keep] = prepared.model.flat
        wanted = state.best_flat if keep == "true" else state.average
        assert np.array_equal(prepared.model.flat, wanted)


def test_patience_ends_a_run_that_gets_no_better():
    splits = blobs.splits(60, 20, noise=0.95)
    prepared = prepare("epochs=200", "patience=2", "batch_size=20", splits=splits)
    records = list(recipes.train(prepared))
    losses = [r.validation_loss for r in records]
    assert len(records) < 200
    assert len(records) - 1 - int(np.argmin(losses)) == 2


def test_a_run_that_patience_ended_goes_on_no_further():
    splits = blobs.splits(60, 20, noise=0.95)
    settings = ("epochs=200", "patience=2", "batch_size=20")
    first = prepare(*settings, splits=splits)
    state = first.new_state()
    ended = len(list(recipes.train(first, state=state)))
    second = prepare(*settings, splits=splits)
    assert list(recipes.train(second, state=state)) == []
    assert len(state.records) == ended
    assert np.array_equal(second.model.flat, first.model.flat)


@pytest.mark.slow
def test_a_few_hundred_of_mnists_digits_are_learnt():
    splits = data.open_data(support.require_data())
    settings = ("train_limit=1000", "test_limit=500", "epochs=3", "batch_size=20")
    prepared = prepare(*settings, splits=splits)
    *_, last = recipes.train(prepared)
    assert splits.name == "mnist"
    assert last.validation_accuracy > 0.8
