"""Resuming from a checkpoint comes to the same bits as never having stopped."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import blobs
from byhand import optim, training
from byhand.training import EpochRecord, load_checkpoint, save_checkpoint

OPTIMISERS = [
    optim.SGD(),
    optim.SGD(momentum=0.9, nesterov=True, weight_decay=1e-3),
    optim.SGD(momentum=0.9, dampening=0.5),
    optim.AdaGrad(),
    optim.RMSProp(),
    optim.RMSProp(momentum=0.9),
    optim.Adam(weight_decay=1e-3),
    optim.AdamW(),
]
EVERYTHING = {
    "optimiser": optim.Adam(),
    "schedule": optim.WarmUp(optim.Cosine(0.02), 4),
    "average": optim.ExponentialMovingAverage(0.9),
    "clip_norm": 0.5,
}


def bits(run):
    """All that a run carries on, as bytes and plain values."""
    state = run.state
    arrays = {"flat": run.model.flat, "buffers": run.model.flat_buffers, **state.optimiser.arrays}
    optional = (state.average, state.best_flat, state.best_buffers)
    return (
        {name: array.tobytes() for name, array in arrays.items()},
        [None if a is None else a.tobytes() for a in optional],
        (state.step, state.epoch, state.batch, state.optimiser.step, state.best_epoch),
        state.generator,
        {k: v for k, v in vars(state.sums).items() if k != "seconds"},
    )


def stopped_and_resumed(runs, path, at, **how):
    """The run stopped after `at` steps, saved, and gone on with by other objects."""
    first = runs.start(**how, step_records=True)
    records = []
    for record in first.events:
        records.append(record)
        if record.step == at and not isinstance(record, EpochRecord):
            save_checkpoint(path, first.model, first.state, {})
            first.events.close()
            break
    model = runs.network(seed=99)
    state = load_checkpoint(path, model, how["optimiser"])
    second = runs.start(model, state=state, **how, step_records=True)
    return [*records, *second.events], second


def straight(runs, **how):
    run = runs.start(**how, step_records=True)
    return list(run.events), run


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=str)
@pytest.mark.parametrize("at", [1, 8])
def test_every_optimiser_goes_on_bit_for_bit(runs, tmp_path, optimiser, at):
    how = {"optimiser": optimiser, "epochs": 3}
    records, run = straight(runs, **how)
    again, resumed = stopped_and_resumed(runs, tmp_path / "c", at, **how)
    assert bits(resumed) == bits(run)
    assert runs.untimed(again) == runs.untimed(records)


@pytest.mark.parametrize("sampling", ["shuffle", "in_order", "with_replacement"])
@pytest.mark.parametrize("at", [2, 4, 5, 6, 10, 13])
def test_any_step_will_do_with_average_clipping_batch_norm_and_dropout(
    runs, tmp_path, sampling, at
):
    """5 steps an epoch: 5 and 10 are between the last batch and the epoch's record."""
    how = {**EVERYTHING, "sampling": sampling, "epochs": 3}
    records, run = straight(runs, **how)
    again, resumed = stopped_and_resumed(runs, tmp_path / "c", at, **how)
    assert bits(resumed) == bits(run)
    assert runs.untimed(again) == runs.untimed(records)


@pytest.mark.parametrize("steps", [13, 15])
def test_a_run_saved_after_its_last_step_still_ends_with_a_record(runs, tmp_path, steps):
    how = {**EVERYTHING, "steps": steps}
    records, run = straight(runs, **how)
    again, resumed = stopped_and_resumed(runs, tmp_path / "c", steps, **how)
    assert runs.untimed(again) == runs.untimed(records)
    assert bits(resumed) == bits(run)


def test_stopping_again_and_again_changes_nothing(runs, tmp_path):
    how = {**EVERYTHING, "epochs": 2}
    records, run = straight(runs, **how)
    model = runs.network()
    state, seen = None, []
    for _ in range(50):
        part = runs.start(model, **({} if state is None else {"state": state}), **how,
                          step_records=True)  # fmt: skip
        for _, record in zip(range(2), part.events, strict=False):
            seen.append(record)
        part.events.close()
        save_checkpoint(tmp_path / "c", model, part.state, {})
        model = runs.network(seed=50)
        state = load_checkpoint(tmp_path / "c", model, how["optimiser"])
        if state.epoch == 2:
            break
    part.model = model
    part.state = state
    assert runs.untimed(seen) == runs.untimed(records)
    assert bits(part) == bits(run)


def test_fit_writes_the_checkpoint_before_each_record(runs, tmp_path):
    path = tmp_path / "c"
    run = runs.start(epochs=2, checkpoint=path, metadata={"who": "me"})
    for record in run.events:
        model = runs.network(seed=5)
        state = load_checkpoint(path, model, optim.Adam())
        assert state.records[-1] == record
        assert np.array_equal(model.flat, run.model.flat)
        assert training.read_metadata(path) == {"who": "me"}
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_long_epochs_are_saved_on_the_way(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["byhand.training.fit"], "CHECKPOINT_SECONDS", -1.0)
    path = tmp_path / "c"
    how = {**EVERYTHING, "epochs": 2}
    records, run = straight(runs, **how)
    first = runs.start(**how, step_records=True, checkpoint=path)
    for record in first.events:
        if record.step == 9:
            break
    first.events.close()
    model = runs.network(seed=8)
    state = load_checkpoint(path, model, how["optimiser"])
    assert (state.step, state.epoch, state.batch) == (8, 1, 3)
    second = runs.start(model, state=state, **how, step_records=True)
    later = list(second.events)
    assert bits(second) == bits(run)
    assert runs.untimed(later) == runs.untimed(records)[-len(later) :]


def test_the_best_epoch_survives_a_stop(runs, tmp_path):
    """The best epoch lies before the stop; what comes back is it and not a later one."""
    how = {
        "optimiser": optim.SGD(),
        "schedule": optim.Step(0.05, factor=60.0, every=9),
        "epochs": 4,
        "validation": blobs.pictures(60, seed=2, noise=0.8),
    }
    _, run = straight(runs, **how)
    _, resumed = stopped_and_resumed(runs, tmp_path / "c", 18, **how)
    for each in (run, resumed):
        training.restore_best(each.model, each.state)
    assert resumed.state.best_epoch == run.state.best_epoch < 4
    assert np.array_equal(resumed.model.flat, run.model.flat)
    assert np.array_equal(resumed.model.flat_buffers, run.model.flat_buffers)


def test_resuming_does_not_draw_from_the_callers_generator(runs, tmp_path):
    """The checkpoint's generator counts; what the caller's stands at does not."""
    how = {**EVERYTHING, "epochs": 2}
    _, run = straight(runs, **how)
    first = runs.start(**how)
    next(first.events)
    save_checkpoint(tmp_path / "c", first.model, first.state, {})
    model = runs.network(seed=1)
    state = load_checkpoint(tmp_path / "c", model, how["optimiser"])
    rng = np.random.default_rng(123456)
    rng.random(17)
    second = runs.start(model, state=state, **how, rng=rng)
    list(second.events)
    assert bits(second)[0] == bits(run)[0]
