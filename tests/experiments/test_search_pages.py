"""The pages that choose a rate, a batch, and how many share the work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import blobs
from byhand import optim, recipes
from byhand.errors import ByhandError
from byhand.experiments import Workers, batch_size, data_parallel, get, lr_range
from byhand.experiments.data_parallel import shared_steps
from byhand.experiments.lab.train import as_plain
from experiments.telling import Unsaved
from support import require_mpi


def plain(name, **changes):
    return as_plain(replace(recipes.get(name), expect=None, **changes))


def told(experiment, record, folder):
    page = Unsaved(folder)
    experiment.report(record, page)
    return page


# lr_range ---------------------------------------------------------------------------------------


def test_smoothing_keeps_a_straight_line_and_flattens_a_zigzag():
    line = np.linspace(3, 1, 400)
    assert lr_range.smooth(line) == pytest.approx(line)
    zigzag = np.tile([1.0, 3.0], 200)
    assert lr_range.smooth(zigzag)[20:-20] == pytest.approx(2.0, abs=0.1)


def test_smoothing_ends_where_the_losses_end():
    found = lr_range.smooth([*np.ones(60), *np.full(340, np.nan)])
    assert found[:60] == pytest.approx(1)
    assert np.isnan(found[60:]).all()


def test_the_suggested_rate_is_a_tenth_of_that_of_the_least_loss():
    rates = np.geomspace(1e-6, 10, 8)
    loss = [2.3, 2.3, 2.0, 1.0, 0.5, 0.8, np.nan, np.nan]
    assert lr_range.suggest(rates, loss) == pytest.approx(1e-3)


@pytest.fixture
def swept(splits, tmp_path):
    def sweep(high, **changes):
        recipe = plain("one_conv", epochs=None, optimiser=optim.SGD(), **changes)
        return lr_range.sweep_rates(splits, tmp_path, recipe, seed=0, low=1e-6, high=high)

    return sweep


def test_the_range_test_stops_where_the_loss_is_blown_up(swept):
    found = swept(high=1e6, steps=120, batch_size=20)  # blobs bear a rate of 10
    assert found["blown"]
    assert 40 < len(found["losses"]) < 110
    assert min(found["losses"]) < 0.5 * found["losses"][0]
    assert found["rates"] == pytest.approx(np.geomspace(1e-6, 1e6, 120))  # of all steps


def test_the_range_test_stops_nowhere_while_the_rate_is_small(swept):
    found = swept(high=1e-4, steps=30, batch_size=20)
    assert not found["blown"]
    assert len(found["losses"]) == 30


def range_record(slow=0.5, blown=(True, True, True)):
    smoothed = np.array([[2.3, 2.0, 1.0, 0.4, 2.0], [2.3, 2.1, 1.1, 0.5, np.nan],
                         [2.3, 2.1, 1.1, 0.6, 1.0]])  # fmt: skip
    good = np.array([0.97, 0.96, 0.98])
    return {
        "recipe": "lenet5", "optimiser": "SGD()", "schedule": "OneCycle(peak=0.08)",
        "batch_size": 128, "epochs": 2, "seeds": [0, 1, 2],
        "rates": np.array([1e-4, 1e-3, 1e-2, 0.1, 1.0]), "smoothed": smoothed,
        "blown": list(blown), "suggested": [0.01] * 3, "middle": 0.01,
        "tried": [0.001, 0.01, 0.03, 0.1],
        "accuracy": [list(slow + 0.01 * good), list(good), list(good - 0.01), [0.1] * 3],
        "diverged": [0, 0, 0, 3],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "verdicts"),
    [
        ({}, [True, True]),
        ({"slow": 0.99, "blown": (False, False, False)}, [False, False]),
        ({"blown": (True, False, False)}, [True, None]),
    ],
)
def test_the_figures_decide_what_is_said_of_rates(tmp_path, change, verdicts):
    page = told(get("lr_range"), range_record(**change), tmp_path)
    assert [claim.holds for claim in page.claims] == verdicts


def test_one_seed_settles_nothing_of_rates(tmp_path):
    record = range_record(blown=(True,))
    record |= {"seeds": [0], "smoothed": record["smoothed"][:1]}
    record["accuracy"] = [row[:1] for row in record["accuracy"]]
    page = told(get("lr_range"), record, tmp_path)
    assert [claim.holds for claim in page.claims] == [None, None]
    assert "over 1 seed)" in page.conclusions[0]


def test_the_conclusion_says_whether_the_suggested_rate_was_the_best(tmp_path):
    record = range_record()
    assert "the suggested rate." in told(get("lr_range"), record, tmp_path).conclusions[1]
    record["accuracy"][2] = [0.99, 0.99, 0.995]
    said = told(get("lr_range"), record, tmp_path).conclusions[1]
    assert "highest at 0.03" in said
    assert "at the suggested rate it is 97.00" in said


# batch_size -------------------------------------------------------------------------------------


def test_the_spread_of_gradients_is_measured_against_the_whole_one():
    whole = np.array([3.0, 4.0])
    assert batch_size.spread([whole, whole], whole) == pytest.approx((0, 1))
    assert batch_size.spread([-whole], whole) == pytest.approx((2, -1))
    aside = whole + np.array([-4.0, 3.0])  # at a right angle, as long
    assert batch_size.spread([aside, whole], whole)[0] == pytest.approx(np.sqrt(0.5))


def test_the_slope_of_one_over_a_root_is_minus_a_half():
    sizes = np.array([2, 8, 32])
    assert batch_size.slope(sizes, 7 / np.sqrt(sizes)) == pytest.approx(-0.5)


def test_the_noise_of_real_gradients_falls_as_the_root_of_the_batch(splits, tmp_path):
    recipe = plain("one_conv", epochs=1, batch_size=20, optimiser=optim.SGD(),
                   schedule=optim.Constant(0.01))  # fmt: skip
    found = batch_size.gradient_noise(splits, tmp_path, recipe, 0, [2, 16, 128], 60)
    assert batch_size.slope([2, 16, 128], found["noise"]) == pytest.approx(-0.5, abs=0.1)
    assert found["cosine"][0] < found["cosine"][2]
    assert found["cosine"][2] > 0.8


def batch_record(**accuracy):
    sizes = [2, 64, 1024]
    noise = np.array([[1.0, 0.2, 0.05], [1.1, 0.19, 0.05], [1.2, 0.2, 0.06]])
    same = [[0.80, 0.81, 0.82], [0.96, 0.97, 0.96], [0.90, 0.91, 0.90]]
    return {
        "sizes": sizes, "seeds": [0, 1, 2], "epochs": 5, "draws": 9, "pictures": 99, "threads": 2,
        "noise": noise, "cosine": noise / 2, "seconds": [5e-5, 5e-4, 6e-3],
        "accuracy": {rule: accuracy.get(f"rule_{i}", same)
                     for i, rule in enumerate(batch_size.RULES)},
        "diverged": {rule: [0, 0, 0] for rule in batch_size.RULES},
    }  # fmt: skip


def test_the_figures_decide_what_is_said_of_batches(tmp_path):
    page = told(get("batch_size"), batch_record(), tmp_path)
    # Noisy; too much noise harms; small steps are cheap.
    assert [claim.holds for claim in page.claims] == [True, True, True]
    assert "a difference for 2, 1,024; the largest, with 2" in page.conclusions[-1]
    flat = [[0.95, 0.97, 0.96], [0.96, 0.95, 0.97], [0.97, 0.96, 0.95]]
    record = batch_record(rule_0=flat, rule_2=flat)
    record["noise"] = record["noise"][:, ::-1]
    record["seconds"] = record["seconds"][::-1]
    page = told(get("batch_size"), record, tmp_path)
    assert [claim.holds for claim in page.claims] == [False, None, False]
    assert "a difference for no other size" in page.conclusions[-1]


# data_parallel ----------------------------------------------------------------------------------


def way(seconds, losses, last, same=True):
    first = np.array([1.0, 2.0])
    return {"seconds": [seconds], "losses": [losses], "same": [same],
            "first_0": first, "last_0": np.array(last)}  # fmt: skip


def shared_record(two=(0.01, 0.011, 0.012), loss=1.0):
    found = [way([0.02, 0.021, 0.022], [2.0, 1.0, 0.5], [1.0, 2.0]),
             way(list(two), [2.0, loss, 0.75], [1.0, 2.5])]  # fmt: skip
    return {"cases": [["lenet5", 64, 3]], "ways": [[1, 1], [2, 1]], "cores": 2, "repeats": 3,
            "problem": "", "missing": [], **data_parallel.compared(found, [64])}  # fmt: skip


def test_ways_are_compared_with_one_thread():
    record = shared_record()
    assert record["rates"][0][1] == pytest.approx([6400, 64 / 0.011, 64 / 0.012])
    assert record["first_apart"] == [[0, 0]]
    assert record["last_apart"] == [[0, 0.5]]
    assert np.asarray(record["loss_apart"]).tolist() == [[[0, 0, 0], [0, 0, 0.25]]]
    assert data_parallel.speed_ups(record, 0) == pytest.approx([1, 21 / 11])


def test_one_way_is_faster_only_where_every_repetition_is():
    assert data_parallel.faster([3, 4], [1, 2]) is True
    assert data_parallel.faster([1, 2], [3, 4]) is False
    assert data_parallel.faster([1, 3], [2, 4]) is None
    assert data_parallel.faster([3], [1]) is None


@pytest.mark.parametrize(
    ("two", "holds"),
    [((0.01, 0.011, 0.012), True), ((0.03, 0.04, 0.05), False), ((0.01, 0.03, 0.02), None)],
)
def test_the_figures_decide_what_is_said_of_several_processes(tmp_path, two, holds):
    record = {**shared_record(two), "ways": [[1, 1], [1, 2]]}
    page = told(get("data_parallel"), record, tmp_path)
    assert [claim.holds for claim in page.claims] == [holds]
    # More ranks than cores show nothing of what ranks can do.
    assert told(get("data_parallel"), {**record, "cores": 1}, tmp_path).claims == []


@pytest.mark.parametrize(
    ("loss", "said"), [(1.001, "more than rounding"), (1.000001, "that rounding makes")]
)
def test_a_difference_is_called_rounding_only_where_it_is_small(tmp_path, loss, said):
    page = told(get("data_parallel"), shared_record(loss=loss), tmp_path)
    assert said in page.conclusions[1]


def test_the_largest_difference_is_that_of_any_step(tmp_path):
    record = shared_record()
    record["loss_apart"] = [[np.zeros(3), np.array([0, 0.5, 0.25])]]
    assert "at any step it is within 5.0e-01" in told(
        get("data_parallel"), record, tmp_path
    ).conclusions[1]  # fmt: skip


def test_the_same_bits_are_called_so(tmp_path):
    record = {**shared_record(), "last_apart": [[0.0, 0.0]]}
    assert "same bits" in told(get("data_parallel"), record, tmp_path).conclusions[1]


def test_the_page_says_where_ranks_could_not_be_measured(tmp_path):
    record = {**shared_record(), "ways": [[1, 1], [1, 2]], "problem": "4 ranks did not train"}
    for missing, said in (([4], "4 MPI ranks were"), ([2, 4], "2 and 4 MPI ranks were")):
        page = told(get("data_parallel"), {**record, "missing": missing}, tmp_path)
        assert f"{said} not measured: 4 ranks did not train." in page.conclusions


def test_without_mpiexec_only_threads_are_measured(lab, tmp_path, monkeypatch):
    # lenet5 needs pictures of MNIST's size.
    splits = blobs.splits(120, 40, size=28)
    lab = replace(lab, splits=splits, workers=Workers(splits, tmp_path / "large", jobs=1))

    def missing():
        raise ByhandError("there is no mpiexec")

    monkeypatch.setattr(data_parallel, "mpiexec", missing)
    found = data_parallel.measure(lab)
    assert all(ranks == 1 for _, ranks in found["ways"])
    assert found["problem"] == "there is no mpiexec"
    assert found["missing"] == [2]


def test_ranks_train_as_one_thread_does(tmp_path):
    require_mpi()
    splits = blobs.splits(60, 10)
    job = plain("one_conv", epochs=None, steps=6, batch_size=10, train_limit=60,
                validation_fraction=0.0, keep_best=False)  # fmt: skip
    found = []
    for ranks in (1, 2):
        place = tmp_path / str(ranks)
        place.mkdir()
        found.append(shared_steps.train_apart(splits, place, [job], 0, 2, 1, ranks))
        assert list(place.iterdir()) == []
    one, two = found
    assert one["same"] == two["same"] == [True]
    assert len(one["losses"][0]) == 6
    # Two sums of half a batch for one of a whole one, in 32 bits.
    assert two["losses"][0][:2] == pytest.approx(one["losses"][0][:2], rel=1e-5)


def test_processes_that_fail_are_told_of(tmp_path, splits):
    job = plain("one_conv", epochs=None, steps=2, train_limit=60)
    job["model"] = "nonsense"
    with pytest.raises(ByhandError, match=r"1 process of 1 thread .*nonsense"):
        shared_steps.train_apart(splits, tmp_path, [job], 0, 1, 1, 1)


def test_what_failed_processes_said_last_is_a_line_of_words():
    said = "Traceback\nOSError: no room.\n-------\n\n"
    assert shared_steps.last_words(said) == "OSError: no room"
    assert shared_steps.last_words("---\n") == shared_steps.last_words("") == "it said nothing"
