"""fit: what it yields, what it learns from, and what it never looks at."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

import blobs
from byhand import losses, optim, training
from byhand.data import Dataset, Standardisation
from byhand.errors import InputError
from byhand.training import EarlyStopping, EpochRecord, StepRecord, restore_best, score


def test_an_epoch_yields_its_steps_and_then_its_record(runs):
    records = list(runs.start(epochs=2, step_records=True).events)
    assert [type(r) for r in records] == ([StepRecord] * 5 + [EpochRecord]) * 2
    steps = [r for r in records if isinstance(r, StepRecord)]
    assert [r.step for r in steps] == list(range(1, 11))
    assert [r.epoch for r in steps] == [1] * 5 + [2] * 5
    assert all(math.isfinite(r.loss) and r.gradient_norm > 0 for r in steps)
    assert all(0 <= r.accuracy <= 1 and r.learning_rate == 0.01 for r in steps)
    assert [(r.epoch, r.step) for r in records if isinstance(r, EpochRecord)] == [(1, 5), (2, 10)]


def test_without_asking_there_are_only_epoch_records(runs):
    run = runs.start(epochs=3)
    assert [r.epoch for r in run.events] == [1, 2, 3]
    assert [r.epoch for r in run.state.records] == [1, 2, 3]


def test_the_loss_falls_and_the_blobs_are_learnt(runs):
    records = list(runs.start(train=blobs.pictures(200), epochs=8, batch_size=20).events)
    losses_seen = [r.train_loss for r in records]
    assert losses_seen[-1] < 0.2 * losses_seen[0]
    assert records[-1].validation_accuracy == 1.0


def test_a_record_has_a_norm_for_each_parameter(runs):
    run = runs.start(epochs=1)
    (record,) = run.events
    names = set(run.model.parameters())
    assert set(record.gradient_norms) == set(record.weight_norms) == names
    for name, view in run.model.parameters().items():
        assert record.weight_norms[name] == pytest.approx(float(np.linalg.norm(view)), rel=1e-6)
    assert record.images_per_second > 0
    assert record.test_loss is None
    assert record.test_accuracy is None


def test_records_go_through_json_unchanged(runs):
    import json

    for record in runs.start(epochs=1, optimiser=optim.SGD(), schedule=optim.Constant(0.0)).events:
        assert EpochRecord.from_dict(json.loads(json.dumps(record.as_dict()))) == record


def test_the_last_partial_batch_counts_by_its_pictures(runs):
    """With rate 0 and no randomness the epoch's loss is the mean over all pictures."""
    model = runs.linear()
    train = blobs.pictures(45)
    run = runs.start(model, train=train, epochs=1, schedule=optim.Constant(0.0))
    (record,) = run.events
    loss, accuracy = score(model, train, losses.CrossEntropy())
    assert record.step == 5
    assert record.train_loss == pytest.approx(loss, rel=1e-5)
    assert record.train_accuracy == pytest.approx(accuracy)


@pytest.mark.parametrize(
    ("epochs", "steps", "ends"),
    [
        (2, None, [(1, 5), (2, 10)]),
        (None, 7, [(1, 5), (2, 7)]),
        (None, 5, [(1, 5)]),
        (None, 2, [(1, 2)]),
        (1, 100, [(1, 5)]),
        (3, 6, [(1, 5), (2, 6)]),
    ],
)
def test_what_is_reached_first_ends_the_run(runs, epochs, steps, ends):
    records = list(runs.start(epochs=epochs, steps=steps).events)
    assert [(r.epoch, r.step) for r in records] == ends


def test_a_short_last_epoch_is_a_mean_over_the_pictures_it_met(runs):
    steps = list(runs.start(steps=7, step_records=True).events)
    last = steps[-1]
    assert last.train_loss == pytest.approx((steps[-3].loss + steps[-2].loss) / 2)


def test_a_schedule_of_the_whole_run_ends_with_it(runs):
    rates = [
        r.learning_rate
        for r in runs.start(epochs=2, schedule=optim.Cosine(0.1), step_records=True).events
        if isinstance(r, StepRecord)
    ]
    expected = optim.Cosine(0.1, steps=10)
    assert rates == [expected(step) for step in range(10)]


def test_in_order_takes_the_pictures_as_they_stand(runs):
    """The first step of an in-order run sees exactly the first batch."""
    model = runs.linear()
    train = blobs.pictures(45)
    before, _ = score(model, train.first(10), losses.CrossEntropy())
    run = runs.start(model, train=train, steps=1, sampling="in_order", step_records=True)
    assert next(run.events).loss == pytest.approx(before, rel=1e-5)


def test_with_replacement_draws_full_batches_only(runs):
    run = runs.start(epochs=1, sampling="with_replacement", step_records=True)
    steps = list(run.events)[:-1]
    assert len(steps) == 5
    assert all(round(r.accuracy * 10, 6) == round(r.accuracy * 10) for r in steps)


def test_clipping_bounds_the_step(runs):
    """With SGD at rate 1 a step is as long as the clipped gradient."""
    run = runs.start(
        steps=3,
        optimiser=optim.SGD(),
        schedule=optim.Constant(1.0),
        clip_norm=0.01,
        step_records=True,
    )
    before = run.model.flat.copy()
    for record in itertools.islice(run.events, 3):
        assert record.gradient_norm > 0.01, "the record holds the norm before clipping"
        step = np.linalg.norm(run.model.flat.astype(np.float64) - before)
        assert step == pytest.approx(0.01, rel=1e-3)
        before = run.model.flat.copy()


def test_the_average_is_what_is_scored_and_the_weights_go_on(runs):
    average = optim.ExponentialMovingAverage(0.9)
    plain = runs.start(epochs=2)
    averaged = runs.start(epochs=2, average=average)
    records = list(zip(plain.events, averaged.events, strict=True))
    assert np.array_equal(plain.model.flat, averaged.model.flat), "averaging changed training"
    assert not np.array_equal(averaged.state.average, averaged.model.flat)
    last = records[-1][1]
    averaged.model.flat[...] = averaged.state.average
    loss, accuracy = score(averaged.model, blobs.pictures(30, seed=2), losses.CrossEntropy())
    assert (last.validation_loss, last.validation_accuracy) == (loss, accuracy)


def test_the_best_epoch_on_validation_comes_back(runs):
    run = runs.start(epochs=6, schedule=optim.Constant(0.3), optimiser=optim.SGD(momentum=0.9))
    snapshots = [(r, run.model.flat.copy(), run.model.flat_buffers.copy()) for r in run.events]
    key = [(r.validation_accuracy, -r.validation_loss) for r, _, _ in snapshots]
    best = key.index(max(key))
    restore_best(run.model, run.state)
    assert run.state.best_epoch == best + 1
    assert np.array_equal(run.model.flat, snapshots[best][1])
    assert np.array_equal(run.model.flat_buffers, snapshots[best][2])


def test_a_worse_last_epoch_is_not_kept(runs):
    """The rate jumps in the third epoch and spoils the model: the second is the best."""
    run = runs.start(
        train=blobs.pictures(100),
        epochs=3,
        optimiser=optim.SGD(momentum=0.9),
        schedule=optim.Step(0.02, factor=25.0, every=18),
        batch_size=10,
        validation=blobs.pictures(60, seed=2, noise=0.8),
    )
    accuracies = [r.validation_accuracy for r in run.events]
    assert accuracies[-1] < max(accuracies), "the set-up does not spoil the last epoch"
    restore_best(run.model, run.state)
    _, accuracy = score(run.model, blobs.pictures(60, seed=2, noise=0.8), losses.CrossEntropy())
    assert accuracy == max(accuracies)


def test_without_validation_the_last_weights_are_the_best(runs):
    run = runs.start(epochs=2, validation=None)
    records = list(run.events)
    assert all(r.validation_loss is None for r in records)
    last = run.model.flat.copy()
    restore_best(run.model, run.state)
    assert np.array_equal(run.model.flat, last)


@pytest.mark.parametrize(
    ("seen", "patience", "stops"),
    [
        ([1.0, 0.5, 0.6], 1, True),
        ([1.0, 0.5, 0.6], 2, False),
        ([1.0, 0.5, 0.6, 0.55], 2, True),
        ([1.0, 0.5, 0.4], 1, False),
        ([1.0], 1, False),
        ([], 1, False),
        ([None, None], 1, False),
    ],
)
def test_early_stopping_waits_for_its_patience(runs, seen, patience, stops):
    (record,) = runs.start(steps=1).events
    records = [replace(record, validation_loss=loss) for loss in seen]
    assert EarlyStopping(patience).should_stop(records) is stops


@pytest.mark.parametrize("patience", [0, -1, 1.5, "3", None])
def test_patience_that_is_no_number_of_epochs_is_refused(patience):
    with pytest.raises(InputError, match="patience is"):
        EarlyStopping(patience)


def test_a_poisoned_test_set_changes_only_the_test_figures(runs):
    good = blobs.pictures(30, seed=1)
    poisoned = Dataset(255 - good.images, (good.labels + 1) % 10, good.classes)
    found = []
    for test in (None, good, poisoned):
        run = runs.start(epochs=3, test=test, average=optim.ExponentialMovingAverage(0.9))
        records = list(run.events)
        restore_best(run.model, run.state)
        figures = [
            {k: v for k, v in r.items() if not k.startswith("test_")} for r in runs.untimed(records)
        ]
        found.append((figures, run.model.flat.tobytes(), run.model.flat_buffers.tobytes()))
        assert (records[-1].test_accuracy is None) == (test is None)
    assert found[0] == found[1] == found[2]


def test_the_same_seed_gives_the_same_bits_and_another_does_not(runs):
    flats = []
    for seed in (3, 3, 4):
        run = runs.start(seed=seed, epochs=2)
        records = runs.untimed(run.events)
        flats.append((run.model.flat.tobytes(), records))
    assert flats[0] == flats[1]
    assert flats[0][0] != flats[2][0]
    assert flats[0][1] != flats[2][1]


def test_only_the_order_of_batches_depends_on_the_generator(runs):
    """The same weights and masks, another order: other bits."""
    flats = []
    for seed in (1, 1, 2):
        run = runs.start(epochs=1, rng=np.random.default_rng(seed))
        list(run.events)
        flats.append(run.model.flat.tobytes())
    assert flats[0] == flats[1] != flats[2]


def test_the_loop_can_be_left_early(runs):
    run = runs.start(epochs=100, step_records=True)
    for record in run.events:
        if record.step == 7:
            break
    run.events.close()
    assert (run.state.step, run.state.epoch, run.state.batch) == (7, 1, 2)
    assert len(run.state.records) == 1


def test_a_finished_state_trains_no_more(runs):
    run = runs.start(epochs=1)
    list(run.events)
    before = run.model.flat.copy()
    assert list(runs.start(run.model, state=run.state, epochs=1).events) == []
    assert np.array_equal(run.model.flat, before)


def test_losses_that_compare_values_get_one_hot_labels(runs):
    for loss in (losses.MeanSquaredError(), losses.BinaryCrossEntropy()):
        first, *_, last = runs.start(epochs=6, loss=loss, train=blobs.pictures(100)).events
        assert last.train_loss < first.train_loss


def test_pictures_are_standardised_as_the_card_says(runs):
    """Without dropout the first loss is that of the pictures as the card standardises them."""
    model = runs.linear()
    values = []
    for card in (None, Standardisation.unit(1), Standardisation((0.5,), (0.1,))):
        model.card = replace(model.card, standardisation=card)
        run = runs.start(
            model, steps=1, step_records=True, schedule=optim.Constant(0.0), sampling="in_order"
        )
        values.append(next(run.events).loss)
    assert values[0] == values[1] != values[2]


def test_weights_that_the_last_update_made_infinite_are_not_kept_in_silence(runs):
    """The loss of a step is that before its update; the last one must be looked at too."""
    run = runs.start(
        steps=1,
        optimiser=optim.SGD(),
        schedule=optim.Constant(3e38),
        model=runs.linear(),
    )
    with pytest.raises(training.Diverged, match="most likely"):
        list(run.events)


def test_the_trained_model_reads_the_same_twice(runs):
    run = runs.start(epochs=1)
    list(run.events)
    pictures = blobs.pictures(20, seed=9)
    loss = losses.CrossEntropy()
    assert score(run.model, pictures, loss) == score(run.model, pictures, loss)
