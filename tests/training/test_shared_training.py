"""Sharing a batch among ranks changes nothing but rounding. Here the ranks are threads."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import blobs
import support
from byhand import losses, nn, optim, training
from byhand.training import ALONE, EpochRecord, load_checkpoint
from thread_ranks import EVERYTHING, network

SIZES = [2, 3, 4, 7]
# Float32 keeps 24 bits. A sum over shards rounds at other places than one over the batch, by about
# 6e-8 of the largest term a step; the runs here take 15 steps, which do not add up to ten times it.
CLOSE = 1e-6


@pytest.fixture
def train(runs):
    """Train as one rank of a group; gives the run, its records among it."""

    def run(group=ALONE, dtype=np.float32, layout="reference", model=None, **how):
        model = network(dtype) if model is None else model
        done = runs.start(model, group=group, layout=layout, **{**EVERYTHING, **how})
        done.records = list(done.events)
        return done

    return run


def assert_same(ours, theirs, close):
    """Weights, statistics, averages and every figure of the records, to `close`."""
    for name in ("flat", "flat_buffers"):
        values = getattr(theirs.model, name)
        np.testing.assert_allclose(getattr(ours.model, name), values, rtol=close, atol=close)
    if theirs.state.average is not None:
        np.testing.assert_allclose(ours.state.average, theirs.state.average, rtol=close, atol=close)
    assert len(ours.records) == len(theirs.records)
    for mine, reference in zip(ours.records, theirs.records, strict=True):
        figures = ["loss", "accuracy", "gradient_norm"]
        if isinstance(reference, EpochRecord):
            figures = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
            for norms in ("gradient_norms", "weight_norms"):
                assert getattr(mine, norms) == pytest.approx(
                    getattr(reference, norms), rel=close, abs=close
                )
        for figure in figures:
            value = getattr(reference, figure)
            assert getattr(mine, figure) == pytest.approx(value, rel=close, abs=close), figure


# Training ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "how",
    [{}, {"sampling": "with_replacement"}, {"sampling": "in_order", "optimiser": optim.SGD(0.9)},
     {"batch_size": 2, "steps": 20, "optimiser": optim.SGD(0.9)},
     {"batch_size": 7, "average": None, "clip_norm": None}],
    ids=["shuffle", "with_replacement", "in_order", "two_a_batch", "seven_a_batch"],
)  # fmt: skip
def test_any_number_of_ranks_trains_the_same_network_in_float64(together, train, size, how):
    """To 1e-11, so that what is left in float32 can be rounding only."""
    alone = train(dtype=np.float64, **how)
    for run in together(size, lambda group: train(group, np.float64, **how)):
        assert_same(run, alone, 1e-11)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", ["lanes", "reference"])
@pytest.mark.parametrize("sampling", ["shuffle", "with_replacement"])
def test_any_number_of_ranks_trains_the_same_network_in_float32(
    together, train, size, layout, sampling
):
    if layout == "lanes":
        support.require_core()
    alone = train(layout=layout, sampling=sampling)
    found = together(size, lambda group: train(group, layout=layout, sampling=sampling))
    for run in found:
        assert_same(run, alone, CLOSE)
        # Weights and statistics are the same bits on every rank.
        assert np.array_equal(run.model.flat, found[0].model.flat)
        assert np.array_equal(run.model.flat_buffers, found[0].model.flat_buffers)


def test_a_group_of_one_gives_the_bits_of_no_group(together, train, runs):
    alone = train()
    (run,) = together(1, train)
    assert np.array_equal(run.model.flat, alone.model.flat)
    assert np.array_equal(run.state.average, alone.state.average)
    assert runs.untimed(run.records) == runs.untimed(alone.records)


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_every_loss_is_divided_by_the_whole_batch(together, train, loss):
    how = {"loss": losses.LOSSES[loss](), "optimiser": optim.SGD(0.9), "dtype": np.float64}
    alone = train(**how)
    for run in together(3, lambda group: train(group, **how)):
        assert_same(run, alone, 1e-11)


def test_the_gradient_is_summed_once_a_step(together, train):
    def run(group):
        done = train(group, epochs=1)
        return [n for n in group.sums if n == done.model.flat.size]

    assert list(map(len, together(2, run))) == [5, 5]


def test_a_layer_of_ones_own_in_numpy_trains_among_ranks(together, train):
    class Scale(nn.Layer):
        def __init__(self):
            self.s = nn.Param((1,), nn.Constant(0.5))
            self.seen = nn.Buffer((1,), 0.0)

        def forward(self, x, train=False, key=None):
            assert len(x), "a shard is never empty"
            return x * self.s.value, x

        def backward(self, dy, cache, grads, need_dx=True):
            grads["s"] += (dy * cache).sum()
            return dy * self.s.value

        def commit(self, cache):
            self.seen.value[...] += len(cache)

    def model():
        layers = nn.Sequential(nn.Flatten(), Scale(), nn.Linear(144, 10))
        layers.init(np.random.default_rng(0), np.float64)
        layers.card = replace(layers.card, image_shape=(1, 12, 12))
        return layers

    how = {"dtype": np.float64, "epochs": 2}
    alone = train(model=model(), **how)
    found = together(7, lambda group: train(group, model=model(), **how))
    for run in found:
        np.testing.assert_allclose(run.model.flat, alone.model.flat, rtol=1e-11, atol=1e-13)
        # What it counts of its shard is told to the others when the next epoch begins.
        assert run.model.flat_buffers.tolist() <= [45 * 2]


def test_a_network_that_diverges_does_so_on_every_rank(together, train):
    def run(group):
        with pytest.raises(training.Diverged) as caught:
            train(group, optimiser=optim.SGD(), schedule=optim.Constant(1e30), clip_norm=None)
        return str(caught.value.diagnosis)

    found = together(3, run)
    assert found == [found[0]] * 3
    assert "at step" in found[0]


def test_a_loss_that_is_not_finite_on_one_rank_stops_all(together, train):
    class Broken(losses.CrossEntropy):
        def forward(self, outputs, targets, n=None):
            value, cache = super().forward(outputs, targets, n)
            return (math.nan if 9 in targets else value), cache

    labels = blobs.pictures(10).labels

    def run(group):
        with pytest.raises(training.Diverged):
            train(group, loss=Broken(), steps=5, sampling="in_order")
        return 9 in labels[group.part(10)]

    assert sorted(together(2, run)) == [False, True]


def test_rank_0s_weights_and_generator_count(together, train):
    alone = train(dtype=np.float64)

    def run(group):
        rng = np.random.default_rng([0, 7] if group.rank == 0 else [5, 5])
        model = network(np.float64, seed=3 * group.rank)
        return train(group, np.float64, model=model, rng=rng)

    for done in together(3, run):
        assert_same(done, alone, 1e-11)


def test_where_rank_0_stands_counts_for_ranks_that_start_anew(together, train, tmp_path):
    how = {"schedule": optim.Constant(0.01), "dtype": np.float64}
    straight = train(**how)
    train(**{**how, "epochs": 1}, checkpoint=tmp_path / "first")

    def resume(group):
        model, state = network(np.float64, seed=9), None
        if group.rank == 0:
            state = load_checkpoint(tmp_path / "first", model, EVERYTHING["optimiser"])
        return train(group, model=model, state=state, **how)

    for run in together(2, resume):
        run.records = run.state.records
        wanted = [r for r in straight.records if isinstance(r, EpochRecord)]
        assert_same(run, type(run)(**{**vars(straight), "records": wanted}), 1e-11)


def test_a_weight_that_is_not_finite_on_rank_0_alone_stops_all(together, train):
    """As where the ranks' processors round the last update differently."""

    def run(group):
        class Broken(optim.SGD):
            def step(self, flat, grads, state, rate):
                super().step(flat, grads, state, rate)
                if group.rank == 0 and state.step == 5:
                    flat[0] = math.inf

        with pytest.raises(training.Diverged, match="a weight"):
            train(group, optimiser=Broken(), epochs=1)

    together(2, run)


def test_all_ranks_have_the_same_score_to_the_bit(together):
    """Also where each rounds the sum in its own way: what is best is decided by it."""
    model, data = network(), blobs.pictures(33)

    def run(group):
        exact = group.sum
        group.sum = lambda array: exact(array) * (1 + group.rank * 1e-12)
        return training.score(model, data, losses.CrossEntropy(), group=group)

    assert len(set(together(3, run))) == 1


def test_scores_of_parts_make_the_score_of_the_whole(together):
    model, loss = network(), losses.CrossEntropy()
    for n in (1, 2, 33):
        data = blobs.pictures(n)
        value, accuracy = training.score(model, data, loss)
        for found in together(3, lambda g, data=data: training.score(model, data, loss, group=g)):
            assert found == (pytest.approx(value, rel=CLOSE), accuracy)


def test_only_rank_0_writes_and_any_number_goes_on_from_there(together, train, tmp_path):
    how = {"schedule": optim.Constant(0.01), "dtype": np.float64}
    straight = train(**how)

    def begin(group):
        train(group, **{**how, "epochs": 1}, checkpoint=tmp_path / str(group.rank))

    together(4, begin)
    assert [p.name for p in tmp_path.iterdir()] == ["0"]

    def resume(group):
        model = network(np.float64, seed=9)
        state = load_checkpoint(tmp_path / "0", model, EVERYTHING["optimiser"])
        return train(group, model=model, state=state, **how)

    for size in (1, 2, 3):
        for run in together(size, resume):
            run.records = run.state.records
            wanted = [r for r in straight.records if isinstance(r, EpochRecord)]
            assert_same(run, type(run)(**{**vars(straight), "records": wanted}), 1e-11)
