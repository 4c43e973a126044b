"""The project's own targets of speed: judged from a benchmark's record, told as a table."""

from __future__ import annotations

import json
import sys

import pytest

from byhand import bench
from byhand.bench.compare import compare
from support import benchmark

targets = benchmark("targets")


def figures(train=None, infer=None, one=None, **more):
    return {"train_ms": train, "infer_ms": infer, "infer_batched_ms": infer, "one_us": one, **more}


def judged(networks, **more):
    record = {
        "networks": networks, "kernels": [], "kernel_shares": {}, "fma_peak_method": "fma",
        "import_seconds": None, "reference_ms": None, **more,
    }  # fmt: skip
    record["against"] = {name: compare(case) for name, case in networks.items()}
    return {target.name: target for target in targets.judge(record)}


def test_targets_are_judged():
    networks = {
        "lenet5": {
            "byhand": figures(1.0, 1.0, 100.0, peak_rss_mb=90.0),
            "torch": figures(4.0, 3.0, 99.0, peak_rss_mb=200.0),
            "onnxruntime": figures(None, 1.4, 30.0),
        }
    }
    rows = [
        {"network": "lenet5", "out_channels": 6, "peak_fraction": 0.9},
        {"network": "lenet5", "out_channels": 16, "peak_fraction": 0.55},
        {"network": "tiny_b64", "out_channels": 1, "peak_fraction": 0.1},
    ]
    more = {"kernels": rows, "kernel_shares": {"lenet5": 0.85, "tiny_b64": 0.1}}
    found = judged(networks, import_seconds=0.3, **more)
    expected = {
        "lenet5: training, ratio": (3.5, 4.0, True),
        "lenet5: inference of 1,000, ratio": (1.5, 1.4, False),
        "lenet5: one image, ratio": (1.0, 0.99, False),
        "lenet5: convolutions, share of the peak": (0.8, 0.85, True),
        "slowest convolution of 4 or more channels, share of the peak": (0.6, 0.55, False),
        "lenet5: peak memory / PyTorch's": (0.5, 0.45, True),
        "import byhand, seconds": (0.25, 0.3, False),
        "deep_convnet: NumPy training step, ms": (150.0, None, None),
        "one_conv: training, ratio": (4.0, None, None),
    }
    for name, (must, measured, met) in expected.items():
        target = found[name]
        assert (target.must, target.measured, target.met) == (must, measured, met), name
    assert not any("tiny" in name and "convolutions" in name for name in found)
    # A share of NumPy's matrix product is not a share of the peak.
    other = judged(networks, **{**more, "fma_peak_method": "sgemm"})
    assert other["lenet5: convolutions, share of the peak"].met is None
    # Nor is a ratio to PyTorch what inference is to be measured by.
    del networks["lenet5"]["onnxruntime"]
    assert judged(networks)["lenet5: inference of 1,000, ratio"].met is None
    del networks["lenet5"]["torch"]
    networks["lenet5"]["jax"] = figures(9.0, 9.0, 900.0)
    assert judged(networks)["lenet5: one image, ratio"].met is None
    assert judged(networks)["lenet5: training, ratio"].met is True


def test_targets_are_of_cases_that_there_are():
    names = {case.name for case in bench.CASES}
    assert set(targets.TRAINING) == names
    assert set(targets.INFERENCE) | set(targets.ONE_IMAGE) <= names
    assert all(
        aim > must for must, aim in [*targets.TRAINING.values(), *targets.INFERENCE.values()]
    )


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize(("must", "status"), [(2.0, 0), (99.0, 1)])
def test_the_table_tells_what_is_met_and_the_status_whether_all_is(
    must, status, quiet, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(targets, "TRAINING", {"lenet5": (must, 200.0)})
    networks = {"lenet5": {"byhand": figures(1.0), "torch": figures(4.0)}}
    record = {
        "networks": networks, "kernels": [], "kernel_shares": {}, "fma_peak_method": "fma",
        "against": {"lenet5": compare(networks["lenet5"])}, "quiet": quiet,
    }  # fmt: skip
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["targets.py", str(path)])
    assert targets.main() == status
    out = capsys.readouterr().out
    assert f"≥ {must:g}" in out
    assert ("NOT MET" in out) is bool(status)
    assert ("MET?" in out.upper()) is not quiet
    assert f"{1 - status} of 1 met" in out
