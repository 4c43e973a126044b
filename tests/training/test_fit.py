"""fit: what it yields, what it learns from, and what it never looks at."""

from __future__ import annotations

import gc
import itertools
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

import blobs
from byhand import losses, nn, optim, training
from byhand.data import Dataset, Standardisation
from byhand.errors import ByhandError, InputError
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


X, Y = np.zeros((5, 1, 12, 12), np.uint8), np.zeros(5, np.int64)
REORDERED = Dataset(X, Y, tuple("1023456789"))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"epochs": None}, "epochs or steps"),
        *(({name: value}, f"{name} is ") for name in ("epochs", "steps", "batch_size")
          for value in (0, -1, "3", 2.0, True, math.nan, math.inf, 2**40, [1])),
        ({"batch_size": None}, "batch_size is None"),
        *(({"clip_norm": value}, "clip_norm is ") for value in (0.0, -1.0, "1", math.nan, True)),
        *(({"seed": value}, "seed is ") for value in (-1, 0.5, None, 2**64, "0")),
        ({"sampling": "sometimes"}, "sampling is 'sometimes'"),
        ({"layout": "sometimes"}, "layout is 'sometimes'"),
        ({"step_records": "no"}, "step_records is 'no'"),
        ({"rng": 3}, "rng is 3, but it must be a generator"),
        ({"rng": np.random.RandomState(0)}, "rng is .*numpy.random.default_rng"),
        ({"optimiser": optim.Adam}, "optimiser is <class"),
        ({"optimiser": "adam"}, "optimiser is 'adam'"),
        ({"schedule": 0.01}, r"schedule is 0.01, .*optim.Constant\(0.001\)"),
        ({"loss": losses.CrossEntropy}, "loss is <class"),
        ({"average": 0.9}, r"average is 0.9, .*ExponentialMovingAverage\(0.999\)"),
        ({"augment": True}, "augment is True"),
        ({"state": {}}, "state is {}"),
        ({"checkpoint": 3}, "checkpoint is 3"),
        ({"settings": "x"}, "settings is 'x'"),
        ({"train": (X, Y)}, r"train is .*Dataset\(images, labels\)"),
        ({"train": X}, "train is .*must be a byhand.data.Dataset"),
        ({"validation": (X, Y)}, "validation is .*or None"),
        ({"test": 0.1}, "test is 0.1"),
        ({"train": blobs.pictures(5).take([])}, "no picture to train on"),
        ({"train": REORDERED}, "classes.*'1', '0'.*set model.card"),
        ({"validation": REORDERED}, "validation: the data set has 10 classes .1, 0, 2"),
        ({"test": REORDERED}, "test: the data set has 10 classes .1, 0, 2"),
        ({"validation": blobs.pictures(5, size=9)}, "validation: pictures of shape"),
    ],
)  # fmt: skip
def test_arguments_are_checked_at_the_call(runs, how, says):
    model = runs.network()
    state = training.new_state(model, optim.Adam(), np.random.default_rng(0), averaged=False)
    given = {"rng": np.random.default_rng(0), "epochs": 1, "state": state, **how}
    with pytest.raises(InputError, match=says) as caught:
        training.fit(model, given.pop("train", blobs.pictures(45)), **given)
    assert "\n" not in str(caught.value)


def test_a_model_that_is_none_or_has_no_weights_is_told_of_at_the_call():
    bare = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    for model, says in ((nn.Sequential, "model is <class"), (None, "model is None"),
                        (bare, "call .*init")):  # fmt: skip
        with pytest.raises(ByhandError, match=says):
            training.fit(model, Dataset(np.zeros((5, 1, 28, 28), np.uint8), Y),
                         rng=np.random.default_rng(0), epochs=1)  # fmt: skip


@pytest.mark.parametrize("classes", [3, 12])
def test_outputs_that_are_not_one_a_class_are_told_of_at_the_call(runs, classes):
    with pytest.raises(InputError, match=rf"outputs of shape \({classes},\).* 10 classes"):
        runs.start(runs.network(classes=classes), epochs=1)


def test_a_fit_that_nobody_iterates_over_says_so(runs):
    events = runs.start(epochs=1).events
    with pytest.warns(UserWarning, match="nothing was trained; write: for record in fit"):
        del events


@pytest.mark.parametrize("end", ["finished", "left", "closed", "raised"])
def test_a_fit_that_was_begun_or_closed_says_nothing(runs, end):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run = runs.start(epochs=2, schedule=optim.Constant(3e38 if end == "raised" else 0.01))
        if end == "finished":
            list(run.events)
        elif end == "left":
            next(run.events)
        elif end == "closed":
            run.events.close()
        else:
            with pytest.raises(training.Diverged):
                next(run.events)
        del run
        gc.collect()
    assert said == []


def normalising(n):
    """Batch norm of vectors for blobs of 3x3, and n pictures."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 4), nn.BatchNorm1d(4), nn.Linear(4, 10))
    model.init(np.random.default_rng(0))
    model.card = replace(model.card, image_shape=(1, 3, 3))
    return model, blobs.pictures(n, size=3)


@pytest.mark.parametrize("layout", ["auto", "reference"])
def test_a_last_batch_of_one_is_left_out_of_batch_norm_and_said(layout):
    model, pictures = normalising(21)
    with pytest.warns(UserWarning, match="leave one over.*leaves out its last picture"):
        events = training.fit(model, pictures, rng=np.random.default_rng(0), batch_size=10,
                              epochs=2, layout=layout, schedule=optim.Cosine(0.1))  # fmt: skip
    records = list(events)
    assert [r.step for r in records] == [2, 4]
    assert records[-1].learning_rate == optim.Cosine(0.1, steps=4)(3)


@pytest.mark.parametrize(("n", "batch_size"), [(1, 10), (21, 1)])
def test_batch_norm_of_single_pictures_is_told_of_at_the_call(n, batch_size):
    model, pictures = normalising(n)
    with pytest.raises(InputError, match="needs at least two"):
        training.fit(model, pictures, rng=np.random.default_rng(0), batch_size=batch_size, epochs=1)


def test_a_last_batch_of_one_is_learnt_from_where_the_model_can(runs):
    assert [r.step for r in runs.start(train=blobs.pictures(41), epochs=1).events] == [5]


def test_a_single_class_is_said_before_the_first_step(runs):
    train = blobs.pictures(45)
    with pytest.warns(UserWarning, match="all 5 training pictures are of the class '3'"):
        runs.start(train=train.take(train.labels == 3), epochs=1).events.close()


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
