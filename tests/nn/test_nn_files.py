"""Model files: what is saved is loaded, no half file is left, what a model takes is known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from byhand import nn
from byhand.data import Standardisation
from byhand.errors import DataError, FileWriteError, InputError
from byhand.nn.files import FORMAT, read_tensors
from nn.model_files import network, rewritten


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_comes_back_with_numbers_statistics_types_and_card(path, dtype):
    model = network(dtype)
    x = np.random.default_rng(1).standard_normal((4, 1, 6, 6)).astype(dtype)
    model.commit(model.forward(x, train=True, key=nn.Key(0))[1])
    model.card = nn.ModelCard(
        name="small",
        image_shape=(1, 6, 6),
        classes=("a", "b", "ç"),
        standardisation=Standardisation((0.1307,), (0.3081,)),
        recipe={"epochs": 3, "nested": {"learning_rate": 0.01}},
        figures={"test_accuracy": 0.98},
    )
    nn.save(model, path)
    loaded = nn.load(path)
    assert loaded.card == model.card
    assert loaded.flat.dtype == loaded.flat_buffers.dtype == dtype
    assert np.array_equal(loaded.flat, model.flat)
    assert np.array_equal(loaded.flat_buffers, model.flat_buffers)
    assert np.array_equal(loaded.forward(x)[0], model.forward(x)[0])
    key = nn.Key(3)
    assert np.array_equal(loaded.forward(x, True, key)[0], model.forward(x, True, key)[0])
    # and it goes on as a model: its vectors are whole and its own
    loaded.flat[...] = 0
    assert not loaded.forward(x)[0].any()


def test_a_layer_used_twice_is_in_the_file_once_and_shared_when_loaded(saved):
    tensors, _ = read_tensors(saved, "model file")
    assert "5.weight" in tensors
    assert "6.body.1.weight" not in tensors
    loaded = nn.load(saved)
    assert loaded[5] is loaded[6].body[1]
    assert loaded.flat.size == network().flat.size


def test_a_parameter_of_two_layers_survives_the_file(path):
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    model = nn.Sequential(first, nn.Tanh(), second).init(np.random.default_rng(0))
    assert model.flat.size == 9 + 3 + 3
    nn.save(model, path)
    x = np.ones((2, 3), np.float32)
    assert np.array_equal(nn.load(path).forward(x)[0], model.forward(x)[0])


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        nn.save(network(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_file_is_safetensors_with_the_architecture_as_json(saved):
    raw = saved.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    outer = json.loads(raw[8 : 8 + size])
    header = json.loads(outer["__metadata__"]["byhand"])
    assert header["format"] == FORMAT
    assert header["architecture"]["layer"] == "Sequential"
    assert outer["0.weight"]["shape"] == [2, 1, 3, 3]
    assert outer["0.weight"]["dtype"] == "F32"


def test_figures_that_are_no_numbers_are_left_empty(path):
    model = network()
    model.card = replace(model.card, figures={"loss": float("nan"), "best": np.float32(0.5)})
    nn.save(model, path)
    assert nn.load(path).card.figures == {"loss": None, "best": 0.5}


def test_a_layer_that_is_not_registered_leaves_the_old_file_alone(saved):
    class Secret(nn.Layer):
        pass

    before = saved.read_bytes()
    with pytest.raises(DataError, match=r"Secret cannot be saved"):
        nn.save(nn.Sequential(Secret()).init(np.random.default_rng(0)), saved)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir() if p.is_file()] == [saved.name]


def test_a_failed_write_leaves_the_old_file_and_nothing_half_written(saved, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    before = saved.read_bytes()
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FileWriteError, match=r"cannot write .*No space left on device.*free") as e:
        nn.save(network(), saved)
    assert str(saved) in str(e.value)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir() if p.is_file()] == [saved.name]


def test_a_place_that_cannot_be_written_is_named(saved):
    for where in (saved / "inside.safetensors", saved.parent):
        with pytest.raises(FileWriteError) as caught:
            nn.save(network(), where)
        assert str(where) in str(caught.value)


def test_a_folder_that_is_not_there_yet_is_made(tmp_path):
    where = tmp_path / "runs" / "first" / "model.safetensors"
    nn.save(network(), where)
    assert np.array_equal(nn.load(where).flat, network().flat)


def test_an_initialiser_of_ones_own_is_refused_when_saving(path):
    class Mine(nn.Initialiser):
        def draw(self, shape, rng):
            return np.ones(shape)

    model = nn.Sequential(nn.Linear(2, 2, weight_init=Mine())).init(np.random.default_rng(0))
    with pytest.raises(DataError, match="Mine cannot be saved"):
        nn.save(model, path)
    assert not path.exists()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_save_writes_load_reads(path, dtype):
    nn.save(network(dtype), path)
    loaded = nn.load(path)
    assert loaded.flat.dtype == dtype
    assert np.array_equal(loaded.flat, network(dtype).flat)


def test_a_type_that_no_file_holds_is_refused_when_saving(path):
    with pytest.raises(DataError, match=r"copy\(numpy\.float64\)"):
        nn.save(network(np.longdouble), path)
    assert not path.exists()


def test_a_model_nested_deeper_than_load_reads_is_refused_when_saving(path):
    model = nn.ReLU()
    for _ in range(70):
        model = nn.Sequential(model)
    with pytest.raises(DataError, match="deep"):
        nn.save(model.init(np.random.default_rng(0)), path)
    assert not path.exists()


def test_a_model_as_deep_as_may_be_saved_is_loaded(path):
    saved = 0
    model = nn.ReLU()
    for depth in range(1, 40):
        model = nn.Sequential(model)
        try:
            nn.save(model.init(np.random.default_rng(0)), path)
        except DataError:
            break
        saved = depth
        nn.load(path)
    assert saved >= 10


def padded(channels=2, padding=400):
    """A model whose file is small and whose second layer makes large pictures."""
    model = nn.Sequential(nn.ReLU(), nn.AvgPool2d(20, 1, padding), nn.Conv2d(1, channels, 1))
    model.card = nn.ModelCard(image_shape=(1, 28, 28))
    return model.init(np.random.default_rng(0))


def test_a_model_that_takes_more_than_the_limit_is_refused_before_it_runs(path, monkeypatch):
    nn.save(padded(), path)
    for layer in (nn.ReLU, nn.AvgPool2d, nn.Conv2d):
        monkeypatch.setattr(layer, "forward", None)
    taken = nn.memory(nn.load(path), (1, 28, 28))
    large = 4 * 809 * 809  # bytes of one channel
    assert taken.parameters == 4 * (2 + 2)
    assert taken.outputs == 2 * 4 * 28 * 28 + large + 2 * large
    assert taken.workspace == 2 * large  # padded (by nothing), and unfolded: as much
    assert nn.load(path, limit=taken.total).flat.size == 4
    with pytest.raises(DataError, match=r"layer 2 \(Conv2d\).*--memory-limit") as caught:
        nn.load(path, limit=taken.total - 1)
    assert str(path) in str(caught.value)
    with pytest.raises(DataError, match=r"layer 1 \(AvgPool2d\).*0\.00195 GiB"):
        nn.load(path, limit=2**21)
    nn.load(path, limit=None)
    for odd in (0, -1, "x", 2.5, True):
        with pytest.raises(InputError, match="limit"):
            nn.load(path, limit=odd)


def test_a_gibibyte_a_picture_is_the_limit_that_nobody_named(path):
    nn.save(padded(channels=500), path)
    with pytest.raises(DataError, match=r"layer 2 \(Conv2d\) .*more than the limit of 1 GiB"):
        nn.load(path)
    assert nn.memory(nn.load(path, limit=2**31), (1, 28, 28)).total > 2**30


def test_a_model_for_something_else_than_its_cards_pictures_is_loaded(path):
    model = nn.Sequential(nn.Linear(4, 3)).init(np.random.default_rng(0))
    nn.save(model, path)
    assert np.array_equal(nn.load(path).flat, model.flat)


def test_weights_that_are_no_numbers_are_loaded_as_they_are(saved):
    rewritten(saved, change_tensors=lambda t: t["0.bias"].fill(np.nan))
    assert np.isnan(nn.load(saved).state_dict()["0.bias"]).all()
