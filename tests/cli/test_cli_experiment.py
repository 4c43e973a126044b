"""`byhand experiment`: list, one, a user's own file, all, going on and drawing again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from byhand import experiments
from byhand.cli import main

DOCS = Path(__file__).parents[2] / "docs"
MINE = '''"""Does a wider kernel help on blobs?"""

from byhand import plots
from byhand.experiments import Experiment, difference, say
from byhand.recipes import Network


def measure(lab):
    models = [Network("one_conv", {"kernel_size": size}) for size in (3, 5)]
    recipes = [lab.recipe("one_conv", model=model) for model in models]
    small, large = lab.train(recipes, seeds=2)
    return {"small": [r.test_accuracy for r in small], "large": [r.test_accuracy for r in large]}


def report(record, page):
    page.conclude(f"3×3: {say(record['small'])}, 5×5: {say(record['large'])}.")
    better = difference(record["small"], record["large"])
    page.claim("5×5 is better.", better.sign > 0, better.say())
    page.table(("kernel", "accuracy"), [(name, say(record[name])) for name in ("small", "large")])
    page.figure("dots", plots.new_axes(), "Nothing but an axis to look at.")


EXPERIMENT = Experiment("mine", "Does a wider kernel help?", measure, report)
'''


def run(*given):
    return main(["experiment", *map(str, given)])


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_the_list_names_every_experiment_and_its_question(capsys):
    assert run() == 0
    said = capsys.readouterr().out
    assert run("list") == 0
    assert capsys.readouterr().out == said
    for name in experiments.names():
        assert name in said
        assert experiments.get(name).question in said
    assert run("list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)["experiments"]
    assert [e["name"] for e in listed] == list(experiments.names())


def test_a_users_own_page_runs_side_by_side_and_says_where_its_report_is(
    mine, blob_data, tmp_path, capsys
):
    assert run(mine, "--smoke", "--data", blob_data, "--jobs", 2) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Does a wider kernel help?"
    assert said[-1] == "report  runs/experiments/smoke/mine/report.html"
    assert (tmp_path / "runs/experiments/smoke/mine/report.html").is_file()
    assert (tmp_path / "runs/experiments/smoke/mine/pictures/dots.svg").is_file()


def test_the_page_of_the_manual_runs_as_it_stands(blob_data, tmp_path, capsys):
    manual = (DOCS / "experiments.md").read_text("utf-8")
    (tmp_path / "padding.py").write_text(manual.split("```python\n")[1].split("```")[0])
    assert run("padding.py", "--smoke", "--data", blob_data) == 0
    assert "Padding changes the test accuracy by" in capsys.readouterr().out


def test_json_is_one_object_with_record_and_folder(mine, blob_data, capsys):
    assert run(mine, "--smoke", "--data", blob_data, "--json", "--out", "here") == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found["experiment"] == "mine"
    assert found["folder"] == "here/smoke/mine"
    assert found["report"] == "here/smoke/mine/report.html"
    assert len(found["record"]["small"]) == 2
    assert found["record"]["about"]["scale"] == "smoke"
    assert found["claims"][0]["said"] == "5×5 is better."


def test_trainings_that_are_kept_are_not_redone(mine, blob_data, tmp_path, capsys, monkeypatch):
    assert run(mine, "--smoke", "--data", blob_data) == 0
    kept = tmp_path / "runs/experiments/trainings"
    before = {p.name: p.stat().st_mtime_ns for p in kept.iterdir()}
    assert len(before) == 4
    assert run(mine, "--smoke", "--data", blob_data) == 0
    assert {p.name: p.stat().st_mtime_ns for p in kept.iterdir()} == before
    assert run(mine, "--smoke", "--data", blob_data, "--fresh") == 0
    after = {p.name: p.stat().st_mtime_ns for p in kept.iterdir()}
    assert set(after) == set(before)
    assert all(after[name] > before[name] for name in before)


def test_redraw_draws_without_data(mine, blob_data, tmp_path, capsys):
    assert run(mine, "--smoke", "--data", blob_data) == 0
    report = tmp_path / "runs/experiments/smoke/mine/report.html"
    text = report.read_text()
    report.unlink()
    assert run(mine, "--smoke", "--redraw") == 0
    assert report.read_text() == text
    assert run(mine, "--redraw") == 2
    assert "holds no whole record" in capsys.readouterr().err


def test_all_is_one_page_of_every_experiment(blob_data, tmp_path, capsys, monkeypatch, mine):
    page = experiments.get(mine)
    monkeypatch.setattr("byhand.experiments.names", lambda: ("mine", "other"))
    monkeypatch.setattr("byhand.experiments.get", lambda name: replace_name(page, name))
    assert run("all", "--smoke", "--data", blob_data) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "report  runs/experiments/smoke/report.html"
    )
    text = (tmp_path / "runs/experiments/smoke/report.html").read_text()
    assert '<article id="mine">' in text
    assert '<article id="other">' in text
    assert run("all", "--smoke", "--data", blob_data, "--set", "a=1") == 2


def replace_name(page, name):
    from dataclasses import replace

    return replace(page, name=str(name))


def test_where_one_of_all_fails_the_others_are_done_and_told(
    blob_data, tmp_path, capsys, monkeypatch, mine
):
    from dataclasses import replace

    from byhand.errors import InputError

    def broken(lab):
        raise InputError("this one needs something")

    page = experiments.get(mine)
    pages = {"broken": replace(page, name="broken", measure=broken), "mine": page}
    monkeypatch.setattr("byhand.experiments.names", lambda: tuple(pages))
    monkeypatch.setattr("byhand.experiments.get", lambda name: pages[name])
    assert run("all", "--smoke", "--data", blob_data) == 1
    said = capsys.readouterr()
    assert "broken: this one needs something" in said.err
    text = (tmp_path / "runs/experiments/smoke/report.html").read_text()
    assert 'id="mine"' in text
    assert 'id="broken"' not in text


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(mine, blob_data, tmp_path, capsys):
    (tmp_path / "runs").write_text("a file")
    assert run(mine, "--smoke", "--data", blob_data) == 1
    said = capsys.readouterr().err
    assert "cannot make a folder in runs/experiments/trainings" in said
    assert "--out" in said


def test_the_page_says_the_command_that_was_given(mine, blob_data, tmp_path):
    assert run(mine, "--smoke", "--data", blob_data) == 0
    text = (tmp_path / "runs/experiments/smoke/mine/report.html").read_text()
    assert f"byhand experiment {mine} --smoke --data {blob_data}" in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["chanels"], "there is no experiment 'chanels'"),
        (["channels", "--quick", "--smoke"], "two sizes"),
        (["channels", "--seeds", "0"], "seeds"),
        (["channels", "--set", "width=3", "--smoke"], "has no setting 'width=3'"),
    ],
)
def test_what_is_given_wrongly_is_told(given, said, blob_data, capsys):
    assert run(*given, "--data", blob_data) == 2
    assert said in capsys.readouterr().err


def test_an_interrupted_experiment_goes_on_where_it_stopped(mine, blob_data, tmp_path):
    slow = mine.with_name("slow.py")
    slow.write_text(
        MINE.replace("models]", "models]\n    recipes = [replace(r, epochs=300) for r in recipes]")
        .replace(
            "from byhand import plots", "from dataclasses import replace\nfrom byhand import plots"
        )
        .replace('"mine"', '"slow"')
    )
    command = [sys.executable, "-m", "byhand", "experiment", str(slow), "--data", str(blob_data)]
    kept = tmp_path / "runs/experiments/trainings"
    with subprocess.Popen(
        [*command, "--jobs", "2", "--seeds", "4"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as going:
        deadline = time.monotonic() + 60
        while len(list(kept.glob("[0-9a-f]*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(going.pid, signal.SIGINT)
        said = going.communicate(timeout=60)[1]
    assert going.returncode == 130, said
    assert "Traceback" not in said
    done = {p: p.stat().st_mtime_ns for p in kept.glob("[0-9a-f]*")}
    assert 2 <= len(done) < 8
    assert main([*command[3:], "--jobs", "1", "--seeds", "4"]) == 0
    assert len(list(kept.glob("[0-9a-f]*"))) == 8
    assert all(p.stat().st_mtime_ns == when for p, when in done.items())
