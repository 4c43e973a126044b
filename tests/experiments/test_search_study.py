"""The search for settings: its study, which machines share, and what comes of its trials."""

from __future__ import annotations

import sqlite3.dbapi2
from dataclasses import replace

import pytest

from byhand import optim, recipes
from byhand.errors import InputError
from byhand.experiments import Experiment, get, run, search
from byhand.experiments.lab.secrets import masked
from byhand.experiments.lab.train import as_plain
from byhand.experiments.search.study import Study
from experiments.telling import Unsaved

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


def test_a_study_lets_its_file_go_also_where_it_cannot_be_begun(study, tmp_path, monkeypatch):
    made, connect = [], sqlite3.dbapi2.connect
    monkeypatch.setattr(
        sqlite3.dbapi2, "connect", lambda *a, **k: made.append(connect(*a, **k)) or made[-1]
    )
    first = study()
    first.ask(1, 2)
    first.close()
    with pytest.raises(InputError):
        study(alike={"data": "another"})
    (tmp_path / "text.db").write_text("no data base, but a page of words" * 99)
    with pytest.raises(InputError, match="cannot be used"):
        study(storage=tmp_path / "text.db")
    assert len(made) >= 3
    for connection in made:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.total_changes  # noqa: B018


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
    recipe = as_plain(replace(recipes.get("one_conv"), epochs=3, batch_size=20))
    stopped = search.train_trial(splits, tmp_path, recipe, 0, [1.1, 1.1])
    assert stopped["pruned"]
    assert len(stopped["values"]) == 1
    whole = search.train_trial(splits, tmp_path, recipe, 0, [0.0, 0.0])
    assert not whole["pruned"]
    assert len(whole["values"]) == 3


def test_a_trial_that_diverges_counts_as_reading_nothing(splits, tmp_path):
    wild = {"optimiser": optim.SGD(), "schedule": optim.Constant(1e9)}
    recipe = as_plain(replace(recipes.get("one_conv"), epochs=3, batch_size=20, **wild))
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


def search_record(n_seeds=3):
    """Three trials, of which the first was stopped early and the last is the best."""
    trials = [
        {"number": i, "pruned": i == 0, "values": values, "ours": True, "diverged": False,
         "settings": {"rate": 0.01, "batch_size": 32, "kernels": 8}}
        for i, values in enumerate(([0.99], [0.8, 0.9], [0.9, 0.98]))
    ]  # fmt: skip
    accuracy = {"found": [0.98] * n_seeds, "own": [0.97] * n_seeds}
    return {"study": "s", "storage": "study.db", "trials": trials, "unfinished": 0,
            "importance": {}, "best": trials[2], "epochs": {"trial": 1, "end": 2}, "together": 2,
            "seeds": list(range(n_seeds)), "test_accuracy": accuracy,
            "parameters": {"found": 9, "own": 9}, "own": "its own"}  # fmt: skip


def test_trials_are_numbered_alike_all_over_the_page_and_whole_ones_come_first(
    tmp_path, monkeypatch
):
    drawn = []
    xy = search.plots.xy
    monkeypatch.setattr(search.plots, "xy", lambda series, *a, **k: drawn.append(series) or
                        xy(series, *a, **k))  # fmt: skip
    page = Unsaved(tmp_path)
    search.report(search_record(), page)
    assert "Of 3 trials, 1 of them stopped early, the best is number 3:" in page.conclusions[0]
    assert list(drawn[0]["best so far"][0]) == [1, 2, 3]
    tables = [block.values for block in page.blocks if block.kind == "table"]
    assert [row[0] for row in tables[-1]["rows"]] == ["3", "2", "1"]
    assert tables[-1]["caption"] == "The best 3 trials, those that were stopped early last."


def test_one_seed_is_not_called_seeds(tmp_path):
    page = Unsaved(tmp_path)
    search.report(search_record(1), page)
    assert "after 1 epoch." in page.conclusions[0]
    (note,) = [block.values["text"] for block in page.blocks if block.kind == "note"]
    assert "over 1 seed." in note


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
