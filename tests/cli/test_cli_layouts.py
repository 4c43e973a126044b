"""The program on Lanes and on the reference, and where the compiled core is not there."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import support
from byhand import kernels, nn
from byhand.kernels import compiled

# Runs the program where the compiled core cannot be imported.
WITHOUT = (sys.executable, "-c", """
import sys
sys.modules["byhand.kernels._compiled"] = None
import byhand.plots
byhand.plots.write_report = lambda folder: folder / "report.html"  # drawing takes long
from byhand.cli import main
sys.exit(main(sys.argv[1:]))
""")  # fmt: skip


def finished(process, status=0):
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    assert "Traceback" not in err
    return out, err


@pytest.mark.parametrize("layout", ["auto", "lanes", "reference"])
def test_train_runs_in_the_layout_that_is_asked_for(cli, blob_data, short, layout, no_report):
    if layout == "lanes":
        support.require_core()
    done = cli("train", "one_conv", *short, "--data", blob_data, "--out", "r", "--layout", layout,
               "--json")  # fmt: skip
    assert done.status == 0, done.err
    assert done.json()["layout"] == kernels.resolve_layout(layout)


def test_both_layouts_train_the_same_network(cli, blob_data, short, tmp_path, no_report):
    support.require_core()
    results = []
    for layout in ("lanes", "reference"):
        done = cli("train", "one_conv", *short, "--data", blob_data, "--out", layout, "--seed", 3,
                   "--layout", layout, "--json")  # fmt: skip
        results.append((done.json(), nn.load(tmp_path / done.json()["model"])))
    (ours, mine), (theirs, reference) = results
    assert ours["test_accuracy"] == theirs["test_accuracy"]
    np.testing.assert_allclose(mine.flat, reference.flat, rtol=1e-3, atol=1e-4)


def test_doctor_names_the_arithmetic_and_why(cli):
    support.require_core()
    values = cli("doctor", "--json").json()
    assert (values["arithmetic"], values["lane_width"]) == ("lanes", kernels.LANES)
    assert values["instruction_set"] in compiled.core.instruction_sets()
    assert values["instruction_set"] in values["reason"]


def test_doctor_tells_of_an_instruction_set_that_is_none(spawn):
    support.require_core()
    out, _ = finished(spawn("doctor", "--json", env={"BYHAND_ISA": "nonsense"}))
    values = json.loads(out)
    assert values["arithmetic"] == "lanes"
    assert values["instruction_set"] == compiled.core.instruction_sets()[0]
    assert "BYHAND_ISA is 'nonsense'" in values["reason"]
    for name in compiled.core.instruction_sets():
        assert name in values["reason"]


@pytest.mark.parametrize("isa", compiled.core.instruction_sets() if compiled.core else [])
def test_doctor_names_the_instruction_set_that_was_asked_for(spawn, isa):
    values = json.loads(finished(spawn("doctor", "--json", env={"BYHAND_ISA": isa}))[0])
    assert values["instruction_set"] == isa


def test_without_the_core_the_program_runs_on_the_reference(spawn, blob_data, short):
    process = spawn("train", "one_conv", *short, "--data", blob_data, "--out", "r", "--json",
                    command=WITHOUT)  # fmt: skip
    result = json.loads(finished(process)[0])
    assert result["layout"] == "reference"
    assert result["test_accuracy"] > 0.2
    process = spawn("evaluate", "r", "--data", blob_data, "--json", command=WITHOUT)
    assert json.loads(finished(process)[0])["accuracy"] == result["test_accuracy"]


def test_without_the_core_lanes_are_refused_with_a_way_out(spawn, blob_data, short, tmp_path):
    process = spawn("train", "one_conv", *short, "--data", blob_data, "--out", "r",
                    "--layout", "lanes", command=WITHOUT)  # fmt: skip
    out, err = finished(process, status=2)
    assert out == ""
    (line,) = [line for line in err.splitlines() if line.startswith("byhand: ")]
    assert "the compiled core is not there" in line
    assert "--layout reference" in line
    assert not (tmp_path / "r").exists()


def test_without_the_core_doctor_says_why(spawn):
    values = json.loads(finished(spawn("doctor", "--json", command=WITHOUT))[0])
    assert values["arithmetic"] == "reference"
    assert "the compiled core is not there" in values["reason"]
    assert "C++ compiler" in values["reason"]
    assert values["instruction_set"] is None
    assert values["lane_width"] is None


def test_without_the_core_the_library_runs_on_the_reference(spawn):
    code = """
import sys
sys.modules["byhand.kernels._compiled"] = None
import numpy as np
from byhand import kernels, models, nn
from byhand.errors import InputError

x = np.zeros((9, 1, 28, 28), np.float32)
assert kernels.as_layout(x) is x
assert kernels.resolve_layout("auto") == "reference"
assert kernels.arithmetic()[0] == "reference"
assert kernels.instruction_set() is None
kernels.sgd(x, np.ones_like(x), None, 0.5, 0, 0, 0, False, True)  # not by the core
assert (x == -0.5).all()
assert kernels.set_threads(2) == 2
model = models.build("two_conv", np.random.default_rng(0))
assert model.forward(x)[0].shape == (9, 10)
byte = np.zeros((3, 1, 2, 2), np.uint8)
one = np.ones(1, np.float32)
assert type(kernels.gather(byte, np.array([0, 2]), one, one)) is np.ndarray
for call in (
    lambda: kernels.as_layout(x, "lanes"),
    lambda: kernels.Lanes.pack(x),
    lambda: kernels.Lanes(np.zeros((1, 2, 8), np.float32), 3),
    lambda: kernels.gather(byte, np.array([0]), one, one, "lanes"),
    lambda: kernels.fma_peak(0.01),
):
    try:
        call()
    except InputError as error:
        assert "the compiled core is not there" in str(error), error
        assert "reference" in str(error), error
    else:
        raise AssertionError("it was not refused")
print("done")
"""
    process = spawn(command=(sys.executable, "-c", code))
    assert finished(process)[0] == "done\n"


def test_a_core_that_cannot_be_loaded_is_told_with_the_reason(spawn):
    code = """
import importlib.abc, sys
class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "byhand.kernels._compiled":
            raise ImportError("undefined symbol: nothing")
sys.meta_path.insert(0, Broken())
from byhand import kernels
print(*kernels.arithmetic())
"""
    out, _ = finished(spawn(command=(sys.executable, "-c", code)))
    assert out.startswith("reference the compiled core cannot be loaded (undefined symbol: nothing")
