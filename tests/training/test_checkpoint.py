"""Checkpoint files: what does not fit or is broken, and what a full disk leaves behind."""

from __future__ import annotations

import copy
import errno
import os
import resource
import subprocess
import sys
import textwrap
import tracemalloc

import numpy as np
import pytest

from byhand import nn, optim, training
from byhand.errors import ByhandError, DataError, FileWriteError
from byhand.nn.files import read_tensors, write_tensors
from byhand.training import load_checkpoint, save_checkpoint


@pytest.fixture
def saved(runs, tmp_path):
    """A run after an epoch, and its checkpoint."""
    run = runs.start(epochs=1, average=optim.ExponentialMovingAverage(0.9))
    list(run.events)
    run.path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(run.path, run.model, run.state, {"seed": 3})
    return run


def one_sentence(error, *names):
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    assert "; " in text or ": " in text, "no way to mend it"
    for name in names:
        assert str(name) in text


def test_it_brings_back_weights_buffers_and_state(runs, saved):
    model = runs.network(seed=4)
    state = load_checkpoint(saved.path, model, optim.Adam())
    assert np.array_equal(model.flat, saved.model.flat)
    assert np.array_equal(model.flat_buffers, saved.model.flat_buffers)
    assert np.array_equal(state.average, saved.state.average)
    assert state.records == saved.state.records
    assert state.generator == saved.state.generator
    assert training.read_metadata(saved.path) == {"seed": 3}


def test_what_is_loaded_is_writeable_and_the_models_own(runs, saved):
    model = runs.network(seed=4)
    state = load_checkpoint(saved.path, model, optim.Adam())
    for array in (*state.optimiser.arrays.values(), state.average, state.best_flat, model.flat):
        array += 1
    for name, view in model.parameters().items():
        assert np.shares_memory(view, model.flat), name


def test_another_architecture_is_named(runs, saved):
    model = runs.network(channels=5)
    before = model.flat.copy()
    with pytest.raises(DataError) as error:
        load_checkpoint(saved.path, model, optim.Adam())
    one_sentence(error, saved.path, "another architecture", "Conv2d 3", "Conv2d 5")
    assert np.array_equal(model.flat, before)


def test_the_same_sizes_with_other_layers_are_another_architecture(saved):
    layers = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.LeakyReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(75, 10))
    model.init(np.random.default_rng(0))
    with pytest.raises(DataError, match="another architecture"):
        load_checkpoint(saved.path, model, optim.Adam())


@pytest.mark.parametrize("optimiser", [optim.SGD(), optim.SGD(momentum=0.9), optim.RMSProp()])
def test_another_optimiser_is_named_and_touches_nothing(runs, saved, optimiser):
    model = runs.network(seed=4)
    before = model.flat.copy()
    with pytest.raises(DataError) as error:
        load_checkpoint(saved.path, model, optimiser)
    one_sentence(error, saved.path, type(optimiser).__name__)
    assert np.array_equal(model.flat, before)


def test_a_file_cut_short_anywhere_is_an_error(runs, saved):
    whole = saved.path.read_bytes()
    model = runs.network()
    before = model.flat.copy()
    for length in (0, 5, 8, 100, len(whole) // 2, len(whole) - 1):
        saved.path.write_bytes(whole[:length])
        with pytest.raises(DataError) as error:
            load_checkpoint(saved.path, model, optim.Adam())
        one_sentence(error, saved.path)
    assert np.array_equal(model.flat, before)


@pytest.mark.parametrize("content", [b"hello", b"\0" * 64, b"\xff" * 64])
def test_a_file_of_something_else_is_an_error(runs, tmp_path, content):
    path = tmp_path / "c"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        load_checkpoint(path, runs.network(), optim.Adam())
    one_sentence(error, path)


def test_a_model_file_is_no_checkpoint(runs, tmp_path):
    path = tmp_path / "model.safetensors"
    nn.save(runs.network(), path)
    with pytest.raises(DataError, match="not a checkpoint"):
        load_checkpoint(path, runs.network(), optim.Adam())


def test_a_checkpoint_is_no_model_file(saved):
    with pytest.raises(DataError) as error:
        nn.load(saved.path)
    one_sentence(error, saved.path)


def test_no_file_is_an_error(runs, tmp_path):
    with pytest.raises(DataError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "none", runs.network(), optim.Adam())


def test_a_file_of_a_newer_format_is_an_error(runs, saved, monkeypatch):
    from byhand.training import checkpoint

    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    save_checkpoint(saved.path, saved.model, saved.state, {})
    with pytest.raises(DataError, match="newer byhand"):
        load_checkpoint(saved.path, runs.network(), optim.Adam())


@pytest.mark.parametrize("missing", ["records", "generator", "sums", "optimiser_step", "step"])
def test_a_header_without_all_that_is_needed_is_an_error(runs, saved, missing):
    tensors, header = read_tensors(saved.path, "checkpoint")
    del header[missing]
    write_tensors(saved.path, tensors, header)
    model = runs.network(seed=4)
    before = model.flat.copy()
    with pytest.raises(DataError) as error:
        load_checkpoint(saved.path, model, optim.Adam())
    one_sentence(error, saved.path)
    assert np.array_equal(model.flat, before)


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_checkpoint(runs, saved, monkeypatch, where):
    whole = saved.path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, where, full)
    saved.model.flat[...] += 1
    with pytest.raises(FileWriteError) as error:
        save_checkpoint(saved.path, saved.model, saved.state, {})
    one_sentence(error, saved.path, "No space left on device")
    assert saved.path.read_bytes() == whole
    assert os.listdir(saved.path.parent) == [saved.path.name]


def test_a_full_disk_stops_training_with_the_old_checkpoint(runs, tmp_path, monkeypatch):
    path = tmp_path / "c"
    run = runs.start(epochs=3, checkpoint=path)
    next(run.events)
    whole = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ByhandError, match="No space left"):
            next(run.events)
    assert path.read_bytes() == whole
    assert os.listdir(tmp_path) == ["c"]
    model = runs.network(seed=4)
    assert load_checkpoint(path, model, optim.Adam()).epoch == 1


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are of Unix")
def test_a_file_size_limit_leaves_the_old_checkpoint(saved):
    """The system itself refuses, in the middle of the file, in a process of its own."""
    whole = saved.path.read_bytes()
    limit = len(whole) // 2
    code = f"""
        import sys, numpy as np
        from byhand import nn, optim, training
        from byhand.errors import FileWriteError
        model = nn.Sequential(nn.Linear(400, 40)).init(np.random.default_rng(0))
        state = training.new_state(model, optim.Adam(), np.random.default_rng(0), False)
        try:
            training.save_checkpoint({str(saved.path)!r}, model, state, {{}})
        except FileWriteError as error:
            print(error)
            sys.exit(7)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith(f"cannot write {saved.path}: File too large")
    assert saved.path.read_bytes() == whole
    assert os.listdir(saved.path.parent) == [saved.path.name]


def values_of(value, place=()):
    """Where each value of a header is, those inside others too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*place, key)
        if isinstance(one, dict | list):
            yield from values_of(one, (*place, key))


ODD = [None, True, -1, 2**63, 10**40, 1.5, "", "x", "\ud800", [], [[]], {}, {"a": 1}]
FREE = ("settings", "seconds", "images_per_second", "diagnoses")  # anything of their type fits


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_a_header_with_an_odd_value_anywhere_is_refused_or_gone_on_with(runs, saved, odd):
    tensors, header = read_tensors(saved.path, "checkpoint")
    places = [place for place in values_of(header) if not {*place} & {*FREE}]
    model = runs.network(seed=4)
    before = model.flat.copy()
    said, taken = [], 0
    for place in places:
        changed = copy.deepcopy(header)
        inner = changed
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = odd
        write_tensors(saved.path, tensors, changed)
        try:
            load_checkpoint(saved.path, model, optim.Adam())
        except DataError as error:
            said.append(str(error))
        else:
            taken += 1
            model.flat[...] = before
        assert np.array_equal(model.flat, before), place
    assert all(str(saved.path) in text and "\n" not in text for text in said)
    # A number that says how an epoch went may be any number.
    assert taken <= len(places) * (0.3 if type(odd) in (int, float) else 0.1)


CONTRADICTIONS = {
    "epoch": 3,
    "step": 4,
    "batch": 2,
    "optimiser_step": 4,
    "best_epoch": 9,
    "records": [],
    "sums": {**vars(training.state.EpochSums()), "steps": 1, "images": 10},
    "generator": {"bit_generator": "PCG64"},
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_header_that_contradicts_itself_is_an_error(runs, saved, name):
    tensors, header = read_tensors(saved.path, "checkpoint")
    write_tensors(saved.path, tensors, {**header, name: CONTRADICTIONS[name]})
    with pytest.raises(DataError) as error:
        load_checkpoint(saved.path, runs.network(), optim.Adam())
    one_sentence(error, saved.path, "broken checkpoint")


def test_a_number_in_a_header_costs_nothing_by_its_size(runs, saved):
    tensors, header = read_tensors(saved.path, "checkpoint")
    write_tensors(saved.path, tensors, {**header, "epoch": 10**6})
    model = runs.network()
    tracemalloc.start()
    with pytest.raises(DataError, match="after 1000000 epochs it has the records of"):
        load_checkpoint(saved.path, model, optim.Adam())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


@pytest.mark.parametrize("name", ["parameters", "best.parameters", "optimiser.mean"])
@pytest.mark.parametrize("change", ["shorter", "float64", "nan", "absent"])
def test_an_array_that_does_not_fit_the_model_is_an_error(runs, saved, name, change):
    tensors, header = read_tensors(saved.path, "checkpoint")
    array = tensors.pop(name)
    if change == "shorter":
        tensors[name] = array[1:]
    elif change == "float64":
        tensors[name] = array.astype(np.float64)
    elif change == "nan":
        tensors[name] = np.full_like(array, np.nan)
    write_tensors(saved.path, tensors, header)
    model = runs.network(seed=4)
    before = model.flat.copy()
    with pytest.raises(DataError) as error:
        load_checkpoint(saved.path, model, optim.Adam())
    one_sentence(error, saved.path)
    assert np.array_equal(model.flat, before)
