"""The pages that choose a rate, a batch, settings, and how many share the work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import blobs
from byhand import optim, recipes
from byhand.errors import ByhandError, InputError
from byhand.experiments import (
    Experiment,
    Workers,
    batch_size,
    data_parallel,
    get,
    lr_range,
    run,
    search,
    shared_steps,
)
from byhand.experiments.search_study import Study, masked
from byhand.recipes.settings import FIXED
from experiments.telling import Unsaved
from support import require_mpi


def plain(name, **changes):
    recipe = replace(recipes.get(name), expect=None, **changes)
    return {k: v for k, v in recipe.as_dict().items() if k not in FIXED}


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
    def sweep(**changes):
        recipe = plain("one_conv", epochs=None, optimiser=optim.SGD(), **changes)
        return lr_range.sweep_rates(splits, tmp_path, recipe, seed=0)

    return sweep


def test_the_range_test_stops_where_the_loss_is_blown_up(swept, monkeypatch):
    monkeypatch.setattr(lr_range, "HIGH", 1e6)  # blobs bear a rate of 10
    found = swept(steps=120, batch_size=20)
    assert found["blown"]
    assert 40 < len(found["losses"]) < 110
    assert min(found["losses"]) < 0.5 * found["losses"][0]


def test_the_range_test_stops_nowhere_while_the_rate_is_small(swept, monkeypatch):
    monkeypatch.setattr(lr_range, "HIGH", 1e-4)
    found = swept(steps=30, batch_size=20)
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
        "sizes": sizes, "seeds": [0, 1, 2], "epochs": 5, "draws": 9, "threads": 2, "noise": noise,
        "cosine": noise / 2, "seconds": [5e-5, 5e-4, 6e-3],
        "accuracy": {rule: accuracy.get(f"rule_{i}", same)
                     for i, rule in enumerate(batch_size.RULES)},
        "diverged": {rule: [0, 0, 0] for rule in batch_size.RULES},
    }  # fmt: skip


def test_the_figures_decide_what_is_said_of_batches(tmp_path):
    page = told(get("batch_size"), batch_record(), tmp_path)
    # Noisy; too much noise harms; small steps are cheap; the scaled rate changes the accuracy.
    assert [claim.holds for claim in page.claims] == [True, True, True, False]
    flat = [[0.95, 0.97, 0.96], [0.96, 0.95, 0.97], [0.97, 0.96, 0.95]]
    record = batch_record(rule_0=flat, rule_2=flat)
    record["noise"] = record["noise"][:, ::-1]
    record["seconds"] = record["seconds"][::-1]
    page = told(get("batch_size"), record, tmp_path)
    assert [claim.holds for claim in page.claims] == [False, None, False, None]


# search -----------------------------------------------------------------------------------------

SPACE = {"rate": (1e-4, 0.1), "kernels": [4, 8]}


@pytest.fixture
def study(tmp_path):
    opened = []

    def open_study(home="here", name="s", alike=None, storage=None):
        made = Study(storage or tmp_path / "study.db", name, tmp_path / home, 0, SPACE,
                     alike or {"data": "d"})  # fmt: skip
        opened.append(made)
        return made

    yield open_study
    for one in opened:
        one.close()


def test_trials_that_were_begun_and_not_told_are_taken_up_again(study):
    asked = study().ask(3, 10)
    assert [number for number, _ in asked] == [0, 1, 2]
    again = study()
    assert again.ask(3, 10) == asked
    again.tell(0, [0.5], pruned=False)
    assert again.ask(2, 10) == asked[1:]


def test_machines_share_a_study_and_stop_together(study):
    here, there = study("here"), study("there")
    mine, theirs = here.ask(3, 5), there.ask(3, 5)
    assert [n for n, _ in mine] == [0, 1, 2]
    assert [n for n, _ in theirs] == [3, 4]
    assert len({settings["rate"] for _, settings in mine + theirs}) == 5
    for number, _ in theirs:
        there.tell(number, [0.5], pruned=False)
    assert there.ask(3, 5) == []
    assert here.unfinished() == 3
    assert [trial["ours"] for trial in here.trials()] == [False, False]


def test_a_study_of_something_else_is_not_gone_on_with(study):
    study(alike={"epochs": 4, "data": "d"})
    with pytest.raises(InputError, match="another epochs; name another study with --set study="):
        study(alike={"epochs": 5, "data": "d"})
    study(alike={"epochs": 5, "data": "d"}, name="other")


def test_a_data_base_that_cannot_be_used_is_named_without_its_password(study):
    with pytest.raises(InputError, match="cannot be used") as caught:
        study(storage="nosuchbase://me:geheim@host/name")
    assert "nosuchbase://me:***@host/name" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_trials_are_stopped_below_the_median_of_the_whole_ones(study):
    made = study()
    for at, (number, _) in enumerate(made.ask(6, 6)):
        assert made.bars() == []
        # One that was stopped early counts for no bar.
        made.tell(number, [0.1] if at == 0 else [0.1 * at, 0.2 * at, 0.9], pruned=at == 0)
    assert made.bars() == pytest.approx([0.3, 0.6])


def test_the_importance_of_settings_is_that_of_what_decides(study):
    made = study()
    for number, settings in made.ask(12, 12):
        made.tell(number, [0.5 if settings["kernels"] == 4 else 0.9], pruned=False)
    found = made.importance()
    assert found["kernels"] > 0.8
    assert sum(found.values()) == pytest.approx(1)


def test_no_importance_where_all_trials_are_alike(study):
    made = study()
    for number, _ in made.ask(3, 3):
        made.tell(number, [0.5], pruned=False)
    assert made.importance() == {}


def test_a_trial_below_the_bar_is_stopped_and_one_above_is_not(splits, tmp_path):
    recipe = plain("one_conv", epochs=3, batch_size=20)
    stopped = search.train_trial(splits, tmp_path, recipe, 0, [1.1, 1.1])
    assert stopped["pruned"]
    assert len(stopped["values"]) == 1
    whole = search.train_trial(splits, tmp_path, recipe, 0, [0.0, 0.0])
    assert not whole["pruned"]
    assert len(whole["values"]) == 3


def test_a_trial_that_diverges_counts_as_reading_nothing(splits, tmp_path):
    recipe = plain("one_conv", epochs=3, batch_size=20, optimiser=optim.SGD(),
                   schedule=optim.Constant(1e9))  # fmt: skip
    found = search.train_trial(splits, tmp_path, recipe, 0, [])
    assert found["diverged"]
    assert len(found["values"]) == 3
    assert found["values"][-1] == 0
    assert not found["pruned"]


def test_the_best_trial_is_the_first_of_the_highest_whole_ones():
    trials = [{"number": i, "pruned": p, "values": [v]}
              for i, (v, p) in enumerate([(0.9, False), (0.99, True), (0.95, False),
                                          (0.95, False)])]  # fmt: skip
    assert search.best_of(trials)["number"] == 2
    with pytest.raises(InputError, match="no trial"):
        search.best_of(trials[1:2])


def test_the_command_trains_with_the_settings_of_the_trial():
    settings = {"rate": 0.0123456, "batch_size": 32, "kernels": 16}
    words = search.command(settings).split(" --set ")
    recipe = recipes.apply(recipes.get("one_conv"), [w.strip("'") for w in words[1:]])
    assert recipe == search.chosen(recipes.get("one_conv"), settings)


calls = 0


def interrupted(splits, folder, recipe, seed, bars):
    """In place of a training: the same for the same settings; the third is interrupted."""
    global calls
    calls += 1
    if calls == 3:
        raise KeyboardInterrupt
    return {"values": [1 / (1 + recipe["batch_size"])], "pruned": False, "diverged": ""}


def test_an_interrupted_search_ends_as_one_that_was_not(lab, monkeypatch):
    global calls
    monkeypatch.setattr(search, "train_trial", interrupted)
    monkeypatch.setattr(search, "SPACE", {**search.SPACE, "kernels": [2, 3]})
    calls = 0
    with pytest.raises(KeyboardInterrupt):
        search.measure(lab)
    found = search.measure(lab)
    assert calls == 5  # of four trials one twice
    whole = search.measure(replace(lab, folder=lab.folder / "other"))
    assert found == whole
    assert len(found["trials"]) == 4
    assert search.measure(lab) == found  # and nothing is asked again


def test_settings_of_the_search_that_make_no_sense_are_refused(lab):
    given = {**get("search").settings, "trials": 0}
    with pytest.raises(InputError, match="trials is 0"):
        search.measure(replace(lab, settings=given))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:ge:h@im@host:5432/name", "postgresql://me:***@host:5432/name"),
        ("storage=mysql+pymysql://:x@host/d", "storage=mysql+pymysql://:***@host/d"),
        ("postgresql://host/d?user=me&password=x&a=b", "postgresql://host/d?user=me&password=***&a=b"),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
        ("postgresql://me@host/name", "postgresql://me@host/name"),
        ("trials=40", "trials=40"),
    ],
)  # fmt: skip
def test_passwords_are_masked_and_nothing_else(text, shown):
    assert masked(text) == shown


def test_no_record_holds_a_password(lab):
    page = Experiment("page", "Why?", lambda lab: {}, lambda record, page: None,
                      settings={"storage": ""})  # fmt: skip
    setting = "storage=postgresql://me:geheim@host/name"
    finished = run(page, lab.splits, lab.workers, lab.folder, settings=[setting])
    assert "me:***@host" in finished.report.read_text("utf-8")
    for file in lab.folder.rglob("*.*"):
        assert b"geheim" not in file.read_bytes()


# data_parallel ----------------------------------------------------------------------------------


def way(seconds, losses, last, same=True):
    first = np.array([1.0, 2.0])
    return {"seconds": [seconds], "losses": [losses], "same": [same],
            "first_0": first, "last_0": np.array(last)}  # fmt: skip


def shared_record(two=(0.01, 0.011, 0.012), loss=1.0):
    found = [way([0.02, 0.021, 0.022], [2.0, 1.0, 0.5], [1.0, 2.0]),
             way(list(two), [2.0, loss, 0.75], [1.0, 2.5])]  # fmt: skip
    return {"cases": [["lenet5", 64, 3]], "ways": [[1, 1], [2, 1]], "cores": 2, "repeats": 3,
            "problem": "", **data_parallel.compared(found, [64])}  # fmt: skip


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
    ("change", "verdicts"),
    [
        ({}, [True, True]),
        ({"two": (0.03, 0.04, 0.05), "loss": 1.001}, [False, False]),
        ({"two": (0.01, 0.03, 0.02), "loss": 1.000001}, [None, True]),
    ],
)
def test_the_figures_decide_what_is_said_of_sharing(tmp_path, change, verdicts):
    page = told(get("data_parallel"), shared_record(**change), tmp_path)
    assert [claim.holds for claim in page.claims] == verdicts


def test_the_page_says_where_ranks_could_not_be_measured(tmp_path):
    record = {**shared_record(), "problem": "there is no mpiexec; pip install byhand[mpi]"}
    page = told(get("data_parallel"), record, tmp_path)
    assert any("there is no mpiexec" in said for said in page.conclusions)


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
