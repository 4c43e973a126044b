"""`byhand inspect` writes one report with all pictures and tells of kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from byhand import nn
from byhand.evaluation import KINDS


def test_inspect_writes_a_report_that_needs_nothing_beside_it(cli, trained, blob_data):
    values = cli("inspect", trained, "--data", blob_data, "--out", "p", "--json").json()
    names = [Path(p).stem for p in values["pictures"]]
    assert names == ["filters", "rows", "feature_maps", "gradients", "norms"]
    report = Path(values["report"])
    assert report == Path("p/report.html")
    page = report.read_text("utf-8")
    assert page.count("data:image/png;base64,") == len(names)
    assert 'src="http' not in page
    assert "byhand inspect" in page
    assert len(values["kernels"]) == 8
    for kernel in values["kernels"]:
        assert kernel["kind"] in KINDS
        assert 0 <= kernel["strength"] <= 1
        assert kernel["nearest"] in page


def test_inspect_tells_people_of_kernels_and_of_the_report(cli, trained, blob_data):
    done = cli("inspect", trained, "--data", blob_data, "--out", "p")
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[-1] == "report  p/report.html"
    assert len([line for line in lines if line.startswith("kernel ")]) == 8


def test_inspect_without_data_still_describes_kernels(cli, trained):
    values = cli("inspect", trained, "--out", "p", "--json").json()
    assert [Path(p).stem for p in values["pictures"]] == ["filters", "norms"]
    assert len(values["kernels"]) == 8


OTHERS = [
    ({"image_shape": (3, 12, 12)}, "do not fit the model"),
    ({"image_shape": (1, 8, 8)}, "do not fit the model"),
    ({"classes": tuple("abc")}, "10 classes"),
]


def saved(folder, card):
    """A model of other pictures or other classes than the blobs."""
    card = nn.ModelCard(**{"image_shape": (1, 12, 12), **card})
    channels, size, _ = card.image_shape
    outputs = nn.Linear(2 * (size - 2) ** 2, len(card.classes))
    model = nn.Sequential(nn.Conv2d(channels, 2, 3), nn.Flatten(), outputs)
    model.init(np.random.default_rng(0)).card = card
    nn.save(model, folder / "other.safetensors")
    return folder / "other.safetensors"


@pytest.mark.parametrize(("card", "said"), OTHERS)
def test_a_model_that_the_found_data_do_not_fit_is_inspected_without_a_picture(
    cli, blob_data, tmp_path, monkeypatch, card, said
):
    monkeypatch.setenv("BYHAND_DATA", str(blob_data))
    done = cli("inspect", saved(tmp_path, card), "--json")
    assert done.status == 0, done.err
    assert [Path(p).stem for p in done.json()["pictures"]] == ["filters", "norms"]
    assert "no feature maps: " in done.err
    assert said in done.err


@pytest.mark.parametrize(("card", "said"), OTHERS)
def test_data_that_are_named_and_do_not_fit_the_model_are_refused(
    refused, blob_data, tmp_path, card, said
):
    refused("inspect", saved(tmp_path, card), "--data", blob_data, names=[said])
