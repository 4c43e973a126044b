"""The record of a benchmark: its figures, ratios, text and picture; the command."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from byhand import bench, kernels, plots
from byhand.bench import agreement, convolutions, memory, peers, suite
from byhand.bench.compare import compare
from byhand.bench.ours import Byhand
from byhand.cli import main
from byhand.errors import ByhandError, InputError

QUICK = ("--repeats", "1", "--seconds", "0")


@pytest.fixture(autouse=True)
def _one_thread(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BYHAND_THREADS", "1")
    monkeypatch.setenv("BYHAND_DEBUG", "")
    monkeypatch.setattr(sys.modules["byhand.kernels.threads"], "_threads", None)


@pytest.fixture
def no_process(monkeypatch):
    """No fresh process to measure imports."""
    monkeypatch.setattr(memory, "import_seconds", lambda: 0.125)


class Peer(Byhand):
    """byhand under another name, which is a peer as good as any."""

    name = "torch"


class Reader(Byhand):
    """One that only infers."""

    name = "onnxruntime"
    trains = False


def figures(train=None, infer=None, one=None, **more):
    return {"train_ms": train, "infer_ms": infer, "infer_batched_ms": infer, "one_us": one, **more}


def test_ratios_are_against_the_right_peer():
    case = {
        "byhand": figures(2.0, 4.0, 10.0),
        "torch": figures(8.0, 8.0, 30.0),
        "torch channels_last": figures(6.0, 2.0, 20.0),
        "jax": figures(7.0, 16.0, 5.0),
        "onnxruntime": figures(None, 12.0, 15.0),
    }
    against = compare(case)
    assert case["torch"]["ratio_train"] == 4.0
    assert case["onnxruntime"]["ratio_train"] is None
    assert case["jax"]["ratio_one"] == 0.5
    ours = case["byhand"]
    assert (ours["ratio_train"], against["ratio_train"]) == (3.0, "torch channels_last")
    assert (ours["ratio_infer"], against["ratio_infer"]) == (3.0, "onnxruntime")
    assert (ours["ratio_one"], against["ratio_one"]) == (2.0, "torch channels_last")
    assert ours["ratio_one_onnxruntime"] == 1.5
    # Where ONNX Runtime is absent, the best of the others.
    del case["onnxruntime"]
    assert compare(case)["ratio_infer"] == "torch channels_last"
    assert case["byhand"]["ratio_infer"] == 0.5
    alone = {"byhand": figures(1.0, 1.0, 1.0)}
    assert set(compare(alone).values()) == {None}
    assert alone["byhand"]["ratio_train"] is None


def test_a_networks_share_is_that_of_its_operations_in_its_time():
    rows = [
        {"network": "a", "operations": 90, "gflops": 45.0},
        {"network": "a", "operations": 10, "gflops": 5.0},
        {"network": "b", "operations": 5, "gflops": 25.0},
    ]
    assert convolutions.shares(rows, 50.0) == pytest.approx({"a": 100 / 4 / 50, "b": 0.5})
    assert [row["peak_fraction"] for row in rows] == [0.9, 0.1, 0.5]
    assert convolutions.shares([], 50.0) == {}


def test_each_convolution_is_timed_in_each_direction(small):
    rows = convolutions.time_convolutions(small, 1, 0.0)
    directions = ["forward", "input_gradient", "weight_gradient"]
    if kernels.resolve_layout("auto") == "reference":
        directions.remove("input_gradient")
    expected = [(layer, d) for layer in ("0", "2", "5", "7", "10", "12") for d in directions]
    assert [(row["layer"], row["direction"]) for row in rows] == expected
    for row in rows:
        assert row["gflops"] == pytest.approx(1e-3 * row["operations"] / row["us"])
    assert rows[0]["shape"] == "1→16, 3×3, 28×28"
    assert rows[0]["operations"] == 2 * 3 * 16 * 9 * 28 * 28


@pytest.mark.parametrize("layout", ["lanes", "reference"])
def test_the_peak_is_measured_one_way_or_the_other(monkeypatch, layout):
    if layout == "lanes" and kernels.resolve_layout("auto") != "lanes":
        pytest.skip("the compiled core is not there")
    monkeypatch.setattr(kernels, "resolve_layout", lambda asked: layout)
    for seconds in (0.0, 0.001):
        peak = bench.fma_peak(seconds)
        assert peak.method == {"lanes": "fma", "reference": "sgemm"}[layout]
        assert peak.gflops > 0.01


def test_a_whole_benchmark(tiny, no_process, monkeypatch):
    monkeypatch.setattr(
        memory, "peak_of_training", lambda name, case, threads: {"peak_rss_mb": float(len(name))}
    )
    peaks = iter([10.0, 10.0, 10.0, 5.0])
    monkeypatch.setattr(
        suite, "fma_peak", lambda s: SimpleNamespace(gflops=next(peaks), method="x")
    )
    plan = bench.Plan((tiny,), (Peer, Reader), 1, repeats=2, seconds=0.0, with_kernels=False)
    run = bench.Suite(plan, ("a note",))
    steps = list(run.run())
    assert len(steps) == len(run)
    assert steps[:3] == ["import byhand", "tiny: checking", "tiny: training"]
    record = run.record
    assert json.loads(json.dumps(record)) == record
    case = record["networks"]["tiny"]
    assert list(case) == ["byhand", "torch", "onnxruntime"]
    for name, found in case.items():
        for key in ("train_ms", "infer_ms", "infer_batched_ms", "one_us"):
            if name == "onnxruntime" and key == "train_ms":
                assert found[key] is found[f"{key}_quartiles"] is found["ratio_train"] is None
                continue
            low, high = found[f"{key}_quartiles"]
            assert 0 < low <= found[key] <= high
            ratio = found["ratio_" + key.removesuffix("_ms").removesuffix("_us")]
            if name != "byhand":
                assert ratio == pytest.approx(found[key] / case["byhand"][key])
        assert found.get("peak_rss_mb") == {"byhand": 6.0, "torch": 5.0}.get(name)
        assert found["differences"]["outputs"] < 1e-5
    assert record["against"]["tiny"]["ratio_infer"] == "onnxruntime"
    assert record["import_seconds"] == 0.125
    assert record["fma_peak_gflops"] == 10.0
    assert record["quiet"] is True  # one low peak in four is no trend
    assert record["notes"] == ["a note"]
    text = bench.text(record)
    for said in ("tiny (batch 2, sgd)", "  byhand ", "onnxruntime", "a note"):
        assert said in text
    assert "deep_convnet" not in text


@pytest.mark.parametrize(("given", "fastest", "quiet"), [
    ([10.0, 4.0, 5.0, 10.0], 1.0, False),
    ([10.0, 9.0, 9.0, 10.0], 1.0, True),
    ([10.0, 9.0, 9.0, 10.0], 11.0, False),
])  # fmt: skip
def test_a_machine_that_is_not_quiet_is_told(tiny, no_process, monkeypatch, given, fastest, quiet):
    peaks = iter([*given, 10.0])
    monkeypatch.setattr(
        suite, "fma_peak", lambda s: SimpleNamespace(gflops=next(peaks), method="fma")
    )
    row = {"network": "tiny", "gflops": fastest, "operations": 1, "out_channels": 1,
           "direction": "forward", "layer": "0", "shape": "small"}  # fmt: skip
    monkeypatch.setattr(convolutions, "time_convolutions", lambda *a: [row])
    plan = bench.Plan((replace(tiny, kernels=True),), repeats=1, seconds=0.0, with_memory=False)
    run = bench.Suite(plan)
    list(run.run())
    assert run.record["quiet"] is quiet
    assert ("a quiet machine" in "".join(run.record["notes"])) is not quiet
    assert ("a quiet machine" in bench.text(run.record)) is not quiet


def test_nothing_is_timed_after_a_disagreement(tiny, no_process, monkeypatch):
    monkeypatch.setattr(agreement, "TOLERANCE", 0.0)
    run = bench.Suite(bench.Plan((tiny,), repeats=1, seconds=0.0))
    with pytest.raises(bench.Disagreement, match="nothing was timed"):
        list(run.run())
    assert run.record["networks"]["tiny"]["byhand"] == {}


def test_a_plan_that_measures_nothing_is_refused():
    with pytest.raises(InputError, match="repeats is 0"):
        bench.Plan(repeats=0)
    for seconds in (-1.0, float("inf"), float("nan")):
        with pytest.raises(InputError, match="seconds is"):
            bench.Plan(seconds=seconds)


def test_memory_is_that_of_a_fresh_process():
    held = np.ones(40_000_000, np.float32)  # 160 MB here are none of the other's
    found = memory.peak_of_training("byhand", "tiny", 1, steps=3)
    pictures = 60_000 * 784 / 1e6
    assert found["steps"] == 3
    assert 10 < found["import_rss_mb"] < 150
    assert found["import_rss_mb"] + 0.8 * pictures < found["peak_rss_mb"]
    assert found["peak_rss_mb"] < 160
    assert memory.peak_rss() > held.nbytes


def test_a_process_that_fails_is_told():
    with pytest.raises(ByhandError, match=r"failed: .*no 'caffe' to be timed"):
        memory.peak_of_training("caffe", "tiny", 1)
    with pytest.raises(ByhandError, match="failed: ModuleNotFoundError"):
        memory.import_seconds("byhand.garden", repeats=1)


def test_an_import_takes_some_time():
    assert 0 < memory.import_seconds(repeats=1) < 60


def bars(ax):
    """The place and the length of each bar."""
    return [
        (round(bar.get_y() + bar.get_height() / 2, 9), round(bar.get_width(), 9))
        for bar in ax.patches
    ]


def test_the_picture_shows_multiples_of_our_times(tmp_path):
    networks = {
        "a": {"byhand": figures(2.0, 4.0, 10.0), "torch": figures(6.0, 2.0, 1000.0)},
        "b": {"byhand": figures(1.0, 1.0, 1.0), "onnxruntime": figures(None, 0.5, 0.25)},
    }
    figure = plots.new_figure(*plots.speed_bars_size(networks))
    assert plots.speed_bars(networks, figure) is figure
    train, infer, one = figure.axes
    assert bars(train) == [(0, 1), (1, 3), (3, 1)]
    assert bars(infer) == [(0, 1), (1, 0.5), (3, 1), (4, 0.5)]
    assert bars(one) == [(0, 1), (1, 100), (3, 1), (4, 0.25)]
    assert [t.get_text().strip() for t in one.texts] == ["10 µs", "1000 µs", "1 µs", "0.25 µs"]
    assert [label.get_text() for label in train.get_yticklabels()] == ["a", "b"]
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["byhand", "torch", "onnxruntime"]
    plots.save(figure, tmp_path / "speed.png")


@pytest.fixture
def cli(capsys):
    def call(*arguments):
        capsys.readouterr()
        status = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return SimpleNamespace(status=status, out=out, err=err)

    return call


@pytest.mark.usefixtures("no_process")
def test_the_command(cli, tmp_path):
    given = ("bench", "tiny", "--peers", "none", *QUICK, "--no-memory", "--out", "found")
    done = cli(*given, "--json")
    assert done.status == 0, done.err
    assert len(done.out.splitlines()) == 1
    values = json.loads(done.out)
    assert set(values) >= {
        "fma_peak_gflops", "networks", "kernels", "machine", "threads", "versions", "isa",
    }  # fmt: skip
    assert list(values["networks"]) == ["tiny", "tiny_b64"]
    assert values["threads"] == 1
    assert {row["network"] for row in values["kernels"]} == {"tiny_b64"}
    assert all(set(row) >= {"layer", "direction", "gflops", "peak_fraction"}
               for row in values["kernels"])  # fmt: skip
    kept = json.loads((tmp_path / "found" / "bench.json").read_text(encoding="utf-8"))
    assert kept.items() <= values.items()
    assert (tmp_path / "found" / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert "tiny: checking" in done.err
    # For people, into a folder of its own, on two threads and without kernels.
    done = cli("bench", "tiny_b64", *given[2:-2], "--threads", "2", "--no-kernels")
    assert done.status == 0, done.err
    assert "2 threads" in done.out
    assert "tiny_b64 (batch 64, sgd)" in done.out
    assert "share of the peak" not in done.out
    (folder,) = (tmp_path / "runs").glob("bench-*")
    assert f"picture runs/{folder.name}/bench.png" in done.out


@pytest.mark.parametrize(("given", "said"), [
    (("vgg",), "there is no network 'vgg' to time"),
    (("--peers", "caffe"), "there is no peer 'caffe'"),
    (("--peers", "jax"), "jax cannot be timed: optax is not installed"),
    (("--repeats", "0"), "repeats"),
    (("--threads", "0"), "threads"),
    (("--seconds", "inf"), "seconds is inf"),
])  # fmt: skip
def test_what_cannot_be_measured_is_refused(cli, monkeypatch, given, said):
    monkeypatch.setattr(peers, "find_spec", lambda name: None if name == "optax" else object())
    done = cli("bench", *given)
    assert done.status == 2
    assert done.out == ""
    assert said in done.err.splitlines()[-1]
