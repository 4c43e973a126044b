"""Model files that are none, or broken, are refused in one sentence that names the file."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from safetensors.numpy import save as serialise

from byhand import nn
from byhand.errors import DataError, ShapeError
from byhand.nn.files import FORMAT
from nn.model_files import rewritten


def test_every_truncation_is_refused_by_name(saved):
    whole = saved.read_bytes()
    for length in (0, 1, 7, 8, 20, len(whole) // 4, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"not a model file, or it is cut short") as caught:
            nn.load(saved)
        assert str(saved) in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n" + bytes(100), b"just a line of text\n" * 20, b"\x80\x04\x95" + bytes(50),
     b"\xff" * 64, bytes(64)],
    ids=["picture", "text", "pickle", "ones", "zeros"],
)  # fmt: skip
def test_what_is_no_model_file_is_refused_by_name(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a model file") as caught:
        nn.load(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused_by_name(path, tmp_path):
    for where in (path, tmp_path):
        with pytest.raises(DataError, match=r"there is no model file .*; check the path") as caught:
            nn.load(where)
        assert str(where) in str(caught.value)


def test_weights_of_another_program_have_no_header(path):
    path.write_bytes(serialise({"0.weight": np.zeros((2, 2), np.float32)}))
    with pytest.raises(DataError, match=r"safetensors file but not a model file of byhand"):
        nn.load(path)
    path.write_bytes(serialise({"w": np.zeros(2, np.float32)}, {"byhand": "{not json"}))
    with pytest.raises(DataError, match=r"not a model file of byhand"):
        nn.load(path)


def test_a_training_checkpoint_is_refused_as_what_it_is(saved):
    def to_checkpoint(header):
        header["kind"] = "checkpoint"
        del header["card"]

    rewritten(saved, to_checkpoint)
    with pytest.raises(DataError, match=r"is a (training )?checkpoint"):
        nn.load(saved)


def test_a_newer_format_says_to_upgrade(saved):
    rewritten(saved, lambda h: h.update(format=FORMAT + 1))
    with pytest.raises(DataError, match="written by a newer byhand; upgrade"):
        nn.load(saved)


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.pop("architecture"),
        lambda h: h.pop("card"),
        lambda h: h.update(card={}),
        lambda h: h.update(card=None),
        lambda h: h["card"].update(image_shape=[28, 28]),
        lambda h: h["card"].update(standardisation={"mean": [0.1]}),
        lambda h: h.update(architecture=None),
        lambda h: h.update(architecture={"layer": "Dropout", "arguments": {"rate": 7}}),
        lambda h: h.update(format="one"),
        lambda h: h.update(format=None),
    ],
    ids=range(10),
)
def test_a_broken_header_is_refused_by_name(saved, change):
    rewritten(saved, change)
    with pytest.raises(DataError) as caught:
        nn.load(saved)
    assert str(saved) in str(caught.value)


def test_an_unknown_layer_says_to_import_its_module(saved, own_registry):
    @nn.register
    class Mine(nn.Layer):
        pass

    nn.save(nn.Sequential(Mine()).init(np.random.default_rng(0)), saved)
    del importlib.import_module("byhand.nn.registry")._LAYERS["Mine"]
    with pytest.raises(DataError, match=r"layer 'Mine' .*import the module .*@nn\.register") as e:
        nn.load(saved)
    assert str(saved) in str(e.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("8.bias"), "8.bias is missing"),
        (lambda t: t.update({"9.bias": np.zeros(3, np.float32)}), "9.bias is not in the model"),
        (
            lambda t: t.update({"8.weight": np.zeros((3, 9), np.float32)}),
            "8.weight is (3, 9) where the model has (3, 8)",
        ),
        (lambda t: t.pop("1.running_var"), "1.running_var is missing"),
    ],
)
def test_weights_that_do_not_fit_the_architecture_are_named_with_the_file(saved, change, said):
    rewritten(saved, change_tensors=change)
    with pytest.raises(ShapeError) as caught:
        nn.load(saved)
    assert said in str(caught.value)
    assert str(saved) in str(caught.value)


def test_weights_that_are_no_floats_are_refused(saved):
    rewritten(
        saved, change_tensors=lambda t: t.update({n: v.astype(np.int32) for n, v in t.items()})
    )
    with pytest.raises(DataError, match=r"int32"):
        nn.load(saved)


def test_an_architecture_larger_than_its_weights_is_refused_before_memory_is_taken(saved):
    def enlarge(header):
        header["architecture"] = nn.describe(nn.Sequential(nn.Linear(10**4, 10**4)))

    rewritten(saved, enlarge)
    with pytest.raises(ShapeError, match=r"weights do not fit"):
        nn.load(saved)


@pytest.mark.parametrize(
    "architecture",
    [
        {"layer": "Sequential", "arguments": {"layers": ["abc"]}},
        {"layer": "Sequential", "arguments": {"layers": [{"shared": 0}]}},
        {"layer": "Linear", "arguments": {"in_features": 1, "out_features": 1, "weight_init": "x"}},
        {"shared": 3},
    ],
    ids=["no layer", "inside itself", "no initialiser", "nothing shared"],
)
def test_an_architecture_that_makes_no_sense_is_refused(saved, architecture):
    rewritten(saved, lambda header: header.update(architecture=architecture))
    with pytest.raises(DataError) as caught:
        nn.load(saved)
    assert str(saved) in str(caught.value)


def test_an_architecture_nested_without_end_is_refused(saved):
    deep = {"layer": "ReLU", "arguments": {}}
    for _ in range(80):
        deep = {"layer": "Sequential", "arguments": {"layers": [deep]}}
    rewritten(saved, lambda header: header.update(architecture=deep))
    with pytest.raises(DataError, match="deep"):
        nn.load(saved)


def sharing(levels):
    """Each container holds the one before twice: a short file of 2**levels layers."""
    layers = [{"layer": "ReLU", "arguments": {}}]
    for number in range(1, levels):
        twice = [{"shared": number if number > 1 else 1}] * 2
        layers.append({"layer": "Sequential", "arguments": {"layers": twice}})
    return {"layer": "Sequential", "arguments": {"layers": layers}}


def test_a_short_file_of_endlessly_many_layers_is_refused(saved):
    rewritten(saved, lambda h: h.update(architecture=sharing(50)))
    with pytest.raises(DataError, match=r"more than 10,000 layers"):
        nn.load(saved)
    assert isinstance(nn.build(sharing(8)), nn.Sequential)


@pytest.mark.parametrize(
    ("entry", "odd", "said"),
    [
        ("classes", ["0", 1], "classes"),
        ("classes", "0123456789", "classes"),
        ("classes", ["a", "b", "a"], "two classes have the name 'a'"),
        ("classes", [], "at least one class"),
        ("image_shape", [1, 28, "28"], "image_shape"),
        ("image_shape", [1, -28, 28], "image_shape"),
        ("image_shape", [1, 2**40, 28], "image_shape"),
        ("image_shape", [1, 2**20, 2**20], "pixels"),
        ("image_shape", [1, 28, 28, 1], "image_shape"),
        ("name", 3, "name"),
        ("standardisation", {"mean": [0.1, 0.2], "std": [1, 1]}, "2 channels"),
        ("standardisation", {"mean": [0.1], "std": [0]}, "std"),
        ("standardisation", {"mean": ["x"], "std": [1]}, "mean"),
        ("standardisation", {"mean": [None], "std": [1]}, "mean"),
        ("recipe", [1], "recipe"),
        ("recipe", {"name": 3}, "name"),
        ("figures", "good", "figures"),
        ("figures", {"test_accuracy": "high"}, "test_accuracy"),
        ("figures", {"test_accuracy": 98}, "test_accuracy"),
        ("figures", {"dataset": ["mnist"]}, "dataset"),
    ],
)
def test_an_odd_entry_of_the_card_is_named_with_the_file(saved, entry, odd, said):
    rewritten(saved, lambda h: h["card"].update({entry: odd}))
    with pytest.raises(DataError, match=said) as caught:
        nn.load(saved)
    assert str(saved) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("entry", ["name", "image_shape", "classes", "standardisation", "figures"])
def test_a_card_that_lacks_an_entry_is_refused_and_nothing_is_guessed(saved, entry):
    rewritten(saved, lambda h: h["card"].pop(entry))
    with pytest.raises(DataError, match=f"it has no {entry}"):
        nn.load(saved)


def test_an_error_is_one_line_also_where_the_header_has_several(saved):
    rewritten(saved, lambda h: h.update(architecture={"layer": "A\nB\x1b", "arguments": {}}))
    with pytest.raises(DataError) as caught:
        nn.load(saved)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
