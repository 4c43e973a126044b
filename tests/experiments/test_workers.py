"""Tasks side by side: what is kept, what is done again, and that processes change nothing."""

from __future__ import annotations

import numpy as np
import pytest

import blobs
from byhand import kernels
from byhand.errors import InputError
from byhand.experiments import Workers
from byhand.experiments.lab import record
from byhand.experiments.lab.workers import Task

MINE = """
import numpy as np

def twice(splits, folder, number):
    (folder / "note.txt").write_text("kept beside the record")
    with (folder.parent / "calls").open("a") as file:
        file.write(f"{number}\\n")
    if number < 0:
        raise ValueError("below zero")
    return {"number": 2 * number, "n": len(splits.train), "list": np.full(3, number)}
"""


@pytest.fixture
def twice(tmp_path):
    """A function of a file of the user's own, which writes down each call."""
    from byhand.experiments.lab.experiment import load_file

    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return load_file(path).twice


def calls(folder):
    path = folder / "calls"
    return sorted(int(line) for line in path.read_text().split()) if path.exists() else []


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_back_with_their_arrays_and_files(tmp_path, splits, twice, jobs):
    tasks = [Task(twice, {"number": i}) for i in (3, 1, 2)]
    with Workers(splits, tmp_path / "kept", jobs) as workers:
        assert sorted(workers.run(tasks)) == [0, 1, 2]
        found = [workers.result(task) for task in tasks]
        assert (workers.place(tasks[0]) / "note.txt").read_text() == "kept beside the record"
    assert [f["number"] for f in found] == [6, 2, 4]
    assert all(f["n"] == len(splits.train) for f in found)
    np.testing.assert_array_equal(found[1]["list"], [1, 1, 1])
    assert calls(tmp_path / "kept") == [1, 2, 3]
    assert not list((tmp_path / "kept").glob(".*"))


def test_what_is_kept_is_not_done_again(tmp_path, splits, twice):
    for _ in range(2):
        with Workers(splits, tmp_path, jobs=1) as workers:
            assert list(workers.run([Task(twice, {"number": 1})])) == [0]
    assert calls(tmp_path) == [1]
    with Workers(splits, tmp_path, jobs=1) as workers:
        list(workers.run([Task(twice, {"number": 1}), Task(twice, {"number": 5})]))
    assert calls(tmp_path) == [1, 5]


def test_fresh_does_each_task_again_but_once(tmp_path, splits, twice):
    task = Task(twice, {"number": 1})
    with Workers(splits, tmp_path, jobs=1) as workers:
        list(workers.run([task]))
    with Workers(splits, tmp_path, jobs=1, fresh=True) as workers:
        list(workers.run([task]))
        list(workers.run([task]))
    assert calls(tmp_path) == [1, 1]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_task_that_fails_leaves_nothing_and_says_why(tmp_path, splits, twice, jobs):
    with (
        pytest.raises(ValueError, match="below zero"),
        Workers(splits, tmp_path / "kept", jobs) as workers,
    ):
        list(workers.run([Task(twice, {"number": n}) for n in (-1, -2)]))
    assert [p.name for p in (tmp_path / "kept").iterdir()] == ["calls"]


def test_a_result_that_was_cut_off_is_done_again(tmp_path, splits, twice):
    task = Task(twice, {"number": 1})
    with Workers(splits, tmp_path, jobs=1) as workers:
        list(workers.run([task]))
        (workers.place(task) / record.RECORD).write_text('{"number": ')
        assert not workers.kept(task)
        list(workers.run([task]))
        assert workers.result(task)["number"] == 2


def test_other_arguments_data_or_arithmetic_are_another_result(tmp_path, splits, twice):
    from dataclasses import replace

    task = Task(twice, {"number": 1})
    keys = {
        task.key(splits),
        Task(twice, {"number": 2}).key(splits),
        task.key(replace(splits, sha256="1" * 64)),
    }
    assert len(keys) == 3
    assert task.key(splits) == Task(twice, {"number": 1}).key(blobs.splits(120, 40))


def test_a_task_alone_may_use_all_threads_and_leaves_them_as_they_were(tmp_path, splits):
    before = kernels.threads()
    with Workers(splits, tmp_path, jobs=1) as workers:
        workers.threads = 2
        alone, beside = (Task(threads_in_use, {}, alone) for alone in (True, False))
        assert sorted(workers.run([alone, beside])) == [0, 1]
        assert workers.result(alone)["threads"] == 2
        assert workers.result(beside)["threads"] == 1
    assert kernels.threads() == before


def test_what_is_timed_is_kept_for_one_machine_and_number_of_threads(splits, monkeypatch):
    timed, other = Task(threads_in_use, {}, alone=True), Task(threads_in_use, {})
    keys = timed.key(splits), other.key(splits)
    monkeypatch.setenv("BYHAND_THREADS", "7")
    assert timed.key(splits) != keys[0]
    assert other.key(splits) == keys[1]
    monkeypatch.undo()
    monkeypatch.setattr("byhand.experiments.lab.workers.machine", lambda: {"cores": 512})
    assert timed.key(splits) != keys[0]
    assert other.key(splits) == keys[1]


def test_a_changed_constant_beside_the_function_is_another_task(tmp_path, splits):
    from byhand.experiments.lab.experiment import load_file

    keys = set()
    for number in (1, 2):
        path = tmp_path / f"mine{number}.py"
        path.write_text(
            f"FACTOR = {number}\n\n\ndef f(splits, folder):\n    return {{'x': FACTOR}}\n"
        )
        keys.add(Task(load_file(path).f, {}).key(splits))
    assert len(keys) == 2


def test_the_same_task_twice_is_done_once(tmp_path, splits, twice):
    task = Task(twice, {"number": 4})
    with Workers(splits, tmp_path, jobs=2) as workers:
        assert sorted(workers.run([task, Task(twice, {"number": 5}), task])) == [0, 1, 2]
    assert calls(tmp_path) == [4, 5]


def threads_in_use(splits, folder):
    return {"threads": kernels.threads()}


def test_a_record_comes_back_as_it_went(tmp_path):
    values = {
        "text": "é", "number": 1.5, "none": None, "nan": float("nan"), "list": [1, [2.0]],
        "dict": {"a": 1}, "array": np.arange(6.0).reshape(2, 3), "words": np.array(["a", "bc"]),
    }  # fmt: skip
    record.save(tmp_path, values)
    back = record.load(tmp_path)
    assert back["nan"] is None
    for name in ("text", "number", "none", "list", "dict"):
        assert back[name] == values[name]
    np.testing.assert_array_equal(back["array"], values["array"])
    assert back["words"].tolist() == ["a", "bc"]


def test_a_record_of_objects_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"'wrong'.*objects"):
        record.save(tmp_path, {"wrong": np.array([{}])})
