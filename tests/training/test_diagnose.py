"""Each diagnosis is raised by a run that has the trouble, first cause first, and by no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import blobs
from byhand import nn, optim, training
from byhand.data import Standardisation
from byhand.training import Diagnosis, EpochRecord, diagnose, run_diagnoses

KINDS = ("diverged", "chance", "dead_units", "vanishing", "exploding", "overfitting",
         "underfitting")  # fmt: skip


def mlp(*, hidden=20, init=None, act=nn.ReLU, depth=1, seed=0, standardised=True):
    """Fully connected, for blobs of 12x12."""
    how = {} if init is None else {"weight_init": init}
    layers = [nn.Flatten()]
    for width in (144, *[hidden] * (depth - 1)):
        layers += [nn.Linear(width, hidden, **how), act()]
    model = nn.Sequential(*layers, nn.Linear(hidden, 10, **how)).init(np.random.default_rng(seed))
    used = Standardisation((0.4,), (0.3,)) if standardised else Standardisation.unit(1)
    model.card = replace(model.card, image_shape=(1, 12, 12), standardisation=used)
    return model


def record(epoch=1, **values):
    """An epoch of a healthy run."""
    plain = {
        "step": 10 * epoch,
        "train_loss": 0.1 / epoch,
        "train_accuracy": 0.97,
        "validation_loss": 0.12 / epoch,
        "validation_accuracy": 0.965,
        "test_loss": None,
        "test_accuracy": None,
        "learning_rate": 0.01,
        "gradient_norms": {"1.weight": 0.5, "3.weight": 0.5},
        "weight_norms": {"1.weight": 5.0, "3.weight": 5.0},
        "seconds": 1.0,
        "images_per_second": 100.0,
    }
    return EpochRecord(epoch=epoch, **{**plain, **values})


def found(model, runs, n=200, **how):
    """The kinds that the last epoch of a run carries, and its diagnoses by kind."""
    given = {"train": blobs.pictures(n), "epochs": 2, "batch_size": 20, **how}
    *_, last = runs.start(model, **given).events
    return {d.kind: d for d in last.diagnoses}


def well_formed(diagnosis):
    assert diagnosis.kind in KINDS
    assert diagnosis.symptom
    assert "\n" not in diagnosis.symptom
    assert len(diagnosis.causes) >= 2
    assert all(cause and remedy for cause, remedy in diagnosis.causes)
    assert len({cause for cause, _ in diagnosis.causes}) == len(diagnosis.causes)
    said = str(diagnosis).splitlines()
    assert said[0] == diagnosis.symptom
    assert len(said) == 1 + len(diagnosis.causes)


def test_a_healthy_run_gets_no_diagnosis(runs):
    for seed in range(3):
        run = runs.start(
            mlp(seed=seed), train=blobs.pictures(200), epochs=5, batch_size=20, seed=seed
        )
        records = list(run.events)
        assert [d for r in records for d in r.diagnoses] == []
        assert run_diagnoses(run.model, records) == ()


def test_a_healthy_convolution_gets_no_diagnosis(runs):
    run = runs.start(train=blobs.pictures(300), epochs=5, batch_size=20)
    records = list(run.events)
    assert [d for r in records for d in r.diagnoses] == []
    assert run_diagnoses(run.model, records) == ()


def test_a_loss_that_is_not_finite_stops_training_and_keeps_the_weights(runs, tmp_path):
    path = tmp_path / "c"
    run = runs.start(
        mlp(),
        epochs=50,
        optimiser=optim.SGD(),
        schedule=optim.Step(0.01, factor=1e30, every=8),
        checkpoint=path,
    )
    first = next(run.events)
    kept = path.read_bytes()
    with np.errstate(all="ignore"), pytest.raises(training.Diverged) as error:
        list(run.events)
    diagnosis = error.value.diagnosis
    well_formed(diagnosis)
    assert diagnosis.kind == "diverged"
    assert "learning rate" in diagnosis.causes[0][0]
    assert diagnosis.symptom in str(error.value)
    assert diagnosis.causes[0][1] in str(error.value)
    assert path.read_bytes() == kept, "the last checkpoint was touched"
    assert run.state.records == [first]


def test_divergence_comes_without_warnings_of_numpy(runs):
    """Warnings are errors in tests: the overflow is told once, by the diagnosis."""
    run = runs.start(
        mlp(), epochs=50, optimiser=optim.SGD(), schedule=optim.Step(0.01, factor=1e30, every=8)
    )
    with pytest.raises(training.Diverged):
        list(run.events)


def test_pictures_that_are_not_finite_are_named_first(runs):
    model = mlp()
    model.card = replace(model.card, standardisation=Standardisation((0.0,), (1e-310,)))
    with np.errstate(all="ignore"), pytest.raises(training.Diverged) as error:
        list(runs.start(model, epochs=1).events)
    cause, remedy = error.value.diagnosis.causes[0]
    assert "pictures hold NaN or infinity" in cause
    assert "data" in remedy


@pytest.mark.parametrize(
    ("images", "first"),
    [
        (np.array([[np.nan, 1.0]]), "pictures hold NaN or infinity"),
        (np.array([[np.inf, 1.0]]), "pictures hold NaN or infinity"),
        (np.array([[255.0, 1.0]]), "pixels reach 255"),
        (np.array([[1.0, -1.0]]), "the learning rate 0.5 is too high"),
    ],
)
def test_what_the_pictures_show_comes_first_in_a_divergence(images, first):
    diagnosis = diagnose.diverged(float("nan"), 3, 0.5, images, [1.0, float("inf"), 7.0])
    well_formed(diagnosis)
    assert diagnosis.causes[0][0].startswith(("the " if "hold" in first else "") + first)
    assert "step 3" in diagnosis.symptom
    assert "1, 7" in diagnosis.symptom


def test_a_start_of_tiny_weights_is_named_first_at_chance(runs):
    """As the recipe tiny: normal(0.01) weights, plain SGD, few steps of two pictures."""
    model = nn.Sequential(
        nn.Conv2d(1, 1, 3, weight_init=nn.Normal(0.01)),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(25, 64, weight_init=nn.Normal(0.01)),
        nn.ReLU(),
        nn.Linear(64, 10, weight_init=nn.Normal(0.01)),
    ).init(np.random.default_rng(0))
    model.card = replace(
        model.card, image_shape=(1, 12, 12), standardisation=Standardisation.unit(1)
    )
    kinds = found(
        model,
        runs,
        sampling="with_replacement",
        batch_size=2,
        epochs=1,
        optimiser=optim.SGD(),
    )
    well_formed(kinds["chance"])
    assert kinds["chance"].causes[0][0].startswith("weights are too small")
    assert "He" in kinds["chance"].causes[0][1]
    assert any("standardise=true" in remedy for _, remedy in kinds["chance"].causes)


def test_too_low_a_rate_is_named_first_at_chance(runs):
    kinds = found(mlp(), runs, optimiser=optim.SGD(), schedule=optim.Constant(1e-7))
    well_formed(kinds["chance"])
    cause, remedy = kinds["chance"].causes[0]
    assert "learning rate 1e-07 is too low" in cause
    assert "ten times more" in remedy
    assert not any("standardise" in remedy for _, remedy in kinds["chance"].causes)


def test_dead_units_are_counted_by_layer_and_lead_the_causes(runs):
    model = mlp(hidden=20)
    model.parameters()["1.bias"][:15] = -1e3
    kinds = found(model, runs)
    well_formed(kinds["dead_units"])
    assert "15 of 20 in layer 2" in kinds["dead_units"].symptom


def test_all_units_dead_means_chance_and_says_why(runs):
    model = mlp(hidden=20)
    model.parameters()["1.bias"][...] = -1e3
    kinds = found(model, runs)
    assert {"dead_units", "chance"} <= set(kinds)
    assert "ReLU units are dead" in kinds["chance"].causes[0][0]


def test_a_few_dead_units_are_no_matter(runs):
    model = mlp(hidden=20)
    model.parameters()["1.bias"][:3] = -1e3
    assert found(model, runs) == {}


def test_dead_channels_are_counted_in_convolutions(runs):
    model = runs.network(channels=4)
    model.parameters()["1.bias"][:3] = -1e3
    pictures = model.card.standardisation.apply(blobs.pictures(50).images)
    (health,) = diagnose.activation_health(model, pictures)
    assert (health.name, health.units, health.dead) == ("2", 4, 3)


def test_a_deep_chain_of_sigmoids_vanishes(runs):
    kinds = found(mlp(depth=8, act=nn.Sigmoid), runs)
    well_formed(kinds["vanishing"])
    assert "1.weight" in kinds["vanishing"].symptom
    assert "saturate" in kinds["vanishing"].causes[0][0]


def test_a_deep_chain_of_tiny_weights_vanishes_because_of_them(runs):
    model = mlp(depth=4, act=nn.Sigmoid, init=nn.Normal(0.003))
    kinds = found(model, runs, optimiser=optim.SGD())
    assert kinds["vanishing"].causes[0][0].startswith("weights are too small")


def test_a_huge_start_explodes(runs):
    kinds = found(
        mlp(init=nn.Normal(10.0)), runs, optimiser=optim.SGD(), schedule=optim.Constant(1e-6)
    )
    well_formed(kinds["exploding"])
    assert any("weights started too large" in cause for cause, _ in kinds["exploding"].causes)


def test_a_huge_start_is_named_first_where_the_rate_is_tiny(runs):
    kinds = found(
        mlp(init=nn.Normal(10.0)), runs, optimiser=optim.SGD(), schedule=optim.Constant(1e-6)
    )
    assert "weights started too large" in kinds["exploding"].causes[0][0]


def test_overfitting_shows_in_a_run(runs):
    """Few noisy pictures with partly wrong labels, learnt by heart."""
    train = blobs.pictures(60, noise=0.9)
    run = runs.start(
        mlp(hidden=100),
        train=train,
        validation=blobs.pictures(60, noise=0.9, seed=3),
        epochs=60,
        batch_size=10,
    )
    (diagnosis,) = run_diagnoses(run.model, list(run.events))
    well_formed(diagnosis)
    assert diagnosis.kind == "overfitting"
    assert "trained on after" in diagnosis.causes[0][0]


def test_overfitting_needs_both_a_gap_and_a_rise():
    model = mlp()
    falling = [record(1, validation_loss=0.5), record(2, validation_loss=0.4)]
    gap = {"train_accuracy": 1.0, "validation_accuracy": 0.9}
    assert run_diagnoses(model, [*falling, record(3, validation_loss=0.41, **gap)]) == ()
    assert run_diagnoses(model, [*falling, record(3, validation_loss=0.6)]) == ()
    (diagnosis,) = run_diagnoses(model, [*falling, record(3, validation_loss=0.6, **gap)])
    assert diagnosis.kind == "overfitting"
    assert "0.4000 (epoch 2) to 0.6000" in diagnosis.symptom


def test_underfitting_that_was_still_falling_says_train_longer(runs):
    run = runs.start(
        mlp(),
        train=blobs.pictures(200),
        epochs=3,
        batch_size=20,
        optimiser=optim.SGD(),
        schedule=optim.Constant(0.004),
    )
    (diagnosis,) = run_diagnoses(run.model, list(run.events))
    well_formed(diagnosis)
    assert diagnosis.kind == "underfitting"
    assert "still falling" in diagnosis.causes[0][0]
    assert "more epochs" in diagnosis.causes[0][1]


def test_underfitting_that_stood_still_names_the_rate_first():
    low = {"train_accuracy": 0.6, "train_loss": 1.0, "validation_accuracy": 0.6}
    (diagnosis,) = run_diagnoses(mlp(), [record(1, **low), record(2, **low)])
    assert diagnosis.kind == "underfitting"
    assert "learning rate 0.01" in diagnosis.causes[0][0]
    assert not any("more epochs" in remedy for _, remedy in diagnosis.causes), (
        "a loss that stands still was not still falling"
    )


def test_pictures_as_they_came_are_named_only_where_they_are():
    low = [record(1, train_accuracy=0.6, train_loss=1.0, validation_accuracy=0.6)]
    for standardised in (True, False):
        (diagnosis,) = run_diagnoses(mlp(standardised=standardised), low)
        said = any("standardise=true" in remedy for _, remedy in diagnosis.causes)
        assert said is not standardised


def test_curves_without_validation_or_records_say_nothing_of_overfitting():
    none = {"validation_loss": None, "validation_accuracy": None}
    assert run_diagnoses(mlp(), [record(1, **none), record(2, **none)]) == ()
    assert run_diagnoses(mlp(), []) == ()


def test_the_rate_that_is_told_is_the_highest_of_a_schedule_that_ends_near_0(runs):
    """A cycle ends at a millionth of its peak, which says nothing of whether the peak suits."""
    run = runs.start(
        mlp(), train=blobs.pictures(200), epochs=1, batch_size=20, optimiser=optim.SGD(),
        schedule=optim.OneCycle(0.004),
    )  # fmt: skip
    (record,) = run.events
    assert record.learning_rate < 1e-5
    assert 0.0039 < record.peak_rate <= 0.004
    assert EpochRecord.from_dict(record.as_dict()) == record
    (diagnosis,) = run_diagnoses(run.model, [replace(record, diagnoses=(), train_accuracy=0.6)])
    rates = [cause for cause, _ in diagnosis.causes if "learning rate" in cause]
    assert rates == [f"the learning rate {record.peak_rate:.3g} (its highest) may not suit"]


def test_a_rate_too_high_is_told_with_the_loss_that_rose():
    low = {"train_accuracy": 0.6, "validation_accuracy": 0.6, "learning_rate": 1e-7}
    losses = (2.0, 2.64, 1.2, 0.9)
    rates = (0.02, 0.08, 0.05, 0.01)
    records = [
        record(i, train_loss=loss, peak_rate=rate, **low)
        for i, (loss, rate) in enumerate(zip(losses, rates, strict=True), 1)
    ]
    (diagnosis,) = run_diagnoses(mlp(), records)
    said = "the learning rate 0.08 (its highest) is too high: training loss rose from 2 in epoch 1 "
    assert (said + "to 2.64 in epoch 2", "try 0.008") in diagnosis.causes


def test_a_network_is_called_small_only_where_it_has_fewer_parameters_than_pictures():
    low = {"train_accuracy": 0.6, "train_loss": 1.0, "validation_accuracy": 0.6}
    model = mlp()
    for pictures, small in ((model.flat.size, False), (model.flat.size + 1, True)):
        (diagnosis,) = run_diagnoses(model, [record(1, images_per_second=pictures, **low)])
        assert any("network is small" in cause for cause, _ in diagnosis.causes) is small
        assert not any("too small" in cause for cause, _ in diagnosis.causes)


def test_what_is_at_chance_is_not_told_a_second_time_as_underfitting():
    low = {"train_accuracy": 0.1, "train_loss": 2.3, "validation_accuracy": 0.1}
    at_chance = Diagnosis("chance", "it stands still", ())
    assert run_diagnoses(mlp(), [record(1, diagnoses=(at_chance,), **low)]) == ()


def test_units_that_died_in_a_run_that_learns_badly_are_not_called_too_many():
    dead = [diagnose.LayerHealth("2", 20, 15)]
    for accuracy, wide in ((0.6, False), (0.97, True)):
        said = {"train_accuracy": accuracy, "validation_accuracy": accuracy, "peak_rate": 0.3}
        (only,) = diagnose.epoch_diagnoses(record(1, **said), mlp(), 0.1, 200, dead)
        assert any("wider" in cause for cause, _ in only.causes) is wide
        assert any("up to 0.3" in cause for cause, _ in only.causes)


def test_nothing_is_wrong_with_standing_still_while_the_rate_still_rises(runs):
    """Ten steps into a long warm-up; where the rate has reached its peak it is told."""
    how = {"epochs": 2, "batch_size": 20, "train": blobs.pictures(200), "optimiser": optim.SGD()}
    for schedule, told in (
        (optim.WarmUp(optim.Constant(1e-5), 15), [False, True]),
        (optim.Constant(1e-7), [True, True]),
    ):
        records = list(runs.start(mlp(), schedule=schedule, **how).events)
        assert [any(d.kind == "chance" for d in r.diagnoses) for r in records] == told


def test_a_diagnosis_of_many_epochs_is_told_once_and_advises_on_what_is_left():
    dead = [Diagnosis("dead_units", f"{n} of 20 units", (("a", "b"),)) for n in range(9)]
    chance = Diagnosis("chance", "at chance", (("c", "d"),))
    records = [record(1, diagnoses=(chance, dead[1]))]
    records += [record(i, diagnoses=(dead[i],)) for i in range(2, 9)]
    once = {d.kind: d for d in training.told_once(records)}
    assert once["dead_units"].symptom == "8 of 20 units (and 7 times since epoch 1)"
    assert once["dead_units"].causes == (("a", "b"),)
    assert (once["chance"].symptom, once["chance"].causes) == ("at chance; gone afterwards", ())
    assert training.told_once([record(1), record(2)]) == ()


def test_chance_is_that_of_the_most_frequent_class():
    dataset = blobs.pictures(40).take([0, *range(40)])
    assert diagnose.chance_level(blobs.pictures(40)) == 0.1
    assert diagnose.chance_level(dataset) == 5 / 41


def test_a_diagnosis_reads_as_a_list():
    said = str(Diagnosis("chance", "it stands still", (("a", "do b"), ("c", "do d"))))
    assert said == "it stands still\n  - a: do b\n  - c: do d"
