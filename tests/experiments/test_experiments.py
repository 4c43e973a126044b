"""Every experiment, smallest: it measures, keeps a record, draws, and tells something."""

from __future__ import annotations

import json

import numpy as np
import pytest

import blobs
import support
from byhand import data, experiments
from byhand.errors import DataError, InputError
from byhand.experiments import SMOKE, Workers
from byhand.experiments.lab import record
from byhand.experiments.lab.experiment import Experiment
from experiments.telling import Unsaved


@pytest.fixture(scope="session")
def mnist():
    return data.open_data(support.require_data())


@pytest.mark.parametrize("name", experiments.names())
def test_an_experiment_works_from_data_to_report(name, mnist, tmp_path):
    chosen = experiments.get(name)
    assert chosen.name == name
    with Workers(mnist, tmp_path / "trainings", jobs=1) as workers:
        done = experiments.run(chosen, mnist, workers, tmp_path / name, scale=SMOKE)
    assert done.page.conclusions
    kinds = [block.kind for block in done.page.blocks]
    assert "figure" in kinds
    for block in done.page.blocks:
        if block.kind == "figure":
            assert len(block.values["alt"]) > 20
    text = done.report.read_text()
    assert "smoke run" in text
    for said in ("nan", "None", "inf "):
        assert not any(said in c for c in done.page.conclusions), done.page.conclusions
    pictures = {p.stem for p in (tmp_path / name / "pictures").iterdir()}
    assert {f"{p}.{end}" for p in pictures for end in ("png", "svg")} == {
        p.name for p in (tmp_path / name / "pictures").iterdir()
    }
    # Drawn again from the disk alone, the page is the same.
    assert experiments.redrawn(chosen, tmp_path / name).report.read_text() == text


def test_a_record_that_another_version_measured_says_so(tmp_path):
    def page(shows):
        return Experiment("mine", "Is it?", lambda lab: {"old": 1},
                          lambda record, page: page.say(str(record[shows])))  # fmt: skip

    splits = blobs.splits()
    with Workers(splits, tmp_path, jobs=1) as workers:
        experiments.run(page("old"), splits, workers, tmp_path, scale=SMOKE)
        with pytest.raises(KeyError):  # a fault of the page, whoever writes it
            experiments.run(page("new"), splits, workers, tmp_path, scale=SMOKE)
    with pytest.raises(DataError, match=r"no 'new'.*another version measured it; run it again"):
        experiments.redrawn(page("new"), tmp_path)


def test_every_page_of_the_folder_is_an_experiment_or_a_part():
    for name in experiments.names():
        page = experiments.get(name)
        assert page.question.endswith("?"), name
        assert page.name == name


def test_an_unknown_experiment_lists_those_there_are():
    with pytest.raises(InputError, match=r"no experiment 'chanels'.*channels, "):
        experiments.get("chanels")
    with pytest.raises(InputError, match=r"no file .*mine\.py"):
        experiments.get("mine.py")


def test_a_file_without_an_experiment_is_refused(tmp_path):
    (tmp_path / "empty_page.py").write_text("x = 1\n")
    with pytest.raises(InputError, match="defines no EXPERIMENT"):
        experiments.get(tmp_path / "empty_page.py")


def test_a_report_ends_with_the_docstring_filled_in_from_the_record(tmp_path):
    about = """What it is.

    byhand experiment x

Trained on {n:,}
pictures.
"""
    page = Unsaved(tmp_path)
    chosen = Experiment("x", "?", lambda lab: {}, lambda r, p: p.say("first"), about)
    chosen.tell({"n": 1000}, page)
    assert [(block.kind, block.values["text"]) for block in page.blocks] == [
        ("say", "first"), ("listing", "byhand experiment x"),
        ("say", "Trained on 1,000 pictures."),
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"docstring of x .*'n'.*name a value"):
        chosen.tell({}, page)


def test_settings_are_read_by_the_type_of_their_default():
    chosen = Experiment("x", "?", lambda lab: {}, lambda r, p: None, settings={"a": 1, "b": "c"})
    assert experiments.apply(chosen, ["a=3", "b=d=e"]) == {"a": 3, "b": "d=e"}
    for wrong in (["a"], ["c=1"], ["a=x"]):
        with pytest.raises(InputError):
            experiments.apply(chosen, wrong)


def test_the_record_says_what_it_takes_to_know_the_run(lab):
    chosen = Experiment("x", "?", lambda lab: {"found": 1, "a": np.ones(2)}, lambda r, p: None)
    done = experiments.run(chosen, lab.splits, lab.workers, lab.folder, scale=SMOKE, seeds=3)
    kept = record.load(lab.folder)
    assert kept["found"] == 1
    np.testing.assert_array_equal(kept["a"], [1, 1])
    about = json.loads((lab.folder / "record.json").read_text())["about"]
    assert (about["scale"], about["seeds"]) == ("smoke", 3)
    assert {"versions", "machine", "layout", "instruction_set", "dataset", "seconds"} <= set(about)
    assert done.heading.command == "byhand experiment x --smoke --seeds 3"
