"""`byhand evaluate --reader`: what it prints, draws and refuses; the reader is a stand-in."""

from __future__ import annotations

import numpy as np
import pytest

from byhand.reader import benchmark, examples
from byhand.reader.page import Digit, Page


class StandIn:
    """Reads a seven in everything, and is sure of it where the picture is bright."""

    threshold = 0.5

    def read_digits(self, images, threshold=None):
        one = np.full(10, 0.01, np.float32)
        one[7] = 0.91
        return [Digit("7", 0.9 if np.mean(image) > 40 else 0.3, one) for image in images]

    def read(self, image, *, threshold=None):
        return Page()


@pytest.fixture
def reader(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "byhand.cli.evaluate_reader.load_reader", lambda model: asked.append(model) or StandIn()
    )
    monkeypatch.setattr(benchmark, "PAGES", 10)
    monkeypatch.setattr(
        examples,
        "nondigits_for_testing",
        lambda n, seed: ([np.zeros((9, 9), np.uint8)] * 4, ["blank"] * 4),
    )
    # MNIST's test pictures are blobs here, smaller than what strings are made of.
    monkeypatch.setattr(benchmark.Benchmark, "_strings", lambda self: None)
    return asked


@pytest.fixture
def handwriting(tmp_path):
    """A folder with a set of digits beside no MNIST."""
    folder = tmp_path / "data" / "handwriting"
    folder.mkdir(parents=True)
    images = np.zeros((20, 28, 28), np.uint8)
    images[10:] = 100
    np.savez(folder / "mine.npz", images=images, labels=np.repeat([1, 7], 10))
    return folder.parent


def test_json_has_mnist_s_figures_and_the_reader_s(cli, reader, blob_data):
    values = cli("evaluate", "--reader", "--data", blob_data, "--json").json()
    assert set(values) == {"n", "accuracy", "loss", "per_class", "confusion", "ece", "reader"}
    assert values["n"] == 40
    sevens = sum(row[7] for row in values["confusion"])
    assert sevens == 40
    assert values["accuracy"] == values["confusion"][7][7] / 40
    assert set(values["reader"]) >= {
        "digits", "mnist_pages", "nondigits", "coverage", "rows", "absent", "threshold", "seconds",
    }  # fmt: skip
    assert values["reader"]["mnist_pages"]["accuracy"] == 0
    assert reader == [None]


def test_what_is_there_is_measured_without_mnist(cli, reader, handwriting):
    done = cli("evaluate", "--reader", "--data", handwriting)
    assert done.status == 0, done.err
    assert "mine, digits right" in done.out
    assert "50.00%" in done.out
    assert "not there: mnist" in done.out
    assert "without MNIST" in done.err
    values = cli("evaluate", "--reader", "--data", handwriting, "--json").json()
    assert (values["n"], values["accuracy"], values["confusion"]) == (0, None, None)
    assert values["reader"]["digits"]["mine"]["rejected"] == 0.5
    assert values["reader"]["digits"]["mine"]["wrong_and_not_rejected"] == 0


def test_the_data_of_the_environment_are_found(cli, reader, handwriting, monkeypatch):
    monkeypatch.setenv("BYHAND_DATA", str(handwriting))
    assert "mine" in cli("evaluate", "--reader", "--json").json()["reader"]["digits"]


def test_the_curve_is_drawn_where_asked_for(cli, reader, handwriting, tmp_path):
    given = ("evaluate", "m.safetensors", "--reader", "--data", handwriting, "--out", "o")
    done = cli(*given)
    assert done.out.splitlines()[-1] == "o/coverage.png"
    assert (tmp_path / "o" / "coverage.png").read_bytes().startswith(b"\x89PNG")
    assert [str(model) for model in reader] == ["m.safetensors"]


@pytest.mark.parametrize(
    "given",
    [("--mistakes",), ("--part", "train"), ("--dataset", "mnist")],
)
def test_options_of_other_models_are_refused(refused, reader, handwriting, given):
    refused("evaluate", "--reader", "--data", handwriting, *given, names=[given[0], "--reader"])


def test_options_of_the_reader_are_refused_without_it(refused):
    refused("evaluate", "m", "--quick", names=["--quick", "--reader"])


def test_no_set_at_all_is_an_error(refused, reader, tmp_path):
    refused("evaluate", "--reader", "--data", tmp_path, names=[tmp_path])
