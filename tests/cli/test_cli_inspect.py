"""`byhand inspect` writes one report with all pictures and tells of kernels."""

from __future__ import annotations

from pathlib import Path

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
